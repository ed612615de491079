"""Prices by lane, tier and step, against the simulator's own tariff."""
import base64
import json
import re
import threading
import time
from decimal import Decimal as D

import pytest
import yaml

import kit

STANDARD = {
    "input": "2.50", "cached_input": "0.25", "cache_write": "3.125",
    "audio_input": "32", "image_input": "5", "output": "15.00",
    "reasoning": "12.5", "audio_output": "64", "image_output": "40",
    "above": [
        {"tokens": 1280, "input": "3", "cached_input": "0.3",
         "cache_write": "4", "audio_input": "35", "image_input": "6",
         "output": "18", "reasoning": "14", "audio_output": "70",
         "image_output": "44"},
        {"tokens": 2000, "input": "5", "cached_input": "0.5",
         "cache_write": "6.25", "audio_input": "40", "image_input": "10",
         "output": "22.5", "reasoning": "20", "audio_output": "80",
         "image_output": "50"}]}
FLEX = {"input": "1.25", "cached_input": "0.13", "cache_write": "1.5",
        "output": "7.5"}
PRIORITY = {"input": "5", "cached_input": "0.5", "output": "30",
            "per_request": "0.000123",
            "above": [{"tokens": 1280, "input": "10.000001",
                       "cached_input": "1", "output": "60"}]}
PLAIN = {"input": "0.333333", "output": "0.777777", "per_request": "0.001"}

SIM = {
    "credentials": [
        {"name": "openai", "type": "openai",
         "key": kit.SECRETS["SIM_OPENAI"]},
        {"name": "bedrock", "type": "bedrock", "region": "us-east-1",
         "access_key_id": kit.SECRETS["SIM_AWS_ID"],
         "secret_access_key": kit.SECRETS["SIM_AWS_SECRET"]},
        {"name": "lab", "type": "openai_compatible",
         "key": kit.SECRETS["SIM_LAB"]}],
    "models": [
        {"id": "omni", "bedrock_id": "openai.omni", "context": 100000,
         "max_output": 4000, "prices": {
             "openai": {**STANDARD,
                        "tiers": {"flex": FLEX, "priority": PRIORITY}},
             "bedrock": {**STANDARD,
                         "tiers": {"flex": FLEX, "priority": PRIORITY}},
             "openai_compatible": PLAIN}}],
}


def config(sim_url, data):
    size = {"context": 100000, "max_output": 4000}
    c = kit.make_config(sim_url, data)
    keep = ("openai", "bedrock", "lab")
    c["providers"] = {k: v for k, v in c["providers"].items() if k in keep}
    c["models"] = {
        "omni": {"deployments": [
            {"id": "omni", "provider": "openai", **size}]},
        "omni-aws": {"deployments": [
            {"id": "omni-aws", "provider": "bedrock", "name": "openai.omni",
             **size}]},
        "plain": {"deployments": [
            {"id": "plain", "provider": "lab", "name": "omni", **size}]},
        "nameless": {"deployments": [
            {"id": "nameless", "provider": "lab", "name": "omni", **size,
             "tier": "unheard-of"}]},
    }
    c["aliases"] = {}
    c["prices"] = [{"deployment": d, **row} for d in ("omni", "omni-aws")
                   for row in (STANDARD, {"tier": "flex", **FLEX},
                               {"tier": "priority", **PRIORITY})]
    c["prices"].append({"deployment": "plain", **PLAIN})
    return c


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    with kit.Sim(tmp_path_factory.mktemp("sim"), SIM) as sim:
        yield sim


@pytest.fixture(scope="module")
def kontor(sim, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kontor")
    with kit.Kontor(folder, config(sim.url, folder / "data")) as k:
        yield k
        k.verify()


@pytest.fixture(scope="module")
def key(kontor):
    return kontor.key("prices", budget="1000.00/total")["key"]


@pytest.fixture
def own(sim, tmp_path):
    with kit.Kontor(tmp_path, config(sim.url, tmp_path / "data")) as k:
        yield k


AUDIO = {"type": "input_audio", "input_audio": {
    "format": "wav", "data": base64.b64encode(b"RIFF" * 20).decode()}}
IMAGE = {"type": "image_url", "image_url": {
    "url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
SPEAK = {"modalities": ["text", "audio"],
         "audio": {"voice": "alloy", "format": "wav"}}
LONG = "x" * 4 * 1300
LONGER = "y" * 4 * 2100

# name: (what the prompt says, parts beside it, fields, tier it is priced at)
CALLS = {
    "plain": ("out=21", [], {}, None),
    "cached": ("out=7 cached=9", [], {}, None),
    "cache written": ("out=7 cached=3 cache_write=8", [], {}, None),
    "reasoning": ("out=7 reasoning=33", [], {}, None),
    "image": ("out=7 image_in=80", [IMAGE], {}, None),
    "heard": ("out=7 audio_in=20", [AUDIO], {}, None),
    "spoken": ("out=40 audio_out=31", [], SPEAK, None),
    "heard and spoken": ("out=40 audio_in=20 cached=4 audio_out=31",
                         [AUDIO], SPEAK, None),
    "just below the first step": ("out=9", ["z" * 4 * 1240], {}, None),
    "above the first step": ("out=9", [LONG], {}, None),
    "above the first step, cached": ("out=9 cached=1200 cache_write=50",
                                     [LONG], {}, None),
    "above the second step": ("out=9 reasoning=4", [LONGER], {}, None),
    "above the second step, every lane": (
        "out=90 reasoning=4 cached=700 cache_write=300 audio_in=100 "
        "image_in=50 audio_out=40", [LONGER, AUDIO, IMAGE], SPEAK, None),
    "default": ("out=9", [], {"service_tier": "default"}, None),
    "auto": ("out=9", [], {"service_tier": "auto"}, None),
    "flex": ("out=9 cached=3", [], {"service_tier": "flex"}, "flex"),
    "flex, reasoning at its output rate": (
        "out=9 reasoning=5", [], {"service_tier": "flex"}, "flex"),
    "flex, no step": ("out=9 cached=100", [LONG],
                      {"service_tier": "flex"}, "flex"),
    "priority": ("out=9", [], {"service_tier": "priority"}, "priority"),
    "fast is priority": ("out=9", [], {"service_tier": "fast"}, "priority"),
    "priority and cache": ("out=9 cached=11", [],
                           {"service_tier": "priority"}, "priority"),
    "priority above its step, cached": (
        "out=9 cached=1000", [LONG], {"service_tier": "priority"},
        "priority"),
    "priority refused": ("out=9 tier=default", [],
                         {"service_tier": "priority"}, None),
    "flex refused": ("out=9 tier=default", [], {"service_tier": "flex"},
                     None),
    "an upgrade nobody asked for": ("out=9 tier=priority", [], {},
                                    "priority"),
    "cut to the limit": ("out=900", [], {"max_completion_tokens": 10}, None),
    "three answers": ("out=12 reasoning=3", [], {"n": 3}, None),
}


def content(say, parts):
    text = [{"type": "text", "text": p} if isinstance(p, str) else p
            for p in parts]
    return [*text, {"type": "text", "text": f"x [[sim {say}]]"}]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("model", ["omni", "omni-aws"])
def test_a_line_is_exact(kontor, key, sim, model, call, stream):
    say, parts, more, tier = CALLS[call]
    start = len(sim.attempts())
    r = kontor.chat(key, model, content(say, parts), stream=stream, **more)
    assert r.status_code == 200, r.text[:300]
    request = r.headers["x-kontor-request-id"]
    told = kontor.explain(request)["attempts"][0]
    theirs = [t for t in sim.attempts(start)
              if t["attempt"] == f"{request}-1"][0]
    assert told["resolution"] == "booked", told
    assert D(told["settled"]) == D(theirs["cost"])
    assert told.get("used_tier") == tier
    assert told["price"]["tier"] == (tier or "standard")
    for name in ("input", "cached", "cache_write", "audio_input",
                 "image_input", "output", "reasoning", "audio_output"):
        assert told[name + "_tokens"] == theirs[name + "_tokens"], name
    assert D(told["hold"]) >= D(told["settled"])
    made = sum(D(line["cost"]) for line in told["lines"])
    assert made + D(told["price"].get("per_request", "0")) == \
        D(told["list_cost"])
    if not stream:
        assert D(r.headers["x-kontor-cost"].split()[0]) == D(theirs["cost"])


def test_both_books_add_up_to_the_same(kontor, key, sim):
    for model in ("omni", "plain"):
        assert kontor.chat(key, model, "x [[sim out=5]]").status_code == 200
    total = kontor.usage("--by", "provider")["rows"]
    ours = {r["provider"]: r for r in total}
    for name, theirs in sim.stats().items():
        if name not in ours:
            assert theirs["billed"] == 0
            continue
        assert D(ours[name]["effective_cost"]) == D(theirs["cost"]), name
        assert ours[name]["input_tokens"] == theirs["input_tokens"]
        assert ours[name]["output_tokens"] == theirs["output_tokens"]


# --- what is not known -----------------------------------------------------

def test_an_unknown_price_is_refused_under_a_hard_budget(own):
    key = own.key("hard", budget="10.00/month")["key"]
    r = own.chat(key, "nameless")
    assert r.status_code == 403, r.text
    assert r.json()["error"]["code"] == "price_unknown"
    told = own.explain(r.headers["x-kontor-request-id"])
    assert "price" in json.dumps(told)


def test_an_unknown_price_is_not_below_a_limit_of_cost(own):
    key = own.key("capped", limit="cost_per_call=1000000")["key"]
    r = own.chat(key, "nameless")
    assert r.status_code == 403, r.text
    assert r.json()["error"]["code"] == "price_unknown"
    r = own.chat(key, "plain", web_search_options={})
    assert r.json()["error"]["code"] == "unbounded_cost"
    assert own.chat(key, "plain").status_code == 200


def test_an_unknown_price_is_no_zero(own):
    key = own.key("free")["key"]
    r = own.chat(key, "nameless")
    assert r.status_code == 200
    assert "x-kontor-cost" not in r.headers
    told = own.explain(r.headers["x-kontor-request-id"])["attempts"][0]
    assert told["price"] is None and told["price_unknown"] is True
    assert own.chat(key, "plain").status_code == 200
    text = own.run("explain", r.headers["x-kontor-request-id"]).stdout
    assert "attempt 1: the price is unknown" in text
    rows = own.usage("--by", "model")["rows"]
    assert {r["model"]: r["unpriced_attempts"] for r in rows} == {
        "nameless": 1, "plain": 0}
    own.verify()


def test_audio_without_an_audio_price_is_refused(own):
    key = own.key("hard", budget="10.00/month")["key"]
    r = own.chat(key, "plain", content("out=3", [AUDIO]))
    assert r.status_code == 403, r.text
    assert r.json()["error"]["code"] == "price_unknown"
    assert own.chat(key, "plain", content("out=3", [])).status_code == 200
    assert own.chat(key, "omni", content("out=3", [AUDIO])).status_code == 200


def test_a_tier_without_a_price_is_refused_or_booked_at_its_bound(own):
    hard = own.key("hard", budget="10.00/month")["key"]
    r = own.chat(hard, "plain", service_tier="flex")
    assert r.status_code == 403, r.text
    assert r.json()["error"]["code"] == "price_unknown"
    soft = own.key("none")["key"]
    r = own.chat(soft, "plain", service_tier="flex")
    told = own.explain(r.headers["x-kontor-request-id"])["attempts"][0]
    assert told["resolution"] == "unknown"
    assert D(told["settled"]) == D(told["hold"]) > 0
    own.verify()


# --- a price that changes --------------------------------------------------

def reload(kontor, change):
    change(kontor.config)
    kontor.write_config()
    kontor.run("reload")


def dearer(c):
    """Ten times as dear, for what is admitted from now on."""
    for row in c["prices"]:
        if row["deployment"] == "omni":
            row["input"], row["output"] = "25", "150"


def test_an_edit_never_rewrites_history(own, sim):
    key = own.key("k", budget="100.00/month")["key"]

    def call(**more):
        r = own.chat(key, "omni", "x [[sim out=30]]", **more)
        return own.explain(r.headers["x-kontor-request-id"])["attempts"][0]

    before = call()
    slow = {}

    def stream():
        r = own.chat(key, "omni", "x [[sim out=40 pace=40]]", stream=True)
        slow.update(own.explain(
            r.headers["x-kontor-request-id"])["attempts"][0])

    seen = len(sim.attempts())
    t = threading.Thread(target=stream)
    t.start()
    kit.wait_for("the stream to begin",
                 lambda: len(sim.attempts()) > seen)
    reload(own, dearer)
    after = call()
    t.join()
    # What was admitted before the change is priced by the row of then.
    assert slow["price"]["id"] == before["price"]["id"]
    assert D(slow["settled"]) == D(
        [r for r in sim.settled() if r["n"] == seen][0]["cost"])
    assert after["price"]["id"] != before["price"]["id"]
    assert D(after["settled"]) == 10 * D(before["settled"])
    # And says so for ever: now, and when everything is read again.
    lines = own.export()
    usage = own.usage()["total"]
    assert {r["price"]["id"] for r in lines} == {
        before["price"]["id"], after["price"]["id"]}
    own.verify()
    own.end()
    for path in own.data_dir.glob("store.db*"):
        path.unlink()
    own.start()
    assert own.usage()["total"] == usage
    assert own.export() == lines
    own.verify()


def test_a_price_to_come_is_in_force_at_its_moment(own):
    key = own.key("k", budget="100.00/month")["key"]
    at = time.gmtime(time.time() + 3)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", at)

    def tomorrow(c):
        c["prices"].append({"deployment": "plain", **PLAIN,
                            "from": moment, "input": "3.33333",
                            "output": "7.77777"})

    reload(own, tomorrow)
    first = own.chat(key, "plain", "x [[sim out=30]]")
    kit.wait_for("the moment", lambda: time.time() > time.mktime(at)
                 - time.timezone + 0.1)
    second = own.chat(key, "plain", "x [[sim out=30]]")
    ids = [own.explain(r.headers["x-kontor-request-id"])
           ["attempts"][0]["price"] for r in (first, second)]
    assert ids[0]["input"] == "0.333333" and ids[1]["input"] == "3.33333"
    own.verify()


def test_a_line_names_the_row_it_is_made_of(own):
    key = own.key("k")["key"]
    r = own.chat(key, "omni", "x [[sim out=30]]")
    line = [x for x in own.export() if x["request"]
            == r.headers["x-kontor-request-id"]][0]
    cost = D(line["price"]["input"]) * line["input_tokens"] + \
        D(line["price"]["output"]) * line["output_tokens"]
    assert D(line["settled"]) == cost / 1000000
    assert re.fullmatch("[0-9a-f]{16}", line["price"]["id"])


# --- kontor prices ---------------------------------------------------------

def test_prices_are_listed_and_what_is_unknown_is_named(own):
    rows = own.cli("prices", "list", "--json")
    assert rows["unknown"] == 1
    by = {(r["deployment"], r["tier"]): r for r in rows["prices"]}
    assert not by["nameless", "unheard-of"]["known"]
    row = by["omni", "priority"]
    assert row["input"] == "5" and row["per_request"] == "0.000123"
    assert row["above"][0]["tokens"] == 1280
    assert row["source"] == "kontor.yaml" and row["own"]
    one = own.cli("prices", "list", "--json", "--deployment", "plain")
    assert [r["deployment"] for r in one["prices"]] == ["plain"]
    text = own.run("prices", "list", "--model", "nameless").stdout
    assert "unknown" in text and "1 without a known price" in text
    assert "no known price" in own.run("check").stdout
    # The row of a call is the one that is listed.
    key = own.key("k")["key"]
    r = own.chat(key, "omni", service_tier="priority")
    told = own.explain(r.headers["x-kontor-request-id"])["attempts"][0]
    assert told["price"]["id"] == row["id"]


def test_prices_are_imported_compared_and_put_in_force(own):
    (own.folder / "new.csv").write_text(
        "deployment,tier,from,input,cached_input,output,above.tokens,"
        "above.input,above.output\r\n"
        "nameless,,,0.5,,1.5,,,\r\n"
        '"plain",,2099-01-01,0.25,"0.125",1,1000,0.5,2\r\n')
    # Without a file of its own for them they are printed.
    r = own.run("prices", "import", own.folder / "new.csv")
    assert '- {deployment: "nameless", input: "0.5", output: "1.5"}' \
        in r.stdout and "prices_file" in r.stderr
    own.config["prices_file"] = "prices.yaml"
    own.write_config()
    r = own.run("prices", "import", own.folder / "new.csv")
    assert r.stdout.startswith("2 prices added to ")
    r = own.run("prices", "import", own.folder / "new.csv")
    assert r.stdout.endswith("2 were there already\n")
    assert own.run("check").returncode == 0

    changes = own.cli("prices", "diff", "--json")["changes"]
    said = {(c["deployment"], c["what"]): c for c in changes}
    assert said["nameless", "input"] == {
        "deployment": "nameless", "tier": "unheard-of", "what": "input",
        "old": "unknown", "new": "0.5"}
    assert said["plain", "input"]["from"] == "2099-01-01"
    assert said["plain", "per_request"]["new"] == "0"
    assert said["plain", "above 1000 output"]["old"] == "0.777777"
    assert ("omni", "input") not in said
    text = own.run("prices", "diff").stdout
    assert "nameless unheard-of: input unknown -> 0.5 from now on" in text

    hard = own.key("hard", budget="10.00/month")["key"]
    assert own.chat(hard, "nameless").status_code == 403
    own.run("reload")
    assert own.run("prices", "diff").stdout == "no price would change\n"
    r = own.chat(hard, "nameless", "x [[sim out=10]]")
    assert r.status_code == 200
    told = own.explain(r.headers["x-kontor-request-id"])["attempts"][0]
    assert told["price"]["input"] == "0.5"
    own.verify()


FLOW = 'prices: [{deployment: plain, input: "1", output: "2", ' \
    'from: 2098-01-01}]\n'
ROW = FLOW[9:-2]


@pytest.mark.parametrize("text", [
    "prices: []\n", f"prices:\n- {ROW}\n", f"prices:\n    - {ROW}\n# end"])
def test_prices_are_added_in_the_form_of_the_list(own, text):
    own.config["prices_file"] = "prices.yaml"
    own.write_config()
    (own.folder / "prices.yaml").write_text(text)
    (own.folder / "new.json").write_text(json.dumps({"prices": [
        {"deployment": "plain", "from": "2099-01-01", "input": "1",
         "output": "1"}] * 2}))
    for said in ("1 prices added to ", "0 prices added to "):
        r = own.run("prices", "import", own.folder / "new.json")
        assert r.stdout.startswith(said), r.stdout
        own.run("check")
    rows = yaml.safe_load((own.folder / "prices.yaml").read_text())["prices"]
    assert len(rows) == 1 + text.count("plain")


@pytest.mark.parametrize("text", [
    FLOW, json.dumps(yaml.safe_load(FLOW), default=str),
    f"---\nprices:\n  - {ROW}\n...\n"])
def test_a_file_that_cannot_take_prices_stays_as_it_was(own, text):
    own.config["prices_file"] = "prices.yaml"
    own.write_config()
    (own.folder / "prices.yaml").write_text(text)
    (own.folder / "new.csv").write_text(
        "deployment,from,input,output\nplain,2099-01-01,1,1\n")
    own.run("check")
    for more in ((), ("-o", own.folder / "prices.yaml")):
        r = own.run("prices", "import", own.folder / "new.csv", *more,
                    check=False)
        assert r.returncode == 1 and "it stays as it was" in r.stderr
        assert not r.stdout
        assert (own.folder / "prices.yaml").read_text() == text
    own.run("check")


def test_a_bad_import_changes_nothing(own):
    own.config["prices_file"] = "prices.yaml"
    own.write_config()
    (own.folder / "bad.json").write_text(json.dumps({"prices": [
        {"deployment": "plain", "from": "2030-01-01", "input": "-1",
         "output": "1"},
        {"deployment": "nobody", "input": "1", "output": "1"},
        {"deployment": "omni", "input": "9", "output": "9"},
        {"deployment": "plain", "input": "1", "output": "0.0000001"},
        {"deployment": "plain", "from": "2031-01-01", "input": "1",
         "output": "1", "currency": "EUR"}]}, indent=1))
    r = own.run("prices", "import", own.folder / "bad.json", check=False)
    assert r.returncode == 1
    for want in ("it is negative", 'no deployment "nobody"',
                 "from the same moment as the price in line",
                 "more decimals than can be held exactly",
                 'the currency "EUR" is not the ledger'):
        assert want in r.stderr, want
    assert re.search(r"bad\.json:6:\d+: ", r.stderr), r.stderr
    assert not (own.folder / "prices.yaml").exists()
    for text in ("", "a,a\n1,2\n", 'a,b\n"1,2\n', "a,b\n1,2,3\n"):
        (own.folder / "bad.csv").write_text(text)
        r = own.run("prices", "import", own.folder / "bad.csv", check=False)
        assert r.returncode == 1 and "bad.csv" in r.stderr, text
