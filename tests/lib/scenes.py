"""What callers ask, told in each of the five dialects: SCENES[dialect][name]
is a body without its model; call() gives path and body for a model."""

PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
       "hgGAWjR9awAAAABJRU5ErkJggg==")
PDF = "JVBERi0xLjQKJeLjz9MK"
# Keywords that Google's subset of OpenAPI does not know, and one that
# nobody does.
SCHEMA = {"type": "object", "properties": {
    "city": {"type": "string", "minLength": 1},
    "days": {"type": "integer", "exclusiveMinimum": 0, "multipleOf": 1},
    "unit": {"oneOf": [{"const": "C"}, {"const": "F"}]}},
    "required": ["city"], "additionalProperties": False,
    "x-unheard-of": [1.50]}
ANSWER = {"type": "object", "properties": {"city": {"type": "string"}},
          "required": ["city"], "additionalProperties": False}
CALLS = [("call_1", {"city": "Oslo"}), ("call_2", {"city": "Rome"})]


def chat():
    def user(content):
        return {"role": "user", "content": content}
    tool = {"type": "function", "function": {
        "name": "get_weather", "description": "the weather",
        "parameters": SCHEMA}}
    past = [user("weather?"), {
        "role": "assistant", "content": None, "tool_calls": [
            {"id": i, "type": "function", "function": {
                "name": "get_weather",
                "arguments": '{"city":"%s"}' % a["city"]}}
            for i, a in CALLS]}] + [
        {"role": "tool", "tool_call_id": i, "content": "sun"}
        for i, _ in CALLS]
    hi = [user("hi")]
    return {
        "plain": {"messages": [
            {"role": "system", "content": "be brief"}, *hi,
            {"role": "assistant", "content": "hello"},
            {"role": "system", "content": "in French"}, user("again")],
            "max_completion_tokens": 50, "temperature": 0.5, "top_p": 0.9,
            "stop": ["END"], "seed": 7, "n": 1, "user": "u-1",
            "presence_penalty": 0.1, "metadata": {"a": "b"}},
        "tools": {"messages": hi, "tools": [tool], "tool_choice": "required",
                  "parallel_tool_calls": False},
        "one tool": {"messages": hi, "tools": [tool], "tool_choice": {
            "type": "function", "function": {"name": "get_weather"}}},
        "results": {"messages": [*past, user("so?")], "tools": [tool]},
        "history without tools": {"messages": past},
        "media": {"messages": [user([
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {
                "url": "data:image/png;base64," + PNG, "detail": "low"}},
            {"type": "file", "file": {
                "filename": "a.pdf",
                "file_data": "data:application/pdf;base64," + PDF}}])]},
        "schema": {"messages": hi, "response_format": {
            "type": "json_schema", "json_schema": {
                "name": "place", "schema": ANSWER, "strict": True}}},
        "json": {"messages": [user("json, please")],
                 "response_format": {"type": "json_object"}},
        "effort": {"messages": hi, "reasoning_effort": "high",
                   "max_completion_tokens": 20000},
        "foreign thoughts": {"messages": [
            *past[:1], {**past[1], "reasoning_details": [
                {"type": "reasoning.encrypted", "data": "c2ln"}]},
            *past[2:]], "tools": [tool]},
        "strange names": {"messages": [
            user("hi"), {"role": "assistant", "content": None, "tool_calls": [
                {"id": "call/1 \u00e9" + "x" * 80, "type": "function",
                 "function": {"name": "mcp.server/" + "n" * 80,
                              "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "call/1 \u00e9" + "x" * 80,
             "content": "ok"}], "tools": [{"type": "function", "function": {
                 "name": "mcp.server/" + "n" * 80}}]},
    }


def responses():
    def user(*parts):
        return {"role": "user", "content": list(parts)}
    hi = [user({"type": "input_text", "text": "hi"})]
    tool = {"type": "function", "name": "get_weather",
            "description": "the weather", "parameters": SCHEMA,
            "strict": False}
    past = [{"role": "user", "content": "weather?"}] + [
        {"type": "function_call", "call_id": i, "name": "get_weather",
         "arguments": '{"city":"%s"}' % a["city"]} for i, a in CALLS] + [
        {"type": "function_call_output", "call_id": "call_1",
         "output": "sun"},
        {"type": "function_call_output", "call_id": "call_2", "output": [
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "detail": "auto",
             "image_url": "data:image/png;base64," + PNG}]}]
    scenes = {
        "plain": {"instructions": "be brief", "input": [
            *hi, {"type": "message", "role": "assistant", "content": "hello"},
            {"role": "developer", "content": "in French"},
            {"role": "user", "content": "again"}],
            "max_output_tokens": 50, "temperature": 0.5, "top_p": 0.9,
            "metadata": {"a": "b"}, "user": "u-1"},
        "tools": {"input": hi, "tools": [tool], "tool_choice": "required",
                  "parallel_tool_calls": False},
        "custom tool": {"input": [
            *hi, {"type": "custom_tool_call", "call_id": "call_1",
                  "name": "apply_patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "call_1",
             "output": "done"}],
            "tools": [{"type": "custom", "name": "apply_patch",
                       "description": "patches"}]},
        "results": {"input": past, "tools": [tool]},
        "history without tools": {"input": past},
        "media": {"input": [user(
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "detail": "low",
             "image_url": "data:image/png;base64," + PNG},
            {"type": "input_file", "filename": "a.pdf",
             "file_data": "data:application/pdf;base64," + PDF})]},
        "schema": {"input": hi, "text": {"format": {
            "type": "json_schema", "name": "place", "schema": ANSWER,
            "strict": True}, "verbosity": "low"}},
        "effort": {"input": hi, "max_output_tokens": 20000, "reasoning": {
            "effort": "high", "summary": "auto"},
            "include": ["reasoning.encrypted_content"]},
        "foreign thoughts": {"input": [
            past[0], {"type": "reasoning", "id": "rs_1", "summary": [
                {"type": "summary_text", "text": "hm"}],
                "encrypted_content": "c2ln"}, *past[1:]], "tools": [tool]},
    }
    return {k: {"store": False, **v} for k, v in scenes.items()}


def messages():
    def user(*parts):
        return {"role": "user", "content": list(parts)}
    hi = [{"role": "user", "content": "hi"}]
    image = {"type": "image", "source": {
        "type": "base64", "media_type": "image/png", "data": PNG}}
    tool = {"name": "get_weather", "description": "the weather",
            "input_schema": SCHEMA}
    past = [{"role": "user", "content": "weather?"}, {
        "role": "assistant", "content": [
            {"type": "tool_use", "id": i, "name": "get_weather", "input": a}
            for i, a in CALLS]}, user(
        {"type": "tool_result", "tool_use_id": "call_1", "content": [
            {"type": "text", "text": "see"}, image]},
        {"type": "tool_result", "tool_use_id": "call_2", "is_error": True,
         "content": "no"}, {"type": "text", "text": "so?"})]
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    scenes = {
        "plain": {"system": "be brief", "messages": [
            *hi, {"role": "assistant", "content": "hello"},
            {"role": "user", "content": "again"}],
            "temperature": 0.5, "top_k": 5, "stop_sequences": ["END"],
            "metadata": {"user_id": "u-1"}},
        "tools": {"messages": hi, "tools": [tool], "tool_choice": {
            "type": "any", "disable_parallel_tool_use": True}},
        "one tool": {"messages": hi, "tools": [tool], "tool_choice": {
            "type": "tool", "name": "get_weather"}},
        "results": {"messages": past, "tools": [tool]},
        "history without tools": {"messages": past},
        "media": {"messages": [user(
            {"type": "text", "text": "look"}, image,
            {"type": "document", "title": "a", "source": {
                "type": "base64", "media_type": "application/pdf",
                "data": PDF}},
            {"type": "document", "source": {
                "type": "text", "media_type": "text/plain",
                "data": "words"}})]},
        "schema": {"messages": hi, "output_config": {"format": {
            "type": "json_schema", "schema": ANSWER}}},
        "thinking": {"messages": hi, "max_tokens": 20000, "thinking": {
            "type": "enabled", "budget_tokens": 4096}},
        "thoughts": {"messages": [
            past[0], {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "cmVk"},
                *past[1]["content"]]}, past[2]], "tools": [tool],
            "max_tokens": 20000, "thinking": {
                "type": "enabled", "budget_tokens": 4096}},
        "cache": {"system": [{"type": "text", "text": "long", **mark}],
                  "tools": [{**tool, **mark}], "messages": [user(
                      {"type": "text", "text": "hi",
                       "cache_control": {"type": "ephemeral"}})]},
    }
    return {k: {"max_tokens": 50, **v} for k, v in scenes.items()}


def converse():
    def user(*parts):
        return {"role": "user", "content": list(parts)}
    hi = [user({"text": "hi"})]
    image = {"image": {"format": "png", "source": {"bytes": PNG}}}
    tool = {"tools": [{"toolSpec": {
        "name": "get_weather", "description": "the weather",
        "inputSchema": {"json": SCHEMA}}}]}
    past = [user({"text": "weather?"}), {"role": "assistant", "content": [
        {"toolUse": {"toolUseId": i, "name": "get_weather", "input": a}}
        for i, a in CALLS]}, user(
        {"toolResult": {"toolUseId": "call_1", "content": [
            {"text": "see"}, image]}},
        {"toolResult": {"toolUseId": "call_2", "status": "error", "content": [
            {"json": {"why": "no"}}]}})]
    point = {"cachePoint": {"type": "default"}}
    return {
        "plain": {"system": [{"text": "be brief"}], "messages": [
            *hi, {"role": "assistant", "content": [{"text": "hello"}]},
            user({"text": "again"})], "inferenceConfig": {
                "maxTokens": 50, "temperature": 0.5,
                "stopSequences": ["END"]}},
        "tools": {"messages": hi, "toolConfig": {
            **tool, "toolChoice": {"any": {}}}},
        "one tool": {"messages": hi, "toolConfig": {
            **tool, "toolChoice": {"tool": {"name": "get_weather"}}}},
        "results": {"messages": past, "toolConfig": tool},
        "media": {"messages": [user({"text": "look"}, image, {"document": {
            "format": "pdf", "name": "a", "source": {"bytes": PDF}}})]},
        "schema": {"messages": hi, "outputConfig": {"textFormat": {
            "type": "json_schema", "structure": {"jsonSchema": {
                "name": "place", "schema":
                    '{"type":"object","properties":{"city":{"type":'
                    '"string"}},"required":["city"],'
                    '"additionalProperties":false}'}}}}},
        "thinking": {"messages": hi, "inferenceConfig": {"maxTokens": 20000},
                     "additionalModelRequestFields": {"thinking": {
                         "type": "enabled", "budget_tokens": 4096}}},
        "thoughts": {"messages": [past[0], {
            "role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {
                    "text": "hm", "signature": "c2ln"}}},
                *past[1]["content"]]}, past[2]], "toolConfig": tool},
        "cache": {"system": [{"text": "long"}, point], "messages": [
            user({"text": "hi"}, point)], "toolConfig": {
                "tools": [*tool["tools"], point]}},
    }


def gemini():
    def user(*parts):
        return {"role": "user", "parts": list(parts)}
    hi = [user({"text": "hi"})]
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    tool = [{"functionDeclarations": [{
        "name": "get_weather", "description": "the weather",
        "parametersJsonSchema": SCHEMA}]}]
    past = [user({"text": "weather?"}), {"role": "model", "parts": [
        {"functionCall": {"name": "get_weather", "args": a},
         **({"thoughtSignature": "c2ln"} if i == "call_1" else {})}
        for i, a in CALLS]}, user(*[
            {"functionResponse": {"name": "get_weather",
                                  "response": {"output": "sun"}}}
            for _ in CALLS])]
    return {
        "plain": {"systemInstruction": {"parts": [{"text": "be brief"}]},
                  "contents": [*hi, {
                      "role": "model", "parts": [{"text": "hello"}]},
                      user({"text": "again"})],
                  "generationConfig": {
                      "maxOutputTokens": 50, "temperature": 0.5, "topP": 0.9,
                      "topK": 5, "seed": 7, "stopSequences": ["END"],
                      "presencePenalty": 0.1}},
        "snake case": {"system_instruction": {"parts": [{"text": "brief"}]},
                       "contents": hi, "generation_config": {
                           "max_output_tokens": 50, "top_k": 5}},
        "tools": {"contents": hi, "tools": tool, "toolConfig": {
            "functionCallingConfig": {"mode": "ANY"}}},
        "one tool": {"contents": hi, "tools": tool, "toolConfig": {
            "functionCallingConfig": {
                "mode": "ANY", "allowedFunctionNames": ["get_weather"]}}},
        "OpenAPI schema": {"contents": hi, "tools": [{
            "functionDeclarations": [{"name": "f", "parameters": {
                "type": "OBJECT", "properties": {"x": {
                    "type": "STRING", "nullable": True}}}}]}]},
        "results": {"contents": past, "tools": tool},
        "history without tools": {"contents": past},
        "media": {"contents": [user(
            {"text": "look"}, image, {"inlineData": {
                "mimeType": "application/pdf", "data": PDF}})]},
        "schema": {"contents": hi, "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": ANSWER}},
        "thinking": {"contents": hi, "generationConfig": {
            "maxOutputTokens": 20000, "thinkingConfig": {
                "thinkingBudget": 4096, "includeThoughts": True}}},
    }


SCENES = {"openai-chat": chat(), "openai-responses": responses(),
          "anthropic-messages": messages(), "bedrock": converse(),
          "gemini": gemini()}
PATHS = {"openai-chat": "/v1/chat/completions",
         "openai-responses": "/v1/responses",
         "anthropic-messages": "/v1/messages"}


def call(dialect, model, body, stream=False):
    """(path, body) of a call."""
    if dialect == "bedrock":
        return (f"/model/{model}/converse" + ("-stream" if stream else ""),
                body)
    if dialect == "gemini":
        return (f"/v1beta/models/{model}:" + (
            "streamGenerateContent?alt=sse" if stream else
            "generateContent"), body)
    return PATHS[dialect], {**body, "model": model,
                            **({"stream": True} if stream else {})}
