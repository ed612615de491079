"""What a call costs, told again in decimal: shares nothing with the C code.

A price is {lane: rate, "per_request": fee, "above": [{"tokens": n, lane:
rate}]}, rates per 1,000,000 tokens as decimal text; a usage is the canonical
one of src/model/usage.h.  Unknown is None, never zero.
"""
import decimal
from decimal import Decimal as D

decimal.getcontext().prec = 60
NANO = D("0.000000001")

# lane, what stands in for a rate that is not given
LANES = {
    "input": None, "cached_input": "input", "cache_write": "input",
    "cache_write_1h": "cache_write", "audio_input": None,
    "image_input": "input", "output": None, "reasoning": "output",
    "audio_output": None, "image_output": "output",
}
USAGE = ["input", "cached", "cache_write", "cache_write_1h", "audio_input",
         "image_input", "output", "reasoning", "audio_output",
         "image_output"]


def rate_of(rates, lane):
    while lane is not None and rates.get(lane) is None:
        lane = LANES[lane]
    return None if lane is None else D(rates[lane])


def rates_for(price, tokens):
    """The rates of the highest step that the input is above, and which."""
    found, number = price, 0
    for i, step in enumerate(price.get("above", [])):
        if tokens > step["tokens"]:
            found, number = step, i + 1
    return found, number


def sane(u):
    return (u["cached"] + u["cache_write"] <= u["input"]
            and u["cache_write_1h"] <= u["cache_write"]
            and u["audio_input"] + u["image_input"] <= u["input"]
            and u["reasoning"] + u["audio_output"] + u["image_output"]
            <= u["output"])


def quantities(u):
    """Each token in one lane.  Nobody says whether cached tokens were sounds
    or images: as few of them as the counts allow."""
    fresh = u["input"] - u["cached"] - u["cache_write"]
    audio = min(u["audio_input"], fresh)
    image = min(u["image_input"], fresh - audio)
    return {
        "input": fresh - audio - image, "cached_input": u["cached"],
        "cache_write": u["cache_write"] - u["cache_write_1h"],
        "cache_write_1h": u["cache_write_1h"], "audio_input": audio,
        "image_input": image,
        "output": u["output"] - u["reasoning"] - u["audio_output"]
        - u["image_output"],
        "reasoning": u["reasoning"], "audio_output": u["audio_output"],
        "image_output": u["image_output"],
    }


def line(rate, quantity):
    """One line, rounded once."""
    return (rate * quantity / 1000000).quantize(
        NANO, rounding=decimal.ROUND_HALF_EVEN)


def lines(price, usage):
    """(step, {lane: cost}) with the fee; None: it cannot be said."""
    u = {name: usage.get(name, 0) for name in USAGE}
    if not sane(u):
        return None
    rates, step = rates_for(price, u["input"])
    out = {}
    for lane, n in quantities(u).items():
        rate = rate_of(rates, lane)
        if rate is None and n > 0:
            return None
        out[lane] = line(rate, n) if n > 0 else D(0)
        if abs(out[lane]) >= D(2) ** 63 * NANO:
            return None
    out["per_request"] = D(price.get("per_request", "0"))
    return step, out


def cost(price, usage):
    told = lines(price, usage)
    if told is None:
        return None
    total = sum(told[1].values())
    return None if total >= D(2) ** 63 * NANO else total
