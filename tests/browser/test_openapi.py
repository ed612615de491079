"""The admin API as its own document tells it: linted, called at random, and
compared with what it answers and with what the console was compiled with."""
import json
import subprocess
import time

import apitypes
import httpx
import jsonschema
import pytest
from console import Demo


@pytest.fixture(scope="module")
def document(demo, tmp_path_factory):
    file = tmp_path_factory.mktemp("openapi") / "openapi.json"
    file.write_text(json.dumps(demo.api("openapi.json")))
    return file


def test_a_public_linter_finds_nothing(document):
    node = apitypes.node()
    if node is None or not (
            apitypes.CONSOLE / "node_modules/@redocly").is_dir():
        pytest.skip("no node, or not the console's packages")
    r = subprocess.run([node, apitypes.CONSOLE / "openapi_lint.mjs", document],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stdout + r.stderr


def test_the_console_is_compiled_with_this_document(document):
    if apitypes.node() is None or not apitypes.GENERATOR.is_file():
        pytest.skip("no node, or not the console's packages")
    assert apitypes.made_of(document) == apitypes.TYPES.read_text(), \
        "console/src/openapi.d.ts is stale: make openapi"


class Api:
    """Calls, each answer held against the document."""

    def __init__(self, demo):
        self.demo = demo
        self.doc = demo.api("openapi.json")
        self.compared = set()

    def said_of(self, path, method, r):
        all = self.doc["paths"]["/api/v1/" + path][method]["responses"]
        said = all.get(str(r.status_code)) or \
            all[f"{r.status_code // 100}XX"]
        if "$ref" in said:
            said = self.doc["components"]["responses"]["Problem"]
        type = r.headers["content-type"].split(";")[0]
        return said["content"][type]["schema"], "json" in type

    def __call__(self, method, path, query="", id="", status=200, **more):
        r = httpx.request(
            method, f"{self.demo.admin}/api/v1/{path.format(id=id)}{query}",
            timeout=30, **more,
            headers={"authorization": "Bearer " + self.demo.admin_key})
        assert r.status_code == status, r.text
        schema, is_json = self.said_of(path, method, r)
        if not is_json:
            return r.text
        wrong = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in
                 jsonschema.Draft202012Validator(
                     {**schema, "components": self.doc["components"]})
                 .iter_errors(r.json())]
        assert wrong == [], f"{method} {path}{query}: {wrong}"
        if status < 400:
            self.compared.add((method, path))
        return r.json()


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """At an instance of its own: it is written to."""
    d = Demo(tmp_path_factory.mktemp("answers"))
    for _ in range(3):
        assert d.chat().status_code == 200
    assert d.chat(model="nobody").status_code == 404
    yield Api(d)
    d.end()


def keys_and_subjects(api):
    api("post", "keys", status=400, json={"nonsense": 1})
    k = api("post", "keys", status=201, json={
        "name": "k", "aws": True, "budget": "5/month", "team": "t"})
    k = api("post", "keys/{id}/rotate", id=k["id"], status=201)
    api("get", "keys", "?limit=2")
    api("delete", "keys/{id}", id=k["id"])
    places = {"teams": {"org": "orgs1"}, "projects": {"team": "teams1"}}
    for kind in ("orgs", "teams", "projects", "users", "services", "tags"):
        name = "a=b" if kind == "tags" else kind + "1"
        id = api("post", kind, status=201, json={
            "name": name, **places.get(kind, {})})["id"]
        one = kind + "/{id}"
        assert api("get", one, id=id)["name"] == name
        assert any(s["id"] == id for s in api("get", kind)[kind])
        api("patch", one, id=id, json={
            "name": "c=d" if kind == "tags" else kind + "2"})
        if kind not in places and kind != "orgs":
            api("delete", one, id=id)
    for kind, place in (("projects", "teams"), ("teams", "orgs"),
                        ("orgs", "tags")):
        mine = next(s for s in api("get", kind)[kind]
                    if s["name"] == kind + "2")
        api("delete", kind + "/{id}", id=mine["id"])
        api("get", place, "?all=true&limit=1")


def budgets_and_limits(api):
    for kind, body in (("budgets", {"budget": "7/total"}),
                       ("budgets", {"budget": "9/day"}),
                       ("limits", {"limit": "requests=600/minute"}),
                       ("limits", {"limit": "cost_per_call=0.50"})):
        scope = {"scope": "team:t"}
        id = api("post", kind, status=201, json={**scope, **body})["id"]
        api("get", kind), api("get", kind + "/{id}", id=id)
        if kind == "budgets":
            api("patch", kind + "/{id}", id=id, json={
                "budget": body["budget"].replace("/", "0/")})
            api("post", kind, json={**scope, "budget": "8/" + body[
                "budget"].split("/")[1]})
        else:
            api("delete", kind + "/{id}", id=id)
    for b in api("get", "budgets")["budgets"]:
        if b["scope"] == "team:t":
            api("delete", "budgets/{id}", id=b["id"])
    api("get", "budgets", "?all=true")
    api("get", "alerts"), api("get", "incidents")


def calls_and_books(api):
    for call in api("get", "requests")["calls"]:
        told = api("get", "requests/{id}", id=call["id"])
        if told["attempts"]:
            id = call["id"]
    for plan in (True, False):
        api("post", "suspense/{id}", id=id + "-1", json={
            "cost": "0.00005", "reason": "operator", "plan": plan})
    time.sleep(1.5)  # signed each second
    assert api("get", "requests/{id}", id=id)["attempts"][0]["corrections"]
    api("get", "requests/{id}", id="req_1", status=404)
    api("get", "suspense"), api("get", "audit/checkpoint")
    api("get", "audit/proof/{id}", id=id)
    for query in ("", "?by=zone,model", "?by=tag", "?format=csv",
                  "?format=focus", "?format=focus-json", "?format=table"):
        api("get", "usage", query)
    api("get", "usage", "?by=nonsense", status=400)
    api("get", "chargeback"), api("get", "agreements")
    api("get", "latency", "?by=deployment,hour")


def routes_and_config(api):
    api("get", "route/report")
    model = api("get", "models")["models"][0]["id"]
    api("get", "route/test", "?model=" + model)
    api("get", "route/test", status=400)
    id = api("get", "deployments")["deployments"][0]["id"]
    assert api("post", "deployments/{id}/test", id=id)["good"]
    api("post", "comparisons", status=201, json={"name": "c", "body": "{}"})
    saved = api("get", "comparisons")["comparisons"]
    api("delete", "comparisons/{id}", id=saved[0]["id"])
    api("get", "prices"), api("get", "config"), api("get", "health")
    was = api("get", "config/text")
    text = was["text"] + "\ndata_classes: [secret]\n"
    assert api("post", "config/check", json={"text": text})["changes"]
    api("put", "config/text", json={"text": text, "version": was["version"]})
    api("post", "config/reload"), api("get", "openapi.json")
    api("post", "session/links", status=201), api("get", "session")
    api("post", "session", json={"key": api.demo.admin_key})
    api("delete", "session")


def test_answers_are_what_the_document_says(api):
    for part in (keys_and_subjects, budgets_and_limits, calls_and_books,
                 routes_and_config):
        part(api)
    described = {
        (method, path.removeprefix("/api/v1/"))
        for path, all in api.doc["paths"].items()
        for method, o in all.items() if "200" in o["responses"]
        or "201" in o["responses"]}
    assert described - api.compared == set()


def test_no_call_ends_in_a_server_error(random_calls):
    """Every operation called at random, but for the stream without end: what
    it answers is what the document says, too."""
    demo, child, file = random_calls
    code = child.wait(300)
    said = file.read_text()
    assert code == 0, said[-4000:]
    assert " passed" in said
    key = json.loads(demo.run("key", "create", "after", "--json"))["key"]
    assert demo.chat(key=key).status_code == 200
