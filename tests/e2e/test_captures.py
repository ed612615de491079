"""What real SDKs were recorded to send, byte for byte, through kontor.

The upstream here is a recorder: it keeps the bytes that arrive, so that the
complete list of edits can be undone and the rest compared by hash.
"""
import base64
import hashlib
import json
import re
import socketserver
import threading

import kit
import pytest

FOLDER = kit.SHARED / "captures"
CHAT = re.compile(r"/chat/completions(\?|$)")
UPSTREAM = "name-at-the-recorder"


def body_of(request):
    if request.get("bodyBase64"):
        return base64.b64decode(request["bodyBase64"])
    if request.get("body") is None:
        return b""
    if isinstance(request["body"], str):
        return request["body"].encode()
    return json.dumps(request["body"], separators=(",", ":"),
                      ensure_ascii=False).encode()


def recorded():
    """(name, request) of every recorded chat call."""
    if not FOLDER.is_dir():
        return []
    rows = []
    for path in sorted(FOLDER.glob("*.json")):
        for r in json.loads(path.read_text()).get("requests", []):
            if r["method"] == "POST" and CHAT.search(r["target"]):
                rows.append((f"{path.stem}-{r['seq']}", r))
    return rows


def model_of(request):
    m = re.match(r"/openai/deployments/([^/]+)/", request["target"])
    return m[1] if m else request["body"]["model"]


ROWS = recorded()


class Recorder(socketserver.ThreadingTCPServer):
    """Answers any chat call well and remembers how it was asked."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            line = self.rfile.readline()
            if not line:
                return
            method, target, _ = line.decode().split()
            headers = []
            while (line := self.rfile.readline().strip()):
                name, _, value = line.decode("latin-1").partition(":")
                headers.append((name.lower(), value.strip()))
            length = int(dict(headers).get("content-length", 0))
            chunked = dict(headers).get("transfer-encoding") == "chunked"
            body = b""
            while chunked:
                size = int(self.rfile.readline(), 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    break
            body += self.rfile.read(length)
            self.server.seen.append((method, target, headers, body))
            self.wfile.write(self.answer(json.loads(body)))

    def answer(self, body):
        usage = {"prompt_tokens": 5, "completion_tokens": 1,
                 "total_tokens": 6}
        start = {"id": "chatcmpl-1", "created": 1, "model": UPSTREAM}
        if body.get("stream"):
            events = [
                {**start, "object": "chat.completion.chunk", "choices": [{
                    "index": 0, "finish_reason": None,
                    "delta": {"role": "assistant", "content": "Hi"}}]},
                {**start, "object": "chat.completion.chunk", "choices": [{
                    "index": 0, "finish_reason": "stop", "delta": {}}]}]
            if (body.get("stream_options") or {}).get("include_usage"):
                events.append({**start, "object": "chat.completion.chunk",
                               "choices": [], "usage": usage})
            text = "".join(f"data: {json.dumps(e)}\n\n" for e in events)
            text += "data: [DONE]\n\n"
            kind = "text/event-stream"
        else:
            text = json.dumps({
                **start, "object": "chat.completion", "usage": usage,
                "choices": [{"index": 0, "finish_reason": "stop", "message": {
                    "role": "assistant", "content": "Hi"}}]})
            kind = "application/json"
        return (f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(text)}\r\n\r\n{text}").encode()


@pytest.fixture(scope="module")
def recorder():
    with Recorder() as r:
        yield r
        r.shutdown()


@pytest.fixture(scope="module")
def replayer(recorder, sim, tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures")
    config = kit.make_config(sim.url, folder / "data")
    config["providers"]["rec"] = {
        "type": "openai_compatible", "base_url": recorder.url + "/v1",
        "auth": {"api_key": "${SIM_LAB}"}}
    for model in {model_of(r) for _, r in ROWS} | {"plain"}:
        config["models"][model] = {"deployments": [{
            "id": "rec-" + re.sub(r"\W", "-", model), "provider": "rec",
            "name": UPSTREAM, "context": 100000, "max_output": 10000}]}
    config["prices"].append({"provider": "rec", "model": UPSTREAM,
                             "input": "1", "output": "1"})
    with kit.Kontor(folder, config) as kontor:
        kontor.suite_key = kontor.key("replay")["key"]
        yield kontor
        kontor.verify()


def send(kontor, request, body):
    """The recorded head in its order, our address and credential in it."""
    lines = [f"{request['method']} {request['target']} HTTP/1.1"]
    for name, value in request["headers"]:
        low = name.lower()
        if low == "authorization":
            value = f"Bearer {kontor.suite_key}"
        elif low in ("api-key", "x-api-key"):
            value = kontor.suite_key
        elif low == "connection":
            continue
        elif low == "content-length":
            value = str(len(body))
        lines.append(f"{name}: {value}")
    lines.append("connection: close")
    data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
    return kit.raw(kontor.address, data, 15)


def undo(sent, original):
    """sent with the allowed edits taken back, given what was asked."""
    asked = json.loads(original)
    name = json.dumps(UPSTREAM).encode()
    assert sent.count(name) == 1, sent
    if "model" in asked:
        was = next(m for m in re.findall(
            rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")', original)
            if json.loads(m) == asked["model"])
        sent = sent.replace(name, was)
    else:
        sent = re.sub(rb'"model":' + re.escape(name) + rb",?", b"", sent)
    options = asked.get("stream_options")
    if asked.get("stream") and not (options or {}).get("include_usage"):
        if "stream_options" not in asked:
            forms = [rb',"stream_options":\{"include_usage":true\}',
                     rb'"stream_options":\{"include_usage":true\},']
        elif "include_usage" in (options or {}):
            return sent.replace(b'"include_usage":true',
                                b'"include_usage":false')
        elif options is None:
            return sent.replace(b'{"include_usage":true}', b"null")
        else:
            forms = [rb',"include_usage":true', rb'"include_usage":true,?']
        for form in forms:
            less, n = re.subn(form, b"", sent)
            if n:
                assert n == 1
                return less
        raise AssertionError("no usage was asked of the provider")
    return sent


def same_bytes(sent, original):
    assert hashlib.sha256(undo(sent, original)).hexdigest() == \
        hashlib.sha256(original).hexdigest(), (original, sent)


def test_there_are_captures():
    if not FOLDER.is_dir():
        pytest.skip(f"no {FOLDER}")
    assert len(ROWS) >= 15


@pytest.mark.parametrize("request_", [r for _, r in ROWS],
                         ids=[n for n, _ in ROWS])
def test_a_recorded_call_passes_unchanged(replayer, recorder, request_):
    body = body_of(request_)
    assert hashlib.sha256(body).hexdigest() == request_["bodySha256"]
    before = len(recorder.seen)
    status, headers, answer = kit.parse_raw(send(replayer, request_, body))
    assert status == 200, answer
    assert len(recorder.seen) == before + 1
    _, target, upstream, sent = recorder.seen[-1]
    assert target == "/v1/chat/completions"
    same_bytes(sent, body)
    names = dict(upstream)
    assert names["authorization"] == "Bearer " + kit.SECRETS["SIM_LAB"]
    assert names["accept-encoding"] == "identity"
    assert names["x-client-request-id"].startswith(
        headers["x-kontor-request-id"])
    assert replayer.suite_key not in str(upstream)
    for gone in ("api-key", "x-api-key", "cookie", "x-amz-date",
                 "x-amz-security-token"):
        assert gone not in names
    assert len([n for n, _ in upstream if n == "host"]) == 1
    # Usage that we asked for is taken out again for who did not ask.
    asked = (request_["body"].get("stream_options") or {}).get(
        "include_usage")
    if request_["body"].get("stream"):
        assert (b'"usage": {' in answer) == bool(asked)
        assert b"[DONE]" in answer


ODD = [
    b'{"model":"plain","messages":[{"role":"user","content":"\\u00fc \\/"}]}',
    b' {\n  "messages" : [ {"role":"user","content":"a  b"} ] ,\t"model"'
    b' : "plain" , "seed": 1.50e3 }\n',
    b'{"x":{"model":"inner","stream":true},"model":"pl\\u0061in",'
    b'"messages":[{"role":"user","content":"x"}]}',
    b'{"model":"plain","messages":[{"role":"user","content":"\xf0\x9f\x98\x80'
    b'"}],"big":123456789012345678901234567890,"neg":-0.0}',
    b'{"messages":[{"role":"user","content":"x"}],"stream":true,'
    b'"model":"plain"}',
    b'{"stream":true,"stream_options":{},"model":"plain",'
    b'"messages":[{"role":"user","content":"x"}]}',
    b'{"stream":true,"stream_options":{"include_obfuscation":false},'
    b'"model":"plain","messages":[{"role":"user","content":"x"}]}',
    b'{"stream":true,"stream_options":{"include_usage":false},'
    b'"model":"plain","messages":[{"role":"user","content":"x"}]}',
    b'{"stream":true,"stream_options":null,'
    b'"model":"plain","messages":[{"role":"user","content":"x"}]}',
    b'{"stream":true,"stream_options":{"include_usage":true},'
    b'"model":"plain","messages":[{"role":"user","content":"x"}]}',
]


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("split", [0, 1, 7])
def test_odd_spellings_pass_as_they_are(replayer, recorder, body, split):
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
            f"authorization: Bearer {replayer.suite_key}\r\n"
            f"content-type: application/json\r\nconnection: close\r\n")
    if split:
        parts = [body[i:i + split] for i in range(0, len(body), split)]
        chunks = [(head + "transfer-encoding: chunked\r\n\r\n").encode()]
        chunks += [b"%x\r\n%s\r\n" % (len(p), p) for p in parts]
        chunks.append(b"0\r\n\r\n")
    else:
        chunks = [(head + f"content-length: {len(body)}\r\n\r\n").encode(),
                  body]
    answer = kit.raw(replayer.address, None, 15, chunks)
    assert kit.parse_raw(answer)[0] == 200, answer
    same_bytes(recorder.seen[-1][3], body)


def test_recorded_listings(replayer):
    """GET requests of the OpenAI clients that kontor knows."""
    if not FOLDER.is_dir():
        pytest.skip(f"no {FOLDER}")
    n = 0
    for path in sorted(FOLDER.glob("*.json")):
        for r in json.loads(path.read_text()).get("requests", []):
            if r["method"] == "GET" and re.match(
                    r"/(openai/)?(v1/)?models(\?|$)", r["target"]) and \
                    "anthropic-version" not in dict(r["headers"]) and \
                    not any(k.startswith("x-goog") for k, _ in r["headers"]):
                status, _, body = kit.parse_raw(send(replayer, r, b""))
                assert status == 200, (path, body)
                assert json.loads(body)["object"] == "list"
                n += 1
    assert n
