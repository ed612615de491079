"""boto3, unchanged, against every provider type: Converse and its stream."""
import importlib.metadata
import json

import boto3
import botocore.config
import botocore.exceptions
import kit
import pytest

PNG = (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4"
       b"\x89\0\0\0\rIDATx\x9cc\xf8\xff\xff?\0\x05\xfe\x02\xfe\xa75\x81\x84\0"
       b"\0\0\0IEND\xaeB`\x82")
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
CLAUDE = "m-claude-aws"
NATIVE = [CLAUDE, "m-nova"]
MODELS = NATIVE + ["m-openai", "m-azure", "m-bedrock", "m-bedrock-token",
                   "m-lab", "m-claude"]
TOOLS = {"tools": [
    {"toolSpec": {"name": "get_weather", "description": "the weather",
                  "inputSchema": {"json": {
                      "type": "object", "properties": {
                          "city": {"type": "string"}},
                      "required": ["city"], "additionalProperties": False}}}},
    {"toolSpec": {"name": "get_time", "inputSchema": {"json": {
        "type": "object", "properties": {"zone": {"type": "string"}},
        "required": ["zone"], "additionalProperties": False}}}}]}


@pytest.fixture(scope="module")
def client(kontor):
    pair = kontor.key("boto3", aws=True)
    return boto3.client(
        "bedrock-runtime", endpoint_url=kontor.gateway,
        region_name="us-east-1",
        aws_access_key_id=pair["aws_access_key_id"],
        aws_secret_access_key=pair["aws_secret_access_key"],
        config=botocore.config.Config(retries={"max_attempts": 0},
                                      read_timeout=30 * kit.SLOW))


@pytest.fixture(params=MODELS)
def model(request):
    return request.param


def ask(text, *more):
    return [{"role": "user", "content": [{"text": text}, *more]}]


def text_of(message):
    return "".join(b.get("text", "") for b in message["content"])


def gather(answer):
    """The message that a stream's events make, its stop and its usage."""
    blocks, end, usage = {}, None, None
    opened = None
    for event in answer["stream"]:
        (name, e), = event.items()
        if name == "contentBlockStart":
            assert opened is None
            opened = e["contentBlockIndex"]
            blocks[opened] = {"toolUse": dict(e["start"]["toolUse"],
                                              input="")}
        elif name == "contentBlockDelta":
            index, delta = e["contentBlockIndex"], e["delta"]
            assert opened in (None, index)
            opened = index
            if "text" in delta:
                block = blocks.setdefault(index, {"text": ""})
                block["text"] += delta["text"]
            elif "toolUse" in delta:
                blocks[index]["toolUse"]["input"] += delta["toolUse"]["input"]
            elif "reasoningContent" in delta:
                block = blocks.setdefault(index, {"reasoningContent": {
                    "reasoningText": {"text": ""}}})
                part = block["reasoningContent"]["reasoningText"]
                r = delta["reasoningContent"]
                part["text"] += r.get("text", "")
                if "signature" in r:
                    part["signature"] = r["signature"]
        elif name == "contentBlockStop":
            assert opened in (None, e["contentBlockIndex"])
            opened = None
        elif name == "messageStop":
            assert opened is None and end is None
            end = e["stopReason"]
        elif name == "metadata":
            assert end is not None and usage is None
            usage = e["usage"]
    content = [blocks[i] for i in sorted(blocks)]
    assert list(sorted(blocks)) == list(range(len(blocks)))
    for block in content:
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(
                block["toolUse"]["input"] or "{}")
    return {"role": "assistant", "content": content}, end, usage


def talk(client, stream, **more):
    """The same by either operation."""
    if stream:
        return gather(client.converse_stream(**more))
    a = client.converse(**more)
    return a["output"]["message"], a["stopReason"], a["usage"]


both = pytest.mark.parametrize("stream", [False, True])


def test_the_pinned_version_runs():
    version = importlib.metadata.version("boto3")
    print(f"boto3 {version} (Python)")
    pinned = (kit.TOP / "tests" / "requirements.txt").read_text()
    assert f"boto3=={version}\n" in pinned


@both
def test_a_call(client, model, stream):
    message, end, usage = talk(
        client, stream, modelId=model, system=[{"text": "Be brief."}],
        messages=ask("Say hello. [[sim out=12]]"))
    assert text_of(message) and end == "end_turn"
    assert usage["outputTokens"] == 12 and usage["inputTokens"] > 0
    assert usage["totalTokens"] == usage["inputTokens"] + 12


@both
def test_the_limit_is_kept(client, model, stream):
    _, end, usage = talk(client, stream, modelId=model,
                         inferenceConfig={"maxTokens": 16},
                         messages=ask("Talk. [[sim out=100]]"))
    assert end == "max_tokens" and usage["outputTokens"] == 16


@both
def test_tools_in_parallel_and_their_results(client, model, stream):
    more = dict(modelId=model, toolConfig=TOOLS)
    messages = ask("Weather and time? [[sim tools=2]]")
    message, end, _ = talk(client, stream, messages=messages, **more)
    uses = [b["toolUse"] for b in message["content"] if "toolUse" in b]
    assert end == "tool_use" and len(uses) == 2
    assert len({u["toolUseId"] for u in uses}) == 2
    assert all(isinstance(u["input"], dict) and u["input"] for u in uses)
    messages += [message, {"role": "user", "content": [
        {"toolResult": {"toolUseId": uses[0]["toolUseId"],
                        "content": [{"text": "12 C"}]}},
        {"toolResult": {"toolUseId": uses[1]["toolUseId"],
                        "content": [{"json": {"time": "noon"}}],
                        "status": "error"}}]}]
    message, end, _ = talk(client, stream, messages=messages, **more)
    assert end == "end_turn" and text_of(message)


def test_a_forced_tool(client, model):
    message, _, _ = talk(
        client, False, modelId=model, messages=ask("What time is it?"),
        toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "get_time"}}})
    assert [b["toolUse"]["name"] for b in message["content"]
            if "toolUse" in b] == ["get_time"]


def test_tool_results_with_pictures(client, model):
    use = {"toolUseId": "tooluse_1", "name": "get_weather",
           "input": {"city": "Paris"}}
    message, end, _ = talk(
        client, False, modelId=model, toolConfig=TOOLS, messages=[
            *ask("Weather?"),
            {"role": "assistant", "content": [{"toolUse": use}]},
            {"role": "user", "content": [{"toolResult": {
                "toolUseId": "tooluse_1", "content": [
                    {"text": "see"},
                    {"image": {"format": "png",
                               "source": {"bytes": PNG}}}]}}]}])
    assert end in ("end_turn", "tool_use") and message["content"]


def test_pictures_and_documents(client, model):
    message, _, usage = talk(client, False, modelId=model, messages=ask(
        "What is this?",
        {"image": {"format": "png", "source": {"bytes": PNG}}},
        {"document": {"format": "pdf", "name": "a-paper",
                      "source": {"bytes": PDF}}}))
    assert text_of(message) and usage["inputTokens"] > 10


def test_structured_output(client, model):
    schema = {"type": "object", "properties": {"city": {"type": "string"}},
              "required": ["city"], "additionalProperties": False}
    message, _, _ = talk(
        client, False, modelId=model, messages=ask("Where?"),
        outputConfig={"textFormat": {"type": "json_schema", "structure": {
            "jsonSchema": {"schema": json.dumps(schema), "name": "place"}}}})
    assert set(json.loads(text_of(message))) == {"city"}


@both
def test_stop_sequences(client, model, stream):
    message, end, _ = talk(
        client, stream, modelId=model,
        inferenceConfig={"stopSequences": ["STOP"]},
        messages=ask('Go. [[sim text="one two STOP three"]]'))
    assert "STOP" not in text_of(message)
    assert end in ("stop_sequence", "end_turn")


@both
@pytest.mark.parametrize("shown", ["text", "redacted"])
def test_thoughts_come_back_signed(client, stream, shown):
    more = dict(modelId=CLAUDE, toolConfig=TOOLS,
                inferenceConfig={"maxTokens": 4000},
                additionalModelRequestFields={"thinking": {
                    "type": "enabled", "budget_tokens": 1024}})
    extra = " redacted=1" if shown == "redacted" and not stream else ""
    messages = ask(f"Weather? [[sim tools=1{extra}]]")
    message, end, _ = talk(client, stream, messages=messages, **more)
    assert "reasoningContent" in message["content"][0]
    use, = (b["toolUse"] for b in message["content"] if "toolUse" in b)
    messages += [message, {"role": "user", "content": [{"toolResult": {
        "toolUseId": use["toolUseId"], "content": [{"text": "12 C"}]}}]}]
    message, end, _ = talk(client, stream, messages=messages, **more)
    assert end == "end_turn"
    if "reasoningText" in messages[1]["content"][0]["reasoningContent"]:
        messages[1]["content"][0]["reasoningContent"]["reasoningText"][
            "signature"] = "c3BvaWx0"
        with pytest.raises(client.exceptions.ValidationException):
            talk(client, stream, messages=messages, **more)


def test_what_is_cached_is_told(client):
    _, _, usage = talk(client, False, modelId=CLAUDE, messages=ask(
        "long " * 100, {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"text": "go [[sim out=2 cached=40 cache_write=20]]"}))
    assert usage["cacheReadInputTokens"] == 40
    assert usage["cacheWriteInputTokens"] == 20
    assert usage["totalTokens"] == usage["inputTokens"] + 40 + 20 + 2


def test_fields_of_aws_alone_pass(client):
    a = client.converse(
        modelId=CLAUDE, messages=ask("hi [[sim out=2]]"),
        guardrailConfig={"guardrailIdentifier": "gr1",
                         "guardrailVersion": "1", "trace": "enabled"},
        performanceConfig={"latency": "standard"},
        requestMetadata={"team": "a"},
        additionalModelResponseFieldPaths=["/stop_sequence"])
    assert a["trace"]["guardrail"]
    assert a["performanceConfig"] == {"latency": "standard"}
    assert "stop_sequence" in a["additionalModelResponseFields"]


def test_errors_have_their_names(client, model):
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.converse(modelId="nobody", messages=ask("hi"))
    with pytest.raises(client.exceptions.ValidationException) as e:
        client.converse(modelId=model, messages=ask(
            "hi", {"image": {"format": "png", "source": {
                "s3Location": {"uri": "s3://bucket/key.png"}}}})
            if model not in (*NATIVE, "m-bedrock", "m-bedrock-token") else [
                {"role": "assistant", "content": [{"text": "x"}]}])
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_error_in_a_stream_is_an_exception(client, faults):
    answer = client.converse_stream(
        modelId="m-nova", messages=ask("hi [[sim out=8 pace=30 fault=errevent:3]]"))
    with pytest.raises(botocore.exceptions.EventStreamError) as e:
        for _ in answer["stream"]:
            pass
    assert "modelStreamErrorException" in str(e.value)


def test_a_wrong_sum_in_a_stream_is_an_exception(client, faults):
    answer = client.converse_stream(
        modelId=CLAUDE, messages=ask("hi [[sim out=8 pace=30 fault=badevent:3]]"))
    seen = []
    with pytest.raises(botocore.exceptions.EventStreamError):
        for event in answer["stream"]:
            seen.append(event)
    assert any("contentBlockDelta" in e for e in seen)


# --- InvokeModel: the bodies of Anthropic's Messages and of Nova ------------

def invoke(client, stream, model, body):
    """The answer of a whole call, or the events of a streamed one."""
    body = json.dumps(body)
    if not stream:
        return json.loads(client.invoke_model(
            modelId=model, body=body)["body"].read())
    answer = client.invoke_model_with_response_stream(modelId=model, body=body)
    return [json.loads(e["chunk"]["bytes"]) for e in answer["body"]]


MESSAGES = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100}


@both
def test_a_body_of_anthropics(client, model, stream):
    a = invoke(client, stream, model, {
        **MESSAGES, "messages": [
            {"role": "user", "content": "Say hello. [[sim out=12]]"}]})
    if not stream:
        assert a["type"] == "message" and a["stop_reason"] == "end_turn"
        assert a["content"][0]["text"] and a["usage"]["output_tokens"] == 12
        return
    assert a[0]["type"] == "message_start" and a[-1]["type"] == "message_stop"
    assert sum(e["type"] == "content_block_delta" for e in a) == 12
    end, = (e for e in a if e["type"] == "message_delta")
    assert end["delta"]["stop_reason"] == "end_turn"
    assert end["usage"]["output_tokens"] == 12


@both
def test_a_body_of_novas(client, model, stream):
    a = invoke(client, stream, model, {
        "schemaVersion": "messages-v1", "messages": ask("Hi. [[sim out=99]]"),
        "inferenceConfig": {"max_new_tokens": 16}})
    if not stream:
        assert text_of(a["output"]["message"])
        assert a["stopReason"] == "max_tokens"
        assert a["usage"]["outputTokens"] == 16
        return
    assert list(a[0]) == ["messageStart"] and list(a[-1]) == ["metadata"]
    assert sum("contentBlockDelta" in e for e in a) == 16
    assert a[-1]["metadata"]["usage"]["outputTokens"] == 16


def test_tools_in_a_body_of_anthropics(client, model):
    tools = [{"name": "get_weather", "input_schema": {
        "type": "object", "properties": {"city": {"type": "string"}},
        "required": ["city"], "additionalProperties": False}}]
    messages = [{"role": "user", "content": "Weather?"}]
    a = invoke(client, False, model, {**MESSAGES, "tools": tools,
                                      "messages": messages})
    use, = (b for b in a["content"] if b["type"] == "tool_use")
    assert a["stop_reason"] == "tool_use" and use["input"]
    messages += [{"role": "assistant", "content": a["content"]},
                 {"role": "user", "content": [
                     {"type": "tool_result", "tool_use_id": use["id"],
                      "content": "12 C"}]}]
    a = invoke(client, False, model, {**MESSAGES, "tools": tools,
                                      "messages": messages})
    assert a["stop_reason"] == "end_turn"


@pytest.mark.parametrize("model", [CLAUDE, "m-claude-invoke"])
def test_a_body_of_anthropics_passes_to_claude(client, sim, model):
    """Betas and AWS's own numbers with it; a field that nobody knows is
    refused by the provider, in its words."""
    body = {**MESSAGES, "anthropic_beta": ["context-1m-2025-08-07"],
            "messages": [{"role": "user", "content": "Hi. [[sim out=4]]"}]}
    before = sim.stats()["bedrock"]["received"]
    assert invoke(client, False, model, body)["usage"]["output_tokens"] == 4
    events = invoke(client, True, model, body)
    assert sim.stats()["bedrock"]["received"] == before + 2
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["outputTokenCount"] == 4
    with pytest.raises(client.exceptions.ValidationException) as e:
        invoke(client, False, model, {**body, "fancy": 1})
    assert "fancy: Extra inputs are not permitted" in str(e.value)


def test_a_bad_body_has_its_exception(client):
    with pytest.raises(client.exceptions.ValidationException):
        invoke(client, False, "m-openai", {**MESSAGES, "messages": 7})
    with pytest.raises(client.exceptions.ValidationException):
        invoke(client, False, "m-openai", {"messages": "x"})


@pytest.mark.parametrize("model", [CLAUDE, "m-nova", "m-openai"])
def test_tokens_are_counted(client, model):
    """By Bedrock where it is Claude, else by length; at no cost."""
    few, many = ({"converse": {"messages": ask("word " * n)}}
                 for n in (1, 400))
    few = client.count_tokens(modelId=model, input=few)["inputTokens"]
    many = client.count_tokens(modelId=model, input=many)["inputTokens"]
    assert 0 < few < many < 2000
    if model != "m-nova":
        body = json.dumps({"anthropic_version": "bedrock-2023-05-31",
                           "max_tokens": 9, "messages": [
                               {"role": "user", "content": "hi"}]})
        assert client.count_tokens(modelId=model, input={"invokeModel": {
            "body": body.encode()}})["inputTokens"] > 0


def test_a_count_that_is_none(client):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        client.count_tokens(modelId=CLAUDE, input={"converse": {
            "messages": ask("x", {"image": {
                "format": "tiff", "source": {"bytes": b"x"}}})}})
    assert e.value.response["Error"]["Code"] == "ValidationException"
