#!/usr/bin/env python3
"""matrix.py - docs/matrix.md: which client passed at which type of provider

    tests/matrix.py RESULTS.xml... > docs/matrix.md
    tests/matrix.py --run            the suites first, then the page

Reads what `pytest tests/clients --junitxml RESULTS.xml` wrote (`make test`
leaves it in build/clients.xml): the module and name of a test say which
client it is, its parameters the model, and the model its provider type.
"""
import collections
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

TOP = pathlib.Path(__file__).resolve().parents[1]
# Client: the end of a test's class, and what its parameters match.
CLIENTS = {
    "openai (Python), chat": [
        ("python.test_openai", ""), ("python.test_everywhere", r"-openai]$")],
    "openai (Python), Responses": [("python.test_responses", "")],
    "anthropic (Python)": [
        ("python.test_anthropic", ""),
        ("python.test_everywhere", r"-anthropic]$")],
    "boto3 (Python)": [
        ("python.test_boto3", ""), ("python.test_everywhere", r"-boto3]$")],
    "google-genai (Python)": [("python.test_genai", "")],
    "openai (JavaScript), chat": [
        ("test_js", ""), ("test_js_everywhere", r"-openai-\w+]$")],
    "openai (JavaScript), Responses": [("test_js_dialects", "-responses[A-Z]")],
    "@anthropic-ai/sdk (JavaScript)": [
        ("test_anthropic_js", ""), ("test_js_everywhere", r"-anthropic-\w+]$")],
    "@aws-sdk/client-bedrock-runtime (JavaScript)": [
        ("test_bedrock_js", ""), ("test_js_everywhere", r"-aws-\w+]$")],
    "@google/genai (JavaScript)": [("test_js_dialects", "genai")],
    "Vercel AI SDK, OpenAI (JavaScript)": [("test_js_dialects", "aiOpenAI")],
    "Vercel AI SDK, Google (JavaScript)": [("test_js_dialects", "aiGoogle")],
    "Codex CLI": [("test_agents", "codex-")],
    "Claude Code": [("test_agents", "claude-")],
}
# Type of provider: the models of tests/lib/kit.py and tests/lib/dialects.py.
TYPES = {
    "OpenAI": ["m-openai", "at-openai"],
    "OpenAI, Responses alone": ["at-responses"],
    "Azure, classic": ["m-azure", "at-azure"],
    "Azure, v1": ["m-azure-v1", "at-azure-v1"],
    "Foundry, Claude": ["m-foundry"],
    "Anthropic": ["m-claude", "at-anthropic"],
    "Bedrock, Converse": ["m-claude-aws", "at-converse"],
    "Bedrock, InvokeModel": ["m-claude-invoke"],
    "Bedrock, mantle": ["m-claude-mantle"],
    "Bedrock, Nova": ["m-nova"],
    "Bedrock, OpenAI's": ["m-bedrock", "m-bedrock-token", "m-bedrock-mantle",
                          "at-bedrock"],
    "Gemini API": ["at-gemini"],
    "Vertex": ["at-vertex"],
    "Vertex, Claude": ["m-claude-vertex"],
    "OCI": ["at-oci"],
    "compatible": ["m-lab", "at-lab"],
}
MODELS = {model: kind for kind, models in TYPES.items() for model in models}


def client_of(case):
    where = case.get("classname", "")
    for client, rules in CLIENTS.items():
        for module, part in rules:
            if ("." + where).endswith("." + module) and \
                    re.search(part, case.get("name").partition("[")[2]):
                return client
    return None


def type_of(case):
    """None: of no one model."""
    params = case.get("name").partition("[")[2]
    for model in sorted(MODELS, key=len, reverse=True):
        if re.search(rf"(^|-){re.escape(model)}(-|]|$)", params):
            return MODELS[model]
    return None


def run():
    """Leaves the results where `make test` does."""
    out = pathlib.Path(os.environ.get("KONTOR_BUILD", "build")).resolve() \
        / "clients.xml"
    subprocess.run([sys.executable, "-m", "pytest", "-q",
                    f"--junitxml={out}", "tests/clients"], cwd=TOP,
                   check=False, stdout=sys.stderr)
    return xml.etree.ElementTree.parse(out)


def count(trees):
    cells = collections.defaultdict(collections.Counter)
    for tree in trees:
        for case in tree.iter("testcase"):
            client = client_of(case)
            if client is None:
                continue
            kinds = {child.tag for child in case}
            kind = "failed" if kinds & {"failure", "error"} else \
                "skipped" if "skipped" in kinds else "passed"
            cells[client, type_of(case)][kind] += 1
    return cells


def cell(c):
    if not c:
        return "-"
    return f"{c['passed']}" + (
        f", **{c['failed']} failed**" if c["failed"] else "")


def page(cells):
    kinds = [t for t in TYPES if any(k[1] == t for k in cells)]
    yield "# Every client at every type of provider"
    yield ""
    yield ("Official clients, unchanged, through kontor to each type of "
           "provider (the\nsimulator in its place): scenarios passed, and "
           "failed where any did.  Made by\n`tests/matrix.py` from a run; "
           "a dash: nobody went there.")
    yield ""
    yield "| client | " + " | ".join(kinds) + " | general |"
    yield "|---|" + "---|" * (len(kinds) + 1)
    for client in CLIENTS:
        if any(k[0] == client for k in cells):
            yield f"| {client} | " + " | ".join(
                cell(cells.get((client, t))) for t in [*kinds, None]) + " |"


def main():
    trees = [run()] if sys.argv[1:] == ["--run"] else [
        xml.etree.ElementTree.parse(path) for path in sys.argv[1:]]
    cells = count(trees)
    text = "\n".join(page(cells))
    if sys.argv[1:] == ["--run"]:
        (TOP / "docs" / "matrix.md").write_text(text + "\n")
    else:
        print(text)
    return 1 if any(c["failed"] for c in cells.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
