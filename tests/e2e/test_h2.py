"""HTTP/2 before and behind kontor: real clients, floods, GOAWAY, h2spec."""
import contextlib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import certs as certs_of
import h2.config
import h2.connection
import h2.events
import h2.exceptions
import httpx
import kit
import pytest
from hyperframe.frame import (ContinuationFrame, DataFrame, Frame,
                              GoAwayFrame,
                              HeadersFrame, PingFrame, RstStreamFrame,
                              SettingsFrame, WindowUpdateFrame)
from test_tls import Terminator, certs  # noqa: F401

PATH = "/v1/chat/completions"
NODE = kit.TOP / "tests/clients/js/node_modules/.bin/node"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def metric(kontor, name):
    token = (kontor.data_dir / "admin.token").read_text().strip()
    text = httpx.get(kontor.admin + "/metrics", headers={
        "authorization": f"Bearer {token}"}).text
    return sum(int(float(line.split()[1])) for line in text.splitlines()
               if line.startswith(name + " "))


def ask(content, model="m-openai", **more):
    return {"model": model, "messages": [
        {"role": "user", "content": content}], **more}


class Client:
    """hyper-h2 over a socket, for one thread."""

    def __init__(self, address, window=65535, **more):
        self.socket = socket.create_connection(address, timeout=20)
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(**more))
        self.h2.initiate_connection()
        if window > 65535:
            self.h2.increment_flow_control_window(window - 65535)
        self.bodies, self.status, self.ended = {}, {}, {}
        self.goaway = []
        self.closed = False
        self.headers = {}
        self.flush()

    def flush(self):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(self.h2.data_to_send())

    def post(self, key, body, path=PATH):
        stream = self.h2.get_next_available_stream_id()
        data = json.dumps(body).encode()
        self.h2.send_headers(stream, [
            (":method", "POST"), (":path", path), (":scheme", "http"),
            (":authority", "kontor"), ("content-type", "application/json"),
            ("authorization", f"Bearer {key}"),
            ("content-length", str(len(data)))])
        self.h2.send_data(stream, data, end_stream=True)
        self.flush()
        return stream

    def read(self, grow=True):
        """One read; False: the connection is over."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return False
        for e in self.h2.receive_data(data):
            s = getattr(e, "stream_id", None)
            if isinstance(e, h2.events.ResponseReceived):
                self.headers[s] = dict(e.headers)
                self.status[s] = int(self.headers[s][b":status"])
            elif isinstance(e, h2.events.DataReceived):
                self.bodies[s] = self.bodies.get(s, b"") + e.data
                if grow and e.flow_controlled_length:
                    self.h2.acknowledge_received_data(
                        e.flow_controlled_length, s)
            elif isinstance(e, h2.events.StreamEnded):
                self.ended[s] = "end"
            elif isinstance(e, h2.events.StreamReset):
                self.ended[s] = "reset"
            elif isinstance(e, h2.events.ConnectionTerminated):
                self.goaway.append(e)
        self.flush()
        return True

    def until(self, test, grow=True):
        while not test():
            assert self.read(grow), "the connection ended"

    def close(self):
        self.socket.close()


def frames(s):
    """What comes until the connection ends."""
    data = b""
    while True:
        part = s.recv(65536)
        data += part
        while len(data) >= 9:
            f, length = Frame.parse_frame_header(memoryview(data[:9]))
            if len(data) < 9 + length:
                break
            f.parse_body(memoryview(data[9:9 + length]))
            data = data[9 + length:]
            yield f
        if not part:
            return


# --- real clients before kontor ------------------------------------------


def test_curl_by_prior_knowledge(kontor, key):
    for stream in (False, True):
        r = subprocess.run(
            ["curl", "-s", "--http2-prior-knowledge", "-w",
             "\n%{http_version} %{http_code}", kontor.gateway + PATH,
             "-H", f"authorization: Bearer {key}",
             "-H", "content-type: application/json",
             "-d", json.dumps(ask("hi [[sim out=5]]", stream=stream))],
            capture_output=True, text=True, timeout=30, check=True)
        assert r.stdout.endswith("\n2 200"), r.stdout
        assert ("data: [DONE]" in r.stdout) == stream


def test_an_upgrade_to_h2c_is_ignored(kontor, key):
    r = subprocess.run(
        ["curl", "-s", "--http2", "-w", "\n%{http_version} %{http_code}",
         kontor.gateway + "/healthz"],
        capture_output=True, text=True, timeout=30, check=True)
    assert r.stdout == "ok\n\n1.1 200"


def test_httpx_says_the_same_over_both(kontor, key):
    body = ask("same [[sim out=7]]")
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(http1=False, http2=True, base_url=kontor.gateway,
                      headers=headers) as two, \
            kontor.http(key) as one:
        a, b = two.post(PATH, json=body), one.post(PATH, json=body)
    assert a.http_version == "HTTP/2" and b.http_version == "HTTP/1.1"
    assert a.status_code == b.status_code == 200
    assert a.json()["choices"] == b.json()["choices"]
    own = {"connection", "content-length", "date", "x-kontor-request-id"}
    assert {*a.headers} - own == {*b.headers} - own


NODE_TEXT = """
import http2 from 'node:http2';
const [url, key] = process.argv.slice(-2);
const session = http2.connect(url);
session.on('error', e => { console.error(e); process.exit(1); });
const one = i => new Promise((done, fail) => {
    const r = session.request({':method': 'POST',
        ':path': '/v1/chat/completions', authorization: `Bearer ${key}`,
        'content-type': 'application/json'});
    let text = '', status = 0;
    r.on('response', h => { status = h[':status']; });
    r.setEncoding('utf8');
    r.on('data', d => { text += d; });
    r.on('end', () => done([status, text.includes('[DONE]')]));
    r.on('error', fail);
    r.end(JSON.stringify({model: 'm-openai', stream: true, messages: [
        {role: 'user', content: `${i} [[sim out=20]]`}]}));
});
const all = await Promise.all([...Array(40).keys()].map(one));
console.log(JSON.stringify(all));
session.close();
"""


def test_node_sends_forty_streams_at_once(kontor, key, tmp_path):
    if not NODE.exists():
        pytest.skip("node is not installed; run make test")
    script = tmp_path / "h2.mjs"
    script.write_text(NODE_TEXT)
    r = subprocess.run([NODE, script, kontor.gateway, key],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout) == [[200, True]] * 40


def test_streams_of_one_connection_go_to_different_providers(kontor, key):
    c = Client(kontor.address)
    models = ["m-openai", "m-azure", "m-bedrock", "m-lab", "m-bedrock-key"]
    ids = {c.post(key, ask("[[sim out=30 pace=2]]", m, stream=True)): m
           for m in models}
    ids[c.post("ktk_nobody", ask("x"))] = None
    c.until(lambda: len(c.ended) == len(ids))
    for s, model in ids.items():
        assert c.status[s] == (200 if model else 401)
        if model:
            assert b"[DONE]" in c.bodies[s]
    served = {c.headers[s][b"x-kontor-deployment"]
              for s, model in ids.items() if model}
    assert len(served) == len(models)
    c.close()


def rss(kontor):
    total = 0
    for pid in kontor.of_role("worker"):
        with open(f"/proc/{pid}/statm") as f:
            total += int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def test_streams_that_are_not_read_wait_at_the_provider(kontor, key, sim):
    """Twenty answers of 10 MB whose windows stay shut; another stream of the
    same connection does not suffer."""
    before = rss(kontor)
    c = Client(kontor.address, window=1 << 30)
    for i in range(20):
        c.post(key, ask(f"{i} [[sim out={40000 // kit.SLOW}]]",
                        stream=True))
    end = time.monotonic() + 1.5
    c.socket.settimeout(0.2)
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            c.read(grow=False)
    grown = rss(kontor) - before
    assert grown < 24 << 20, f"{grown >> 20} MiB"
    c.socket.settimeout(10)
    s = c.post(key, ask("[[sim out=9]]"))
    c.until(lambda: s in c.ended, grow=False)
    assert c.status[s] == 200
    assert sum(map(len, c.bodies.values())) < 20 * 65536 + 65536
    c.close()
    kit.wait_for("the provider to be told", lambda: not any(
        r["open"] for r in sim.attempts()), 10, 0.2)


def test_a_slow_reader_gets_everything(kontor, key):
    c = Client(kontor.address)
    out = 3000 // kit.SLOW
    s = c.post(key, ask(f"[[sim out={out}]]", stream=True))
    pause = 40
    while s not in c.ended:
        assert c.read()
        if pause:
            time.sleep(0.01)
            pause -= 1
    text = c.bodies[s].decode()
    assert text.endswith("data: [DONE]\n\n")
    events = [json.loads(line[6:]) for line in text.split("\n\n")[:-2]
              if line.startswith("data: {")]
    words = "".join(e["choices"][0]["delta"].get("content") or ""
                    for e in events if e["choices"])
    assert len(words.split()) == out
    c.close()


def test_a_cancelled_stream_is_a_client_that_left(kontor, key, sim):
    c = Client(kontor.address)
    s = c.post(key, ask("[[sim out=400 pace=10]]", stream=True))
    other = c.post(key, ask("[[sim out=60 pace=10]]", stream=True))
    c.until(lambda: len(c.bodies.get(s, b"")) > 1000)
    request = c.headers[s][b"x-kontor-request-id"].decode()
    c.h2.reset_stream(s, 8)
    c.flush()
    c.until(lambda: other in c.ended)
    assert b"[DONE]" in c.bodies[other]
    told = kit.wait_for("the call to be over", lambda: (
        lambda t: None if t["open"] else t)(kontor.explain(request)), 20)
    assert told["attempts"][-1]["resolution"] == "estimated"
    c.close()


def test_a_draining_instance_finishes_its_streams(own):
    key = own.key("drain")["key"]
    c = Client(own.address)
    s = c.post(key, ask("[[sim out=100 pace=20]]", stream=True))
    c.until(lambda: len(c.bodies.get(s, b"")) > 1000)
    own.child.send_signal(signal.SIGTERM)
    # hyper-h2 would take no frame behind a GOAWAY: by hand from here.
    goaways, text = [], c.bodies[s]
    for f in frames(c.socket):
        if isinstance(f, GoAwayFrame):
            goaways.append((f.last_stream_id, f.error_code))
        elif isinstance(f, DataFrame):
            text += f.data
    assert text.endswith(b"data: [DONE]\n\n")
    assert text.count(b'"content":"') >= 100
    assert goaways == [(2**31 - 1, 0), (s, 0)]
    assert own.child.wait(10 * kit.SLOW) == 0
    own.run("ledger", "verify")


# --- abuse ----------------------------------------------------------------


def block():
    """:method GET, :scheme http, :path /healthz, :authority a"""
    return b"\x82\x86\x44\x08/healthz\x41\x01a"


def headers(stream, data=None, end=True):
    f = HeadersFrame(stream, data or block())
    f.flags.add("END_HEADERS")
    if end:
        f.flags.add("END_STREAM")
    return f.serialize()


def rapid_reset():
    return b"".join(headers(2 * i + 1) + RstStreamFrame(2 * i + 1, 8)
                    .serialize() for i in range(3000))


def made_you_reset():
    """Streams whose windows overflow: the server is to reset them."""
    for at in range(0, 3000, 50):
        yield b"".join(
            headers(2 * i + 1, end=False) + WindowUpdateFrame(
                2 * i + 1, window_increment=2**31 - 1).serialize()
            for i in range(at, at + 50))
        time.sleep(0.01)


def header_bomb():
    """A field of 3.5 kB in the table, named 8,000 times."""
    big = HeadersFrame(1, block() + b"\x40\x01x\x7f\xad\x1a" + b"v" * 3500)
    refs = ContinuationFrame(1, b"\xbe" * 8000)
    return big.serialize() + refs.serialize() * 8


FLOODS = {
    "rapid reset": ("resets", rapid_reset),
    "MadeYouReset": ("resets", made_you_reset),
    "CONTINUATION": ("heads", lambda: HeadersFrame(1, block()).serialize() +
                     ContinuationFrame(1, b"").serialize() * 5000),
    "header bomb": ("heads", header_bomb),
    "SETTINGS": ("floods", lambda: SettingsFrame(0).serialize() * 5000),
    "PING": ("floods", lambda: PingFrame(0, b"12345678").serialize() * 5000),
    "empty DATA": ("floods", lambda: headers(1, end=False) +
                   DataFrame(1, b"").serialize() * 5000),
    "WINDOW_UPDATE": ("floods", lambda: WindowUpdateFrame(
        0, window_increment=1).serialize() * 5000),
    "unknown": ("floods", lambda: b"\0\0\1\x77\0\0\0\0\0x" * 5000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_its_connection_and_is_counted(kontor, key, name):
    kind, make = FLOODS[name]
    metric_name = f"kontor_http2_{kind}_total"
    before = metric(kontor, metric_name)
    workers = kontor.of_role("worker")
    made = make()
    out = kit.raw(kontor.address, None, chunks=itertools.chain(
        [PREFACE + SettingsFrame(0).serialize()],
        [made] if isinstance(made, bytes) else made), timeout=10)
    goaway = GoAwayFrame(0).serialize()[3:4]
    assert goaway in out or not out  # a reset may have overtaken it
    kit.wait_for("the count", lambda: metric(kontor, metric_name) ==
                 before + 1, 5)
    assert kontor.of_role("worker") == workers
    assert kontor.chat(key, content="after [[sim out=1]]").status_code == 200


# --- HTTP/2 behind kontor -------------------------------------------------


def established(port):
    """Connections to a local port, as its peers see them."""
    n = 0
    with open("/proc/net/tcp") as f:
        for line in list(f)[1:]:
            _, _, remote, state = line.split()[:4]
            n += state == "01" and int(remote.split(":")[1], 16) == port
    return n


class Provider:
    """A provider of HTTP/2 that misbehaves as the prompt says."""

    EVENT = (b'data: {"id":"x","object":"chat.completion.chunk","created":1,'
             b'"model":"m","choices":[{"index":0,"delta":{"content":"hi"},'
             b'"finish_reason":null}]}\n\n')

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections, self.resets, self.refused = 0, [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.socket.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(s,),
                                 daemon=True).start()

    def serve(self, s):
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            c = h2.connection.H2Connection(
                h2.config.H2Configuration(client_side=False))
            c.initiate_connection()
            s.sendall(c.data_to_send())
            bodies = {}
            while data := s.recv(65536):
                for e in c.receive_data(data):
                    if isinstance(e, h2.events.DataReceived):
                        bodies[e.stream_id] = bodies.get(
                            e.stream_id, b"") + e.data
                        c.acknowledge_received_data(
                            e.flow_controlled_length, e.stream_id)
                    elif isinstance(e, h2.events.StreamReset):
                        self.resets.append(e.error_code)
                    elif isinstance(e, h2.events.StreamEnded):
                        self.answer(s, c, e.stream_id, bodies[e.stream_id])
                s.sendall(c.data_to_send())

    def answer(self, s, c, stream, body):
        how = body.partition(b"[[h2 ")[2].partition(b"]]")[0].decode()
        if how in ("refuse", "refuse all") or (how == "refuse once" and
                               body not in self.refused):
            self.refused.append(body)
            c.reset_stream(stream, 7)
            return
        if how == "goaway before":
            s.sendall(c.data_to_send() + GoAwayFrame(
                0, last_stream_id=stream - 2).serialize())
            s.close()
            return
        c.send_headers(stream, [(":status", "200"),
                                ("content-type", "text/event-stream")])
        c.send_data(stream, self.EVENT * 3)
        s.sendall(c.data_to_send())
        if how == "goaway and end":
            s.sendall(GoAwayFrame(0, last_stream_id=stream).serialize())
            c.send_data(stream, self.EVENT + b"data: [DONE]\n\n",
                        end_stream=True)
        elif how == "goaway and close":
            time.sleep(0.1)
            s.sendall(GoAwayFrame(0, last_stream_id=stream,
                                  error_code=2).serialize())
            s.close()
        elif how == "reset":
            c.reset_stream(stream, 2)
        elif how == "garbage":
            s.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        elif how == "flood":
            s.sendall(PingFrame(0, b"12345678").serialize() * 20000)
        elif how == "bomb":
            # trailers that grow and grow
            s.sendall(HeadersFrame(stream, b"").serialize() +
                      ContinuationFrame(stream, b"").serialize() * 1000)
        elif how == "never":
            pass
        else:
            c.send_data(stream, b"data: [DONE]\n\n", end_stream=True)


class SlowReader:
    """A provider of HTTP/1 that begins to read a body when it is told."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen()
        self.port = self.socket.getsockname()[1]
        self.begun, self.go = threading.Event(), threading.Event()
        self.done = threading.Event()
        self.body = b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        s, _ = self.socket.accept()
        s.settimeout(10)
        data = s.recv(100)
        self.begun.set()
        self.go.wait(10)
        with contextlib.suppress(OSError):
            while part := s.recv(1 << 20):
                data += part
        self.body = data.partition(b"\r\n\r\n")[2]
        self.done.set()


@pytest.fixture(scope="module")
def behind(sim, certs, tmp_path_factory):  # noqa: F811
    """kontor with providers that speak HTTP/2, on plain sockets and by
    ALPN."""
    folder = tmp_path_factory.mktemp("h2behind")
    config = kit.make_config(sim.url, folder / "data", workers=1)
    host, port = sim.url[7:].split(":")
    door = Terminator(certs, "good", (host, int(port)))
    door.context.set_alpn_protocols(["h2"])
    picky = Terminator(certs, "good", (host, int(port)))
    picky.context.set_alpn_protocols(["http/1.1"])
    fickle = Terminator(certs, "good", (host, int(port)))
    fickle.context.set_alpn_protocols(["h2"])
    odd = Provider()

    def add(name, url, **more):
        config["providers"][name] = {
            "type": "openai", "auth": {"api_key": "${SIM_OPENAI}"},
            "base_url": url, "timeouts": {
                "connect": "2s", "first_byte": "2s", "idle": "1s"}, **more}
        config["models"][name] = {"deployments": [
            kit.deployment(f"{name}-d", name, "gpt-5.4")]}
        config["prices"].append({"deployment": f"{name}-d",
                                 **kit.PRICES["openai"]})
    add("plain", sim.url + "/v1", http="h2c")
    ca = {"ca_file": str(certs / "ca.pem")}
    add("alpn", f"https://127.0.0.1:{door.port}/v1", **ca)
    add("never", f"https://127.0.0.1:{picky.port}/v1", http="1.1", **ca)
    add("fickle", f"https://127.0.0.1:{fickle.port}/v1", **ca)
    odds = ["refuse", "goaway before", "goaway and end", "goaway and close",
            "reset", "garbage", "flood", "bomb", "never", "refuse once",
            "refuse all"]
    for i, _ in enumerate(odds):
        add(f"odd{i}", f"http://127.0.0.1:{odd.port}/v1", http="h2c")
        config["models"][f"then{i}"] = {"deployments": [
            kit.deployment(f"then{i}-odd", f"odd{i}", "gpt-5.4"),
            kit.deployment(f"then{i}-sim", "openai", "gpt-5.4")]}
        config["prices"].append({"deployment": f"then{i}-odd",
                                 **kit.PRICES["openai"]})
    slow = SlowReader()
    add("slow1", f"http://127.0.0.1:{slow.port}/v1", http="1.1")
    with kit.Kontor(folder, config) as k:
        k.suite_key = k.key("h2")["key"]
        k.slow = slow
        k.doors = {"alpn": door, "never": picky, "fickle": fickle}
        k.odd, k.odds = odd, odds
        yield k
        k.verify()


def test_calls_share_a_connection_to_a_plain_provider(behind, sim):
    port = int(sim.url.rsplit(":", 1)[1])
    before = established(port)
    c = Client(behind.address)
    ids = [c.post(behind.suite_key, ask(f"{i} [[sim out=20 pace=5]]",
                                        "plain", stream=True))
           for i in range(60)]
    c.until(lambda: len(c.ended) == len(ids))
    assert all(b"[DONE]" in c.bodies[s] for s in ids)
    assert established(port) - before <= 1
    c.close()


@pytest.mark.parametrize("model,version", [("alpn", "h2"),
                                           ("never", "http/1.1")])
def test_alpn_decides_over_tls(behind, model, version):
    door = behind.doors[model]
    for i in range(10):
        r = behind.chat(behind.suite_key, model, f"{i} [[sim out=5]]")
        assert r.status_code == 200, r.text
    # The door forwards bytes: what it agreed on is what was spoken.
    assert door.accepted == 1


def test_a_provider_that_speaks_http2_no_more_loses_nobody(behind):
    """All of a burst wait for one connection, which brings HTTP/1.1."""
    door, key = behind.doors["fickle"], behind.suite_key
    assert behind.chat(key, "fickle", "[[sim out=5]]").status_code == 200
    door.context.set_alpn_protocols(["http/1.1"])
    door.hang_up()
    c = Client(behind.address)
    ids = [c.post(key, ask(f"{i} [[sim out=5]]", "fickle"))
           for i in range(12)]
    c.until(lambda: len(c.ended) == len(ids))
    assert [c.status[s] for s in ids] == [200] * 12, c.bodies
    assert door.accepted == 13
    c.close()


def odd_model(behind, how, kind):
    return f"{kind}{behind.odds.index(how)}"


def stream_of(behind, model, how):
    with behind.http(behind.suite_key) as http:
        with http.stream("POST", PATH, json=ask(
                f"[[h2 {how}]]", model, stream=True)) as r:
            return r.headers["x-kontor-request-id"], r.status_code, b"".join(
                r.iter_raw()).decode()


@pytest.mark.parametrize("how", ["refuse", "goaway before"])
def test_what_a_peer_did_not_look_at_costs_nothing(behind, how):
    """... and is asked of another, since it is not held against it."""
    request, status, text = stream_of(
        behind, odd_model(behind, how, "then"), how)
    assert status == 200 and "[DONE]" in text
    told = behind.explain(request)
    first, last = told["attempts"][0], told["attempts"][-1]
    assert first["resolution"] == "void", first
    assert last["resolution"] == "booked"


def test_a_refused_stream_is_offered_once_more(behind):
    """... to the same provider, the first of a connection too; and not for
    ever."""
    model = odd_model(behind, "refuse once", "odd")
    request, status, text = stream_of(behind, model, "refuse once")
    assert status == 200 and "[DONE]" in text
    first, last = behind.explain(request)["attempts"]
    assert first["resolution"] == "void" and first["status"] == 0, first
    assert first["deployment"] == last["deployment"]
    request, status, text = stream_of(
        behind, odd_model(behind, "refuse", "odd"), "refuse")
    assert status == 502 and "provider_reset" in text
    assert [a["resolution"] for a in behind.explain(request)["attempts"]] == [
        "void", "void"]


def test_what_was_not_looked_at_is_offered_again_for_nothing(
        sim, tmp_path):
    """It is no attempt of the few that may follow a first one."""
    provider = Provider()
    config = kit.make_config(sim.url, tmp_path / "data", workers=1)
    config["limits"] = {"retry_percent": 0, "retry_floor": 0}
    config["providers"]["odd"] = {
        "type": "openai", "auth": {"api_key": "${SIM_OPENAI}"},
        "base_url": f"http://127.0.0.1:{provider.port}/v1", "http": "h2c"}
    config["models"]["odd"] = {"deployments": [
        kit.deployment("odd-d", "odd", "gpt-5.4")]}
    config["prices"].append({"deployment": "odd-d",
                             **kit.PRICES["openai"]})
    with kit.Kontor(tmp_path, config) as k:
        k.suite_key = k.key("h2")["key"]
        request, status, text = stream_of(k, "odd", "refuse once")
        assert status == 200 and "[DONE]" in text, text
        assert len(k.explain(request)["attempts"]) == 2
        # A second refusal is one, and what follows it counts.
        request, status, text = stream_of(k, "odd", "refuse")
        assert status == 502 and len(k.explain(request)["attempts"]) == 2
        k.verify()


def test_who_refuses_all_rests_like_any_other(behind):
    """One refusal says nothing; the second of a call does."""
    model, tries = odd_model(behind, "refuse all", "then"), []
    while len(tries) < 20 and tries[-1:] != [1]:
        request, status, _ = stream_of(behind, model, "refuse all")
        assert status == 200
        tries.append(len(behind.explain(request)["attempts"]))
    assert tries[0] == 3 and tries[-1] == 1, tries


def test_goaway_lets_the_stream_end(behind):
    request, status, text = stream_of(
        behind, odd_model(behind, "goaway and end", "odd"), "goaway and end")
    assert status == 200 and text.count('"hi"') == 4 and "[DONE]" in text
    assert behind.explain(request)["attempts"][0]["resolution"] == "estimated"


@pytest.mark.parametrize("how,fault", [
    ("goaway and close", "provider_reset"), ("reset", "provider_reset"),
    ("garbage", "provider_garbage"), ("flood", "provider_garbage"),
    ("bomb", "provider_garbage"), ("never", "provider_timeout")])
def test_a_stream_cut_in_its_middle_is_settled(behind, how, fault):
    request, status, text = stream_of(
        behind, odd_model(behind, how, "odd"), how)
    assert status == 200 and text.count('"hi"') == 3, text
    assert fault in text, text
    told = kit.wait_for("the call to be over", lambda: (
        lambda t: None if t["open"] else t)(behind.explain(request)), 20)
    line = told["attempts"][0]
    assert line["resolution"] == "estimated" and line["settled"] != "0", line


def test_what_is_sent_stays_whole_when_its_client_leaves(behind):
    """The call is read on for its usage; others come and go meanwhile, and
    none of their bytes may get into it."""
    mark = b"0123456789abcdef" * (6 << 16)
    body = json.dumps(ask(mark.decode(), "slow1")).encode()
    with socket.create_connection(behind.address) as s:
        s.sendall((f"POST {PATH} HTTP/1.1\r\nHost: k\r\nAuthorization: "
                   f"Bearer {behind.suite_key}\r\nContent-Type: application/"
                   f"json\r\nContent-Length: {len(body)}\r\n\r\n")
                  .encode() + body)
        assert behind.slow.begun.wait(10)
    time.sleep(0.2)
    for i in range(8):  # of the same size: they get the memory that is free
        behind.chat(behind.suite_key, "nobody", "X" * (len(body) - 100))
    behind.slow.go.set()
    assert behind.slow.done.wait(15)
    got = behind.slow.body
    assert len(got) > len(mark) // 2, len(got)
    assert b"X" * 16 not in got
    assert got.partition(b'"content": "')[2][:len(got) // 2] == \
        mark[:len(got) // 2]


# --- the specification ----------------------------------------------------


@pytest.fixture(scope="session")
def h2spec(tmp_path_factory):
    """Go's own tool builds it, once for a machine."""
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not pathlib.Path(go).exists():
        pytest.skip("h2spec needs Go, which is not installed")
    folder = pathlib.Path(os.environ.get(
        "XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "kontor-h2spec"
    path = folder / "h2spec"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        r = subprocess.run(
            [go, "install", "github.com/summerwind/h2spec/cmd/h2spec@latest"],
            env={**os.environ, "GOBIN": str(folder)}, timeout=300,
            capture_output=True, text=True)
        if not path.exists():
            pytest.skip(f"h2spec could not be built: {r.stderr[-300:]}")
    return path


@pytest.fixture(scope="module")
def secured(sim, tmp_path_factory):
    folder = tmp_path_factory.mktemp("h2tls")
    certs_of.ca(folder, "ca")
    certs_of.leaf(folder, "a", "DNS:localhost,IP:127.0.0.1", "ca")
    config = kit.make_config(sim.url, folder / "data", workers=1)
    config["listen"]["gateway"]["tls"] = {"certificates": {
        "certificate": "a.pem", "private_key": "file:a.key"}}
    with kit.Kontor(folder, config) as k:
        k.suite_key = k.key("h2tls")["key"]
        yield k
        k.verify()


@pytest.mark.parametrize("two", [True, False])
def test_alpn_decides_in_front_too(secured, two):
    url = "https://%s:%d" % secured.address
    context = ssl.create_default_context(
        cafile=str(secured.folder / "ca.pem"))
    with httpx.Client(http2=two, base_url=url, verify=context, headers={
            "authorization": f"Bearer {secured.suite_key}"}) as http:
        for stream in (False, True):
            r = http.post(PATH, json=ask("[[sim out=50]]", stream=stream))
            assert r.status_code == 200
            assert r.http_version == ("HTTP/2" if two else "HTTP/1.1")
            assert ("[DONE]" in r.text) == stream


def test_the_preface_counts_only_after_alpn(secured):
    context = ssl.create_default_context(
        cafile=str(secured.folder / "ca.pem"))
    with socket.create_connection(secured.address, timeout=5) as raw, \
            context.wrap_socket(raw, server_hostname="localhost") as s:
        s.sendall(PREFACE + SettingsFrame(0).serialize())
        assert s.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_h2spec_strict_over_tls(secured, h2spec):
    host, port = secured.address
    r = subprocess.run(
        [h2spec, "-h", host, "-p", str(port), "-P", "/healthz", "-S", "-t",
         "-k", "--timeout", "2"], capture_output=True, text=True,
        timeout=300)
    assert re.search(r"146 tests, 14[56] passed, [01] skipped, 0 failed",
                     r.stdout), r.stdout


@pytest.mark.parametrize("who,path", [("kontor", "/healthz"),
                                      ("sim", "/sim/stats")])
def test_h2spec_strict(kontor, sim, h2spec, who, path):
    host, port = kontor.address if who == "kontor" else \
        sim.url[7:].split(":")
    r = subprocess.run(
        [h2spec, "-h", host, "-p", str(port), "-P", path, "-S",
         "--timeout", "2"], capture_output=True, text=True, timeout=300)
    failed = [line for line in r.stdout.partition("Failures:")[2].splitlines()
              if "\u00d7" in line]
    # On a plain socket, what is not HTTP/2's preface is HTTP/1, and is
    # answered as such.
    assert [f for f in failed if "invalid connection preface" not in f] \
        == [], r.stdout
    assert "146 tests" in r.stdout
