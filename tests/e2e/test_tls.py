"""TLS to providers: verified against a store, by name, or not at all."""
import contextlib
import select
import socket
import ssl
import threading

import certs as certs_of
import kit
import pytest


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    """A CA, and certificates for localhost: good, expired, of nobody."""
    d = tmp_path_factory.mktemp("certs")

    certs_of.ca(d, "ca")
    certs_of.ca(d, "nobody")
    certs_of.leaf(d, "good", "DNS:localhost,IP:127.0.0.1", "ca")
    certs_of.leaf(d, "stranger", "DNS:localhost,IP:127.0.0.1", "nobody")
    certs_of.leaf(d, "other", "DNS:elsewhere.example", "ca")
    certs_of.leaf(d, "expired", "DNS:localhost,IP:127.0.0.1", "ca",
                  "-days", "-1")
    return d


class Terminator:
    """A TLS door before the simulator."""

    def __init__(self, certs, name, target, versions=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if versions:
            self.context.minimum_version, self.context.maximum_version = \
                versions
            self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.context.load_cert_chain(certs / f"{name}.pem",
                                     certs / f"{name}.key")
        self.target, self.accepted, self.open = target, 0, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.socket.accept()
                threading.Thread(target=self.relay, args=(s,),
                                 daemon=True).start()

    def hang_up(self):
        while self.open:
            with contextlib.suppress(OSError):
                self.open.pop().shutdown(socket.SHUT_RDWR)

    def relay(self, raw):
        with contextlib.suppress(OSError, ssl.SSLError):
            client = self.context.wrap_socket(raw, server_side=True)
            self.accepted += 1
            self.open.append(client)
            up = socket.create_connection(self.target)
            while True:
                ready = [client] if client.pending() else \
                    select.select([client, up], [], [])[0]
                for s in ready:
                    data = s.recv(65536)
                    if not data:
                        client.close()
                        up.close()
                        return
                    (up if s is client else client).sendall(data)


@pytest.fixture(scope="module")
def doors(certs, sim):
    host, port = sim.url[7:].split(":")
    at = (host, int(port))
    return {name: Terminator(certs, name, at)
            for name in ("good", "stranger", "other", "expired")} | {
        "old": Terminator(certs, "good", at, (ssl.TLSVersion.TLSv1,
                                              ssl.TLSVersion.TLSv1_1))}


@pytest.fixture(scope="module")
def secured(certs, doors, sim, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secured")
    config = kit.make_config(sim.url, folder / "data")

    def add(name, door, host="127.0.0.1", ca=True):
        config["providers"][name] = {
            "type": "openai", "auth": {"api_key": "${SIM_OPENAI}"},
            "base_url": f"https://{host}:{doors[door].port}/v1"}
        if ca:
            config["providers"][name]["ca_file"] = str(certs / "ca.pem")
        config["models"][f"t-{name}"] = {"deployments": [
            kit.deployment(f"d-{name}", name, "gpt-5.4")]}
        config["prices"].append({"deployment": f"d-{name}",
                                 **kit.PRICES["openai"]})
    add("good", "good")
    add("name", "good", host="localhost")
    add("untrusted", "good", ca=False)
    add("stranger", "stranger")
    add("other", "other")
    add("expired", "expired")
    add("old", "old")
    with kit.Kontor(folder, config) as kontor:
        kontor.suite_key = kontor.key("tls")["key"]
        yield kontor
        kontor.verify()


@pytest.mark.parametrize("model", ["t-good", "t-name"])
def test_a_verified_provider_serves(secured, doors, model):
    before = doors["good"].accepted
    for i in range(6):
        r = secured.chat(secured.suite_key, model, f"{i} [[sim out=5]]")
        assert r.status_code == 200, r.text
    # Connections are kept: two workers, not six.
    assert doors["good"].accepted - before <= 3
    with secured.http(secured.suite_key) as http:
        r = http.post("/v1/chat/completions", json={
            "model": model, "stream": True, "messages": [{
                "role": "user", "content": "[[sim out=300]]"}]})
        assert "[DONE]" in r.text


@pytest.mark.parametrize("name", ["untrusted", "stranger", "other",
                                  "expired", "old"])
def test_a_provider_that_cannot_prove_itself_gets_nothing(
        secured, sim, name):
    before = sim.stats()["openai"]["received"]
    r = secured.chat(secured.suite_key, f"t-{name}")
    assert r.status_code == 502, r.text
    assert r.json()["error"]["code"] == "provider_tls"
    told = secured.explain(r.headers["x-kontor-request-id"])
    assert told["attempts"][0]["resolution"] == "void"
    assert sim.stats()["openai"]["received"] == before
