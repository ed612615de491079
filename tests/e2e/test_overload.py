"""Bounds: what crashes, what drips, what never reads, what asks too much."""
import collections
import concurrent.futures
import contextlib
import functools
import gzip
import itertools
import json
import os
import re
import signal
import socket
import struct
import threading
import time
import zlib

import httpx
import kit
import pytest
from test_h2 import Client

PATH = "/v1/chat/completions"


def wait_settled(kontor):
    kit.wait_for("the holds to be settled", lambda: all(
        float(b["pending"]) == 0
        for b in kontor.cli("budget", "list", "--json")["budgets"]), 15)


def ask(content, model="m-openai", **more):
    return json.dumps({"model": model, "messages": [
        {"role": "user", "content": content}], **more}).encode()


def head(key, length, *extra):
    lines = [f"POST {PATH} HTTP/1.1", "Host: k",
             f"Authorization: Bearer {key}", "Content-Type: application/json",
             f"Content-Length: {length}", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def instance(sim, folder, **limits):
    config = kit.make_config(sim.url, folder / "data", workers=1)
    config["limits"] = limits
    return kit.Kontor(folder, config)


def incidents(kontor):
    return json.loads(kontor.run("incidents", "--json").stdout)["incidents"]


def crash_at(kontor, key, body, moment, how=signal.SIGSEGV):
    """The worker crashes, a moment (in seconds) after it had all of a call
    that takes long to read."""
    pid = kontor.of_role("worker")[0]
    with socket.create_connection(kontor.address, timeout=20) as s:
        s.sendall(head(key, len(body)) + body[:-1])
        time.sleep(0.3)
        s.sendall(body[-1:])
        time.sleep(moment)
        os.kill(pid, how)
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass
    kit.wait_for("another worker", lambda: kontor.of_role("worker") and
                 kontor.of_role("worker")[0] != pid)
    kontor.wait_ready()


def test_a_call_that_crashed_a_worker_is_refused(sim, tmp_path):
    with instance(sim, tmp_path, max_body="64MiB") as kontor:
        key, other = kontor.key("one")["key"], kontor.key("two")["key"]
        body = ask("x" * (40 << 20))

        moments = itertools.cycle([0.004, 0.008, 0.002, 0.016, 0, 0.032])

        def blamed():
            crash_at(kontor, key, body, next(moments))
            return [i for i in incidents(kontor) if i["name"] == "CRASH" and
                    i.get("refused_until")]
        row = kit.wait_for("a crash at the call", blamed, 60)[0]
        assert row["signal"] == signal.SIGSEGV
        assert row["refused_until"] - row["at"] == 600
        with kontor.http(key) as http:
            r = http.post(PATH, content=body,
                          headers={"content-type": "application/json"})
        assert r.status_code == 422, r.text[:300]
        assert r.json()["error"]["code"] == "crashed_before"
        assert row["id"] in r.json()["error"]["message"]
        assert r.headers["x-should-retry"] == "false"
        # Another call, and another's call, are served.
        assert kontor.chat(key).status_code == 200
        with kontor.http(other, timeout=60) as http:
            r = http.post(PATH, content=body,
                          headers={"content-type": "application/json"})
        assert r.status_code != 422, r.text[:300]
        assert "CRASH" in kontor.run("incidents").stdout
        # A kill says nothing about a call.
        def crashes():
            return [i for i in incidents(kontor) if i["name"] == "CRASH"]
        before = len(crashes())
        os.kill(kontor.of_role("worker")[0], signal.SIGKILL)
        time.sleep(0.5)
        kontor.wait_ready()
        assert len(crashes()) == before
        kontor.verify()


def test_a_call_that_a_worker_hung_at_is_refused(sim, tmp_path):
    with instance(sim, tmp_path, max_body="64MiB") as kontor:
        key = kontor.key("one")["key"]
        body = ask("x" * (40 << 20))
        moments = itertools.cycle([0.004, 0.008, 0.002, 0.016, 0, 0.032])

        def blamed():
            crash_at(kontor, key, body, next(moments), signal.SIGSTOP)
            return [i for i in incidents(kontor) if i["name"] == "CRASH" and
                    i.get("refused_until")]
        row = kit.wait_for("a worker that hangs at the call", blamed, 90)[0]
        assert row["signal"] == signal.SIGABRT
        assert "hangs; it is killed" in kontor.text()
        with kontor.http(key) as http:
            r = http.post(PATH, content=body,
                          headers={"content-type": "application/json"})
        assert r.status_code == 422, r.text[:300]
        assert kontor.chat(key).status_code == 200
        kontor.verify()


# --- what is slow on purpose ---------------------------------------------------


def test_slow_heads_bodies_and_readers_stop_nobody(sim, tmp_path):
    """Slowloris: every place but those of the excess is held by one who
    drips; others are told, or get the places of those who are idle."""
    with instance(sim, tmp_path, max_connections=64,
                  request_deadline="60s") as kontor:
        key = kontor.key("slow")["key"]
        slow = []
        for i in range(60):
            s = socket.create_connection(kontor.address, timeout=10)
            if i % 3 == 0:
                s.sendall(b"POST " + PATH.encode() + b" HTTP/1.1\r\nX: ")
            elif i % 3 == 1:
                s.sendall(head(key, 1000) + b"{")
            slow.append(s)
        # Forty drip, twenty are idle: callers take the places of these.
        for i in range(30):
            assert kontor.chat(key, content=f"{i}").status_code == 200
            for s in slow[::3]:
                s.sendall(b"x")
        alive = 0
        for i, s in enumerate(slow):
            s.settimeout(0.05)
            try:
                alive += bool(s.recv(1))
            except TimeoutError:
                alive += 1
            except OSError:
                pass
            s.close()
        assert alive >= 40


def long_streams(kontor, key, n):
    """Connections, each with a stream under way."""
    body = ask("[[sim out=2000 pace=5]]", stream=True)
    held = []
    for _ in range(n):
        s = socket.create_connection(kontor.address, timeout=20)
        s.sendall(head(key, len(body)) + body)
        assert b" 200 " in s.recv(20)
        held.append(s)
    return held


def test_when_nobody_is_idle_the_next_are_told_503(sim, tmp_path):
    with instance(sim, tmp_path, max_connections=16) as kontor:
        key = kontor.key("many")["key"]
        held = long_streams(kontor, key, 16)
        answer = kit.raw(kontor.address, head(key, 2) + b"{}")
        status, headers, _ = kit.parse_raw(answer)
        assert status == 503 and int(headers["retry-after"]) >= 1, answer
        for s in held:
            s.close()
        kit.wait_for("a place", lambda: kontor.chat(key).status_code == 200)


def test_who_came_when_all_was_full_is_not_refused_for_ever(sim, tmp_path):
    """HTTP/2 keeps its connection: it hears 503 and GOAWAY, as HTTP/1 hears
    503 and the end."""
    with instance(sim, tmp_path, max_connections=16) as kontor:
        key = kontor.key("many")["key"]
        held = long_streams(kontor, key, 16)
        c = Client(kontor.address)
        stream = c.post(key, json.loads(ask("[[sim out=5]]")))
        c.until(lambda: stream in c.ended)
        assert c.status[stream] == 503
        while c.read():
            pass
        assert c.goaway and c.goaway[-1].error_code == 0
        for s in held:
            s.close()
        kit.wait_for("a place", lambda: kontor.chat(key).status_code == 200)


def test_one_key_leaves_room_for_others(sim, tmp_path):
    with instance(sim, tmp_path, max_open_requests=32,
                  max_open_requests_per_key=4) as kontor:
        key, other = kontor.key("greedy")["key"], kontor.key("other")["key"]
        body = ask("[[sim out=2000 pace=5]]", stream=True)
        held = []
        for _ in range(4):
            s = socket.create_connection(kontor.address, timeout=20)
            s.sendall(head(key, len(body)) + body)
            assert b" 200 " in s.recv(20)
            held.append(s)
        r = kontor.chat(key)
        assert r.status_code == 429
        assert r.json()["error"]["code"] == "too_many_open"
        assert int(r.headers["retry-after"]) >= 1
        assert kontor.chat(other).status_code == 200
        for s in held:
            s.close()
        kit.wait_for("its place", lambda: kontor.chat(key).status_code == 200)


@pytest.mark.parametrize("what", ["bytes", "number"])
def test_uploads_of_one_key_leave_room_for_others(sim, tmp_path, what):
    """A key's bound in bytes: half of what all bodies may take; and its
    uploads count as open calls."""
    by_bytes = what == "bytes"
    with instance(sim, tmp_path, max_memory="64MiB", max_body="2MiB",
                  max_open_requests_per_key=64 if by_bytes else 6) as kontor:
        key, other = kontor.key("greedy")["key"], kontor.key("other")["key"]
        part = b'{"model":"m-openai","x":"' + b"x" * (
            (1 << 20) if by_bytes else 1000)
        held, answer = [], b""
        while not answer:
            s = socket.create_connection(kontor.address, timeout=20)
            s.settimeout(0.1)
            held.append(s)
            assert len(held) < 40
            try:
                s.sendall(head(key, 2000000) + part)
                answer = s.recv(4096)
            except TimeoutError:
                pass
        status, headers, body = kit.parse_raw(answer)
        assert status == 429 and b"too_many_open" in answer, answer
        assert int(headers["retry-after"]) >= 1
        # What the others' bodies may take is as much.
        large = ask("x" * 1500000)
        with kontor.http(other, timeout=60) as http:
            r = http.post(PATH, content=large,
                          headers={"content-type": "application/json"})
        assert r.status_code not in (429, 503), r.text[:300]
        assert kontor.chat(other).status_code == 200
        assert len(held) > 6 if by_bytes else len(held) == 7
        for s in held:
            s.close()
        kit.wait_for("its place", lambda: kontor.chat(
            key, content="y" * 300000).status_code not in (429, 503))


@pytest.mark.skipif(kit.SLOW > 1, reason="a sanitizer's memory is not ours")
def test_without_memory_calls_are_refused_and_nobody_dies(sim, tmp_path):
    """Bodies that stay half way hold what there is; whoever comes then is
    told; when they have gone calls are served again."""
    with instance(sim, tmp_path, max_memory="64MiB", max_body="32MiB",
                  max_connections=512) as kontor:
        key = kontor.key("large")["key"]
        worker = kontor.of_role("worker")
        part = b'{"model":"m-openai","x":"' + b"x" * (4 << 20)
        held, refused = [], []
        for _ in range(40):
            s = socket.create_connection(kontor.address, timeout=10)
            s.settimeout(0.3)
            try:
                s.sendall(head(key, 30 << 20) + part)
                answer = s.recv(4096)
                assert b" 503 " in answer[:20], answer[:200]
                assert b"retry-after" in answer.lower()
                refused.append(s)
            except TimeoutError:
                held.append(s)
            except OSError:
                refused.append(s)
        assert held and refused, (len(held), len(refused))
        with open(f"/proc/{worker[0]}/statm") as f:
            size, resident, shared = map(int, f.read().split()[:3])
        assert (resident - shared) * 4096 < 96 << 20
        with kontor.http() as http:
            assert http.get("/healthz").status_code == 200
        # Who is slow to ask is told, too.
        fresh = [socket.create_connection(kontor.address, timeout=10)
                 for _ in range(8)]
        time.sleep(0.2)
        for s in fresh:
            s.sendall(head(key, 2) + b"{}")
        for s in fresh:
            assert s.recv(20).startswith(b"HTTP/1.1 ")
        for s in held + refused + fresh:
            s.close()
        kit.wait_for("memory", lambda: kontor.chat(key).status_code == 200, 20)
        assert kontor.of_role("worker") == worker


def half_a_head(http2):
    """60 kB of a head that has no end."""
    text = b"".join(b"X-%d: %s\r\n" % (i, b"x" * 1000) for i in range(60))
    if not http2:
        return b"GET /healthz HTTP/1.1\r\nHost: k\r\n" + text
    block = b"\x82\x86\x44\x08/healthz\x41\x01a" + b"".join(
        b"\x00\x03x%02d\x7f\xe9\x06" % i + b"v" * 1000 for i in range(60))
    out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4" + bytes(5)
    kind = 1  # HEADERS, then CONTINUATION, and none is the last
    for at in range(0, len(block), 16000):
        part = block[at:at + 16000]
        out += len(part).to_bytes(3, "big") + bytes([kind, 0, 0, 0, 0, 1]) + \
            part
        kind = 9
    return out


@pytest.mark.skipif(kit.SLOW > 1, reason="a sanitizer's memory is not ours")
@pytest.mark.parametrize("http2", [False, True])
def test_heads_without_end_do_not_take_the_memory(sim, tmp_path, http2):
    """3,000 strangers with 60 kB each, where 64 MiB is what there is."""
    with instance(sim, tmp_path, max_memory="64MiB",
                  max_connections=8192) as kontor:
        key, worker = kontor.key("one")["key"], kontor.of_role("worker")
        part, held, peak = half_a_head(http2), [], 0
        for i in range(3000):
            s = socket.create_connection(kontor.address, timeout=10)
            s.setblocking(False)
            held.append(s)
            with contextlib.suppress(OSError):
                s.send(part)
            if i % 100 == 99:
                peak = max(peak, worker_memory(kontor))
        assert peak < 80 << 20, f"{peak >> 20} MiB"
        kit.wait_for("a call", lambda: kontor.chat(key).status_code == 200, 5)
        for s in held:
            s.close()
        assert kontor.of_role("worker") == worker


# --- what a provider can do -------------------------------------------------------


class Provider:
    """A provider of bytes: each connection gets what play() says."""

    def __init__(self, play):
        self.play, self.stop = play, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,),
                             daemon=True).start()

    def serve(self, s):
        with s:
            try:
                data = b""
                while b"\r\n\r\n" not in data:
                    part = s.recv(65536)
                    if not part:
                        return
                    data += part
                top, _, body = data.partition(b"\r\n\r\n")
                length = int(re.search(rb"(?i)content-length: *(\d+)",
                                       top).group(1))
                while len(body) < length:
                    body += s.recv(65536)
                self.play(s, self.stop)
            except OSError:
                pass

    def close(self):
        self.stop.set()
        self.listener.close()


GOOD = json.dumps({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1,
    "model": "gpt-5.4", "choices": [{
        "index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "Hello."}}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2,
              "total_tokens": 7}}).encode()
WHOLE = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
         b"Content-Length: %d\r\n\r\n" % len(GOOD)) + GOOD
CHUNK = (b'data: {"id":"c","object":"chat.completion.chunk","created":1,'
         b'"model":"gpt-5.4","choices":[{"index":0,"delta":{"content":"x"}}]}'
         b"\n\n")
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                 struct.pack("ii", 1, 0))


def drip(s, stop):
    for i in range(len(WHOLE)):
        s.sendall(WHOLE[i:i + 1])
        if stop.wait(0.5):
            return


def never_ends(s, stop):
    s.sendall(STREAM)
    while not stop.is_set():
        s.sendall(CHUNK * 100)


def never_ends_whole(s, stop):
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              b"Transfer-Encoding: chunked\r\n\r\n")
    while not stop.is_set():
        s.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


def long_line(s, stop):
    s.sendall(STREAM + b"data: ")
    for _ in range(100):
        s.sendall(b"x" * (1 << 20))
    s.sendall(b"\n\n")


@functools.cache
def zeros():
    """512 MiB of them, as gzip; made before a deadline runs."""
    packed = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packed.compress(bytes(1 << 20))
                    for _ in range(512)) + packed.flush()


def bomb(s, stop):
    body = zeros()
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
              % len(body) + body)


def too_short(s, stop):
    s.sendall(WHOLE[:-5])


def too_long(s, stop):
    s.sendall(WHOLE + b"and more of it")


def long_head(s, stop):
    s.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stop.is_set():
        s.sendall(b"X: " + b"x" * 1000 + b"\r\n")


def worker_memory(kontor):
    total = 0
    for pid in kontor.of_role("worker"):
        with open(f"/proc/{pid}/statm") as f:
            _, resident, shared = map(int, f.read().split()[:3])
        total += (resident - shared) * 4096
    return total


def so_far(s):
    """What is there to be read."""
    s.settimeout(0.05)
    data = b""
    with contextlib.suppress(OSError):
        while part := s.recv(65536):
            data += part
    return data


def misbehaved(sim, folder, play, **limits):
    """A kontor whose model "odd" is at a provider of this kind."""
    if play is bomb:
        zeros()
    provider = Provider(play)
    config = kit.make_config(sim.url, folder / "data", workers=1)
    config["limits"] = {"request_deadline": "6s", **limits}
    config["providers"]["odd"] = {
        "type": "openai_compatible", "auth": {"api_key": "${SIM_LAB}"},
        "base_url": f"http://127.0.0.1:{provider.port}/v1",
        "timeouts": {"connect": "1s", "first_byte": "3s", "idle": "2s"}}
    config["models"]["odd"] = {"deployments": [
        {"id": "odd", "provider": "odd", "name": "gpt-oss-120b",
         "context": 128000, "max_output": 16384}]}
    config["prices"].append({"deployment": "odd", **kit.PRICES["lab"]})
    return provider, kit.Kontor(folder, config)


def half_an_answer(s, stop):
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              b"Content-Length: 9000000\r\n\r\n{\"a\":\"" +
              b"x" * 3900000)
    stop.wait(60)


def half_a_first_event(s, stop):
    s.sendall(STREAM + b"data: " + b"x" * 3900000)
    stop.wait(60)


def half_an_event(s, stop):
    s.sendall(STREAM + CHUNK + b"data: " + b"x" * 3900000)
    stop.wait(60)


@functools.cache
def packed():
    """6 MiB of events and comments, just under the ratio that is allowed."""
    text = b"".join(CHUNK + b": %064x%s\n\n" % (i ** 31 % (1 << 255),
                                               b"a" * 1800)
                    for i in range(3300))
    return gzip.compress(text, 6)


def packed_events(s, stop):
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
              b"Content-Encoding: gzip\r\n\r\n" + packed()[:-8])
    stop.wait(60)


def delta(**what):
    return (b"data: " + json.dumps({
        "id": "c", "object": "chat.completion.chunk", "created": 1,
        "model": "gpt-5.4", "choices": [{"index": 0, "delta": what}]}).encode()
        + b"\n\n")


def endless_text(s, stop):
    s.sendall(STREAM)
    while not stop.is_set():
        s.sendall(delta(content="y" * 60000))


def args(**more):
    return delta(tool_calls=[{"index": 0, **more}])


def endless_arguments(s, stop):
    s.sendall(STREAM + args(id="c1", type="function",
                            function={"name": "f", "arguments": ""}))
    while not stop.is_set():
        s.sendall(args(function={"arguments": "z" * 60000}))


@pytest.mark.skipif(kit.SLOW > 1, reason="a sanitizer's memory is not ours")
@pytest.mark.parametrize("play,path,body", [
    (endless_text, "/v1/responses",
     {"model": "odd", "stream": True, "input": "hi", "store": False}),
    (endless_arguments, "/v1beta/models/odd:streamGenerateContent?alt=sse",
     {"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
      "tools": [{"functionDeclarations": [{"name": "f"}]}]}),
    (endless_arguments, "/v1/responses",
     {"model": "odd", "stream": True, "input": "hi", "store": False,
      "tools": [{"type": "custom", "name": "f"}]}),
], ids=["text", "arguments", "custom"])
@pytest.mark.parametrize("limits", [{}, {"max_memory": "64MiB"}],
                         ids=["roomy", "narrow"])
def test_what_a_translation_keeps_has_a_bound(sim, tmp_path, play, path, body,
                                              limits):
    provider, instance = misbehaved(sim, tmp_path, play,
                                    request_deadline="30s", **limits)
    with instance as kontor:
        key = kontor.key("odd", budget="100/day")["key"]
        worker, peak, last = kontor.of_role("worker"), 0, b""
        with kontor.http(key, timeout=60) as http, http.stream(
                "POST", path, json=body) as r:
            assert r.status_code in (200, 502, 503)
            for part in r.iter_bytes():
                last = (last + part)[-4096:]
                peak = max(peak, worker_memory(kontor))
        told = b"at its limit" if limits else b"could not be understood"
        assert told in last, last
        assert peak < 256 << 20, f"{peak >> 20} MiB"
        assert kontor.of_role("worker") == worker
        wait_settled(kontor)
        kontor.verify()
    provider.close()


def says_nothing(s, stop):
    stop.wait(60)


def schema(n):
    return (b'{"model":"odd","max_tokens":9,"stream":true,"messages":[{"role":'
            b'"user","content":"hi"}],"tools":[{"name":"f","input_schema":'
            b'{"type":"object","enum":[' + b"1," * n + b'1]}}]}')


@pytest.mark.skipif(kit.SLOW > 1, reason="a sanitizer's memory is not ours")
def test_what_a_translated_body_becomes_has_a_bound(sim, tmp_path):
    provider, instance = misbehaved(sim, tmp_path, says_nothing,
                                    max_memory="128MiB",
                                    request_deadline="20s")
    with instance as kontor, concurrent.futures.ThreadPoolExecutor(4) as pool:
        key, peak = kontor.key("odd", budget="100/day")["key"], 0
        worker = kontor.of_role("worker")

        def post(body):
            with kontor.http(key, timeout=60) as http:
                return http.post("/v1/messages", content=body, headers={
                    "content-type": "application/json"})
        r = post(schema(4_000_000))
        assert r.status_code == 400 and "more than a million" in r.text, r.text
        assert worker_memory(kontor) < 160 << 20
        waits = [pool.submit(post, schema(500_000)) for _ in range(4)]
        while not all(w.done() for w in waits):
            peak = max(peak, worker_memory(kontor))
            time.sleep(0.05)
        statuses = sorted(w.result().status_code for w in waits)
        assert 503 in statuses and 504 in statuses, statuses
        assert peak < 192 << 20, f"{peak >> 20} MiB"
        assert kontor.chat(kontor.key("other")["key"]).status_code == 200
        assert kontor.of_role("worker") == worker
    provider.close()


def test_what_never_has_room_is_not_to_be_tried_again(sim, tmp_path):
    """Alone it becomes larger than all that may be kept."""
    provider, instance = misbehaved(sim, tmp_path, says_nothing,
                                    max_memory="64MiB")
    with instance as kontor:
        with kontor.http(kontor.key("odd")["key"], timeout=60) as http:
            r = http.post("/v1/messages", content=schema(900_000), headers={
                "content-type": "application/json"})
        assert r.status_code == 413, r.text
        assert "retry-after" not in r.headers
        assert r.json()["error"]["type"] == "request_too_large", r.text
        kontor.verify()
    provider.close()


@pytest.mark.skipif(kit.SLOW > 1, reason="a sanitizer's memory is not ours")
@pytest.mark.parametrize("play", [half_an_event, packed_events],
                         ids=lambda p: p.__name__)
def test_what_streams_keep_has_a_budget(sim, tmp_path, play):
    """Of many streams that keep much some are ended, and nobody dies."""
    packed()
    provider, instance = misbehaved(sim, tmp_path, play,
                                    max_memory="64MiB")
    with instance as kontor, contextlib.ExitStack() as stack:
        key = kontor.key("odd", budget="100/day")["key"]
        worker = kontor.of_role("worker")
        body, held, peak = ask("hello", "odd", stream=True), [], 0
        for _ in range(40):
            s = stack.enter_context(
                socket.create_connection(kontor.address, timeout=10))
            s.sendall(head(key, len(body)) + body)
            held.append(s)
        for _ in range(30):
            time.sleep(0.1)
            peak = max(peak, worker_memory(kontor))
        assert peak < 96 << 20, f"{peak >> 20} MiB"
        assert kontor.of_role("worker") == worker
        if play is half_an_event:
            ended = [s for s in held if b"overloaded" in so_far(s)]
            assert 10 <= len(ended) < len(held), len(ended)
        for s in held:
            s.close()
        kit.wait_for("memory", lambda: kontor.chat(
            kontor.key("other")["key"]).status_code == 200, 20)
        wait_settled(kontor)
        kontor.verify()
    provider.close()


def test_an_answer_that_never_has_room_is_not_asked_for_again(sim, tmp_path):
    """It was paid for, and would be each time."""
    body = GOOD.replace(b'"Hello."', b'"' + b"x" * (40 << 20) + b'"')

    def play(s, stop):
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
    provider, instance = misbehaved(sim, tmp_path, play, max_memory="64MiB",
                                    request_deadline="30s")
    with instance as kontor:
        with kontor.http(kontor.key("odd")["key"], timeout=60) as http:
            r = http.post(PATH, content=ask("hello", "odd"), headers={
                "content-type": "application/json"})
        assert r.status_code == 502, r.text
        assert r.json()["error"]["code"] == "answer_too_large", r.text
        assert r.headers["x-should-retry"] == "false"
        assert "retry-after" not in r.headers
        line, = kontor.export()
        assert line["resolution"] == "unknown", line
        kontor.verify()
    provider.close()


@pytest.mark.skipif(kit.SLOW > 1, reason="a sanitizer's memory is not ours")
@pytest.mark.parametrize("two", [False, True], ids=["http1", "http2"])
def test_answers_that_nobody_takes_have_a_bound(sim, tmp_path, two):
    """Twenty of 8 MB, one after the other, to calls that came together."""
    body = GOOD.replace(b'"Hello."', b'"' + b"x" * (8 << 20) + b'"')
    turn = itertools.count()

    def play(s, stop):
        time.sleep(0.1 * next(turn))
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        stop.wait(60)
    provider, instance = misbehaved(sim, tmp_path, play, max_memory="64MiB",
                                    request_deadline="30s")
    instance.config["providers"]["odd"]["timeouts"]["first_byte"] = "20s"
    with instance as kontor, contextlib.ExitStack() as stack:
        key = kontor.key("odd", budget="100/day")["key"]
        worker, text, peak = kontor.of_role("worker"), ask("hi", "odd"), 0
        held = []
        for _ in range(20):
            if two:
                c = stack.enter_context(
                    contextlib.closing(Client(kontor.address)))
                c.post(key, json.loads(text))
                held.append(c.socket)
                continue
            s = stack.enter_context(socket.socket())
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(kontor.address)
            s.sendall(head(key, len(text)) + text)
            held.append(s)
        for _ in range(30):
            time.sleep(0.1)
            peak = max(peak, worker_memory(kontor))
        assert peak < 80 << 20, f"{peak >> 20} MiB"
        assert kontor.of_role("worker") == worker
        for s in held:
            s.close()
        kit.wait_for("memory", lambda: kontor.chat(
            kontor.key("other")["key"]).status_code == 200, 20)
        kontor.verify()
    provider.close()


@pytest.mark.skipif(kit.SLOW > 1, reason="a sanitizer's memory is not ours")
@pytest.mark.parametrize("play", [half_an_answer, half_a_first_event],
                         ids=lambda p: p.__name__)
def test_an_answer_without_room_is_nobodys_fault(sim, tmp_path, play):
    """It is ours, and nobody else is asked, who would be paid as well."""
    provider, instance = misbehaved(sim, tmp_path, play, max_memory="64MiB")
    stream = play is half_a_first_event
    deployments = instance.config["models"]["odd"]["deployments"]
    deployments.append({**deployments[0], "id": "other"})
    instance.config["prices"].append(
        {"deployment": "other", **kit.PRICES["lab"]})
    with instance as kontor, contextlib.ExitStack() as stack:
        key = kontor.key("odd", budget="100/day")["key"]
        body, held = ask("hello", "odd", stream=stream), []
        for _ in range(20):
            s = stack.enter_context(
                socket.create_connection(kontor.address, timeout=10))
            s.sendall(head(key, len(body)) + body)
            held.append(s)
        told = []
        kit.wait_for("some to be refused", lambda: told.extend(
            filter(None, map(so_far, held))) or len(told) >= 8, 5)
        for text in told:
            assert b" 503 " in text.partition(b"\r\n")[0], text
            assert b";fault=overloaded;owner=us;status=200;" in text
            assert b"retry-after" in text.lower()
            assert text.count(b";fault=") == 1 and b"overloaded" in text
        for s in held:
            s.close()
        wait_settled(kontor)
        kontor.verify()
    provider.close()


@pytest.mark.parametrize("play,stream,statuses,codes", [
    (drip, False, (504,), ("provider_timeout",)),
    (never_ends, True, (200,), ()),
    (never_ends_whole, False, (502, 503, 504),
     ("provider_garbage", "provider_timeout", "overloaded")),
    (long_line, True, (200, 502), ("provider_garbage",)),
    (bomb, False, (502,), ("provider_garbage",)),
    (too_short, False, (502,), ("provider_reset", "provider_garbage")),
    (too_long, False, (200,), ()),
    (long_head, False, (502,), ("provider_garbage",)),
], ids=lambda p: getattr(p, "__name__", None))
def test_a_provider_that_misbehaves(sim, tmp_path, play, stream, statuses,
                                    codes):
    provider, instance = misbehaved(sim, tmp_path, play)
    with instance as kontor:
        key = kontor.key("odd", budget="100/day")["key"]
        before = worker_memory(kontor)
        peak, began, size = 0, time.monotonic(), 0
        with kontor.http(key, timeout=60) as http, http.stream(
                "POST", PATH, content=ask("hello", "odd", stream=stream),
                headers={"content-type": "application/json"}) as r:
            data = b""
            try:
                for part in r.iter_bytes():
                    size += len(part)
                    data = (data + part)[-4096:]
                    peak = max(peak, worker_memory(kontor))
            except httpx.HTTPError:
                pass
        assert r.status_code in statuses, (r.status_code, data[:500])
        if r.status_code != 200:
            assert json.loads(data)["error"]["code"] in codes, data
        elif play is not too_long:
            # Cut or told in the stream; never a good end.
            assert b"[DONE]" not in data
        assert time.monotonic() - began < 20 * kit.SLOW
        if kit.SLOW == 1:
            assert peak - before < 64 << 20, f"{(peak - before) >> 20} MiB"

        def settled():
            rows = kontor.cli("budget", "list", "--json")["budgets"]
            return all(float(b["pending"]) == 0 for b in rows)
        kit.wait_for("the hold to be settled", settled, 15)
        kontor.verify()
    provider.close()


EVENTS = STREAM + CHUNK * 2 + (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":'
    b'"gpt-5.4","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,'
    b'"total_tokens":7}}\n\ndata: [DONE]\n\n')


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_at_every_byte(sim, tmp_path, stream):
    """One call for each place at which the answer can break off."""
    whole = EVENTS if stream else WHOLE
    # Behind the empty line of the last event nothing is missing.
    places = len(whole) - 1 if stream else len(whole)
    at = iter(range(0, places))
    lock = threading.Lock()

    def cut(s, stop):
        with lock:
            k = next(at, None)
        if k is None:
            s.sendall(whole)
            return
        s.sendall(whole[:k])
        time.sleep(0.002)
        reset(s)
    provider, instance = misbehaved(sim, tmp_path, cut)
    with instance as kontor:
        key = kontor.key("cut", budget="100/day")["key"]

        def one(_):
            with kontor.http(key, timeout=30) as http:
                r = http.post(PATH, content=ask("hello", "odd", stream=stream),
                              headers={"content-type": "application/json"})
            if r.status_code == 200:
                events = kit.sse(r.text)
                assert "[DONE]" not in events, r.text
                return 200, events[-1]["error"]["code"]
            return r.status_code, r.json().get("error", {}).get("code")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            seen = collections.Counter(pool.map(one, range(places)))
        fine = {(502, "provider_reset"), (503, "provider_unhealthy"),
                (502, "provider_garbage")}
        if stream:
            fine |= {(200, "provider_reset"), (200, "provider_garbage")}
        assert set(seen) <= fine, seen
        assert not stream or seen[200, "provider_reset"], seen
        kit.wait_for("the holds to be settled", lambda: all(
            float(b["pending"]) == 0 for b in
            kontor.cli("budget", "list", "--json")["budgets"]), 15)
        kontor.verify()
    provider.close()


@pytest.mark.parametrize("eol", [b"\n", b"\r\n", b"\r"])
def test_a_stream_arrives_as_it_was_sent(sim, tmp_path, eol):
    """Wherever it is cut in two: of the last line end, too."""
    top, _, events = EVENTS.partition(b"\r\n\r\n")
    events = events.replace(b"\n", eol)
    places = iter(range(len(events) - 3 * len(eol), len(events)))

    def play(s, stop):
        k = next(places)
        s.sendall(top + b"\r\n\r\n" + events[:k])
        time.sleep(0.05)
        s.sendall(events[k:])
    provider, instance = misbehaved(sim, tmp_path, play)
    with instance as kontor:
        key = kontor.key("one")["key"]
        for k in range(len(events) - 3 * len(eol), len(events)):
            with kontor.http(key, timeout=30) as http:
                r = http.post(PATH, content=ask(
                    "hello", "odd", stream=True,
                    stream_options={"include_usage": True}),
                    headers={"content-type": "application/json"})
            assert r.content == events, (k, r.content[-40:])
        kontor.verify()
    provider.close()


def test_a_stream_may_be_long_whether_it_comes_compressed_or_not(
        sim, tmp_path):
    """78 MiB of it: more than an answer may have that is held whole."""
    times = 12

    def play(s, stop):
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                  b"Content-Encoding: gzip\r\n\r\n" + packed() * times +
                  gzip.compress(EVENTS.partition(b"\r\n\r\n")[2]))
    provider, instance = misbehaved(sim, tmp_path, play,
                                    request_deadline="2m")
    with instance as kontor:
        key, size, last = kontor.key("one")["key"], 0, b""
        with kontor.http(key, timeout=60) as http, http.stream(
                "POST", PATH, content=ask("hello", "odd", stream=True),
                headers={"content-type": "application/json"}) as r:
            for part in r.iter_raw():
                size += len(part)
                last = (last + part)[-4096:]
        assert last.endswith(b"data: [DONE]\n\n"), last[-300:]
        assert size > times * 6 << 20
        assert kontor.export()[-1]["resolution"] == "booked"
        kontor.verify()
    provider.close()


def test_an_answer_that_does_not_end_keeps_no_connection(sim, tmp_path):
    """The last event is there, the body goes on with comments."""
    over = threading.Event()

    def play(s, stop):
        s.sendall(EVENTS)
        try:
            while not stop.wait(0.3):
                s.sendall(b": ping\n\n")
        finally:
            over.set()
    provider, instance = misbehaved(sim, tmp_path, play,
                                    request_deadline="10m")
    with instance as kontor:
        key = kontor.key("one")["key"]
        with kontor.http(key, timeout=30) as http:
            r = http.post(PATH, content=ask("hello", "odd", stream=True),
                          headers={"content-type": "application/json"})
        assert r.status_code == 200 and "[DONE]" in r.text
        assert not over.is_set()
        assert over.wait(8 * kit.SLOW)
        assert kontor.export()[-1]["resolution"] == "booked"
        kontor.verify()
    provider.close()


def test_an_answer_nobody_asked_for_reaches_nobody(sim, tmp_path):
    """Behind the first answer, at once or later, another one: it must not
    become the answer to somebody else's call.  (One that comes behind the
    next question is its answer as far as HTTP/1 can tell.)"""
    stray = WHOLE.replace(b"Hello.", b"STRAY!")
    turn = iter(range(1000))

    def play(s, stop):
        n = next(turn)
        s.sendall(WHOLE + (stray if n % 2 == 0 else b""))
        if n % 2:
            time.sleep(0.02)
            s.sendall(stray)
        # What is asked on this connection is answered in its turn.
        while s.recv(65536):
            s.sendall(WHOLE)
    provider, instance = misbehaved(sim, tmp_path, play)
    with instance as kontor:
        one, two = kontor.key("one")["key"], kontor.key("two")["key"]
        for i in range(16):
            r = kontor.chat((one, two)[i % 2], "odd", f"{i}")
            assert r.status_code == 200, r.text
            assert "STRAY" not in r.text
            time.sleep(0.1)
        kontor.verify()
    provider.close()


def test_a_provider_that_always_continues(sim, tmp_path):
    """100 Continue without end, and a switch to another protocol."""
    def play(s, stop):
        s.settimeout(5)
        if next(turn) % 2:
            s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
                      b"Connection: upgrade\r\n\r\n" + WHOLE)
            return
        while not stop.is_set():
            s.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    turn = iter(range(1000))
    provider, instance = misbehaved(sim, tmp_path, play)
    with instance as kontor:
        key = kontor.key("one")["key"]
        for _ in range(2):
            r = kontor.chat(key, "odd")
            assert r.status_code == 502, r.text
            assert r.json()["error"]["code"] == "provider_garbage", r.text
        kontor.verify()
    provider.close()
