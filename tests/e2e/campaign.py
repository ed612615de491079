"""N mixed calls at a set concurrency, then every line of two sets of books.

The simulator keeps its own count of what each attempt was charged.  Each
attempt's id travels as x-client-request-id, so the two join line by line:

- what the simulator received has exactly one row in the ledger;
- a row that is neither `estimated` nor `unknown` agrees in tokens and money;
- `estimated` and `unknown` are exactly those that the simulator, the client
  or a kill cut;
- a ledger row that the simulator never saw is `void` or `unknown`.
"""
import asyncio
import collections
import decimal
import json
import os
import random
import signal
import time

import kit

D = decimal.Decimal
CREDENTIALS = list(kit.VENUES) + ["lab"]
TOKENS = ["input_tokens", "cached_tokens", "cache_write_tokens",
          "output_tokens", "reasoning_tokens"]

# weight, what is put into the prompt, whether the client hangs up
UNARY = [
    (30, "out={out}", None),
    (8, "out={out} cached={cached}", None),
    (6, "out={out} reasoning={reasoning}", None),
    (4, "out={out} cached={cached} cache_write={write}", None),
    (3, "out={out} fault@openai=500", None),
    (3, "out={out} fault@openai=429 fault@azure=503", None),
    (2, "out={out} fault@openai=reset", None),
    (1, "out={out} fault@openai=down", None),
    (1, "fault=400", None),
    (1, "fault@openai=html fault@azure=garbage", None),
    (1, "out={out} fault=nousage", None),
    (1, "out={out} usage=null", None),
    (1, "out={out} fault=html502", None),
    (1, "out={out} fault=midlength", None),
    (1, "out={out} fault=gzip", None),
    (2, "out={out} ttft=60", 0.03),
]
STREAM = [
    (30, "out={out}", None),
    (8, "out={out} pace=1 cached={cached}", None),
    (6, "out={out} reasoning={reasoning}", None),
    (3, "out={out} tools=2", None),
    (3, "out={out} fault@openai=529", None),
    (2, "out={out} fault@openai=429 fault@azure=500", None),
    (2, "out={out} fault=cut", None),
    (2, "out={out} fault=reset:900", None),
    (1, "out={out} fault=halfevent", None),
    (1, "out={out} fault=badevent", None),
    (1, "out={out} fault=errevent", None),
    (1, "out={out} fault=nousage", None),
    (1, "out={out} fault=lateusage", None),
    (5, "out=200 pace=2", 0.1),
    (2, "out=60 pace=2 ttft=50", 0.02),
]
MODELS = [f"m-{p}" for p in CREDENTIALS] + \
    [f"chain-{i}" for i in range(kit.POOL)] * 1


def pick(rng, rows):
    return rng.choices(rows, [r[0] for r in rows])[0]


class Call:
    def __init__(self, rng, number):
        self.stream = rng.random() < 0.5
        _, directive, self.hang_up = pick(rng, STREAM if self.stream
                                          else UNARY)
        directive = directive.format(
            out=rng.randint(1, 60), cached=rng.randint(0, 40),
            reasoning=rng.randint(1, 90), write=rng.randint(0, 20))
        self.model = rng.choice(MODELS)
        text = " ".join(["word"] * rng.randint(1, 120))
        self.body = {
            "model": self.model, "stream": self.stream,
            "messages": [{"role": "user",
                          "content": f"{number} {text} [[sim {directive}]]"}]}
        if self.stream and rng.random() < 0.5:
            self.body["stream_options"] = {"include_usage": True}
        if "tools" in directive:
            self.body["tools"] = [{"type": "function", "function": {
                "name": n, "parameters": {"type": "object", "properties": {
                    "a": {"type": "string"}}}}} for n in ("one", "two")]
        self.outcome = None


class Client:
    """One keep-alive connection over raw streams: cheap enough that the
    programs under test, not the test, are the bottleneck."""

    def __init__(self, address, key):
        self.address, self.key = address, key
        self.reader = self.writer = None

    async def close(self):
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def call(self, call):
        """Sets call.outcome: a status, "gone" (we hung up), "broken"."""
        try:
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection(
                    *self.address)
            body = json.dumps(call.body).encode()
            self.writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: k\r\n"
                b"Authorization: Bearer " + self.key.encode() + b"\r\n"
                b"Content-Type: application/json\r\nContent-Length: " +
                str(len(body)).encode() + b"\r\n\r\n" + body)
            if call.hang_up is None:
                call.outcome = await asyncio.wait_for(self.answer(),
                                                      60 * kit.SLOW)
                return
            try:
                call.outcome = await asyncio.wait_for(self.answer(),
                                                      call.hang_up)
            except asyncio.TimeoutError:
                call.outcome = "gone"
                await self.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError,
                ValueError):
            call.outcome = "broken"
            await self.close()

    async def answer(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        low = head.lower()
        if b"transfer-encoding: chunked" in low:
            while True:
                size = int(await self.reader.readuntil(b"\r\n"), 16)
                await self.reader.readexactly(size + 2)
                if size == 0:
                    break
        else:
            at = low.index(b"content-length:")
            length = int(low[at + 15:low.index(b"\r\n", at)])
            await self.reader.readexactly(length)
        if b"connection: close" in low:
            await self.close()
        return status


async def drive(kontor, key, calls, concurrency, kills, rng, progress):
    """Makes the calls; each kill falls into the middle of its share of
    them, and the next share begins when all processes stand again."""
    todo = iter(calls)
    done, killed = 0, []
    step = len(calls) // (kills + 1) + 1
    allowed = step if kills else len(calls)
    started = 0
    gate = asyncio.Condition()

    async def lane():
        nonlocal done, started
        client = Client(kontor.address, key)
        for call in todo:
            async with gate:
                await gate.wait_for(lambda: started < allowed)
                started += 1
            await client.call(call)
            done += 1
        await client.close()

    async def victims(role, number):
        for _ in range(1500):
            pids = kontor.of_role(role)
            if len(pids) == number:
                return pids
            await asyncio.sleep(0.01)
        raise AssertionError(f"the {role} is not back: {pids}")

    async def killer():
        nonlocal allowed
        for i in range(kills):
            while done < allowed - step // 2:
                await asyncio.sleep(0.001)
            workers = await victims("worker", kontor.config["workers"])
            recorder = await victims("recorder", 1)
            role = "recorder" if i % 3 == 2 else "worker"
            pid = rng.choice(recorder if role == "recorder" else workers)
            os.kill(pid, signal.SIGKILL)
            killed.append((role, pid))
            async with gate:
                allowed = (i + 2) * step if i + 1 < kills else len(calls)
                gate.notify_all()

    async def report():
        while progress and done < len(calls):
            await asyncio.sleep(10)
            print(f"  {done} of {len(calls)}, {len(killed)} kills",
                  flush=True)

    reporter = asyncio.ensure_future(report())
    try:
        await asyncio.gather(*(lane() for _ in range(concurrency)), killer())
    finally:
        reporter.cancel()
    return killed


def compare(sim_rows, ledger, calls, kills):
    """What is wrong, as sentences; and the counts for a report."""
    wrong = []
    counts = collections.Counter()
    by_attempt = collections.Counter(kit.attempt_id(r) for r in ledger)
    wrong += [f"{a}: {n} rows in the ledger"
              for a, n in by_attempt.items() if n != 1]
    seen = collections.Counter(r["attempt"] for r in sim_rows)
    wrong += [f"{a or '(no id)'}: the simulator saw it {n} times"
              for a, n in seen.items() if n != 1 or not a]
    at_sim = {r["attempt"]: r for r in sim_rows}
    sums = {c: collections.defaultdict(D) for c in CREDENTIALS}

    for row in ledger:
        name = kit.attempt_id(row)
        mine, theirs = row["resolution"], at_sim.get(name)
        counts[mine] += 1
        if not mine:
            wrong.append(f"{name}: never resolved")
        elif theirs is None:
            counts["unseen"] += 1
            if mine == "void":
                continue
            if mine != "unknown" or not kills:
                wrong.append(f"{name}: {mine}, but the simulator never saw "
                             f"it")
        elif theirs["credential"] != row["provider"]:
            wrong.append(f"{name}: at {row['provider']} in the ledger, at "
                         f"{theirs['credential']} in truth")
        elif mine in ("booked", "overage", "void"):
            add(wrong, sums, name, row, theirs)
        elif mine in ("estimated", "unknown"):
            counts[mine + "." + theirs["cut"]] += 1
            if theirs["cut"] == "none":
                counts["cut by a kill"] += 1
        else:
            wrong.append(f"{name}: resolution {mine}")

    for name in at_sim:
        if name and name not in by_attempt:
            wrong.append(f"{name}: the simulator saw it, the ledger not")
    # A row the provider calls whole may differ only where we died on it.
    broken = sum(c.outcome == "broken" for c in calls)
    if counts["cut by a kill"] > (broken if kills else 0):
        wrong.append(f"{counts['cut by a kill']} rows are estimated or "
                     f"unknown that nobody cut; {broken} calls broke")
    return wrong, counts, sums


def add(wrong, sums, name, row, theirs):
    if row["resolution"] == "void":
        if theirs["billed"]:
            wrong.append(f"{name}: void, but charged {theirs['cost']}")
        return
    for t in TOKENS:
        if row[t] != theirs[t]:
            wrong.append(f"{name}: {t} {row[t]}, in truth {theirs[t]}")
    if D(row["settled"]) != D(theirs["cost"]):
        wrong.append(f"{name}: booked {row['settled']}, in truth "
                     f"{theirs['cost']} ({theirs})")
    if not theirs["billed"]:
        wrong.append(f"{name}: booked {row['settled']}, not charged")
    s = sums[row["provider"]]
    s["calls"] += 1
    s["cost"] += D(row["settled"])
    for t in TOKENS:
        s[t] += row[t]


def totals(sim_rows, ledger):
    """Per credential, of the rows that are exact: calls, tokens, money."""
    exact = {kit.attempt_id(r) for r in ledger
             if r["resolution"] in ("booked", "overage")}
    sums = {c: collections.defaultdict(D) for c in CREDENTIALS}
    for r in sim_rows:
        if r["attempt"] in exact:
            s = sums[r["credential"]]
            s["calls"] += 1
            s["cost"] += D(r["cost"])
            for t in TOKENS:
                s[t] += r[t]
    return sums


def correct(folder, kontor, sim_rows, ledger):
    """Corrects what nobody could count from the simulator's rows; what is
    wrong then.  The two sets of books must be equal to the last digit."""
    at_sim = {r["attempt"]: r for r in sim_rows}
    guessed = [kit.attempt_id(r) for r in ledger
               if r["resolution"] in ("estimated", "unknown")]
    path = folder / "counts.jsonl"
    path.write_text("".join(json.dumps(
        at_sim.get(a, {"attempt": a, "billed": False})) + "\n"
        for a in guessed))
    wrong = []
    if guessed:
        r = kontor.run("ledger", "correct", "--file", path, "--json",
                       check=False, timeout=600)
        if r.returncode != 0:
            wrong.append(f"ledger correct: {r.stdout[:2000]} {r.stderr}")
    mine = {c: collections.defaultdict(D) for c in CREDENTIALS}
    for row in kontor.export():
        if row["resolution"] not in ("void", None):
            s = mine[row["provider"]]
            s["billed"] += 1
            s["cost"] += D(row["settled"])
            for t in TOKENS:
                s[t] += row[t]
    return wrong, mine


def run(folder, n, kills, seed, concurrency=64, progress=False):
    """One campaign; raises on the first books that do not agree."""
    rng = random.Random(seed)
    calls = [Call(rng, i) for i in range(n)]
    with kit.Sim(folder) as sim:
        config = kit.make_config(sim.url, folder / "data",
                                 first_byte="10s", idle="10s")
        config["drain"] = "20s"
        with kit.Kontor(folder, config) as kontor:
            key = kontor.key("campaign", budget="100000/total")
            began = time.monotonic()
            killed = asyncio.run(drive(kontor, key["key"], calls, concurrency,
                                       kills, rng, progress))
            seconds = time.monotonic() - began
            kontor.wait_ready()
            sim_rows = sim.settled()
            stats = sim.stats()
            # The last repair may still be under way.
            ledger = kit.wait_for("every attempt to be resolved", lambda: (
                lambda rows: rows if all(r["resolution"] for r in rows)
                else None)(kontor.export()), 30, 0.5)
            wrong, counts, sums = compare(sim_rows, ledger, calls, kills)
            theirs = totals(sim_rows, ledger)
            for c in CREDENTIALS:
                if dict(sums[c]) != dict(theirs[c]):
                    wrong.append(f"{c}: {dict(sums[c])} is not "
                                 f"{dict(theirs[c])}")
            billed = sum(s["billed"] for s in stats.values())
            usage = kontor.usage()["total"]
            spent = sum((D(r["settled"]) for r in ledger), D(0))
            if D(usage["effective_cost"]) != spent:
                wrong.append(f"usage says {usage['effective_cost']}, the "
                             f"ledger's lines add up to {spent}")
            verified = kontor.run("ledger", "verify", check=False)
            if verified.returncode != 0:
                wrong.append("ledger verify: " + verified.stdout[:4000] +
                             verified.stderr)
            more, mine = correct(folder, kontor, sim_rows, ledger)
            wrong += more
            for c, s in stats.items():
                for name in ["billed", "cost"] + TOKENS:
                    # Accounts that the campaign does not call have nothing.
                    if D(s[name]) != (mine[c][name] if c in mine else 0):
                        wrong.append(f"{c}: {name} is "
                                     f"{mine.get(c, {}).get(name)} once "
                                     f"corrected, in truth {s[name]}")
            verified = kontor.run("ledger", "verify", check=False)
            if verified.returncode != 0:
                wrong.append("corrected, ledger verify: " +
                             verified.stdout[:4000] + verified.stderr)
            outcomes = collections.Counter(str(c.outcome) for c in calls)
            if not wrong and not kills and outcomes["broken"] > sum(
                    r["cut"] != "none" for r in sim_rows):
                wrong.append(f"{outcomes['broken']} calls broke, more than "
                             "were cut")
    result = {"calls": n, "kills": len(killed), "seed": seed,
              "seconds": round(seconds, 1), "attempts": len(ledger),
              "at the simulator": len(sim_rows), "billed": billed,
              "outcomes": dict(outcomes), "resolutions": dict(counts),
              "spent": str(spent)}
    assert not wrong, "\n".join([json.dumps(result)] + wrong[:40] +
                                [f"... {len(wrong)} in all"])
    return result
