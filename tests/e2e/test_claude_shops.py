"""Claude as four providers sell it: the simulator is as strict as they are."""
import httpx
import kit
import pytest

BODY = {"max_tokens": 20, "messages": [
    {"role": "user", "content": "Hello [[sim out=3]]"}]}
FOUNDRY = {"x-api-key": kit.SECRETS["SIM_FOUNDRY"],
           "anthropic-version": "2023-06-01"}


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
