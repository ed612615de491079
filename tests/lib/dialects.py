"""One model at every type of provider, for suites that cross dialects.

VENUES has, per type of provider, what the simulator calls the account and
what the provider calls the model; make() starts both programs over them.
"""
import contextlib
import json
import pathlib

import kit

OUT = {"input": "1.00", "cached_input": "0.10", "cache_write": "1.25",
       "output": "5.00"}
EMBED = {"input": "0.10", "output": "0"}

CREDENTIALS = [
    {"name": "openai", "type": "openai", "key": "sk-sim-openai"},
    {"name": "azure", "type": "azure_openai", "key": "sim-azure-key",
     "deployments": {"gpt-prod": "gpt-5.4", "embed-prod": "embed-small"}},
    {"name": "lab", "type": "openai_compatible", "key": "sim-lab-key"},
    {"name": "gemini", "type": "gemini", "key": "sim-gemini-key"},
    {"name": "vertex", "type": "vertex", "key": "sim-vertex-token",
     "project": "sim-project", "region": "us-central1"},
    {"name": "oci", "type": "oci", "key": "sim-oci-key"},
    {"name": "anthropic", "type": "anthropic", "key": "sk-ant-sim"},
    {"name": "bedrock", "type": "bedrock", "region": "us-east-1",
     "access_key_id": "AKIASIMBEDROCK00001",
     "secret_access_key": "sim/bedrock/secret"},
]
MODELS = [
    {"id": "gpt-5.4", "bedrock_id": "openai.gpt-5.4", "reasoning": True,
     "context": 400000, "max_output": 32000,
     "prices": {v: OUT for v in ("openai", "azure_openai", "bedrock",
                                 "openai_compatible", "oci")}},
    {"id": "gemini-3.1-pro", "reasoning": True, "context": 400000,
     "max_output": 32000, "prices": {"gemini": OUT, "vertex": OUT}},
    {"id": "gemini-2.5-flash", "context": 400000, "max_output": 32000,
     "prices": {"gemini": OUT, "vertex": OUT}},
    {"id": "claude-sonnet-4-5", "reasoning": True,
     "bedrock_id": "anthropic.claude-sonnet-4-5-20250929-v1:0",
     "context": 400000, "max_output": 32000,
     "prices": {"anthropic": OUT, "bedrock": OUT}},
    {"id": "embed-small", "embed": 64, "context": 8192,
     "prices": {"openai": EMBED, "azure_openai": EMBED,
                "openai_compatible": EMBED}},
    {"id": "gemini-embedding-001", "embed": 64, "context": 8192,
     "prices": {"gemini": EMBED, "vertex": EMBED}},
    {"id": "titan-embed", "bedrock_id": "amazon.titan-embed-text-v2:0",
     "embed": 1024, "context": 8192, "prices": {"bedrock": EMBED}},
    {"id": "cohere-embed", "bedrock_id": "cohere.embed-multilingual-v3",
     "embed": 64, "context": 8192, "prices": {"bedrock": EMBED}},
]
# model of kontor: provider, its name there, publisher, more of its deployment
VENUES = {
    "at-openai": ("openai", "gpt-5.4", "openai"),
    "at-responses": ("openai-2", "gpt-5.4", "openai", {"api": "responses"}),
    "at-azure": ("azure", "gpt-prod", "openai"),
    "at-azure-v1": ("azure-v1", "gpt-prod", "openai"),
    "at-lab": ("lab", "gpt-5.4", "openai"),
    "at-oci": ("oci", "gpt-5.4", "openai"),
    "at-bedrock": ("bedrock", "openai.gpt-5.4", "openai"),
    "at-converse": ("bedrock",
                    "anthropic.claude-sonnet-4-5-20250929-v1:0",
                    "anthropic"),
    "at-anthropic": ("anthropic", "claude-sonnet-4-5", "anthropic"),
    "at-gemini": ("gemini", "gemini-3.1-pro", "google"),
    "at-vertex": ("vertex", "gemini-2.5-flash", "google"),
}
# What the simulator calls the account of a provider with another name.
ACCOUNTS = {"azure-v1": "azure", "openai-2": "openai"}
# Providers that count thoughts as output and do not say how many.
UNTOLD = {"at-anthropic", "at-converse"}
EMBEDDERS = {
    "embed-openai": ("openai", "embed-small"),
    "embed-azure": ("azure", "embed-prod"),
    "embed-gemini": ("gemini", "gemini-embedding-001"),
    "embed-vertex": ("vertex", "gemini-embedding-001"),
    "embed-titan": ("bedrock", "amazon.titan-embed-text-v2:0"),
    "embed-cohere": ("bedrock", "cohere.embed-multilingual-v3"),
}
SECRETS = {"SIM_GEMINI": "sim-gemini-key", "SIM_VERTEX": "sim-vertex-token",
           "SIM_OCI": "sim-oci-key", "SIM_ANTHROPIC": "sk-ant-sim"}


def providers(url):
    slow = {"connect": "2s", "first_byte": "20s", "idle": "20s"}
    rows = {
        "openai": dict(type="openai", base_url=url + "/v1",
                       auth={"api_key": "${SIM_OPENAI}"}),
        "openai-2": dict(type="openai", base_url=url + "/v1",
                         auth={"api_key": "${SIM_OPENAI}"}),
        "azure": dict(type="azure_openai", base_url=url,
                      api_version="2025-03-01-preview",
                      auth={"api_key": "${SIM_AZURE}"}),
        "azure-v1": dict(type="azure_openai", base_url=url,
                         auth={"api_key": "${SIM_AZURE}"}),
        "lab": dict(type="openai_compatible", base_url=url + "/v1",
                    auth={"api_key": "${SIM_LAB}"}),
        "gemini": dict(type="gemini", base_url=url,
                       auth={"api_key": "${SIM_GEMINI}"}),
        "vertex": dict(type="vertex", base_url=url, project="sim-project",
                       region="us-central1",
                       auth={"access_token": "${SIM_VERTEX}"}),
        "anthropic": dict(type="anthropic", base_url=url,
                          auth={"api_key": "${SIM_ANTHROPIC}"}),
        "oci": dict(type="oci", base_url=url, region="us-chicago-1",
                    auth={"api_key": "${SIM_OCI}"}),
        "bedrock": dict(type="bedrock", base_url=url, region="us-east-1",
                        auth={"access_key_id": "${SIM_AWS_ID}",
                              "secret_access_key": "${SIM_AWS_SECRET}"}),
    }
    return {k: {**v, "timeouts": dict(slow)} for k, v in rows.items()}


def config(url, data_dir):
    models, prices = {}, []
    for ident, (provider, name, publisher, *more) in VENUES.items():
        models[ident] = {"publisher": publisher, "deployments": [
            {"id": ident + "-d", "provider": provider, "name": name,
             "context": 400000, "max_output": 32000,
             **(more[0] if more else {})}]}
        prices.append({"deployment": ident + "-d", **OUT})
    for ident, (provider, name) in EMBEDDERS.items():
        models[ident] = {"deployments": [
            {"id": ident + "-d", "provider": provider, "name": name,
             "context": 8192, "max_output": 1}]}
        prices.append({"deployment": ident + "-d", **EMBED})
    return {
        "version": 1, "data_dir": str(data_dir), "workers": 1,
        "listen": {
            "gateway": {"address": f"127.0.0.1:{kit.free_port()}"},
            "admin": {"address": f"127.0.0.1:{kit.free_port()}"}},
        "providers": providers(url), "models": models, "prices": prices}


@contextlib.contextmanager
def running(folder):
    folder = pathlib.Path(folder)
    with kit.Sim(folder / "sim", {"credentials": CREDENTIALS,
                                  "models": MODELS}) as sim:
        with kit.Kontor(folder / "kontor",
                        config(sim.url, folder / "data"),
                        env=SECRETS) as kontor:
            yield sim, kontor


def account(model):
    provider = VENUES[model][0]
    return ACCOUNTS.get(provider, provider)


def script(sim, name, steps):
    """What the simulated model is to do; see docs/simulator.md."""
    r = sim.http.post("/sim/script", content=json.dumps(
        {"name": name, "steps": steps}))
    assert r.status_code == 200, r.text
