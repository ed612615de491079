#!/usr/bin/env python3
"""matrix.py - docs/matrix-scenarios.md: which SDK passed against which provider type

    tests/matrix.py RESULTS.xml... > docs/matrix-scenarios.md

Reads what `pytest tests/clients --junitxml RESULTS.xml` wrote: a test's
parameters name the model, and the model its provider type.  A suite is the
module it stands in.
"""
import collections
import sys
import xml.etree.ElementTree

SUITES = {
    "python.test_openai": "openai (Python), chat",
    "python.test_responses": "openai (Python), responses",
    "python.test_anthropic": "anthropic (Python)",
    "python.test_boto3": "boto3 (Python)",
    "python.test_genai": "google-genai (Python)",
    "test_js": "openai (JavaScript), chat",
    "test_anthropic_js": "@anthropic-ai/sdk (JavaScript)",
    "test_bedrock_js": "@aws-sdk/client-bedrock-runtime (JavaScript)",
    "test_js_dialects": "@google/genai, openai responses, Vercel AI SDK "
                        "(JavaScript)",
    "test_agents": "Codex CLI, Claude Code",
}
# The models of tests/lib/kit.py, in the order of the page.
MODELS = {"m-openai": "OpenAI", "m-azure": "Azure OpenAI",
          "m-azure-v1": "Azure, v1",
          "m-claude": "Anthropic", "m-foundry": "Foundry, Claude",
          "m-claude-vertex": "Vertex, Claude",
          "m-claude-messages": "Bedrock, Messages",
          "m-claude-invoke": "Bedrock, InvokeModel",
          "m-claude-mantle": "Bedrock mantle",
          "m-bedrock": "Bedrock, OpenAI's",
          "m-claude-aws": "Bedrock, Claude", "m-nova": "Bedrock, Nova",
          "m-gemini": "Gemini API", "m-vertex": "Vertex", "m-oci": "OCI",
          "m-lab": "OpenAI-compatible"}


def suite_of(case):
    name = case.get("classname", "").replace("tests.", "")
    name = name.replace("clients.", "")
    return SUITES.get(name)


def model_of(case):
    # Some suites say where a model is served: at-openai.
    params = case.get("name", "").partition("[")[2].replace("at-", "m-")
    params = params.replace("m-anthropic", "m-claude").replace(
        "m-converse", "m-claude-aws")
    for model in sorted(MODELS, key=len, reverse=True):
        if model in params:
            return model
    return None


def main():
    cells = collections.defaultdict(collections.Counter)
    for path in sys.argv[1:]:
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            suite, model = suite_of(case), model_of(case)
            if suite is None:
                continue
            kinds = {child.tag for child in case}
            kind = "failed" if kinds & {"failure", "error"} else \
                "skipped" if "skipped" in kinds else "passed"
            cells[suite, model][kind] += 1
    seen = [m for m in MODELS if any(k[1] == m for k in cells)]
    print("# SDKs and providers\n")
    print("Official SDKs, unchanged, through kontor to each type of provider "
          "(the\nsimulator in its place): scenarios passed, and failed where "
          "any did.  Made by\n`tests/matrix.py` from a run; a dash: that "
          "suite does not go there.\n")
    print("| SDK | " + " | ".join(MODELS[m] for m in seen) + " | general |")
    print("|---|" + "---|" * (len(seen) + 1))
    for suite in SUITES.values():
        if not any(k[0] == suite for k in cells):
            continue
        row = []
        for model in [*seen, None]:
            c = cells.get((suite, model))
            row.append("-" if not c else
                       f"{c['passed']}" + (f", **{c['failed']} failed**"
                                           if c["failed"] else ""))
        print(f"| {suite} | " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
