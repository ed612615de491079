"""A store that is lost comes back from the log: the same books, but names."""
import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import time

import campaign
import focus
import httpx
import kit
import pytest
import test_reports

D = campaign.D

# What stands in the store and follows from the log.  Ids of dimensions and
# paths are the recorder's own: they are told by what they mean.
TABLES = {
    "balances": "SELECT account, window, settled FROM balances"
                " WHERE settled <> 0",
    "accounts": "SELECT id, granted, unit, zone, hard, closed, created_ns,"
                " subject, of_key, mode, downgrade, clamp, admit_wait_ns"
                " FROM accounts",
    "limits": "SELECT id, subject, of_key, kind, amount, period_ns, burst,"
              " closed, created_ns FROM limits",
    "subjects": "SELECT id, kind, parent, closed, created_ns FROM subjects",
    "keys": "SELECT id, sha256, model_ids, expires_ns, is_admin, revoked,"
            " subjects, created_ns FROM keys",
    "pledges": "SELECT account, kind, agreement, name, partner, amount,"
               " from_ns, to_ns, created_ns FROM pledges",
    "configs": "SELECT generation, at_ns, payload FROM configs",
    "suspense": "SELECT hex(req), attempt, at_ns, key, amount, by_recorder,"
                " fault, status FROM suspense",
    "corrections": "SELECT hex(req), attempt, number, at_ns, reason,"
                   " resolution, list, contracted, effective"
                   " FROM corrections",
    "refusals": "SELECT minute, who, is_network, fault, times FROM refusals",
    "incidents": "SELECT place, at_ns, code, numbers FROM incidents",
    "blocks": "SELECT start, stop, first_ms, last_ms, filter FROM blocks",
}
SUMS = ("attempts", "input", "cached", "cache_write", "cache_write_1h",
        "audio_input", "image_input", "output", "reasoning", "audio_output",
        "image_output", "audio_sold", "image_sold", "list", "contracted",
        "effective")


def rows(db, sql):
    cursor = db.execute(sql)
    names = [c[0] for c in cursor.description]
    return [dict(zip(names, r)) for r in cursor]


def content(data_dir):
    """{table: rows in some order}, without what a loss takes: names."""
    db = sqlite3.connect(f"file:{data_dir}/store.db?mode=ro", uri=True)
    with contextlib.closing(db):
        out = {name: sorted(map(repr, rows(db, sql)))
               for name, sql in TABLES.items()}
        dims = {}
        for row in rows(db, "SELECT * FROM dims"):
            dims[row.pop("id")] = repr(row)
        paths = {row["id"]: sorted(
            (dims[int(part.split(":")[0])], part.split(":")[1])
            for part in row["text"].split(","))
            for row in rows(db, "SELECT * FROM paths")}
        for unit in ("minute", "hour"):
            out[f"usage_{unit}"] = sorted(repr((
                row[unit], row["key"], dims[row["dim"]],
                [row[n] for n in SUMS]))
                for row in rows(db, f"SELECT * FROM usage_{unit}")
                if any(row[n] for n in SUMS))
            out[f"calls_{unit}"] = sorted(repr((
                row[unit], row["key"], paths[row["path"]], row["calls"]))
                for row in rows(db, f"SELECT * FROM calls_{unit}")
                if row["calls"])
        return out


def said(kontor):
    """What the instance reports, by ids alone."""
    _, charges = focus.read_csv(
        kontor.run("usage", "--format", "focus").stdout)
    told = {by: kontor.usage("--by", by) for by in (
        "key", "model", "deployment", "key,provider,tier,resolution",
        "hour,key")}
    told["focus"] = sorted(
        (r["ChargePeriodStart"], r["x_KeyId"], r["SkuPriceId"] or "",
         r["x_Resolution"], r["SubAccountId"] or "", r["ListCost"],
         r["ContractedCost"], r["EffectiveCost"], r["x_Attempts"])
        for r in charges)
    told["suspense"] = api(kontor, "GET", "suspense")
    for row in told["suspense"]["rows"]:
        row.pop("age"), row.pop("age_s")
    told["verify"] = json.loads(
        kontor.run("ledger", "verify", "--json").stdout)
    told["verify"].pop("store_place")
    for name in ("frames", "journals"):
        told["verify"].pop(name)  # a start adds its own
    return told


def api(kontor, method, path, body=None):
    token = (kontor.data_dir / "admin.token").read_text().strip()
    r = httpx.request(method, f"{kontor.admin}/api/v1/{path}", json=body,
                      timeout=30,
                      headers={"authorization": f"Bearer {token}"})
    assert r.status_code < 300, r.text
    return r.json()


def lose_store(kontor):
    for path in kontor.data_dir.glob("store.db*"):
        path.unlink()


def fill(kontor, calls, keys):
    asyncio.run(test_reports.make_calls(kontor, keys, calls))
    return kit.wait_for("every attempt to be resolved", lambda: (
        lambda lines: lines if all(r["resolution"] for r in lines)
        else None)(kontor.export()), 30, 0.3)


def correct_some(kontor):
    """Each kind of correction, and one attempt twice."""
    lines = [r for r in kontor.export() if r["resolution"] == "unknown"]
    assert len(lines) >= 4
    for line, body in zip(lines, (
            {"usage": {"input_tokens": 120, "output_tokens": 30,
                       "cached_tokens": 20}, "reason": "reconciled"},
            {"cost": "0.001234567"}, {"void": True},
            {"usage": {"input_tokens": 9, "output_tokens": 1},
             "reason": "late"})):
        api(kontor, "POST", f"suspense/{kit.attempt_id(line)}", body)
    api(kontor, "POST", f"suspense/{kit.attempt_id(lines[0])}",
        {"usage": {"input_tokens": 121, "output_tokens": 30}})
    return len(lines)


@pytest.fixture
def filled(tmp_path):
    rng = random.Random(11)
    calls = [campaign.Call(rng, i) for i in range(400 // kit.SLOW)]
    with kit.Sim(tmp_path) as sim:
        config = test_reports.make_config(sim, tmp_path)
        with kit.Kontor(tmp_path, config) as k:
            made = test_reports.make_keys(k)
            k.run("budget", "set", "team:ml", "50000/day", "--zone",
                  "Europe/Berlin")
            k.run("budget", "set", "org:acme", "90000/quarter", "--mode",
                  "soft")
            k.run("limit", "set", "team:ml", "requests=100000/minute")
            k.run("key", "revoke", k.key("gone", team="ml")["id"])
            fill(k, calls, [m["key"] for m in made])
            test_reports.make_tagged(_with_keys(k, made))
            k.unknown = correct_some(k)
            yield k


def _with_keys(kontor, made):
    kontor.keys = made
    return kontor


def stop(kontor):
    before = said(kontor)
    kontor.end()
    return before


def test_a_lost_store_comes_back_whole(filled):
    before = stop(filled)
    was = content(filled.data_dir)
    for table in ("balances", "suspense", "corrections", "pledges",
                  "usage_hour", "calls_minute"):
        assert was[table], table
    lose_store(filled)
    filled.start()
    after = said(filled)
    for name, told in before.items():
        assert after[name] == told, name
    filled.end()
    now = content(filled.data_dir)
    for table, lines in was.items():
        if table in ("configs", "incidents", "blocks"):
            # A start may add its own generation and block.
            assert set(lines) <= set(now[table]), table
        else:
            assert now[table] == lines, table
    filled.verify()


def test_what_is_rebuilt_goes_on_to_count(filled):
    """The same budgets, limits and keys after a loss."""
    key = filled.keys[0]
    filled.end()
    lose_store(filled)
    filled.start()
    spent = filled.usage()["total"]
    budget = {b["id"]: b for b in filled.cli(
        "budget", "list", "--json")["budgets"]}
    assert filled.chat(key["key"]).status_code == 200
    assert filled.usage()["total"]["attempts"] == spent["attempts"] + 1
    for b in filled.cli("budget", "list", "--json")["budgets"]:
        was = budget[b["id"]]
        assert D(b["spent"]) >= D(was["spent"]), b
        assert b["limit"] == was["limit"], b
    moved = [b for b in filled.cli("budget", "list", "--json")["budgets"]
             if D(b["spent"]) > D(budget[b["id"]]["spent"])]
    assert len(moved) == 3  # the key's, the team's, the org's
    left = api(filled, "GET", "suspense")["rows"]
    assert len(left) == filled.unknown - 4
    api(filled, "POST", f"suspense/{left[0]['request']}-"
        f"{left[0]['attempt']}", {"void": True})
    filled.verify()


def test_lost_while_everything_was_killed(tmp_path):
    """kill -9 of all under load, the store deleted, and up again."""
    rng = random.Random(12)
    with kit.Sim(tmp_path) as sim, kit.Kontor(
            tmp_path, test_reports.make_config(sim, tmp_path)) as k:
        made = test_reports.make_keys(k)
        for turn in range(2):
            calls = [campaign.Call(rng, i) for i in range(4000)]
            asyncio.run(load_and_kill(k, [m["key"] for m in made], calls))
            assert not k.processes()
            lose_store(k)
            k.start()
            lines = kit.wait_for("every attempt to be resolved", lambda: (
                lambda rows: rows if all(r["resolution"] for r in rows)
                else None)(k.export()), 30, 0.3)
            total = k.usage()["total"]
            for name in ("list_cost", "contracted_cost", "effective_cost"):
                assert D(total[name]) == test_reports.sum_of(
                    [r for r in lines if r["resolution"] != "void"], name)
            header, charges = focus.read_csv(
                k.run("usage", "--format", "focus").stdout)
            assert focus.check_totals(charges, total) == []
            k.verify()
        k.end()
        was = content(k.data_dir)
        lose_store(k)
        k.start()
        k.usage()
        k.end()
        now = content(k.data_dir)
        for table in ("balances", "usage_minute", "usage_hour",
                      "calls_minute", "suspense", "keys", "subjects",
                      "accounts", "pledges"):
            assert now[table] == was[table], table


async def load_and_kill(kontor, keys, calls):
    load = asyncio.ensure_future(
        test_reports.make_calls(kontor, keys, calls))
    await asyncio.sleep(0.6)
    os.killpg(kontor.child.pid, signal.SIGKILL)
    load.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await load
    kontor.child.wait()
    time.sleep(0.2)


PLANTED = {
    "a nano in a balance":
        "UPDATE balances SET settled = settled + 1 WHERE first",
    "a nano of list cost":
        "UPDATE usage_hour SET list = list + 1 WHERE first",
    "a token": "UPDATE usage_minute SET cached = cached + 1 WHERE first",
    "another key": "UPDATE usage_hour SET key = key + 77 WHERE first",
    "another hour": "UPDATE usage_hour SET hour = hour + 77 WHERE first",
    "another tier": "UPDATE dims SET tier = 'gold' WHERE id = 1",
    "another step": "UPDATE dims SET step = step + 7 WHERE id = 1",
    "other tags": "UPDATE dims SET tags = '99' WHERE id = 1",
    "a call": "UPDATE calls_hour SET calls = calls + 1 WHERE first",
    "less suspense": "DELETE FROM suspense WHERE first",
    "a row that is gone": "DELETE FROM usage_minute WHERE first",
}
FIRST = {
    "balances": "(account, window) = (SELECT account, window FROM balances"
                " LIMIT 1)",
    "usage_hour": "(hour, key, dim) = (SELECT hour, key, dim FROM usage_hour"
                  " LIMIT 1)",
    "usage_minute": "(minute, key, dim) = (SELECT minute, key, dim"
                    " FROM usage_minute LIMIT 1)",
    "calls_hour": "(hour, key, path) = (SELECT hour, key, path"
                  " FROM calls_hour LIMIT 1)",
    "suspense": "(req, attempt) = (SELECT req, attempt FROM suspense"
                " LIMIT 1)",
}


def test_verify_finds_what_is_changed_in_the_store(filled):
    filled.verify()
    filled.end()
    path = filled.data_dir / "store.db"
    good = path.read_bytes()
    for what, sql in PLANTED.items():
        for table, where in FIRST.items():
            if f" {table} " in sql:
                sql = sql.replace("WHERE first", "WHERE " + where)
        db = sqlite3.connect(path)
        assert db.execute(sql).rowcount == 1, what
        db.commit()
        db.close()
        r = filled.run("ledger", "verify", check=False)
        assert r.returncode == 1 and "wrong" in r.stdout, (what, r.stdout)
        for extra in filled.data_dir.glob("store.db-*"):
            extra.unlink()
        path.write_bytes(good)
    filled.verify()


def test_a_log_that_is_lost_says_anew_what_its_entries_mean(own):
    key = own.key("k")["key"]
    assert own.chat(key).status_code == 200
    own.usage()
    own.end()
    for path in (own.data_dir / "log").iterdir():
        path.unlink()
    own.start()
    r = own.chat(key)
    assert r.status_code == 200, r.text
    own.usage()
    # An incident tells of the loss; what came after is understood.
    told = own.verify().stdout
    assert "the log is whole" in told and " 0 incidents" not in told, told
    assert own.explain(r.headers["x-kontor-request-id"])["attempts"][0][
        "deployment"] == "openai-gpt"
