#!/usr/bin/env python3
"""usage_cases.py - make tests/unit/dialect/usage_golden.jsonl

    tests/lib/usage_cases.py > usage_golden.jsonl

What providers say of usage, each by its own arithmetic, and what that comes
to: ours (input and output are the whole, the rest parts of it), and what a
caller of each dialect is told.  Shares no code with what it checks.
"""
import json
import sys

# fresh: in no cache; w5, w1h: written; text: said; think: thought.
PLAIN = dict(fresh=0, read=0, w5=0, w1h=0, audio=0, image=0,
             text=0, think=0, said_audio=0)
SCENES = {
    "one token each way": dict(fresh=1, text=1),
    "a short talk": dict(fresh=19, text=10),
    "nothing said": dict(fresh=42),
    "a cache read": dict(fresh=86, read=1920, text=300),
    "all of it cached": dict(read=4096, text=17),
    "a cache written": dict(fresh=12, w5=2048, text=55),
    "written for an hour": dict(fresh=12, w1h=2048, text=55),
    "written for both": dict(fresh=7, w5=1000, w1h=3000, text=9),
    "read and written": dict(fresh=5, read=18000, w5=1300, text=412),
    "read and written for an hour": dict(fresh=5, read=18000, w5=700,
                                         w1h=600, text=412),
    "thought": dict(fresh=75, text=260, think=1024),
    "only thought": dict(fresh=75, think=4096),
    "thought over a cache": dict(fresh=3, read=9000, text=20, think=800),
    "everything at once": dict(fresh=11, read=22000, w5=330, w1h=440,
                               text=5500, think=6600),
    "heard": dict(fresh=40, audio=600, text=30),
    "heard and spoken": dict(fresh=40, audio=600, text=30, said_audio=700),
    "seen": dict(fresh=15, image=1105, text=80),
    "above 200,000": dict(fresh=200001, text=1000),
    "above 200,000 with the cache": dict(fresh=1000, read=199999, text=1000),
    "above 272,000": dict(fresh=272001, read=20000, text=900, think=90),
    "a million": dict(fresh=1048576, text=65536),
    "more than 32 bits": dict(fresh=5000000000, text=6000000000),
}
# What each can say: others leave a scene out.
CAN = {
    "openai-chat": {"fresh", "read", "w5", "audio", "image", "text", "think",
                    "said_audio"},
    "openai-responses": {"fresh", "read", "w5", "text", "think"},
    "anthropic-messages": {"fresh", "read", "w5", "w1h", "text", "think"},
    "bedrock": {"fresh", "read", "w5", "w1h", "text"},
    "gemini": {"fresh", "read", "audio", "image", "text", "think",
               "said_audio"},
}


def whole_in(s):
    return s["fresh"] + s["read"] + s["w5"] + s["w1h"] + s["audio"] + \
        s["image"]


def whole_out(s):
    return s["text"] + s["think"] + s["said_audio"]


def ours(s):
    return {"input": whole_in(s), "cached": s["read"],
            "cache_write": s["w5"] + s["w1h"], "cache_write_1h": s["w1h"],
            "audio_input": s["audio"], "image_input": s["image"],
            "output": whole_out(s), "reasoning": s["think"],
            "audio_output": s["said_audio"]}


def told(s):
    """By path, what a caller reads."""
    total = whole_in(s) + whole_out(s)
    uncached = s["fresh"] + s["audio"] + s["image"]
    write = s["w5"] + s["w1h"]
    return {
        "openai-chat": {
            "usage.prompt_tokens": whole_in(s),
            "usage.completion_tokens": whole_out(s),
            "usage.total_tokens": total,
            "usage.prompt_tokens_details.cached_tokens": s["read"],
            "usage.prompt_tokens_details.cache_write_tokens": write,
            "usage.completion_tokens_details.reasoning_tokens": s["think"]},
        "openai-responses": {
            "usage.input_tokens": whole_in(s),
            "usage.output_tokens": whole_out(s),
            "usage.total_tokens": total,
            "usage.input_tokens_details.cached_tokens": s["read"],
            "usage.output_tokens_details.reasoning_tokens": s["think"]},
        "anthropic-messages": {
            "usage.input_tokens": uncached,
            "usage.output_tokens": whole_out(s),
            "usage.cache_read_input_tokens": s["read"],
            "usage.cache_creation_input_tokens": write,
            "usage.cache_creation.ephemeral_5m_input_tokens": s["w5"],
            "usage.cache_creation.ephemeral_1h_input_tokens": s["w1h"]},
        "bedrock": {
            "usage.inputTokens": uncached,
            "usage.outputTokens": whole_out(s),
            "usage.totalTokens": total},
        "gemini": {
            "usageMetadata.promptTokenCount": whole_in(s),
            "usageMetadata.totalTokenCount": total},
    }


# --- what providers say ----------------------------------------------------

def chat_usage(s):
    return {"prompt_tokens": whole_in(s), "completion_tokens": whole_out(s),
            "total_tokens": whole_in(s) + whole_out(s),
            "prompt_tokens_details": {
                "cached_tokens": s["read"], "cache_write_tokens": s["w5"],
                "audio_tokens": s["audio"], "image_tokens": s["image"]},
            "completion_tokens_details": {
                "reasoning_tokens": s["think"],
                "audio_tokens": s["said_audio"],
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0}}


def chat(usage):
    head = {"id": "c", "object": "chat.completion", "created": 1,
            "model": "m"}
    yield "answer", [{**head, "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"},
         "finish_reason": "stop"}], "usage": usage}]
    chunk = {**head, "object": "chat.completion.chunk"}
    delta = {**chunk, "usage": None, "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": "hi"},
         "finish_reason": None}]}
    end = {**chunk, "usage": None, "choices": [
        {"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield "stream, usage last", [
        delta, end, {**chunk, "choices": [], "usage": usage}, "[DONE]"]
    yield "stream, usage with the end", [
        delta, {**end, "usage": usage}, "[DONE]"]


def responses_usage(s):
    return {"input_tokens": whole_in(s),
            "input_tokens_details": {"cached_tokens": s["read"],
                                     "cache_write_tokens": s["w5"]},
            "output_tokens": whole_out(s),
            "output_tokens_details": {"reasoning_tokens": s["think"]},
            "total_tokens": whole_in(s) + whole_out(s)}


def responses(usage):
    item = {"type": "message", "id": "i", "role": "assistant",
            "status": "completed", "content": [
                {"type": "output_text", "text": "hi", "annotations": []}]}
    done = {"id": "r", "object": "response", "status": "completed",
            "model": "m", "output": [item], "usage": usage}
    yield "answer", [done]
    yield "stream", [
        {"type": "response.created", "sequence_number": 0, "response": {
            **done, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "sequence_number": 1,
         "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_text.delta", "sequence_number": 2,
         "item_id": "i", "output_index": 0, "content_index": 0,
         "delta": "hi"},
        {"type": "response.output_item.done", "sequence_number": 3,
         "output_index": 0, "item": item},
        {"type": "response.completed", "sequence_number": 4,
         "response": done}]


def claude_usage(s):
    return {"input_tokens": s["fresh"],
            "cache_creation_input_tokens": s["w5"] + s["w1h"],
            "cache_read_input_tokens": s["read"],
            "cache_creation": {"ephemeral_5m_input_tokens": s["w5"],
                               "ephemeral_1h_input_tokens": s["w1h"]},
            "output_tokens": whole_out(s),
            "output_tokens_details": {"thinking_tokens": s["think"]},
            "service_tier": "standard"}


def claude(usage):
    head = {"id": "msg", "type": "message", "role": "assistant",
            "model": "m"}
    yield "answer", [{**head, "stop_reason": "end_turn", "content": [
        {"type": "text", "text": "hi"}], "usage": usage}]
    start = dict(usage, output_tokens=1) if isinstance(usage, dict) else usage
    if isinstance(start, dict):
        start.pop("output_tokens_details", None)

    def events(delta):
        return [
            {"type": "message_start", "message": {
                **head, "content": [], "stop_reason": None, "usage": start}},
            {"type": "ping"},
            {"type": "content_block_start", "index": 0,
             "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0,
             "delta": {"type": "text_delta", "text": "hi"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"},
             "usage": delta},
            {"type": "message_stop"}]
    yield "stream, told twice", events(usage)
    if isinstance(usage, dict):
        yield "stream, only the output at the end", events(
            {k: v for k, v in usage.items() if k.startswith("output")})


def converse_usage(s):
    write = s["w5"] + s["w1h"]
    usage = {"inputTokens": s["fresh"], "outputTokens": whole_out(s),
             "totalTokens": whole_in(s) + whole_out(s),
             "cacheReadInputTokens": s["read"],
             "cacheWriteInputTokens": write}
    if write:
        usage["cacheDetails"] = [
            {"ttl": ttl, "inputTokens": n}
            for ttl, n in (("5m", s["w5"]), ("1h", s["w1h"])) if n]
    return usage


def converse(usage):
    yield "answer", [{"output": {"message": {
        "role": "assistant", "content": [{"text": "hi"}]}},
        "stopReason": "end_turn", "usage": usage,
        "metrics": {"latencyMs": 1}}]
    yield "stream", [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0,
                               "delta": {"text": "hi"}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": usage, "metrics": {"latencyMs": 1}}}]


def gemini_usage(s, tool=0):
    usage = {"promptTokenCount": whole_in(s) - tool,
             "candidatesTokenCount": s["text"] + s["said_audio"],
             "totalTokenCount": whole_in(s) + whole_out(s)}
    if tool:
        usage["toolUsePromptTokenCount"] = tool
    if s["read"]:
        usage["cachedContentTokenCount"] = s["read"]
    if s["think"]:
        usage["thoughtsTokenCount"] = s["think"]
    if s["audio"] or s["image"]:
        usage["promptTokensDetails"] = [
            {"modality": m, "tokenCount": n} for m, n in (
                ("TEXT", s["fresh"] + s["read"]), ("AUDIO", s["audio"]),
                ("IMAGE", s["image"])) if n]
    if s["said_audio"]:
        usage["candidatesTokensDetails"] = [
            {"modality": "TEXT", "tokenCount": s["text"]},
            {"modality": "AUDIO", "tokenCount": s["said_audio"]}]
    # As protos do: what is zero is not there.
    return {k: v for k, v in usage.items() if v != 0}


def gemini(usage):
    def one(text, reason, usage):
        c = {"content": {"role": "model", "parts": [{"text": text}]},
             "index": 0}
        if reason:
            c["finishReason"] = reason
        return {"candidates": [c], "usageMetadata": usage,
                "modelVersion": "m", "responseId": "r"}
    yield "answer", [one("hi", "STOP", usage)]
    early = {"promptTokenCount": 1, "totalTokenCount": 1}
    yield "stream, growing", [one("h", "", early), one("i", "STOP", usage)]


SAY = {"openai-chat": (chat_usage, chat),
       "openai-responses": (responses_usage, responses),
       "anthropic-messages": (claude_usage, claude),
       "bedrock": (converse_usage, converse),
       "gemini": (gemini_usage, gemini)}


def case(name, dialect, how, said, scene):
    out = {"name": f"{dialect}: {name}, {how}", "dialect": dialect,
           "stream": how.startswith("stream"), "said": said}
    if scene is not None:
        out["usage"] = {k: v for k, v in ours(scene).items() if v}
        out["told"] = told(scene)
    return out


def scenes():
    for name, parts in SCENES.items():
        scene = {**PLAIN, **parts}
        for dialect, (usage, say) in SAY.items():
            if set(parts) <= CAN[dialect]:
                for how, said in say(usage(scene)):
                    yield case(name, dialect, how, said, scene)


# What others have billed wrong, by name: (what, dialect, scene).
WRONGED = [
    ("cache reads are added to the input once, not twice",
     "anthropic-messages", dict(fresh=10, read=5000, text=3)),
    ("the end's usage is the sum, not more of it", "anthropic-messages",
     dict(fresh=700, w5=300, text=250)),
    ("a cache written is input, not output", "anthropic-messages",
     dict(fresh=4, w5=2500, text=6)),
    ("an hour's cache is not five minutes'", "anthropic-messages",
     dict(fresh=4, w1h=2500, text=6)),
    ("Bedrock's input is without its caches", "bedrock",
     dict(fresh=8, read=900, w5=100, text=5)),
    ("Bedrock's details say which cache", "bedrock",
     dict(fresh=8, w5=100, w1h=200, text=5)),
    ("a cache written is part of the prompt", "openai-chat",
     dict(fresh=20, read=40, w5=60, text=7)),
    ("cached tokens are part of the prompt", "openai-responses",
     dict(fresh=20, read=2048, text=7)),
    ("reasoning is part of the completion", "openai-chat",
     dict(fresh=20, text=5, think=500)),
    ("Google's candidates are without the thoughts", "gemini",
     dict(fresh=20, text=5, think=500)),
    ("Google's prompt is with its cache", "gemini",
     dict(fresh=20, read=4000, text=5)),
    ("sound in and out has prices of its own", "openai-chat",
     dict(fresh=9, audio=120, text=8, said_audio=240)),
    ("Google's sound is in the details", "gemini",
     dict(fresh=9, audio=120, text=8, said_audio=240)),
    ("above 200,000 every token counts, cached ones too", "gemini",
     dict(fresh=150000, read=60000, text=10)),
]


def wronged():
    for name, dialect, parts in WRONGED:
        scene = {**PLAIN, **parts}
        usage, say = SAY[dialect]
        for how, said in say(usage(scene)):
            yield case(name, dialect, how, said, scene)


def tiers():
    """Where each says at which tier it was served."""
    scene = {**PLAIN, **SCENES["a short talk"]}
    for dialect in SAY:
        usage, say = SAY[dialect]
        for tier in ("flex", "priority"):
            told = usage(scene)
            if dialect == "anthropic-messages":
                told["service_tier"] = tier
            for how, said in say(told):
                if dialect in ("openai-chat", "openai-responses"):
                    for e in said:
                        if isinstance(e, dict):
                            e.get("response", e)["service_tier"] = tier
                elif dialect == "bedrock":
                    end = said[-1].get("metadata", said[-1])
                    end["serviceTier"] = {"type": tier}
                elif dialect == "gemini":
                    continue  # says none
                yield {**case(f"served at {tier}", dialect, how, said,
                              scene), "tier": tier}


def pitfalls():
    """translation.md 8, and what servers get wrong."""
    s = {**PLAIN, **SCENES["a short talk"]}
    for dialect, (usage, say) in SAY.items():
        good = usage(s)
        key = next(k for k in good if "output" in k.lower() or
                   "completion" in k or "candidates" in k)
        for what, bad in {
                "none": None,
                "a text": "19",
                "negative": {**good, key: -1},
                "a fraction": {**good, key: 1.5},
                "numbers in quotes": {k: str(v) for k, v in good.items()
                                      if isinstance(v, int)},
                "past 64 bits": {**good, key: 2 ** 70}}.items():
            if dialect == "gemini" and what == "numbers in quotes":
                continue  # protos may
            if dialect == "anthropic-messages" and isinstance(bad, dict):
                say_it = [list(say(bad))[0]]  # a stream is told twice
            else:
                say_it = say(bad)
            for how, said in say_it:
                if how == "stream, growing":
                    continue  # the last good one counts there
                yield case(f"usage that is {what}", dialect, how, said, None)
    over = {**PLAIN, "fresh": 100, "read": 0, "text": 1}
    bad = chat_usage(over)
    bad["prompt_tokens_details"]["cached_tokens"] = 2200
    for how, said in chat(bad):
        yield case("more cached than there is", "openai-chat", how, said,
                   None)
    tools = {**PLAIN, "fresh": 500, "text": 20}
    for how, said in gemini(gemini_usage(tools, tool=120)):
        yield case("what tools put into the prompt", "gemini", how, said,
                   tools)
    bare = {**PLAIN, "fresh": 30, "text": 4}
    for how, said in chat({"prompt_tokens": 30, "completion_tokens": 4,
                           "total_tokens": 34}):
        yield case("a server that knows no details", "openai-chat", how,
                   said, bare)
    for how, said in claude({"input_tokens": 30, "output_tokens": 4}):
        yield case("a server that knows no caches", "anthropic-messages",
                   how, said, bare)
    for how, said in chat({"prompt_tokens": 30, "completion_tokens": 4,
                           "total_tokens": 34, "prompt_tokens_details": None,
                           "completion_tokens_details": None}):
        yield case("details that are null", "openai-chat", how, said, bare)


def main():
    cases = [*scenes(), *wronged(), *tiers(), *pitfalls()]
    names = [c["name"] for c in cases]
    assert len(set(names)) == len(names)
    for c in cases:
        print(json.dumps(c, separators=(",", ":")))
    print(f"{len(cases)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
