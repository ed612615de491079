"""Runs clients/js/anthropic.mjs once and reports each scenario as a test."""
import json
import pathlib
import subprocess

import kit
import pytest

HERE = pathlib.Path(__file__).parent / "js"
NODE = HERE / "node_modules" / ".bin" / "node"
MODELS = [f"m-{p}" for p in kit.VENUES] + ["m-lab"] + \
    list(kit.CLAUDES) + list(kit.CONVERSE)
EACH = ["unary", "stream", "toolRoundTrip", "limit", "image",
        "structuredOutput", "midSystem", "countTokens"]
ONCE = ["wrongKey", "unknownModel", "hostedTool", "modelsList",
        "manyAtOnce"]


@pytest.fixture(scope="module")
def rows(kontor, key):
    env = {"PATH": "/usr/bin:/bin", "KONTOR_URL": kontor.gateway,
           "KONTOR_KEY": key, "KONTOR_MODELS": ",".join(MODELS)}
    r = subprocess.run([str(NODE), "anthropic.mjs"], cwd=HERE, env=env,
                       capture_output=True, text=True,
                       timeout=240 * kit.SLOW)
    assert r.returncode == 0, r.stdout + r.stderr
    return [json.loads(line) for line in r.stdout.splitlines()]


def test_the_pinned_version_runs(rows):
    print(f"@anthropic-ai/sdk {rows[0]['sdk']} (JavaScript), "
          f"node {rows[0]['node']}")
    lock = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert rows[0]["sdk"] == lock["@anthropic-ai/sdk"]


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
