"""Every caller's dialect at every venue with every mishap: two sets of books.

What is exact in the ledger is what the simulator charged, to the token; what
is not was cut, and once corrected from the simulator's books nothing differs.
"""
import collections
import concurrent.futures
import decimal
import itertools
import json
import re

import dialects
import httpx
import kit
import pytest
from scenes import call

D = decimal.Decimal
CALLERS = ["openai-chat", "openai-responses", "anthropic-messages", "bedrock",
           "gemini"]
TOKENS = ["input_tokens", "cached_tokens", "output_tokens"]
# What takes seconds, and what only OpenAI's shape can say.
MISHAPS = [word for word in re.findall(
    r'^MISHAP\(\w+, +"(\w+)"', (kit.TOP / "sim/mishaps.def").read_text(),
    re.MULTILINE) if word not in ("slow", "bigline", "gzipbomb", "500u")]


def body_of(dialect, text):
    if dialect == "openai-responses":
        return {"input": text, "store": False}
    if dialect == "anthropic-messages":
        return {"max_tokens": 300,
                "messages": [{"role": "user", "content": text}]}
    if dialect == "bedrock":
        return {"messages": [{"role": "user", "content": [{"text": text}]}]}
    if dialect == "gemini":
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return {"messages": [{"role": "user", "content": text}]}


def calls_of(number):
    """Each caller at each venue, whole and streamed, well and with one of the
    mishaps in turn; a good one in between, so that no deployment rests."""
    faults = itertools.cycle(MISHAPS)
    for venue, caller, stream in itertools.product(
            dialects.VENUES, CALLERS, (False, True)):
        for fault in (next(faults), None):
            said = "out=9 cached=4" + (f" fault={fault}" if fault else "")
            yield call(caller, venue, body_of(
                caller, f"{next(number)} [[sim {said}]]"), stream)


@pytest.fixture(scope="module", params=["1.1", "h2c"])
def books(request, tmp_path_factory):
    """(kontor, simulator, its rows by attempt) behind all calls; HTTP/1.1 on
    both sides, or HTTP/2."""
    folder = tmp_path_factory.mktemp("books")
    two = request.param == "h2c"
    with kit.Sim(folder / "sim", {"credentials": dialects.CREDENTIALS,
                                  "models": dialects.MODELS}) as sim:
        config = dialects.config(sim.url, folder / "data")
        for provider in config["providers"].values():
            provider["http"] = request.param
            provider["timeouts"] = {"connect": "2s", "idle": "1s",
                                    "first_byte": f"{kit.SLOW}s"}
        with kit.Kontor(folder / "kontor", config,
                        env=dialects.SECRETS) as kontor:
            key = kontor.key("books", budget="1000/total")["key"]
            with kontor.http(key, http1=not two, http2=two) as http, \
                    concurrent.futures.ThreadPoolExecutor(8) as pool:
                def ask(one):
                    try:
                        return http.post(one[0], json=one[1]).status_code
                    except httpx.HTTPError:
                        return None
                told = list(pool.map(ask, calls_of(itertools.count())))
            assert told.count(200) > len(told) // 2, \
                collections.Counter(told)
            yield kontor, sim, {r["attempt"]: r for r in sim.settled()}
            kontor.verify()


def test_what_is_exact_is_what_was_charged(books):
    kontor, _, theirs = books
    lines = kontor.export()
    assert {kit.attempt_id(r) for r in lines} >= set(theirs)
    assert len(lines) > 4 * len(MISHAPS)
    for line in lines:
        row = theirs.get(kit.attempt_id(line))
        both = (line, row)
        if line["resolution"] == "void":
            assert row is None or not row["billed"], both
        elif line["resolution"] == "booked":
            assert [line[t] for t in TOKENS] == [row[t] for t in TOKENS], both
            assert D(line["settled"]) == D(row["cost"]), both
        else:
            # Google's streams end by a candidate's finish, which one without
            # candidates has not.
            assert row["cut"] != "none" or row["fault"] == "emptychoices", \
                both
            assert line["resolution"] in ("estimated", "unknown"), both


def test_corrected_they_are_the_same(books, tmp_path):
    kontor, sim, theirs = books
    counts = tmp_path / "counts.jsonl"
    counts.write_text("".join(
        json.dumps(theirs[kit.attempt_id(r)]) + "\n" for r in kontor.export()
        if r["resolution"] in ("estimated", "unknown")))
    kontor.run("ledger", "correct", "--file", counts)
    mine = collections.defaultdict(collections.Counter)
    for line in kontor.export():
        if line["resolution"] != "void":
            at = line["provider"]
            mine[dialects.ACCOUNTS.get(at, at)].update(
                {t: line[t] for t in TOKENS} | {
                    "cost": D(line["settled"]), "billed": 1})
    for name, row in sim.stats().items():
        for what in ["cost", "billed", *TOKENS]:
            assert mine[name][what] == D(row[what]), (name, what)
    budget, = kontor.cli("budget", "list", "--json")["budgets"]
    assert D(budget["pending"]) == 0
    assert D(budget["spent"]) == sum(m["cost"] for m in mine.values())
