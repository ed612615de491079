"""The official anthropic package, unchanged, against every provider type."""
import base64
import importlib.metadata
import json

import anthropic
import kit
import pytest

PNG = base64.b64encode(
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4"
    b"\x89\0\0\0\rIDATx\x9cc\xf8\xff\xff?\0\x05\xfe\x02\xfe\xa75\x81\x84\0"
    b"\0\0\0IEND\xaeB`\x82").decode()
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
                       ).decode()

NATIVE = list(kit.CLAUDES)
MODELS = NATIVE + ["m-openai", "m-azure", "m-bedrock", "m-lab"]
if hasattr(kit, "CONVERSE"):
    MODELS += list(kit.CONVERSE)
TOOLS = [{"name": "get_weather", "description": "the weather at a place",
          "input_schema": {"type": "object", "properties": {
              "city": {"type": "string"},
              "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
              "required": ["city", "unit"], "additionalProperties": False}},
         {"name": "get_time", "input_schema": {
             "type": "object", "properties": {"zone": {"type": "string"}},
             "required": ["zone"], "additionalProperties": False}}]


@pytest.fixture(scope="module")
def client(kontor, key):
    with anthropic.Anthropic(base_url=kontor.gateway, api_key=key,
                             max_retries=0,
                             timeout=30 * kit.SLOW) as client:
        yield client


@pytest.fixture(params=MODELS)
def model(request):
    return request.param


def ask(text):
    return [{"role": "user", "content": text}]


def text_of(message):
    return "".join(b.text for b in message.content if b.type == "text")


def test_the_pinned_version_runs():
    version = importlib.metadata.version("anthropic")
    print(f"anthropic {version} (Python)")
    pinned = (kit.TOP / "tests" / "requirements.txt").read_text()
    assert f"anthropic=={version}\n" in pinned


def test_a_unary_call(client, model):
    m = client.messages.create(model=model, max_tokens=200,
                               messages=ask("Say hello. [[sim out=12]]"))
    assert m.type == "message" and m.role == "assistant"
    assert m.model == (model if model not in NATIVE else m.model)
    assert text_of(m) and m.stop_reason == "end_turn"
    assert m.usage.output_tokens == 12 and m.usage.input_tokens > 0


def test_a_stream(client, model):
    with client.messages.stream(
            model=model, max_tokens=200, system="Be brief.",
            messages=ask("Say hello. [[sim out=12]]")) as stream:
        kinds = [e.type for e in stream]
        m = stream.get_final_message()
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop"
    assert kinds.count("content_block_start") == \
        kinds.count("content_block_stop") == len(m.content)
    assert text_of(m) and m.stop_reason == "end_turn"
    assert m.usage.output_tokens == 12


def test_the_limit_is_kept(client, model):
    m = client.messages.create(model=model, max_tokens=16,
                               messages=ask("Talk. [[sim out=100]]"))
    assert m.stop_reason == "max_tokens"
    assert m.usage.output_tokens == 16


@pytest.mark.parametrize("stream", [False, True])
def test_tools_in_parallel_and_their_results(client, model, stream):
    def call(messages):
        more = dict(model=model, max_tokens=500, tools=TOOLS,
                    messages=messages)
        if not stream:
            return client.messages.create(**more)
        with client.messages.stream(**more) as s:
            for _ in s:
                pass
            return s.get_final_message()
    messages = ask("Weather and time? [[sim tools=2]]")
    m = call(messages)
    uses = [b for b in m.content if b.type == "tool_use"]
    assert m.stop_reason == "tool_use" and len(uses) == 2, m
    assert {u.name for u in uses} <= {"get_weather", "get_time"}
    assert len({u.id for u in uses}) == 2
    assert all(isinstance(u.input, dict) and u.input for u in uses)
    messages.append({"role": "assistant", "content": m.content})
    messages.append({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": u.id, "content": "12 C"}
        for u in uses]})
    end = call(messages)
    assert end.stop_reason == "end_turn" and text_of(end)


def test_a_forced_tool(client, model):
    m = client.messages.create(
        model=model, max_tokens=300, tools=TOOLS,
        tool_choice={"type": "tool", "name": "get_time"},
        messages=ask("What time is it?"))
    uses = [b for b in m.content if b.type == "tool_use"]
    assert [u.name for u in uses] == ["get_time"]


def test_pictures(client, model):
    if model in ("m-lab",):
        pytest.skip("this provider's model does not see")
    m = client.messages.create(model=model, max_tokens=100, messages=[
        {"role": "user", "content": [
            {"type": "image", "source": {
                "type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "text", "text": "What is it? [[sim out=5]]"}]}])
    assert text_of(m)


def test_documents(client):
    for model in ("m-claude", "m-openai"):
        m = client.messages.create(model=model, max_tokens=100, messages=[
            {"role": "user", "content": [
                {"type": "document", "title": "report.pdf", "source": {
                    "type": "base64", "media_type": "application/pdf",
                    "data": PDF}},
                {"type": "text", "text": "Sum it up. [[sim out=5]]"}]}])
        assert text_of(m), model


@pytest.mark.parametrize("model", NATIVE)
def test_stop_sequences_and_system_blocks(client, model):
    m = client.messages.create(
        model=model, max_tokens=100, stop_sequences=["STOP"],
        system=[{"type": "text", "text": "Be brief.",
                 "cache_control": {"type": "ephemeral"}}],
        messages=ask("Hello [[sim out=8]]"))
    assert m.stop_reason in ("end_turn", "stop_sequence")


@pytest.mark.parametrize("model", NATIVE)
def test_thinking_is_signed_and_survives_the_round_trip(client, model):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    messages = ask("Think. [[sim tools=1]]")
    m = client.messages.create(model=model, max_tokens=3000,
                               thinking=thinking, tools=TOOLS,
                               messages=messages)
    assert m.content[0].type == "thinking" and m.content[0].signature
    use = next(b for b in m.content if b.type == "tool_use")
    messages += [{"role": "assistant", "content": m.content},
                 {"role": "user", "content": [
                     {"type": "tool_result", "tool_use_id": use.id,
                      "content": "ok"}]}]
    end = client.messages.create(model=model, max_tokens=3000,
                                 thinking=thinking, tools=TOOLS,
                                 messages=messages)
    assert end.stop_reason in ("end_turn", "tool_use")
    # to another vendor it does not go, and the call is served all the same
    r = client.messages.with_raw_response.create(
        model="m-openai", max_tokens=300, tools=TOOLS, messages=messages)
    assert "reasoning of another vendor" in \
        r.headers["x-kontor-warnings"]


@pytest.mark.parametrize("model, kind", [
    ("nonsense", anthropic.NotFoundError)])
def test_errors_have_their_classes(client, model, kind):
    with pytest.raises(kind) as e:
        client.messages.create(model=model, max_tokens=10,
                               messages=ask("x"))
    assert e.value.body["type"] == "error"


def test_a_wrong_key_is_401(kontor):
    with anthropic.Anthropic(base_url=kontor.gateway, api_key="ktk_no",
                             max_retries=0) as c:
        with pytest.raises(anthropic.AuthenticationError):
            c.messages.create(model="m-claude", max_tokens=10,
                              messages=ask("x"))


def test_a_hosted_tool_of_another_vendor_is_a_clear_400(client):
    with pytest.raises(anthropic.BadRequestError) as e:
        client.messages.create(
            model="m-openai", max_tokens=10, messages=ask("x"),
            tools=[{"type": "web_search_20250305", "name": "web_search",
                    "max_uses": 1}])
    assert "a tool of Anthropic's" in e.value.body["error"]["message"]


def test_the_old_header_and_version_still_work(kontor, key):
    import httpx
    r = httpx.post(kontor.gateway + "/v1/messages", headers={
        "x-api-key": key, "anthropic-version": "2023-06-01"}, json={
        "model": "m-claude", "max_tokens": 10, "temperature": 0.5,
        "messages": ask("x [[sim out=3]]")})
    assert r.status_code == 200, r.text
    r = httpx.post(kontor.gateway + "/v1/messages?beta=true", headers={
        "authorization": "Bearer " + key,
        "anthropic-version": "2026-10-21"}, json={
        "model": "m-claude", "max_tokens": 10, "temperature": 0.5,
        "messages": ask("x")})
    assert r.status_code == 400 and "temperature" in r.text


@pytest.mark.parametrize("model", NATIVE)
def test_what_is_booked_is_what_is_told(client, kontor, model):
    r = client.messages.with_raw_response.create(
        model=model, max_tokens=50, messages=ask(
            "Hello [[sim out=7]]"))
    m = r.parse()
    told = kontor.explain(r.headers["x-kontor-request-id"])
    a = told["attempts"][0]
    assert a["resolution"] == "booked"
    assert a["output_tokens"] == m.usage.output_tokens == 7
    assert json.dumps(told).count(model) > 0


@pytest.mark.parametrize("model", NATIVE)
def test_tokens_are_counted(client, model):
    """By the provider where it counts, else by length, and said so."""
    body = dict(system="Be brief.", messages=ask("How long is this?"),
                tools=TOOLS)
    r = client.messages.with_raw_response.count_tokens(
        model=model, **body)
    exact = r.parse().input_tokens
    if kit.CLAUDES[model][0] in ("bedrock", "mantle"):
        # /anthropic has no count there, and CountTokens is another dialect
        assert "estimate" in r.headers["x-kontor-warnings"]
        return
    assert exact > 0 and "x-kontor-warnings" not in r.headers
    m = client.messages.create(model=model, max_tokens=10, **body)
    assert m.usage.input_tokens == exact
    r = client.messages.with_raw_response.count_tokens(
        model="m-openai", **body)
    assert exact / 3 < r.parse().input_tokens < exact * 3
    assert "estimate" in r.headers["x-kontor-warnings"]


def test_models_are_listed_in_anthropics_shape(client):
    listed = list(client.models.list())
    assert {m.type for m in listed} == {"model"}
    assert set(MODELS) <= {m.id for m in listed}
    page = client.models.list(limit=1)
    assert not page.has_more and page.last_id is None
    one = client.models.retrieve("m-openai")
    assert one.type == "model" and one.id == "m-openai"
    assert one.created_at.year == 1970
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("nonsense")
