"""Passing bytes: flushed, bounded, cancelled, reused."""
import concurrent.futures
import json
import os
import socket
import time

import httpx
import kit

PATH = "/v1/chat/completions"


def head(key, body):
    return (f"POST {PATH} HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer {key}"
            "\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def ask(content, model="m-openai", **more):
    return json.dumps({"model": model, "messages": [
        {"role": "user", "content": content}], **more}).encode()


def rss(kontor):
    total = 0
    for pid in kontor.of_role("worker"):
        with open(f"/proc/{pid}/statm") as f:
            total += int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def test_a_client_that_does_not_read_costs_no_memory(kontor, key, sim):
    """Sixteen answers of about 10 MB each wait at the provider, not here."""
    before, start, sockets = rss(kontor), len(sim.attempts()), []
    for i in range(16):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(kontor.address)
        s.sendall(head(key, ask(f"{i} [[sim out=40000]]", stream=True)))
        sockets.append(s)

    def waiting():
        return sum(r["open"] for r in sim.attempts()[start:])

    kit.wait_for("all answers to be under way", lambda: waiting() == 16, 10,
                 0.2)
    time.sleep(1.5)  # for what would come of its own accord
    grown = rss(kontor) - before
    assert waiting() > 8  # the kernel may hold one as a whole
    for s in sockets:
        s.close()
    assert grown < 24 << 20, f"{grown >> 20} MiB"
    kit.wait_for("the provider to be told", lambda: waiting() == 0, 10, 0.2)


def test_a_slow_reader_gets_everything(kontor, key):
    body = ask("slowly [[sim out=2000]]", stream=True,
               stream_options={"include_usage": True})
    with socket.create_connection(kontor.address) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.sendall(head(key, body))
        out, pause = b"", 40
        while b"[DONE]" not in out[-200:]:
            part = s.recv(16384)
            assert part
            out += part
            if pause:
                pause -= 1
                time.sleep(0.02)
    assert b'"completion_tokens":2000' in out


def test_each_event_is_flushed(kontor, key):
    with kontor.http(key) as http, http.stream(
            "POST", PATH, content=ask("[[sim out=20 pace=40]]", stream=True),
            headers={"content-type": "application/json"}) as r:
        at = [time.monotonic() for _ in r.iter_raw()]
    gaps = sorted(b - a for a, b in zip(at, at[1:]))
    assert len(at) >= 18
    assert gaps[len(gaps) // 2] > 0.02, "events came in bunches"


def test_a_unary_client_that_leaves_is_settled(kontor, key, sim):
    start = len(sim.attempts())
    with socket.create_connection(kontor.address) as s:
        s.sendall(head(key, ask("bye [[sim out=30 ttft=800]]")))
        time.sleep(0.2)
    rows = kit.wait_for("the provider's row", lambda: [
        r for r in sim.attempts()[start:] if not r["open"]], 10)
    name = rows[0]["attempt"]

    def mine():
        return [r for r in kontor.export() if kit.attempt_id(r) == name and
                r["resolution"]]
    row = kit.wait_for("the ledger's row", mine, 10, 0.2)[0]
    # Read on for the usage within 5 s: booked exactly.
    assert row["resolution"] == "booked" and rows[0]["cut"] == "none"
    assert row["output_tokens"] == rows[0]["output_tokens"] == 30


def test_connections_are_kept_on_both_sides(kontor, key):
    with kontor.http(key) as http:
        for i in range(20):
            r = http.post(PATH, content=ask(f"{i} [[sim out=2]]"),
                          headers={"content-type": "application/json"})
            assert r.status_code == 200
            assert r.headers.get("connection", "keep-alive") != "close"
        pool = http._transport._pool
        assert len(pool.connections) == 1
    sockets = 0
    sim_port = int(kontor.config["providers"]["openai"]["base_url"]
                   .split(":")[2].split("/")[0])
    with open("/proc/net/tcp") as f:
        for line in f.readlines()[1:]:
            remote, state = line.split()[2:4]
            if state == "01" and int(remote.split(":")[1], 16) == sim_port:
                sockets += 1
    assert sockets < 200


def test_hop_by_hop_headers_stay_on_their_hop(kontor, key):
    r = kontor.chat(key)
    for name in ("keep-alive", "proxy-authenticate", "te", "upgrade",
                 "set-cookie"):
        assert name not in r.headers
    assert r.headers["content-type"].startswith("application/json")


def test_a_thousand_open_connections(kontor, key):
    sockets = [socket.create_connection(kontor.address) for _ in range(1000)]
    try:
        before = time.monotonic()
        assert kontor.chat(key).status_code == 200
        assert time.monotonic() - before < 2 * kit.SLOW
        for s in sockets[::50]:
            s.sendall(head(key, ask("x [[sim out=2]]")))
            assert b" 200 " in s.recv(4096)
    finally:
        for s in sockets:
            s.close()


def test_two_hundred_streams_at_once(kontor, key):
    def one(i):
        with kontor.http(key, timeout=60) as http:
            r = http.post(PATH, content=ask(
                f"{i} [[sim out=50 pace=10]]", f"chain-{i % kit.POOL}",
                stream=True), headers={"content-type": "application/json"})
            words = len("".join(
                e["choices"][0]["delta"].get("content") or ""
                for e in kit.sse(r.text) if e != "[DONE]" and e["choices"])
                .split())
            return r.status_code, words, "[DONE]" in r.text
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        seen = list(pool.map(one, range(200)))
    assert set(seen) == {(200, 50, True)}, set(seen)
    assert time.monotonic() - began < 20 * kit.SLOW


def test_a_broken_upstream_connection_is_not_the_callers_problem(
        sim, tmp_path):
    """A kept connection that the provider has closed meanwhile."""
    with kit.Sim(tmp_path / "sim") as other:
        with kit.Kontor(tmp_path, kit.make_config(
                other.url, tmp_path / "data")) as kontor:
            key = kontor.key("k")["key"]
            assert kontor.chat(key).status_code == 200
            port = other.url.rsplit(":", 1)[1]
            other.end()
            other.http.close()
            again = kit.Sim(tmp_path / "again", other.config)
            again.spawn([kit.SIM, "--config", tmp_path / "sim/sim.json",
                         "--quiet", "--listen", f"127.0.0.1:{port}"])
            try:
                kit.wait_for("the simulator", lambda: httpx.get(
                    other.url + "/sim/stats").status_code == 200)
                assert {kontor.chat(key).status_code
                        for _ in range(6)} == {200}
            finally:
                again.end()
            other.child = None
            other.http = httpx.Client()
