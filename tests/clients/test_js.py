"""Runs clients/js/scenarios.mjs once and reports each scenario as a test."""
import json
import pathlib
import subprocess

import kit
import pytest

HERE = pathlib.Path(__file__).parent / "js"
NODE = HERE / "node_modules" / ".bin" / "node"
MODELS = [f"m-{p}" for p in kit.VENUES] + ["m-lab"]
EACH = ["unary", "stream", "streamWithUsage", "parallelTools",
        "toolRoundTrip", "image", "structuredOutput", "twoChoices",
        "providerError", "cancel", "streamHelper", "azureClient", "azureV1",
        "headers"]
ONCE = ["wrongKey", "unknownModel", "forbiddenModel", "exhaustedBudget",
        "rateLimit", "modelsList", "manyAtOnce"]


@pytest.fixture(scope="module")
def rows(kontor, key):
    paced = kontor.key("paced-js", team="paced-js")["key"]
    kontor.run("limit", "set", "team:paced-js", "requests=240/minute",
               "--burst", "5")
    env = {"PATH": "/usr/bin:/bin", "KONTOR_URL": kontor.gateway,
           "KONTOR_KEY": key, "KONTOR_MODELS": ",".join(MODELS),
           "KONTOR_PACED_KEY": paced,
           "KONTOR_POOR_KEY": kontor.key("poor-js",
                                         budget="0.000001/total")["key"],
           "KONTOR_NARROW_KEY": kontor.key("narrow-js",
                                           model="m-azure")["key"]}
    r = subprocess.run([str(NODE), "scenarios.mjs"], cwd=HERE, env=env,
                       capture_output=True, text=True,
                       timeout=240 * kit.SLOW)
    assert r.returncode == 0, r.stdout + r.stderr
    return [json.loads(line) for line in r.stdout.splitlines()]


def test_the_pinned_versions_run(rows):
    versions = rows[0]
    print(f"openai {versions['openai']} (JavaScript), node {versions['node']}")
    lock = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert versions["openai"] == lock["openai"]
    assert versions["node"] == "v" + lock["node"]


def test_every_scenario_ran(rows):
    ran = {(r["model"], r["name"]) for r in rows[1:]}
    assert ran == {(m, n) for m in MODELS for n in EACH} | {
        ("-", n) for n in ONCE}


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("model", MODELS)
def test_scenario(rows, model, name):
    check(rows, model, name)


@pytest.mark.parametrize("name", ONCE)
def test_general_scenario(rows, name):
    check(rows, "-", name)


def check(rows, model, name):
    row = next(r for r in rows[1:] if (r["model"], r["name"]) ==
               (model, name))
    assert row["ok"], row["error"]
