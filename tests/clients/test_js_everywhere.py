"""The JavaScript SDKs of OpenAI's chat, Anthropic and AWS at every type of
provider, also where the others' suites do not go."""
import json
import os
import pathlib
import subprocess

import pytest

import dialects
import kit

HERE = pathlib.Path(__file__).parent / "js"
NODE = HERE / "node_modules" / ".bin" / "node"
MODELS = sorted(dialects.VENUES)
SUITES = {
    "openai": ("scenarios.mjs", [
        "unary", "stream", "streamWithUsage", "parallelTools",
        "toolRoundTrip", "structuredOutput", "streamHelper"]),
    "anthropic": ("anthropic.mjs", [
        "unary", "stream", "toolRoundTrip", "limit", "structuredOutput",
        "midSystem"]),
    "aws": ("bedrock.mjs", [
        "unary", "stream", "unaryHttp1", "streamHttp1", "tools",
        "toolsStreamed", "limit", "invoke", "invokeStreamed"]),
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    out = {}
    with dialects.running(tmp_path_factory.mktemp("everywhere")) as (_, k):
        made = k.key("everywhere", aws=True)
        for sdk, (script, names) in SUITES.items():
            r = subprocess.run(
                [str(NODE), script], cwd=HERE, capture_output=True,
                text=True, timeout=240 * kit.SLOW, env={
                    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                    "KONTOR_URL": k.gateway, "KONTOR_KEY": made["key"],
                    "KONTOR_AWS_ID": made["aws_access_key_id"],
                    "KONTOR_AWS_SECRET": made["aws_secret_access_key"],
                    "KONTOR_MODELS": ",".join(MODELS),
                    "KONTOR_SCENARIOS": ",".join(names)})
            assert r.returncode == 0, r.stdout + r.stderr
            for line in r.stdout.splitlines()[1:]:
                row = json.loads(line)
                out[sdk, row["model"], row["name"]] = row
        k.verify()
    return out


@pytest.mark.parametrize("sdk,name", [
    (sdk, n) for sdk, (_, names) in SUITES.items() for n in names])
@pytest.mark.parametrize("model", MODELS)
def test_scenario(rows, model, sdk, name):
    row = rows[sdk, model, name]
    assert row["ok"], row["error"]
