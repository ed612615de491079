"""OpenAI's SDK on Responses, unchanged, against every provider type; and what
kontor sends and says, against the published schemas."""
import json

import jsonschema
import openai
import pytest

import dialects
import kit

TOOL = {"type": "function", "name": "get_weather", "strict": True,
        "description": "Get the weather",
        "parameters": {"type": "object", "required": ["city"],
                       "properties": {"city": {"type": "string"}},
                       "additionalProperties": False}}
MODELS = sorted(dialects.VENUES)
PNG = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
       "DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with dialects.running(tmp_path_factory.mktemp("resp")) as (sim, kontor):
        yield sim, kontor, kontor.key("responses")["key"]
        kontor.verify()


@pytest.fixture(scope="module")
def client(running):
    _, kontor, key = running
    return openai.OpenAI(api_key=key, base_url=kontor.gateway + "/v1",
                         max_retries=0)


@pytest.fixture(scope="module")
def schema():
    path = kit.SHARED / "specs" / "openai" / "responses.schema.json"
    if not path.exists():
        pytest.skip(f"no published schemas: {path}")
    whole = json.loads(path.read_text())
    return lambda name, value: jsonschema.validate(value, {
        "$ref": f"#/definitions/{name}", **whole})


@pytest.mark.parametrize("model", MODELS)
def test_unary(client, schema, model):
    r = client.responses.with_raw_response.create(
        model=model, instructions="be brief", input="hello [[sim out=6]]",
        max_output_tokens=50, store=False)
    schema("ResponseUsage", r.http_response.json()["usage"])
    for item in r.http_response.json()["output"]:
        schema("ResponseOutputItem", item)
    r = r.parse()
    assert len(r.output_text.split()) == 6 and r.status == "completed"
    assert r.usage.output_tokens == 6
    assert r.usage.total_tokens == r.usage.input_tokens + 6


@pytest.mark.parametrize("model", MODELS)
def test_stream_is_a_whole_ladder(client, schema, model):
    whole = client.responses.create(model=model, input="hi [[sim out=7]]",
                                    store=False)
    events = list(client.responses.create(
        model=model, input="hi [[sim out=7]]", stream=True, store=False))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == whole.output_text
    assert "".join(e.delta for e in events
                   if e.type == "response.output_text.delta"
                   ) == whole.output_text
    added = [e for e in events if e.type == "response.output_item.added"]
    done = [e for e in events if e.type == "response.output_item.done"]
    assert [e.item.id for e in added] == [e.item.id for e in done]
    for e in events:
        if model == "at-gemini" and e.type.startswith("response.output"):
            schema("ResponseStreamEvent", e.to_dict())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_parallel_tools_and_their_results(client, model, stream):
    ask = [{"role": "user",
            "content": "weather? [[sim tools=2 reasoning=4]]"}]
    more = dict(model=model, tools=[TOOL], store=False,
                include=["reasoning.encrypted_content"])
    if stream:
        with client.responses.stream(input=ask, **more) as s:
            r = s.get_final_response()
    else:
        r = client.responses.create(input=ask, **more)
    calls = [i for i in r.output if i.type == "function_call"]
    assert [c.name for c in calls] == ["get_weather"] * 2
    assert all(set(json.loads(c.arguments)) == {"city"} for c in calls)
    back = [i.to_dict() for i in r.output]
    r = client.responses.create(input=ask + back + [
        {"type": "function_call_output", "call_id": c.call_id,
         "output": "20"} for c in calls], **more)
    assert r.output_text


@pytest.mark.parametrize("model", MODELS)
def test_an_image_and_a_schema(client, model):
    r = client.responses.create(
        model=model, store=False, input=[{"role": "user", "content": [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": PNG, "detail": "auto"}]}],
        text={"format": {"type": "json_schema", "name": "city",
                         "strict": True, "schema": TOOL["parameters"]}})
    assert set(json.loads(r.output_text)) == {"city"}


@pytest.mark.parametrize("model", MODELS)
def test_length_cache_and_reasoning_are_counted(client, model):
    r = client.responses.create(
        model=model, store=False, max_output_tokens=20,
        input="hello [[sim out=40 cached=8 reasoning=4]]")
    assert r.status == "incomplete"
    assert r.incomplete_details.reason == "max_output_tokens"
    assert r.usage.input_tokens_details.cached_tokens == 8
    if model not in dialects.UNTOLD:
        assert r.usage.output_tokens_details.reasoning_tokens == 4
    assert r.usage.output_tokens == 20


@pytest.mark.parametrize("model", MODELS)
def test_an_error_of_the_provider(client, model):
    name = dialects.account(model)
    with pytest.raises(openai.RateLimitError):
        client.responses.create(
            model=model, input=f"hello [[sim fault@{name}=429]]")


@pytest.mark.parametrize("model", ["at-openai", "at-gemini"])
def test_what_kontor_does_not_keep_is_refused(client, model):
    with pytest.raises(openai.BadRequestError) as e:
        client.responses.create(model=model, input="x",
                                previous_response_id="resp_1")
    assert "previous_response_id" in str(e.value)


def test_a_hosted_tool_is_for_its_own_vendor(client):
    with pytest.raises(openai.BadRequestError) as e:
        client.responses.create(model="at-gemini", input="x",
                                tools=[{"type": "web_search"}])
    assert "hosted tool" in str(e.value)


def test_embeddings_come_as_base64(client):
    values = {m: client.embeddings.create(model=m, input="alpha")
              .data[0].embedding[:64] for m in dialects.EMBEDDERS}
    first = values.pop("embed-openai")
    assert len(first) == 64
    assert all(v == first for v in values.values())


def test_several_texts_are_several_vectors_in_order(client):
    """Each provider's shape, by decimals and by base64 alike; Titan takes one
    text a call, and says so."""
    texts = ["alpha", "beta", "gamma"]
    for m in sorted(dialects.EMBEDDERS):
        if m == "embed-titan":
            with pytest.raises(openai.BadRequestError) as e:
                client.embeddings.create(model=m, input=texts)
            assert "one text" in str(e.value)
            continue
        as_base64 = client.embeddings.create(model=m, input=texts)
        as_floats = client.embeddings.create(model=m, input=texts,
                                             encoding_format="float")
        assert [d.index for d in as_base64.data] == [0, 1, 2]
        assert [d.embedding for d in as_base64.data] == \
            [d.embedding for d in as_floats.data], m
        alone = [client.embeddings.create(model=m, input=t).data[0].embedding
                 for t in texts]
        assert [d.embedding for d in as_base64.data] == alone, m
        assert as_base64.usage.prompt_tokens > 0
