"""A provider that answers any call well, in the dialect of its path, and
remembers how it was asked."""
import base64
import json
import re
import socketserver
import struct
import threading
import time
import zlib

import kit

PATHS = [
    ("openai-chat", r"/chat/completions(\?|$)"),
    ("openai-responses", r"/responses(\?|$)"),
    ("anthropic-count", r"/messages/count_tokens(\?|$)"),
    ("anthropic-messages", r"/messages(\?|$)"),
    ("gemini-count", r":countTokens(\?|$)"),
    ("gemini", r":(generateContent|streamGenerateContent)(\?|$)"),
    ("bedrock", r"^/model/[^/]+/converse(-stream)?$"),
    ("invoke", r"^/model/[^/]+/invoke(-with-response-stream)?$"),
    ("embeddings", r"/embeddings(\?|$)"),
    ("gemini-embed", r":(embedContent|batchEmbedContents)(\?|$)"),
    ("vertex-predict", r":predict(\?|$)"),
]
MODEL = "name-at-the-recorder"


def dialect_of(target):
    """Of a call's path; None: it is no call of a model."""
    return next((d for d, p in PATHS if re.search(p, target)), None)


def sse(events, named=False, done=False):
    text = "".join((f"event: {e['type']}\n" if named else "") +
                   f"data: {json.dumps(e)}\n\n" for e in events)
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


def chat(body, target):
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    head = {"id": "chatcmpl-1", "created": 1, "model": MODEL}
    if not body.get("stream"):
        return {**head, "object": "chat.completion", "usage": usage,
                "choices": [{"index": 0, "finish_reason": "stop", "message": {
                    "role": "assistant", "content": "Hi"}}]}
    chunk = {**head, "object": "chat.completion.chunk"}
    events = [{**chunk, "choices": [{
        "index": 0, "finish_reason": None,
        "delta": {"role": "assistant", "content": "Hi"}}]},
        {**chunk, "choices": [
            {"index": 0, "finish_reason": "stop", "delta": {}}]}]
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append({**chunk, "choices": [], "usage": usage})
    return sse(events, done=True)


def responses(body, target):
    item = {"type": "message", "id": "msg_1", "role": "assistant",
            "status": "completed", "content": [
                {"type": "output_text", "text": "Hi", "annotations": []}]}
    done = {"id": "resp_1", "object": "response", "status": "completed",
            "created_at": 1, "model": MODEL, "output": [item], "usage": {
                "input_tokens": 5, "output_tokens": 1, "total_tokens": 6,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 0}}}
    if not body.get("stream"):
        return done
    at = {"item_id": "msg_1", "output_index": 0}
    events = [
        {"type": "response.created", "response": {
            **done, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "output_index": 0,
         "item": {**item, "status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **at, "content_index": 0,
         "part": {**item["content"][0], "text": ""}},
        {"type": "response.output_text.delta", **at, "content_index": 0,
         "delta": "Hi"},
        {"type": "response.output_item.done", "output_index": 0,
         "item": item},
        {"type": "response.completed", "response": done}]
    return sse([{**e, "sequence_number": i} for i, e in enumerate(events)],
               named=True)


def messages(body, target):
    head = {"id": "msg_1", "type": "message", "role": "assistant",
            "model": MODEL}
    usage = {"input_tokens": 5, "output_tokens": 1}
    if not body.get("stream"):
        return {**head, "content": [{"type": "text", "text": "Hi"}],
                "stop_reason": "end_turn", "stop_sequence": None,
                "usage": usage}
    return sse([
        {"type": "message_start", "message": {
            **head, "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": usage}},
        {"type": "content_block_start", "index": 0,
         "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {
            "stop_reason": "end_turn", "stop_sequence": None},
         "usage": {"output_tokens": 1}},
        {"type": "message_stop"}], named=True)


def gemini(body, target):
    answer = {"candidates": [{"index": 0, "finishReason": "STOP", "content": {
        "role": "model", "parts": [{"text": "Hi"}]}}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1,
                          "totalTokenCount": 6},
        "modelVersion": MODEL, "responseId": "r"}
    return sse([answer]) if "stream" in target else answer


def frame(kind, payload, message="event"):
    """A message of AWS's event stream."""
    headers = b""
    for name, value in ((":event-type" if message == "event" else
                         ":exception-type", kind),
                        (":content-type", "application/json"),
                        (":message-type", message)):
        headers += struct.pack("!B", len(name)) + name.encode() + \
            struct.pack("!BH", 7, len(value)) + value.encode()
    data = json.dumps(payload).encode()
    start = struct.pack("!II", 16 + len(headers) + len(data), len(headers))
    start += struct.pack("!I", zlib.crc32(start))
    whole = start + headers + data
    return whole + struct.pack("!I", zlib.crc32(whole))


def converse(body, target):
    usage = {"inputTokens": 5, "outputTokens": 1, "totalTokens": 6}
    if not target.endswith("-stream"):
        return {"output": {"message": {"role": "assistant", "content": [
            {"text": "Hi"}]}}, "stopReason": "end_turn", "usage": usage,
            "metrics": {"latencyMs": 1}}
    return b"".join(frame(k, v) for k, v in [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0,
                               "delta": {"text": "Hi"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})])


def chunks(events):
    """Events of Anthropic's, as InvokeModel streams them."""
    return b"".join(frame("chunk", {"bytes": base64.b64encode(
        json.dumps(e, indent=1).encode()).decode()}) for e in events)


def invoke(body, target):
    if "-stream" not in target:
        return messages(body, target)
    text = messages({**body, "stream": True}, target).decode()
    return chunks(json.loads(line[6:]) for line in text.splitlines()
                  if line.startswith("data: "))


def embeddings(body, target):
    return {"object": "list", "model": MODEL, "data": [
        {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5}}


def embed_content(body, target):
    one = {"values": [0.5, -0.25]}
    return {"embeddings": [one] * len(body["requests"])} \
        if "requests" in body else {"embedding": one}


def predict(body, target):
    return {"predictions": [{"embeddings": {
        "values": [0.5, -0.25], "statistics": {"token_count": 5}}}]}


ANSWERS = {
    "openai-chat": chat, "openai-responses": responses,
    "anthropic-messages": messages, "gemini": gemini, "bedrock": converse,
    "invoke": invoke,
    "anthropic-count": lambda b, t: {"input_tokens": 5},
    "gemini-count": lambda b, t: {"totalTokens": 5},
    "embeddings": embeddings, "gemini-embed": embed_content,
    "vertex-predict": predict,
}


class Recorder(socketserver.ThreadingTCPServer):
    """.seen: (method, target, headers, body bytes) of each call; .instead:
    what it answers (bytes: a stream; a list: one in parts, with a pause
    between them; (status, dict): a bad one) in place of what is well."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        self.instead = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *exc):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def last(self):
        """(dialect, body) of the last call."""
        _, target, _, body = self.seen[-1]
        return dialect_of(target), json.loads(body)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while (line := self.rfile.readline()):
            method, target, _ = line.decode().split()
            headers = []
            while (line := self.rfile.readline().strip()):
                name, _, value = line.decode("latin-1").partition(":")
                headers.append((name.lower(), value.strip()))
            body = self.body(dict(headers))
            self.server.seen.append((method, target, headers, body))
            dialect = dialect_of(target)
            answer = self.server.instead
            if answer is None:
                answer = ANSWERS[dialect](json.loads(body), target)
            self.say(dialect, answer)

    def body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = b""
        while (size := int(self.rfile.readline(), 16)):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def drip(self, kind, parts):
        self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n".encode())
        for part in parts:
            if part:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def say(self, dialect, answer):
        status, answer = answer if isinstance(answer, tuple) else \
            (200, answer)
        kind = "application/json" if isinstance(answer, dict) else \
            "application/vnd.amazon.eventstream" \
            if dialect in ("bedrock", "invoke") else "text/event-stream"
        if isinstance(answer, list):
            return self.drip(kind, answer)
        if isinstance(answer, dict):
            answer = json.dumps(answer).encode()
        self.wfile.write(
            f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(answer)}\r\n\r\n".encode() + answer)


OUT = {"input": "1", "output": "1"}
# type and publisher; several families where their bodies differ.
VENUES = {
    "at-chat": ("openai", "gpt-5.4", "openai"),
    "at-responses": ("openai", "gpt-5.4", "openai", {"api": "responses"}),
    "at-anthropic": ("anthropic", "claude-sonnet-4-5", "anthropic"),
    "at-anthropic-new": ("anthropic", "claude-opus-4-7", "anthropic"),
    "at-converse": ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "anthropic"),
    "at-invoke": ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0",
                  "anthropic", {"api": "invoke"}),
    "at-nova": ("bedrock", "amazon.nova-lite-v1:0", "amazon"),
    "at-gemini": ("gemini", "gemini-3.1-pro", "google"),
    "at-flash": ("gemini", "gemini-2.5-flash", "google"),
}


def config(url, folder):
    """kontor.yaml with every venue at the recorder."""
    rows = {"openai": dict(base_url=url + "/v1", auth={"api_key": "${SIM_LAB}"}),
            "anthropic": dict(base_url=url, auth={"api_key": "${SIM_LAB}"}),
            "gemini": dict(base_url=url, auth={"api_key": "${SIM_LAB}"}),
            "bedrock": dict(base_url=url, region="us-east-1", auth={
                "access_key_id": "${SIM_AWS_ID}",
                "secret_access_key": "${SIM_AWS_SECRET}"})}
    return {
        "version": 1, "data_dir": str(folder / "data"), "workers": 1,
        "listen": {
            "gateway": {"address": f"127.0.0.1:{kit.free_port()}"},
            "admin": {"address": f"127.0.0.1:{kit.free_port()}"}},
        "providers": {k: {"type": k, **v} for k, v in rows.items()},
        "models": {model: {"publisher": publisher, "deployments": [
            {"id": model + "-d", "provider": provider, "name": name,
             "context": 400000, "max_output": 32000,
             **(more[0] if more else {})}]}
            for model, (provider, name, publisher, *more) in
            VENUES.items()},
        "prices": [{"deployment": m + "-d", **OUT} for m in VENUES]}
