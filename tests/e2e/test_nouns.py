"""Orgs, teams, projects, users, services, tags; their budgets and limits."""
import decimal
import json
import os
import signal
import subprocess
import time

import httpx
import kit
import pytest

D = decimal.Decimal


def api(kontor, method, path, body=None, **headers):
    token = (kontor.data_dir / "admin.token").read_text().strip()
    return httpx.request(
        method, f"{kontor.admin}/api/v1/{path}", json=body, timeout=30,
        headers={"authorization": f"Bearer {token}",
                 **{k.replace("_", "-"): v for k, v in headers.items()}})


def budgets(kontor, scope):
    return kontor.cli("budget", "list", "--scope", scope, "--json")["budgets"]


def refused(kontor, *args):
    r = kontor.run(*args, check=False)
    assert r.returncode == 1 and r.stderr.startswith("kontor: "), (args, r)
    return r.stderr


@pytest.fixture(scope="module")
def own(tmp_path_factory, sim):
    folder = tmp_path_factory.mktemp("nouns")
    with kit.Kontor(folder, kit.make_config(sim.url, folder / "data")) as k:
        yield k


def test_a_key_makes_the_tree_it_stands_in(own):
    made = own.key("k1", org="acme", team="ml", project="search",
                   user="ada", tag=["env=prod", "job=42"],
                   budget="25.00/month", limit="requests=600/minute")
    row = next(k for k in own.cli("key", "list", "--json")["keys"]
               if k["id"] == made["id"])
    assert (row["org"], row["team"], row["project"], row["user"],
            row["service"], row["tags"], row["budget"]) == (
        "acme", "ml", "search", "ada", "", ["env=prod", "job=42"], "25/month")
    teams = own.cli("team", "list", "--json")["teams"]
    assert [t["org"] for t in teams if t["name"] == "ml"] == ["acme"]
    assert own.chat(made["key"]).status_code == 200
    (b,) = budgets(own, f"key:{made['id']}")
    assert b["limit"] == "25" and D(b["spent"]) > 0 and b["pending"] == "0"
    assert D(b["spent"]) + D(b["available"]) == 25
    (limit,) = own.cli("limit", "list", "--scope", f"key:{made['id']}",
                       "--json")["limits"]
    assert limit["limit"] == "requests=600/minute"
    # Nothing is made twice, and what is known follows from the rest.
    again = own.key("k2", project="search", service="batch")
    row = next(k for k in own.cli("key", "list", "--json")["keys"]
               if k["id"] == again["id"])
    assert (row["org"], row["team"], row["service"]) == (
        "acme", "ml", "batch")
    assert len([t for t in own.cli("team", "list", "--json")["teams"]
                if t["name"] == "ml"]) == 1


@pytest.mark.parametrize("args,words", [
    (["--org", "other", "--team", "ml"], "stands in org acme"),
    (["--team", "sales", "--project", "search"], "stands in team ml"),
    (["--org", "other", "--user", "ada"], "stands in org acme"),
    (["--project", "nowhere"], "say its team"),
    (["--user", "u", "--service", "s"], "not both"),
    (["--team", "x" * 101], "at most 100 bytes"),
    (["--team", "a\x07b"], "control character"),
    (["--team", "(unassigned)"], "those without one"),
    (["--team", "#1x"], "#"),
    (["--tag", "novalue"], "k=v"),
    (["--tag", "a b=c"], "k=v"),
    (["--tag", "a=1", "--tag", "a=1"], "twice"),
    (["--limit", "requests=0/minute"], "from 1"),
    (["--limit", "requests=1/day", "--limit", "requests=2/day"], "twice"),
    (["--budget", "1/month", "--budget-mode", "downgrade"], "downgrade_to"),
    (["--budget-mode", "soft"], "say that too"),
])
def test_a_place_that_cannot_be_is_refused_whole(own, args, words):
    own.key("k0", org="acme", team="ml", project="search", user="ada")
    before = [own.cli(n, "list", "--json") for n in ("org", "team", "key")]
    assert words in refused(own, "key", "create", "bad", *args)
    assert before == [own.cli(n, "list", "--json")
                      for n in ("org", "team", "key")]


def test_names_are_taken_as_they_are_or_not_at_all(own):
    r = subprocess.run(
        [str(kit.KONTOR).encode(), b"team", b"create", b"a\xff\xfe", b"-c",
         str(own.path).encode()], env=own.env, capture_output=True)
    assert r.returncode == 2 and b"not UTF-8" in r.stderr
    r = subprocess.run(
        [str(kit.KONTOR), "team", "create", "-c", str(own.path), "--",
         "-dash"], env=own.env, capture_output=True)
    assert r.returncode == 0, r.stderr
    assert "-dash" in [t["name"] for t in
                       own.cli("team", "list", "--json")["teams"]]


def test_budgets_are_made_changed_replaced_and_closed(own):
    own.run("team", "create", "b1", "--org", "acme")
    made = own.cli("budget", "set", "team:b1", "100/month", "--json")
    assert made["did"] == "created"
    same = own.cli("budget", "set", "team:b1", "50.5/month", "--mode", "soft",
                   "--json")
    assert same == {"id": made["id"], "did": "changed"}
    (b,) = budgets(own, "team:b1")
    assert (b["limit"], b["mode"], b["zone"], b["version"]) == (
        "50.5", "soft", "UTC", 2)
    r = own.run("budget", "set", "team:b1", "60/month", "--zone",
                "Europe/Berlin")
    assert "replaced" in r.stderr
    (b,) = budgets(own, "team:b1")
    assert b["id"] != made["id"] and b["mode"] == "soft"
    assert b["zone"] == "Europe/Berlin" and b["spent"] == "0"
    day = own.cli("budget", "set", "team:b1", "3/day", "--tight", "clamp",
                  "--admit-wait", "500ms", "--json")
    rows = {b["period"]: b for b in budgets(own, "team:b1")}
    assert rows["day"]["tight"] == "clamp"
    assert rows["day"]["admit_wait_ms"] == 500
    own.run("budget", "close", day["id"])
    assert [b["period"] for b in budgets(own, "team:b1")] == ["month"]
    assert own.run("budget", "close", day["id"], check=False).returncode == 1
    table = own.run("budget", "list", "--scope", "team:b1", "--all").stdout
    ends = {line.split()[0]: line.split()[-1]
            for line in table.splitlines()[1:]}
    assert ends[day["id"]] == "yes" and ends[b["id"]] == "no", table


def test_a_list_of_nobody_is_no_empty_list(own):
    """Who errs in a name is not told that it has no budget."""
    own.run("team", "create", "asked", "--org", "acme")
    (row,) = [t for t in own.cli("team", "list", "--json")["teams"]
              if t["name"] == "asked"]
    made = own.cli("budget", "set", "team:asked", "1/day", "--json")
    own.run("limit", "set", "team:asked", "requests=5/second")
    for noun in ("budget", "limit"):
        for scope in ("team:askd", "org:asked", "asked", "team:", "tram:asked",
                      "key:asked", "key:000000000000", "team:#999999"):
            assert "there is none such" in refused(
                own, noun, "list", "--scope", scope), scope
        rows = own.cli(noun, "list", "--scope", f"team:#{row['id']}", "--json")
        assert [r["scope"] for r in rows[noun + "s"]] == ["team:asked"]
        assert own.cli(noun, "list", "--scope", "org:acme",
                       "--json")[noun + "s"] == []
    assert [b["id"] for b in budgets(own, "team:asked")] == [made["id"]]


def test_a_change_holds_at_once_and_closing_frees(own):
    made = own.key("k3", team="b2")
    assert own.chat(made["key"]).status_code == 200
    own.run("budget", "set", "team:b2", "0/total")
    assert own.chat(made["key"]).status_code == 429
    own.run("budget", "set", "team:b2", "10/total")
    assert own.chat(made["key"]).status_code == 200
    (b,) = budgets(own, "team:b2")
    own.run("budget", "set", "team:b2", b["spent"] + "/total")
    assert own.chat(made["key"]).status_code == 429
    own.run("budget", "close", b["id"])
    assert own.chat(made["key"]).status_code == 200


@pytest.mark.parametrize("args,words", [
    (["team:b1", "1e3/month"], "AMOUNT"),
    (["team:b1", "1.0000000001/month"], "9 decimals"),
    (["team:b1", "1000000001/month"], "absurd"),
    (["team:b1", "99999999999999999999/month"], "AMOUNT"),
    (["team:b1", "5/fortnight"], "month"),
    (["team:b1", "5"], "AMOUNT"),
    (["team:b1", "5/month", "--zone", "Mars/Olympus"], "time zone"),
    (["team:b1", "5/month", "--zone", "../../etc/passwd"], "time zone"),
    (["team:b1", "5/month", "--mode", "weird"], "hard, soft"),
    (["team:b1", "5/month", "--downgrade-to", "nix"], "not configured"),
    (["team:b1", "5/month", "--mode", "hard", "--downgrade-to", "m-azure"],
     "only with it"),
    (["team:b1", "5/month", "--tight", "loose"], "clamp or none"),
    (["team:b1", "5/month", "--mode", "soft", "--tight", "clamp"],
     "only warns"),
    (["team:b1", "5/month", "--admit-wait", "61s"], "60s"),
    (["team:b1", "5/month", "--admit-wait", "-1s"], "60s"),
    (["team:nobody", "5/month"], "there is no team nobody"),
    (["key:000000000000", "5/month"], "no key"),
    (["galaxy:b1", "5/month"], "'scope' is"),
    (["b1", "5/month"], "'scope' is"),
])
def test_a_budget_that_makes_no_sense_is_refused_with_the_reason(
        own, args, words):
    if own.run("team", "create", "b1", "--org", "acme",
               check=False).returncode == 0:
        own.run("budget", "set", "team:b1", "1/month")
    before = budgets(own, "team:b1")
    assert words in refused(own, "budget", "set", *args)
    assert budgets(own, "team:b1") == before


@pytest.mark.parametrize("limit,words", [
    ("requests=0/minute", "from 1"), ("requests=-5/minute", "from 1"),
    ("requests=1.5/minute", "from 1"), ("requests=600", "needs a period"),
    ("requests=600/week", "needs a period"),
    ("tokens=99999999999999999999/day", "from 1"),
    ("concurrency=5/minute", "no period"), ("concurrency=1000001", "from 1"),
    ("cost_per_call=0", "above 0"), ("cost_per_call=-1", "above 0"),
    ("cost_per_call=1.0000000001", "9 decimals"),
    ("wishes=3/day", "KIND"), ("requests", "KIND"),
])
def test_a_limit_that_makes_no_sense_is_refused(own, limit, words):
    own.run("team", "create", "b1", "--org", "acme", check=False)
    assert words in refused(own, "limit", "set", "team:b1", limit)


def test_limits_are_set_listed_and_closed(own):
    made = own.key("k4", team="l1")
    one = own.cli("limit", "set", "team:l1", "requests=1/hour", "--json")
    assert one["did"] == "created"
    assert own.chat(made["key"]).status_code == 200
    assert own.chat(made["key"]).status_code == 429
    (row,) = own.cli("limit", "list", "--scope", "team:l1", "--json")["limits"]
    assert (row["kind"], row["amount"], row["period"], row["left"]) == (
        "requests", 1, "hour", 0)
    changed = own.cli("limit", "set", "team:l1", "requests=1000/hour",
                      "--burst", "50", "--json")
    assert changed == {"id": one["id"], "did": "changed"}
    assert "from 1 to the amount" in refused(
        own, "limit", "set", "team:l1", "requests=10/hour", "--burst", "11")
    own.run("limit", "close", one["id"])
    assert own.cli("limit", "list", "--scope", "team:l1",
                   "--json")["limits"] == []
    assert own.chat(made["key"]).status_code == 200


def test_two_budgets_that_send_calls_to_each_other_are_a_cycle(own):
    own.key("k5", org="loop", team="loops")
    own.run("budget", "set", "team:loops", "5/month", "--mode", "downgrade",
            "--downgrade-to", "m-azure")
    said = refused(own, "budget", "set", "org:loop", "9/month",
                   "--downgrade-to", "m-lab")
    assert "a budget cycle" in said and "team loops" in said
    own.run("budget", "set", "org:loop", "9/month", "--downgrade-to",
            "m-azure")
    assert "a budget cycle" in refused(
        own, "key", "create", "k6", "--team", "loops", "--budget", "1/day",
        "--budget-downgrade-to", "m-lab")


def test_a_budget_sends_no_key_to_a_model_it_may_not_use(own):
    narrow = own.key("k11", team="narrow", model="m-openai")["key"]
    free = own.key("k12", team="narrow")["key"]

    def call(key):
        return own.chat(key, content="x [[sim out=20]]",
                        max_completion_tokens=20)
    request = call(free).headers["x-kontor-request-id"]
    hold = D(own.explain(request)["attempts"][0]["hold"])
    own.run("budget", "set", "team:narrow", f"{hold / 2:.9f}/day",
            "--downgrade-to", "m-lab")
    r = call(free)
    assert r.status_code == 200
    assert r.headers["x-kontor-deployment"] == "lab-oss"
    assert call(narrow).status_code == 429


def test_more_budgets_than_a_call_can_carry_are_refused(own):
    made = own.key("k7", org="wide", team="widest", user="w")
    periods = ["hour", "day", "week", "month", "quarter", "year", "total"]
    for scope in (f"key:{made['id']}", "user:w"):
        for p in periods:
            own.run("budget", "set", scope, "9/" + p)
    own.run("budget", "set", "team:widest", "9/day")
    own.run("budget", "set", "team:widest", "9/week")
    said = refused(own, "budget", "set", "org:wide", "9/day")
    assert "17 budgets would bind key" in said and "16" in said
    assert own.chat(made["key"]).status_code == 200
    own.run("tag", "create", "t=1")
    for p in periods:
        own.run("budget", "set", "tag:t=1", "9/" + p)
    assert "17 budgets would bind the key" in refused(
        own, "key", "create", "k8", "--user", "w", "--team", "widest", "--tag",
        "t=1", "--budget", "1/day")


def test_rotation_keeps_place_budget_and_spend(own):
    made = own.key("k9", org="acme", team="ml", tag="env=prod",
                   budget="5.00/total")
    assert own.chat(made["key"]).status_code == 200
    (b,) = budgets(own, f"key:{made['id']}")
    new = own.cli("key", "rotate", made["id"], "--json")
    assert own.chat(new["key"]).status_code == 200
    (after,) = budgets(own, f"key:{new['id']}")
    assert after["id"] == b["id"] and D(after["spent"]) == 2 * D(b["spent"])
    rows = {k["id"]: k for k in own.cli("key", "list", "--json")["keys"]}
    assert rows[new["id"]]["team"] == "ml"
    assert rows[new["id"]]["tags"] == ["env=prod"]
    # The budget is of both, whichever is asked for.
    assert budgets(own, f"key:{made['id']}") == [after]


def test_the_api_says_what_is_wrong_and_knows_versions(own):
    own.run("team", "create", "api", "--org", "acme")
    r = api(own, "POST", "budgets", {"scope": "team:api", "budget": "7/day"},
            idempotency_key="once")
    assert r.status_code == 201 and r.json()["did"] == "created"
    again = api(own, "POST", "budgets",
                {"scope": "team:api", "budget": "7/day"},
                idempotency_key="once")
    assert again.json() == r.json()
    one = api(own, "GET", f"budgets/{r.json()['id']}")
    assert one.headers["etag"] == '"1"' and one.json()["limit"] == "7"
    path = f"budgets/{r.json()['id']}"
    r = api(own, "PATCH", path, {"budget": "8/day"}, if_match='"1"')
    assert r.status_code == 200 and r.json()["did"] == "changed"
    r = api(own, "PATCH", path, {"budget": "9/day"}, if_match='"1"')
    assert r.status_code == 412
    assert r.headers["content-type"] == "application/problem+json"
    assert api(own, "GET", path).json()["limit"] == "8"
    for body in ({"scope": "team:api", "budget": "-1/day"},
                 {"scope": "team:api"}, {"budget": "1/day"}, [], "x",
                 {"scope": "team:api", "budget": 5},
                 {"scope": "team:api", "budget": "1/day", "colour": "red"},
                 {"scope": "team:api", "budget": "1/day", "mode": {}}):
        r = api(own, "POST", "budgets", body)
        assert r.status_code == 400 and r.json()["detail"], body
    assert api(own, "GET", "budgets/999999").status_code == 404
    assert api(own, "DELETE", "budgets/x").status_code == 404
    # A name is given back, a thing that holds something stays.
    team = next(t for t in api(own, "GET", "teams").json()["teams"]
                if t["name"] == "api")
    r = api(own, "DELETE", f"teams/{team['id']}")
    assert r.status_code == 409 and "close them first" in r.json()["detail"]
    r = api(own, "PATCH", f"teams/{team['id']}", {"name": "api2"})
    assert r.status_code == 200
    assert budgets(own, "team:api2")[0]["limit"] == "8"
    api(own, "DELETE", path)
    assert api(own, "DELETE", f"teams/{team['id']}").status_code == 200
    assert "there is no team" in refused(own, "budget", "set", "team:api2",
                                         "1/day")
    doc = api(own, "GET", "openapi.json").json()["paths"]
    for path in ("budgets", "limits", "orgs", "teams", "projects", "users",
                 "services", "tags", "alerts"):
        assert f"/api/v1/{path}" in doc


def test_lists_come_in_pages(own):
    for i in range(5):
        own.run("tag", "create", f"page={i}")
    whole = api(own, "GET", "tags").json()
    assert whole["next"] is None
    seen, after = [], ""
    while after is not None:
        page = api(own, "GET", f"tags?limit=2{after}").json()
        assert len(page["tags"]) <= 2
        seen += page["tags"]
        after = page["next"] and f"&after={page['next']}"
    assert seen == whole["tags"]
    for i in range(3):
        own.key(f"paged-{i}")
    keys, after = [], ""
    while after is not None:
        page = api(own, "GET", f"keys?limit=2{after}").json()
        keys += page["keys"]
        after = page["next"] and f"&after={page['next']}"
    assert keys == api(own, "GET", "keys").json()["keys"]
    assert len(keys) >= 3
    first = api(own, "GET", "budgets?limit=1").json()
    assert len(first["budgets"]) == 1 and first["next"]
    assert api(own, "GET", "budgets?limit=0").status_code == 400
    assert api(own, "GET", "limits?after=x").status_code == 400


def test_a_wrong_method_is_told_the_right_ones(own):
    r = api(own, "PUT", "keys")
    assert r.status_code == 405 and r.headers["allow"] == "GET, HEAD, POST"
    assert "allow" not in api(own, "PUT", "nothing").headers


def test_alerts_come_once_in_a_window(own):
    made = own.key("k10", team="alert")
    assert own.chat(made["key"]).status_code == 200
    r = own.usage("--by", "team")
    cost = D(next(x["effective_cost"] for x in r["rows"]
                  if x["team"] == "alert"))
    own.run("budget", "set", "team:alert", f"{cost * 4}/total", "--mode",
            "soft")
    for _ in range(2):
        assert own.chat(made["key"]).status_code == 200
    (b,) = budgets(own, "team:alert")
    assert b["alerts"] == [50]
    for _ in range(4):
        assert own.chat(made["key"]).status_code == 200
    (b,) = budgets(own, "team:alert")
    assert b["alerts"] == [50, 80, 100] and b["available"] == "0"

    def alerts():
        return [(a["threshold"], a["spent"], a["at"]) for a in
                own.cli("budget", "alerts", "--json")["alerts"]
                if a["scope"] == "team:alert"]
    first = alerts()
    assert sorted(a[0] for a in first) == [50, 80, 100]
    assert {a[0]: D(a[1]) for a in first} == {
        50: cost * 2, 80: cost * 4, 100: cost * 4}
    (pid,) = own.of_role("recorder")
    os.kill(pid, signal.SIGKILL)
    kit.wait_for("another recorder", lambda: own.of_role("recorder") not in
                 ([], [pid]))
    assert own.chat(made["key"]).status_code == 200
    assert alerts() == first
    assert "kontor_budget_alerts_total" in api_metrics(own)


def api_metrics(kontor):
    token = (kontor.data_dir / "admin.token").read_text().strip()
    return httpx.get(kontor.admin + "/metrics", headers={
        "authorization": f"Bearer {token}"}).text


def test_a_restart_keeps_all_and_a_lost_store_loses_names_alone(
        tmp_path, sim):
    config = kit.make_config(sim.url, tmp_path / "data")
    with kit.Kontor(tmp_path, config) as k:
        made = k.key("lost", org="acme", team="ml", user="ada",
                     tag="env=prod", budget="25/month",
                     limit="requests=600/minute")
        k.run("budget", "set", "team:ml", "0.0001/total", "--mode", "soft")
        k.run("budget", "set", "org:acme", "10/month", "--downgrade-to",
              "m-azure", "--zone", "Asia/Tokyo")
        assert k.chat(made["key"]).status_code == 200
        k.usage()
        before = k.cli("budget", "list", "--json")["budgets"]
        limits = k.cli("limit", "list", "--json")["limits"]
        alerts = k.cli("budget", "alerts", "--json")
        assert len(alerts["alerts"]) == 3
    with kit.Kontor(tmp_path, config) as k:
        assert k.cli("budget", "list", "--json")["budgets"] == before
        assert [x["limit"] for x in
                k.cli("limit", "list", "--json")["limits"]] == \
            [x["limit"] for x in limits]
        assert k.cli("budget", "alerts", "--json") == alerts
    for path in k.data_dir.glob("store.db*"):
        path.unlink()
    strip = ("scope", "name", "version", "created")
    with kit.Kontor(tmp_path, config) as k:
        after = k.cli("budget", "list", "--json")["budgets"]
        assert [{n: b[n] for n in b if n not in strip} for b in after] == \
            [{n: b[n] for n in b if n not in strip} for b in before]
        assert [b["version"] for b in after] == [b["version"] for b in before]
        scopes = {b["scope"] for b in after}
        team = next(s for s in scopes if s.startswith("team:#"))
        assert "names" in k.text()
        rows = k.cli("budget", "alerts", "--json")["alerts"]
        assert [(a["budget"], a["threshold"], a["spent"], a["at"])
                for a in rows] == \
            [(a["budget"], a["threshold"], a["spent"], a["at"])
             for a in alerts["alerts"]]
        # What is left of a name is good for finding it and naming it again.
        k.run("budget", "set", team, "0.0002/total")
        r = api(k, "PATCH", f"teams/{team[6:]}", {"name": "ml"})
        assert r.status_code == 200, r.text
        assert budgets(k, "team:ml")[0]["limit"] == "0.0002"
        assert k.chat(made["key"]).status_code == 200
        assert "there is a team" not in k.run(
            "key", "create", "next", "--team", "ml").stderr


def test_names_are_in_the_store_alone(own):
    own.key("zebrafish-key", org="zebrafish-org", team="zebrafish-team",
            project="zebrafish-project", user="zebrafish-user",
            tag="zebra=fish-tag")
    own.usage()
    for path in (own.data_dir / "log").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"zebrafish" not in content and b"fish-tag" not in content


def test_the_demo_shows_a_small_organisation(tmp_path):
    demo = kit.Program(tmp_path, "demo")
    try:
        child = demo.spawn(
            [kit.KONTOR, "demo", "--dir", tmp_path / "d", "--port",
             kit.free_port(), "--admin-port", kit.free_port(), "--json"],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        said = json.loads(child.stdout.readline())
        rows = httpx.get(said["admin"] + "/api/v1/budgets", headers={
            "authorization": f"Bearer {said['admin_key']}"}).json()["budgets"]
    finally:
        demo.end()
    assert {b["mode"] for b in rows} == {"hard", "soft", "downgrade"}
    # None but its own binds the key that a newcomer is given.
    mine = said["key"].split("_")[1]
    assert [b["scope"] for b in rows if b["scope"].startswith("key:")] == [
        f"key:{mine}"]
    assert not [b for b in rows if b["scope"] in ("team:demo", "org:default")]
