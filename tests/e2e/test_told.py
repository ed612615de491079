"""What an answer holds that a caller's dialect has a place for arrives; what
has none is said."""
import json

import kit
import pytest
from recorder import Recorder, config, sse
from scenes import PNG, SCENES, call

HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
USAGE = {"input_tokens": 5, "output_tokens": 1}
SOURCE = {"type": "web_search_result_location", "url": "http://a",
          "title": "T", "cited_text": "c", "encrypted_index": "e"}
CITED = {**HEAD, "content": [
    {"type": "text", "text": "\u00dcber: "},
    {"type": "text", "text": "a f\u00e4ct", "citations": [SOURCE]},
    {"type": "text", "text": "."}], "stop_reason": "end_turn",
    "stop_sequence": None, "usage": USAGE}
GOOGLE = {"promptTokenCount": 5, "candidatesTokenCount": 1,
          "totalTokenCount": 6}
DRAWN = {"candidates": [{"index": 0, "finishReason": "STOP", "content": {
    "role": "model", "parts": [{"text": "see"}, {"inlineData": {
        "mimeType": "image/png", "data": PNG}}]}}],
    "usageMetadata": GOOGLE, "modelVersion": "m", "responseId": "r"}
REFUSED = {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
           "choices": [{"index": 0, "finish_reason": "stop", "message": {
               "role": "assistant", "content": None, "refusal": "no"}}],
           "usage": {"prompt_tokens": 5, "completion_tokens": 1,
                     "total_tokens": 6}}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    with Recorder() as recorder, \
            kit.Kontor(folder, config(recorder.url, folder)) as kontor:
        with kontor.http(kontor.key("told")["key"]) as http:
            yield recorder, http
        kontor.verify()


def ask(running, caller, venue, instead=None, stream=False, body=None):
    recorder, http = running
    recorder.instead = instead
    path, body = call(caller, venue, body or SCENES[caller]["media"], stream)
    r = http.post(path, json=body)
    assert r.status_code == 200, r.text
    return r, r.headers.get("x-kontor-warnings", "")


def chunks(r):
    return [json.loads(line[6:]) for line in r.text.splitlines()
            if line.startswith("data: {")]


def test_a_source_stands_where_its_text_stands(running):
    r, lost = ask(running, "openai-chat", "at-anthropic", CITED)
    message = r.json()["choices"][0]["message"]
    one, = message["annotations"]
    cite = one["url_citation"]
    assert cite["url"] == "http://a" and cite["title"] == "T"
    assert message["content"][cite["start_index"]:cite["end_index"]] == \
        "a f\u00e4ct"
    assert "citations" not in lost


def test_a_stream_tells_its_sources_too(running):
    events = [{"type": "message_start", "message": {
        **HEAD, "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": USAGE}}]
    for i, block in enumerate(CITED["content"]):
        at = {"index": i}
        events.append({"type": "content_block_start", **at,
                       "content_block": {"type": "text", "text": ""}})
        for c in block.get("citations", []):
            events.append({"type": "content_block_delta", **at, "delta": {
                "type": "citations_delta", "citation": c}})
        events.append({"type": "content_block_delta", **at, "delta": {
            "type": "text_delta", "text": block["text"]}})
        events.append({"type": "content_block_stop", **at})
    events += [{"type": "message_delta", "delta": {
        "stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 1}}, {"type": "message_stop"}]
    r, _ = ask(running, "openai-chat", "at-anthropic",
               sse(events, named=True), True)
    deltas = [c["choices"][0]["delta"] for c in chunks(r) if c["choices"]]
    text = "".join(d.get("content") or "" for d in deltas)
    cite, = [a["url_citation"] for d in deltas
             for a in d.get("annotations", [])]
    assert text[cite["start_index"]:cite["end_index"]] == "a f\u00e4ct"
    assert cite["url"] == "http://a" and cite["title"] == "T"


@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_that_google_draws_arrives_at_chat(running, stream):
    r, lost = ask(running, "openai-chat", "at-gemini",
                  sse([DRAWN]) if stream else DRAWN, stream)
    said = [c["choices"][0]["delta"] for c in chunks(r) if c["choices"]] \
        if stream else [r.json()["choices"][0]["message"]]
    picture, = [i for s in said for i in s.get("images", [])]
    assert picture == {"type": "image_url", "image_url": {
        "url": "data:image/png;base64," + PNG}}
    assert "picture" not in lost


def test_a_picture_that_google_draws_arrives_at_converse(running):
    r, lost = ask(running, "bedrock", "at-gemini", DRAWN)
    assert r.json()["output"]["message"]["content"] == [
        {"text": "see"},
        {"image": {"format": "png", "source": {"bytes": PNG}}}]
    assert "picture" not in lost


@pytest.mark.parametrize("caller, venue, answer, word", [
    *[(c, "at-gemini", DRAWN, "a picture") for c in (
        "openai-responses", "anthropic-messages")],
    ("gemini", "at-anthropic", CITED, "citations are left out"),
    *[(c, "at-chat", REFUSED, "a refusal became text") for c in (
        "anthropic-messages", "bedrock", "gemini")]])
def test_what_has_no_place_is_said(running, caller, venue, answer, word):
    r, lost = ask(running, caller, venue, answer)
    assert word in lost
    assert word not in ask(running, caller, venue)[1]


@pytest.mark.parametrize("caller", ["anthropic-messages", "bedrock"])
@pytest.mark.parametrize("venue", ["at-chat", "at-gemini", "at-anthropic"])
def test_that_a_stop_sequence_is_not_told_is_said(running, caller, venue):
    _, lost = ask(running, caller, venue, body=SCENES[caller]["plain"])
    assert ("which stop sequence" in lost) == (venue != "at-anthropic")
    _, lost = ask(running, caller, venue)
    assert "which stop sequence" not in lost


@pytest.mark.parametrize("venue", ["at-chat", "at-responses", "at-gemini"])
@pytest.mark.parametrize("where", ["system", "words", "document"])
def test_a_lost_cache_marker_is_said_wherever_it_stood(running, venue, where):
    mark = {"cache_control": {"type": "ephemeral"}}
    text = {"type": "text", "text": "hi"}
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": [
        {**text, **(mark if where == "words" else {})},
        {"type": "document", "source": {
            "type": "text", "media_type": "text/plain", "data": "x"},
         **(mark if where == "document" else {})}]}],
        "system": [{**text, **(mark if where == "system" else {})}]}
    _, lost = ask(running, "anthropic-messages", venue, body=body)
    assert "cache markers" in lost


OPEN = {"type": "object", "properties": {
    "city": {"type": "string", "enum": ["type", "object"]},
    "more": {"type": "array", "items": {"$ref": "#/$defs/one"}},
    "type": {"anyOf": [{"type": "null"}, {
        "type": "object", "properties": {"a": {"const": {"b": 1.50}}}}]}},
    "$defs": {"one": {"type": ["object", "null"]}}, "required": ["city"]}


def shape(sent):
    """The schema that was sent, of whatever dialect."""
    if "outputConfig" in sent:
        text = sent["outputConfig"]["textFormat"]["structure"]
        return json.loads(text["jsonSchema"]["schema"])
    return sent["output_config"]["format"]["schema"]


@pytest.mark.parametrize("venue", ["at-anthropic", "at-converse",
                                   "at-invoke"])
def test_claude_gets_shapes_that_are_closed(running, venue):
    """Google's and OpenAI's callers need not close theirs."""
    recorder, _ = running
    ask(running, "gemini", venue, body={
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"responseMimeType": "application/json",
                             "responseJsonSchema": OPEN}})
    _, _, _, raw = recorder.seen[-1]
    schema = shape(json.loads(raw))
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["one"] == {
        "type": ["object", "null"], "additionalProperties": False}
    either = schema["properties"]["type"]["anyOf"]
    assert either[0] == {"type": "null"}
    assert either[1] == {
        "type": "object", "properties": {"a": {"const": {"b": 1.5}}},
        "additionalProperties": False}
    assert schema["properties"]["city"] == OPEN["properties"]["city"]
    # what says something of it stays
    said = {**OPEN, "additionalProperties": {"type": "string"}}
    ask(running, "openai-chat", venue, body={
        "messages": [{"role": "user", "content": "hi"}],
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "x", "schema": said}}})
    schema = shape(json.loads(recorder.seen[-1][3]))
    assert schema["additionalProperties"] == {"type": "string"}


@pytest.mark.parametrize("venue", [
    "at-chat", "at-responses", "at-gemini", "at-anthropic", "at-converse"])
@pytest.mark.parametrize("caller", ["anthropic-messages", "bedrock"])
def test_a_document_of_plain_text_arrives_by_itself(running, caller, venue):
    recorder, _ = running
    if caller == "bedrock":
        doc = {"document": {"format": "md", "name": "n",
                            "source": {"text": "in the document"}}}
        content = [doc, {"text": "what is it?"}]
        body = {"messages": [
            {"role": "user", "content": content},
            {"role": "assistant", "content": [{"toolUse": {
                "toolUseId": "c1", "name": "f", "input": {}}}]},
            {"role": "user", "content": [{"toolResult": {
                "toolUseId": "c1", "content": [{"document": {
                    "format": "md", "name": "r",
                    "source": {"text": "in the result"}}}]}}]}]}
    else:
        def document(text):
            return {"type": "document", "title": "n", "source": {
                "type": "text", "media_type": "text/plain", "data": text}}
        body = {"max_tokens": 9, "messages": [
            {"role": "user", "content": [document("in the document"), {
                "type": "text", "text": "what is it?"}]},
            {"role": "assistant", "content": [{
                "type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{
                "type": "tool_result", "tool_use_id": "c1",
                "content": [document("in the result")]}]}]}
    ask(running, caller, venue, body=body)
    sent = recorder.seen[-1][3].decode()
    at = [sent.find(w) for w in (
        "in the document", "what is it?", "in the result")]
    assert -1 not in at and at == sorted(at), sent


@pytest.mark.parametrize("url, mime", [
    ("https://x/a.PNG?w=1", "image/png"), ("https://x/a", "image/jpeg"),
    ("https://x/a.webp", "image/webp")])
def test_google_is_told_what_a_picture_is(running, url, mime):
    ask(running, "openai-chat", "at-gemini", body={"messages": [{
        "role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url}}]}]})
    sent = json.loads(running[0].seen[-1][3])
    assert sent["contents"][0]["parts"][0]["fileData"] == {
        "mimeType": mime, "fileUri": url}


@pytest.mark.parametrize("venue", [
    "at-chat", "at-responses", "at-anthropic", "at-converse"])
@pytest.mark.parametrize("signed", ["call", "thought", "nothing"])
def test_thoughts_that_stay_behind_are_said(running, venue, signed):
    """Google's signature stands on a call as well as on a thought."""
    call_ = {"functionCall": {"name": "f", "args": {}}}
    parts = {"call": [{**call_, "thoughtSignature": "c2ln"}],
             "thought": [{"text": "hm", "thought": True}, call_],
             "nothing": [call_]}[signed]
    _, lost = ask(running, "gemini", venue, body={"contents": [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": parts},
        {"role": "user", "parts": [{"functionResponse": {
            "name": "f", "response": {"output": 1}}}]}]})
    assert ("earlier reasoning" in lost) == (signed != "nothing")
    assert b"c2ln" not in running[0].seen[-1][3]


@pytest.mark.parametrize("caller", ["openai-chat", "openai-responses"])
@pytest.mark.parametrize("venue", ["at-anthropic", "at-gemini"])
def test_a_field_that_nobody_knows_is_said_to_be_lost(running, caller, venue):
    body = SCENES[caller]["media"]
    assert "fields that kontor" not in ask(running, caller, venue)[1]
    for value, said in ((1, True), (None, False)):
        _, lost = ask(running, caller, venue, body={**body, "new": value})
        assert ("fields that kontor" in lost) == said


def test_an_answer_in_sound_that_one_provider_keeps_is_refused(running):
    recorder, http = running
    path, body = call("openai-chat", "at-anthropic", {"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "audio": {"id": "audio_1"}},
        {"role": "user", "content": "and?"}]}, False)
    r = http.post(path, json=body)
    assert r.status_code == 400 and "by its id" in r.json()["error"]["message"]
