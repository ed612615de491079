"""What kontor sends to providers, for callers of every dialect, is what the
providers' published schemas describe, and what they do not know is not in
it."""
import json

import kit
import pytest
from recorder import VENUES, Recorder, config
from scenes import SCENES, call

specs = pytest.importorskip("specs")

@pytest.fixture(scope="module")
def running(tmp_path_factory):
    if not specs.available():
        pytest.skip(f"no {specs.FOLDER}")
    folder = tmp_path_factory.mktemp("schemas")
    with Recorder() as recorder, \
            kit.Kontor(folder, config(recorder.url, folder)) as kontor:
        key = kontor.key("schemas")["key"]
        with kontor.http(key) as http:
            yield recorder, http
        kontor.verify()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("dialect", SCENES)
def test_what_is_sent(running, dialect, venue, stream):
    recorder, http = running
    for name, body in SCENES[dialect].items():
        path, body = call(dialect, venue, body, stream)
        before = len(recorder.seen)
        r = http.post(path, json=body)
        assert r.status_code == 200, (name, r.text)
        assert len(recorder.seen) == before + 1
        spoken, sent = recorder.last()
        if spoken == dialect:
            continue  # bytes pass: test_captures.py
        if spoken == "invoke" and dialect == "anthropic-messages":
            continue  # they pass: test_wrapped.py
        if spoken == "invoke":  # the path names it, and says if it streams
            assert sent.pop("anthropic_version") == "bedrock-2023-05-31"
            assert "stream" not in sent and "model" not in sent
            spoken, sent = "anthropic-messages", {"model": "m", **sent}
        if spoken == "gemini":
            sent = {"model": "models/m", **sent}  # the path names it
        wrong = specs.check(spoken, sent)
        assert not wrong, (name, wrong, json.dumps(sent))


def test_the_schemas_find_what_is_wrong():
    """Else the tests above say nothing."""
    if not specs.available():
        pytest.skip(f"no {specs.FOLDER}")
    for dialect, scenes in SCENES.items():
        if dialect == "anthropic-messages":
            continue
        for name, body in scenes.items():
            body = call(dialect, "m", body)[1]
            assert specs.check(dialect, {**body, "nobody_knows": 1}), name
    user = {"role": "user", "content": "hi"}
    assert specs.check("anthropic-messages", {
        "model": "m", "messages": [user]})
    assert specs.check("anthropic-messages", {
        "model": "m", "max_tokens": 1, "messages": [user], "seed": 1})
    assert specs.check("openai-chat", {"model": "m", "messages": [
        {"role": "tool", "content": "no id"}]})
    assert specs.check("gemini", {"model": "m", "contents": [{
        "parts": [{"inlineData": {"mime_type": "image/png"}}]}]})
    assert specs.check("bedrock", {"messages": [{
        "role": "user", "content": [{"image": {
            "format": "png", "source": {"bytes": "no base64!"}}}]}]})
