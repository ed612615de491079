"""What callers and providers of every dialect do wrong, and the answer that
docs/dialects.md defines for it: in the caller's dialect, and with an end."""
import base64
import json
import re
import struct
import zlib

import kit
import pytest
from recorder import MODEL, Recorder, config, frame, sse
from scenes import PNG, SCHEMA, call

SAID = "half of it"
LONG = "mcp.server/" + "n" * 80
CALLERS = ["openai-chat", "openai-responses", "anthropic-messages", "bedrock",
           "gemini"]
VENUES = ["at-chat", "at-responses", "at-anthropic", "at-converse", "at-gemini"]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    with Recorder() as recorder, \
            kit.Kontor(folder, config(recorder.url, folder)) as kontor:
        with kontor.http(kontor.key("bad")["key"]) as http:
            yield recorder, http
        kontor.verify()
        assert "it is killed" not in kontor.text()


def error_of(dialect, r):
    """The message of an error in the caller's own shape."""
    body = r.json()
    if dialect == "bedrock":
        assert r.headers["x-amzn-errortype"], r.headers
        return body["message"]
    if dialect == "gemini":
        assert body["error"]["code"] == r.status_code
        assert body["error"]["status"], body
    elif dialect == "anthropic-messages":
        assert body["type"] == "error" and body["error"]["type"], body
    else:
        assert {"type", "param", "code"} <= set(body["error"]), body
    return body["error"]["message"]


# --- what callers do ---------------------------------------------------------

def history(dialect, calls, results, tools=True, name="f", schema=None):
    """A talk with those calls and results, by id."""
    schema = schema or {"type": "object", "properties": {}}
    if dialect == "openai-chat":
        body = {"messages": [{"role": "user", "content": "hi"}]}
        if calls:
            body["messages"].append({
                "role": "assistant", "content": None, "tool_calls": [
                    {"id": i, "type": "function", "function": {
                        "name": name, "arguments": "{}"}} for i in calls]})
        body["messages"] += [{"role": "tool", "tool_call_id": i,
                              "content": "ok"} for i in results]
        body["messages"].append({"role": "user", "content": "so?"})
        more = {"tools": [{"type": "function", "function": {
            "name": name, "parameters": schema}}]}
    elif dialect == "openai-responses":
        body = {"store": False, "input": [
            {"role": "user", "content": "hi"},
            *[{"type": "function_call", "call_id": i, "name": name,
               "arguments": "{}"} for i in calls],
            *[{"type": "function_call_output", "call_id": i, "output": "ok"}
              for i in results], {"role": "user", "content": "so?"}]}
        more = {"tools": [{"type": "function", "name": name,
                           "parameters": schema}]}
    elif dialect == "anthropic-messages":
        body = {"max_tokens": 50, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}] +
             [{"type": "tool_use", "id": i, "name": name, "input": {}}
              for i in calls]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": i, "content": "ok"}
                for i in results] + [{"type": "text", "text": "so?"}]}]}
        more = {"tools": [{"name": name, "input_schema": schema}]}
    elif dialect == "bedrock":
        body = {"messages": [
            {"role": "user", "content": [{"text": "hi"}]},
            {"role": "assistant", "content": [{"text": "a"}] + [
                {"toolUse": {"toolUseId": i, "name": name, "input": {}}}
                for i in calls]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": i, "content": [{"text": "ok"}]}}
                for i in results] + [{"text": "so?"}]}]}
        more = {"toolConfig": {"tools": [{"toolSpec": {
            "name": name, "inputSchema": {"json": schema}}}]}}
    else:
        body = {"contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "a"}] + [
                {"functionCall": {"id": i, "name": name, "args": {}}}
                for i in calls]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": i, "name": name, "response": {
                    "output": "ok"}}} for i in results] + [{"text": "so?"}]}]}
        more = {"tools": [{"functionDeclarations": [{
            "name": name, "parametersJsonSchema": schema}]}]}
    return {**body, **more} if tools else body


def tools_in(dialect, body):
    """Of what was sent: (names and schemas of tools, calls, results)."""
    text = json.dumps(body)
    if dialect == "openai-chat":
        tools = {t["function"]["name"]: t["function"]["parameters"]
                 for t in body.get("tools", [])}
        calls = [c["id"] for m in body["messages"]
                 for c in m.get("tool_calls") or []]
        results = [m["tool_call_id"] for m in body["messages"]
                   if m["role"] == "tool"]
    elif dialect == "openai-responses":
        tools = {t["name"]: t["parameters"] for t in body.get("tools", [])}
        calls = [i["call_id"] for i in body["input"]
                 if i.get("type") == "function_call"]
        results = [i["call_id"] for i in body["input"]
                   if i.get("type") == "function_call_output"]
    elif dialect == "anthropic-messages":
        tools = {t["name"]: t["input_schema"] for t in body.get("tools", [])}
        calls = re.findall(r'"type": "tool_use", "id": "([^"]*)"', text)
        results = re.findall(r'"tool_use_id": "([^"]*)"', text)
    elif dialect == "bedrock":
        tools = {t["toolSpec"]["name"]: t["toolSpec"]["inputSchema"]["json"]
                 for t in body.get("toolConfig", {}).get("tools", [])}
        calls = re.findall(r'"toolUse": {"toolUseId": "([^"]*)"', text)
        results = re.findall(r'"toolResult": {"toolUseId": "([^"]*)"', text)
    else:
        tools = {t["name"]: t.get("parametersJsonSchema")
                 for g in body.get("tools", [])
                 for t in g["functionDeclarations"]}
        calls = re.findall(r'"functionCall": {"id": "([^"]*)"', text)
        results = re.findall(r'"functionResponse": {"id": "([^"]*)"', text)
    return tools, calls, results


def ask(running, dialect, venue, body, stream=False):
    """(answer, dialect and body of what was sent); None: bytes pass."""
    recorder, http = running
    recorder.instead = None
    path, body = call(dialect, venue, body, stream)
    before = len(recorder.seen)
    r = http.post(path, json=body)
    if len(recorder.seen) == before:
        return r, None, None
    spoken, sent = recorder.last()
    return r, spoken, None if spoken == dialect else sent


PAIRS = [(c, v) for c in CALLERS for v in VENUES]
each_pair = pytest.mark.parametrize("dialect,venue", PAIRS)
each_caller = pytest.mark.parametrize("dialect", CALLERS)


@each_pair
def test_schemas_with_unknown_keywords_arrive_as_they_are(
        running, dialect, venue):
    r, spoken, sent = ask(running, dialect, venue, history(
        dialect, [], [], schema=SCHEMA))
    assert r.status_code == 200, r.text
    if sent is not None:
        assert tools_in(spoken, sent)[0] == {"f": SCHEMA}


@each_pair
def test_illegal_names_and_ids_become_legal_ones(running, dialect, venue):
    ids = ["call/1 \u00e9" + "x" * 80, "call 2"]
    r, spoken, sent = ask(running, dialect, venue, history(
        dialect, ids, ids, name=LONG))
    if dialect == "bedrock" and r.status_code == 400:
        assert "tool" in error_of(dialect, r).lower()
        return
    assert r.status_code == 200, r.text
    if sent is None:
        return
    tools, calls, results = tools_in(spoken, sent)
    assert len(tools) == 1 and all(
        re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", n) for n in tools)
    assert calls == results and len(set(calls)) == 2
    if spoken in ("anthropic-messages", "bedrock"):
        assert all(re.fullmatch(r"[a-zA-Z0-9_.:-]{1,256}", i) for i in calls)
    # The same each time: caches of prefixes hold.
    assert ask(running, dialect, venue, history(
        dialect, ids, ids, name=LONG))[2] == sent


@each_pair
def test_a_result_without_a_call_goes(running, dialect, venue):
    r, spoken, sent = ask(running, dialect, venue, history(
        dialect, ["call_1"], ["call_1", "call_9"]))
    assert r.status_code == 200, r.text
    if sent is not None:
        assert tools_in(spoken, sent)[1:] == (["call_1"], ["call_1"])
        assert "result without call" in r.headers["x-kontor-warnings"]


@each_pair
def test_a_call_without_a_result_gets_one(running, dialect, venue):
    r, spoken, sent = ask(running, dialect, venue, history(
        dialect, ["call_1", "call_2"], ["call_1"]))
    assert r.status_code == 200, r.text
    if sent is not None:
        assert tools_in(spoken, sent)[1:] == (["call_1", "call_2"],) * 2
        assert "no result of this call" in json.dumps(sent)
        assert "without result" in r.headers["x-kontor-warnings"]


@each_pair
def test_tools_of_the_history_alone(running, dialect, venue):
    r, spoken, sent = ask(running, dialect, venue, history(
        dialect, ["call_1"], ["call_1"], tools=False))
    assert r.status_code == 200, r.text
    if sent is not None and spoken in ("anthropic-messages", "bedrock"):
        assert list(tools_in(spoken, sent)[0]) == ["f"]


def with_image(dialect, data):
    if dialect == "openai-chat":
        return {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {
                "url": "data:image/png;base64," + data}}]}]}
    if dialect == "openai-responses":
        return {"store": False, "input": [{"role": "user", "content": [
            {"type": "input_image",
             "image_url": "data:image/png;base64," + data}]}]}
    if dialect == "anthropic-messages":
        return {"max_tokens": 50, "messages": [{"role": "user", "content": [
            {"type": "image", "source": {
                "type": "base64", "media_type": "image/png",
                "data": data}}]}]}
    if dialect == "bedrock":
        return {"messages": [{"role": "user", "content": [
            {"image": {"format": "png", "source": {"bytes": data}}}]}]}
    return {"contents": [{"role": "user", "parts": [
        {"inlineData": {"mimeType": "image/png", "data": data}}]}]}


@each_pair
@pytest.mark.parametrize("data", ["this is none!", "AAAA=AAA", "A", "\u00fc"])
def test_base64_that_is_not(running, dialect, venue, data):
    r, spoken, sent = ask(running, dialect, venue, with_image(dialect, data))
    if r.status_code == 200:
        assert spoken == dialect and sent is None  # the provider's affair
        return
    assert r.status_code == 400, r.text
    assert "base64" in error_of(dialect, r)
    assert spoken is None


@each_pair
def test_base64_that_is(running, dialect, venue):
    r, _, sent = ask(running, dialect, venue, with_image(dialect, PNG))
    assert r.status_code == 200, r.text
    assert sent is None or PNG in json.dumps(sent)


def with_parts(dialect, n):
    text = {"type": "text", "text": "x"}
    user = {"role": "user", "content": [text] * n}
    return {
        "openai-chat": {"messages": [user]},
        "openai-responses": {"store": False, "input": [
            {"role": "user",
             "content": [{"type": "input_text", "text": "x"}] * n}]},
        "anthropic-messages": {"max_tokens": 50, "messages": [user]},
        "bedrock": {"messages": [
            {"role": "user", "content": [{"text": "x"}] * n}]},
        "gemini": {"contents": [
            {"role": "user", "parts": [{"text": "x"}] * n}]}}[dialect]


@each_pair
def test_a_crowd_of_parts(running, dialect, venue):
    """A megabyte of them is refused and keeps no worker long; half as many
    go on."""
    r, spoken, sent = ask(running, dialect, venue, with_parts(dialect, 80000))
    if r.status_code == 200:
        assert spoken == dialect and sent is None  # the provider's affair
        return
    assert r.status_code == 400, r.text
    assert "32768 messages, parts and calls" in error_of(dialect, r)
    assert spoken is None
    r, _, _ = ask(running, dialect, venue, with_parts(dialect, 30000))
    assert r.status_code == 200, r.text


# --- what providers do -------------------------------------------------------

def chat(*deltas, finish=None):
    events = [{"id": "c", "object": "chat.completion.chunk", "created": 1,
               "model": MODEL, "choices": [
                   {"index": 0, "delta": d, "finish_reason": None}]}
              for d in deltas]
    if finish:
        events.append({"id": "c", "model": MODEL, "choices": [
            {"index": 0, "delta": {}, "finish_reason": finish}]})
    return sse(events, done=bool(finish))


def claude(*events, stop=None):
    head = [{"type": "message_start", "message": {
        "id": "m", "type": "message", "role": "assistant", "model": MODEL,
        "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 1}}}]
    tail = [{"type": "message_delta", "delta": {
        "stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": 9}}, {"type": "message_stop"}]
    return sse(head + list(events) + (tail if stop else []), named=True)


def claude_block(index, block, *deltas, stop=True):
    return [{"type": "content_block_start", "index": index,
             "content_block": block}] + [
        {"type": "content_block_delta", "index": index, "delta": d}
        for d in deltas] + (
        [{"type": "content_block_stop", "index": index}] if stop else [])


def converse(*events):
    return b"".join(frame(k, v) for k, v in [
        ("messageStart", {"role": "assistant"}), *events])


def delta(index, what):
    return ("contentBlockDelta", {"contentBlockIndex": index, "delta": what})


def gemini(*parts, finish=None):
    answer = {"candidates": [{"index": 0, "content": {
        "role": "model", "parts": list(parts)}}], "responseId": "r",
        "modelVersion": MODEL}
    if finish:
        answer["candidates"][0]["finishReason"] = finish
    return sse([answer])


def spoil_crc(data):
    """The last message with another end."""
    return data[:-1] + bytes([data[-1] ^ 1])


HALF = {
    "openai-chat": chat({"role": "assistant", "content": SAID}),
    "openai-responses": sse([
        {"type": "response.created", "sequence_number": 0, "response": {
            "id": "r", "status": "in_progress", "model": MODEL,
            "output": []}},
        {"type": "response.output_text.delta", "sequence_number": 1,
         "output_index": 0, "content_index": 0, "item_id": "i",
         "delta": SAID}], named=True),
    "anthropic-messages": claude(*claude_block(
        0, {"type": "text", "text": ""}, {"type": "text_delta",
                                          "text": SAID}, stop=False)),
    "bedrock": converse(delta(0, {"text": SAID})),
    "gemini": gemini({"text": SAID}),
}
ERROR = {
    "openai-chat": sse([{"error": {
        "message": "It broke.", "type": "server_error", "param": None,
        "code": None}}]),
    "openai-responses": sse([{
        "type": "response.failed", "sequence_number": 2, "response": {
            "id": "r", "status": "failed", "model": MODEL, "output": [],
            "error": {"code": "server_error", "message": "It broke."}}}],
        named=True),
    "anthropic-messages": sse([{"type": "error", "error": {
        "type": "api_error", "message": "It broke."}}], named=True),
    "bedrock": frame("modelStreamErrorException", {"message": "It broke."},
                     "exception"),
    "gemini": sse([{"error": {"code": 500, "status": "INTERNAL",
                              "message": "It broke."}}]),
}
NONSENSE = {d: b"data: {\"half\n\n" for d in HALF}
NONSENSE["bedrock"] = frame("contentBlockDelta", "no object")
BREAKS = {
    "ends without a finish": {d: [HALF[d], b""] for d in HALF},
    "an error inside": {d: [HALF[d], ERROR[d]] for d in HALF},
    "no JSON inside": {d: [HALF[d], NONSENSE[d]] for d in HALF},
    "a wrong CRC": {"bedrock": [HALF["bedrock"], spoil_crc(
        frame(*delta(0, {"text": "wrong"})))]},
    "half a message": {"bedrock": [HALF["bedrock"], frame(
        *delta(0, {"text": "never"}))[:-9]]},
}
AT_ONCE = {
    "nothing": {d: b"" for d in HALF},
    "an error first": ERROR,
    "no JSON first": NONSENSE,
    "a wrong CRC first": {"bedrock": spoil_crc(converse())},
}
CROSSED = {
    "openai-chat": chat(
        {"role": "assistant", "content": "two"},
        {"tool_calls": [
            {"index": 0, "id": "a", "type": "function",
             "function": {"name": "f", "arguments": ""}},
            {"index": 1, "id": "b", "type": "function",
             "function": {"name": "g", "arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"y":'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": ':1}'}},
                        {"index": 0, "function": {"arguments": '2}'}}]},
        finish="tool_calls"),
    "anthropic-messages": claude(*[e for e in [
        *claude_block(0, {"type": "text", "text": ""},
                      {"type": "text_delta", "text": "two"}),
        *claude_block(1, {"type": "tool_use", "id": "a", "name": "f",
                          "input": {}}, stop=False),
        *claude_block(2, {"type": "tool_use", "id": "b", "name": "g",
                          "input": {}},
                      {"type": "input_json_delta",
                       "partial_json": '{"x":1}'}, stop=False),
        {"type": "content_block_delta", "index": 1, "delta": {
            "type": "input_json_delta", "partial_json": '{"y":2}'}},
        {"type": "content_block_stop", "index": 2},
        {"type": "content_block_stop", "index": 1}]], stop="tool_use"),
    "openai-responses": sse([{**e, "sequence_number": i} for i, e in enumerate(
        [{"type": "response.created", "response": {
            "id": "r", "status": "in_progress", "model": MODEL,
            "output": []}},
         {"type": "response.output_text.delta", "output_index": 0,
          "content_index": 0, "item_id": "i", "delta": "two"},
         *[{"type": "response.output_item.added", "output_index": i, "item": {
             "type": "function_call", "id": "fc_" + t, "call_id": t,
             "name": n, "arguments": ""}}
           for i, t, n in ((1, "a", "f"), (2, "b", "g"))],
         *[{"type": "response.function_call_arguments.delta",
            "output_index": i, "item_id": "fc", "delta": d}
           for i, d in ((2, '{"x"'), (1, '{"y":2}'), (2, ':1}'))],
         *[{"type": "response.output_item.done", "output_index": i, "item": {
             "type": "function_call", "id": "fc_" + t, "call_id": t,
             "name": n, "arguments": a}}
           for i, t, n, a in ((2, "b", "g", '{"x":1}'),
                              (1, "a", "f", '{"y":2}'))],
         {"type": "response.completed", "response": {
             "id": "r", "status": "completed", "model": MODEL, "output": [],
             "usage": {"input_tokens": 5, "output_tokens": 9,
                       "total_tokens": 14}}}])], named=True),
    "bedrock": converse(
        delta(0, {"text": "two"}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        *[("contentBlockStart", {"contentBlockIndex": i, "start": {
            "toolUse": {"toolUseId": t, "name": n}}})
          for i, t, n in ((1, "a", "f"), (2, "b", "g"))],
        delta(2, {"toolUse": {"input": '{"x":'}}),
        delta(1, {"toolUse": {"input": '{"y":2}'}}),
        delta(2, {"toolUse": {"input": '1}'}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": {"inputTokens": 5, "outputTokens": 9,
                                "totalTokens": 14}})),
    "gemini": gemini(
        {"text": "two"},
        {"functionCall": {"id": "a", "name": "f", "args": {"y": 2}}},
        {"functionCall": {"id": "b", "name": "g", "args": {"x": 1}}},
        finish="STOP"),
}


def messages_in(data):
    """(kind, name, payload) of AWS's frames, sums checked."""
    while data:
        whole, heads = struct.unpack("!II", data[:8])
        assert struct.unpack("!I", data[8:12])[0] == zlib.crc32(data[:8])
        one, data = data[:whole], data[whole:]
        assert len(one) == whole, "half a message"
        assert struct.unpack("!I", one[-4:])[0] == zlib.crc32(one[:-4])
        text = one[12:12 + heads].decode("latin-1")
        kind = "exception" if "exception-type" in text else "event"
        name = re.search(r":(?:event|exception)-type\x07..(\w+)", text, re.S)
        yield kind, name[1].rstrip(), json.loads(one[12 + heads:-4])


def events_in(dialect, data):
    if dialect == "bedrock":
        return list(messages_in(data))
    blocks = [b for b in re.split(r"\r?\n\r?\n", data.decode()) if b]
    out = []
    for block in blocks:
        lines = dict(line.split(": ", 1) for line in block.splitlines()
                     if not line.startswith(":"))
        if "data" in lines:
            text = lines["data"]
            out.append(("event", lines.get("event", ""),
                        text if text == "[DONE]" else json.loads(text)))
    return out


def is_error(dialect, event):
    kind, name, data = event
    if dialect == "bedrock":
        return kind == "exception" and data["message"]
    if dialect == "openai-responses":
        return data["type"] in ("response.failed", "error")
    if dialect == "anthropic-messages":
        return name == "error" and data["error"]["message"]
    return "error" in data and data["error"]["message"]


def is_end(dialect, event):
    _, name, data = event
    return data == "[DONE]" if dialect == "openai-chat" else \
        name == "message_stop" if dialect == "anthropic-messages" else \
        name == "metadata" if dialect == "bedrock" else \
        data["type"] == "response.completed" \
        if dialect == "openai-responses" else \
        "finishReason" in data["candidates"][0]


def streamed(running, dialect, venue, answers):
    """The caller's stream, when the provider says that in its dialect."""
    recorder, http = running
    path, body = call(dialect, venue, history(dialect, [], []), True)
    for answer in (None, answers):  # a breaker hears of good ones too
        recorder.instead = None
        if answer is not None:
            spoken = recorder.last()[0]
            recorder.instead = answer[spoken]
        r = http.post(path, json=body)
    recorder.instead = None
    assert recorder.last()[0] == spoken
    return r


def happens(table):
    """(caller, venue, what), where the provider can do that."""
    return pytest.mark.parametrize("dialect,venue,what", [
        (c, v, what) for c, v in PAIRS for what in table
        if len(table[what]) > 1 or v == "at-converse"])


@happens(BREAKS)
def test_a_stream_that_breaks_ends_with_an_error(
        running, dialect, venue, what):
    r = streamed(running, dialect, venue, BREAKS[what])
    # httpx has checked that the body has its end.
    assert r.status_code == 200, r.text
    events = events_in(dialect, r.content)
    assert SAID in json.dumps(events)
    assert is_error(dialect, events[-1]), events[-1]
    assert not any(is_error(dialect, e) for e in events[:-1])
    assert not any(is_end(dialect, e) for e in events[:-1])


@happens(AT_ONCE)
def test_what_breaks_before_it_began_is_a_status(
        running, dialect, venue, what):
    r = streamed(running, dialect, venue, AT_ONCE[what])
    assert r.status_code in (502, 503), (r.status_code, r.text)
    assert error_of(dialect, r)


def calls_heard(dialect, events):
    """{id: (name, args)} and the text, as an SDK puts them together."""
    calls, text, ids = {}, "", []
    for _, name, e in events:
        if dialect == "openai-chat" and e != "[DONE]" and e["choices"]:
            d = e["choices"][0]["delta"]
            text += d.get("content") or ""
            for c in d.get("tool_calls") or []:
                if c["index"] == len(ids):
                    ids.append(c["id"])
                    calls[c["id"]] = [c["function"]["name"], ""]
                calls[ids[c["index"]]][1] += c["function"].get(
                    "arguments", "")
        elif dialect == "anthropic-messages":
            if name == "content_block_start":
                b = e["content_block"]
                ids.append(b.get("id"))
                if b["type"] == "tool_use":
                    calls[b["id"]] = [b["name"], ""]
            elif name == "content_block_delta":
                text += e["delta"].get("text", "")
                if "partial_json" in e["delta"]:
                    calls[ids[e["index"]]][1] += e["delta"]["partial_json"]
        elif dialect == "bedrock":
            i = e.get("contentBlockIndex")
            if name == "contentBlockStart":
                t = e["start"]["toolUse"]
                calls[t["toolUseId"]] = [t["name"], ""]
                ids.append((i, t["toolUseId"]))
            elif name == "contentBlockDelta":
                text += e["delta"].get("text", "")
                if "toolUse" in e["delta"]:
                    calls[dict(ids)[i]][1] += e["delta"]["toolUse"]["input"]
        elif dialect == "openai-responses":
            if name == "response.output_item.done" and \
                    e["item"]["type"] == "function_call":
                calls[e["item"]["call_id"]] = [e["item"]["name"],
                                               e["item"]["arguments"]]
            elif name == "response.output_text.delta":
                text += e["delta"]
        elif dialect == "gemini":
            for p in e["candidates"][0]["content"]["parts"]:
                text += p.get("text", "")
                if "functionCall" in p:
                    c = p["functionCall"]
                    calls[c["id"]] = [c["name"], json.dumps(c["args"])]
    return {i: (n, json.loads(a)) for i, (n, a) in calls.items()}, text


@each_pair
def test_interleaved_tool_streams_come_apart(running, dialect, venue):
    r = streamed(running, dialect, venue, CROSSED)
    assert r.status_code == 200, r.text
    events = events_in(dialect, r.content)
    assert calls_heard(dialect, events) == (
        {"a": ("f", {"y": 2}), "b": ("g", {"x": 1})}, "two")
    assert is_end(dialect, events[-1]), events[-1]


@each_caller
@pytest.mark.parametrize("venue", VENUES)
def test_a_whole_answer_that_is_none(running, dialect, venue):
    recorder, http = running
    path, body = call(dialect, venue, history(dialect, [], []))
    for answer in (None, {"nothing": "of this"}):
        recorder.instead = answer
        r = http.post(path, json=body)
    recorder.instead = None
    assert r.status_code == 502, r.text
    assert error_of(dialect, r)


CROWD = {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
    "role": "assistant", "content": None, "tool_calls": [
        {"id": "a", "type": "function",
         "function": {"name": "f", "arguments": "{}"}}] * 50000}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


@pytest.mark.parametrize("dialect", CALLERS[1:])
def test_a_crowd_of_calls_is_no_answer(running, dialect):
    recorder, http = running
    path, body = call(dialect, "at-chat", history(dialect, [], []))
    recorder.instead = CROWD
    r = http.post(path, json=body)
    recorder.instead = None
    assert r.status_code == 502, r.text
    assert "could not be understood" in error_of(dialect, r)


def test_the_table_above_is_the_one_in_the_docs():
    text = (kit.TOP / "docs/dialects.md").read_text()
    for row in ("unknown keywords", "names and ids", "result without a call",
                "only in the history", "interleave", "without a finish",
                "error inside", "wrong CRC", "not base64", "32,768"):
        assert row in text, row


def test_base64_itself():
    assert base64.b64decode(PNG)[1:4] == b"PNG"
