"""Every caller's dialect at every provider's: what was asked arrives, what was
answered comes back, whole and streamed; what cannot be is refused in the
caller's words."""
import json
import struct

import kit
import pytest
import scenes
from recorder import Recorder, config, frame, sse
from scenes import SCENES, call

# Providers' dialects by where they are spoken.
VENUES = {"at-chat": "openai-chat", "at-responses": "openai-responses",
          "at-anthropic": "anthropic-messages", "at-converse": "bedrock",
          "at-gemini": "gemini"}
CITIES = [("Oslo", "c1"), ("Rome", "c2")]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    with Recorder() as recorder, \
            kit.Kontor(folder, config(recorder.url, folder)) as kontor:
        with kontor.http(kontor.key("pairs")["key"]) as http:
            yield recorder, http
        kontor.verify()


@pytest.fixture(params=SCENES)
def caller(request):
    return request.param


@pytest.fixture(params=VENUES)
def venue(request):
    return request.param


def ask(running, caller, venue, body, stream=False):
    recorder, http = running
    path, body = call(caller, venue, body, stream)
    before = len(recorder.seen)
    r = http.post(path, json=body)
    return r, recorder.last()[1] if len(recorder.seen) > before else None


def walk(tree):
    """Every dictionary in it."""
    if isinstance(tree, dict):
        yield tree
        for v in tree.values():
            yield from walk(v)
    elif isinstance(tree, list):
        for v in tree:
            yield from walk(v)


def words(tree):
    """Every text in it, in order, with the numbers."""
    if isinstance(tree, dict):
        for v in tree.values():
            yield from words(v)
    elif isinstance(tree, list):
        for v in tree:
            yield from words(v)
    else:
        yield tree


def in_order(sent, *expected):
    """The texts stand in the body, one behind the other."""
    text, at = json.dumps(sent, ensure_ascii=False), -1
    for e in expected:
        at = text.find(e, at + 1)
        assert at >= 0, (e, text)


# --- what was asked ---------------------------------------------------------

def test_instructions_and_turns_arrive_in_order(running, caller, venue):
    r, sent = ask(running, caller, venue, SCENES[caller]["plain"])
    assert r.status_code == 200, r.text
    in_order({k: v for k, v in sent.items() if k not in (
        "system", "systemInstruction", "system_instruction", "instructions")},
        "hello", "again")
    assert "be brief" in json.dumps(sent)
    assert 0.5 in words(sent)
    if "in French" in json.dumps(SCENES[caller]["plain"]):
        in_order(sent, "hello", "in French", "again")
    if "openai-responses" not in (caller, VENUES[venue]):  # it has none
        assert "END" in words(sent), sent


def test_a_choice_of_tools_arrives(running, caller, venue):
    r, sent = ask(running, caller, venue, SCENES[caller]["tools"])
    assert r.status_code == 200, r.text
    word = {"at-chat": "required", "at-responses": "required",
            "at-anthropic": "any",
            "at-converse": "any", "at-gemini": "ANY"}[venue]
    if venue == "at-converse":
        assert sent["toolConfig"]["toolChoice"] == {"any": {}}
    else:
        assert word in words(sent), sent
    # the schema as it was written, keywords that nobody knows included
    schema = next(d for d in walk(sent) if "x-unheard-of" in d)
    assert schema == scenes.SCHEMA
    if caller in ("openai-chat", "openai-responses", "anthropic-messages"):
        off = {"at-chat": ("parallel_tool_calls", False),
               "at-responses": ("parallel_tool_calls", False),
               "at-anthropic": ("disable_parallel_tool_use", True)}.get(venue)
        if off is not None:
            assert any(d.get(off[0]) is off[1] for d in walk(sent)), sent


def test_one_tool_of_them_is_named(running, caller, venue):
    if "one tool" not in SCENES[caller]:
        pytest.skip("its scene has none")
    r, sent = ask(running, caller, venue, SCENES[caller]["one tool"])
    assert r.status_code == 200, r.text
    assert list(words(sent)).count("get_weather") == 2, sent


def test_calls_in_parallel_and_their_results_arrive(running, caller, venue):
    r, sent = ask(running, caller, venue, SCENES[caller]["results"])
    assert r.status_code == 200, r.text
    in_order(sent, "weather?", "Oslo", "Rome")
    asked = json.dumps(SCENES[caller]["results"])
    behind = json.dumps(sent).partition("Rome")[2]
    if scenes.PNG in asked:
        in_order(json.loads(json.dumps(sent)), "Rome", "see")
        assert scenes.PNG in behind, sent
    if '"sun"' in asked:
        assert "sun" in behind, sent
    # all results of one turn stand in one, where turns have them
    if venue == "at-anthropic":
        turns = [m for m in sent["messages"] if any(
            d.get("type") == "tool_result" for d in walk(m))]
        assert len(turns) == 1 and len(
            {d["tool_use_id"] for d in walk(turns)
             if d.get("type") == "tool_result"}) == 2
    if venue == "at-converse":
        turns = [m for m in sent["messages"] if any(
            "toolResult" in d for d in walk(m))]
        assert len(turns) == 1
    if caller in ("anthropic-messages", "bedrock") and \
            venue in ("at-anthropic", "at-converse"):
        assert True in words(sent) or "error" in words(sent)


def test_pictures_and_documents_arrive(running, caller, venue):
    r, sent = ask(running, caller, venue, SCENES[caller]["media"])
    assert r.status_code == 200, r.text
    in_order(sent, "look", scenes.PNG)
    in_order(sent, "look", scenes.PDF)


def test_a_shape_of_answers_arrives(running, caller, venue):
    r, sent = ask(running, caller, venue, SCENES[caller]["schema"])
    assert r.status_code == 200, r.text
    found = [w for w in words(sent) if isinstance(w, str) and
             w.startswith("{") and json.loads(w) == scenes.ANSWER] + \
        [d for d in walk(sent) if d == scenes.ANSWER]
    assert found, sent


def test_a_wish_to_think_arrives(running, caller, venue):
    name = "effort" if "effort" in SCENES[caller] else "thinking"
    r, sent = ask(running, caller, venue, SCENES[caller][name])
    assert r.status_code == 200, r.text
    if venue in ("at-chat", "at-responses"):
        assert sent.get("reasoning_effort", sent.get("reasoning", {}).get(
            "effort")) in ("medium", "high")
    elif venue == "at-anthropic":
        assert sent["thinking"]["budget_tokens"] >= 1024
    elif venue == "at-converse":
        extra = sent["additionalModelRequestFields"]["thinking"]
        assert extra["budget_tokens"] >= 1024
    else:
        assert "thinkingConfig" in sent["generationConfig"]


@pytest.mark.parametrize("caller", ["anthropic-messages", "bedrock"])
def test_cache_markers_arrive_or_are_told(running, caller, venue):
    r, sent = ask(running, caller, venue, SCENES[caller]["cache"])
    assert r.status_code == 200, r.text
    marks = sum("cache_control" in d or "cachePoint" in d for d in walk(sent))
    if venue in ("at-anthropic", "at-converse"):
        assert marks == 3, sent
    else:
        assert marks == 0 and "cache markers" in \
            r.headers["x-kontor-warnings"]


# --- what was answered ------------------------------------------------------

DONE = ("completed", None)
STOPS = {  # by what the provider says; the caller's words
    "end": ("stop", DONE, "end_turn", "end_turn", "STOP"),
    "length": ("length", ("incomplete", "max_output_tokens"), "max_tokens",
               "max_tokens", "MAX_TOKENS"),
    "filter": ("content_filter", ("incomplete", "content_filter"), "refusal",
               "content_filtered", "SAFETY"),
    "tool": ("tool_calls", DONE, "tool_use", "tool_use", "STOP"),
}
ORDER = ["openai-chat", "openai-responses", "anthropic-messages", "bedrock",
         "gemini"]


def stop_word(dialect, stop):
    return STOPS[stop][ORDER.index(dialect)]


def say_chat(stream, calls, stop):
    usage = {"prompt_tokens": 140, "completion_tokens": 9,
             "total_tokens": 149,
             "prompt_tokens_details": {"cached_tokens": 40},
             "completion_tokens_details": {"reasoning_tokens": 4}}
    head = {"id": "chatcmpl-1", "created": 1, "model": "m"}
    tools = [{"id": i, "type": "function", "function": {
        "name": "get_weather", "arguments": json.dumps({"city": c})}}
        for c, i in calls]
    message = {"role": "assistant", "content": "Hi"}
    if not stream:
        return {**head, "object": "chat.completion", "usage": usage,
                "choices": [{"index": 0, "finish_reason": stop, "message": {
                    **message, **({"tool_calls": tools} if tools else {})}}]}
    chunk = {**head, "object": "chat.completion.chunk"}

    def delta(d, end=None):
        return {**chunk, "choices": [
            {"index": 0, "finish_reason": end, "delta": d}]}
    events = [delta(message)]
    for i, t in enumerate(tools):  # both at once, then their arguments
        events.append(delta({"tool_calls": [{
            **t, "index": i, "function": {
                **t["function"], "arguments": ""}}]}))
    for i, t in enumerate(tools):
        events.append(delta({"tool_calls": [{"index": i, "function": {
            "arguments": t["function"]["arguments"]}}]}))
    return sse(events + [delta({}, stop), {
        **chunk, "choices": [], "usage": usage}], done=True)


def say_responses(stream, calls, stop):
    status, why = stop
    text = {"type": "message", "id": "msg_1", "role": "assistant",
            "status": "completed", "content": [
                {"type": "output_text", "text": "Hi", "annotations": []}]}
    uses = [{"type": "function_call", "id": f"fc_{n}", "call_id": i,
             "name": "get_weather", "status": "completed",
             "arguments": json.dumps({"city": c})}
            for n, (c, i) in enumerate(calls)]
    whole = {"id": "resp_1", "object": "response", "created_at": 1,
             "model": "m", "status": status, "output": [text, *uses],
             "incomplete_details": {"reason": why} if why else None,
             "usage": {"input_tokens": 140, "output_tokens": 9,
                       "total_tokens": 149,
                       "input_tokens_details": {"cached_tokens": 40},
                       "output_tokens_details": {"reasoning_tokens": 4}}}
    if not stream:
        return whole
    at = {"item_id": "msg_1", "output_index": 0}
    events = [
        {"type": "response.created", "response": {
            **whole, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "output_index": 0,
         "item": {**text, "status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **at, "content_index": 0,
         "part": {**text["content"][0], "text": ""}},
        {"type": "response.output_text.delta", **at, "content_index": 0,
         "delta": "Hi"},
        {"type": "response.output_item.done", "output_index": 0,
         "item": text}]
    for n, u in enumerate(uses, 1):
        at = {"item_id": u["id"], "output_index": n}
        events += [
            {"type": "response.output_item.added", "output_index": n,
             "item": {**u, "status": "in_progress", "arguments": ""}},
            *({"type": "response.function_call_arguments.delta", **at,
               "delta": t} for t in (u["arguments"][:4], u["arguments"][4:])),
            {"type": "response.function_call_arguments.done", **at,
             "arguments": u["arguments"]},
            {"type": "response.output_item.done", "output_index": n,
             "item": u}]
    events.append({"type": "response." + status, "response": whole})
    return sse([{**e, "sequence_number": i} for i, e in enumerate(events)],
               named=True)


def say_messages(stream, calls, stop):
    usage = {"input_tokens": 100, "cache_read_input_tokens": 40,
             "cache_creation_input_tokens": 20, "output_tokens": 9}
    head = {"id": "msg_1", "type": "message", "role": "assistant",
            "model": "m", "stop_sequence": None}
    uses = [{"type": "tool_use", "id": i, "name": "get_weather",
             "input": {"city": c}} for c, i in calls]
    if not stream:
        return {**head, "content": [{"type": "text", "text": "Hi"}, *uses],
                "stop_reason": stop, "usage": usage}
    events = [
        {"type": "message_start", "message": {
            **head, "content": [], "stop_reason": None,
            "usage": {**usage, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0,
         "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0}]
    for i, u in enumerate(uses, 1):
        text = json.dumps(u["input"])
        events += [{"type": "content_block_start", "index": i,
                    "content_block": {**u, "input": {}}}] + [
            {"type": "content_block_delta", "index": i, "delta": {
                "type": "input_json_delta", "partial_json": t}}
            for t in (text[:3], text[3:])] + [
            {"type": "content_block_stop", "index": i}]
    return sse(events + [
        {"type": "message_delta", "delta": {
            "stop_reason": stop, "stop_sequence": None},
         "usage": {"output_tokens": 9}},
        {"type": "message_stop"}], named=True)


def say_converse(stream, calls, stop):
    usage = {"inputTokens": 100, "outputTokens": 9, "totalTokens": 169,
             "cacheReadInputTokens": 40, "cacheWriteInputTokens": 20}
    tail = {"usage": usage, "metrics": {"latencyMs": 1}}
    uses = [({"toolUseId": i, "name": "get_weather"}, {"city": c})
            for c, i in calls]
    if not stream:
        return {"output": {"message": {"role": "assistant", "content": [
            {"text": "Hi"}, *({"toolUse": {**u, "input": a}}
                              for u, a in uses)]}},
            "stopReason": stop, **tail}
    events = [("messageStart", {"role": "assistant"}),
              ("contentBlockDelta", {"contentBlockIndex": 0,
                                     "delta": {"text": "Hi"}}),
              ("contentBlockStop", {"contentBlockIndex": 0})]
    for i, (u, a) in enumerate(uses, 1):
        events += [
            ("contentBlockStart", {"contentBlockIndex": i,
                                   "start": {"toolUse": u}}),
            ("contentBlockDelta", {"contentBlockIndex": i, "delta": {
                "toolUse": {"input": json.dumps(a)}}}),
            ("contentBlockStop", {"contentBlockIndex": i})]
    return b"".join(frame(k, v) for k, v in events + [
        ("messageStop", {"stopReason": stop}), ("metadata", tail)])


def say_gemini(stream, calls, stop):
    answer = {"candidates": [{"index": 0, "finishReason": stop, "content": {
        "role": "model", "parts": [{"text": "Hi"}] + [
            {"functionCall": {"name": "get_weather", "args": {"city": c}}}
            for c, _ in calls]}}],
        "usageMetadata": {"promptTokenCount": 140, "totalTokenCount": 149,
                          "cachedContentTokenCount": 40,
                          "candidatesTokenCount": 5, "thoughtsTokenCount": 4},
        "modelVersion": "m", "responseId": "r"}
    return sse([answer]) if stream else answer


SAY = {"openai-chat": say_chat, "openai-responses": say_responses,
       "anthropic-messages": say_messages, "bedrock": say_converse, "gemini": say_gemini}


def events_of(text):
    return [json.loads(line[6:]) for line in text.splitlines()
            if line.startswith("data: ") and line != "data: [DONE]"]


def frames_of(data):
    """(event type, payload) of each of AWS's messages."""
    while data:
        size, heads = struct.unpack("!II", data[:8])
        head, kind = data[12:12 + heads], None
        while head:
            n = head[0]
            name = head[1:1 + n].decode()
            size_of = struct.unpack("!H", head[n + 2:n + 4])[0]
            value = head[n + 4:n + 4 + size_of].decode()
            kind = value if name == ":event-type" else kind
            head = head[n + 4 + size_of:]
        yield kind, json.loads(data[12 + heads:size - 4])
        data = data[size:]


def heard_chat(r, stream):
    if not stream:
        a = r.json()
        m = a["choices"][0]["message"]
        return (m["content"], [(c["function"]["name"], json.loads(
            c["function"]["arguments"])) for c in m.get("tool_calls") or []],
            a["choices"][0]["finish_reason"], a["usage"])
    text, calls, stop, usage = "", {}, [], None
    for e in events_of(r.text):
        usage = e.get("usage") or usage
        for c in e["choices"]:
            text += c["delta"].get("content") or ""
            stop += [c["finish_reason"]] if c["finish_reason"] else []
            for t in c["delta"].get("tool_calls", []):
                row = calls.setdefault(t["index"], ["", ""])
                row[0] += t["function"].get("name") or ""
                row[1] += t["function"].get("arguments") or ""
    assert r.text.endswith("data: [DONE]\n\n") and len(stop) == 1
    return text, [(n, json.loads(a)) for n, a in calls.values()], stop[0], \
        usage


def heard_responses(r, stream):
    if stream:
        events = events_of(r.text)
        assert [e["sequence_number"] for e in events] == \
            list(range(len(events)))
        assert events[-1]["type"] in ("response.completed",
                                      "response.incomplete")
        a = events[-1]["response"]
        done = [e["item"] for e in events
                if e["type"] == "response.output_item.done"]
        assert done == a["output"]
    else:
        a = r.json()
    text = "".join(p.get("text", "") for i in a["output"]
                   if i["type"] == "message" for p in i["content"])
    calls = [(i["name"], json.loads(i["arguments"])) for i in a["output"]
             if i["type"] == "function_call"]
    why = (a.get("incomplete_details") or {}).get("reason")
    return text, calls, (a["status"], why), a["usage"]


def heard_messages(r, stream):
    if not stream:
        a = r.json()
        return ("".join(b["text"] for b in a["content"]
                        if b["type"] == "text"),
                [(b["name"], b["input"]) for b in a["content"]
                 if b["type"] == "tool_use"], a["stop_reason"], a["usage"])
    events = events_of(r.text)
    blocks, open_, stop, usage = [], None, [], {}
    for e in events:
        if e["type"] == "content_block_start":
            assert open_ is None and e["index"] == len(blocks)
            open_ = e["index"]
            blocks.append([e["content_block"], ""])
        elif e["type"] == "content_block_delta":
            assert e["index"] == open_
            d = e["delta"]
            blocks[-1][1] += d.get("text", d.get("partial_json", ""))
        elif e["type"] == "content_block_stop":
            assert e["index"] == open_
            open_ = None
        elif e["type"] == "message_start":
            usage.update(e["message"]["usage"])
        elif e["type"] == "message_delta":
            stop.append(e["delta"]["stop_reason"])
            usage.update(e["usage"])
    assert events[-1]["type"] == "message_stop" and len(stop) == 1
    return ("".join(t for b, t in blocks if b["type"] == "text"),
            [(b["name"], json.loads(t)) for b, t in blocks
             if b["type"] == "tool_use"], stop[0], usage)


def heard_converse(r, stream):
    if not stream:
        a = r.json()
        content = a["output"]["message"]["content"]
        return ("".join(b.get("text", "") for b in content),
                [(b["toolUse"]["name"], b["toolUse"]["input"])
                 for b in content if "toolUse" in b], a["stopReason"],
                a["usage"])
    text, calls, stop, usage = "", {}, [], None
    for kind, e in frames_of(r.content):
        if kind == "contentBlockStart":
            calls[e["contentBlockIndex"]] = [
                e["start"]["toolUse"]["name"], ""]
        elif kind == "contentBlockDelta":
            text += e["delta"].get("text", "")
            if "toolUse" in e["delta"]:
                calls[e["contentBlockIndex"]][1] += \
                    e["delta"]["toolUse"]["input"]
        elif kind == "messageStop":
            stop.append(e["stopReason"])
        elif kind == "metadata":
            usage = e["usage"]
    assert len(stop) == 1
    return text, [(n, json.loads(a)) for n, a in calls.values()], stop[0], \
        usage


def heard_gemini(r, stream):
    answers = events_of(r.text) if stream else [r.json()]
    parts = [p for a in answers for c in a.get("candidates", [])
             for p in c.get("content", {}).get("parts", [])]
    stop = [c["finishReason"] for a in answers
            for c in a.get("candidates", []) if c.get("finishReason")]
    assert len(stop) == 1
    return ("".join(p.get("text", "") for p in parts),
            [(p["functionCall"]["name"], p["functionCall"]["args"])
             for p in parts if "functionCall" in p], stop[0],
            [a["usageMetadata"] for a in answers if "usageMetadata" in a][-1])


HEARD = {"openai-chat": heard_chat, "openai-responses": heard_responses,
         "anthropic-messages": heard_messages, "bedrock": heard_converse,
         "gemini": heard_gemini}


def counted(caller, usage):
    """(all input, read from a cache, all output), as this caller's dialect
    counts."""
    if caller == "openai-chat":
        return (usage["prompt_tokens"],
                usage["prompt_tokens_details"]["cached_tokens"],
                usage["completion_tokens"])
    if caller == "openai-responses":
        return (usage["input_tokens"],
                usage["input_tokens_details"]["cached_tokens"],
                usage["output_tokens"])
    if caller == "anthropic-messages":
        return (usage["input_tokens"] + usage["cache_read_input_tokens"] +
                usage.get("cache_creation_input_tokens", 0),
                usage["cache_read_input_tokens"], usage["output_tokens"])
    if caller == "bedrock":
        read = usage.get("cacheReadInputTokens", 0)
        return (usage["inputTokens"] + read +
                usage.get("cacheWriteInputTokens", 0), read,
                usage["outputTokens"])
    return (usage["promptTokenCount"], usage["cachedContentTokenCount"],
            usage["candidatesTokenCount"] +
            usage.get("thoughtsTokenCount", 0))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("stop", STOPS)
def test_an_answer_comes_back(running, caller, venue, stream, stop):
    recorder, _ = running
    spoken = VENUES[venue]
    if caller == "openai-responses" and venue == "at-chat":
        pytest.skip("bytes pass there, in Responses: test_captures.py")
    calls = CITIES if stop == "tool" else []
    recorder.instead = SAY[spoken](stream, calls, stop_word(spoken, stop))
    try:
        body = SCENES[caller]["results"]
        if caller == "openai-chat" and stream:
            body = {**body, "stream_options": {"include_usage": True}}
        r, _ = ask(running, caller, venue, body, stream)
    finally:
        recorder.instead = None
    assert r.status_code == 200, r.text
    text, got, why, usage = HEARD[caller](r, stream)
    assert text == "Hi"
    assert got == [("get_weather", {"city": c}) for c, _ in calls]
    assert why == stop_word(caller, stop)
    whole = 160 if spoken in ("anthropic-messages", "bedrock") else 140
    assert counted(caller, usage) == (whole, 40, 9), usage


# --- what went wrong --------------------------------------------------------

ERRORS = {
    **{d: lambda s, t: {"error": {
        "message": t, "type": "invalid_request_error", "param": None,
        "code": None}} for d in ("openai-chat", "openai-responses")},
    "anthropic-messages": lambda s, t: {"type": "error", "error": {
        "type": {400: "invalid_request_error", 429: "rate_limit_error",
                 500: "api_error", 529: "overloaded_error"}[s],
        "message": t}},
    "bedrock": lambda s, t: {"message": t},
    "gemini": lambda s, t: {"error": {
        "code": s, "message": t, "status": {
            400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}.get(
                s, "INTERNAL")}},
}


def words_of_error(caller, r):
    """The message; and that the body is one of this dialect's errors."""
    a = r.json()
    if caller in ("openai-chat", "openai-responses"):
        assert {"message", "type", "param", "code"} <= set(a["error"])
        return a["error"]["message"]
    if caller == "anthropic-messages":
        assert a["type"] == "error" and a["error"]["type"].endswith("_error")
        return a["error"]["message"]
    if caller == "bedrock":
        return a["message"]  # its name is in a header, in test_boto3.py
    assert a["error"]["code"] == r.status_code and a["error"]["status"]
    return a["error"]["message"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_error_keeps_its_class_and_words(running, caller, venue, stream):
    recorder, _ = running
    spoken = VENUES[venue]
    if caller == "openai-responses" and venue == "at-chat":
        spoken = "openai-chat"  # the same shape
    for status in (400, 429):
        recorder.instead = (status, ERRORS[spoken](status, "Said the maker."))
        try:
            r, _ = ask(running, caller, venue, SCENES[caller]["plain"],
                       stream)
        finally:
            recorder.instead = None
        assert r.status_code == status, r.text
        assert "Said the maker." in words_of_error(caller, r)


# --- hosted tools -----------------------------------------------------------

def function_beside(tool):
    return {"tools": [tool]}


HOSTED = {
    "openai-chat": [
        {"tools": [{"type": "web_search"}]}, {"web_search_options": {}}],
    "openai-responses": [function_beside(t) for t in (
        {"type": "web_search"}, {"type": "web_search_preview"},
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "mcp", "server_label": "x", "server_url": "https://x"},
        {"type": "image_generation"},
        {"type": "computer_use_preview", "display_width": 1,
         "display_height": 1, "environment": "linux"},
        {"type": "local_shell"})],
    "anthropic-messages": [function_beside(t) for t in (
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "web_fetch_20250910", "name": "web_fetch"},
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {"type": "memory_20250818", "name": "memory"},
        {"type": "computer_20250124", "name": "computer",
         "display_width_px": 1, "display_height_px": 1})] + [
        {"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}],
    "bedrock": [{"toolConfig": {"tools": [
        {"systemTool": {"name": "nova_grounding"}}]}}],
    "gemini": [function_beside(t) for t in (
        {"googleSearch": {}}, {"google_search": {}}, {"codeExecution": {}},
        {"urlContext": {}}, {"googleMaps": {}},
        {"fileSearch": {"fileSearchStoreNames": ["s"]}},
        {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}})],
}
OWN = {("openai-chat", "at-chat"), ("openai-responses", "at-chat"),
       ("openai-responses", "at-responses"),
       ("anthropic-messages", "at-anthropic"), ("bedrock", "at-converse"),
       ("gemini", "at-gemini")}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_hosted_tools_are_their_vendors_alone(running, caller, venue, stream):
    hi = {k: v for k, v in SCENES[caller]["tools"].items()
          if k not in ("tools", "tool_choice", "toolConfig",
                       "parallel_tool_calls")}
    for more in HOSTED[caller]:
        r, sent = ask(running, caller, venue, {**hi, **more}, stream)
        if (caller, venue) in OWN:
            assert r.status_code == 200 and sent is not None, r.text
            continue
        assert r.status_code == 400 and sent is None, (more, r.text)
        text = words_of_error(caller, r)
        assert "tool" in text or "called by" in text, text
        assert "provider" in text or "of Anthropic" in text, text
