"""Native sign-in: every method against clouds that check what they are sent,
and what calls notice when the clouds' endpoints misbehave."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import kit
import pytest
import sign_in
from test_tls import Terminator, certs  # noqa: F401

METHODS = ["e-secret", "e-cert", "e-fed", "e-managed", "a-role", "a-profile",
           "a-profile-role", "a-chain", "a-env", "a-web", "a-container",
           "a-instance", "g-key", "g-user", "g-pool", "g-pool-aws", "g-metadata", "o-sign",
           "o-key", "org"]
# Sent as the configuration has them.
STATIC = ["s-azure", "s-aws", "s-bedrock", "s-anthropic", "s-gemini",
          "s-vertex", "s-lab"]


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
    for f in folder.iterdir():
        if f.suffix in (".pem", ".key", ".crt"):
            (tmp_path / f.name).write_bytes(f.read_bytes())
    return kit.Kontor(tmp_path, sign_in.config(
        tmp_path, clouds.url, only=names or None, **more), env=sign_in.env())


# --- each of them ------------------------------------------------------------

@pytest.mark.parametrize("provider", METHODS)
def test_a_call_is_served_with_what_was_signed_in_for(all_in, calm, provider):
    before = calm.stats()[provider]["billed"]
    r = all_in.chat(all_in.user, f"m-{provider}")
    assert r.status_code == 200, (r.text, all_in.text()[-2000:])
    assert calm.stats()[provider]["billed"] == before + 1


def test_an_app_service_says_its_endpoint_in_the_environment(
        calm, folder, tmp_path):
    k = one(folder, tmp_path, calm, "e-managed")
    del k.config["providers"]["e-managed"]["auth"]["entra"][
        "metadata_endpoint"]
    k.env["IDENTITY_ENDPOINT"] = calm.url + "/msi/token"
    with k:
        r = k.chat(k.key("k")["key"], "m-e-managed")
        assert r.status_code == 200, (r.text, state(k, "e-managed"))
        assert 3500 < state(k, "e-managed")["expires_in_s"] <= 3600


def test_a_person_may_act_for_a_service_account(calm, folder, tmp_path):
    k = one(folder, tmp_path, calm, "g-user")
    inner = json.loads((tmp_path / "user.json").read_text())
    (tmp_path / "user.json").write_text(json.dumps({
        "type": "impersonated_service_account",
        "service_account_impersonation_url":
            f"{calm.url}/v1/projects/-/serviceAccounts/{sign_in.ACCOUNT}"
            ":generateAccessToken", "source_credentials": inner}))
    with k:
        # The simulated cloud lets the person act for nobody.
        row = state(k, "g-user")
        assert (row["error"], row["error_code"]) == (
            "refused", "permission_denied"), row


def test_vertex_takes_a_service_accounts_token(all_in, calm):
    before = calm.stats()["g-vertex"]["billed"]
    with all_in.http() as http:
        r = http.post("/v1beta/models/m-g-vertex:generateContent",
                      headers={"x-goog-api-key": all_in.user}, json={
                          "contents": [{"role": "user",
                                        "parts": [{"text": "hello"}]}]})
    assert r.status_code == 200, r.text
    assert calm.stats()["g-vertex"]["billed"] == before + 1


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


# --- clouds that check -------------------------------------------------------

def test_another_key_is_refused_and_said_by_its_number(calm, folder, tmp_path):
    k = one(folder, tmp_path, calm, "e-secret", "e-cert", "a-role", "org")
    k.env["ENTRA_SECRET"] = "wrong"
    k.env["AWS_USER_SECRET"] = "wrong"
    k.config["providers"]["org"]["project"] = "proj-other"
    sign_in.make_keys(tmp_path)  # others than the cloud knows
    with k:
        key = k.key("k")["key"]
        for name, code in (("e-secret", "AADSTS7000215"),
                           ("e-cert", "AADSTS700027"),
                           ("a-role", "SignatureDoesNotMatch")):
            row = state(k, name)
            assert (row["state"], row["error"], row["error_code"]) == (
                "bad", "refused", code), row
            r = k.chat(key, f"m-{name}")
            assert r.status_code == 502
            assert r.json()["error"]["code"] == "provider_credential"
        assert k.chat(key, "m-org").status_code == 502


@pytest.mark.parametrize("offset", [900, -900])
def test_a_wrong_clock_is_set_right_by_theirs(calm, folder, tmp_path, offset):
    names = ("e-cert", "g-key", "a-role", "a-instance")
    ask(calm, clock_offset_s=offset)
    with one(folder, tmp_path, calm, *names) as k:
        key = k.key("k")["key"]
        for name in names:
            r = k.chat(key, f"m-{name}")
            assert r.status_code == 200, (name, r.text, state(k, name))
            row = state(k, name)
            assert abs(row["clock_skew_s"] - offset) < 5
            assert 3500 < row["expires_in_s"] <= 3600


@pytest.mark.parametrize("fault", ["audience", "issuer"])
def test_a_token_for_somewhere_else_is_noticed(calm, folder, tmp_path, fault):
    ask(calm, fault=fault)
    before = ask(calm)["shown"][fault]
    with one(folder, tmp_path, calm, "e-secret", "e-managed") as k:
        key = k.key("k")["key"]
        # The provider refuses it; the courier hears of it and tries again.
        assert k.chat(key, "m-e-secret").status_code == 502
        assert ask(calm)["shown"][fault] == before + 1
        kit.wait_for("the refusal",
                     lambda: state(k, "e-secret")["refused"] == 1)
        if fault == "audience":  # what says for whom it is, is not taken
            assert state(k, "e-managed")["error"] == "audience"
        ask(calm, fault="")
        kit.wait_for("a good one", lambda: k.chat(
            key, "m-e-managed").status_code == 200, 15)


REASONS = {"html": "html", "error": "error_status", "throttle": "throttled",
           "redirect": "redirect", "garbage": "garbage", "empty": "garbage",
           "large": "too_large", "reset": "broken"}


def test_an_endpoint_that_breaks_gives_its_reason(calm, folder, tmp_path):
    """A sign-in that reads a file is done anew at each reload; the token of
    the first one stays good."""
    with one(folder, tmp_path, calm, "e-fed") as k:
        key = k.key("k")["key"]
        for fault, reason in REASONS.items():
            ask(calm, fault=fault)
            k.run("reload")
            kit.wait_for(fault, lambda r=reason: state(k, "e-fed").get(
                "error") == r)
            assert state(k, "e-fed")["state"] == "aging"
            assert k.chat(key, "m-e-fed").status_code == 200
        ask(calm, fault="")
        k.run("reload")
        kit.wait_for("the end of it", lambda: state(k, "e-fed")["state"]
                     == "good")
        assert "error" not in state(k, "e-fed")


@pytest.mark.parametrize("fault, reason", [("html", "html"),
                                           ("echo", "refused")])
def test_without_a_token_calls_fail_and_heal(
        calm, folder, tmp_path, fault, reason):
    ask(calm, fault=fault)
    with one(folder, tmp_path, calm, "e-secret") as k:
        key = k.key("k")["key"]
        r = k.chat(key, "m-e-secret")
        assert r.status_code == 502
        assert r.json()["error"]["code"] == "provider_credential"
        row = state(k, "e-secret")
        assert (row["state"], row["error"]) == ("bad", reason), row
        assert "error_code" not in row, row
        ask(calm, fault="")
        kit.wait_for("a token", lambda: k.chat(
            key, "m-e-secret").status_code == 200)
        assert state(k, "e-secret")["state"] == "good"
        assert sign_in.CANARIES["ENTRA_SECRET"] not in k.text()


def test_an_endpoint_that_asks_for_an_hour_is_asked_each_minute(
        calm, folder, tmp_path):
    """When there is nothing at hand meanwhile."""
    def serve():
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 429 No\r\nRetry-After: 3600\r\n"
                             b"Content-Type: application/json\r\n"
                             b"Content-Length: 2\r\n"
                             b"Connection: close\r\n\r\n{}")
                peer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        k = one(folder, tmp_path, calm, "e-managed")
        k.config["providers"]["e-managed"]["auth"]["entra"][
            "metadata_endpoint"] = \
            f"http://127.0.0.1:{listener.getsockname()[1]}"
        with k:
            kit.wait_for("a refusal", lambda: state(
                k, "e-managed").get("error") == "throttled")
            row = state(k, "e-managed")
            assert row["state"] == "bad"
            assert 50 < row["next_in_s"] <= 60, row
        listener.shutdown(socket.SHUT_RDWR)


def test_an_endpoint_that_hangs_holds_up_nobody_else(calm, folder, tmp_path):
    ask(calm, fault="hang", count=1)
    k = one(folder, tmp_path, calm, "e-secret", "org")
    start = time.monotonic()
    with k:
        assert time.monotonic() - start < 8 * kit.SLOW
        key = k.key("k")["key"]
        assert k.chat(key, "m-org").status_code == 200
        assert state(k, "e-secret")["state"] == "not yet"


# --- calls that notice nothing -----------------------------------------------

class Calls:
    """Calls one after the other, from some threads, until the end."""

    def __init__(self, k, key, models, threads=2):
        self.k, self.key, self.models = k, key, models
        self.stop, self.bad, self.good = threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(threads)]

    def run(self, i):
        with self.k.http(self.key) as http:
            while not self.stop.is_set():
                model = self.models[i % len(self.models)]
                i += 1
                r = http.post("/v1/chat/completions", json={
                    "model": model,
                    "messages": [{"role": "user", "content": "x"}]})
                if r.status_code == 200:
                    self.good += 1
                else:
                    self.bad.append((model, r.status_code, r.text))
                time.sleep(0.002)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for t in self.threads:
            t.join()


def test_rotation_outage_and_death_under_load_fail_no_call(
        calm, folder, tmp_path):
    """Tokens of eight seconds; the courier dies, the endpoints are down, and
    come back, all within what is left of them."""
    names = ("e-secret", "a-role", "g-key")
    ask(calm, lifetime_s=8)
    with one(folder, tmp_path, calm, *names) as k:
        key = k.key("k")["key"]
        with Calls(k, key, [f"m-{n}" for n in names]) as calls:
            kit.wait_for("the second round", lambda: all(
                state(k, n)["got"] >= 2 for n in names), 20)
            os.kill(k.of_role("courier")[0], signal.SIGKILL)
            kit.wait_for("a courier", lambda: k.of_role("courier"))
            kit.wait_for("the third round", lambda: all(
                state(k, n)["got"] >= 3 for n in names), 20)
            ask(calm, fault="error")
            kit.wait_for("the outage", lambda: any(
                state(k, n)["state"] == "aging" for n in names), 20)
            ask(calm, fault="")
            kit.wait_for("the end of the outage", lambda: all(
                state(k, n)["state"] == "good" for n in names), 20)
        assert not calls.bad, (calls.bad[:3], len(calls.bad), k.text())
        assert calls.good > 500 / kit.SLOW
        shown = ask(calm)["shown"]
        assert shown["expired"] == 0, shown


def test_keys_rotated_by_the_cloud_are_noticed_at_once(
        calm, folder, tmp_path):
    with both(one(folder, tmp_path, calm, "e-secret", "org")) as k:
        key = k.key("k")["key"]
        with Calls(k, key, ["m-both"]) as calls:
            ask(calm, rotate=True)
            kit.wait_for("a new token",
                         lambda: state(k, "e-secret")["got"] >= 2)
            before = calls.good
            kit.wait_for("more calls", lambda: calls.good > before + 20)
        assert not calls.bad, calls.bad[:3]
        r = k.chat(key, "m-e-secret")
        assert r.status_code == 200 and \
            r.headers["x-kontor-deployment"] == "d-e-secret"


def test_reload_reads_secrets_anew_and_waits_for_what_is_new(
        calm, folder, tmp_path):
    k = one(folder, tmp_path, calm, "e-secret")
    secret = tmp_path / "client.secret"
    secret.write_text("not it\n")
    entra = k.config["providers"]["e-secret"]["auth"]["entra"]
    entra["client_secret"] = f"file:{secret}"
    with k:
        key = k.key("k")["key"]
        assert state(k, "e-secret")["state"] == "bad"
        secret.write_text(sign_in.CANARIES["ENTRA_SECRET"] + "\n")
        more = sign_in.config(tmp_path, calm.url, only=("g-key",))
        k.config["providers"].update(more["providers"])
        k.config["models"].update(more["models"])
        k.config["prices"] += more["prices"]
        k.write_config()
        k.run("reload")
        for model in ("m-g-key", "m-e-secret"):
            r = k.chat(key, model)
            assert r.status_code == 200, (model, r.text)
        # A bad one changes nothing.
        entra["client_secret"] = "file:/nowhere"
        k.write_config()
        assert k.run("reload", check=False).returncode == 1
        assert k.chat(key, "m-e-secret").status_code == 200


def lay_token(folder, version):
    """As Kubernetes does: token is a link to ..data/token, and ..data one to
    a folder that is new each time."""
    (folder / version).mkdir(parents=True)
    (folder / version / "token").write_text(sign_in.CANARIES["OIDC_ENTRA"])
    (folder / "..next").symlink_to(version)
    (folder / "..next").rename(folder / "..data")
    if version == "..1":
        (folder / "token").symlink_to("..data/token")
    else:
        shutil.rmtree(folder / "..1")


def test_a_reload_may_name_a_file_in_another_folder(calm, folder, tmp_path):
    """The courier was not sealed for it: the next one is, before calls come."""
    with one(folder, tmp_path, calm, "e-secret") as k:
        key = k.key("k")["key"]
        more = sign_in.config(tmp_path, calm.url, only=("e-fed",))
        k.config["providers"].update(more["providers"])
        k.config["models"].update(more["models"])
        k.config["prices"] += more["prices"]
        for name in "one", "two":
            lay_token(tmp_path / name, "..1")
            k.config["providers"]["e-fed"]["auth"]["entra"][
                "federated_token_file"] = str(tmp_path / name / "token")
            k.write_config()
            k.run("reload")
            for model in "m-e-fed", "m-e-secret":
                r = k.chat(key, model)
                assert r.status_code == 200, (model, r.text)
        courier = k.of_role("courier")
        lay_token(tmp_path / "two", "..2")
        k.run("reload")
        assert state(k, "e-fed")["state"] == "good", state(k, "e-fed")
        assert k.of_role("courier") == courier


# --- secrets -----------------------------------------------------------------

def needles(folder):
    """What must stand nowhere: every secret, and any token (their heads are
    alike) of the simulated clouds."""
    return [v.encode() for v in sign_in.CANARIES.values()] + \
        [line.encode() for line in sign_in.pem_line(folder)] + \
        [b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9", b"AQAEALsimulated"]


def find_in(name, data, words):
    found = [w for w in words if w in data]
    assert not found, (name, found)


def test_no_secret_is_in_logs_files_answers_or_core_dumps(
        calm, folder, tmp_path):
    words = needles(folder)
    k = one(folder, tmp_path, calm)
    k.env["KONTOR_LOG"] = "debug"
    run = tmp_path / "run"
    run.mkdir()
    here = os.getcwd()
    os.chdir(run)  # where a core file would be
    try:
        with cores_allowed(), k:
            look_everywhere(calm, k, words)
            if kit.SLOW == 1:
                dump_cores(k)
    finally:
        os.chdir(here)
    assert not list(run.rglob("core*")), list(run.iterdir())
    for path in [k.log, *k.data_dir.rglob("*")]:
        if path.is_file():
            find_in(path, path.read_bytes(), words)


class cores_allowed:
    def __enter__(self):
        self.old = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (self.old[1], self.old[1]))

    def __exit__(self, *exc):
        resource.setrlimit(resource.RLIMIT_CORE, self.old)


def look_everywhere(clouds, k, words):
    key = k.key("k")["key"]
    for name in METHODS + ["g-vertex"] + STATIC:
        r = k.chat(key, f"m-{name}")
        assert r.status_code == 200, (name, r.text)
        find_in(name, r.content + str(r.headers).encode(), words)
        found = k.run("explain", r.headers["x-kontor-request-id"], "--json")
        find_in("explain", found.stdout.encode(), words)
    # Endpoints that fail, and one that repeats what it was sent.
    for fault in ("echo", "html", "error"):
        ask(clouds, fault=fault, rotate=True)
        for name in METHODS + ["g-vertex"] + STATIC:
            r = k.chat(key, f"m-{name}")
            find_in(name, r.content + str(r.headers).encode(), words)
        time.sleep(0.5)
    for path in ("/api/v1/health", "/metrics", "/api/v1/config",
                 "/api/v1/deployments"):
        r = httpx.get(k.admin + path, headers=admin(k))
        find_in(path, r.content, words)
    for args in (["status"], ["status", "--json"], ["plan", "--json"],
                 ["check", "--json"]):
        r = k.run(*args, check=False)
        find_in(args, (r.stdout + r.stderr).encode(), words)
    for title, pid in k.processes().items():
        for name in ("cmdline", "environ"):
            if title == "supervisor" and name == "environ":
                continue  # what the operator gave it
            data = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
            find_in((title, name), data, words)


def dump_cores(k):
    """They die of SEGV with cores allowed; and the wallet is marked."""
    for role in ("courier", "worker"):
        for pid in k.of_role(role):
            maps = pathlib.Path(f"/proc/{pid}/smaps").read_text()
            wallet = maps.split("memfd:wallet", 1)[1].split("VmFlags:")[1]
            assert " dd" in wallet.splitlines()[0], wallet[:200]
            os.kill(pid, signal.SIGSEGV)
            kit.wait_for("its end", lambda p=pid: not os.path.exists(
                f"/proc/{p}") or "Z" in open(f"/proc/{p}/stat").read())


def test_a_metadata_address_is_for_the_courier_of_a_machines_identity(
        tmp_path):
    """In a network of its own."""
    if subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("no network of its own can be made here")
    script = pathlib.Path(sign_in.__file__).with_name("sign_in_netns.py")
    r = subprocess.run(
        ["unshare", "-n", sys.executable, script, tmp_path],
        capture_output=True, text=True, timeout=120 * kit.SLOW, check=False)
    assert r.returncode == 0 and "all good" in r.stdout, r.stdout + r.stderr


def test_an_endpoint_must_prove_its_name(calm, folder, tmp_path, certs):
    host, port = calm.url[7:].split(":")
    doors = {name: Terminator(certs, name, (host, int(port)))
             for name in ("good", "stranger", "other")}
    k = one(folder, tmp_path, calm, "e-secret", "g-metadata")
    template = k.config["providers"].pop("e-secret")
    for name, door in doors.items():
        row = json.loads(json.dumps(template))
        row["auth"]["ca_file"] = str(certs / "ca.pem")
        row["auth"]["entra"]["authority"] = f"https://localhost:{door.port}"
        k.config["providers"][name] = row
    del k.config["models"]["m-e-secret"]
    k.config["prices"] = []
    with k:
        assert state(k, "good")["state"] == "good"
        for name in ("stranger", "other"):
            assert state(k, name)["error"] == "tls", state(k, name)


def both(k):
    k.config["models"]["m-both"] = {"deployments": [
        {"id": "both-1", "provider": "e-secret", "name": "gpt-prod"},
        {"id": "both-2", "provider": "org", "name": sign_in.MODEL}]}
    return k


def test_a_deployment_without_a_credential_is_passed_over(
        calm, folder, tmp_path):
    ask(calm, fault="html")
    with both(one(folder, tmp_path, calm, "e-secret", "org")) as k:
        key = k.key("k")["key"]
        r = k.chat(key, "m-both")
        assert r.status_code == 200
        found = k.explain(r.headers["x-kontor-request-id"])
        assert len(found["attempts"]) == 1, found
        row = next(c for c in found["candidates"]
                   if c["deployment"] == "both-1")
        assert not row["kept"] and "sign-in" in row["why"], row
        ask(calm, fault="")
        kit.wait_for("its return", lambda: k.chat(
            key, "m-both").headers["x-kontor-deployment"] == "both-1")


def test_a_new_credential_ends_the_rest_after_refusals(
        calm, folder, tmp_path):
    """Six refusals in a row rest a provider's credential for half a minute;
    the one that was fetched meanwhile is used at once."""
    with both(one(folder, tmp_path, calm, "e-secret", "org")) as k:
        key = k.key("k")["key"]
        ask(calm, rotate=True, fault="error")
        for _ in range(8):
            assert k.chat(key, "m-both").status_code == 200
        ask(calm, fault="")
        kit.wait_for("its return", lambda: k.chat(
            key, "m-both").headers["x-kontor-deployment"] == "both-1")


def test_what_the_clouds_find_expired_is_refused(calm, folder, tmp_path):
    """Two hours later by their clock: the token is over, a signature of ours
    too old.  The courier learns of the clock; Oracle's requests, which it has
    no part in, go by our own."""
    names = ("e-secret", "a-instance", "o-sign")
    with one(folder, tmp_path, calm, *names) as k:
        key = k.key("k")["key"]
        ask(calm, clock_offset_s=7200)
        before = ask(calm)["shown"]["expired"]
        for name in names:
            assert k.chat(key, f"m-{name}").status_code == 502, name
        assert ask(calm)["shown"]["expired"] == before + 2
        for name in names[:2]:
            kit.wait_for("another", lambda n=name: k.chat(
                key, f"m-{n}").status_code == 200)
        assert k.chat(key, "m-o-sign").status_code == 502
        ask(calm, clock_offset_s=0)
        assert k.chat(key, "m-o-sign").status_code == 200


def test_commands_sign_in_for_themselves(calm, folder, tmp_path):
    """Without an instance: kontor check --online, kontor models diff."""
    k = one(folder, tmp_path, calm, "e-secret", "a-role", "g-metadata")
    k.write_config()
    r = k.run("check", "--online")
    assert "sign-in of a-role (aws_keys): good for 3600 s" in r.stdout
    rows = k.cli("models", "diff", "--json")["providers"]
    assert all(row["asked"] for row in rows), rows
    assert all(not row["missing"] for row in rows), rows
    assert {row["provider"] for row in rows} == {
        "e-secret", "a-role", "g-metadata"}
    k.env["ENTRA_SECRET"] = "wrong"
    r = k.run("check", "--online", "--json", check=False)
    assert r.returncode == 1
    rows = {x["provider"]: x for x in json.loads(r.stdout)["sign_ins"]}
    assert rows["e-secret"]["error"] == "refused" and rows[
        "e-secret"]["code"] == "AADSTS7000215"
    assert rows["a-role"]["ok"]
    ask(calm, clock_offset_s=900)
    k.env["ENTRA_SECRET"] = sign_in.CANARIES["ENTRA_SECRET"]
    assert k.run("check", "--online").returncode == 0


def test_lists_are_asked_for_with_what_was_signed_in_for(
        calm, folder, tmp_path):
    """Entra's tokens, signed requests of AWS and of Oracle, Google's."""
    names = [*METHODS, "g-vertex", *STATIC]
    k = one(folder, tmp_path, calm, *names)
    k.write_config()
    rows = k.cli("models", "diff", "--json")["providers"]
    assert {row["provider"] for row in rows} == set(names)
    for row in rows:
        assert row["asked"] and not row["missing"], row
        assert not row["unsaid"] and row["listed"] >= 1, row
    # What only the simulated clouds could have said.
    assert {n for row in rows for n in row["new"]} >= {
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}
