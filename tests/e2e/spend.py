"""Budgets under load, deaths and failures: never above, never stuck.

one_budget: 64 clients on 4 workers spend one key's budget to its end while a
worker and the recorder are killed; by the simulator's own books it is never
passed, what is not spent is less than one hold and a twentieth, and a call
that fits into the rest is served.

deep_chains: keys of several users, projects and teams under one org, each
level with a budget of its own, calls that fail, hang, are cut and given up;
in the end nothing is pending anywhere, no budget is passed, each stands at
what the ledger's lines add up to, and a call that fits is served.
"""
import asyncio
import collections
import decimal
import os
import random
import signal
import time

import kit
from campaign import Call, Client

D = decimal.Decimal
CLIENTS = 64
WORKERS = 4


class Spender(Client):
    """Calls until the budget says no for good; counts what it was told."""

    def __init__(self, address, key, told):
        super().__init__(address, key)
        self.told = told

    async def answer(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        low = head.lower()
        at = low.index(b"content-length:")
        length = int(low[at + 15:low.index(b"\r\n", at)])
        await self.reader.readexactly(length)
        if b"connection: close" in low:
            await self.close()
        status = int(head[9:12])
        if status == 429 and b"x-should-retry: false" in low:
            return "over"
        return status


def plain(number, tokens):
    call = Call.__new__(Call)
    call.stream, call.hang_up, call.model = False, None, "m-openai"
    call.outcome = None
    call.body = {"model": call.model, "max_completion_tokens": tokens,
                 "messages": [{"role": "user", "content":
                               f"{number} spend [[sim out={tokens}]]"}]}
    return call


async def until_refused(kontor, key, tokens, kill, rng, limit_s):
    """All clients until each has heard that the money is gone."""
    told = collections.Counter()
    end = time.monotonic() + limit_s * kit.SLOW
    number = 0

    async def lane():
        nonlocal number
        client = Spender(kontor.address, key, told)
        while time.monotonic() < end:
            number += 1
            call = plain(number, tokens)
            await client.call(call)
            told[str(call.outcome)] += 1
            if call.outcome == "over":
                break
            if call.outcome != 200:
                await asyncio.sleep(0.01)
        await client.close()

    async def killer():
        for role in kill:
            await asyncio.sleep(rng.uniform(0.02, 0.15))
            pids = kontor.of_role(role)
            if pids:
                os.kill(rng.choice(pids), signal.SIGKILL)
                told["killed " + role] += 1

    await asyncio.gather(*(lane() for _ in range(CLIENTS)), killer())
    return told


def all_there(kontor):
    kit.wait_for("all processes", lambda: (
        len(kontor.of_role("worker")) == WORKERS and
        len(kontor.of_role("recorder")) == 1), 20)
    kontor.wait_ready()


def budgets_of(kontor):
    rows = kontor.cli("budget", "list", "--json")["budgets"]
    return {row["id"]: row for row in rows}


def nothing_pending(kontor):
    """Every budget, once no call holds anything of it any more."""
    def look():
        rows = budgets_of(kontor)
        return rows if all(D(r["pending"]) == 0 for r in rows.values()) \
            else None
    return kit.wait_for("no money to be pending", look, 20, 0.1)


def one_budget(kontor, sim, rng, number, kill):
    """One repetition; what went wrong, and the counts."""
    tokens = rng.choice([8, 20, 40])
    all_there(kontor)
    probe = kontor.key(f"probe-{number}", budget="100/total")
    r = kontor.chat(probe["key"], content="12345 spend [[sim out=8]]",
                    max_completion_tokens=tokens)
    assert r.status_code == 200, r.text
    hold = D(kontor.explain(
        r.headers["x-kontor-request-id"])["attempts"][0]["hold"])
    limit = hold * rng.randint(100, 140)
    key = kontor.key(f"one-{number}", budget=f"{limit}/total")
    start = len(sim.attempts())
    told = asyncio.run(until_refused(kontor, key["key"], tokens, kill, rng,
                                     60))
    all_there(kontor)
    nothing_pending(kontor)
    sim.settled(start)
    mine = [row for row in kontor.export() if row["key"] == key["id"]]
    ids = {kit.attempt_id(row) for row in mine}
    true_cost = sum((D(r["cost"]) for r in sim.attempts(start)
                     if r["attempt"] in ids), D(0))
    spent = sum((D(r["settled"]) for r in mine), D(0))
    unknown = sum((D(r["settled"]) for r in mine
                   if r["resolution"] == "unknown"), D(0))
    wrong = []
    if true_cost > limit or spent > limit:
        wrong.append(f"overspent: {true_cost} by the simulator, {spent} in "
                     f"the books, of {limit}")
    if spent < (limit - hold) * D("0.95"):
        wrong.append(f"only {spent} of {limit} could be spent")
    if told["over"] != CLIENTS:
        wrong.append(f"not all were refused in the end: {dict(told)}")
    # Nothing is pending: what fits is served.
    rest = limit - spent
    small = D(250) * D("2.50") / 10**6 + D(1) * D("15") / 10**6 + D("1e-8")
    if rest > small:
        r = kontor.chat(key["key"], content="x", max_completion_tokens=1)
        if r.status_code != 200:
            wrong.append(f"{rest} are left and a call for one token is "
                         f"refused: {r.text}")
    return wrong, {"limit": limit, "hold": hold, "spent": spent,
                   "unknown": unknown, "by the simulator": true_cost,
                   "told": dict(told)}


def spend(folder, repetitions, kills, seed):
    rng = random.Random(seed)
    total = collections.Counter()
    worst_use, worst_cost = D(1), D(0)
    with kit.Sim(folder) as sim:
        config = kit.make_config(sim.url, folder / "data", first_byte="10s",
                                 idle="10s", workers=WORKERS)
        with kit.Kontor(folder, config) as kontor:
            for i in range(repetitions):
                kill = rng.sample(["worker", "worker", "recorder"],
                                  3) if kills else []
                wrong, seen = one_budget(kontor, sim, rng, i, kill)
                assert not wrong, f"repetition {i}: {wrong} {seen}"
                total.update(seen["told"])
                worst_use = min(worst_use, seen["spent"] /
                                (seen["limit"] - seen["hold"]))
                worst_cost = max(worst_cost, seen["by the simulator"] /
                                 seen["limit"])
            kontor.verify()
    return {"repetitions": repetitions, "seed": seed,
            "clients": CLIENTS, "workers": WORKERS,
            "calls and what they were told": dict(total),
            "least used of limit minus one hold": f"{worst_use:.4f}",
            "most charged of a limit": f"{worst_cost:.4f}"}


# --- chains ------------------------------------------------------------------

FAULTS = [
    (20, "out={out}", None),
    (3, "out={out} fault@openai=500", None),
    (2, "out={out} fault@openai=429", None),
    (2, "out={out} fault@openai=reset", None),
    (1, "out={out} fault@openai=hang", None),
    (1, "out={out} fault=hang", None),
    (1, "out={out} fault=html502", None),
    (1, "out={out} fault=nousage", None),
    (2, "out={out} fault=cut", None),
    (2, "out={out} ttft=80", 0.02),
    (2, "out=200 pace=2", 0.1),
]


def failing(rng, number):
    call = Call.__new__(Call)
    _, directive, call.hang_up = rng.choices(FAULTS, [r[0] for r in FAULTS])[0]
    directive = directive.format(out=rng.randint(1, 30))
    call.stream = rng.random() < 0.5
    call.model = f"chain-{rng.randrange(kit.POOL)}"
    call.outcome = None
    call.body = {"model": call.model, "stream": call.stream,
                 "max_completion_tokens": 220,
                 "messages": [{"role": "user", "content":
                               f"{number} deep [[sim {directive}]]"}]}
    return call


def deep_keys(kontor, tight):
    """Six keys; budgets on key, user, project, team and org."""
    amounts = {"org": "1.20", "team": "0.50", "project": "0.30",
               "user": "0.25"} if tight else \
        {"org": "900", "team": "800", "project": "700", "user": "600"}
    keys = []
    for team in ("red", "blue"):
        for project in ("p1", "p2", "p3"):
            name = f"{team}-{project}"
            keys.append(kontor.key(
                name, org="acme", team=team, project=name,
                user=f"user-{project}",
                budget="0.22/day" if tight else "500/day"))
    scopes = {"org:acme": amounts["org"]}
    for team in ("red", "blue"):
        scopes[f"team:{team}"] = amounts["team"]
        for project in ("p1", "p2", "p3"):
            scopes[f"project:{team}-{project}"] = amounts["project"]
            scopes[f"user:user-{project}"] = amounts["user"]
    for i, (scope, amount) in enumerate(scopes.items()):
        period = ("month", "week", "year", "total", "quarter")[i % 5]
        kontor.run("budget", "set", scope, f"{amount}/{period}")
    return keys


async def mixed(kontor, keys, calls, kills, rng):
    todo, done = iter(calls), 0

    async def lane(number):
        nonlocal done
        client = Client(kontor.address, keys[number % len(keys)]["key"])
        for call in todo:
            await client.call(call)
            done += 1
        await client.close()

    async def killer():
        for i in range(kills):
            while done < len(calls) * (i + 1) // (kills + 1):
                await asyncio.sleep(0.005)
            pids = kontor.of_role("recorder" if i % 3 == 2 else "worker")
            if pids:
                os.kill(rng.choice(pids), signal.SIGKILL)

    await asyncio.gather(*(lane(i) for i in range(CLIENTS)), killer())


def sums_of_lines(kontor, keys):
    """What each key's lines add up to."""
    sums = collections.defaultdict(D)
    for row in kontor.export():
        sums[row["key"]] += D(row["settled"] or 0)
    return [sums[k["id"]] for k in keys]


def deep_chains(folder, n, kills, seed, tight):
    rng = random.Random(seed)
    with kit.Sim(folder) as sim:
        config = kit.make_config(sim.url, folder / "data", first_byte="1s",
                                 idle="1s", workers=WORKERS)
        with kit.Kontor(folder, config) as kontor:
            keys = deep_keys(kontor, tight)
            calls = [failing(rng, i) for i in range(n)]
            asyncio.run(mixed(kontor, keys, calls, kills, rng))
            all_there(kontor)
            sim.settled()
            rows = nothing_pending(kontor)
            assert len(rows) == 6 + 1 + 2 + 6 + 3, rows
            spent = dict(zip([k["id"] for k in keys],
                             sums_of_lines(kontor, keys)))
            wrong = []
            for row in rows.values():
                if D(row["spent"]) > D(row["limit"]):
                    wrong.append(f"passed: {row}")
            books = {r["scope"]: D(r["spent"]) for r in rows.values()}
            for i, k in enumerate(keys):
                team = ("red", "blue")[i // 3]
                project = f"{team}-p{i % 3 + 1}"
                if books[f"project:{project}"] != spent[k["id"]]:
                    wrong.append(f"{project} stands at "
                                 f"{books['project:' + project]}, its lines "
                                 f"at {spent[k['id']]}")
            for i, team in enumerate(("red", "blue")):
                lines = sum((spent[k["id"]] for k in keys[3 * i:3 * i + 3]),
                            D(0))
                if books[f"team:{team}"] != lines:
                    wrong.append(f"team {team}: {books['team:' + team]}, "
                                 f"lines {lines}")
            if books["org:acme"] != sum(spent.values(), D(0)):
                wrong.append(f"org: {books['org:acme']}, lines "
                             f"{sum(spent.values(), D(0))}")
            # No budget refuses while nothing is pending and there is room.
            if not tight:
                for k in keys:
                    r = kontor.chat(k["key"], max_completion_tokens=5)
                    if r.status_code != 200:
                        wrong.append(f"refused with room: {r.text}")
            kontor.verify()
            outcomes = collections.Counter(str(c.outcome) for c in calls)
            result = {"calls": n, "kills": kills, "seed": seed,
                      "tight": tight, "outcomes": dict(outcomes),
                      "spent": str(sum(spent.values(), D(0)))}
            assert not wrong, f"{result}\n" + "\n".join(wrong[:20])
            return result
