"""Runs clients/js/dialects.mjs once and reports each scenario as a test."""
import json
import pathlib
import subprocess

import pytest

import dialects
import kit

HERE = pathlib.Path(__file__).parent / "js"
NODE = HERE / "node_modules" / ".bin" / "node"
MODELS = sorted(dialects.VENUES)
EACH = ["genaiUnary", "genaiStream", "genaiTools", "responsesUnary",
        "responsesStreamHelper", "aiOpenAIAgent", "aiOpenAIStream",
        "aiOpenAIObject", "aiGoogleAgent", "aiGoogleStream",
        "aiGoogleObject"]
ONCE = ["genaiModels"]
VECTORS = ["openaiEmbeddings", "genaiEmbeddings", "aiEmbeddings"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    with dialects.running(tmp_path_factory.mktemp("js")) as (_, kontor):
        env = {"PATH": "/usr/bin:/bin", "KONTOR_URL": kontor.gateway,
               "KONTOR_KEY": kontor.key("js")["key"],
               "KONTOR_MODELS": ",".join(MODELS),
               "KONTOR_EMBEDDERS": ",".join(sorted(dialects.EMBEDDERS))}
        r = subprocess.run([str(NODE), "dialects.mjs"], cwd=HERE, env=env,
                           capture_output=True, text=True,
                           timeout=240 * kit.SLOW)
        assert r.returncode == 0, r.stdout + r.stderr
        kontor.verify()
        return [json.loads(line) for line in r.stdout.splitlines()
                if line.startswith("{")]


def test_the_pinned_versions_run(rows):
    lock = json.loads((HERE / "package.json").read_text())["dependencies"]
    for name, version in rows[0].items():
        assert version == lock[name], name


def check(rows, model, name):
    row = next(r for r in rows[1:] if (r["model"], r["name"]) ==
               (model, name))
    assert row["ok"], row["error"]


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("model", MODELS)
def test_scenario(rows, model, name):
    check(rows, model, name)


@pytest.mark.parametrize("name", ONCE)
def test_general_scenario(rows, name):
    check(rows, "-", name)


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("model", sorted(dialects.EMBEDDERS))
def test_vectors(rows, model, name):
    check(rows, model, name)
