"""Request smuggling: nginx and haproxy before and behind kontor.

Every hop counts the requests it saw.  An attack is a desync when a hop saw
more than the hop before it gave, or when somebody else's call on the same
kept connections gets an answer that is not its own.
"""
import contextlib
import itertools
import json
import os
import re
import shutil
import socket
import time

import hpack
import httpx
import kit
import pytest
from hyperframe.frame import DataFrame, Frame, HeadersFrame, SettingsFrame

PATH = "/v1/chat/completions"
PATHS = os.environ["PATH"] + ":/usr/sbin:/sbin"
QUIET = 0.04 * kit.SLOW
turn = itertools.count(1)

NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid;
error_log {dir}/nginx.err warn;
events {{ worker_connections 512; }}
http {{
  log_format hop '$server_port $upstream_addr';
  access_log {dir}/nginx.hops hop;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
  fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
  scgi_temp_path {dir}/t5;
  proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_next_upstream off; proxy_request_buffering off;
  proxy_buffering off; client_body_timeout 2s; client_header_timeout 2s;
  upstream kontor {{ server {kontor}; keepalive 4; }}
  upstream sim {{ server {sim}; keepalive 4; }}
  server {{ listen {nginx_h1}; location / {{ proxy_pass http://kontor; }} }}
  server {{ listen {nginx_h2} http2;
            location / {{ proxy_pass http://kontor; }} }}
  server {{ listen {nginx_sim}; location / {{ proxy_pass http://sim; }} }}
}}
"""
HAPROXY = """
global
  log stdout format raw daemon info
  maxconn 512
defaults
  mode http
  log global
  log-format "%fp %s %ST"
  timeout client 3s
  timeout server 10s
  timeout connect 2s
  timeout http-request 2s
  timeout http-keep-alive 5s
  http-reuse always
  retries 0
frontend h1
  bind {haproxy_h1}
  default_backend one
frontend h2
  bind {haproxy_h2} proto h2
  default_backend one
frontend up
  bind {haproxy_up}
  default_backend two
frontend sim
  bind {haproxy_sim}
  default_backend sim
backend one
  server k {kontor}
backend two
  server k {kontor} proto h2
backend sim
  server s {sim}
"""
FRONTS = ["nginx_h1", "nginx_h2", "haproxy_h1", "haproxy_h2", "haproxy_up"]


class Hops(kit.Program):
    """Both proxies, and what each of their doors has let through."""

    def __init__(self, folder, sim):
        super().__init__(folder, "haproxy")
        self.at = {name: f"127.0.0.1:{kit.free_port()}"
                   for name in FRONTS + ["nginx_sim", "haproxy_sim"]}
        self.at["sim"] = sim[7:]
        self.nginx = kit.Program(folder, "nginx")

    def start(self, kontor):
        ports = {**self.at, "kontor": "%s:%d" % kontor.address,
                 "dir": self.folder}
        (self.folder / "nginx.conf").write_text(NGINX.format(**ports))
        (self.folder / "haproxy.cfg").write_text(HAPROXY.format(**ports))
        self.nginx.spawn([shutil.which("nginx", path=PATHS), "-p",
                          self.folder, "-c", self.folder / "nginx.conf"])
        self.spawn([shutil.which("haproxy", path=PATHS), "-db", "-f",
                    self.folder / "haproxy.cfg"])
        for name in FRONTS:
            kit.wait_for(name, lambda: socket.create_connection(
                self.address(name)).close() is None)

    def stop(self):
        self.end()
        self.nginx.end()

    def address(self, name):
        host, port = self.at[name].split(":")
        return host, int(port)

    def passed(self, name):
        """How many requests a door gave on."""
        port = self.at[name].split(":")[1]
        if name.startswith("nginx"):
            path, row = self.folder / "nginx.hops", rf"{port} [\d.]+:\d+"
        else:
            path, row = self.log, rf"{port} [ks] -?\d+"
        text = path.read_text() if path.exists() else ""
        return len(re.findall(rf"^{row}$", text, re.M))


@pytest.fixture(scope="module")
def hops(sim, tmp_path_factory):
    for program in ("nginx", "haproxy"):
        if shutil.which(program, path=PATHS) is None:
            pytest.skip(f"{program} is not installed; run make test")
    folder = tmp_path_factory.mktemp("hops")
    h = Hops(folder, sim.url)
    config = kit.make_config(sim.url, folder / "data", workers=1)
    config["providers"]["openai"]["base_url"] = \
        f"http://{h.at['haproxy_sim']}/v1"
    config["providers"]["azure"]["base_url"] = f"http://{h.at['nginx_sim']}"
    with kit.Kontor(folder, config) as k:
        h.kontor, h.sim = k, sim
        h.key = k.key("hops")["key"]
        token = (k.data_dir / "admin.token").read_text().strip()
        h.admin = httpx.Client(base_url=k.admin, headers={
            "authorization": f"Bearer {token}"})
        # One each for all: a client takes its time to be made.
        h.others = {two: httpx.Client(
            http1=not two, http2=two, timeout=5, verify=False,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"authorization": f"Bearer {h.key}"})
            for two in (False, True)}
        h.start(k)
        try:
            yield h
        finally:
            h.stop()
        k.verify()


def counters(hops):
    text = hops.admin.get("/metrics").text

    def of(name):
        return int(re.search(rf"^{name} (\d+)", text, re.M)[1])
    return of("kontor_requests_total"), of("kontor_attempts_total")


def state(hops, front):
    """Requests given by the front, seen by kontor, attempts made by kontor,
    given on by the doors behind it, and seen by the provider."""
    requests, attempts = counters(hops)
    return {
        "front": hops.passed(front) if front else None,
        "kontor": requests, "attempts": attempts,
        "behind": hops.passed("nginx_sim") + hops.passed("haproxy_sim"),
        "sim": sum(r["received"] for name, r in hops.sim.stats().items()
                   if name in ("openai", "azure")),
    }


def chat(key, content, model="m-openai", head="", host="kontor"):
    body = json.dumps({"model": model, "messages": [
        {"role": "user", "content": content}], "max_tokens": 3}).encode()
    return (f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer "
            f"{key}\r\nContent-Type: application/json\r\n{head}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


# --- attacks on HTTP/1 ----------------------------------------------------

def post(key, headers, body=b"", version="1.1", path=PATH, method="POST"):
    return (f"{method} {path} HTTP/{version}\r\nHost: kontor\r\n"
            f"Authorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\n").encode() + \
        headers + b"\r\n" + body


def chunked(body):
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


CL = b"Content-Length: %d\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
HIDDEN = {
    "xchunked": b"Transfer-Encoding: xchunked\r\n",
    "space before the colon": b"Transfer-Encoding : chunked\r\n",
    "tab": b"Transfer-Encoding:\tchunked\r\n",
    "vertical tab": b"Transfer-Encoding:\x0bchunked\r\n",
    "two lines": TE + b"Transfer-Encoding: x\r\n",
    "two lines, other order": b"Transfer-Encoding: x\r\n" + TE,
    "folded": b"Transfer-Encoding:\r\n chunked\r\n",
    "folded before": b"X: y\r\n Transfer-Encoding: chunked\r\n",
    "bare LF": b"X: y\nTransfer-Encoding: chunked\r\n",
    "bare CR": b"X: y\rTransfer-Encoding: chunked\r\n",
    "list": b"Transfer-Encoding: identity, chunked\r\n",
    "list, other order": b"Transfer-Encoding: chunked, identity\r\n",
    "identity": b"Transfer-Encoding: identity\r\n",
    "quoted": b"Transfer-Encoding: \"chunked\"\r\n",
    "upper case": b"TRANSFER-ENCODING: CHUNKED\r\n",
    "underscore": b"Transfer_Encoding: chunked\r\n",
    "nul": b"Transfer-Encoding: chunked\0\r\n",
    "leading space": b" Transfer-Encoding: chunked\r\n",
}
LENGTHS = {
    "two": lambda n: CL % n + CL % 0,
    "two, other order": lambda n: CL % 0 + CL % n,
    "twice the same": lambda n: (CL % n) * 2,
    "list": lambda n: b"Content-Length: %d, 0\r\n" % n,
    "plus": lambda n: b"Content-Length: +%d\r\n" % n,
    "minus": lambda n: b"Content-Length: -%d\r\n" % n,
    "hex": lambda n: b"Content-Length: 0x%x\r\n" % n,
    "tail": lambda n: b"Content-Length: %d\x0b\r\n" % n,
    "too large": lambda n: b"Content-Length: %d\r\n" % (2**64 + n),
    "folded": lambda n: b"Content-Length:\r\n %d\r\n" % n,
    "space before the colon": lambda n: b"Content-Length : %d\r\n" % n,
    "hop by hop": lambda n: CL % n + b"Connection: Content-Length\r\n",
    "expect": lambda n: CL % n + b"Expect: 100-continue\r\n",
    "expect something": lambda n: CL % n + b"Expect: y 100-continue\r\n",
}
CHUNKS = {
    "bare LF behind the size": b"%(n)x\n%(s)b\r\n0\r\n\r\n",
    "LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n%(s)b",
    "CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n%(s)b",
    "extension hides a size": b"1;\n%(n)x\r\nx\r\n0\r\n\r\n%(s)b",
    "0x": b"0x0\r\n\r\n%(s)b",
    "blank before the size": b" 0\r\n\r\n%(s)b",
    "blank behind the size": b"0 \r\n\r\n%(s)b",
    "plus": b"+0\r\n\r\n%(s)b",
    "minus": b"-0\r\n\r\n%(s)b",
    "overflow": b"100000000000000000\r\n\r\n0\r\n\r\n%(s)b",
    "no end of the data": b"1\r\nxx0\r\n\r\n%(s)b",
    "a byte for the end of the data": b"1\r\nx0\r\n\r\n\r\n%(s)b",
    "LF for the end of the data": b"1\r\nx\n0\r\n\r\n%(s)b",
    "no size": b"\r\n\r\n%(s)b",
    "underscore": b"0_0\r\n\r\n%(s)b",
    "trailer with a length": b"0\r\nContent-Length: %(n)d\r\n\r\n%(s)b",
    "trailer with a coding": b"0\r\nTransfer-Encoding: x\r\n\r\n%(s)b",
    "trailer that is a request": b"0\r\n%(s)b",
    "only LF at the end": b"0\n\n%(s)b",
}


def attacks(key, s):
    """name, bytes; s is the request that is to be smuggled."""
    n = len(s)
    yield "CL.TE", post(key, CL % (n + 5) + TE, b"0\r\n\r\n" + s)
    yield "TE.CL", post(key, TE + CL % 4, chunked(s))
    yield "CL.0", post(key, CL % n, s, path="/healthz", method="GET")
    yield "CL.0 by POST", post(key, CL % n, s, path="/healthz")
    yield "0.CL", post(key, b"Content-Length: 0\r\n", s)
    yield "HTTP/1.0 with a coding", post(key, TE + CL % n, s, "1.0")
    yield "HTTP/1.0, coding alone", post(key, TE, chunked(s), "1.0")
    yield "no length", post(key, b"", s)
    yield "two hosts", post(key, b"Host: other\r\nContent-Length: 0\r\n", s)
    yield "h2c upgrade", post(
        key, b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + s, path="/healthz",
        method="GET")
    yield "the preface, later", post(
        key, b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + s, path="/healthz",
        method="GET")
    for name, header in HIDDEN.items():
        yield f"TE.TE {name}, CL", post(
            key, CL % (n + 5) + header, b"0\r\n\r\n" + s)
        yield f"TE.TE {name}", post(key, header, chunked(s))
    for name, header in LENGTHS.items():
        yield f"length: {name}", post(key, header(n), s)
        yield f"length: {name}, GET", post(
            key, header(n), s, path="/healthz", method="GET")
    for name, text in CHUNKS.items():
        yield f"chunk: {name}", post(key, TE, text % {b"n": n, b"s": s})


def give(address, data, first=QUIET):
    """Sends, and reads until nothing more comes."""
    out = b""
    with socket.create_connection(address, timeout=5) as s:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            s.sendall(data)
        s.settimeout(first)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := s.recv(65536):
                out += part
                s.settimeout(QUIET)
    return out


def ask(hops, address, http2, name):
    """The answer, or None: the proxy lost the connection it had chosen.

    Given `Upgrade: h2c` towards HTTP/2, haproxy resets a stream that it never
    opened.  That ends the connection (RFC 9113, 5.1), and by then somebody
    else's call may be on it: refused, but not mistaken for another.
    """
    with contextlib.suppress(httpx.RemoteProtocolError):
        r = hops.others[http2].post("http://%s:%d%s" % (*address, PATH), json={
            "model": name, "messages": [{"role": "user", "content": "x"}]})
        return None if r.status_code == 502 else r
    return None


def victim(hops, address, http2):
    """A call of somebody else's: its answer names what it asked."""
    name = f"victim-{next(turn)}"
    r = ask(hops, address, http2, name) or ask(hops, address, http2, name)
    assert r is not None, name
    assert r.status_code == 404 and name in r.text, r.text
    return 1


def judge(hops, front, address, http2, run, name):
    """Runs an attack; what each hop saw of it."""
    before = state(hops, front)
    out = run()
    victims = sum(victim(hops, address, http2) for _ in range(2))

    def settled():
        now = state(hops, front)
        d = {k: now[k] - before[k] for k in now if now[k] is not None}
        return d if d["attempts"] == d["behind"] == d["sim"] else None
    d = kit.wait_for(f"{name}: attempts that agree", settled, 5, 0.01)
    if front:
        end = time.monotonic() + 5
        while d["kontor"] > d["front"] and time.monotonic() < end:
            time.sleep(0.01)
            d = settled() or d
        assert d["kontor"] <= d["front"], (name, d, out[:600])
    assert d["kontor"] >= victims, (name, d)
    return d, out




@pytest.mark.parametrize("front", ["nginx_h1", "haproxy_h1", "haproxy_up"])
def test_http1_through_a_proxy(hops, front):
    address = hops.address(front)
    seen = 0
    for name, data in attacks(hops.key, chat(hops.key, "SMUGGLED")):
        judge(hops, front, address, False, lambda: give(address, data), name)
        seen += 1
    assert seen > 75


# Where the standard leaves no doubt that a request has ended, what follows
# is the next one on the connection.
NEXT = {"0.CL", "no length", "h2c upgrade", "the preface, later",
        "TE.TE underscore", "chunk: trailer with a length",
        "chunk: trailer with a coding"}


def test_http1_straight(hops):
    """At kontor's own door: one request, one answer, whatever is in it."""
    address = hops.kontor.address
    for name, data in attacks(hops.key, chat(hops.key, "SMUGGLED")):
        d, out = judge(hops, None, address, False,
                       lambda: give(address, data, 5), name)
        answers = re.findall(rb"HTTP/1.1 (\d+)", out)
        expected = 2 if name in NEXT else 1
        assert len(answers) == expected, (name, out)
        assert d["kontor"] == expected + 2, (name, d)
        assert d["attempts"] <= expected - 1, (name, d)


# --- attacks on HTTP/2, and on its way down to HTTP/1 ---------------------

def h2_attacks(key, s):
    """name, headers, body."""
    n = str(len(s))
    base = [(":method", "POST"), (":path", PATH), (":scheme", "http"),
            (":authority", "kontor")]
    more = [("authorization", f"Bearer {key}"),
            ("content-type", "application/json")]
    text = s.decode()
    line = "\r\n\r\n" + text

    def changed(name, value):
        return [(k, value if k == name else v) for k, v in base]
    yield "H2.CL zero", base + more + [("content-length", "0")], s
    yield "H2.CL short", base + more + [("content-length", "3")], s
    yield "H2.CL long", base + more + [("content-length", "99999")], s
    yield "H2.CL two", base + more + [("content-length", n),
                                      ("content-length", "0")], s
    yield "H2.CL odd", base + more + [("content-length", "+" + n)], s
    for value in ("chunked", "Chunked", "chunked, identity", "xchunked"):
        yield f"H2.TE {value}", base + more + [
            ("transfer-encoding", value)], b"0\r\n\r\n" + s
    yield "H2.TE upper case", base + more + [
        ("Transfer-Encoding", "chunked")], b"0\r\n\r\n" + s
    yield "connection", base + more + [
        ("connection", "transfer-encoding")], s
    for k in (":method", ":path", ":scheme", ":authority"):
        was = dict(base)[k]
        yield f"line break in {k}", changed(
            k, f"{was} HTTP/1.1\r\nHost: x{line}") + more, b""
        yield f"space in {k}", changed(k, f"{was} x") + more, b""
        yield f"{k} twice", base + [(k, was)] + more, b""
        yield f"{k} empty", changed(k, "") + more, b""
    yield "line break in a value", base + more + [
        ("x-a", "b\r\ntransfer-encoding: chunked" + line)], b""
    yield "LF in a value", base + more + [
        ("x-a", "b\ntransfer-encoding: chunked")], b"0\r\n\r\n" + s
    yield "line break in a name", base + more + [
        ("x-a: b\r\ntransfer-encoding", "chunked")], b"0\r\n\r\n" + s
    yield "colon in a name", base + more + [
        ("transfer-encoding:chunked", "x")], b"0\r\n\r\n" + s
    yield "nul in a value", base + more + [("x-a", "b\0c")], b""
    yield "empty name", base + more + [("", "x")], b""
    yield "pseudo behind", more + base, b""
    yield "two hosts", base + more + [("host", "other")], b""
    yield "unknown pseudo", base + [(":x", "y")] + more, b""
    yield "absolute path", changed(":path", "http://x" + PATH) + more, b""
    yield "upgrade", base + more + [("upgrade", "h2c")], b""
    yield "te", base + more + [("te", "chunked")], b"0\r\n\r\n" + s


def give_h2(address, headers, body):
    """One stream; what comes of it: status, "reset" or "end"."""
    f = HeadersFrame(1, hpack.Encoder().encode(headers, huffman=False))
    f.flags.add("END_HEADERS")
    if not body:
        f.flags.add("END_STREAM")
    out = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SettingsFrame(0).serialize(),
           f.serialize()]
    if body:
        d = DataFrame(1, body)
        d.flags.add("END_STREAM")
        out.append(d.serialize())
    return told(give(address, b"".join(out)))


def told(data):
    decoder, got = hpack.Decoder(), []
    while len(data) >= 9:
        f, length = Frame.parse_frame_header(memoryview(data[:9]))
        f.parse_body(memoryview(data[9:9 + length]))
        data = data[9 + length:]
        if f.type == HeadersFrame.type:
            got.append(dict(decoder.decode(f.data))[":status"])
        elif f.type in (3, 7):
            got.append("reset" if f.type == 3 else "goaway")
    return got


@pytest.mark.parametrize("front", ["nginx_h2", "haproxy_h2"])
def test_http2_down_to_http1_through_a_proxy(hops, front):
    address = hops.address(front)
    seen = 0
    for name, headers, body in h2_attacks(hops.key, chat(hops.key, "SMUG")):
        judge(hops, front, address, True,
              lambda: give_h2(address, headers, body), name)
        seen += 1
    assert seen > 35


def test_http2_straight(hops):
    """At kontor's own door: refused, or reset; HTTP/1 behind it sees none
    of it."""
    address = hops.kontor.address
    for name, headers, body in h2_attacks(hops.key, chat(hops.key, "SMUG")):
        d, got = judge(hops, None, address, True,
                       lambda: give_h2(address, headers, body), name)
        assert d["attempts"] == 0, (name, d)
        assert not any(g.startswith("2") for g in got), (name, got)
        assert d["kontor"] <= 3 and len(got) <= 1, (name, d, got)


def test_what_is_in_a_body_stays_in_it(hops):
    """Text that looks like a request, in a call that passes every hop."""
    s = chat(hops.key, "SMUGGLED").decode()
    for front, model in itertools.product(FRONTS, ("m-openai", "m-azure")):
        address, http2 = hops.address(front), front.endswith("_h2")

        def run():
            r = hops.others[http2].post(
                "http://%s:%d%s" % (*address, PATH), json={
                    "model": model, "max_tokens": 3, "messages": [{
                        "role": "user", "content": s + "\r\n0\r\n\r\n"}]})
            assert r.status_code == 200, r.text
            return r.content
        d, _ = judge(hops, front, address, http2, run, f"{front} {model}")
        assert d["attempts"] == 1 and d["kontor"] == 3
