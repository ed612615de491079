"""Whatever comes in, from the client or the provider: a clear error in the
caller's shape, the hold resolved, memory bounded, no crash."""
import contextlib
import gzip
import json
import os
import socket
import time
import zlib

import httpx
import kit
import pytest

PATH = "/v1/chat/completions"


def head(key, *extra, length=None, method="POST", path=PATH):
    lines = [f"{method} {path} HTTP/1.1", "Host: kontor",
             f"Authorization: Bearer {key}",
             "Content-Type: application/json", *extra]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def good(model="m-openai", content="hello"):
    return json.dumps({"model": model, "messages": [
        {"role": "user", "content": content}]}).encode()


def expect_error(r, status, code=None):
    assert r.status_code == status, (r.status_code, r.text)
    error = r.json()["error"]
    assert set(error) >= {"message", "type", "param", "code"}, error
    assert isinstance(error["message"], str) and error["message"]
    assert isinstance(error["type"], str)
    if code:
        assert error["code"] == code, error
    return error


def expect_raw(answer, status, closed=True):
    got, headers, body = kit.parse_raw(answer)
    assert got == status, answer[:300]
    if closed:
        assert headers.get("connection", "").lower() == "close"
    assert "error" in json.loads(body), body[:300]


def post(kontor, key, body, **headers):
    with kontor.http(key) as http:
        return http.post(PATH, content=body, headers={
            "content-type": "application/json", **headers})


@pytest.fixture(autouse=True)
def still_serving(kontor, key):
    before = kontor.processes()
    yield
    assert kontor.processes() == before, "a process died"
    assert kontor.chat(key).status_code == 200


# --- bodies ---------------------------------------------------------------

@pytest.mark.parametrize("name,body,code", [
    ("empty", b"", "invalid_json"),
    ("half", good()[:-5], "invalid_json"),
    ("two values", good() + b"{}", "invalid_json"),
    ("a comma", b'{"model":"m-openai",}', "invalid_json"),
    ("a comment", b'{/*x*/"model":"m-openai"}', "invalid_json"),
    ("not an object", b"[1,2]", None),
    ("a string", b'"hi"', None),
    ("NaN", b'{"model":"m-openai","messages":[],"temperature":NaN}',
     "invalid_json"),
    ("nul", b'{"model":"m-openai"\0}', "invalid_json"),
    ("a raw control in a string", b'{"model":"m-\x01openai"}',
     "invalid_json"),
    ("a byte order mark", b"\xef\xbb\xbf" + good(), "invalid_json"),
    ("invalid UTF-8", good().replace(b"hello", b"he\xff\xfello"),
     "invalid_utf8"),
    ("an overlong slash", good().replace(b"hello", b"\xc0\xaf"),
     "invalid_utf8"),
    ("a surrogate", good().replace(b"hello", b"\xed\xa0\x80"),
     "invalid_utf8"),
    ("duplicate model", b'{"model":"m-openai","model":"m-azure",'
     b'"messages":[{"role":"user","content":"x"}]}', "duplicate_key"),
    ("duplicate by escape", b'{"model":"m-openai","mod\\u0065l":"m-azure",'
     b'"messages":[{"role":"user","content":"x"}]}', "duplicate_key"),
    ("deep arrays", good()[:-1] + b',"x":' + b"[" * 100000 +
     b"]" * 100000 + b"}", "json_too_deep"),
    ("deep objects", good()[:-1] + b',"x":' + b'{"a":' * 50000 + b"1" +
     b"}" * 50001, "json_too_deep"),
    ("deep messages", b'{"model":"m-openai","messages":' + b"[" * 100000 +
     b"]" * 100000 + b"}", None),
    ("deep and never closed", b"[" * 1000000, None),
])
def test_a_body_that_is_no_request(kontor, key, name, body, code):
    expect_error(post(kontor, key, body), 400, code)


@pytest.mark.parametrize("name,change", [
    ("no model", {"model": None}), ("model is a number", {"model": 5}),
    ("model is empty", {"model": ""}), ("no messages", {"messages": None}),
    ("messages is a string", {"messages": "hi"}),
    ("no messages at all", {"messages": []}),
    ("stream is a string", {"stream": "yes"}),
    ("n is a string", {"n": "2"}), ("n is negative", {"n": -1}),
    ("a limit beyond belief", {"max_completion_tokens": 10**40}),
    ("a limit below zero", {"max_completion_tokens": -5}),
    ("stream_options is an array", {"stream": True, "stream_options": [1]}),
])
def test_a_field_that_is_wrong(kontor, key, name, change):
    body = {"model": "m-openai",
            "messages": [{"role": "user", "content": "x"}], **change}
    body = {k: v for k, v in body.items() if v is not None}
    expect_error(post(kontor, key, json.dumps(body).encode()), 400)


def test_unknown_fields_pass_and_are_the_providers_affair(kontor, key):
    body = json.loads(good("m-lab"))
    body["some_new_field"] = {"a": [1, 2.50, None]}
    r = post(kontor, key, json.dumps(body).encode())
    assert r.status_code in (200, 400), r.text


def test_an_unknown_model(kontor, key):
    error = expect_error(post(kontor, key, good("gpt-ninety")), 404,
                         "model_not_found")
    assert "gpt-ninety" in error["message"]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml",
                                  "multipart/form-data; boundary=x",
                                  "application/x-www-form-urlencoded"])
def test_another_content_type(kontor, key, kind):
    expect_error(post(kontor, key, good(), **{"content-type": kind}), 415)


def test_a_charset_is_fine(kontor, key):
    r = post(kontor, key, good(),
             **{"content-type": "application/json; charset=UTF-8"})
    assert r.status_code == 200


def test_no_such_path_and_no_such_method(kontor, key):
    with kontor.http(key) as http:
        expect_error(http.post("/v1/chat/completion", json={}), 404)
        expect_error(http.get("/v1/nothing"), 404)
        r = http.get(PATH)
        expect_error(r, 405)
        assert "POST" in r.headers["allow"]


# --- compressed -----------------------------------------------------------

def test_a_gzip_body_is_read(kontor, key):
    r = post(kontor, key, gzip.compress(good()),
             **{"content-encoding": "gzip"})
    assert r.status_code == 200, r.text


@pytest.mark.parametrize("body", [
    gzip.compress(good())[:-12], b"\x1f\x8b\x08garbage", b"",
    zlib.compress(good())])
def test_a_damaged_gzip_body(kontor, key, body):
    expect_error(post(kontor, key, body, **{"content-encoding": "gzip"}), 400)


def test_a_gzip_bomb(kontor, key):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = squeeze.compress(b'{"model":"') + b"".join(
        squeeze.compress(b"a" * (1 << 20)) for _ in range(256))
    bomb += squeeze.flush()
    before = rss(kontor)
    r = post(kontor, key, bomb, **{"content-encoding": "gzip"})
    expect_error(r, r.status_code)
    assert r.status_code in (400, 413)
    assert rss(kontor) - before < 64 << 20


def test_an_unknown_encoding(kontor, key):
    expect_error(post(kontor, key, good(), **{"content-encoding": "br"}), 415)


# --- sizes ----------------------------------------------------------------

def rss(kontor):
    total = 0
    for pid in kontor.of_role("worker"):
        with open(f"/proc/{pid}/statm") as f:
            total += int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def test_a_body_over_the_limit_is_refused_before_it_is_read(kontor, key):
    answer = kit.raw(kontor.address, head(key, length=1 << 33) + b"{")
    expect_raw(answer, 413)


def test_a_chunked_body_over_the_limit(kontor, key):
    block = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    before = rss(kontor)
    answer = kit.raw(kontor.address, None, 30, [
        head(key, "Transfer-Encoding: chunked")] + [block] * 40)
    expect_raw(answer, 413)
    assert rss(kontor) - before < 200 << 20


def test_a_large_body_passes(kontor, key):
    r = kontor.chat(key, "m-openai", "x" * 900_000)
    assert r.status_code == 200, r.text[:300]


def test_headers_over_the_limit(kontor, key):
    for extra in ([f"X-A: {'a' * 70000}"],
                  [f"X-{i}: {'b' * 900}" for i in range(80)]):
        answer = kit.raw(kontor.address, head(key, *extra, length=2) + b"{}")
        expect_raw(answer, 431)


def test_headers_that_never_end_are_bounded(kontor):
    answer = kit.raw(kontor.address, None, 10, [
        b"POST / HTTP/1.1\r\nHost: x\r\n"] + [b"X: " + b"y" * 4000 + b"\r\n"]
        * 40)
    expect_raw(answer, 431)


# --- HTTP itself ----------------------------------------------------------

def framed(*lines, body=b"{}"):
    return ("\r\n".join(["POST " + PATH + " HTTP/1.1", "Host: kontor",
                         *lines]) + "\r\n\r\n").encode("latin-1") + body


@pytest.mark.parametrize("name,data", [
    ("length and chunked", framed("Content-Length: 2",
                                  "Transfer-Encoding: chunked",
                                  body=b"2\r\n{}\r\n0\r\n\r\n")),
    ("two lengths that differ", framed("Content-Length: 2",
                                       "Content-Length: 3")),
    ("two lengths that agree", framed("Content-Length: 2",
                                      "Content-Length: 2")),
    ("a list of lengths", framed("Content-Length: 2, 2")),
    ("a negative length", framed("Content-Length: -2")),
    ("a signed length", framed("Content-Length: +2")),
    ("a hexadecimal length", framed("Content-Length: 0x2")),
    ("an endless length", framed("Content-Length: " + "9" * 40)),
    ("a folded header", framed("X-A: one", " two", "Content-Length: 2")),
    ("a bare CR in a header", framed("X-A: a\rb", "Content-Length: 2")),
    ("a bare LF", b"POST " + PATH.encode() +
     b" HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}"),
    ("a NUL in a header", framed("X-A: a\0b", "Content-Length: 2")),
    ("space before the colon", framed("Content-Length : 2")),
    ("no name", framed(": x", "Content-Length: 2")),
    ("a name with a space", framed("X A: x", "Content-Length: 2")),
    ("an unknown coding", framed("Transfer-Encoding: gzip, chunked")),
    ("chunked is not last", framed("Transfer-Encoding: chunked, gzip")),
    ("chunked twice", framed("Transfer-Encoding: chunked",
                             "Transfer-Encoding: chunked")),
    ("a coding that hides", framed("Transfer-Encoding: \x0bchunked")),
    ("two hosts", framed("Host: other", "Content-Length: 2")),
    ("no host", b"POST " + PATH.encode() +
     b" HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"),
    ("no version", b"POST " + PATH.encode() + b"\r\n\r\n"),
    ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 5 +
     b"\r\n\r\n"),
    ("a space in the target", b"GET /v1/mo dels HTTP/1.1\r\nHost: x\r\n\r\n"),
])
def test_http_that_could_be_read_two_ways(kontor, name, data):
    expect_raw(kit.raw(kontor.address, data), 400)


@pytest.mark.parametrize("body", [
    b"zz\r\n{}\r\n0\r\n\r\n", b"2\n{}\n0\n\n", b"-2\r\n{}\r\n0\r\n\r\n",
    b"0x2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n",
    b"ffffffffffffffffff\r\n{}", b"2 \r\n{}\r\n0\r\n\r\n",
    b"2;" + b"x" * 70000 + b"\r\n{}\r\n0\r\n\r\n", b"\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}\r\n0\r\nContent-Length: 5\r\nX y: z\r\n\r\n"])
def test_a_bad_chunk(kontor, key, body):
    data = head(key, "Transfer-Encoding: chunked") + body
    answer = kit.raw(kontor.address, data)
    status, headers, _ = kit.parse_raw(answer)
    assert status in (400, 413, 431), answer[:200]
    assert headers["connection"].lower() == "close"


def test_nothing_behind_a_refused_request_is_served(kontor, key):
    """The smuggled request of a CL+TE pair gets no answer of its own."""
    inner = head(key, method="GET", path="/v1/models")
    answer = kit.raw(kontor.address, framed(
        "Content-Length: 5", "Transfer-Encoding: chunked",
        body=b"0\r\n\r\n" + inner))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b'"list"' not in answer


def test_pipelined_requests_are_answered_in_order(kontor, key):
    first, second = good(content="[[sim out=3]]"), good("gpt-nowhere")
    answer = kit.raw(kontor.address, None, 5, [
        head(key, length=len(first)) + first +
        head(key, "Connection: close", length=len(second)) + second])
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.index(b" 200 ") < answer.index(b" 404 ")


def test_a_request_in_single_bytes(kontor, key):
    body = good(content="slow [[sim out=3]]")
    data = head(key, "Connection: close", length=len(body)) + body
    answer = kit.raw(kontor.address, None, 20,
                     [data[i:i + 1] for i in range(len(data))])
    assert kit.parse_raw(answer)[0] == 200


def test_expect_continue(kontor, key):
    body = good(content="[[sim out=3]]")
    answer = kit.raw(kontor.address, None, 5, [
        head(key, "Expect: 100-continue", "Connection: close",
             length=len(body)), body])
    assert b" 200 " in answer


def test_a_client_that_leaves_in_the_middle_of_its_body(kontor, key, sim):
    workers, sent = kontor.of_role("worker"), len(sim.attempts())
    for _ in range(20):
        with socket.create_connection(kontor.address) as s:
            s.sendall(head(key, length=1000) + b'{"model":')
    for _ in range(20):  # whichever worker it comes to
        assert kontor.chat(key).status_code == 200
    assert kontor.of_role("worker") == workers
    assert len(sim.attempts()) == sent + 20


# --- what the provider sends ----------------------------------------------

UNARY = ["garbage", "html", "html502", "wrongtype", "gzipbomb", "badchunk",
         "dupcl", "midlength", "reset:40", "bigline", "slow"]
STREAM = ["garbage", "html", "html502", "wrongtype", "gzipbomb", "badchunk",
          "dupcl", "midlength", "reset:300", "halfevent:3", "badevent:3",
          "errevent:3", "bigline", "cut:3", "hangmid:3", "slow"]
OK = {"gzip", "lateusage", "emptychoices", "nousage"}


@pytest.mark.parametrize("fault", UNARY)
def test_a_provider_that_sends_rubbish(kontor, key, sim, solo, fault):
    before = rss(kontor)
    r = kontor.chat(key, solo, f"[[sim out=20 fault={fault}]]")
    if r.status_code == 200:  # good JSON before the fault showed
        assert fault in ("bigline", "badchunk", "midlength", "reset:40")
    else:
        assert r.status_code in (502, 504), (r.status_code, r.text)
        expect_error(r, r.status_code)
    told = kontor.explain(r.headers["x-kontor-request-id"])
    assert told["attempts"][0]["resolution"] in (
        "void", "unknown", "estimated", "booked")
    assert rss(kontor) - before < 96 << 20


@pytest.mark.parametrize("fault", STREAM)
def test_a_provider_that_streams_rubbish(kontor, key, sim, solo, fault):
    before = rss(kontor)
    body = json.dumps({"model": solo, "stream": True, "messages": [{
        "role": "user", "content": f"[[sim out=20 fault={fault}]]"}]}).encode()
    answer = kit.raw(kontor.address, head(
        key, "Connection: close", length=len(body)) + body, 30)
    status, headers, rest = kit.parse_raw(answer)
    assert status in (200, 502, 504), answer[:300]
    if status != 200:
        assert "error" in json.loads(rest)
    elif fault not in ("bigline", "midlength"):  # [DONE] came before it
        # Neither an end of the chunks nor [DONE] as if all were well,
        # unless the break itself was told inside the stream.
        whole = rest.endswith(b"0\r\n\r\n") and b"[DONE]" in rest
        assert not whole or b'"error"' in rest, rest[-300:]
    told = kontor.explain(headers["x-kontor-request-id"])
    assert told["attempts"][0]["resolution"] in ("unknown", "estimated",
                                                 "void", "booked")
    assert rss(kontor) - before < 96 << 20


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("fault", sorted(OK))
def test_an_odd_answer_that_is_still_one(
        kontor, key, sim, solo, fault, stream):
    with kontor.http(key, timeout=60) as http:
        r = http.post(PATH, json={
            "model": solo, "stream": stream, "messages": [{
                "role": "user",
                "content": f"[[sim out=6 fault={fault}]]"}]})
    assert r.status_code == 200, r.text
    row = kontor.explain(r.headers["x-kontor-request-id"])["attempts"][0]
    assert row["resolution"] == (
        "estimated" if fault == "nousage" else "booked"), row


@pytest.mark.parametrize("lie,resolution", [
    ("missing", "estimated"), ("null", "estimated"),
    ("negative", "estimated"), ("strings", "estimated"),
    ("over", None)])
def test_usage_that_lies(kontor, key, solo, lie, resolution):
    r = kontor.chat(key, solo, f"[[sim out=6 usage={lie}]]")
    assert r.status_code == 200, r.text
    row = kontor.explain(r.headers["x-kontor-request-id"])["attempts"][0]
    assert row["resolution"] in (resolution, "unknown") or \
        resolution is None, row
    assert float(row["settled"]) > 0


def test_the_books_are_whole_afterwards(kontor):
    kontor.verify()


@pytest.mark.parametrize("path,status", [
    ("/api/v1/keys", 401), ("/api/v1/none", 404), ("/api/v1/usage", 405)])
def test_the_console_awaits_no_strangers_body(kontor, path, status):
    host, port = kontor.admin[7:].split(":")
    answer = kit.raw((host, int(port)), (
        f"POST {path} HTTP/1.1\r\nHost: k\r\nContent-Type: application/json"
        "\r\nContent-Length: 900000\r\n\r\n{").encode())
    got, headers, _ = kit.parse_raw(answer)
    assert got == status and headers["connection"] == "close", answer[:300]
    assert status != 405 or "GET" in headers["allow"]


def test_sign_ins_leave_the_console_room_for_who_has(kontor):
    """Bodies of callers who have not signed in end at 4 MiB."""
    host, port = kontor.admin[7:].split(":")
    half = (b"POST /api/v1/session HTTP/1.1\r\nHost: k\r\nContent-Type: "
            b"application/json\r\nContent-Length: 1000000\r\n\r\n" +
            b" " * 900000)
    held, answer = [], b""
    while not answer:
        s = socket.create_connection((host, int(port)), timeout=10)
        s.settimeout(0.2)
        held.append(s)
        assert len(held) < 9
        with contextlib.suppress(TimeoutError):
            s.sendall(half)
            answer = s.recv(4096)
    assert b" 429 " in answer[:20], answer[:300]
    token = (kontor.data_dir / "admin.token").read_text().strip()
    # Who has signed in may still send as much as a body may be.
    r = httpx.post(kontor.admin + "/api/v1/keys", content=b" " * 900000 +
                   b'{"name":"large"}', headers={
                       "authorization": f"Bearer {token}",
                       "content-type": "application/json"})
    assert r.status_code in (200, 201), r.text[:300]
    for s in held:
        s.close()


def test_no_body_is_awaited_from_a_caller_without_a_key(kontor):
    """The answer comes while the body has still to be sent."""
    for key in ("", "ktk_nobody", "sk-other"):
        began = time.monotonic()
        answer = kit.raw(kontor.address, head(key, length=30_000_000) + b"{")
        expect_raw(answer, 401)
        assert time.monotonic() - began < 4 * kit.SLOW
