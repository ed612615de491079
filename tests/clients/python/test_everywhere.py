"""The Python SDKs of OpenAI's chat, Anthropic and AWS at every type of
provider, also where the others' suites do not go."""
import json

import anthropic
import boto3
import botocore.config
import openai
import pytest

import dialects

MODELS = sorted(dialects.VENUES)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}},
          "required": ["city"], "additionalProperties": False}
HELLO = "Say hello. [[sim out=12]]"
TOOL = "Weather? [[sim tools=1]]"
each = pytest.mark.parametrize("model", MODELS)
both = pytest.mark.parametrize("stream", [False, True],
                               ids=["whole", "stream"])


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with dialects.running(tmp_path_factory.mktemp("everywhere")) as (_, k):
        made = k.key("everywhere", aws=True)
        yield k.gateway, made
        k.verify()


class Chat:
    def __init__(self, url, made):
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=made["key"],
                                 max_retries=0, timeout=30)

    def ask(self, model, messages, tools, stream):
        more = dict(model=model, messages=messages)
        if tools:
            more["tools"] = [{"type": "function", "function": {
                "name": "get_weather", "parameters": SCHEMA}}]
        if not stream:
            r = self.sdk.chat.completions.create(**more)
        else:
            with self.sdk.chat.completions.stream(
                    **more, stream_options={"include_usage": True}) as s:
                for _ in s:
                    pass
                r = s.get_final_completion()
        m = r.choices[0].message
        call = m.tool_calls[0] if m.tool_calls else None
        return (m.content, r.choices[0].finish_reason,
                r.usage.completion_tokens, call and json.loads(
                    call.function.arguments),
                [*messages, m.model_dump(exclude_none=True, include={
                    "role", "content", "tool_calls"}),
                 {"role": "tool", "tool_call_id": call.id if call else "",
                  "content": "12 C"}])

    words = ("stop", "tool_calls")


class Messages:
    def __init__(self, url, made):
        self.sdk = anthropic.Anthropic(base_url=url, api_key=made["key"],
                                       max_retries=0, timeout=30)

    def ask(self, model, messages, tools, stream):
        more = dict(model=model, messages=messages, max_tokens=500)
        if tools:
            more["tools"] = [{"name": "get_weather", "input_schema": SCHEMA}]
        if not stream:
            m = self.sdk.messages.create(**more)
        else:
            with self.sdk.messages.stream(**more) as s:
                for _ in s:
                    pass
                m = s.get_final_message()
        uses = [b for b in m.content if b.type == "tool_use"]
        return ("".join(b.text for b in m.content if b.type == "text"),
                m.stop_reason, m.usage.output_tokens,
                uses[0].input if uses else None,
                [*messages, {"role": "assistant", "content": m.content},
                 {"role": "user", "content": [
                     {"type": "tool_result", "tool_use_id": u.id,
                      "content": "12 C"} for u in uses]}])

    words = ("end_turn", "tool_use")


class Converse:
    def __init__(self, url, made):
        self.sdk = boto3.client(
            "bedrock-runtime", endpoint_url=url, region_name="us-east-1",
            aws_access_key_id=made["aws_access_key_id"],
            aws_secret_access_key=made["aws_secret_access_key"],
            config=botocore.config.Config(retries={"max_attempts": 1}))

    def ask(self, model, messages, tools, stream):
        more = dict(modelId=model, messages=messages,
                    inferenceConfig={"maxTokens": 500})
        if tools:
            more["toolConfig"] = {"tools": [{"toolSpec": {
                "name": "get_weather", "inputSchema": {"json": SCHEMA}}}]}
        r = self.streamed(more) if stream else self.sdk.converse(**more)
        content = r["output"]["message"]["content"]
        uses = [b["toolUse"] for b in content if "toolUse" in b]
        return ("".join(b.get("text", "") for b in content), r["stopReason"],
                r["usage"]["outputTokens"], uses[0]["input"] if uses else None,
                [*messages, r["output"]["message"],
                 {"role": "user", "content": [{"toolResult": {
                     "toolUseId": u["toolUseId"],
                     "content": [{"text": "12 C"}]}} for u in uses]}])

    def streamed(self, more):
        blocks, out = {}, {}
        for event in self.sdk.converse_stream(**more)["stream"]:
            for name, e in event.items():
                i = e.get("contentBlockIndex")
                if name == "contentBlockStart":
                    blocks[i] = {"toolUse": {**e["start"]["toolUse"],
                                             "input": ""}}
                elif name == "contentBlockDelta":
                    d = e["delta"]
                    if "text" in d:
                        blocks.setdefault(i, {"text": ""})["text"] += \
                            d["text"]
                    elif "toolUse" in d:
                        blocks[i]["toolUse"]["input"] += \
                            d["toolUse"]["input"]
                elif name in ("messageStop", "metadata"):
                    out.update(e)
        for b in blocks.values():
            if "toolUse" in b:
                b["toolUse"]["input"] = json.loads(b["toolUse"]["input"])
        return {**out, "output": {"message": {
            "role": "assistant", "content": [
                blocks[i] for i in sorted(blocks)]}}}

    words = ("end_turn", "tool_use")


def said(sdk, text):
    return [{"role": "user",
             "content": [{"text": text}] if sdk == "boto3" else text}]


SDKS = {"openai": Chat, "anthropic": Messages, "boto3": Converse}
every = pytest.mark.parametrize("sdk", SDKS)


@every
@each
@both
def test_an_answer(running, sdk, model, stream):
    client = SDKS[sdk](*running)
    text, stop, output, _, _ = client.ask(
        model, said(sdk, HELLO), False, stream)
    assert text and stop == client.words[0] and output == 12


@every
@each
@both
def test_a_tool_and_its_result(running, sdk, model, stream):
    client = SDKS[sdk](*running)
    _, stop, _, args, messages = client.ask(
        model, said(sdk, TOOL), True, stream)
    assert stop == client.words[1] and isinstance(args["city"], str)
    text, stop, _, args, _ = client.ask(model, messages, True, stream)
    assert text and stop == client.words[0] and args is None
