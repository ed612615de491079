"""Random calls priced by the C code, each line of them again in decimal."""
import concurrent.futures
import os
import subprocess
from decimal import Decimal as D

import kit
import pricing

LANES = list(pricing.LANES)
PROGRAM = kit.BUILD / "tests" / "prices" / "calls"


def take_rates(numbers):
    above, has = next(numbers), next(numbers)
    rates = {lane: next(numbers) for lane in LANES}
    # pico per token is 10^-6 per million of them
    kept = {lane: D(pico).scaleb(-6) for i, (lane, pico) in
            enumerate(rates.items()) if has >> i & 1}
    return above, kept


def check_call(text, count):
    numbers = iter(map(int, text.split()))
    nsteps, fee = next(numbers), next(numbers)
    price = take_rates(numbers)[1]
    price["above"] = []
    for _ in range(nsteps):
        above, rates = take_rates(numbers)
        price["above"].append({"tokens": above, **rates})
    price["per_request"] = D(fee).scaleb(-9)
    usage = {name: next(numbers) for name in pricing.USAGE}
    told = pricing.lines(price, usage)
    if told is not None and pricing.cost(price, usage) is None:
        told = None
    count["calls"] += 1
    if next(numbers) == 0:
        count["not priced by both"] += told is None
        return told is None
    if told is None or next(numbers) != told[0]:
        return False
    count["calls above a step"] += told[0] > 0
    for cost in told[1].values():
        if D(next(numbers)).scaleb(-9) != cost:
            return False
    rates = pricing.rates_for(price, usage["input"])[0]
    for lane, n in pricing.quantities(usage).items():
        if n > 0:  # others cost nothing, and agree, and do not count
            rate = pricing.rate_of(rates, lane)
            count["price lines"] += 1
            count["lines rounded at a half"] += \
                int(rate.scaleb(6)) * n % 1000 == 500
    return True


def some(seed, calls):
    count = dict.fromkeys(["calls", "price lines", "calls above a step",
                           "lines rounded at a half", "not priced by both",
                           "wrong"], 0)
    with subprocess.Popen([PROGRAM, str(seed), str(calls)], text=True,
                          stdout=subprocess.PIPE) as child:
        for text in child.stdout:
            if not check_call(text, count):
                count["wrong"] += 1
                print("differs:", text, flush=True)
    assert child.returncode == 0 and count["calls"] == calls
    return count


def check(seed, calls, progress=False):
    """Counts; "wrong" is what it is about."""
    size = 100000
    jobs = [(seed + i, min(size, calls - i * size))
            for i in range((calls + size - 1) // size)]
    total = None
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        for count in pool.map(some, *zip(*jobs)):
            total = count if total is None else {
                k: v + count[k] for k, v in total.items()}
            if progress:
                print(f"{total['calls']} calls", flush=True)
    return total
