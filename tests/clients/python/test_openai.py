"""The official openai package, unchanged, against every provider type."""
import asyncio
import base64
import importlib.metadata
import json
import re

import kit
import openai
import pydantic
import pytest

MODELS = [f"m-{p}" for p in kit.VENUES] + ["m-lab"]
PNG = base64.b64encode(
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4"
    b"\x89\0\0\0\rIDATx\x9cc\xf8\xff\xff?\0\x05\xfe\x02\xfe\xa75\x81\x84\0"
    b"\0\0\0IEND\xaeB`\x82").decode()
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
                       ).decode()
TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "the weather at a place",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"], "additionalProperties": False}}},
    {"type": "function", "function": {
        "name": "get_time", "description": "the time at a place",
        "parameters": {"type": "object", "properties": {
            "zone": {"type": "string"}},
            "required": ["zone"], "additionalProperties": False}}},
]


@pytest.fixture(scope="module")
def client(kontor, key):
    with openai.OpenAI(base_url=kontor.gateway + "/v1", api_key=key,
                       timeout=30 * kit.SLOW) as client:
        yield client


@pytest.fixture(params=MODELS)
def model(request):
    return request.param


def ask(text):
    return [{"role": "user", "content": text}]


def test_the_pinned_version_runs():
    version = importlib.metadata.version("openai")
    print(f"openai {version} (Python)")
    pinned = (kit.TOP / "tests" / "requirements.txt").read_text()
    assert f"openai=={version}\n" in pinned


def test_a_unary_call(client, model):
    answer = client.chat.completions.create(
        model=model, messages=ask("Say hello. [[sim out=12]]"))
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 12
    assert answer.usage.total_tokens == \
        answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_system_developer_and_many_turns(client, model):
    answer = client.chat.completions.create(model=model, messages=[
        {"role": "system", "content": "Be brief. \u00fcber \U0001f600"},
        {"role": "user", "content": [{"type": "text", "text": "One"}]},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"}], max_completion_tokens=50)
    assert answer.choices[0].message.content


@pytest.mark.parametrize("usage", [None, False, True])
def test_a_stream_says_what_the_unary_call_said(client, model, usage):
    prompt = ask("Tell a story. [[sim out=30]]")
    whole = client.chat.completions.create(model=model, messages=prompt)
    options = {} if usage is None else {
        "stream_options": {"include_usage": usage}}
    chunks = list(client.chat.completions.create(
        model=model, messages=prompt, stream=True, **options))
    text = "".join(c.choices[0].delta.content or ""
                   for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert [r for r in reasons if r] == ["stop"]
    with_usage = [c for c in chunks if c.usage]
    if usage:
        assert len(with_usage) == 1 and with_usage[0] is chunks[-1]
        assert with_usage[0].choices == []
        assert with_usage[0].usage.completion_tokens == 30
        assert with_usage[0].usage.prompt_tokens == whole.usage.prompt_tokens
    else:
        assert not with_usage


def test_events_come_when_they_are_made(client, model):
    """A stream is not collected: the first event is there long before the
    last, at every provider."""
    import time
    began = time.monotonic()
    at = [time.monotonic() - began
          for c in client.chat.completions.create(
              model=model, stream=True,
              messages=ask("Slowly. [[sim out=20 pace=30]]"))
          if c.choices and c.choices[0].delta.content]
    assert at[0] < at[-1] - 0.15


def test_parallel_tools(client, model):
    answer = client.chat.completions.create(
        model=model, tools=TOOLS, parallel_tool_calls=True,
        messages=ask("Weather and time in Oslo? [[sim tools=2]]"))
    calls = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [c.function.name for c in calls] == ["get_weather", "get_time"]
    assert set(json.loads(calls[0].function.arguments)) == {"city", "unit"}
    assert len({c.id for c in calls}) == 2


def test_parallel_tools_with_streamed_arguments(client, model):
    prompt = ask("Weather and time in Rome? [[sim tools=2]]")
    whole = client.chat.completions.create(
        model=model, tools=TOOLS, messages=prompt)
    calls, pieces = {}, 0
    for chunk in client.chat.completions.create(
            model=model, tools=TOOLS, messages=prompt, stream=True):
        for part in (chunk.choices[0].delta.tool_calls or []
                     if chunk.choices else []):
            call = calls.setdefault(part.index, {"arguments": ""})
            if part.id:
                call["id"] = part.id
            if part.function.name:
                call["name"] = part.function.name
            call["arguments"] += part.function.arguments or ""
            pieces += 1
    assert pieces > 2 * len(calls)
    assert [(c["id"], c["name"], c["arguments"]) for c in calls.values()] == [
        (c.id, c.function.name, c.function.arguments)
        for c in whole.choices[0].message.tool_calls]


def test_the_stream_helper_accumulates_tools(client, model):
    with client.chat.completions.stream(
            model=model, tools=TOOLS,
            messages=ask("Weather in Bern? [[sim tools=1]]")) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == \
        "get_weather"


def test_a_tool_round_trip(client, model):
    messages = ask("Weather in Kiel? [[sim tools=2]]")
    first = client.chat.completions.create(
        model=model, tools=TOOLS, messages=messages)
    messages.append(first.choices[0].message.model_dump(exclude_none=True))
    for call in first.choices[0].message.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id,
                         "content": json.dumps({"answer": 12})})
    second = client.chat.completions.create(
        model=model, tools=TOOLS, messages=messages)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


def test_an_image(client, model):
    answer = client.chat.completions.create(model=model, messages=[{
        "role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {
                "url": f"data:image/png;base64,{PNG}", "detail": "low"}}]}])
    assert answer.choices[0].message.content
    assert answer.usage.prompt_tokens > 85


def test_a_file(client, model):
    answer = client.chat.completions.create(model=model, messages=[{
        "role": "user", "content": [
            {"type": "file", "file": {
                "filename": "a.pdf",
                "file_data": f"data:application/pdf;base64,{PDF}"}},
            {"type": "text", "text": "Summarise."}]}])
    assert answer.choices[0].message.content


class Person(pydantic.BaseModel):
    name: str
    age: int
    tags: list[str]


def test_structured_output(client, model):
    answer = client.chat.completions.parse(
        model=model, response_format=Person, messages=ask("Who is it?"))
    assert isinstance(answer.choices[0].message.parsed, Person)


def test_structured_output_in_a_stream(client, model):
    with client.chat.completions.stream(
            model=model, response_format=Person,
            messages=ask("Who was it?")) as stream:
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Person)


@pytest.mark.parametrize("stream", [False, True])
def test_two_choices(client, model, stream):
    answer = client.chat.completions.create(
        model=model, n=2, stream=stream, messages=ask("Two. [[sim out=8]]"))
    if not stream:
        assert [c.index for c in answer.choices] == [0, 1]
        return
    texts = {}
    for chunk in answer:
        for choice in chunk.choices:
            texts.setdefault(choice.index, "")
            texts[choice.index] += choice.delta.content or ""
    assert sorted(texts) == [0, 1] and all(texts.values())


def test_what_the_provider_refuses_comes_back(client, model):
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(
            model=model, messages=ask("[[sim fault=400]]"))
    assert e.value.status_code == 400
    assert e.value.body["message"] == "The request is not valid."
    assert e.value.body["type"]
    assert {"message", "type", "param", "code"} <= set(e.value.body)


def test_the_provider_refuses_a_stream(client, model):
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(
            model=model, stream=True, messages=ask("[[sim fault=400]]"))
    assert e.value.body["message"] == "The request is not valid."


def test_a_wrong_key(kontor):
    client = openai.OpenAI(base_url=kontor.gateway + "/v1",
                           api_key="ktk_nobody", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as e:
        client.chat.completions.create(model="m-openai", messages=ask("hi"))
    assert e.value.code == "invalid_api_key"


def test_an_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as e:
        client.chat.completions.create(model="gpt-nine", messages=ask("hi"))
    assert e.value.code == "model_not_found"
    assert "gpt-nine" in e.value.message


def test_a_model_the_key_may_not_use(kontor):
    key = kontor.key("narrow", model="m-azure")["key"]
    client = openai.OpenAI(base_url=kontor.gateway + "/v1", api_key=key)
    client.chat.completions.create(model="m-azure", messages=ask("hi"))
    with pytest.raises(openai.PermissionDeniedError) as e:
        client.chat.completions.create(model="m-openai", messages=ask("hi"))
    assert e.value.code == "model_not_allowed"
    assert [m.id for m in client.models.list()] == ["m-azure"]


def test_an_exhausted_budget_is_not_retried(kontor):
    key = kontor.key("poor", budget="0.000001/total")["key"]
    client = openai.OpenAI(base_url=kontor.gateway + "/v1", api_key=key,
                           max_retries=3)
    sent = []
    client._client.event_hooks["request"].append(lambda r: sent.append(r.url))
    with pytest.raises(openai.RateLimitError) as e:
        client.chat.completions.create(model="m-openai", messages=ask("hi"))
    assert e.value.code == "insufficient_quota"
    assert e.value.type == "insufficient_quota"
    assert e.value.response.headers["x-should-retry"] == "false"
    assert len(sent) == 1


def test_a_rate_limit_is_waited_for_by_the_sdk(kontor):
    """Five at once and one a quarter of a second: the SDK reads
    retry-after-ms, waits, and all get through."""
    key = kontor.key("paced", team="paced")["key"]
    kontor.run("limit", "set", "team:paced", "requests=240/minute",
               "--burst", "5")
    client = openai.OpenAI(base_url=kontor.gateway + "/v1", api_key=key,
                           max_retries=8)
    status = []
    client._client.event_hooks["response"].append(
        lambda r: status.append(r.status_code))
    for _ in range(9):
        client.chat.completions.create(model="m-openai", messages=ask("hi"))
    assert status.count(200) == 9 and 429 in status
    impatient = openai.OpenAI(base_url=kontor.gateway + "/v1", api_key=key,
                              max_retries=0)
    with pytest.raises(openai.RateLimitError) as e:
        for _ in range(9):
            impatient.chat.completions.create(model="m-openai",
                                              messages=ask("hi"))
    assert e.value.code == "rate_limit_exceeded"
    headers = e.value.response.headers
    assert headers["x-ratelimit-limit-requests"] == "240"
    assert headers["x-ratelimit-remaining-requests"] == "0"


def test_a_clamped_answer_is_a_short_answer(kontor):
    key = kontor.key("tight", team="tight")["key"]
    client = openai.OpenAI(base_url=kontor.gateway + "/v1", api_key=key)
    kontor.run("budget", "set", "team:tight", "0.004/month", "--tight",
               "clamp")
    stream = client.chat.completions.create(
        model="m-openai", messages=ask("hi [[sim out=900]]"), stream=True,
        max_completion_tokens=900)
    chunks = list(stream)
    assert "output limit lowered to" in \
        stream.response.headers["x-kontor-warnings"]
    assert [c.choices[0].finish_reason for c in chunks
            if c.choices and c.choices[0].finish_reason] == ["length"]


def test_a_stream_that_is_dropped_stops_the_provider(
        client, kontor, sim, model):
    stream = client.chat.completions.create(
        model=model, stream=True,
        messages=ask("Long. [[sim out=400 pace=20]]"))
    request = stream.response.headers["x-kontor-request-id"]
    for i, _ in enumerate(stream):
        if i == 4:
            break
    stream.close()
    rows = kit.wait_for("the provider to see it", lambda: [
        r for r in sim.seen(request) if not r["open"]], 5)
    assert len(rows) == 1 and rows[0]["cut"] == "client"
    assert 0 < rows[0]["output_tokens"] < 400
    attempt = kontor.explain(request)["attempts"][0]
    assert attempt["resolution"] == "estimated"


def test_the_models_list(client):
    listed = [m.id for m in client.models.list()]
    assert set(MODELS) | {"gpt-5.4"} <= set(listed)
    one = client.models.retrieve("gpt-5.4")
    assert one.id == "gpt-5.4" and one.object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-nine")


def test_the_headers_that_explain_a_call(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=ask("Price me. [[sim out=10]]"))
    assert re.fullmatch(r"req_[0-9A-Za-z]+",
                        raw.headers["x-kontor-request-id"])
    assert raw.headers["x-kontor-deployment"]
    assert re.fullmatch(r"\d+\.\d+ USD", raw.headers["x-kontor-cost"])
    assert raw.parse().usage.completion_tokens == 10


def test_an_alias(client):
    raw = client.chat.completions.with_raw_response.create(
        model="fast", messages=ask("hi"))
    assert raw.headers["x-kontor-deployment"] == "openai-gpt"


def test_the_async_client(kontor, key, model):
    async def run():
        async with openai.AsyncOpenAI(base_url=kontor.gateway + "/v1",
                                      api_key=key) as client:
            async def one(i):
                stream = await client.chat.completions.create(
                    model=model, stream=True,
                    messages=ask(f"Number {i} [[sim out={i + 3}]]"),
                    stream_options={"include_usage": True})
                usage = None
                async for chunk in stream:
                    usage = chunk.usage or usage
                return usage.completion_tokens
            return await asyncio.gather(*(one(i) for i in range(16)))
    assert asyncio.run(run()) == [i + 3 for i in range(16)]


def test_the_azure_client_keeps_its_path(kontor, key, model):
    client = openai.AzureOpenAI(
        azure_endpoint=kontor.gateway, api_version="2024-10-21", api_key=key)
    answer = client.chat.completions.create(
        model=model, messages=ask("From Azure. [[sim out=9]]"))
    assert answer.usage.completion_tokens == 9
    chunks = list(client.chat.completions.create(
        model=model, messages=ask("From Azure. [[sim out=9]]"), stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks
                   if c.choices) == answer.choices[0].message.content


def test_the_azure_v1_path(kontor, key, model):
    client = openai.OpenAI(base_url=kontor.gateway + "/openai/v1/",
                           api_key=key)
    answer = client.chat.completions.create(
        model=model, messages=ask("v1. [[sim out=9]]"))
    assert answer.usage.completion_tokens == 9


def test_reasoning_and_cached_tokens_are_told(client, kontor):
    raw = client.chat.completions.with_raw_response.create(
        model="m-openai", reasoning_effort="high",
        messages=ask("word " * 600 +
                     "[[sim out=20 reasoning=64 cached=256]]"))
    usage = raw.parse().usage
    assert usage.completion_tokens_details.reasoning_tokens == 64
    assert usage.prompt_tokens_details.cached_tokens == 256
    row = kontor.explain(raw.headers["x-kontor-request-id"])["attempts"][0]
    assert row["resolution"] == "booked"
