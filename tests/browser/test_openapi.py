"""The admin API as its own document tells it: linted, and called at random."""
import json
import os
import shutil
import subprocess

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


def test_no_call_ends_in_a_server_error(random_calls):
    """Every operation called at random, but for the stream without end."""
    demo, child, file = random_calls
    code = child.wait(300)
    said = file.read_text()
    assert code == 0, said[-4000:]
    assert " passed" in said
    assert demo.chat().status_code == 200
