"""What real SDKs were recorded to send, byte for byte, through kontor.

The upstream here is a recorder: it keeps the bytes that arrive, so that the
complete list of edits can be undone and the rest compared by hash.
"""
import base64
import hashlib
import hmac
import json
import re
import time
import urllib.parse

import httpx
import kit
import pytest
import specs
from recorder import MODEL as UPSTREAM, Recorder, dialect_of

FOLDER = kit.SHARED / "captures"
CHAT = re.compile(r"/chat/completions(\?|$)")


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
    """(name, request) of all that was recorded."""
    if not FOLDER.is_dir():
        return []
    return [(f"{path.stem}-{r['seq']}", r)
            for path in sorted(FOLDER.glob("*.json"))
            for r in json.loads(path.read_text()).get("requests", [])]


def model_of(request):
    m = re.match(r"/openai/deployments/([^/]+)/", request["target"])
    return m[1] if m else request["body"]["model"]


EVERY = recorded()
ROWS = [(name, r) for name, r in EVERY
        if r["method"] == "POST" and CHAT.search(r["target"])]


@pytest.fixture(scope="module")
def recorder():
    with Recorder() as r:
        yield r


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
        elif low in ("api-key", "x-api-key", "x-goog-api-key"):
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


# --- every request that was recorded, in every dialect ----------------------

def config(url, folder):
    """Every model that was asked for, at the recorder."""
    rows = {"openai": dict(base_url=url + "/v1"),
            "anthropic": dict(base_url=url), "gemini": dict(base_url=url),
            "bedrock": dict(base_url=url, region="us-east-1")}
    models = {}
    for _, r in EVERY:
        name = model_asked(r)
        if name is None or name in models:
            continue
        provider = "bedrock" if r["target"].startswith("/model/") else \
            "gemini" if re.search("gemini", name) else \
            "anthropic" if "claude" in name else "openai"
        models[name] = {
            "publisher": "anthropic" if "claude" in name else
            {"bedrock": "amazon", "gemini": "google"}.get(provider, "openai"),
            "deployments": [{
                "id": "d%d" % len(models), "provider": provider,
                "name": UPSTREAM, "context": 100000, "max_output": 10000}]}
    return {
        "version": 1, "data_dir": str(folder / "data"), "workers": 1,
        "listen": {
            "gateway": {"address": f"127.0.0.1:{kit.free_port()}"},
            "admin": {"address": f"127.0.0.1:{kit.free_port()}"}},
        "providers": {k: {"type": k, "auth": {"api_key": "${SIM_LAB}"}, **v}
                      for k, v in rows.items()},
        "models": models,
        "prices": [{"provider": p, "model": UPSTREAM, "input": "1",
                    "output": "1"} for p in rows]}


def model_asked(request):
    """None: it is no call of a model."""
    target = urllib.parse.unquote(request["target"])
    for pattern in (r"^/model/(.+)/(?:converse|invoke|count-tokens)",
                    r"/models/([^/:]+):", r"^/openai/deployments/([^/]+)/",
                    r"/v1/models/([^/?]+)$"):
        if m := re.search(pattern, target):
            return m[1]
    body = request.get("body")
    return body.get("model") if isinstance(body, dict) else None


# What kontor serves of it, and how it says that the rest is not here.
SERVED = re.compile(
    r"/(chat/completions|responses|messages|messages/count_tokens|embeddings"
    r"|converse|converse-stream|invoke|invoke-with-response-stream"
    r"|count-tokens)$|:(generateContent|streamGenerateContent|countTokens"
    r"|embedContent|batchEmbedContents|predict)$")
LISTS = re.compile(r"/models(/[^/:]+)?$")


def path_of(request):
    return request["target"].split("?")[0]


def signed(request):
    return "AWS4-HMAC" in str(request["headers"])


def shape_of(request, answer):
    """Whose words an error is said in."""
    if not answer:
        return "none"
    answer = json.loads(answer)
    if answer.get("type") == "error":
        return "anthropic"
    if "error" not in answer:
        return "aws" if answer["message"] else None
    return "google" if "status" in answer["error"] else \
        "openai" if "param" in answer["error"] else None


def expected_shape(request):
    names = {n.lower() for n, _ in request["headers"]}
    path = path_of(request)
    return ("none" if request["method"] == "HEAD" else
            "anthropic" if "anthropic-version" in names else
            "google" if names & {"x-goog-api-key", "x-goog-api-client"} else
            "aws" if "amz-sdk-invocation-id" in names else
            "openai")


@pytest.fixture(scope="module")
def every(recorder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("every")
    with kit.Kontor(folder, config(recorder.url, folder)) as kontor:
        pair = kontor.key("replay", aws=True)
        kontor.suite_key = pair["key"]
        kontor.suite_pair = (pair["aws_access_key_id"],
                             pair["aws_secret_access_key"])
        yield kontor
        kontor.verify()


def send_h2(kontor, request, body):
    """As the AWS SDK does: HTTP/2 from the first byte."""
    headers = [(n, v) for n, v in request["headers"]
               if n[0] != ":" and n.lower() != "content-length"]
    with httpx.Client(http1=False, http2=True, timeout=15) as http:
        r = http.post(kontor.gateway + path_of(request), content=body,
                      headers=[(n, f"Bearer {kontor.suite_key}"
                                if n.lower() == "authorization" else v)
                               for n, v in headers])
    assert r.http_version == "HTTP/2"
    return r.status_code, r.headers, r.content


def replay(kontor, request, body):
    if request["httpVersion"].startswith("2"):
        return send_h2(kontor, request, body)
    names = {n.lower() for n, _ in request["headers"]}
    if not names & {"authorization", "api-key", "x-api-key",
                    "x-goog-api-key"}:  # one who skips signing in
        request = {**request, "headers": [
            *request["headers"], ["x-api-key", ""]]}
    return kit.parse_raw(send(kontor, request, body))


def same_but_the_model(sent, original):
    """Bytes pass, with the provider's name of the model."""
    name = json.dumps(UPSTREAM).encode()
    if name in sent and name not in original:
        asked = json.loads(original)["model"]
        sent = sent.replace(name, json.dumps(asked).encode(), 1)
    assert sent == original, (original, sent)


@pytest.mark.parametrize("request_", [r for _, r in EVERY],
                         ids=[n for n, _ in EVERY])
def test_each_recorded_request_has_its_answer(every, recorder, request_):
    body, path = body_of(request_), path_of(request_)
    before = len(recorder.seen)
    status, headers, answer = replay(every, request_, body)
    if request_["method"] == "GET" and LISTS.search(path):
        assert status == 200, answer
        shape = expected_shape(request_)
        rows = json.loads(answer)
        if "/models/" in path:
            assert rows["name" if shape == "google" else "id"]
        else:
            assert rows["models" if shape == "google" else "data"]
            assert ("has_more" in rows) == (shape == "anthropic")
    elif request_["method"] == "GET" and path == "/v1/responses":
        assert status == 426 and shape_of(request_, answer) == "openai"
    elif request_["method"] != "POST" or not SERVED.search(path):
        assert status in (404, 405), answer
        assert shape_of(request_, answer) == expected_shape(request_), answer
        assert len(recorder.seen) == before
    else:
        assert status == 200, answer
        called(recorder, before, request_, body)


def called(recorder, before, request, body):
    """It came to the provider as what it was, or translated."""
    if path_of(request).endswith("/count-tokens"):
        # An id that is not Claude's: nobody at Bedrock counts for it.
        assert len(recorder.seen) == before
        return
    assert len(recorder.seen) == before + 1
    _, target, _, sent = recorder.seen[-1]
    asked, spoken = dialect_of(path_of(request)), dialect_of(target)
    if asked == "openai-chat":
        return  # above, with its edits
    if asked == spoken and asked not in ("gemini-embed", "vertex-predict"):
        same_but_the_model(sent, body)
    elif "embed" not in spoken and specs.available():
        wrong = specs.check(spoken, json.loads(sent))
        assert not wrong, wrong


ANEW = [(n, r) for n, r in EVERY
        if signed(r) and SERVED.search(path_of(r))]


def test_signed_requests_are_among_them():
    if not FOLDER.is_dir():
        pytest.skip(f"no {FOLDER}")
    assert len(ANEW) >= 20


@pytest.mark.parametrize("request_", [r for _, r in ANEW],
                         ids=[n for n, _ in ANEW])
def test_a_recorded_signature_is_not_ours_and_one_anew_is(every, recorder,
                                                          request_):
    """The same headers signed, with a pair of ours and today's date."""
    body = body_of(request_)
    head = {n.lower(): v for n, v in request_["headers"] if n[0] != ":"}
    head["host"] = "%s:%d" % every.address
    for name, value in (("connection", "close"),
                        ("content-length", str(len(body)))):
        head[name] = value
    status, _, answer = raw_call(every, request_, head, body)
    assert status in (401, 403), answer
    assert shape_of(request_, answer) == (
        "aws" if path_of(request_).startswith("/model/") else
        "anthropic" if "anthropic-version" in head else "openai")
    before = len(recorder.seen)
    sign_anew(every.suite_pair, request_, head, body)
    status, _, answer = raw_call(every, request_, head, body)
    assert status == 200, answer
    called(recorder, before, request_, body)


def raw_call(kontor, request, head, body):
    lines = [f"{request['method']} {request['target']} HTTP/1.1"]
    lines += [f"{n}: {v}" for n, v in head.items()]
    return kit.parse_raw(kit.raw(
        kontor.address, "\r\n".join(lines).encode() + b"\r\n\r\n" + body,
        15))


def sign_anew(pair, request, head, body):
    """AWS's published algorithm, over what the SDK chose to sign."""
    m = re.match(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d+/([^/]+)/([^/]+)/"
                 r"aws4_request, ?SignedHeaders=([^,]+), ?Signature=",
                 head["authorization"])
    region, service = m[1], m[2]
    names = [":authority" if n == ":authority" else n
             for n in m[3].split(";")]
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    head["x-amz-date"] = stamp
    head["amz-sdk-invocation-id"] = request.get("bodySha256", "")[:16] + \
        request["target"][-8:].encode().hex()
    value = {**head, ":authority": head["host"]}
    digest = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(
        [request["method"], urllib.parse.quote(path_of(request), "/-_.~"), ""]
        + [f"{n}:{' '.join(value[n].split())}" for n in names]
        + ["", ";".join(names), digest])
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + pair[1].encode()
    for part in (stamp[:8], region, service, "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    head["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={pair[0]}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={key.hex()}")
