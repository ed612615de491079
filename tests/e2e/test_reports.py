"""Reports against the ledger, to the nano-unit: 1,000 mixed calls."""
import asyncio
import csv
import datetime
import io
import json
import os
import random
import shutil
import subprocess

import campaign
import focus
import httpx
import kit
import pytest

D = campaign.D
N = 1000 // kit.SLOW
SPEC = focus.columns()
# Of no round numbers: every line of a call leaves something to round.
RATES = {"input": "1.234567", "cached_input": "0.123457",
         "cache_write": "1.543211", "output": "9.876543",
         "per_request": "0.000001237"}


def make_config(sim, folder):
    """Odd prices, a long-context step, and two agreements."""
    config = kit.make_config(sim.url, folder / "data", first_byte="10s",
                             idle="10s")
    config["drain"] = "20s"
    for row in config["prices"]:
        row.update(RATES)
    config["prices"][0]["above"] = {"tokens": 100, "input": "2.468013",
                                    "output": "19.753086"}
    config["models"]["gone"] = {
        "deployments": [kit.deployment("gone-lab", "lab")]}
    config["models"]["m-free"] = {
        "deployments": [kit.deployment("lab-free", "lab", "gpt-free")]}
    now = datetime.datetime.now(datetime.timezone.utc)
    month = now.replace(day=1).strftime("%Y-%m-%d")
    config["agreements"] = {
        "openai-2026": {"provider": "openai", "from": month,
                        "discount": {"percent": "12.345678"},
                        "commitment": {"amount": "1000"},
                        # Its cap is reached soon.
                        "revenue_share": [{"partner": "reseller",
                                           "rate": "20", "cap": "0.01"}]},
        "azure-2026": {"provider": "azure", "from": month,
                       "discount": {"per_million": "0.333333"}},
        # Its commitment ran out today, and nobody had used it.
        "bedrock-2026": {"provider": "bedrock", "from": "2026-01-01",
                         "contract": "EDP 7",
                         "commitment": {"amount": "5.25",
                                        "to": now.strftime("%Y-%m-%d")}}}
    return config


async def make_calls(kontor, keys, calls):
    todo = iter(calls)

    async def lane(key):
        client = campaign.Client(kontor.address, key)
        for call in todo:
            await client.call(call)
        await client.close()

    await asyncio.gather(*(lane(keys[i % len(keys)]) for i in range(32)))


def make_keys(kontor):
    return [kontor.key("one", org="acme", team="ml", project="search",
                       user="ada", tag=["env=prod", "job=42"],
                       budget="100000/month"),
            kontor.key("two", org="acme", team="ml", service="crawler",
                       tag="env=test"),
            kontor.key("three", org="acme", team="sales"),
            kontor.key("four")]


def make_tagged(kontor):
    """Calls with tags of their own, one of a name the key has too."""
    kontor.cli("tag", "create", "env=night", "--json")
    kontor.cli("tag", "create", "cost=center-7", "--json")
    with kontor.http(kontor.keys[1]["key"]) as http:
        for tags in ("env=night", "env=night,job=42", "cost=center-7"):
            r = http.post("/v1/chat/completions", headers={
                "x-kontor-tags": tags}, json={
                    "model": "m-openai", "messages": [
                        {"role": "user", "content": "x [[sim out=21]]"}]})
            assert r.status_code == 200, r.text


def rows_by(usage, *names):
    return {tuple(r[n] for n in names): r for r in usage["rows"]}


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """An instance that has served, its ledger's lines and its usage."""
    folder = tmp_path_factory.mktemp("reports")
    rng = random.Random(3)
    calls = [campaign.Call(rng, i) for i in range(N)]
    unpriced = {**next(m for m in kit.SIM_MODELS
                       if m["id"] == "gpt-oss-120b"), "id": "gpt-free"}
    with kit.Sim(folder, {"credentials": kit.SIM_CREDENTIALS,
                          "models": [*kit.SIM_MODELS, unpriced]}) as sim, \
            kit.Kontor(folder, make_config(sim, folder)) as k:
        k.keys = make_keys(k)
        asyncio.run(make_calls(k, [key["key"] for key in k.keys], calls))
        make_tagged(k)
        for model, text in (("m-free", "x [[sim out=17]]"),
                            ("m-openai", "short"), ("m-bedrock", "x"),
                            ("m-azure", "x"), ("m-openai", "word " * 400)):
            r = k.chat(k.keys[3]["key"], model, text)
            assert r.status_code == 200, r.text
        k.lines = kit.wait_for("every attempt to be resolved", lambda: (
            lambda rows: rows if all(r["resolution"] for r in rows)
            else None)(k.export()), 30, 0.5)
        k.total = k.usage()["total"]
        yield k
        k.verify()


def sum_of(rows, name):
    return sum((D(r[name]) for r in rows), D(0))


def test_the_total_is_the_sum_of_the_lines(books):
    for name in ("list_cost", "contracted_cost", "effective_cost"):
        assert D(books.total[name]) == sum_of(
            [r for r in books.lines if r["resolution"] != "void"],
            name), name
    assert D(books.total["contracted_cost"]) < D(books.total["list_cost"])
    assert books.total["attempts"] == sum(
        r["resolution"] != "void" and r["sent"] for r in books.lines)
    for flag in ("booked", "estimated", "unknown", "void"):
        assert any(r["resolution"] == flag for r in books.lines), flag


BY = ["org", "team", "project", "user", "service", "key", "model",
      "publisher", "provider", "deployment", "region", "zone", "type",
      "tier", "resolution", "tag", "tag:env", "hour", "day", "month"]
FIGURES = ["attempts", "input_tokens", "cached_tokens", "output_tokens",
           "reasoning_tokens", "cache_write_tokens"]


@pytest.mark.parametrize("by", [*BY, "team,provider,day", "tag,model",
                                "hour,key,deployment,tier"])
def test_every_grouping_adds_up(books, by):
    usage = books.usage("--by", by)
    assert usage["total"] == books.total
    names = by.split(",")
    assert len(rows_by(usage, *names)) == len(usage["rows"])
    if "tag" in by:
        return  # a call counts in the row of each of its tags
    for name in ("list_cost", "contracted_cost", "effective_cost"):
        assert sum_of(usage["rows"], name) == D(books.total[name]), name
    for name in FIGURES:
        assert sum(r[name] for r in usage["rows"]) == books.total[name]
    assert list(usage["rows"][0])[:len(names)] == names


def test_a_call_counts_for_each_of_its_tags(books):
    by_key = rows_by(books.usage("--by", "key"), "key")
    one, two, three, four = (by_key[k["id"],] for k in books.keys)
    tags = rows_by(books.usage("--by", "tag"), "tag")
    assert set(tags) == {("env=prod",), ("job=42",), ("env=test",),
                         ("env=night",), ("cost=center-7",), ("",)}
    assert tags["env=prod",]["calls"] == one["calls"]
    assert tags["job=42",]["calls"] == one["calls"] + 1
    assert tags["env=test",]["calls"] == two["calls"]
    assert tags["env=night",]["calls"] == 2
    assert tags["",]["calls"] == three["calls"] + four["calls"]
    values = rows_by(books.usage("--by", "tag:env"), "tag:env")
    assert {v for v, in values} == {"prod", "test", "night", ""}
    assert values["night",]["attempts"] == 2
    both = rows_by(books.usage("--by", "tag:job,tag:env"), "tag:job",
                   "tag:env")
    assert both["42", "night"]["attempts"] == 1
    assert both["42", "test"]["attempts"] == 1
    for name in ("list_cost", "effective_cost"):
        assert D(tags["env=prod",][name]) == D(one[name])


def test_places_are_those_of_the_key(books):
    by_key = rows_by(books.usage("--by", "key"), "key")
    rows = rows_by(books.usage("--by", "org,team,project,user,service"),
                   "org", "team", "project", "user", "service")
    for place, key in zip((("acme", "ml", "search", "ada", ""),
                           ("acme", "ml", "", "", "crawler"),
                           ("acme", "sales", "", "", "")), books.keys):
        assert rows[place]["effective_cost"] == by_key[
            key["id"],]["effective_cost"], place


def test_the_past_does_not_change_with_the_present(books):
    """A key revoked, a tag closed, a deployment gone: usage stays."""
    before = {by: books.usage("--by", by) for by in (*BY, "key,deployment")}
    extra = books.key("five", org="acme", team="late")
    r = books.chat(extra["key"], "gone", "y [[sim out=5]]")
    assert r.status_code == 200, r.text
    told = books.usage("--by", "key,deployment,model")
    books.run("key", "revoke", extra["id"])
    model = books.config["models"].pop("gone")
    books.write_config()
    books.run("reload")
    try:
        assert books.usage("--by", "key,deployment,model") == told
        _, rows = focus.read_csv(
            books.run("usage", "--format", "focus").stdout)
        old = [r for r in rows if r["x_Deployment"] == "gone-lab"]
        assert {r["ChargeCategory"] for r in old} >= {"Usage"}
        assert total_of(old) == D(rows_by(
            told, "deployment", "key")["gone-lab", extra["id"]]["list_cost"])
        for by, was in before.items():
            now = books.usage("--by", by)
            kept = [r for r in was["rows"] if r in now["rows"]]
            assert len(kept) >= len(was["rows"]) - 1, by
    finally:
        books.config["models"]["gone"] = model
        books.total = books.usage()["total"]
        books.lines = books.export()


def total_of(rows):
    return focus.total(rows, "ListCost")


@pytest.mark.skipif(SPEC is None, reason=f"{focus.COLUMNS} is not there")
@pytest.mark.parametrize("granularity", ["hourly", "daily"])
def test_focus_follows_the_rules_and_equals_the_ledger(books, granularity):
    text = books.run("usage", "--format", "focus", "--granularity",
                     granularity).stdout
    header, rows = focus.read_csv(text)
    assert focus.check(header, rows, SPEC) == []
    assert focus.check_totals(rows, books.total) == []
    assert focus.total(rows, "BilledCost", lambda r: not focus.is_unused(
        r)) == D(books.total["contracted_cost"])
    # The same as JSON.
    again = books.run("usage", "--format", "focus", "--json",
                      "--granularity", granularity).stdout
    names, objects = focus.read_json(again)
    assert names == header and len(objects) == len(rows)
    assert focus.check(names, objects, SPEC) == []
    assert [r["ListCost"] for r in objects] == [r["ListCost"] for r in rows]


def test_focus_has_tokens_prices_and_what_is_left(books):
    _, rows = focus.read_csv(
        books.run("usage", "--format", "focus").stdout)
    used = [r for r in rows if r["ChargeCategory"] == "Usage"]
    rest = [r for r in rows if r["ChargeCategory"] == "Adjustment"]
    # Tokens: all of those that are priced.
    known = [r for r in books.lines
             if r["resolution"] in ("booked", "overage", "estimated")
             and r["deployment"] != "lab-free"]
    for meters, name in (
            (("Input Tokens", "Cached Input Tokens", "Cache Write Tokens"),
             "input_tokens"),
            (("Cached Input Tokens",), "cached_tokens"),
            (("Output Tokens", "Reasoning Tokens"), "output_tokens")):
        assert sum(int(r["ConsumedQuantity"]) for r in used
                   if r["SkuMeter"] in meters) == sum(
                       r[name] for r in known), name
    # One nano for each line of each call at most, and bounds of unknowns.
    unknown = [r for r in rest if r["x_Resolution"] == "unknown"]
    assert sum_of(unknown, "EffectiveCost") == sum_of(
        [r for r in books.lines if r["resolution"] == "unknown"], "settled")
    rounding = [r for r in rest if r["x_Resolution"] == "booked"
                and r["x_Deployment"] != "lab-free"]
    assert rounding
    assert abs(sum_of(rounding, "ListCost")) < D("1e-9") * 5 * N
    # Discounts are in the unit price.
    openai = [r for r in used if r["x_ProviderAccount"] == "openai"]
    assert {r["PricingCategory"] for r in openai} == {"Committed"}
    for r in openai:
        assert D(r["ContractedUnitPrice"]) == D(r["ListUnitPrice"]) * (
            1 - D("12.345678") / 100)
    azure = [r for r in used if r["x_ProviderAccount"] == "azure"
             and r["PricingUnit"] == "Tokens"]
    assert azure
    for r in azure:
        assert r["CommitmentDiscountId"] is None
        assert D(r["ListUnitPrice"]) - D(r["ContractedUnitPrice"]) in (
            D("0.000000333333"), D(r["ListUnitPrice"]))
    # Names: who sells, who made it, whose it is.
    row = next(r for r in used if r["x_Model"] == "m-bedrock")
    assert row["ProviderName"] == row["InvoiceIssuerName"] == "AWS"
    assert row["PublisherName"] == "openai"
    assert row["RegionId"] == "us-east-1"
    assert {r["SubAccountName"] for r in rows} >= {"ml", "sales", None}
    assert {r["SubAccountId"][:5] for r in rows
            if r["SubAccountId"]} == {"team_"}
    one = next(r for r in rows if r["x_KeyId"] == books.keys[0]["id"])
    assert json.loads(one["Tags"]) == {"env": "prod", "job": "42"}
    assert (one["x_Org"], one["x_Project"], one["x_PrincipalName"],
            one["x_PrincipalKind"]) == ("acme", "search", "ada", "user")
    assert '{"env":"test, night","job":"42"}' in {r["Tags"] for r in rows}


def test_a_commitment_that_ran_out_unused_is_a_row(books):
    _, rows = focus.read_csv(
        books.run("usage", "--format", "focus").stdout)
    (row,) = [r for r in rows if focus.is_unused(r)]
    assert (row["CommitmentDiscountId"], row["CommitmentDiscountName"]) == (
        "bedrock-2026", "EDP 7")
    assert D(row["EffectiveCost"]) == D(row["BilledCost"]) == D("5.25")
    (report,) = [a for a in books.cli(
        "agreement", "report", "--json")["agreements"]
        if a["name"] == "bedrock-2026"]
    assert D(report["commitment"]["unused"]) == D("5.25")
    assert D(row["ListCost"]) == D(row["ContractedCost"]) == 0
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    assert row["ChargePeriodEnd"] == f"{today}T00:00:00Z"
    assert row["ProviderName"] == "AWS" and row["SubAccountId"] is None
    # Not of this part of the time.
    _, rows = focus.read_csv(books.run(
        "usage", "--format", "focus", "--from", f"{today}T01:00:00Z").stdout)
    assert not any(focus.is_unused(r) for r in rows)


def test_tokens_without_a_price_are_no_price_of_zero(books):
    _, rows = focus.read_csv(
        books.run("usage", "--format", "focus").stdout)
    (row,) = [r for r in rows if r["x_Deployment"] == "lab-free"]
    assert row["ChargeCategory"] == "Adjustment"
    assert row["ListUnitPrice"] is None and row["SkuId"] is None
    assert D(row["ListCost"]) == 0 and row["x_Attempts"] == "1"
    assert "no price" in row["ChargeDescription"]
    (row,) = [r for r in books.usage("--by", "deployment")["rows"]
              if r["deployment"] == "lab-free"]
    assert row["output_tokens"] == 17


def test_long_context_is_a_price_of_its_own(books):
    _, rows = focus.read_csv(
        books.run("usage", "--format", "focus").stdout)
    prices = {r["ListUnitPrice"] for r in rows
              if r["x_Deployment"] == "openai-gpt"
              and r["SkuMeter"] == "Output Tokens"}
    assert prices == {"0.000009876543", "0.000019753086"}


def test_focus_of_a_part_of_the_time(books):
    now = datetime.datetime.now(datetime.timezone.utc)
    tomorrow = (now + datetime.timedelta(days=1)).strftime("%Y-%m-%d")
    _, rows = focus.read_csv(books.run(
        "usage", "--format", "focus", "--from", tomorrow).stdout)
    assert rows == []
    _, rows = focus.read_csv(books.run(
        "usage", "--format", "focus", "--from", "20m", "--to",
        tomorrow).stdout)
    assert focus.check_totals(rows, books.total) == []
    back = ["--from", tomorrow, "--to", "1d"]
    for wrong in (["--granularity", "weekly"], ["--by", "team"], back):
        r = books.run("usage", "--format", "focus", *wrong, check=False)
        assert r.returncode == 1 and r.stderr
    for command in "usage", "chargeback":
        r = books.run(command, *back, check=False)
        assert r.returncode == 1 and "'to' is before 'from'" in r.stderr


def test_chargeback_says_what_each_is_charged(books):
    month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")
    told = books.cli("chargeback", "--month", month, "--json")
    rows = rows_by(told, "team")
    assert set(rows) >= {("ml",), ("sales",), ("(unassigned)",)}
    for name in ("list_cost", "contracted_cost", "effective_cost"):
        assert sum_of(told["rows"], name) == D(books.total[name])
    by_key = {r["key"]: r for r in books.usage("--by", "key")["rows"]}
    assert D(rows["sales",]["effective_cost"]) == D(
        by_key[books.keys[2]["id"]]["effective_cost"])
    assert D(rows["(unassigned)",]["effective_cost"]) == D(
        by_key[books.keys[3]["id"]]["effective_cost"])
    text = books.run("chargeback").stdout
    assert "CHARGED" in text and books.total["effective_cost"] in text
    # What has no price is not free, and a person is told so as well.
    for text in (text, books.run("usage", "--by", "model").stdout):
        titles = text.splitlines()[0].split()
        last = text.splitlines()[-1].split()
        column = titles.index("UNPRICED") - len(titles)
        assert int(last[column]) == books.total["unpriced_attempts"] > 0
    assert books.cli("chargeback", "--month", "2020-01",
                     "--json")["rows"] == []
    for wrong in ("2026-13", "2026", "x", "2201-01", "2611-06", "9999-12"):
        r = books.run("chargeback", "--month", wrong, check=False)
        assert r.returncode == 1 and "month" in r.stderr


def test_a_time_is_read_alike_and_none_turns_around(books):
    token = (books.data_dir / "admin.token").read_text().strip()

    def answer(name, value):
        return httpx.get(f"{books.admin}/api/v1/{name}={value}",
                         headers={"authorization": f"Bearer {token}"})

    for wrong in ("2300-01-01", "2611-06-01", "9999-12-31", "7289654400",
                  "99999999999", "1969-12-31", "2026-02-30", "2026-1-2",
                  "2026-11-26T16:06"):
        for name in ("usage?from", "usage?to", "agreements?at",
                     "usage?format=focus&to"):
            assert answer(name, wrong).status_code == 400, (name, wrong)
        for args in (("usage", "--from"), ("agreement", "report", "--at")):
            r = books.run(*args, wrong, check=False)
            assert r.returncode == 2 and wrong in r.stderr
    for right in ("2026-11-26", "2026-11-26T16:06Z", "2200-12-31T23:59:59Z"):
        for name in ("usage?from", "usage?to", "agreements?at"):
            assert answer(name, right).status_code == 200, (name, right)
        books.run("usage", "--from", right)
        books.run("agreement", "report", "--at", right)
    assert answer("usage?to", "7289654399").status_code == 200
    assert books.cli("usage", "--from", "99999d", "--json")["rows"] == \
        books.cli("usage", "--json")["rows"]


def hledger(journal, *args):
    return subprocess.run(["hledger", "-f", str(journal), *args],
                          env={**os.environ, "LC_ALL": "C.UTF-8"},
                          capture_output=True, text=True, timeout=120)


def balances(journal, *args):
    """{account: amount} as hledger adds them up."""
    out = hledger(journal, "balance", "--flat", "--no-total", "-O", "csv",
                  *args)
    assert out.returncode == 0, out.stderr
    return {account: D(amount.removesuffix(" USD").replace(",", ""))
            for account, amount in list(csv.reader(
                io.StringIO(out.stdout)))[1:]}


needs_hledger = pytest.mark.skipif(
    shutil.which("hledger") is None, reason="hledger is not installed")


@needs_hledger
def test_a_stranger_adds_the_ledger_up(books, tmp_path):
    journal = tmp_path / "kontor.journal"
    journal.write_text(
        books.run("ledger", "export", "--format", "hledger").stdout)
    checked = hledger(journal, "check", "--strict")
    assert checked.returncode == 0, checked.stderr[:2000]
    told = json.loads(books.run("ledger", "verify", "--json").stdout)
    sums = balances(journal)
    assert sum(sums.values()) == 0
    spent = {a: v for a, v in sums.items() if a.startswith("expenses:")}
    assert sum(spent.values()) == D(told["settled"])
    for (team,), row in rows_by(books.usage("--by", "team"), "team").items():
        assert sum(v for a, v in spent.items()
                   if a.split(":")[2] == (team or "unassigned")) == D(
                       row["effective_cost"]), team
    owed = sum_of([r for r in books.lines if r["resolution"] == "unknown"],
                  "settled")
    assert sum(v for a, v in sums.items()
               if a.startswith("suspense:")) == -owed != 0
    burned = sum_of([r for r in books.lines if r["provider"] == "openai"],
                    "contracted_cost")
    report = {a["name"]: a for a in books.cli(
        "agreement", "report", "--json")["agreements"]}["openai-2026"]
    root = "agreements:openai-2026"
    assert sums[f"{root}:commitment:burned"] == burned == D(
        report["commitment"]["burned"])
    assert sums[f"{root}:share:reseller:accrued"] == D(
        report["shares"][0]["accrued"]) == D("0.01")


# Two blanks end a name for hledger, and it knows them all.
BLANKS = ("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
          "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000 ")


@needs_hledger
def test_a_blank_of_any_script_ends_no_name(own, tmp_path):
    def ask(name):
        key = own.key("k" + name, team=name)["key"]
        assert own.chat(key, "m-openai", content="x [[sim out=9]]",
                        max_completion_tokens=9).status_code == 200

    for i, c in enumerate(BLANKS):
        ask(f"a{i}{c}{c}b")
    ask("x \u00a0y")
    ask("z\u00e0\u200b\u2027\u202d\u3001")  # no blanks, but bytes alike
    own.usage()
    journal = tmp_path / "kontor.journal"
    journal.write_text(
        own.run("ledger", "export", "--format", "hledger").stdout)
    checked = hledger(journal, "check", "--strict")
    assert checked.returncode == 0, checked.stderr[:2000]
    teams = {a.split(":")[2] for a in balances(journal)
             if a.startswith("expenses:")}
    assert teams == {f"a{i} b" for i in range(len(BLANKS))} | {
        "x y", "z\u00e0\u200b\u2027\u202d\u3001"}


@needs_hledger
def test_a_changed_journal_is_refused_by_hledger(books, tmp_path):
    text = books.run("ledger", "export", "--format", "hledger").stdout
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines)
              if line.startswith("    liabilities:"))
    journal = tmp_path / "kontor.journal"
    # A posting that does not balance; then a transaction that is not there.
    journal.write_text("\n".join(
        [*lines[:at], lines[at].replace("-0.", "-1."), *lines[at + 1:]]))
    assert hledger(journal, "check").returncode != 0
    start = max(i for i in range(at) if lines[i][:1].isdigit())
    end = next(i for i in range(at, len(lines)) if lines[i] == "")
    journal.write_text("\n".join(lines[:start] + lines[end:]))
    assert hledger(journal, "check").returncode != 0
