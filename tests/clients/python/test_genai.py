"""The official google-genai SDK, unchanged, against every provider type."""
import base64
import time

import pytest
from google import genai
from google.genai import errors, types

import dialects
import kit

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg==")
WEATHER = types.FunctionDeclaration(
    name="get_weather", description="Get the weather",
    parameters=types.Schema(type="OBJECT", required=["city"], properties={
        "city": types.Schema(type="STRING")}))
MODELS = sorted(dialects.VENUES)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with dialects.running(tmp_path_factory.mktemp("genai")) as (sim, kontor):
        yield sim, kontor, kontor.key("genai")["key"]
        kontor.verify()


@pytest.fixture(scope="module")
def client(running):
    _, kontor, key = running
    return genai.Client(api_key=key, http_options=types.HttpOptions(
        base_url=kontor.gateway))


def tools(**more):
    return types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[WEATHER])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(
            disable=True), **more)


@pytest.mark.parametrize("model", MODELS)
def test_unary(client, model):
    r = client.models.generate_content(
        model=model, contents="hello [[sim out=6]]",
        config=types.GenerateContentConfig(
            system_instruction="be brief", max_output_tokens=50))
    assert len(r.text.split()) == 6
    assert r.candidates[0].finish_reason == types.FinishReason.STOP
    u = r.usage_metadata
    assert u.candidates_token_count == 6
    assert u.total_token_count == u.prompt_token_count + 6


@pytest.mark.parametrize("model", MODELS)
def test_stream(client, model):
    whole = client.models.generate_content(
        model=model, contents="hello [[sim out=9]]")
    chunks = list(client.models.generate_content_stream(
        model=model, contents="hello [[sim out=9]]"))
    assert "".join(c.text or "" for c in chunks) == whole.text
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count == 9


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_parallel_tools_and_their_results(client, model, stream):
    ask = types.Content(role="user", parts=[types.Part(
        text="weather? [[sim tools=2 reasoning=4]]")])
    config = tools(tool_config=types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode="ANY")))
    if stream:
        parts = [p for c in client.models.generate_content_stream(
            model=model, contents=[ask], config=config)
            for p in (c.candidates[0].content.parts or [])]
    else:
        parts = client.models.generate_content(
            model=model, contents=[ask], config=config
        ).candidates[0].content.parts
    calls = [p.function_call for p in parts if p.function_call]
    assert [c.name for c in calls] == ["get_weather", "get_weather"]
    assert all(set(c.args) == {"city"} for c in calls)
    answer = client.models.generate_content(
        model=model, config=tools(), contents=[
            ask, types.Content(role="model", parts=[
                p for p in parts if p.function_call]),
            types.Content(role="user", parts=[types.Part(
                function_response=types.FunctionResponse(
                    id=c.id, name=c.name, response={"t": 20}))
                for c in calls])])
    assert answer.text


@pytest.mark.parametrize("model", MODELS)
def test_an_image_and_a_schema(client, model):
    schema = {"type": "object", "properties": {"city": {"type": "string"}},
              "required": ["city"], "additionalProperties": False}
    r = client.models.generate_content(
        model=model, contents=[
            "look", types.Part.from_bytes(data=PNG, mime_type="image/png")],
        config=types.GenerateContentConfig(
            response_mime_type="application/json",
            response_json_schema=schema))
    assert set(r.parsed) == {"city"}


@pytest.mark.parametrize("model", MODELS)
def test_length_and_cache_and_thoughts(client, model):
    r = client.models.generate_content(
        model=model, contents="hello [[sim out=40 cached=8 reasoning=4]]",
        config=types.GenerateContentConfig(max_output_tokens=20))
    assert r.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    u = r.usage_metadata
    assert u.cached_content_token_count == 8
    if model not in dialects.UNTOLD:
        assert u.thoughts_token_count == 4
    assert (u.thoughts_token_count or 0) + u.candidates_token_count == 20


@pytest.mark.parametrize("model", MODELS)
def test_an_error_of_the_provider(client, model):
    name = dialects.account(model)
    with pytest.raises(errors.ClientError) as e:
        client.models.generate_content(
            model=model, contents=f"hello [[sim fault@{name}=429]]")
    assert e.value.code == 429
    assert e.value.status == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("model", sorted(dialects.EMBEDDERS))
def test_embeddings(client, model):
    r = client.models.embed_content(model=model, contents="alpha")
    assert len(r.embeddings) == 1 and len(r.embeddings[0].values) >= 64


@pytest.mark.parametrize("model", ["at-gemini", "at-vertex", "at-openai"])
def test_tokens_are_counted(client, model):
    r = client.models.count_tokens(model=model, contents="hello there")
    assert r.total_tokens > 0


def test_models_are_listed(running):
    _, kontor, key = running
    beta = genai.Client(api_key=key, http_options=types.HttpOptions(
        base_url=kontor.gateway, api_version="v1beta"))
    names = {m.name for m in beta.models.list()}
    assert {"models/" + m for m in MODELS} <= names


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_one_model_is_told_in_googles_shape(running, version):
    _, kontor, key = running
    client = genai.Client(api_key=key, http_options=types.HttpOptions(
        base_url=kontor.gateway, api_version=version))
    assert {"models/" + m for m in MODELS} <= {
        m.name for m in client.models.list()}
    one = client.models.get(model="at-openai")
    assert one.name == "models/at-openai" and one.display_name == "at-openai"
    assert "generateContent" in one.supported_actions
    with pytest.raises(errors.ClientError) as e:
        client.models.get(model="nonsense")
    assert e.value.code == 404 and e.value.status == "NOT_FOUND"


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_that_is_no_sse_is_an_array(running, model):
    _, kontor, key = running
    path = f"/v1beta/models/{model}:streamGenerateContent"
    with kontor.http(key) as http:
        until = time.monotonic() + 10 * kit.SLOW
        while True:  # a 429 of the tests above may still count
            r = http.post(path, json={"contents": [{"role": "user", "parts": [
                {"text": "Hi. [[sim out=5]]"}]}]})
            if r.status_code != 429 or time.monotonic() > until:
                break
            time.sleep(0.1)
        assert r.status_code == 200, r.text
        assert r.headers["content-type"].startswith("application/json")
        answers = r.json()
        said = "".join(p.get("text", "") for a in answers
                       for c in a.get("candidates", [])
                       for p in c.get("content", {}).get("parts", []))
        assert len(answers) > 1 and said
        usage = [a["usageMetadata"] for a in answers
                 if "usageMetadata" in a][-1]
        assert usage["candidatesTokenCount"] == 5
        # one that breaks is an array still, and its last element says so
        r = http.post(path, json={"contents": [{"role": "user", "parts": [
            {"text": "Hi. [[sim out=9 fault=reset:400]]"}]}]})
        if r.status_code == 200:
            assert "error" in r.json()[-1]


def test_vertex_paths_and_bearer(running):
    _, kontor, key = running
    from google.oauth2.credentials import Credentials
    client = genai.Client(
        vertexai=True, project="p", location="us-central1",
        credentials=Credentials(token=key),
        http_options=types.HttpOptions(base_url=kontor.gateway))
    r = client.models.generate_content(
        model="at-openai", contents="hello [[sim out=3]]")
    assert len(r.text.split()) == 3


def test_a_wrong_key_and_an_unknown_model(running, client):
    _, kontor, _ = running
    with pytest.raises(errors.ClientError) as e:
        client.models.generate_content(model="nobody", contents="x")
    assert e.value.code == 404 and e.value.status == "NOT_FOUND"
    wrong = genai.Client(api_key="ktk_wrong", http_options=types.HttpOptions(
        base_url=kontor.gateway))
    with pytest.raises(errors.ClientError) as e:
        wrong.models.generate_content(model="at-openai", contents="x")
    assert e.value.code == 401 and e.value.status == "UNAUTHENTICATED"


def test_several_texts_are_several_vectors(client):
    texts = ["alpha", "beta"]
    for m in sorted(dialects.EMBEDDERS):
        if m == "embed-titan":
            with pytest.raises(errors.ClientError) as e:
                client.models.embed_content(model=m, contents=texts)
            assert e.value.code == 400 and "one text" in str(e.value)
            continue
        r = client.models.embed_content(model=m, contents=texts)
        if m == "embed-gemini":  # by its name the SDK makes one content
            assert len(r.embeddings) == 1
            continue
        one = client.models.embed_content(model=m, contents=texts[1])
        assert len(r.embeddings) == 2, m
        assert r.embeddings[1].values == one.embeddings[0].values, m
