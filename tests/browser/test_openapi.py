"""The admin API as its own document tells it: linted, and called at random."""
import json
import os
import shutil
import subprocess
import sys

import kit
import pytest

CONSOLE = kit.TOP / "console"
NODE = kit.TOP / "tests/clients/js/node_modules/.bin"


@pytest.fixture(scope="module")
def document(demo, tmp_path_factory):
    file = tmp_path_factory.mktemp("openapi") / "openapi.json"
    file.write_text(json.dumps(demo.api("openapi.json")))
    return file


def test_a_public_linter_finds_nothing(document):
    path = f"{NODE}{os.pathsep}{os.environ['PATH']}"
    node = shutil.which("node", path=path)
    if node is None or not (CONSOLE / "node_modules/@redocly").is_dir():
        pytest.skip("no node, or not the console's packages")
    r = subprocess.run([node, CONSOLE / "openapi_lint.mjs", document],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stdout + r.stderr


def test_no_call_ends_in_a_server_error(document, demo):
    """Schemathesis over every operation, but for the stream without end."""
    r = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", document,
         "--url", demo.admin, "--checks", "not_a_server_error",
         "--header", f"authorization: Bearer {demo.admin_key}",
         "--exclude-path", "/api/v1/live",
         "--phases", "coverage,fuzzing", "--max-examples", "6",
         "--generation-deterministic", "--continue-on-failure",
         "--suppress-health-check", "all", "--workers", "1",
         "--request-timeout", "30"],
        capture_output=True, text=True, timeout=300,
        cwd=document.parent)
    assert r.returncode == 0, r.stdout[-4000:] + r.stderr[-1000:]
    assert " passed" in r.stdout
    assert demo.chat().status_code == 200
