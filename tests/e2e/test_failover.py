"""While one deployment is healthy the caller sees only success."""
import contextlib
import json
import socket
import threading
import time

import httpx
import kit
import openai
import pytest

# How the first provider fails before its first byte.
BEFORE = ["500", "502", "503", "529", "429", "408", "down", "hang", "reset",
          "garbage", "html", "html502", "wrongtype", "gzipbomb", "dupcl",
          "401", "403"]
# Its 4xx are the caller's affair and come back as they are.
PASSED = {"400": openai.BadRequestError, "404": openai.NotFoundError,
          "422": openai.UnprocessableEntityError, "413": openai.APIStatusError}


def sdk(kontor, key, **more):
    return openai.OpenAI(base_url=kontor.gateway + "/v1", api_key=key,
                         max_retries=0, timeout=30 * kit.SLOW, **more)


def ask(text):
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("fault", BEFORE)
def test_the_next_provider_answers(kontor, key, sim, chain, fault, stream):
    raw = sdk(kontor, key).chat.completions.with_raw_response.create(
        model=chain, stream=stream,
        messages=ask(f"Go on. [[sim out=9 fault@openai={fault}]]"))
    answer = raw.parse()
    if stream:
        text = "".join(c.choices[0].delta.content or ""
                       for c in answer if c.choices)
        assert len(text.split()) == 9
    else:
        assert answer.usage.completion_tokens == 9
    request = raw.headers["x-kontor-request-id"]
    told = kontor.explain(request)
    if fault in ("garbage", "wrongtype") and stream and \
            raw.headers["x-kontor-deployment"] == f"{chain}-openai":
        pytest.fail("bytes that are no stream were passed on")
    assert raw.headers["x-kontor-deployment"] == f"{chain}-azure"
    tried = [a["deployment"] for a in told["attempts"]]
    if fault in ("down", "reset"):
        # A kept connection that dies in use may mean no more than that it
        # was old: one more attempt on a new one, then the next provider.
        assert tried in ([f"{chain}-openai"] * n + [f"{chain}-azure"]
                         for n in (1, 2))
    else:
        assert tried == [f"{chain}-openai", f"{chain}-azure"]
    assert {a["resolution"] for a in told["attempts"][:-1]} <= {"void",
                                                                "unknown"}
    assert told["attempts"][-1]["resolution"] == "booked"
    rows = sim.seen(request)
    assert [r["credential"] for r in rows if r["status"] == 200][-1] == \
        "azure"


def test_the_third_answers_when_two_fail(kontor, key, chain):
    raw = sdk(kontor, key).chat.completions.with_raw_response.create(
        model=chain, messages=ask(
            "On. [[sim out=5 fault@openai=500 fault@azure=429]]"))
    assert raw.headers["x-kontor-deployment"] == f"{chain}-bedrock"


def test_nobody_listens_at_the_first(kontor, key):
    for _ in range(8):  # more than a breaker bears
        r = kontor.chat(key, "m-refused")
        assert r.status_code == 200
        assert r.headers["x-kontor-deployment"] == "r-openai"


def test_our_credential_is_wrong_at_the_first(kontor, key):
    r = kontor.chat(key, "m-badkey-then")
    assert r.status_code == 200
    assert r.headers["x-kontor-deployment"] == "bt-openai"


@pytest.mark.parametrize("fault", sorted(PASSED))
def test_a_refusal_is_passed_and_not_retried(
        kontor, key, sim, chain, fault):
    with pytest.raises(PASSED[fault]) as e:
        sdk(kontor, key).chat.completions.create(
            model=chain, messages=ask(f"No. [[sim fault={fault}]]"))
    assert e.value.status_code == int(fault)
    request = e.value.response.headers["x-kontor-request-id"]
    assert len(sim.seen(request)) == 1
    assert kontor.explain(request)["attempts"][0]["resolution"] == "void"


@pytest.mark.parametrize("fault,status,code", [
    ("500", 502, "provider_error"), ("502", 502, None),
    ("401", 502, "provider_credential"), ("403", 502, "provider_credential"),
    ("garbage", 502, "provider_garbage"), ("html", 502, "provider_garbage"),
    ("hang", 504, "provider_timeout"), ("down", 502, None),
    ("reset", 502, "provider_reset"), ("503", 503, None), ("529", 529, None),
    ("429", 429, None),
])
def test_when_all_fail_the_last_fault_is_told(
        kontor, key, solo, fault, status, code):
    r = kontor.chat(key, solo, f"[[sim fault={fault}]]")
    assert r.status_code == status, r.text
    error = r.json()["error"]
    assert set(error) >= {"message", "type", "param", "code"}
    assert error["message"]
    if code is not None:
        assert error["code"] == code
    if fault == "429":
        assert float(r.headers["retry-after"]) >= 1
        assert "Rate limit reached" in error["message"]
    attempt = kontor.explain(r.headers["x-kontor-request-id"])["attempts"]
    assert len(attempt) == 1 or fault in ("down", "reset")
    assert attempt[0]["resolution"] == (
        "unknown" if fault in ("garbage", "html", "hang", "reset")
        else attempt[0]["resolution"])


def test_nobody_listens_anywhere(kontor, key):
    r = kontor.chat(key, "m-closed")
    assert r.status_code == 502
    assert r.json()["error"]["code"] == "provider_unreachable"
    told = kontor.explain(r.headers["x-kontor-request-id"])
    assert told["attempts"][0]["resolution"] == "void"
    assert float(told["settled"]) == 0


def test_a_wrong_credential_of_ours_is_not_the_callers(kontor, key):
    r = kontor.chat(key, "m-badkey")
    assert r.status_code == 502
    assert r.json()["error"]["code"] == "provider_credential"
    assert "sk-nobody" not in r.text


@pytest.mark.parametrize("wait", [0.1, 0.3, 0.9])
def test_who_leaves_a_stream_between_two_providers(
        kontor, key, sim, chain, wait):
    """After the first has failed, before the second has said anything."""
    body = json.dumps({"model": chain, "stream": True, "messages": ask(
        "Go. [[sim out=5 ttft=600 fault@openai=503]]")}).encode()
    workers, start = kontor.of_role("worker"), len(sim.attempts())
    with socket.create_connection(kontor.address) as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: k\r\n"
                  b"Authorization: Bearer %s\r\nContent-Type: "
                  b"application/json\r\nContent-Length: %d\r\n\r\n"
                  % (key.encode(), len(body)) + body)
        time.sleep(wait)

    def left():
        rows = sim.attempts()[start:]
        return [r["status"] for r in rows if not r["open"]] == [503, 200]

    kit.wait_for("both to be rid of the call", left, 10, 0.1)
    assert kontor.of_role("worker") == workers


@pytest.mark.parametrize("fault", ["cut:4", "reset:400", "hangmid:4",
                                   "halfevent:4", "badchunk", "errevent:4"])
def test_after_the_first_byte_nobody_else_is_asked(
        kontor, key, sim, chain, fault):
    body = {"model": chain, "stream": True, "messages": ask(
        f"Break. [[sim out=40 pace=3 ttft=20 fault@openai={fault}]]")}
    text, request = "", None
    with kontor.http(key) as http:
        try:
            with http.stream("POST", "/v1/chat/completions", json=body) as r:
                assert r.status_code == 200
                request = r.headers["x-kontor-request-id"]
                assert r.headers["x-kontor-deployment"] == f"{chain}-openai"
                for part in r.iter_text():
                    text += part
        except httpx.HTTPError:
            pass
    assert "[DONE]" not in text, "a broken stream must not look whole"
    told = kit.wait_for("the books", lambda: (
        lambda t: t if t["attempts"] and t["attempts"][0]["resolution"]
        else None)(kontor.explain(request)))
    assert len(told["attempts"]) == 1
    assert told["attempts"][0]["resolution"] in ("estimated", "unknown")
    assert len(sim.seen(request)) == 1


def test_the_breaker_spares_a_broken_provider(kontor, key, faults, chain):
    faults.fault("500", "openai")
    for i in range(8):
        assert kontor.chat(key, chain, f"{i}").status_code == 200

    def spared():
        # Now and then a call is the probe, and has two attempts.
        r = kontor.chat(key, chain, "spared")
        assert r.status_code == 200
        assert r.headers["x-kontor-deployment"] == f"{chain}-azure"
        told = kontor.explain(r.headers["x-kontor-request-id"])
        first = [c for c in told["candidates"]
                 if c["deployment"] == f"{chain}-openai"][0]
        return len(told["attempts"]) == 1 and not first["kept"] and \
            "resting" in first["why"]
    kit.wait_for("a call that passes it by", spared, 30, 0)
    faults.clear()

    def back():
        r = kontor.chat(key, chain, "again")
        assert r.status_code == 200
        return r.headers["x-kontor-deployment"] == f"{chain}-openai"
    kit.wait_for("the probe to close the breaker", back, 60, 0.2)


def test_when_all_rest_they_are_the_last_resort(kontor, key, faults, solo):
    faults.fault("500", "openai")
    for i in range(8):
        r = kontor.chat(key, solo, f"{i}")
        assert r.status_code in (502, 503)
        assert r.json()["error"]["code"] in ("provider_error",
                                             "provider_unhealthy")
    faults.clear()
    kit.wait_for("the first good call", lambda: kontor.chat(
        key, solo).status_code == 200, 5)


def test_one_tenants_timeouts_do_not_open_the_breaker(kontor, sim, solo):
    key = kontor.key("one tenant")["key"]
    with kontor.http(key, timeout=60 * kit.SLOW) as http:
        for i in range(6):
            r = http.post("/v1/chat/completions", json={
                "model": solo, "messages": ask(f"{i} [[sim fault=hang]]")})
            assert r.status_code == 504
    other = kontor.key("another")["key"]
    assert kontor.chat(other, solo).status_code == 200


def test_weighted_shares(kontor, key):
    seen = {"w-openai": 0, "w-azure": 0}
    with kontor.http(key) as http:
        for i in range(200):
            r = http.post("/v1/chat/completions", json={
                "model": "m-weighted", "messages": ask(f"{i}")})
            seen[r.headers["x-kontor-deployment"]] += 1
    assert 120 <= seen["w-openai"] <= 180, seen


def test_the_sdk_retries_what_it_should(kontor, key, solo):
    """A 429 of the provider reaches the SDK with its retry-after, and the
    SDK's own retry then succeeds."""
    calls = []
    client = openai.OpenAI(base_url=kontor.gateway + "/v1", api_key=key,
                           max_retries=0)
    client._client.event_hooks["response"].append(
        lambda r: calls.append((r.status_code, r.headers.get("retry-after"))))
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(
            model=solo, messages=ask("[[sim fault=429]]"))
    assert calls[0][0] == 429 and calls[0][1] is not None
    began = time.monotonic()
    kit.wait_for("the deployment to be rested", lambda: kontor.chat(
        key, solo).status_code == 200, 10, 0.3)
    assert time.monotonic() - began < 10 * kit.SLOW


@contextlib.contextmanager
def endless_error(pause):
    """A server whose 500 has a body that goes on until it is hung up on."""
    def serve(peer):
        with contextlib.suppress(OSError), peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n"
                         b"Content-Length: 1000000000\r\n\r\n")
            while True:
                peer.sendall(b" " if pause else b" " * 65536)
                time.sleep(pause)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, daemon=True,
                                 args=listener.accept()[:1]).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("pause", [0, 0.1], ids=["flood", "drip"])
def test_an_error_that_does_not_end_keeps_nobody_waiting(
        sim, tmp_path, pause):
    with endless_error(pause) as port:
        config = kit.make_config(sim.url, tmp_path / "data")
        config["providers"]["closed"]["base_url"] = \
            f"http://127.0.0.1:{port}/v1"
        with kit.Kontor(tmp_path, config) as kontor:
            key = kontor.key("k")["key"]
            began = time.monotonic()
            r = kontor.chat(key, "m-refused")
            assert r.status_code == 200
            assert r.headers["x-kontor-deployment"] == "r-openai"
            assert time.monotonic() - began < 10 * kit.SLOW
            kontor.verify()


def test_an_answer_that_helps_is_not_lost_to_a_later_failure(kontor, key,
                                                             chain):
    r = kontor.chat(key, chain, "On. [[sim fault@openai=429 "
                    "fault@azure=reset fault@bedrock=500]]")
    assert r.status_code == 429
    assert int(r.headers["retry-after"]) >= 1
    assert r.headers["x-kontor-deployment"] == f"{chain}-openai"
    assert r.json()["error"]["code"] == "rate_limit_exceeded"


@contextlib.contextmanager
def comment_then_nothing():
    """A server that says it is working on it, and hangs up."""
    def serve(peer):
        with contextlib.suppress(OSError), peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: "
                         b"text/event-stream\r\n\r\n: working\n\n")
            time.sleep(0.2)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, daemon=True,
                                 args=listener.accept()[:1]).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_comment_is_not_the_first_byte(sim, tmp_path):
    with comment_then_nothing() as port:
        config = kit.make_config(sim.url, tmp_path / "data")
        config["providers"]["closed"]["base_url"] = \
            f"http://127.0.0.1:{port}/v1"
        with kit.Kontor(tmp_path, config) as kontor:
            key = kontor.key("k")["key"]
            raw = sdk(kontor, key).chat.completions.with_raw_response.create(
                model="m-refused", stream=True, messages=ask("Hello."))
            assert raw.headers["x-kontor-deployment"] == "r-openai"
            assert any(c.choices for c in raw.parse())
            kontor.verify()
