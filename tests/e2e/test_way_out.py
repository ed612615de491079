"""The way to providers: certificates shown and pinned, proxies, addresses."""
import base64
import socket
import ssl
import subprocess
import threading

import certs as certs_of
import kit
import pytest
import sign_in
from test_tls import Terminator


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    d = tmp_path_factory.mktemp("way-out")
    certs_of.ca(d, "ca")
    certs_of.ca(d, "ca2")
    certs_of.ca(d, "clients")
    certs_of.leaf(d, "here", "DNS:localhost,IP:127.0.0.1", "ca")
    certs_of.leaf(d, "here2", "DNS:localhost,IP:127.0.0.1", "ca2")
    certs_of.leaf(d, "link", "DNS:api.provider.example", "ca")
    certs_of.leaf(d, "us", "DNS:us", "clients", usage="clientAuth")
    return d


class Asking(Terminator):
    """Wants a certificate of its client."""

    def __init__(self, certs, name, target):
        super().__init__(certs, name, target)
        self.context.load_verify_locations(certs / "clients.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED


class Proxy:
    """Tunnels; wants a password when it has one."""

    # In two pieces: a head may come so.
    OPEN = (b"HTTP/1.1 200 Connection est",
            b"ablished\r\nVia: 1.1 us\r\n\r\n")

    def __init__(self, password=None, answer=None, to=None, opens=OPEN):
        self.password, self.answer, self.to = password, answer, to
        self.opens = opens
        self.asked = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def serve(self):
        while True:
            s, _ = self.socket.accept()
            threading.Thread(target=self.tunnel, args=(s,),
                             daemon=True).start()

    def tunnel(self, s):
        try:
            self.tunnel_or_fail(s)
        except OSError:
            s.close()

    def tunnel_or_fail(self, s):
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            more = s.recv(4096)
            if not more:
                return
            data += more
        lines = data.decode().split("\r\n")
        method, target, _ = lines[0].split()
        headers = dict(x.split(": ", 1) for x in lines[1:] if x)
        self.asked.append((target, headers))
        assert method == "CONNECT" and headers["Host"] == target
        if self.answer is not None:
            s.sendall(self.answer)
            s.close()
            return
        want = self.password and "Basic " + base64.b64encode(
            self.password.encode()).decode()
        if headers.get("Proxy-Authorization") != (want or None):
            s.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                      b"Proxy-Authenticate: Basic\r\n"
                      b"Content-Length: 0\r\n\r\n")
            s.close()
            return
        host, port = target.rsplit(":", 1)
        up = socket.create_connection(self.to or (host, int(port)))
        for piece in self.opens:
            s.sendall(piece)
        for a, b in ((s, up), (up, s)):
            threading.Thread(target=self.pump, args=(a, b),
                             daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            s.close()


@pytest.fixture(scope="module")
def at(sim):
    host, port = sim.url[7:].split(":")
    return host, int(port)


@pytest.fixture(scope="module")
def doors(made, at):
    return {"here": Terminator(made, "here", at),
            "here2": Terminator(made, "here2", at),
            "link": Terminator(made, "link", at),
            "asking": Asking(made, "here", at)}


INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
# How proxies open a tunnel, and how none does.
OPENS = {
    "interim": (INTERIM + b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
                INTERIM + OK + b"\r\n"),
    "with-length": (OK + b"Content-Length: 5\r\n\r\n",),
    "with-both": (OK + b"Content-Length: 0\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n",),
    "old": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",)}
OPENS_NOT = {
    "interims": (9 * INTERIM + OK + b"\r\n",),
    "switching": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK +
                  b"\r\n",)}


@pytest.fixture(scope="module")
def proxies(doors):
    return {n: Proxy(opens=o) for n, o in {**OPENS, **OPENS_NOT}.items()} | {
            "open": Proxy(), "locked": Proxy("kontor:s3cret/:+"),
            "by_name": Proxy(to=("127.0.0.1", doors["link"].port)),
            "refusing": Proxy(answer=b"HTTP/1.1 403 Forbidden\r\n"
                              b"Content-Length: 2\r\n\r\nno"),
            "babbling": Proxy(answer=b"220 mail.example ESMTP\r\n\r\n"),
            "chatty": Proxy(answer=b"HTTP/1.1 200 OK\r\n\r\nmore"),
            "silent": Proxy(answer=b"")}


@pytest.fixture(scope="module")
def out(made, doors, proxies, sim, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    config = kit.make_config(sim.url, folder / "data")
    pins = {n: certs_of.pin(made, n) for n in ("here", "ca", "here2")}
    # What the environment says is for who says nothing himself.
    direct = {"proxy": {"direct": True}}

    def add(name, door, host="127.0.0.1", **more):
        port = doors[door].port if door in doors else door
        config["providers"][name] = {
            "type": "openai", "auth": {"api_key": "${SIM_OPENAI}"},
            "base_url": f"https://{host}:{port}/v1",
            "ca_file": str(made / "ca.pem"), **more}
        config["models"][f"o-{name}"] = {"deployments": [
            kit.deployment(f"e-{name}", name, "gpt-5.4")]}
        config["prices"].append({"deployment": f"e-{name}",
                                 **kit.PRICES["openai"]})

    ours = {"certificate": str(made / "us.pem"),
            "private_key": f"file:{made / 'us.key'}"}
    add("shown", "asking", tls=ours, **direct)
    add("not-shown", "asking", **direct)
    add("pinned", "here", tls={"pins": [pins["here2"], pins["here"]]},
        **direct)
    add("pinned-ca", "here", tls={"pins": [pins["ca"]]}, **direct)
    add("mispinned", "here", tls={"pins": [pins["here2"]]}, **direct)
    add("named", "link", tls={"names": ["api.provider.example"]}, **direct)
    add("misnamed", "here", tls={"names": ["api.provider.example"]},
        **direct)
    add("tunnel", "here", proxy={"url": proxies["open"].url})
    add("tunnel-name", 443, host="api.provider.example",
        proxy={"url": proxies["by_name"].url})
    add("tunnel-locked", "here", proxy={
        "url": proxies["locked"].url, "username": "kontor",
        "password": "${PROXY_PASSWORD}"})
    add("tunnel-stranger", "here", proxy={"url": proxies["locked"].url})
    for how in ("refusing", "babbling", "chatty", "silent", *OPENS,
                *OPENS_NOT):
        add(f"tunnel-{how}", "here", proxy={"url": proxies[how].url})
    add("tunnel-gone", "here", proxy={"url": "http://127.0.0.1:9"})
    add("env", 443, host="api.provider.example")
    add("metadata", 443, host="metadata.provider.example", **direct)
    env = {"PROXY_PASSWORD": "s3cret/:+",
           "https_proxy": proxies["by_name"].url,
           "no_proxy": "other.example"}
    with kit.Kontor(folder, config, env) as kontor:
        kontor.suite_key = kontor.key("out")["key"]
        yield kontor
        kontor.verify()


@pytest.mark.parametrize("name", [
    "shown", "pinned", "pinned-ca", "named", "tunnel", "tunnel-name",
    "tunnel-locked", "env", *(f"tunnel-{n}" for n in OPENS)])
def test_a_good_way_serves(out, name):
    for i in range(3):
        r = out.chat(out.suite_key, f"o-{name}", f"{i} [[sim out=5]]")
        assert r.status_code == 200, r.text


@pytest.mark.parametrize("name, code", [
    ("not-shown", "provider_"), ("mispinned", "provider_tls"),
    ("misnamed", "provider_tls"), ("tunnel-stranger", "provider_proxy"),
    ("tunnel-refusing", "provider_proxy"),
    ("tunnel-babbling", "provider_proxy"),
    ("tunnel-chatty", "provider_proxy"),
    ("tunnel-silent", "provider_proxy"),
    *((f"tunnel-{n}", "provider_proxy") for n in OPENS_NOT),
    ("tunnel-gone", "provider_unreachable")])
def test_a_bad_way_gets_nothing(out, sim, name, code):
    before = sim.stats()["openai"]["received"]
    r = out.chat(out.suite_key, f"o-{name}")
    assert r.status_code == 502, r.text
    assert r.json()["error"]["code"].startswith(code), r.text
    assert sim.stats()["openai"]["received"] == before


def test_a_password_goes_to_the_proxy_and_nowhere_else(out, proxies):
    target, headers = proxies["locked"].asked[0]
    assert headers["Proxy-Authorization"].startswith("Basic ")
    assert "Authorization" not in headers
    secret = base64.b64encode(b"kontor:s3cret/:+").decode()
    assert secret not in out.text() and "s3cret" not in out.text()
    assert secret not in out.run("check", "--json", check=False).stdout


def test_the_environments_proxy_names_the_host(out, proxies):
    assert any(t == "api.provider.example:443"
               for t, _ in proxies["by_name"].asked)


def test_a_sign_in_goes_the_providers_way(made, tmp_path):
    sign_in.make_keys(tmp_path)
    proxy = Proxy()
    with kit.Sim(tmp_path, sign_in.sim_config(tmp_path)) as clouds:
        host, port = clouds.url[7:].split(":")
        door = Terminator(made, "here", (host, int(port)))
        config = sign_in.config(tmp_path, clouds.url, ["e-secret"])
        row = config["providers"]["e-secret"]
        row["auth"]["ca_file"] = str(made / "ca.pem")
        row["auth"]["entra"]["authority"] = f"https://127.0.0.1:{door.port}"
        row["proxy"] = {"url": proxy.url}
        with kit.Kontor(tmp_path, config, sign_in.env()) as k:
            r = k.chat(k.key("way")["key"], "m-e-secret", "[[sim out=5]]")
            assert r.status_code == 200, r.text
    targets = {t for t, _ in proxy.asked}
    assert f"127.0.0.1:{door.port}" in targets
    # The provider itself is reached over plain http, through it too.
    assert f"127.0.0.1:{port}" in targets


def test_a_reload_brings_trust_to_a_sealed_worker(out, made, doors):
    """A ca_file that was never named before, and that only root may read."""
    out.config["providers"]["later"] = {
        "type": "openai", "auth": {"api_key": "${SIM_OPENAI}"},
        "base_url": f"https://127.0.0.1:{doors['here2'].port}/v1",
        "ca_file": str(made / "ca2.pem"), "proxy": {"direct": True}}
    out.config["models"]["o-later"] = {"deployments": [
        kit.deployment("e-later", "later", "gpt-5.4")]}
    out.config["prices"].append({"deployment": "e-later",
                                 **kit.PRICES["openai"]})
    (made / "ca2.pem").chmod(0o600)
    out.write_config()
    out.run("reload")
    r = out.chat(out.suite_key, "o-later", "[[sim out=5]]")
    assert r.status_code == 200, r.text
    # And trust that is taken away is gone.
    out.config["providers"]["later"]["ca_file"] = str(made / "ca.pem")
    out.write_config()
    out.run("reload")
    r = out.chat(out.suite_key, "o-later", "[[sim out=5]]")
    assert r.json()["error"]["code"] == "provider_tls", r.text


BAD = [
    ({"ca_file": "/nonexistent.pem"}, "cannot be used"),
    ({"ca_file": "{us.key}"}, "holds no certificate in PEM"),
    ({"tls": {"certificate": "{us.pem}"}}, "go together"),
    ({"tls": {"private_key": "file:{us.key}"}}, "go together"),
    ({"tls": {"certificate": "{us.pem}", "private_key":
              "file:{ca.key}"}}, "is not the certificate's"),
    ({"tls": {"pins": ["sha256/abc"]}}, "a pin is"),
    ({"tls": {"pins": ["md5/" + "A" * 44]}}, "a pin is"),
    ({"tls": {"pins": []}}, "pins"),
    ({"tls": {"names": ["not a name"]}}, "no name of a host"),
    ({"tls": {"names": "a.example"}}, "names"),
    ({"tls": {"verify": False}}, "verify"),
    ({"base_url": "http://127.0.0.1:1/v1", "tls":
      {"names": ["a.example"]}}, "plain http"),
    ({"proxy": {}}, "one of url and direct"),
    ({"proxy": {"url": "http://p:1", "direct": True}},
     "one of url and direct"),
    ({"proxy": {"url": "https://p:1"}}, "plain HTTP"),
    ({"proxy": {"url": "http://p:1/path"}}, "no path"),
    ({"proxy": {"url": "socks5://p:1"}}, "must begin with"),
    ({"proxy": {"url": "http://169.254.169.254:80"}}, "never"),
    ({"proxy": {"url": "http://p:1", "username": "u"}}, "go together"),
    ({"proxy": {"url": "http://p:1", "username": "a:b",
                "password": "${SIM_OPENAI}"}}, "no colon"),
    ({"proxy": {"url": "http://p:1", "username": "u",
                "password": "plain"}}, "may not stand"),
]


def check(made, sim, folder, more, env=None):
    config = kit.make_config(sim.url, folder / "data")

    def fill(v):
        if isinstance(v, dict):
            return {k: fill(x) for k, x in v.items()}
        if isinstance(v, str) and "{us." in v or \
                isinstance(v, str) and "{ca." in v:
            a, b = v.split("{")
            return a + str(made / b[:-1])
        return v
    config["providers"]["bad"] = {
        "type": "openai", "auth": {"api_key": "${SIM_OPENAI}"},
        "base_url": "https://127.0.0.1:1/v1", **fill(more)}
    path = folder / "kontor.yaml"
    path.write_text(kit.dump(config))
    return path, subprocess.run(
        [kit.KONTOR, "check", "-c", path], text=True,
        env={**kit.SECRETS, "SIM_WRONG": "x", **(env or {})},
        capture_output=True)


@pytest.mark.parametrize("more, says", BAD)
def test_bad_options_are_told_by_check(made, sim, tmp_path, more, says):
    path, r = check(made, sim, tmp_path, more)
    assert r.returncode == 1
    assert f"{path}:" in r.stderr + r.stdout
    assert says in r.stderr + r.stdout, r.stderr + r.stdout


@pytest.mark.parametrize("url", [
    "https://p:1", "socks5://p:1", "http://", "http://p:99999", "http://p/x"])
def test_a_bad_environment_is_told_by_check(made, sim, tmp_path, url):
    _, r = check(made, sim, tmp_path, {}, {"https_proxy": url})
    assert r.returncode == 1
    assert "https_proxy cannot be used" in r.stderr + r.stdout
