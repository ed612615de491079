"""Calls with deaths and corrections, then every report of the same books.

Used by make proof reports; test_reports.py and test_rebuild.py are its parts
at a small size.
"""
import asyncio
import contextlib
import json
import os
import pathlib
import random
import signal

import campaign
import focus
import kit
import test_rebuild
import test_reports

D = campaign.D


async def round_of(kontor, keys, calls, rng, kill):
    load = asyncio.ensure_future(
        test_reports.make_calls(kontor, keys, calls))
    if kill:
        await asyncio.sleep(0.05 + rng.random() * 0.3)
        role = "recorder" if rng.random() < 0.3 else "worker"
        pids = kontor.of_role(role)
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(pids), signal.SIGKILL)
    await load
    kit.wait_for("all processes", lambda: len(
        kontor.of_role("worker")) == kontor.config["workers"] and
        kontor.of_role("recorder"), 20)


def resolved(kontor):
    return kit.wait_for("every attempt to be resolved", lambda: (
        lambda rows: rows if all(r["resolution"] for r in rows)
        else None)(kontor.export()), 60, 0.5)


def bodies(rng):
    tokens = rng.randint(0, 5000)
    return [{"usage": {"input_tokens": tokens,
                       "cached_tokens": rng.randint(0, tokens),
                       "output_tokens": rng.randint(5, 900)},
             "reason": "reconciled"},
            {"cost": f"0.{rng.randint(0, 999999999):09d}"},
            {"usage": {"input_tokens": 3, "output_tokens": 1},
             "reason": "late"}]


def correct(kontor, lines, rng):
    """Most of what is unknown, some of it twice."""
    n = 0
    for line in lines:
        if line["resolution"] != "unknown" or rng.random() < 0.2:
            continue
        for body in rng.sample(bodies(rng), rng.choice([1, 1, 2])):
            test_rebuild.api(
                kontor, "POST", f"suspense/{kit.attempt_id(line)}", body)
            n += 1
    return n


def check_reports(kontor, counts):
    total = kontor.usage()["total"]
    lines = [r for r in kontor.export() if r["resolution"] != "void"]
    for name in ("list_cost", "contracted_cost", "effective_cost"):
        assert D(total[name]) == test_reports.sum_of(lines, name), name
    for granularity in ("hourly", "daily"):
        header, rows = focus.read_csv(kontor.run(
            "usage", "--format", "focus", "--granularity", granularity,
            timeout=300).stdout)
        spec = focus.columns()
        assert spec is None or focus.check(header, rows, spec) == []
        assert focus.check_totals(rows, total) == []
        counts[f"FOCUS rows, {granularity}"] = len(rows)
    journal = pathlib.Path(kontor.folder) / "proof.journal"
    journal.write_text(kontor.run(
        "ledger", "export", "--format", "hledger", timeout=300).stdout)
    checked = test_reports.hledger(journal, "check", "--strict")
    assert checked.returncode == 0, checked.stderr[:2000]
    told = json.loads(
        kontor.run("ledger", "verify", "--json", timeout=300).stdout)
    spent = sum(v for a, v in test_reports.balances(journal).items()
                if a.startswith("expenses:"))
    assert spent == D(told["settled"]) == D(total["effective_cost"])
    counts["charged"] = total["effective_cost"]
    counts["attempts"] = told["attempts"]
    counts["resolutions"] = told["resolutions"]


def rebuild(kontor):
    before = test_rebuild.said(kontor)
    kontor.end()
    was = test_rebuild.content(kontor.data_dir)
    test_rebuild.lose_store(kontor)
    kontor.start()
    assert test_rebuild.said(kontor) == before
    kontor.end()
    now = test_rebuild.content(kontor.data_dir)
    for table, rows in was.items():
        if table not in ("configs", "incidents", "blocks"):
            assert now[table] == rows, table
    kontor.start()
    return sum(len(rows) for rows in was.values())


def run(folder, n, kills, seed):
    rng = random.Random(seed)
    rounds = kills + 1
    counts = {"calls": n, "kill -9": kills, "corrections": 0}
    with kit.Sim(folder) as sim, kit.Kontor(
            folder, test_reports.make_config(sim, folder)) as k:
        k.keys = test_reports.make_keys(k)
        keys = [key["key"] for key in k.keys]
        for i in range(rounds):
            calls = [campaign.Call(rng, j) for j in range(n // rounds)]
            asyncio.run(round_of(k, keys, calls, rng, i < kills))
            if i % 10 == 9:
                counts["corrections"] += correct(k, resolved(k), rng)
        test_reports.make_tagged(k)
        counts["corrections"] += correct(k, resolved(k), rng)
        check_reports(k, counts)
        counts["rows rebuilt"] = rebuild(k)
        check_reports(k, counts)
    return counts
