"""Native sign-in: every method against clouds that check what they are sent,
and what calls notice when the clouds' endpoints misbehave."""
import os
import pathlib
import signal
import subprocess
import threading
import time

import httpx
import kit
import pytest
import sign_in

METHODS = ["e-secret", "e-cert", "e-fed", "e-managed", "a-role", "a-profile",
           "a-profile-role", "a-chain", "a-env", "a-web", "a-container",
           "a-instance", "g-key", "g-user", "g-pool", "g-metadata", "o-sign",
           "o-key", "org"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    d = tmp_path_factory.mktemp("keys")
    sign_in.make_keys(d)
    return d


@pytest.fixture(scope="module")
def clouds(folder):
    with kit.Sim(folder, sign_in.sim_config(folder)) as sim:
        yield sim


@pytest.fixture
def calm(clouds):
    """The clouds as they are on a good day, before and after."""
    def reset():
        ask(clouds, fault="", clock_offset_s=0, lifetime_s=0)
    reset()
    yield clouds
    reset()


@pytest.fixture(scope="module")
def all_in(clouds, folder):
    with kit.Kontor(folder, sign_in.config(folder, clouds.url),
                    env=sign_in.env()) as k:
        k.user = k.key("all")["key"]
        yield k


def ask(clouds, **what):
    r = clouds.http.post("/sim/sign-in", json=what)
    assert r.status_code == 200, r.text
    return r.json()


def state(k, provider):
    rows = httpx.get(k.admin + "/api/v1/health",
                     headers=admin(k)).json()["credentials"]
    return next(r for r in rows if r["provider"] == provider)


def admin(k):
    token = (k.data_dir / "admin.token").read_text().strip()
    return {"authorization": f"Bearer {token}"}


def one(folder, tmp_path, clouds, *names, **more):
    """An instance of its own, with these providers alone."""
    for f in pathlib.Path(folder).glob("*.[kcp][ree][yrm]"):
        (tmp_path / f.name).write_bytes(f.read_bytes())
    return kit.Kontor(tmp_path, sign_in.config(tmp_path, clouds.url,
                                               only=names, **more),
                      env=sign_in.env())


# --- each of them ------------------------------------------------------------

@pytest.mark.parametrize("provider", METHODS)
def test_a_call_is_served_with_what_was_signed_in_for(all_in, calm, provider):
    before = calm.stats()[provider]["billed"]
    r = all_in.chat(all_in.user, f"m-{provider}")
    assert r.status_code == 200, (r.text, all_in.text()[-2000:])
    assert calm.stats()[provider]["billed"] == before + 1


def test_health_metrics_and_status_tell_how_each_credential_is(all_in, calm):
    row = state(all_in, "e-secret")
    assert row["method"] == "entra_secret" and row["state"] == "good"
    assert 3000 < row["expires_in_s"] <= 3600
    assert 0 < row["next_in_s"] < row["expires_in_s"]
    text = httpx.get(all_in.admin + "/metrics", headers=admin(all_in)).text
    assert 'kontor_signin_state{provider="a-web",' \
        'method="aws_web_identity"} 1' in text
    assert 'kontor_signin_failures_total{provider="a-web"} 0' in text
    out = all_in.run("status").stdout
    assert "a-web" in out and "aws_web_identity" in out
    assert "courier" in all_in.processes()
