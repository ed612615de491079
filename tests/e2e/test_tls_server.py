"""TLS at kontor's own listeners."""
import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time

import certs
import h2.connection
import h2.events
import httpx
import kit
import pytest

NAMES = {"a": "a.example", "b": "*.b.example"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    d = tmp_path_factory.mktemp("server-certs")
    certs.ca(d, "ca")
    certs.ca(d, "clients")
    certs.leaf(d, "a", "DNS:a.example,IP:127.0.0.1", "ca")
    certs.leaf(d, "a2", "DNS:a.example,IP:127.0.0.1", "ca")
    certs.leaf(d, "b", "DNS:*.b.example", "ca")
    certs.leaf(d, "caller", "DNS:caller", "clients")
    certs.leaf(d, "stranger", "DNS:stranger", "ca")
    return d


def pair(name):
    return {"certificate": f"{name}.pem", "private_key": f"file:{name}.key"}


def make(made, folder, sim, gateway, admin=None):
    folder.mkdir(exist_ok=True)
    for f in made.iterdir():
        shutil.copy(f, folder)
    config = kit.make_config(sim.url, folder / "data")
    config["listen"]["gateway"]["tls"] = gateway
    if admin:
        config["listen"]["admin"]["tls"] = admin
    return config


@pytest.fixture(scope="module")
def secured(made, sim, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls-server")
    config = make(made, folder, sim,
                  {"certificates": [pair("a"), pair("b")]},
                  {"certificates": pair("a")})
    with kit.Kontor(folder, config) as kontor:
        kontor.suite_key = kontor.key("tls")["key"]
        yield kontor
        kontor.verify()


def context(folder, ca="ca", alpn=("http/1.1",), client=None):
    c = ssl.create_default_context(cafile=str(folder / f"{ca}.pem"))
    c.set_alpn_protocols(list(alpn))
    if client:
        c.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    return c


def dial(kontor, name="a.example", session=None, **more):
    c = more.pop("context", None) or context(kontor.folder, **more)
    raw = socket.create_connection(kontor.address, timeout=10)
    return c.wrap_socket(raw, server_hostname=name, session=session)


def ask(s, key, model="m-openai", text="[[sim out=5]]", path=None):
    body = json.dumps({"model": model, "messages": [
        {"role": "user", "content": text}]}).encode()
    s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
              b"Content-Type: application/json\r\n"
              b"Authorization: Bearer " + key.encode() +
              b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return read_answer(s)


def read_answer(s):
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        assert more, data
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                  if line.lower().startswith(b"content-length"))
    while len(rest) < length:
        rest += s.recv(65536)
    return int(head.split()[1]), json.loads(rest)


def get_h2(s, authority, path):
    c = h2.connection.H2Connection()
    c.initiate_connection()
    c.send_headers(1, [(":method", "GET"), (":scheme", "https"),
                       (":authority", authority), (":path", path)],
                   end_stream=True)
    while True:
        s.sendall(c.data_to_send())
        for e in c.receive_data(s.recv(65536)):
            if isinstance(e, h2.events.ResponseReceived):
                return dict(e.headers)[b":status"]


def common_name(s):
    return dict(x[0] for x in s.getpeercert()["subject"])["commonName"]


def test_the_certificate_is_the_one_for_the_name(secured):
    for name, cn in (("a.example", "a"), ("x.b.example", "b")):
        with dial(secured, name) as s:
            assert common_name(s) == cn
            status, answer = ask(s, secured.suite_key)
            assert status == 200, answer
            # The next request of the same connection.
            assert ask(s, secured.suite_key)[0] == 200
    c = context(secured.folder)
    c.check_hostname = False
    with dial(secured, "unknown.example", context=c) as s:
        assert common_name(s) == "a"
    # A name one level too deep is nobody's.
    with pytest.raises(ssl.SSLCertVerificationError):
        dial(secured, "y.x.b.example")


def test_what_is_too_old_or_not_tls_is_refused(secured):
    c = context(secured.folder)
    c.minimum_version = c.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        dial(secured, context=c)
    c = context(secured.folder)
    c.maximum_version = ssl.TLSVersion.TLSv1_2
    with dial(secured, context=c) as s:
        assert s.version() == "TLSv1.2"
        assert "ECDHE" in s.cipher()[0]
        assert ask(s, secured.suite_key)[0] == 200
    c.set_ciphers("AES128-SHA:AES256-GCM-SHA384")  # no forward secrecy
    with pytest.raises(ssl.SSLError):
        dial(secured, context=c)
    r = httpx.get(f"http://{secured.address[0]}:{secured.address[1]}/readyz")
    assert r.status_code == 400 and "https" in r.text
    with socket.create_connection(secured.address, timeout=10) as s:
        s.sendall(b"\x16\x03\x01\x00\x05nonsense")
        with contextlib.suppress(ConnectionError):
            while s.recv(4096):
                pass


def test_alpn_says_what_is_spoken(secured):
    with dial(secured, alpn=("http/1.1",)) as s:
        assert s.selected_alpn_protocol() == "http/1.1"
    with dial(secured, alpn=("h2", "http/1.1")) as s:
        assert s.selected_alpn_protocol() == "h2"
        assert get_h2(s, secured.gateway[8:], "/healthz") == b"200"
    with pytest.raises(ssl.SSLError):
        dial(secured, alpn=("acme-tls/1",))


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_session_is_resumed_at_any_worker(secured, version):
    c = context(secured.folder)
    c.minimum_version = c.maximum_version = getattr(ssl.TLSVersion, version)
    with dial(secured, context=c) as s:
        assert ask(s, secured.suite_key)[0] == 200
        session = s.session
    assert session is not None and session.has_ticket
    for _ in range(8):  # two workers
        with dial(secured, context=c, session=session) as s:
            assert s.session_reused
            assert ask(s, secured.suite_key)[0] == 200
            if version == "TLSv1_3":
                session = s.session


def test_a_long_stream_and_pipelined_requests(secured):
    with httpx.Client(verify=context(secured.folder)) as http:
        r = http.post(secured.gateway + "/v1/chat/completions",
                      headers={"authorization":
                               "Bearer " + secured.suite_key},
                      json={"model": "m-openai", "stream": True,
                            "messages": [{"role": "user", "content":
                                          "[[sim out=2000]]"}]})
        assert r.status_code == 200 and "[DONE]" in r.text
    with dial(secured) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        for _ in range(3):
            data = b""
            while data.count(b"HTTP/1.1 200") < 3:
                data += s.recv(65536)
            break
        assert data.count(b"HTTP/1.1 200") == 3


def test_the_command_line_knows_its_own_instance(secured):
    # Its address is 127.0.0.1; the key is the one that data_dir names.
    run = json.loads((secured.data_dir / "run.json").read_text())
    assert run["admin"].startswith("https://") and run["admin_pin"]
    assert secured.usage()["rows"] is not None


def test_a_reload_brings_certificates_and_cuts_nothing(secured):
    folder = secured.folder
    key = secured.suite_key
    stop, done = threading.Event(), []

    def serve_on():
        with dial(secured) as s:
            while not stop.is_set():
                assert ask(s, key)[0] == 200
                done.append(1)
    threads = [threading.Thread(target=serve_on) for _ in range(4)]
    old = dial(secured)
    for t in threads:
        t.start()
    kit.wait_for("calls", lambda: len(done) > 4)
    for end in ("pem", "key"):
        shutil.copy(folder / f"a2.{end}", folder / f"a.{end}")
    plan = secured.run("plan").stdout
    assert "gateway_tls" in plan and "PRIVATE" not in plan
    secured.run("reload")
    with dial(secured) as s:
        assert common_name(s) == "a2"
    # What was open goes on under the certificate that it began with.
    assert common_name(old) == "a"
    assert ask(old, key)[0] == 200
    old.close()
    before = len(done)
    kit.wait_for("more calls", lambda: len(done) > before + 4)
    stop.set()
    for t in threads:
        t.join()
    # Behind its new key too.
    assert secured.usage()["rows"] is not None


def test_a_bad_certificate_leaves_the_old_one(secured):
    folder = secured.folder
    good = (folder / "a.key").read_bytes()
    (folder / "a.key").write_bytes((folder / "b.key").read_bytes())
    r = secured.run("reload", check=False)
    assert r.returncode == 1
    assert "not the certificate's" in r.stderr + r.stdout
    (folder / "a.key").write_bytes(good)
    with dial(secured) as s:
        assert ask(s, secured.suite_key)[0] == 200


def test_client_certificates(made, sim, tmp_path):
    tls = {"certificates": pair("a"), "client_certificates": "required",
           "client_ca_file": "clients.pem"}
    config = make(made, tmp_path / "mtls", sim, tls)
    with contextlib.ExitStack() as stack:
        kontor = kit.Kontor(tmp_path / "mtls", config)
        kontor.wait_ready = lambda: kit.wait_for(
            "admin", lambda: httpx.get(
                kontor.admin + "/readyz").status_code == 200)
        stack.enter_context(kontor)
        key = kontor.key("mtls")["key"]
        with dial(kontor, client="caller") as s:
            assert ask(s, key)[0] == 200
            session, c = s.session, s.context
        with dial(kontor, context=c, session=session) as s:
            assert s.session_reused and ask(s, key)[0] == 200
        for who in (None, "stranger"):
            # TLS 1.3: the alert comes with the first read.
            with pytest.raises((ssl.SSLError, ConnectionError)):
                with dial(kontor, client=who) as s:
                    ask(s, key)
        # Optional: who shows one must show a good one.
        tls["client_certificates"] = "optional"
        kontor.write_config()
        kontor.run("reload")
        with dial(kontor) as s:
            assert ask(s, key)[0] == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with dial(kontor, client="stranger") as s:
                ask(s, key)


class Rekeying:
    """openssl's client, which sends new keys when told to."""

    def __init__(self, kontor):
        self.child = subprocess.Popen(
            ["openssl", "s_client", "-connect", kontor.gateway[8:],
             "-servername", "a.example", "-CAfile",
             str(kontor.folder / "ca.pem")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = b""
        threading.Thread(target=self.read, daemon=True).start()
        kit.wait_for("a handshake", lambda: b"Verify return code" in
                     self.text)

    def read(self):
        while data := self.child.stdout.read1():
            self.text += data

    def send(self, data):
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.write(data)
            self.child.stdin.flush()
        time.sleep(0.02)

    def end(self):
        self.child.kill()
        self.child.wait()


def test_new_keys_are_taken_and_a_flood_of_them_is_not(secured):
    c = Rekeying(secured)
    for _ in range(8):
        c.send(b"K\n")
    c.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    kit.wait_for("an answer", lambda: b"HTTP/1.1 200" in c.text)
    for _ in range(100):
        c.send(b"K\n")
    kit.wait_for("the end", lambda: c.child.poll() is not None)
    assert b"KEYUPDATE" in c.text
    c.end()
    with dial(secured) as s:
        assert ask(s, secured.suite_key)[0] == 200


def test_a_silent_or_vanishing_client_holds_nothing(secured):
    socks = [socket.create_connection(secured.address) for _ in range(50)]
    for i, s in enumerate(socks):
        if i % 2:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")
        if i % 3 == 0:
            s.close()
    with dial(secured) as s:
        assert ask(s, secured.suite_key)[0] == 200
    start = time.monotonic()
    for s in socks:
        if s.fileno() < 0:
            continue
        s.settimeout(20)
        with contextlib.suppress(ConnectionError):
            while s.recv(4096):
                pass
        s.close()
    assert time.monotonic() - start < 15  # ten seconds for a handshake


BAD = [
    ({"certificates": {"certificate": "none.pem", "private_key":
                       "file:a.key"}}, "none.pem cannot be used"),
    ({"certificates": {"certificate": "a.key", "private_key":
                       "file:a.key"}}, "holds no certificate in PEM"),
    ({"certificates": {"certificate": "a.pem", "private_key":
                       "file:a.pem"}}, "holds no private key"),
    ({"certificates": {"certificate": "a.pem", "private_key":
                       "file:locked.key"}}, "passphrase"),
    ({"certificates": {"certificate": "a.pem", "private_key":
                       "file:b.key"}}, "is not the certificate's"),
    ({"certificates": {"certificate": "weak.pem", "private_key":
                       "file:weak.key"}}, "too weak"),
    ({"certificates": {"certificate": "a.pem", "private_key": "abc"}},
     "may not stand in the configuration"),
    ({"certificates": []}, "certificates"),
    ({}, "certificates"),
    ({"certificates": pair("a"), "min_version": "1.1"}, "min_version"),
    ({"certificates": pair("a"), "client_certificates": "always"},
     "client_certificates"),
    ({"certificates": pair("a"), "client_certificates": "required"},
     "needs client_ca_file"),
    ({"certificates": pair("a"), "client_ca_file": "clients.pem"},
     "nobody is asked"),
    ({"certificates": pair("a"), "client_certificates": "optional",
      "client_ca_file": "a.key"}, "holds no certificate in PEM"),
    ({"certificates": pair("a"), "ciphers": "ALL"}, "ciphers"),
]


@pytest.fixture(scope="module")
def bad_files(made):
    certs.openssl("ec", "-in", "a.key", "-aes256", "-passout", "pass:x",
                  "-out", "locked.key", cwd=made)
    certs.openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days",
                  "2", "-subj", "/CN=weak", "-keyout", "weak.key", "-out",
                  "weak.pem", cwd=made)
    return made


@pytest.mark.parametrize("tls, says", BAD)
def test_bad_options_are_told_by_check(bad_files, sim, tmp_path, tls, says):
    config = make(bad_files, tmp_path / "bad", sim, tls)
    path = tmp_path / "bad" / "kontor.yaml"
    path.write_text(kit.dump(config))
    r = subprocess.run([kit.KONTOR, "check", "-c", path], text=True,
                       env={**kit.SECRETS, "SIM_WRONG": "x"},
                       capture_output=True)
    assert r.returncode == 1
    assert f"{path}:" in r.stderr + r.stdout
    assert says in r.stderr + r.stdout, r.stderr + r.stdout
