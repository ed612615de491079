"""Runs the client suites and writes docs/matrix.md from what passed.

    KONTOR_BUILD=build .venv/bin/python tests/clients/matrix.py

A cell is the scenarios of one client at one type of provider: how many passed
of how many.
"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

TOP = pathlib.Path(__file__).resolve().parents[2]
SUITES = {
    "google-genai (Python)": ("python/test_genai.py", r"\[(?:.*-)?(at-[a-z0-9-]+?)(?:-(?:True|False))?\]"),
    "openai, Responses (Python)": ("python/test_responses.py", r"\[(?:.*-)?(at-[a-z0-9-]+?)(?:-(?:True|False))?\]"),
    "@google/genai (JavaScript)": ("test_js_dialects.py", r"\[(at-[a-z0-9-]+)-genai\w+\]"),
    "openai, Responses (JavaScript)": ("test_js_dialects.py", r"\[(at-[a-z0-9-]+)-responses\w+\]"),
    "Vercel AI SDK, OpenAI (JavaScript)": ("test_js_dialects.py", r"\[(at-[a-z0-9-]+)-aiOpenAI\w+\]"),
    "Vercel AI SDK, Google (JavaScript)": ("test_js_dialects.py", r"\[(at-[a-z0-9-]+)-aiGoogle\w+\]"),
    "Codex": ("test_agents.py", r"\[codex-(at-[a-z0-9-]+)\]"),
    "Claude Code": ("test_agents.py", r"\[claude-(at-[a-z0-9-]+)\]"),
}
NAMES = {
    "at-openai": "OpenAI", "at-azure": "Azure classic",
    "at-azure-v1": "Azure v1", "at-lab": "compatible", "at-oci": "OCI",
    "at-bedrock": "Bedrock OpenAI", "at-converse": "Bedrock Converse",
    "at-anthropic": "Anthropic", "at-gemini": "Gemini", "at-vertex": "Vertex",
}


def run():
    files = sorted({str(TOP / "tests" / "clients" / f)
                    for f, _ in SUITES.values()})
    with tempfile.NamedTemporaryFile(suffix=".xml") as out:
        subprocess.run([sys.executable, "-m", "pytest", "-q",
                        f"--junitxml={out.name}", *files], cwd=TOP,
                       check=False)
        return xml.etree.ElementTree.parse(out.name).getroot()


def main():
    cells = collections.defaultdict(lambda: [0, 0])
    for case in run().iter("testcase"):
        good = all(case.find(w) is None
                   for w in ("failure", "error", "skipped"))
        for client, (suite, pattern) in SUITES.items():
            module = pathlib.Path(suite).stem
            m = re.search(pattern, case.get("name"))
            if not case.get("classname").endswith(module) or not m:
                continue
            cell = cells[client, m[1]]
            cell[0] += good
            cell[1] += 1
    rows = ["# Every client at every type of provider", "",
            "Made by `tests/clients/matrix.py` from a run of the suites: "
            "scenarios passed of those run,", "official clients, unchanged, "
            "against the simulator's providers.", "",
            "| client | " + " | ".join(NAMES.values()) + " |",
            "|---|" + "---|" * len(NAMES)]
    for client in SUITES:
        rows.append(f"| {client} | " + " | ".join(
            "{}/{}".format(*cells[client, m]) if cells[client, m][1] else "-"
            for m in NAMES) + " |")
    (TOP / "docs" / "matrix.md").write_text("\n".join(rows) + "\n")
    return 0 if all(a == b for a, b in cells.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
