"""kontor-sim as a provider's client sees it: raw HTTP, no SDK, no kontor."""

import concurrent.futures
import contextlib
import datetime
import decimal
import functools
import gzip
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KONTOR_BUILD", ROOT / "build"))
SHARED = pathlib.Path(os.environ.get("KONTOR_SHARED", ROOT.parent / "shared"))
CANDIDATES = [BUILD / "kontor-sim", BUILD / "sim" / "kontor-sim"]
SIM = next((p for p in CANDIDATES if p.is_file()), CANDIDATES[0])
CHAT_SCHEMA = SHARED / "specs/openai/chat.schema.json"

OPENAI = {"authorization": "Bearer sk-sim-openai"}
AZURE = {"api-key": "sim-azure-key"}
BEDROCK = {"authorization": "Bearer sim-bedrock-api-key"}
LAB = {"authorization": "Bearer sim-lab-key"}

CHAT = "/v1/chat/completions"
CLOUD_CHAT = "/openai/v1/chat/completions"
CLASSIC = "/openai/deployments/gpt-prod/chat/completions?api-version=2024-10-21"

# One good place per account: path, headers, model.
PLACES = {
    "openai": (CHAT, OPENAI, "gpt-5.4"),
    "azure": (CLASSIC, AZURE, "gpt-prod"),
    "azure-v1": (CLOUD_CHAT, AZURE, "gpt-prod"),
    "bedrock": (CLOUD_CHAT, BEDROCK, "openai.gpt-5.4"),
    "lab": (CHAT, LAB, "gpt-oss-120b"),
}


class Sim:
    def __init__(self):
        self.process = subprocess.Popen(
            [str(SIM), "--quiet", "--stdin-watch"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        assert ready["pid"] == self.process.pid
        self.url = ready["url"]
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(5) == 0
        self.process.stdout.close()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def call(self, method, path, headers=None, body=None):
        with contextlib.closing(self.connect()) as c:
            headers = dict(headers or {})
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            if body is not None:
                headers.setdefault("content-type", "application/json")
            c.request(method, path, body, headers)
            answer = c.getresponse()
            return answer.status, answer.headers, answer.read()

    def chat(self, body, place="openai"):
        path, headers, model = PLACES[place]
        return self.call("POST", path, headers, {"model": model, **body})

    def control(self, method, path, body=None):
        status, _, data = self.call(method, path, body=body)
        assert status == 200, data
        return json.loads(data)

    def stats(self, name="openai"):
        rows = self.control("GET", "/sim/stats")["credentials"]
        return next(r for r in rows if r["credential"] == name)

    def attempts(self):
        return self.control("GET", "/sim/attempts?limit=100000")["attempts"]


@pytest.fixture(scope="module")
def running():
    if not SIM.is_file():
        pytest.fail(f"{SIM} is not built")
    sim = Sim()
    yield sim
    sim.stop()


@pytest.fixture
def sim(running):
    running.control("POST", "/sim/reset")
    return running


def say(text, **more):
    return {"messages": [{"role": "user", "content": text}], **more}


def events(data):
    """The data of each event; the stream must end as OpenAI's do."""
    parts = data.decode().split("\n\n")
    assert parts[-1] == ""
    assert all(p.startswith("data: ") for p in parts[:-1])
    parts = [p[6:] for p in parts[:-1]]
    assert parts[-1] == "[DONE]"
    return [json.loads(p) for p in parts[:-1]]


def stream(sim, body, place="openai"):
    status, headers, data = sim.chat(
        {"stream": True, "stream_options": {"include_usage": True}, **body},
        place)
    assert status == 200, data
    assert headers["content-type"].startswith("text/event-stream")
    return events(data)


def text_of(chunks, index=0):
    return "".join(c["delta"].get("content") or "" for e in chunks
                   for c in e["choices"] if c["index"] == index)


@functools.cache
def validator(name):
    jsonschema = pytest.importorskip("jsonschema")
    if not CHAT_SCHEMA.is_file():
        pytest.skip(f"no {CHAT_SCHEMA}")
    definitions = json.loads(CHAT_SCHEMA.read_text())["definitions"]
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/definitions/{name}", "definitions": definitions})


def validate(value, name):
    validator(name).validate(value)


WEATHER = {"type": "function", "function": {
    "name": "get_weather", "strict": True, "parameters": {
        "type": "object", "additionalProperties": False,
        "required": ["city", "unit", "days"],
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["C", "F"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 7}}}}}
CLOCK = {"type": "function", "function": {"name": "clock"}}


# --- good answers ----------------------------------------------------------

@pytest.mark.parametrize("place", PLACES)
def test_a_unary_answer_has_the_shape_of_the_specification(sim, place):
    status, _, data = sim.chat(say("Hello"), place)
    answer = json.loads(data)
    assert status == 200
    validate(answer, "ChatCompletion")
    usage = answer["usage"]
    assert usage["completion_tokens"] == 24
    words = answer["choices"][0]["message"]["content"].split(" ")
    assert len(words) == usage["completion_tokens"]
    assert ("content_filter_results" in answer["choices"][0]) == (
        place.startswith("azure"))


@pytest.mark.parametrize("place", PLACES)
def test_a_stream_is_the_unary_answer_word_by_word(sim, place):
    unary = json.loads(sim.chat(say("Hello"), place)[2])
    chunks = stream(sim, say("Hello"), place)
    if place.startswith("azure"):
        assert chunks[0]["choices"] == [] and chunks[0]["prompt_filter_results"]
        chunks = chunks[1:]
    for chunk in chunks:
        validate(chunk, "ChatCompletionChunk")
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert text_of(chunks) == unary["choices"][0]["message"]["content"]
    assert len([c for c in chunks if c["choices"]
                and c["choices"][0]["delta"].get("content")]) == 24
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == unary["usage"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert all(c.get("usage") is None for c in chunks[:-1])


def test_no_usage_is_streamed_unless_asked(sim):
    chunks = stream(sim, say("Hello", stream_options={}))
    assert not any("usage" in c for c in chunks)
    assert all("obfuscation" in c for c in chunks)
    chunks = stream(sim, say(
        "Hello", stream_options={"include_obfuscation": False}))
    assert not any("obfuscation" in c for c in chunks)


def test_the_output_limit_cuts_with_length(sim):
    answer = json.loads(sim.chat(say("Hi", max_completion_tokens=5))[2])
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5
    answer = json.loads(sim.chat(say("Hi [[sim out=5]]",
                                     max_completion_tokens=5))[2])
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_every_choice_is_counted(sim):
    answer = json.loads(sim.chat(say("Hi [[sim out=6]]", n=3))[2])
    assert [c["index"] for c in answer["choices"]] == [0, 1, 2]
    assert len({c["message"]["content"] for c in answer["choices"]}) == 3
    assert answer["usage"]["completion_tokens"] == 18
    chunks = stream(sim, say("Hi [[sim out=6]]", n=3))
    for i in range(3):
        assert text_of(chunks, i) == (
            answer["choices"][i]["message"]["content"])


def test_reasoning_is_part_of_the_output(sim):
    answer = json.loads(sim.chat(say("Hi", reasoning_effort="high"))[2])
    usage = answer["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 16
    assert usage["completion_tokens"] == 40
    answer = json.loads(sim.chat(say("Hi", reasoning_effort="high",
                                     max_completion_tokens=10))[2])
    assert answer["usage"]["completion_tokens"] == 10
    assert answer["choices"][0]["message"]["content"] == ""
    assert answer["choices"][0]["finish_reason"] == "length"


def test_input_is_never_more_than_the_bytes_and_eight_a_message(sim):
    for text in ("", "a", "ab" * 1000, "\u00e9\u20ac" * 50):
        answer = json.loads(sim.chat(say(text))[2])
        assert answer["usage"]["prompt_tokens"] <= len(text.encode()) + 8


def test_stop_ends_before_the_sequence(sim):
    whole = json.loads(sim.chat(say("Hi"))[2])
    words = whole["choices"][0]["message"]["content"].split(" ")
    cut = json.loads(sim.chat(say("Hi", stop=[words[4]]))[2])
    assert words[4] not in cut["choices"][0]["message"]["content"]
    assert cut["choices"][0]["finish_reason"] == "stop"


def test_logprobs_are_given_when_asked(sim):
    answer = json.loads(sim.chat(
        say("Hi", logprobs=True, top_logprobs=2, max_completion_tokens=3))[2])
    validate(answer, "ChatCompletion")
    tokens = answer["choices"][0]["logprobs"]["content"]
    assert "".join(t["token"] for t in tokens) == (
        answer["choices"][0]["message"]["content"])
    assert all(len(t["top_logprobs"]) == 2 for t in tokens)
    for chunk in stream(sim, say("Hi", logprobs=True)):
        validate(chunk, "ChatCompletionChunk")


# --- tools and structured output -------------------------------------------

@pytest.mark.parametrize("interleave", [0, 1])
@pytest.mark.parametrize("place", PLACES)
def test_parallel_calls_stream_in_fragments(sim, place, interleave):
    body = say(f"Weather? [[sim tools=3 interleave={interleave}]]",
               tools=[WEATHER, CLOCK])
    unary = json.loads(sim.chat(body, place)[2])
    validate(unary, "ChatCompletion")
    calls = unary["choices"][0]["message"]["tool_calls"]
    assert [c["function"]["name"] for c in calls] == [
        "get_weather", "clock", "get_weather"]
    assert len({c["id"] for c in calls}) == 3
    assert unary["choices"][0]["finish_reason"] == "tool_calls"
    arguments = json.loads(calls[0]["function"]["arguments"])
    assert arguments["unit"] in "CF" and 1 <= arguments["days"] <= 7
    made, order = {}, []
    for chunk in stream(sim, body, place):
        for choice in chunk["choices"]:
            for f in choice["delta"].get("tool_calls", []):
                order.append(f["index"])
                made.setdefault(f["index"], {"text": ""})
                made[f["index"]]["text"] += f["function"]["arguments"]
                if "id" in f:
                    made[f["index"]]["id"] = f["id"]
                    assert f["function"]["name"]
    assert [made[i]["text"] for i in range(3)] == [
        c["function"]["arguments"] for c in calls]
    assert [made[i]["id"] for i in range(3)] == [c["id"] for c in calls]
    assert (order != sorted(order)) == bool(interleave)


def test_tool_choice_is_obeyed(sim):
    def called(**more):
        answer = json.loads(sim.chat(
            say("x [[sim tools=2]]", tools=[WEATHER, CLOCK], **more))[2])
        calls = answer["choices"][0]["message"].get("tool_calls", [])
        return [c["function"]["name"] for c in calls]

    named = {"type": "function", "function": {"name": "clock"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {
        "mode": "required", "tools": [named]}}
    assert called(tool_choice="none") == []
    assert called(tool_choice="required") == ["get_weather", "clock"]
    assert called(tool_choice=named) == ["clock", "clock"]
    assert called(tool_choice=allowed) == ["clock", "clock"]
    assert called(parallel_tool_calls=False) == ["get_weather"]


def test_after_the_results_comes_text(sim):
    first = json.loads(sim.chat(say("x", tools=[WEATHER]))[2])
    message = first["choices"][0]["message"]
    history = [{"role": "user", "content": "x"},
               {k: message[k] for k in ("role", "content", "tool_calls")},
               {"role": "tool", "content": "20",
                "tool_call_id": message["tool_calls"][0]["id"]}]
    second = json.loads(sim.chat({"messages": history, "tools": [WEATHER]})[2])
    assert second["choices"][0]["message"]["content"]
    assert second["choices"][0]["finish_reason"] == "stop"


def test_structured_output_conforms_to_its_schema(sim):
    schema = {
        "type": "object", "additionalProperties": False,
        "required": ["name", "tags", "next", "kind", "score", "when"],
        "properties": {
            "name": {"type": "string", "minLength": 3, "maxLength": 8},
            "tags": {"type": "array", "items": {"type": "string"},
                     "minItems": 2, "maxItems": 3},
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "score": {"type": "number", "minimum": 0},
            "when": {"type": ["string", "null"], "format": "date"}}}
    fmt = {"type": "json_schema", "json_schema": {
        "name": "thing", "strict": True, "schema": schema}}
    jsonschema = pytest.importorskip("jsonschema")
    for i in range(20):
        answer = json.loads(sim.chat(
            say(f"make one {i}", response_format=fmt))[2])
        value = json.loads(answer["choices"][0]["message"]["content"])
        jsonschema.validate(value, schema)
    chunks = stream(sim, say("make one 19", response_format=fmt))
    assert json.loads(text_of(chunks)) == value
    free = json.loads(sim.chat(say(
        "json", response_format={"type": "json_object"}))[2])
    assert isinstance(
        json.loads(free["choices"][0]["message"]["content"]), dict)


# --- who may call ----------------------------------------------------------

def sign(body, when=None, **change):
    """SigV4 as the specification has it, with parts to change."""
    when = when or datetime.datetime.now(datetime.timezone.utc)
    who = {"key": "AKIASIMBEDROCK00001", "secret": "sim/bedrock/secret",
           "region": "us-east-1", "service": "bedrock",
           "host": "127.0.0.1", **change}
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    scope = f"{stamp[:8]}/{who['region']}/{who['service']}/aws4_request"
    names = "content-type;host;x-amz-content-sha256;x-amz-date"
    canonical = "\n".join([
        "POST", CLOUD_CHAT, "", "content-type:application/json",
        f"host:{who['host']}", f"x-amz-content-sha256:{digest}",
        f"x-amz-date:{stamp}", "", names, digest])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + who["secret"]).encode()
    for part in scope.split("/") + [text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return {"host": who["host"], "content-type": "application/json",
            "x-amz-date": stamp, "x-amz-content-sha256": digest,
            "authorization": f"AWS4-HMAC-SHA256 Credential={who['key']}/"
                             f"{scope}, SignedHeaders={names}, "
                             f"Signature={key.hex()}"}


def test_a_signed_call_is_served_and_a_wrong_one_is_not(sim):
    body = json.dumps(say("Hi", model="openai.gpt-5.4")).encode()
    old = (datetime.datetime.now(datetime.timezone.utc)
           - datetime.timedelta(minutes=6))
    good = sim.call("POST", CLOUD_CHAT, sign(body), body)
    assert good[0] == 200 and good[1]["x-amzn-requestid"]
    for headers in (sign(body, secret="other"), sign(body, region="eu-west-1"),
                    sign(body, service="bedrock-mantle"), sign(body, when=old),
                    sign(body, key="AKIANOBODY"), sign(body + b" ")):
        status, answer, data = sim.call("POST", CLOUD_CHAT, headers, body)
        assert status == 403
        assert answer["x-amzn-errortype"]
        assert json.loads(data)["message"]
    wrong = sim.call("POST", CLOUD_CHAT, sign(body, secret="x"), body)[2]
    assert b"The request signature we calculated does not match" in wrong
    assert sim.stats("bedrock")["received"] == 1


def test_each_provider_refuses_a_wrong_key_its_own_way(sim):
    bearer = {"authorization": "Bearer wrong"}
    status, _, data = sim.call("POST", CHAT, bearer, say("x", model="gpt-5.4"))
    assert (status, json.loads(data)["error"]["code"]) == (
        401, "invalid_api_key")
    status, _, data = sim.call("POST", CLASSIC, {"api-key": "no"}, say("x"))
    assert (status, json.loads(data)["error"]["code"]) == (401, "401")
    status, headers, data = sim.call("POST", CLOUD_CHAT, bearer, say("x"))
    assert status == 403 and "message" in json.loads(data)
    status, headers, data = sim.call("POST", CLOUD_CHAT, {}, say("x"))
    assert status == 403
    assert headers["x-amzn-errortype"].startswith("MissingAuthentication")
    status, _, data = sim.call("POST", CHAT, {}, say("x"))
    assert status == 401
    assert sim.control("GET", "/sim/stats")["rejected"] == 5


def test_a_wrong_path_is_the_providers_404(sim):
    body = say("x", model="gpt-5.4")
    assert sim.call("POST", CLOUD_CHAT, OPENAI, body)[0] == 404
    assert sim.call("POST", CHAT, BEDROCK, body)[0] == 404
    for path in (CHAT, CLASSIC.split("?")[0],
                 CLASSIC.split("?")[0] + "?api-version=latest"):
        status, _, data = sim.call("POST", path, AZURE, body)
        assert status == 404
        assert json.loads(data)["error"]["message"] == "Resource not found"
    status, _, data = sim.call("POST", CLASSIC.replace("prod", "none"), AZURE,
                               body)
    assert json.loads(data)["error"]["code"] == "DeploymentNotFound"
    status, _, data = sim.chat(say("x", model="gpt-9"))
    assert (status, json.loads(data)["error"]["code"]) == (
        404, "model_not_found")


def test_models_are_listed_for_the_account_that_asks(sim):
    def ids(path, headers):
        return [m["id"] for m in
                json.loads(sim.call("GET", path, headers)[2])["data"]]

    assert "gpt-5.4" in ids("/v1/models", OPENAI)
    assert "openai.gpt-5.4" in ids("/openai/v1/models", BEDROCK)
    assert ids("/v1/models", LAB) == ["gpt-oss-120b"]
    assert sim.call("GET", "/v1/models/gpt-5.4", OPENAI)[0] == 200
    assert sim.call("GET", "/v1/models/gpt-9", OPENAI)[0] == 404


def test_a_gateway_key_is_a_leak(sim):
    status, _, data = sim.call(
        "POST", CHAT, {**OPENAI, "x-other": "a ktk_abc"},
        say("x", model="gpt-5.4"))
    assert (status, json.loads(data)["error"]["code"]) == (
        400, "leaked_gateway_key")
    assert sim.stats()["leaks"] == 1
    assert sim.stats()["received"] == 0


# --- shapes ----------------------------------------------------------------

@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'{"model":"gpt-5.4","model":"gpt-5.4","messages":[]}',
    say("x", frobnicate=1), say("x", max_tokens=5), say("x", n=0),
    say("x", temperature=3), say("x", stream_options={"include_usage": True}),
    {"messages": []},
    {"messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]},
])
def test_what_is_misshapen_is_a_400_in_openais_words(sim, body):
    if isinstance(body, dict):
        body = {"model": "gpt-5.4", **body}
    status, _, data = sim.call("POST", CHAT, OPENAI, body)
    error = json.loads(data)["error"]
    assert status == 400
    assert set(error) == {"message", "type", "param", "code"}
    row = sim.attempts()[-1]
    assert (row["status"], row["billed"], row["open"]) == (400, False, False)


def test_a_lenient_server_takes_more(sim):
    assert sim.chat(say("x", top_k=3, max_tokens=4), "lab")[0] == 200
    assert sim.chat(say("x", top_k=3))[0] == 400


# --- faults ----------------------------------------------------------------

@pytest.mark.parametrize("kind", [
    "400", "401", "403", "404", "408", "413", "422", "429", "429q", "500",
    "502", "503", "529"])
@pytest.mark.parametrize("place", ["openai", "azure", "bedrock", "lab"])
def test_an_error_is_a_status_and_costs_nothing(sim, kind, place):
    status, headers, data = sim.chat(say(f"x [[sim fault={kind}]]"), place)
    assert status == int(kind[:3])
    assert json.loads(data)
    assert (headers["retry-after"] is not None) == (kind == "429")
    row = sim.attempts()[-1]
    assert (row["status"], row["billed"]) == (status, False)
    assert sim.stats(row["credential"])["billed"] == 0


def raw(sim, body, read_for=0.5):
    """Everything the socket gives, and how it ended: eof, reset, open."""
    path, headers, model = PLACES["openai"]
    body = json.dumps({"model": model, **body}).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    got = b""
    with socket.create_connection(("127.0.0.1", sim.port)) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\n{head}content-type: "
                  f"application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                  .encode() + body)
        until = time.monotonic() + read_for
        try:
            while (left := until - time.monotonic()) > 0:
                s.settimeout(left)
                piece = s.recv(1 << 20)
                if not piece:
                    return got, "eof"
                got += piece
            return got, "open"
        except TimeoutError:
            return got, "open"
        except ConnectionResetError:
            return got, "reset"


STREAM = {"stream": True, "stream_options": {"include_usage": True}}
# kind, stream, how the connection ends, output tokens billed (None: no bill)
CUTS = [
    ("hang", False, "open", 24), ("hang", True, "open", 24),
    ("reset", False, "reset", 24), ("reset", True, "reset", 24),
    ("down", False, "eof", None), ("down", True, "eof", None),
    ("cut:3", True, "eof", 3), ("cut:0", True, "eof", 0),
    ("cut", False, "eof", 24), ("hangmid:5", True, "open", 5),
    ("hangmid", False, "open", 24), ("halfevent:4", True, "eof", 4),
    ("midlength", False, "eof", 24), ("midlength", True, "eof", 24),
    ("reset:40", False, "reset", 24), ("reset:1000", True, "reset", None),
]


@pytest.mark.parametrize("kind,streams,end,tokens", CUTS)
def test_a_cut_ends_as_named_and_bills_what_was_generated(
        sim, kind, streams, end, tokens):
    body = say(f"x [[sim fault={kind}]]", **(STREAM if streams else {}))
    got, ended = raw(sim, body)
    assert ended == end
    assert b"[DONE]" not in got or kind == "midlength"
    if kind in ("hang", "reset", "down"):
        assert got == b""
    row = sim.attempts()[-1]
    assert row["cut"] == "sim" and not row["open"]
    if kind == "down":
        assert not row["billed"] and sim.stats()["received"] == 0
        return
    assert row["billed"] and row["input_tokens"] > 0
    if tokens is not None:
        assert row["output_tokens"] == tokens
    else:
        assert row["output_tokens"] < 24


def test_spoilt_answers_are_spoilt_as_named(sim):
    def get(kind, **more):
        return raw(sim, say(f"x [[sim fault={kind}]]", **more))

    with pytest.raises(ValueError):
        json.loads(get("garbage")[0].split(b"\r\n\r\n", 1)[1])
    assert b"200 OK" in get("html")[0] and b"<html>" in get("html")[0]
    assert b"502 Bad Gateway" in get("html502")[0].split(b"\r\n")[0]
    assert b"content-type: text/plain" in get("wrongtype")[0]
    assert get("dupcl")[0].count(b"content-length:") == 2
    assert b"\r\n\r\nzz\r\n" in get("badchunk")[0]
    assert b"\r\nzz\r\n" in get("badchunk", **STREAM)[0]
    assert b'"cho\n\n' in get("badevent:2", **STREAM)[0]
    assert b'data: {"error":' in get("errevent:2", **STREAM)[0]
    assert b'"usage":{' not in get("nousage")[0]
    assert b'"usage":{' not in get("nousage", **STREAM)[0]
    assert b'"choices":[]' in get("emptychoices")[0]
    for row in sim.attempts():
        assert row["billed"], row
        want = 2 if row["fault"] == "errevent" else 24
        assert row["output_tokens"] == want


def test_late_usage_rides_on_the_last_content_chunk(sim):
    chunks = stream(sim, say("x [[sim fault=lateusage]]"))
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] == 24


def test_compressed_answers_are_good_gzip(sim):
    status, headers, data = sim.chat(say("x [[sim fault=gzip]]"))
    assert headers["content-encoding"] == "gzip"
    validate(json.loads(gzip.decompress(data)), "ChatCompletion")
    _, headers, data = sim.chat(say("x [[sim fault=gzip]]", **STREAM))
    assert headers["content-encoding"] == "gzip"
    assert events(gzip.decompress(data))[-1]["usage"]
    _, headers, data = sim.chat(say("x [[sim fault=gzipbomb]]"))
    assert len(data) < 4_000_000
    with gzip.GzipFile(fileobj=__import__("io").BytesIO(data)) as bomb:
        size = 0
        while piece := bomb.read(1 << 24):
            size += len(piece)
    assert size == 1 << 30


def test_a_big_line_is_ten_megabytes(sim):
    data = sim.chat(say("x [[sim fault=bigline]]", **STREAM))[2]
    assert max(len(line) for line in data.split(b"\n")) > 10_000_000


def test_slow_and_paced_answers_take_their_time(sim):
    start = time.monotonic()
    stream(sim, say("x [[sim out=10 pace=20 ttft=100]]"))
    took = time.monotonic() - start
    assert 0.25 < took < 2
    got, ended = raw(sim, say("x [[sim fault=slow]]"), read_for=0.2)
    assert ended == "open" or len(got) < 800


def test_usage_can_lie(sim):
    def usage(lie):
        return json.loads(
            sim.chat(say(f"x [[sim usage={lie}]]"))[2]).get("usage", "none")

    assert usage("missing") == "none"
    assert usage("null") is None
    assert usage("wrong")["completion_tokens"] < 0
    over = usage("over")
    assert over["prompt_tokens_details"]["cached_tokens"] > (
        over["prompt_tokens"])
    assert usage("strings")["completion_tokens"] == "24"
    assert all(r["billed"] and r["output_tokens"] == 24 and r["cut"] == "sim"
               for r in sim.attempts())


def test_faults_are_set_listed_counted_and_cleared(sim):
    rule = {"credential": "openai", "fault": "500", "count": 2}
    assert sim.control("POST", "/sim/faults", rule)["faults"][0]["count"] == 2
    codes = [sim.chat(say("x"))[0] for _ in range(3)]
    assert codes == [500, 500, 200]
    assert sim.chat(say("x"), "azure")[0] == 200
    sim.control("POST", "/sim/faults", {"fault": "429", "every": 2})
    codes = [sim.chat(say("x"))[0] for _ in range(4)]
    assert codes == [200, 429, 200, 429]
    assert len(sim.control("GET", "/sim/faults")["faults"]) == 2
    left = sim.control("DELETE", "/sim/faults?credential=openai")["faults"]
    assert [r["fault"] for r in left] == ["429"]
    assert sim.control("DELETE", "/sim/faults")["faults"] == []
    sim.control("POST", "/sim/faults",
                {"credential": "openai", "fault": "down"})
    assert raw(sim, say("x")) == (b"", "eof")
    assert sim.call("POST", "/sim/faults", body={"fault": "no"})[0] == 400


def test_a_directive_can_name_the_account_it_means(sim):
    text = "x [[sim fault@openai=503]]"
    assert sim.chat(say(text))[0] == 503
    assert sim.chat(say(text), "azure")[0] == 200


# --- the books -------------------------------------------------------------

def test_the_bill_is_exact(sim):
    body = say("x" * 400 + "[[sim out=7 cached=30 cache_write=20]]")
    answer = json.loads(sim.chat(body)[2])
    usage = answer["usage"]
    fresh = usage["prompt_tokens"] - 50
    mega = decimal.Decimal(1_000_000)
    want = (fresh * decimal.Decimal("2.50") + 30 * decimal.Decimal("0.25")
            + 20 * decimal.Decimal("2.50") + 7 * decimal.Decimal("15")) / mega
    stats = sim.stats()
    assert decimal.Decimal(stats["cost"]) == want
    assert stats["cached_tokens"] == 30 and stats["cache_write_tokens"] == 20
    assert usage["prompt_tokens_details"]["cached_tokens"] == 30
    sim.chat(say("x [[sim cached=100000]]"))
    row = sim.attempts()[-1]
    assert row["cached_tokens"] == row["input_tokens"]


def test_an_attempt_is_listed_while_it_runs(sim):
    path, headers, model = PLACES["openai"]
    with contextlib.closing(sim.connect()) as c:
        c.request("POST", path, json.dumps(
            {"model": model, **say("x [[sim ttft=300]]")}),
            {**headers, "content-type": "application/json",
             "x-client-request-id": "att-1"})
        time.sleep(0.1)
        row = sim.attempts()[0]
        assert row["open"] and row["attempt"] == "att-1"
        assert sim.stats()["received"] == 1 and sim.stats()["billed"] == 0
        c.getresponse().read()
    row = sim.attempts()[0]
    assert not row["open"] and row["billed"] and row["cut"] == "none"


def settled(sim):
    for _ in range(100):
        rows = sim.attempts()
        if rows and not rows[-1]["open"]:
            return rows[-1]
        time.sleep(0.02)
    raise AssertionError("the row stayed open")


def test_a_client_that_leaves_a_stream_pays_what_was_written(sim):
    raw(sim, say("x [[sim out=50 pace=20]]", **STREAM), read_for=0.015)
    row = settled(sim)
    assert row["cut"] == "client" and row["billed"]
    assert 0 < row["input_tokens"] and row["output_tokens"] < 50


def test_a_client_that_leaves_a_unary_wait_pays_in_full(sim):
    raw(sim, say("x [[sim ttft=2000]]"), read_for=0.05)
    row = settled(sim)
    assert (row["cut"], row["output_tokens"]) == ("client", 24)


def test_attempts_are_paged(sim):
    for _ in range(5):
        sim.chat(say("x"))
    page = sim.control("GET", "/sim/attempts?from=1&limit=2")
    assert [r["n"] for r in page["attempts"]] == [1, 2]
    assert page["next"] == 3
    assert sim.control("GET", "/sim/attempts?from=3")["next"] == 5
    assert sim.control("GET", "/sim/attempts?from=5") == {
        "attempts": [], "next": 5}


def test_keep_alive_pipelining_and_chunked_bodies_are_served(sim):
    body = json.dumps(say("x", model="gpt-5.4"))
    with contextlib.closing(sim.connect()) as c:
        for _ in range(3):
            c.request("POST", CHAT, body,
                      {**OPENAI, "content-type": "application/json"})
            assert c.getresponse().read()
        c.request("POST", CHAT, iter([body[:7].encode(), body[7:].encode()]),
                  {**OPENAI, "content-type": "application/json"},
                  encode_chunked=True)
        assert c.getresponse().status == 200
    one = (f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
           f"sk-sim-openai\r\ncontent-type: application/json\r\n"
           f"content-length: {len(body)}\r\n\r\n{body}").encode()
    with socket.create_connection(("127.0.0.1", sim.port)) as s:
        s.settimeout(0.5)
        s.sendall(one * 3)
        got = b""
        with contextlib.suppress(TimeoutError):
            while piece := s.recv(65536):
                got += piece
    assert got.count(b"HTTP/1.1 200") == 3


def test_it_ends_on_a_signal():
    sim = Sim()
    sim.process.terminate()
    assert sim.process.wait(5) == 0
    sim.process.stdin.close()
    sim.process.stdout.close()


def test_the_manual_shows_the_built_in_configuration():
    text = (ROOT / "docs/simulator.md").read_text()
    shown = json.loads(text.split("```json\n", 1)[1].split("```", 1)[0])
    built_in = subprocess.run([str(SIM), "--print-config"], check=True,
                              capture_output=True).stdout
    assert shown == json.loads(built_in)


def test_the_sums_are_the_rows_whatever_happened(sim):
    kinds = ["", "cut:3", "500", "reset", "429", "halfevent", "nousage"]

    def one(i):
        body = say(f"{i} [[sim out={i % 30} pace={i % 3} "
                   f"fault={kinds[i % len(kinds)]}]]",
                   **(STREAM if i % 2 else {}))
        raw(sim, body, read_for=0.004 if i % 5 == 0 else 1)

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(one, range(400)))
    settled(sim)
    for _ in range(100):
        rows = sim.attempts()
        if not any(r["open"] for r in rows):
            break
        time.sleep(0.02)
    stats = sim.stats()
    billed = [r for r in rows if r["billed"]]
    assert len(rows) == stats["received"] == 400
    assert len(billed) == stats["billed"]
    for key in ("input_tokens", "cached_tokens", "output_tokens"):
        assert sum(r[key] for r in billed) == stats[key]
    assert sum(decimal.Decimal(r["cost"]) for r in billed) == (
        decimal.Decimal(stats["cost"]))
