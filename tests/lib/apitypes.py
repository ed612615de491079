"""console/src/openapi.d.ts, made from what the program says its API is."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import kit

CONSOLE = kit.TOP / "console"
TYPES = CONSOLE / "src/openapi.d.ts"
GENERATOR = CONSOLE / "node_modules/openapi-typescript/bin/cli.js"
NODE = kit.TOP / "tests/clients/js/node_modules/.bin"


def node():
    """None: there is none."""
    return shutil.which("node", path=f"{NODE}{os.pathsep}{os.environ['PATH']}")


def made_of(document):
    """The types of an OpenAPI document in a file."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "openapi.d.ts"
        subprocess.run([node(), GENERATOR, document, "-o", out], check=True,
                       capture_output=True, timeout=60, cwd=folder)
        return out.read_text()


def main():
    from console import Demo
    if node() is None or not GENERATOR.is_file():
        sys.exit("no node, or not the console's packages: "
                 "tools/console.sh --packages")
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(pathlib.Path(folder))
        try:
            document = pathlib.Path(folder) / "openapi.json"
            document.write_text(json.dumps(demo.api("openapi.json")))
        finally:
            demo.end()
        TYPES.write_text(made_of(document))


if __name__ == "__main__":
    main()
