#!/usr/bin/env python3
"""price_cases.py - make tests/unit/model/price_golden.jsonl

    tests/lib/price_cases.py data/prices.json > price_golden.jsonl

Usage objects as eight kinds of provider report them, prices of the built-in
book (and some made for a purpose), and what each call costs by pricing.py,
in decimal.  A line per case: its name, the provider's own object where it is
of the chat shape, the canonical usage, the price, and the cost by line; null
where it cannot be said.  The file is committed: a price that the book
changes later does not change a case.
"""
import json
import sys

import pricing

D = pricing.D


# --- how each kind of provider counts ---------------------------------------

def chat(u):
    """OpenAI, Azure, Bedrock's OpenAI endpoint, compatible servers: details
    are parts of the totals."""
    i, o = u.get("prompt_tokens_details") or {}, \
        u.get("completion_tokens_details") or {}
    return {"input": u["prompt_tokens"], "cached": i.get("cached_tokens", 0),
            "cache_write": i.get("cache_write_tokens", 0),
            "audio_input": i.get("audio_tokens", 0),
            "image_input": i.get("image_tokens", 0),
            "output": u["completion_tokens"],
            "reasoning": o.get("reasoning_tokens", 0),
            "audio_output": o.get("audio_tokens", 0)}


def messages(u):
    """Anthropic: input_tokens leaves the cache out."""
    made = u.get("cache_creation") or {}
    read = u.get("cache_read_input_tokens", 0)
    write = u.get("cache_creation_input_tokens", 0)
    return {"input": u["input_tokens"] + read + write, "cached": read,
            "cache_write": write,
            "cache_write_1h": made.get("ephemeral_1h_input_tokens", 0),
            "output": u["output_tokens"],
            "reasoning": (u.get("output_tokens_details") or {}).get(
                "thinking_tokens", 0)}


def converse(u):
    """Bedrock Converse: inputTokens leaves the cache out."""
    read = u.get("cacheReadInputTokens", 0)
    write = u.get("cacheWriteInputTokens", 0)
    return {"input": u["inputTokens"] + read + write, "cached": read,
            "cache_write": write,
            "cache_write_1h": sum(d["inputTokens"] for d in
                                  u.get("cacheDetails", [])
                                  if d["ttl"] == "1h"),
            "output": u["outputTokens"]}


def generate(u):
    """Gemini, Vertex: the prompt has the cached in it, the candidates leave
    the thoughts out; what tools put into the prompt comes on top."""
    def of(name, modality):
        return sum(d["tokenCount"] for d in u.get(name, [])
                   if d["modality"] == modality)
    thoughts = u.get("thoughtsTokenCount", 0)
    return {"input": u["promptTokenCount"] +
            u.get("toolUsePromptTokenCount", 0),
            "cached": u.get("cachedContentTokenCount", 0),
            "audio_input": of("promptTokensDetails", "AUDIO"),
            "image_input": of("promptTokensDetails", "IMAGE"),
            "output": u.get("candidatesTokenCount", 0) + thoughts,
            "reasoning": thoughts,
            "image_output": of("candidatesTokensDetails", "IMAGE"),
            "audio_output": of("candidatesTokensDetails", "AUDIO")}


def oci(u):
    i, o = u.get("promptTokensDetails") or {}, \
        u.get("completionTokensDetails") or {}
    return {"input": u["promptTokens"], "cached": i.get("cachedTokens", 0),
            "output": u["completionTokens"],
            "reasoning": o.get("reasoningTokens", 0)}


# --- objects ----------------------------------------------------------------

def chat_usage(prompt, completion, **d):
    names = {"cached": "cached_tokens", "write": "cache_write_tokens",
             "audio": "audio_tokens", "image": "image_tokens"}
    details = {names[k]: v for k, v in d.items() if k in names}
    out = {"reasoning_tokens": d.get("reasoning", 0),
           "audio_tokens": d.get("spoken", 0),
           "accepted_prediction_tokens": d.get("accepted", 0),
           "rejected_prediction_tokens": d.get("rejected", 0)}
    return {"prompt_tokens": prompt, "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0,
                                      **details},
            "completion_tokens_details": out}


CHAT = {
    "short": chat_usage(19, 10),
    "cached": chat_usage(2006, 300, cached=1920),
    "all cached": chat_usage(4096, 17, cached=4096),
    "cache written": chat_usage(5120, 211, cached=1024, write=3840),
    "reasoning": chat_usage(75, 1186, reasoning=1024),
    "prediction": chat_usage(642, 188, accepted=120, rejected=31),
    "long": chat_usage(301234, 8000, cached=250000, reasoning=3000),
    "just at the step": chat_usage(271999, 1),
    "one above the step": chat_usage(272000, 1, cached=271000),
    "empty answer": chat_usage(1, 0),
}
MESSAGES = {
    "short": {"input_tokens": 2095, "output_tokens": 503,
              "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
              "service_tier": "standard"},
    "5 minutes": {"input_tokens": 21, "output_tokens": 393,
                  "cache_creation_input_tokens": 188086,
                  "cache_read_input_tokens": 0, "cache_creation": {
                      "ephemeral_5m_input_tokens": 188086,
                      "ephemeral_1h_input_tokens": 0}},
    "an hour": {"input_tokens": 2048, "output_tokens": 503,
                "cache_read_input_tokens": 1800,
                "cache_creation_input_tokens": 248 + 456,
                "cache_creation": {"ephemeral_5m_input_tokens": 456,
                                   "ephemeral_1h_input_tokens": 248}},
    "read": {"input_tokens": 7, "output_tokens": 1021,
             "cache_read_input_tokens": 188086,
             "cache_creation_input_tokens": 0},
    "thinking": {"input_tokens": 95, "output_tokens": 4171,
                 "output_tokens_details": {"thinking_tokens": 3999}},
    "long": {"input_tokens": 150000, "output_tokens": 6001,
             "cache_read_input_tokens": 60000,
             "cache_creation_input_tokens": 1},
}
CONVERSE = {
    "short": {"inputTokens": 30, "outputTokens": 628, "totalTokens": 658},
    "cached": {"inputTokens": 12, "outputTokens": 99, "totalTokens": 3111,
               "cacheReadInputTokens": 3000},
    "two lifetimes": {"inputTokens": 12, "outputTokens": 99,
                      "totalTokens": 5111, "cacheWriteInputTokens": 5000,
                      "cacheDetails": [
                          {"ttl": "5m", "inputTokens": 3000},
                          {"ttl": "1h", "inputTokens": 2000}]},
    "long": {"inputTokens": 201000, "outputTokens": 1, "totalTokens": 201001},
}
GENERATE = {
    "short": {"promptTokenCount": 8, "candidatesTokenCount": 25,
              "totalTokenCount": 33},
    "thoughts": {"promptTokenCount": 1044, "candidatesTokenCount": 291,
                 "thoughtsTokenCount": 1702, "totalTokenCount": 3037},
    "cached": {"promptTokenCount": 43130, "candidatesTokenCount": 411,
               "cachedContentTokenCount": 42999, "totalTokenCount": 43541},
    "tool in the prompt": {"promptTokenCount": 40,
                           "toolUsePromptTokenCount": 312,
                           "candidatesTokenCount": 55},
    "an image in": {"promptTokenCount": 300, "candidatesTokenCount": 44,
                    "promptTokensDetails": [
                        {"modality": "TEXT", "tokenCount": 42},
                        {"modality": "IMAGE", "tokenCount": 258}]},
    "sounds in": {"promptTokenCount": 1962, "candidatesTokenCount": 301,
                  "promptTokensDetails": [
                      {"modality": "TEXT", "tokenCount": 42},
                      {"modality": "AUDIO", "tokenCount": 1920}]},
    "an image out": {"promptTokenCount": 12, "candidatesTokenCount": 1290,
                     "candidatesTokensDetails": [
                         {"modality": "IMAGE", "tokenCount": 1290}]},
    "just at 128k": {"promptTokenCount": 128000, "candidatesTokenCount": 9},
    "long": {"promptTokenCount": 250001, "candidatesTokenCount": 900,
             "cachedContentTokenCount": 128001, "thoughtsTokenCount": 77},
}
OCI = {
    "short": {"promptTokens": 57, "completionTokens": 411,
              "totalTokens": 468},
    "cached": {"promptTokens": 5057, "completionTokens": 411,
               "promptTokensDetails": {"cachedTokens": 5000}},
    "reasoning": {"promptTokens": 57, "completionTokens": 4110,
                  "completionTokensDetails": {"reasoningTokens": 4000}},
    "long": {"promptTokens": 230057, "completionTokens": 411},
}

# venue, shape, objects, models of the book
MODELS = [
    ("openai", chat, CHAT, ["gpt-5.4", "gpt-5.4-mini", "gpt-4o",
                            "gpt-5.6-sol"]),
    ("azure_openai", chat, CHAT, ["gpt-5.4", "gpt-4o-mini"]),
    ("bedrock", chat, CHAT, ["openai.gpt-5.4"]),
    ("anthropic", messages, MESSAGES, ["claude-sonnet-4-5",
                                       "claude-opus-4-8", "claude-sonnet-5",
                                       "claude-fable-5"]),
    ("bedrock", converse, CONVERSE, [
        "anthropic.claude-opus-4-1-20250805-v1:0", "amazon.nova-pro-v1:0",
        "global.anthropic.claude-sonnet-5", "eu.anthropic.claude-sonnet-5"]),
    ("gemini", generate, GENERATE, ["gemini-2.5-flash", "gemini-1.5-pro",
                                    "gemini-3-pro-preview",
                                    "gemini-2.5-flash-image"]),
    ("vertex", generate, GENERATE, ["gemini-3.5-flash",
                                    "gemini-3-flash-preview"]),
    ("vertex", messages, MESSAGES, ["claude-sonnet-4-6@default"]),
    ("oci", oci, OCI, ["google.gemini-2.5-pro", "openai.gpt-5",
                       "xai.grok-3-mini", "cohere.command-a-03-2025"]),
]
# What an operator says of a server of his own.
COMPATIBLE = [
    {"input": "0.1", "output": "0.4"},
    {"input": "0.0125", "cached_input": "0", "output": "0.05",
     "reasoning": "0.07", "per_request": "0.000001"},
]


def price_of(row):
    keep = [*pricing.LANES, "above"]
    return {k: row[k] for k in keep if k in row}


def book(path):
    with open(path, encoding="utf-8") as f:
        rows = json.load(f)["rows"]
    found = {}
    for r in sorted(rows, key=lambda r: r["from"]):
        found[r["type"], r["tier"], r["model"]] = r
    return found


def lifted(price, percent):
    """With an uplift for a region, exactly."""
    def lift(rates):
        out = {}
        for k, v in rates.items():
            if k in pricing.LANES:
                v = D(v) * (100 + D(percent)) / 100
                v = format(v.normalize(), "f")
            out[k] = v
        return out
    new = lift(price)
    if "above" in price:
        new["above"] = [lift(s) for s in price["above"]]
    return new


# --- cases ------------------------------------------------------------------

def case(name, price, usage, raw=None, expect=False):
    """expect: the cost in nano-units by hand, where somebody did it."""
    told, cost = pricing.lines(price, usage), pricing.cost(price, usage)
    if expect is not False:
        by_hand = None if expect is None else D(expect) * pricing.NANO
        assert cost == by_hand, (name, cost, by_hand)
    out = {"name": name}
    if raw is not None:
        out["raw"] = raw
    out["usage"] = {k: v for k, v in usage.items() if v}
    out["price"] = price
    if cost is None:
        return {**out, "cost": None}
    out["step"] = told[0]
    out["lines"] = {k: format(v, "f") for k, v in told[1].items() if v}
    return {**out, "cost": format(cost, "f")}


def from_the_book(rows):
    for venue, shape, objects, models in MODELS:
        for model in models:
            price = price_of(rows[venue, "standard", model])
            for what, raw in objects.items():
                yield case(f"{venue} {model}: {what}", price, shape(raw),
                           raw if shape is chat else None)
    for i, price in enumerate(COMPATIBLE):
        for what, raw in CHAT.items():
            yield case(f"openai_compatible {i + 1}: {what}", price, chat(raw),
                       raw)


def tiers(rows):
    for tier in ("batch", "flex", "priority"):
        price = price_of(rows["openai", tier, "gpt-5.4"])
        for what in ("short", "cached", "reasoning", "just at the step",
                     "one above the step"):
            yield case(f"openai gpt-5.4 {tier}: {what}", price,
                       chat(CHAT[what]), CHAT[what])
    for region in ("eu", "us"):
        for tier in ("standard", "flex"):
            row = rows["openai", tier, "gpt-5.4"]
            price = lifted(price_of(row), row["uplift"][region])
            for what in ("short", "cached", "one above the step"):
                yield case(f"openai gpt-5.4 {tier} in {region}: {what}",
                           price, chat(CHAT[what]), CHAT[what])
    row = rows["anthropic", "standard", "claude-sonnet-5"]
    for what, raw in MESSAGES.items():
        yield case(f"anthropic claude-sonnet-5 in us: {what}",
                   lifted(price_of(row), row["uplift"]["us"]), messages(raw))


def sounds(rows):
    price = price_of(rows["openai", "standard", "gpt-audio"])
    for what, raw in {
            "heard": chat_usage(120, 30, audio=100),
            "spoken": chat_usage(20, 130, spoken=101),
            "heard and spoken": chat_usage(120, 130, audio=100, spoken=101),
            "heard from the cache": chat_usage(120, 30, audio=100,
                                               cached=64),
            "nothing but cache": chat_usage(120, 30, audio=100, cached=120),
    }.items():
        yield case(f"openai gpt-audio: {what}", price, chat(raw), raw)
    unknown = price_of(rows["openai", "standard", "gpt-4o-audio-preview"])
    raw = chat_usage(120, 30, audio=100)
    yield case("audio without an audio price is not known", unknown,
               chat(raw), raw, expect=None)
    yield case("without audio the same price is", unknown,
               chat(CHAT["short"]), CHAT["short"],
               expect=19 * 2500 + 10 * 10000)


STEPPED = {
    "input": "1.25", "cached_input": "0.31", "cache_write": "1.5",
    "output": "5", "above": [
        {"tokens": 128000, "input": "2.5", "cached_input": "0.625",
         "cache_write": "3", "output": "10"},
        {"tokens": 200000, "input": "4", "cached_input": "0.4",
         "cache_write": "5", "output": "15", "reasoning": "12"}]}


def known_bugs():
    """Each is a mistake that another gateway made; its ticket in brackets."""
    raw = chat_usage(200001, 100)
    yield case("the step above 200k is not ignored [litellm 30135]", STEPPED,
               chat(raw), raw, expect=200001 * 4000 + 100 * 15000)
    raw = chat_usage(200000, 100)
    yield case("at 200k the step below holds [litellm 30135]", STEPPED,
               chat(raw), raw, expect=200000 * 2500 + 100 * 10000)
    raw = chat_usage(200001, 100, cached=200000)
    yield case("cached tokens of a long call cost its step's price "
               "[litellm 16377]", STEPPED, chat(raw), raw,
               expect=4000 + 200000 * 400 + 100 * 15000)
    raw = chat_usage(128001, 1, cached=1)
    yield case("the cache's price at the lower step [litellm 16377]",
               STEPPED, chat(raw), raw,
               expect=128000 * 2500 + 625 + 10000)
    raw = chat_usage(1000, 10, write=900)
    yield case("cache writes are not dropped [litellm 33772]", STEPPED,
               chat(raw), raw, expect=100 * 1250 + 900 * 1500 + 50000)
    raw = chat_usage(150000, 10, write=900, cached=100)
    yield case("cache writes of a long call [litellm 33772]", STEPPED,
               chat(raw), raw,
               expect=149000 * 2500 + 900 * 3000 + 100 * 625 + 100000)
    raw = chat_usage(128001, 10)
    yield case("the step above 128k [litellm 14834]", STEPPED, chat(raw),
               raw, expect=128001 * 2500 + 10 * 10000)
    raw = chat_usage(128000, 10)
    yield case("at 128k the base holds [litellm 14834]", STEPPED, chat(raw),
               raw, expect=128000 * 1250 + 10 * 5000)
    raw = chat_usage(200001, 100, reasoning=60)
    yield case("reasoning costs its step's price [litellm 35925]", STEPPED,
               chat(raw), raw,
               expect=200001 * 4000 + 40 * 15000 + 60 * 12000)
    raw = chat_usage(150000, 100, reasoning=60)
    yield case("reasoning is output where it has no price [litellm 35925]",
               STEPPED, chat(raw), raw, expect=150000 * 2500 + 100 * 10000)
    flex = {"input": "1.25", "cached_input": "0.13", "output": "7.5"}
    raw = chat_usage(2000, 10, cached=1500)
    yield case("a tier has a cache price of its own [litellm 30450]", flex,
               chat(raw), raw, expect=500 * 1250 + 1500 * 130 + 10 * 7500)
    yield case("a tier without one takes its own input price "
               "[litellm 30450]", {"input": "1.25", "output": "7.5"},
               chat(raw), raw, expect=2000 * 1250 + 10 * 7500)
    plain = {"input": "2.5", "cached_input": "1.25", "output": "10"}
    raw = chat_usage(2006, 300, cached=1920)
    yield case("cached tokens are part of the prompt [neatlogs 3]", plain,
               chat(raw), raw, expect=86 * 2500 + 1920 * 1250 + 300 * 10000)
    raw = chat_usage(1920, 1, cached=1920)
    yield case("a prompt from the cache is not paid twice [neatlogs 3]",
               plain, chat(raw), raw, expect=1920 * 1250 + 10000)
    raw = chat_usage(3, 3)
    yield case("0.1 + 0.2 is 0.3 [floats]",
               {"input": "0.1", "output": "0.2"}, chat(raw), raw,
               expect=300 + 600)
    raw = chat_usage(900000000, 900000000)
    yield case("a large sum to the last nano-unit [floats]",
               {"input": "0.0125", "output": "0.000001"}, chat(raw), raw,
               expect=11250000000 + 900000)


def rounding():
    for rate, tokens, nano in (("0.0005", 1, 0), ("0.0005", 3, 2),
                               ("0.0005", 5, 2), ("0.0005", 7, 4),
                               ("0.000501", 1, 1), ("0.000499", 1, 0),
                               ("0.000001", 499, 0), ("0.000001", 500, 0),
                               ("0.000001", 501, 1), ("0.000001", 1500, 2)):
        raw = chat_usage(tokens, 0)
        yield case(f"{tokens} tokens at {rate}: half to even",
                   {"input": rate, "output": "1"}, chat(raw), raw,
                   expect=nano)
    raw = chat_usage(3, 1, cached=1, reasoning=1, write=1)
    yield case("each line is rounded by itself", {
        "input": "0.0015", "cached_input": "0.0015", "cache_write": "0.0015",
        "output": "0.0015", "reasoning": "0.0015"}, chat(raw), raw, expect=8)


def odd():
    fee = {"input": "1", "output": "1", "per_request": "0.000000007"}
    yield case("a fee and nothing else", fee, chat(chat_usage(0, 0)),
               chat_usage(0, 0), expect=7)
    free = {"input": "0", "output": "0"}
    yield case("what is known to be free is free", free,
               chat(CHAT["long"]), CHAT["long"], expect=0)
    for what, usage in {
            "more cached than input": {"input": 5, "cached": 6},
            "cached and written past the input": {
                "input": 5, "cached": 3, "cache_write": 3},
            "an hour's writes past the writes": {
                "input": 5, "cache_write": 1, "cache_write_1h": 2},
            "sounds and images past the input": {
                "input": 5, "audio_input": 3, "image_input": 3},
            "thoughts past the output": {"output": 5, "reasoning": 6},
            "thoughts and sounds past the output": {
                "output": 5, "reasoning": 3, "audio_output": 3}}.items():
        yield case(f"unsane: {what}", {
            "input": "1", "output": "1", "audio_input": "1",
            "audio_output": "1"}, usage, expect=None)
    unknown = {"input": "1", "output": "2", "above": [{"tokens": 10}]}
    yield case("up to a step without prices it is known", unknown,
               {"input": 10, "output": 1}, expect=12000)
    yield case("above a step without prices it is not", unknown,
               {"input": 11, "output": 1}, expect=None)
    every = {lane: str(i + 1) for i, lane in enumerate(pricing.LANES)}
    yield case("every lane at once", every, {
        "input": 1000, "cached": 1, "cache_write": 30, "cache_write_1h": 10,
        "audio_input": 100, "image_input": 200, "output": 900,
        "reasoning": 50, "audio_output": 60, "image_output": 70},
        expect=669 * 1000 + 2000 + 20 * 3000 + 10 * 4000 + 100 * 5000 +
        200 * 6000 + 720 * 7000 + 50 * 8000 + 60 * 9000 + 70 * 10000)
    yield case("the dearest amounts that can be held",
               {"input": "1000000", "output": "1000000"},
               {"input": 9000000000, "output": 1},
               expect=9000000001 * 10 ** 9)
    yield case("more than can be held is not said",
               {"input": "1000000", "output": "1000000"},
               {"input": 9300000000, "output": 1}, expect=None)


def main():
    rows = book(sys.argv[1])
    cases = [*from_the_book(rows), *tiers(rows), *sounds(rows),
             *known_bugs(), *rounding(), *odd()]
    names = [c["name"] for c in cases]
    assert len(set(names)) == len(names)
    for c in cases:
        print(json.dumps(c, separators=(",", ":")))
    print(f"{len(cases)} cases", file=sys.stderr)


if __name__ == "__main__":
    main()
