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
