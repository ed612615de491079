"""What the console stands on: sessions, calls listed and live, its own calls,
the configuration's text."""
import json
import re
import threading
import time

import httpx
import pytest

import kit

ASK = {"model": "m-openai", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("console")
    with kit.Sim(folder) as sim, kit.Kontor(
            folder, kit.make_config(sim.url, folder / "data")) as k:
        k.made = k.key("app", budget="10/month", team="ml")
        yield k


def chat(own, key=None, **more):
    return httpx.post(
        own.gateway + "/v1/chat/completions", json={**ASK, **more},
        headers={"authorization": "Bearer " + (key or own.made["key"])},
        timeout=20)


def bearer(own):
    return httpx.Client(base_url=own.admin, timeout=20, headers={
        "authorization": "Bearer " + (
            own.data_dir / "admin.token").read_text().strip()})


def admin_key(own, name):
    r = bearer(own).post("/api/v1/keys", json={"name": name, "admin": True})
    assert r.status_code == 201, r.text
    return r.json()


def browser(own, key=None):
    """Signed in by a cookie."""
    c = httpx.Client(base_url=own.admin, timeout=20)
    if key:
        r = c.post("/api/v1/session", json={"key": key})
        assert r.status_code == 200, r.text
    return c


def test_a_session_is_a_cookie_that_scripts_cannot_read(own):
    admin = admin_key(own, "admin")
    c = httpx.Client(base_url=own.admin)
    assert c.get("/api/v1/keys").status_code == 401
    r = c.post("/api/v1/session", json={"key": admin["key"]})
    assert r.status_code == 200 and r.json()["role"] == "admin"
    cookie = r.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert admin["key"] not in cookie
    assert c.get("/api/v1/keys").status_code == 200
    # what another origin can send is not enough to change anything
    r = c.post("/api/v1/orgs", json={"name": "evil"})
    assert r.status_code == 403
    r = c.post("/api/v1/orgs", json={"name": "good"},
               headers={"x-kontor-console": "1"})
    assert r.status_code == 201, r.text
    # the key ends, so does the session
    assert bearer(own).delete(
        "/api/v1/keys/" + admin["id"]).status_code == 200
    assert c.get("/api/v1/keys").status_code == 401


def test_a_key_for_calls_does_not_sign_in(own):
    r = httpx.post(own.admin + "/api/v1/session",
                   json={"key": own.made["key"]})
    assert r.status_code == 403 and "admin key" in r.json()["detail"]
    for key in ("", "ktk_nonsense", None, 7):
        r = httpx.post(own.admin + "/api/v1/session", json={"key": key})
        assert r.status_code == 401, (key, r.text)


def test_a_link_signs_in_once(own):
    r = bearer(own).post("/api/v1/session/links")
    assert r.status_code == 201
    link = r.json()["link"]
    c = browser(own)
    r = c.post("/api/v1/session", json={"link": link})
    assert r.status_code == 200 and c.get("/api/v1/keys").status_code == 200
    again = browser(own).post("/api/v1/session", json={"link": link})
    assert again.status_code == 401 and "used" in again.json()["detail"]
    r = c.delete("/api/v1/session", headers={"x-kontor-console": "1"})
    assert r.status_code == 200 and c.get("/api/v1/keys").status_code == 401


def test_calls_are_listed_by_pages_the_newest_first(own):
    ids = [chat(own).headers["x-kontor-request-id"] for _ in range(12)]
    api = bearer(own)
    # what was served is in the log by then, whichever worker served it
    api.get("/api/v1/requests?limit=1")
    bad = chat(own, model="nonsense").headers["x-kontor-request-id"]
    first = api.get("/api/v1/requests?limit=5").json()
    assert first["calls"][0]["id"] == bad
    assert first["calls"][0]["status"] == 404
    got, page = first["calls"], first
    while page["next"]:
        page = api.get("/api/v1/requests?limit=5&before=" +
                       page["next"]).json()
        got += page["calls"]
    listed = [c["id"] for c in got]
    assert len(set(listed)) == len(listed)
    assert sorted(i for i in listed if i in ids) == sorted(ids)
    one = next(c for c in got if c["id"] == ids[0])
    told = api.get("/api/v1/requests/" + ids[0]).json()
    assert one["effective_cost"] == told["settled"] != "0"
    assert one["deployment"] == told["attempts"][0]["deployment"]
    assert one["key"] == own.made["id"] and one["team"] == "ml"
    assert one["resolution"] == "booked" and one["total_ms"] > 0


def test_filters_find_what_fits_and_nothing_else(own):
    other = own.key("other", team="ops")
    mine = chat(own, key=other["key"]).headers["x-kontor-request-id"]
    chat(own)
    api = bearer(own)

    def ids(text):
        r = api.get("/api/v1/requests?" + text)
        assert r.status_code == 200, r.text
        return [c["id"] for c in r.json()["calls"]]
    assert ids("key=" + other["id"]) == [mine]
    assert ids("team=ops") == [mine]
    assert mine in ids("status=2xx") and mine not in ids("status=4xx")
    assert mine in ids("model=m-openai&resolution=booked")
    assert ids("model=none") == [] and ids("provider=none") == []
    assert ids("to=2020-01-01") == []
    for bad in ("status=20", "status=6xx", "key=short", "before=x",
                "limit=0", "limit=501", "from=never"):
        r = api.get("/api/v1/requests?" + bad)
        assert r.status_code == 422 or r.status_code == 400, (bad, r.text)
        assert "'" in r.json()["detail"]


def test_a_correction_is_in_the_list(own):
    r = chat(own, messages=[{"role": "user",
                             "content": "[[sim status=500]] x"}])
    attempt = r.headers["x-kontor-request-id"]
    api = bearer(own)
    one = chat(own).headers["x-kontor-request-id"]
    done = api.post("/api/v1/suspense/" + one + "-1",
                    json={"cost": "0.5", "reason": "operator"})
    assert done.status_code == 200, done.text
    rows = {c["id"]: c for c in api.get("/api/v1/requests").json()["calls"]}
    assert rows[one]["corrected"] and rows[one]["effective_cost"] == "0.5"
    assert attempt in rows


def test_calls_are_live_as_they_end(own):
    seen, ready = [], threading.Event()

    def watch():
        with bearer(own) as api, api.stream("GET", "/api/v1/live") as r:
            assert r.headers["content-type"] == "text/event-stream"
            for line in r.iter_lines():
                if line == "event: hello":
                    ready.set()
                if line.startswith("data: {\"id\""):
                    seen.append(json.loads(line[6:]))
                    if len(seen) == 3:
                        return
    t = threading.Thread(target=watch)
    t.start()
    assert ready.wait(5)
    ids = [chat(own).headers["x-kontor-request-id"] for _ in range(3)]
    t.join(10)
    # Of two workers the recorder may read the later one first.
    assert sorted(c["id"] for c in seen) == sorted(ids)
    assert seen[0]["effective_cost"] != "0"


def test_a_page_is_told_how_kontor_is(own):
    """Without a call, and without being asked again."""
    with bearer(own) as api, api.stream("GET", "/api/v1/live") as r:
        lines, told = r.iter_lines(), []
        while len(told) < 2:
            if next(lines) == "event: health":
                told.append(json.loads(next(lines).removeprefix("data: ")))
    asked = bearer(own).get("/api/v1/health").json()
    assert told[0]["ready"] and told[0].keys() == asked.keys()
    beats = [next(p["heartbeat_age_ms"] for p in h["processes"]
                  if p["role"] == "worker") for h in told]
    assert all(0 <= b < 5000 for b in beats), beats


def test_levels_count_attempts_and_failures(own):
    before = bearer(own).get("/api/v1/latency?by=deployment").json()
    for _ in range(4):
        chat(own)
    after = bearer(own).get("/api/v1/latency?by=deployment").json()

    def of(d):
        return next(r for r in d["rows"] if r["deployment"] == "openai-gpt")
    assert of(after)["calls"] == of(before)["calls"] + 4
    assert of(after)["errors"] == of(before)["errors"]
    assert of(after)["total_p50_ms"] > 0
    assert after["total"]["calls"] == before["total"]["calls"] + 4
    by = bearer(own).get("/api/v1/latency?by=team,provider,day").json()
    assert {"team", "provider", "day"} <= set(by["rows"][0])
    assert bearer(own).get("/api/v1/latency?by=nonsense").status_code in (
        400, 422)


def test_the_console_calls_as_a_key_of_its_own(own):
    api = bearer(own)
    r = api.post("/api/v1/compare", json={**ASK, "stream": True})
    assert r.status_code == 200, r.text
    assert "data: [DONE]" in r.text
    told = api.get("/api/v1/requests/" +
                   r.headers["x-kontor-request-id"]).json()
    assert told["status"] == 200 and told["settled"] != "0"
    keys = {k["id"]: k for k in api.get("/api/v1/keys").json()["keys"]}
    assert keys[told["key"]]["name"] == "console"
    assert keys[told["key"]]["expires"] is not None
    r = api.post("/api/v1/compare?deployment=gpt-5.4-azure", json={
        **ASK, "model": "gpt-5.4"})
    assert r.status_code == 200, r.text
    assert r.headers["x-kontor-deployment"] == "gpt-5.4-azure"
    again = api.get("/api/v1/requests/" +
                    r.headers["x-kontor-request-id"]).json()
    assert again["key"] == told["key"]
    assert any(c["why"] == "another one was asked for"
               for c in again["candidates"])
    r = api.post("/api/v1/compare?deployment=nonsense", json=ASK)
    assert r.status_code == 400 and "x-kontor-deployment" in r.text


def test_a_deployment_is_tested_by_one_small_call(own):
    api = bearer(own)
    r = api.post("/api/v1/deployments/openai-gpt/test").json()
    assert r["good"] and r["status"] == 200, r
    assert api.post("/api/v1/deployments/none/test").status_code == 404


def test_prices_are_listed_by_date(own):
    rows = bearer(own).get("/api/v1/prices").json()["prices"]
    one = next(p for p in rows if p["deployment"] == "openai-gpt")
    assert re.fullmatch(r"[0-9.]+", one["input"])
    assert one["from"].endswith("Z")


def test_the_text_is_checked_planned_and_saved(own):
    api = bearer(own)
    now = api.get("/api/v1/config/text").json()
    same = api.post("/api/v1/config/check", json={
        "text": now["text"]}).json()
    assert same["good"] and same["changes"] == [], same
    bad = api.post("/api/v1/config/check", json={
        "text": now["text"] + "\nnonsense: 1\n"}).json()
    assert not bad["good"] and "nonsense" in bad["report"]
    text = kit.dump({**own.config, "aliases": {
        **own.config.get("aliases", {}), "quick": "m-openai"}})
    plan = api.post("/api/v1/config/check", json={"text": text}).json()
    assert plan["good"] and any(
        c["kind"] == "alias" and c["id"] == "quick" and
        c["change"] == "added" for c in plan["changes"]), plan
    r = api.put("/api/v1/config/text", json={
        "text": now["text"] + "\nnonsense: 1\n", "version": now["version"]})
    assert r.status_code == 409
    assert api.get("/api/v1/config/text").json()["text"] == now["text"]
    r = api.put("/api/v1/config/text", json={
        "text": text, "version": now["version"]})
    assert r.status_code == 200, r.text
    assert chat(own, model="quick").status_code == 200
    late = api.put("/api/v1/config/text", json={
        "text": now["text"], "version": now["version"]})
    assert late.status_code == 409 and "meanwhile" in late.json()["detail"]
    for wrong in ({}, {"text": 7}, {"text": "x"}):
        r = api.put("/api/v1/config/text", json=wrong)
        assert r.status_code in (400, 422), r.text


def test_pages_have_a_policy_and_name_no_other_origin(own):
    r = httpx.get(own.admin + "/console/requests")
    if "no web console" in r.text:
        pytest.skip("this build has no console")
    policy = r.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "<script>" not in r.text and "style=" not in r.text
    for path in re.findall(r'(?:src|href)="([^"]+)"', r.text):
        assert path.startswith("/"), path
        f = httpx.get(own.admin + path)
        assert f.status_code == 200
        plain = httpx.get(own.admin + path,
                          headers={"accept-encoding": "identity"})
        assert plain.text == f.text
        assert "content-encoding" not in plain.headers
    assert httpx.get(own.admin + "/assets/none.js").status_code == 404
    size = sum(len(httpx.get(own.admin + p).content) for p in ("/",))
    assert size < 10000


def test_a_new_control_process_asks_to_sign_in_again(own):
    import os
    import signal
    admin = admin_key(own, "again")
    c = browser(own, admin["key"])
    os.kill(own.of_role("control")[0], signal.SIGKILL)

    def back():
        try:
            return c.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False
    time.sleep(0.2)
    kit.wait_for("control", back, 10)
    assert c.get("/api/v1/keys").status_code == 401
    assert c.post("/api/v1/session",
                  json={"key": admin["key"]}).status_code == 200


def test_what_was_changed_since_it_was_read_is_left_alone(own):
    """If-Match of limits and of teams: 412, or as one read it."""
    api = bearer(own)
    made = api.post("/api/v1/limits", json={
        "scope": "team:matched", "limit": "requests=70/minute"})
    if made.status_code == 404:
        api.post("/api/v1/teams", json={"name": "matched"})
        made = api.post("/api/v1/limits", json={
            "scope": "team:matched", "limit": "requests=70/minute"})
    limit = "/api/v1/limits/" + made.json()["id"]
    tag = api.get(limit).headers["etag"]
    api.post("/api/v1/limits", json={"scope": "team:matched",
                                     "limit": "requests=80/minute"})
    assert api.get(limit).headers["etag"] != tag
    r = api.delete(limit, headers={"if-match": tag})
    assert (r.status_code, r.json()["code"]) == (412, "precondition_failed")
    tag = api.get(limit).headers["etag"]
    assert api.delete(limit, headers={"if-match": tag}).status_code == 200
    team = "/api/v1/teams/" + next(
        t["id"] for t in api.get("/api/v1/teams").json()["teams"]
        if t["name"] == "matched")
    tag = api.get(team).headers["etag"]
    assert api.patch(team, json={"name": "matched 2"},
                     headers={"if-match": tag}).status_code == 200
    r = api.patch(team, json={"name": "matched 3"}, headers={"if-match": tag})
    assert r.status_code == 412
    assert api.get(team).json()["name"] == "matched 2"


def test_comparisons_are_saved_replaced_in_pages_and_deleted(own):
    api = bearer(own)
    for name in ("a", "b", "a"):
        r = api.post("/api/v1/comparisons", json={"name": name,
                                                  "body": "{}" + name})
        assert r.status_code in (200, 201), r.text
    assert r.json()["did"] == "changed"
    first = api.get("/api/v1/comparisons?limit=1").json()
    assert [c["name"] for c in first["comparisons"]] == ["a"]
    rest = api.get("/api/v1/comparisons?after=" + first["next"]).json()
    assert [c["name"] for c in rest["comparisons"]] == ["b"]
    assert rest["next"] is None
    for c in first["comparisons"] + rest["comparisons"]:
        assert api.delete("/api/v1/comparisons/" + c["id"]).status_code == 200
    assert api.delete("/api/v1/comparisons/1").status_code == 404
    r = api.post("/api/v1/comparisons", json={"name": "", "body": "{}"})
    assert r.status_code == 400 and "'name'" in r.json()["detail"]
    r = api.post("/api/v1/comparisons", json={"name": "x",
                                              "body": "x" * 13000})
    assert r.status_code == 400 and "'body'" in r.json()["detail"]
