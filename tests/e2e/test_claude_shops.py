"""Claude as four providers sell it: the simulator is as strict as they are."""
import httpx
import kit
import pytest

BODY = {"max_tokens": 20, "messages": [
    {"role": "user", "content": "Hello [[sim out=3]]"}]}
FOUNDRY = {"x-api-key": kit.SECRETS["SIM_FOUNDRY"],
           "anthropic-version": "2023-06-01"}

VERTEX = {"authorization": "Bearer " + kit.SECRETS["SIM_VERTEX"]}
MODELS = "/v1/projects/sim-project/locations/us-east5/publishers/" \
    "anthropic/models/"


def post(sim, path, headers, **more):
    body = {**BODY, **more}
    return httpx.post(sim.url + path, headers=headers, json=body)


def test_foundry_takes_messages_by_the_deployment_s_name(sim):
    path = "/anthropic/v1/messages"
    r = post(sim, path, FOUNDRY, model="claude-prod")
    assert r.status_code == 200 and r.json()["type"] == "message"
    assert "apim-request-id" in r.headers
    r = post(sim, path, FOUNDRY, model="claude-sonnet-4-5")
    assert r.status_code == 404
    assert r.json()["error"]["type"] == "not_found_error"
    r = post(sim, path, {**FOUNDRY, "x-api-key": "nobody's"}, model="x")
    assert r.status_code == 401
    assert r.json()["error"]["type"] == "authentication_error"
    r = post(sim, path, {"x-api-key": FOUNDRY["x-api-key"]},
             model="claude-prod")
    assert r.status_code == 400 and "anthropic-version" in r.text
    r = post(sim, path, FOUNDRY, model="claude-prod", fancy=1)
    assert r.status_code == 400 and "Extra inputs" in r.text
    # the key opens no other API, and there are no models to list
    r = post(sim, "/v1/messages", FOUNDRY, model="claude-prod")
    assert r.status_code == 401
    r = httpx.get(sim.url + "/anthropic/v1/models", headers=FOUNDRY)
    assert r.status_code == 404


def test_vertex_wants_the_version_in_the_body_and_no_model(sim):
    path = MODELS + "claude-sonnet-4-5@20250929:"
    good = {"anthropic_version": "vertex-2023-10-16"}
    r = post(sim, path + "rawPredict", VERTEX, **good)
    assert r.status_code == 200 and r.json()["usage"]["output_tokens"] == 3
    r = post(sim, path + "streamRawPredict", VERTEX, stream=True, **good)
    assert r.status_code == 200 and "event: message_stop" in r.text
    for more, what in (({}, "anthropic_version"),
                       ({"anthropic_version": "2023-06-01"},
                        "anthropic_version"),
                       ({**good, "model": "claude-sonnet-4-5"}, "model"),
                       ({**good, "stream": True}, "stream"),
                       ({**good, "anthropic_beta": ["x"]}, "anthropic_beta")):
        r = post(sim, path + "rawPredict", VERTEX, **more)
        assert r.status_code == 400 and what in r.json()["error"]["message"]
    r = post(sim, path + "streamRawPredict", VERTEX, **good)
    assert r.status_code == 400
    r = post(sim, path.replace("sim-project", "other") + "rawPredict",
             VERTEX, **good)
    assert r.status_code == 404
    r = post(sim, path + "generateContent", VERTEX, **good)
    assert r.status_code == 404
    count = {"anthropic_version": "vertex-2023-10-16",
             "messages": BODY["messages"], "model": "claude-sonnet-4-5"}
    r = httpx.post(sim.url + MODELS + "count-tokens:rawPredict",
                   headers=VERTEX, json=count)
    assert r.status_code == 200 and r.json()["input_tokens"] > 0


def aws(sim, path, body, service="bedrock", account="AWS"):
    """A request signed as botocore signs it; a path as it is on the wire."""
    import json
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    data = json.dumps(body)
    r = AWSRequest("POST", sim.url + path, data=data,
                   headers={"content-type": "application/json",
                            "anthropic-version": "2023-06-01"})
    SigV4Auth(Credentials(kit.SECRETS[f"SIM_{account}_ID"],
                          kit.SECRETS[f"SIM_{account}_SECRET"]),
              service, "us-east-1").add_auth(r)
    return httpx.post(sim.url + path, headers=dict(r.headers), content=data)


def test_invoke_model_wants_the_version_and_neither_model_nor_stream(sim):
    path = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"
    good = {**BODY, "anthropic_version": "bedrock-2023-05-31"}
    r = aws(sim, path, good)
    assert r.status_code == 200 and r.json()["usage"]["output_tokens"] == 3
    r = aws(sim, path + "-with-response-stream", good)
    assert r.status_code == 200
    assert r.headers["content-type"] == "application/vnd.amazon.eventstream"
    r = aws(sim, path, {**good, "anthropic_beta": ["context-1m-2025-08-07"]})
    assert r.status_code == 200
    for more, what in (({"anthropic_version": "2023-06-01"},
                        "anthropic_version"),
                       ({"model": "claude-sonnet-4-5"}, "model"),
                       ({"stream": False}, "stream"),
                       ({"anthropic_beta": "one"}, "anthropic_beta"),
                       ({"fancy": 1}, "fancy")):
        r = aws(sim, path, {**good, **more})
        assert r.status_code == 400, (what, r.text)
        assert what in r.json()["message"]
        assert r.headers["x-amzn-errortype"] == "ValidationException"
    r = aws(sim, path, BODY)
    assert r.status_code == 400 and "anthropic_version" in r.text


def test_the_mantle_endpoint_has_its_own_paths_and_name(sim):
    def mantle(path, service="bedrock-mantle", **more):
        return aws(sim, path, {**BODY, **more}, service, "MANTLE")
    claude = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    r = mantle("/anthropic/v1/messages", model=claude)
    assert r.status_code == 200 and r.json()["type"] == "message"
    assert mantle("/anthropic/v1/messages", "bedrock",
                  model=claude).status_code == 403
    assert mantle("/model/" + claude.replace(":", "%3A") + "/invoke",
                  anthropic_version="bedrock-2023-05-31").status_code == 404
    chat = "/v1/chat/completions"
    rows = (("openai.gpt-oss-120b-1:0", chat, 200),
            ("openai.gpt-oss-120b-1:0", "/openai" + chat, 404),
            ("openai.gpt-5.4", "/openai" + chat, 200),
            ("openai.gpt-5.4", chat, 404))
    for model, path, status in rows:
        limit = {"max_tokens": 20} if "oss" in model else \
            {"max_completion_tokens": 20}
        body = {"messages": BODY["messages"], "model": model, **limit}
        r = aws(sim, path, body, "bedrock-mantle", "MANTLE")
        assert r.status_code == status, (model, path, r.text)
