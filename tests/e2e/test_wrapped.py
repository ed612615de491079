"""A caller of Messages at a Claude that Bedrock serves by InvokeModel: the
bytes pass, in another envelope."""
import json

import kit
import pytest
from recorder import Recorder, chunks, config, frame, messages
from scenes import call

BODY = {"stream": False, "max_tokens": 50, "messages": [
    {"role": "user", "content": [{"type": "search_result", "source": "x",
                                  "title": "t", "content": []}]}],
    "context_management": {"edits": [1e2]},
    "tools": [{"type": "web_search_20250305", "name": "web_search",
               "max_uses": 2}]}
BETAS = [("anthropic-beta", "context-1m-2025-08-07, context-management"),
         ("anthropic-beta", "third")]
ANSWER = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
     "input": {}},
    {"type": "text", "text": "Hi", "citations": [
        {"type": "web_search_result_location", "url": "http://a",
         "title": "T", "cited_text": "c", "encrypted_index": "e"}]}]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrapped")
    with Recorder() as recorder, \
            kit.Kontor(folder, config(recorder.url, folder)) as kontor:
        with kontor.http(kontor.key("wrapped")["key"]) as http:
            yield recorder, http
        kontor.verify()


def ask(running, body, stream=False, headers=BETAS, instead=None):
    recorder, http = running
    recorder.instead = instead
    path, body = call("anthropic-messages", "at-invoke", body, stream)
    return http.post(path, json=body, headers=headers)


@pytest.mark.parametrize("version, sent", [
    ("2023-06-01", "bedrock-2023-05-31"), ("2026-10-21", "2026-10-21")])
@pytest.mark.parametrize("stream", [False, True])
def test_a_body_passes_with_its_version_and_betas(running, stream, version,
                                                  sent):
    r = ask(running, BODY, stream,
            BETAS + [("anthropic-version", version)])
    assert r.status_code == 200, r.text
    assert "x-kontor-warnings" not in r.headers
    _, target, headers, body = running[0].seen[-1]
    assert target.endswith(
        "/invoke-with-response-stream" if stream else "/invoke")
    assert "anthropic-beta" not in dict(headers)
    expected = {k: v for k, v in BODY.items() if k != "stream"}
    assert json.loads(body) == {
        **expected, "anthropic_version": sent, "anthropic_beta": [
            "context-1m-2025-08-07", "context-management", "third"]}
    assert b"100.0" in body  # as it was written


def test_an_answer_passes_to_the_byte(running):
    answer = {"id": "msg_bdrk_1", "type": "message", "role": "assistant",
              "model": "claude", "content": ANSWER, "new": 1.50,
              "stop_reason": "pause_turn", "stop_sequence": None,
              "usage": {"input_tokens": 5, "output_tokens": 1}}
    r = ask(running, BODY, instead=answer)
    assert r.content == json.dumps(answer).encode()


def test_a_stream_s_events_pass_in_its_caller_s_frames(running):
    events = [json.loads(line[6:]) for line in messages(
        {"stream": True}, "").decode().splitlines()
        if line.startswith("data: ")]
    events[1]["content_block"]["citations"] = ANSWER[1]["citations"]
    events[-1]["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 5}
    r = ask(running, BODY, True, instead=chunks(events))
    assert r.headers["content-type"].startswith("text/event-stream")
    got = [tuple(line.partition(": ")[2] for line in e.split("\n"))
           for e in r.text.rstrip("\n").split("\n\n")]
    assert [(name, json.loads(data)) for name, data in got] == [
        (e["type"], e) for e in events]


def start(n):
    return [json.loads(line[6:]) for line in messages(
        {"stream": True}, "").decode().splitlines()
        if line.startswith("data: ")][:n]


@pytest.mark.parametrize("end, word", [
    (frame("modelStreamErrorException", {"message": "broke"}, "exception"),
     "broke"),
    (b"", ""),
    (frame("chunk", {"bytes": "no base64!"}), ""),
    (chunks([{"type": "message_stop"}])[:-1] + b"?", "")])
def test_a_stream_that_breaks_ends_with_an_error(running, end, word):
    r = ask(running, BODY, True, instead=[chunks(start(3)), end])
    assert r.status_code == 200
    last = r.text.rstrip("\n").split("\n\n")[-1]
    assert last.startswith("event: error\ndata: ") and word in last
    assert r.text.count("event: error") == 1
    assert "message_stop" not in r.text


def test_before_its_first_byte_it_is_an_answer(running):
    r = ask(running, BODY, True, instead=frame(
        "throttlingException", {"message": "slow down"}, "exception"))
    assert r.status_code >= 429 and r.json()["type"] == "error"


def test_a_bad_status_is_told_in_the_caller_s_words(running):
    r = ask(running, BODY, instead=(400, {"message": "fancy: Extra inputs"}))
    assert r.status_code == 400
    assert r.json()["error"]["type"] == "invalid_request_error"
    assert "fancy" in r.json()["error"]["message"]


ASKS = {
    "anthropic-messages": {"max_tokens": 50, "messages": [
        {"role": "user", "content": "hi"}]},
    "openai-chat": {"messages": [{"role": "user", "content": "hi"}]},
    "bedrock": {
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "additionalModelRequestFields": {"anthropic_beta": [
            "one", 2, "no\r\nheader: x", "two"]}},
}


def sent_betas(running, caller, venue, headers):
    recorder, http = running
    recorder.instead = None
    path, body = call(caller, venue, ASKS[caller], False)
    r = http.post(path, json=body, headers=headers)
    assert r.status_code == 200, r.text
    _, _, got, sent = recorder.seen[-1]
    return dict(got).get("anthropic-beta"), \
        json.loads(sent).get("anthropic_beta"), \
        "beta features" in r.headers.get("x-kontor-warnings", "")


@pytest.mark.parametrize("caller", ASKS)
def test_betas_go_to_claude_and_nowhere_else(running, caller):
    headers = [] if caller == "bedrock" else [
        ("anthropic-beta", "one"), ("anthropic-beta", "two")]
    header, field, lost = sent_betas(running, caller, "at-anthropic", headers)
    assert (header, field, lost) == ("one,two", None, False)
    header, field, lost = sent_betas(running, caller, "at-invoke", headers)
    if caller != "bedrock":
        assert (header, field, lost) == (None, ["one", "two"], False)
    for venue in ("at-nova", "at-gemini", "at-responses"):
        assert sent_betas(running, caller, venue, headers) == (
            None, None, caller != "bedrock" or venue != "at-nova")
    if caller != "bedrock":
        assert sent_betas(running, caller, "at-converse", headers) == (
            None, None, True)
