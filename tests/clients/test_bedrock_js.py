"""Runs clients/js/bedrock.mjs once and reports each scenario as a test."""
import json
import pathlib
import subprocess

import kit
import pytest

HERE = pathlib.Path(__file__).parent / "js"
NODE = HERE / "node_modules" / ".bin" / "node"
MODELS = [f"m-{p}" for p in kit.VENUES] + ["m-lab", "m-claude"] + \
    list(kit.CONVERSE) + ["m-claude-invoke", "m-claude-mantle"]
EACH = ["unary", "stream", "unaryHttp1", "streamHttp1", "tools",
        "toolsStreamed", "limit", "structuredOutput", "countTokens",
        "invoke", "invokeStreamed"]
ONCE = ["manyAtOnce", "unknownModel", "wrongSecret", "bearerToken"]


@pytest.fixture(scope="module")
def rows(kontor):
    made = kontor.key("aws-js", aws=True)
    env = {"PATH": "/usr/bin:/bin", "KONTOR_URL": kontor.gateway,
           "KONTOR_KEY": made["key"], "KONTOR_MODELS": ",".join(MODELS),
           "KONTOR_AWS_ID": made["aws_access_key_id"],
           "KONTOR_AWS_SECRET": made["aws_secret_access_key"]}
    r = subprocess.run([str(NODE), "bedrock.mjs"], cwd=HERE, env=env,
                       capture_output=True, text=True,
                       timeout=240 * kit.SLOW)
    assert r.returncode == 0, r.stdout + r.stderr
    return [json.loads(line) for line in r.stdout.splitlines()]


def test_the_pinned_version_runs(rows):
    print(f"@aws-sdk/client-bedrock-runtime {rows[0]['sdk']} (JavaScript), "
          f"node {rows[0]['node']}")
    lock = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert rows[0]["sdk"] == lock["@aws-sdk/client-bedrock-runtime"]


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
