"""Opaque reasoning goes back to its maker, byte for byte, and to nobody else,
through every official SDK: also through those whose dialect has no field for
it, and through clients that keep nothing of an answer but texts and calls."""
import json

import anthropic
import boto3
import botocore.config
import openai
import pytest
from google import genai
from google.genai import types

import kit
from recorder import Recorder, config, frame, sse

SIGNATURE = "c2lnbmVkLWJ5LWl0cy1tYWtlcg=="
THOUGHT = "First I think, then I call."
ARGS = {"city": "Oslo"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}},
          "required": ["city"], "additionalProperties": False}
# Where it is made, where it may go, and where it must not.
MAKERS = {"at-anthropic": ["at-anthropic", "at-converse"],
          "at-converse": ["at-anthropic", "at-converse"],
          "at-gemini": ["at-gemini", "at-flash"]}
OTHERS = {"at-anthropic": ["at-chat", "at-gemini", "at-nova"],
          "at-converse": ["at-chat", "at-gemini"],
          "at-gemini": ["at-chat", "at-anthropic", "at-converse"]}


# --- what the makers say ----------------------------------------------------

def of_anthropic(stream):
    head = {"id": "msg_1", "type": "message", "role": "assistant",
            "model": "m"}
    thinking = {"type": "thinking", "thinking": THOUGHT,
                "signature": SIGNATURE}
    use = {"type": "tool_use", "id": "toolu_01", "name": "get_weather"}
    usage = {"input_tokens": 5, "output_tokens": 9}
    if not stream:
        return {**head, "content": [thinking, {**use, "input": ARGS}],
                "stop_reason": "tool_use", "stop_sequence": None,
                "usage": usage}

    def delta(i, **more):
        return {"type": "content_block_delta", "index": i, "delta": more}
    return sse([
        {"type": "message_start", "message": {
            **head, "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {
            "type": "thinking", "thinking": "", "signature": ""}},
        delta(0, type="thinking_delta", thinking=THOUGHT[:9]),
        delta(0, type="thinking_delta", thinking=THOUGHT[9:]),
        delta(0, type="signature_delta", signature=SIGNATURE),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1,
         "content_block": {**use, "input": {}}},
        delta(1, type="input_json_delta", partial_json=json.dumps(ARGS)),
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {
            "stop_reason": "tool_use", "stop_sequence": None},
         "usage": {"output_tokens": 9}},
        {"type": "message_stop"}], named=True)


def of_converse(stream):
    use = {"toolUseId": "tooluse_01", "name": "get_weather"}
    usage = {"inputTokens": 5, "outputTokens": 9, "totalTokens": 14}
    tail = {"usage": usage, "metrics": {"latencyMs": 1}}
    if not stream:
        return {"output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {
                "text": THOUGHT, "signature": SIGNATURE}}},
            {"toolUse": {**use, "input": ARGS}}]}},
            "stopReason": "tool_use", **tail}

    def delta(i, **more):
        return "contentBlockDelta", {"contentBlockIndex": i, "delta": more}
    return b"".join(frame(k, v) for k, v in [
        ("messageStart", {"role": "assistant"}),
        delta(0, reasoningContent={"text": THOUGHT}),
        delta(0, reasoningContent={"signature": SIGNATURE}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockStart", {"contentBlockIndex": 1,
                               "start": {"toolUse": use}}),
        delta(1, toolUse={"input": json.dumps(ARGS)}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("messageStop", {"stopReason": "tool_use"}), ("metadata", tail)])


def of_gemini(stream):
    answer = {"candidates": [{"index": 0, "finishReason": "STOP", "content": {
        "role": "model", "parts": [{
            "functionCall": {"name": "get_weather", "args": ARGS},
            "thoughtSignature": SIGNATURE}]}}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 9,
                          "totalTokenCount": 14},
        "modelVersion": "m", "responseId": "r"}
    return sse([answer]) if stream else answer


SAID = {"at-anthropic": of_anthropic, "at-converse": of_converse,
        "at-gemini": of_gemini}


# --- clients: each gives a history, and asks with one -----------------------

class Chat:
    """Keeps what a plain agent keeps: texts, and calls' ids and functions."""
    tools = [{"type": "function", "function": {
        "name": "get_weather", "parameters": SCHEMA}}]

    def __init__(self, url, key, _):
        self.client = openai.OpenAI(base_url=url + "/v1", api_key=key,
                                    max_retries=0)
        self.past = [{"role": "user", "content": "weather?"}]

    def ask(self, model, stream):
        more = dict(model=model, messages=self.past, tools=self.tools,
                    max_completion_tokens=8000)
        if not stream:
            m = self.client.chat.completions.create(**more).choices[0].message
            return m.content, [(c.id, c.function.name, c.function.arguments)
                               for c in m.tool_calls or []]
        text, calls = "", {}
        for chunk in self.client.chat.completions.create(**more, stream=True):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                for c in choice.delta.tool_calls or []:
                    row = calls.setdefault(c.index, ["", "", ""])
                    if c.id:
                        row[0] = c.id
                    if c.function:
                        row[1] = row[1] or c.function.name
                        row[2] += c.function.arguments or ""
        return text, list(calls.values())

    def first(self, model, stream):
        text, calls = self.ask(model, stream)
        assert [c[1] for c in calls] == ["get_weather"]
        assert json.loads(calls[0][2]) == ARGS
        self.past.append({
            "role": "assistant", "content": text or None, "tool_calls": [
                {"id": i, "type": "function",
                 "function": {"name": n, "arguments": a}}
                for i, n, a in calls]})
        self.past += [{"role": "tool", "tool_call_id": i, "content": "sun"}
                      for i, _, _ in calls]


class ChatEcho(Chat):
    """Sends the SDK's own message back, with all that is in it."""

    def first(self, model, stream):
        more = dict(model=model, messages=self.past, tools=self.tools,
                    max_completion_tokens=8000)
        if stream:
            with self.client.chat.completions.stream(**more) as s:
                m = s.get_final_completion().choices[0].message
        else:
            m = self.client.chat.completions.create(**more).choices[0].message
        call, = m.tool_calls
        assert json.loads(call.function.arguments) == ARGS
        row = m.model_dump(exclude_none=True)
        row.pop("parsed", None)
        for c in row["tool_calls"]:
            c.pop("index", None)
            c["function"].pop("parsed_arguments", None)
        self.past += [row, {"role": "tool", "tool_call_id": call.id,
                            "content": "sun"}]


class Responses:
    def __init__(self, url, key, _):
        self.client = openai.OpenAI(base_url=url + "/v1", api_key=key,
                                    max_retries=0)
        self.past = [{"role": "user", "content": "weather?"}]

    def ask(self, model, stream):
        more = dict(model=model, input=self.past, store=False, tools=[{
            "type": "function", "name": "get_weather", "parameters": SCHEMA,
            "strict": True}], include=["reasoning.encrypted_content"])
        if not stream:
            return self.client.responses.create(**more)
        with self.client.responses.stream(**more) as s:
            return s.get_final_response()

    def first(self, model, stream):
        r = self.ask(model, stream)
        call, = (i for i in r.output if i.type == "function_call")
        assert json.loads(call.arguments) == ARGS
        self.past += [i.model_dump(exclude_none=True, exclude={
            "parsed_arguments"}) for i in r.output]
        self.past.append({"type": "function_call_output", "output": "sun",
                          "call_id": call.call_id})


class Anthropic:
    def __init__(self, url, key, _):
        self.client = anthropic.Anthropic(base_url=url, api_key=key,
                                          max_retries=0)
        self.past = [{"role": "user", "content": "weather?"}]

    def ask(self, model, stream):
        more = dict(model=model, max_tokens=8000, messages=self.past,
                    thinking={"type": "enabled", "budget_tokens": 1024},
                    tools=[{"name": "get_weather", "input_schema": SCHEMA}])
        if not stream:
            return self.client.messages.create(**more)
        with self.client.messages.stream(**more) as s:
            return s.get_final_message()

    def first(self, model, stream):
        m = self.ask(model, stream)
        use, = (b for b in m.content if b.type == "tool_use")
        assert use.input == ARGS
        self.past += [
            {"role": "assistant", "content": m.content},
            {"role": "user", "content": [{
                "type": "tool_result", "tool_use_id": use.id,
                "content": "sun"}]}]


class Converse:
    def __init__(self, url, _, pair):
        self.client = boto3.client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=url,
            aws_access_key_id=pair["aws_access_key_id"],
            aws_secret_access_key=pair["aws_secret_access_key"],
            config=botocore.config.Config(retries={"total_max_attempts": 1}))
        self.past = [{"role": "user", "content": [{"text": "weather?"}]}]

    def ask(self, model, stream):
        more = dict(modelId=model, messages=self.past, toolConfig={
            "tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {
                "json": SCHEMA}}}]}, additionalModelRequestFields={
            "thinking": {"type": "enabled", "budget_tokens": 1024}})
        if not stream:
            return self.client.converse(**more)["output"]["message"]
        blocks = {}
        for e in self.client.converse_stream(**more)["stream"]:
            if "contentBlockStart" in e:
                e = e["contentBlockStart"]
                blocks[e["contentBlockIndex"]] = {
                    "toolUse": {**e["start"]["toolUse"], "input": ""}}
            elif "contentBlockDelta" in e:
                e = e["contentBlockDelta"]
                self.add(blocks.setdefault(e["contentBlockIndex"], {}),
                         e["delta"])
        for b in blocks.values():
            if "toolUse" in b:
                b["toolUse"]["input"] = json.loads(b["toolUse"]["input"])
        return {"role": "assistant", "content": list(blocks.values())}

    @staticmethod
    def add(block, delta):
        if "toolUse" in delta:
            block["toolUse"]["input"] += delta["toolUse"]["input"]
        elif "reasoningContent" in delta:
            into = block.setdefault("reasoningContent", {}).setdefault(
                "reasoningText", {"text": ""})
            for k, v in delta["reasoningContent"].items():
                into[k] = into.get(k, "") + v
        else:
            block["text"] = block.get("text", "") + delta["text"]

    def first(self, model, stream):
        m = self.ask(model, stream)
        use, = (b["toolUse"] for b in m["content"] if "toolUse" in b)
        assert use["input"] == ARGS
        self.past += [m, {"role": "user", "content": [{"toolResult": {
            "toolUseId": use["toolUseId"], "content": [{"text": "sun"}]}}]}]


class Gemini:
    def __init__(self, url, key, _):
        self.client = genai.Client(api_key=key, http_options=types.HttpOptions(
            base_url=url))
        self.past = [types.UserContent("weather?")]

    def ask(self, model, stream):
        more = dict(model=model, contents=self.past,
                    config=types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=[
                types.FunctionDeclaration(
                    name="get_weather", parameters_json_schema=SCHEMA)])],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(
                disable=True)))
        if not stream:
            return self.client.models.generate_content(
                **more).candidates[0].content.parts
        return [p for c in self.client.models.generate_content_stream(**more)
                for p in (c.candidates[0].content.parts or []
                          if c.candidates and c.candidates[0].content else [])]

    def first(self, model, stream):
        parts = self.ask(model, stream)
        call, = (p.function_call for p in parts if p.function_call)
        assert call.args == ARGS
        self.past += [types.ModelContent(parts), types.UserContent([
            types.Part(function_response=types.FunctionResponse(
                id=call.id, name="get_weather",
                response={"output": "sun"}))])]


CLIENTS = [Chat, ChatEcho, Responses, Anthropic, Converse, Gemini]


# --- the tests --------------------------------------------------------------

@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reasoning")
    with Recorder() as recorder, \
            kit.Kontor(folder, config(recorder.url, folder)) as kontor:
        pair = kontor.key("reasoning", aws=True)
        yield recorder, kontor.gateway, pair
        kontor.verify()


def sent(recorder):
    return recorder.seen[-1][3].decode()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda c: c.__name__)
def test_it_goes_back_to_its_maker_and_to_nobody_else(
        running, client, maker, stream):
    recorder, url, pair = running
    agent = client(url, pair["key"], pair)
    recorder.instead = SAID[maker](stream)
    try:
        agent.first(maker, stream)
    finally:
        recorder.instead = None
    assert SIGNATURE not in sent(recorder)
    for model in MAKERS[maker]:
        before = len(recorder.seen)
        agent.ask(model, stream)
        assert len(recorder.seen) == before + 1
        body = sent(recorder)
        assert SIGNATURE in body, (model, body)
        if maker != "at-gemini":
            assert THOUGHT in body, (model, body)
        assert "~kt~" not in body and "a29udG9y" not in body, body
        assert "reasoning_details" not in body and \
            "extra_content" not in body, body
    for model in OTHERS[maker]:
        agent.ask(model, stream)
        body = sent(recorder)
        assert SIGNATURE not in body and THOUGHT not in body, (model, body)
        assert "~kt~" not in body and "a29udG9y" not in body, (model, body)
        assert "sun" in body and "Oslo" in body, (model, body)
    agent.ask(maker, stream)
    assert SIGNATURE in sent(recorder)
