"""What every suite outside the C tests stands on: the two programs, started.

Sim and Kontor are context managers around the built binaries; both pick free
ports, log into the folder they are given, and leave nothing running.  The
configuration made here is the suites' only one: every provider type that the
simulator plays, a model at each, and pools of models that tests may break
without tripping over each other's circuit breakers.
"""
import contextlib
import functools
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import httpx
import httpx._transports.default as transports
import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KONTOR_BUILD", TOP / "build")).resolve()
KONTOR = BUILD / "kontor"
SIM = BUILD / "kontor-sim"
SHARED = pathlib.Path(os.environ.get("KONTOR_SHARED", TOP.parent / "shared"))

# A sanitizer makes everything slower; deadlines follow.
SLOW = 4 if "asan" in BUILD.name or "tsan" in BUILD.name else 1

# Every client of httpx reads the system's certificates, 50 ms each, though
# it speaks plain HTTP; the suites make thousands of them.
transports.create_ssl_context = functools.cache(
    transports.create_ssl_context)

TROUBLE = re.compile(
    r"AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:|"
    r"CHECK\(|CHECK failed|check failed|stack smashing|Segmentation fault")

SECRETS = {
    "SIM_OPENAI": "sk-sim-openai", "SIM_AZURE": "sim-azure-key",
    "SIM_AZURE_V1": "sim-azure-v1-key", "SIM_AWS_ID": "AKIASIMBEDROCK00001",
    "SIM_AWS_SECRET": "sim/bedrock/secret",
    "SIM_AWS_TOKEN_ID": "ASIASIMBEDROCK00002",
    "SIM_AWS_TOKEN_SECRET": "sim/bedrock/secret2",
    "SIM_AWS_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLETOKEN+/==",
    "SIM_AWS_BEARER": "sim-bedrock-api-key", "SIM_LAB": "sim-lab-key",
    "SIM_ANTHROPIC": "sk-ant-sim", "SIM_FOUNDRY": "sim-foundry-key",
    "SIM_VERTEX": "sim-vertex-token",
    "SIM_MANTLE_ID": "AKIASIMMANTLE0000001",
    "SIM_MANTLE_SECRET": "sim/mantle/secret",
}

# The credential's name at the simulator is the provider's in kontor.yaml, so
# that the two sets of books join.
SIM_CREDENTIALS = [
    {"name": "openai", "type": "openai", "key": SECRETS["SIM_OPENAI"]},
    {"name": "azure", "type": "azure_openai", "key": SECRETS["SIM_AZURE"],
     "deployments": {"gpt-prod": "gpt-5.4", "gpt-mini": "gpt-5.4-mini"}},
    {"name": "azure-v1", "type": "azure_openai",
     "key": SECRETS["SIM_AZURE_V1"],
     "deployments": {"gpt-prod": "gpt-5.4", "gpt-mini": "gpt-5.4-mini"}},
    {"name": "bedrock", "type": "bedrock", "region": "us-east-1",
     "access_key_id": SECRETS["SIM_AWS_ID"],
     "secret_access_key": SECRETS["SIM_AWS_SECRET"]},
    {"name": "bedrock-token", "type": "bedrock", "region": "eu-west-1",
     "access_key_id": SECRETS["SIM_AWS_TOKEN_ID"],
     "secret_access_key": SECRETS["SIM_AWS_TOKEN_SECRET"],
     "session_token": SECRETS["SIM_AWS_TOKEN"]},
    {"name": "bedrock-key", "type": "bedrock", "region": "us-east-1",
     "api_key": SECRETS["SIM_AWS_BEARER"]},
    {"name": "lab", "type": "openai_compatible", "key": SECRETS["SIM_LAB"]},
    {"name": "anthropic", "type": "anthropic",
     "key": SECRETS["SIM_ANTHROPIC"]},
    {"name": "vertex", "type": "vertex", "key": SECRETS["SIM_VERTEX"],
     "project": "sim-project", "region": "us-east5"},
    {"name": "mantle", "type": "bedrock", "region": "us-east-1",
     "mantle": True, "access_key_id": SECRETS["SIM_MANTLE_ID"],
     "secret_access_key": SECRETS["SIM_MANTLE_SECRET"]},
    {"name": "foundry", "type": "azure_openai",
     "key": SECRETS["SIM_FOUNDRY"],
     "deployments": {"claude-prod": "claude-sonnet-4-5"}},
]
SIM_MODELS = [
    {"id": "gpt-5.4", "snapshot": "gpt-5.4-2026-03-05",
     "bedrock_id": "openai.gpt-5.4", "context": 1050000,
     "max_output": 128000, "prices": {
         "openai": {"input": "2.50", "cached_input": "0.25",
                    "output": "15.00",
                    "above": {"tokens": 271999, "input": "5.00",
                              "cached_input": "0.50", "output": "22.50"}},
         "azure_openai": {"input": "2.50", "cached_input": "0.25",
                          "output": "15.00",
                          "above": {"tokens": 272000, "input": "5.00",
                                    "cached_input": "0.50",
                                    "output": "22.50"}},
         "bedrock": {"input": "2.75", "cached_input": "0.275",
                     "output": "16.50"}}},
    {"id": "gpt-oss-120b", "bedrock_id": "openai.gpt-oss-120b-1:0",
     "context": 128000, "max_output": 16384, "prices": {
         "bedrock": {"input": "0.15", "output": "0.60"},
         "openai_compatible": {"input": "0.10", "output": "0.40"}}},
    {"id": "claude-sonnet-4-5", "reasoning": True, "context": 200000,
     "bedrock_id": "anthropic.claude-sonnet-4-5-20250929-v1:0",
     "max_output": 64000, "prices": {
         "anthropic": {"input": "3.00", "cached_input": "0.30",
                       "cache_write": "3.75", "output": "15.00"},
         "bedrock": {"input": "3.00", "cached_input": "0.30",
                     "cache_write": "3.75", "output": "15.00"},
         "azure_openai": {"input": "3.00", "cached_input": "0.30",
                          "cache_write": "3.75", "output": "15.00"},
         "vertex": {"input": "3.00", "cached_input": "0.30",
                    "cache_write": "3.75", "output": "15.00"}}},
    {"id": "nova-lite", "bedrock_id": "amazon.nova-lite-v1:0",
     "context": 300000, "max_output": 10000, "prices": {
         "bedrock": {"input": "0.06", "cached_input": "0.015",
                     "output": "0.24"}}},
]

# Models that only Bedrock's Converse has: name in kontor.yaml, at Bedrock,
# who made it, output limit.
CONVERSE = {
    "m-claude-aws": ("us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                     "anthropic", 64000),
    "m-nova": ("us.amazon.nova-lite-v1:0", "amazon", 10000),
}

# Claude where it speaks Anthropic's Messages: name in kontor.yaml, provider,
# its name there.
CLAUDES = {
    "m-claude": ("anthropic", "claude-sonnet-4-5"),
    "m-foundry": ("foundry", "claude-prod"),
    "m-claude-messages": (
        "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"api": "messages"}),
    "m-claude-invoke": (
        "bedrock", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0", {"api": "invoke"}),
    "m-claude-mantle": (
        "mantle", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    "m-claude-vertex": ("vertex", "claude-sonnet-4-5@20250929"),
}

# provider, what it calls gpt-5.4
VENUES = {
    "openai": "gpt-5.4", "azure": "gpt-prod", "azure-v1": "gpt-prod",
    "bedrock": "openai.gpt-5.4", "bedrock-token": "openai.gpt-5.4",
    "bedrock-key": "openai.gpt-5.4",
}
PRICES = {
    "openai": {"input": "2.50", "cached_input": "0.25", "output": "15.00",
               "above": {"tokens": 271999, "input": "5.00",
                         "cached_input": "0.50", "output": "22.50"}},
    "azure": {"input": "2.50", "cached_input": "0.25", "output": "15.00",
              "above": {"tokens": 272000, "input": "5.00",
                        "cached_input": "0.50", "output": "22.50"}},
    "bedrock": {"input": "2.75", "cached_input": "0.275", "output": "16.50"},
    "lab": {"input": "0.10", "output": "0.40"},
}
POOL = 48  # of models that a test may break


def price_rows():
    rows = []
    for provider in list(VENUES) + ["lab"]:
        prices = PRICES[provider] if provider in PRICES else \
            PRICES[provider.rsplit("-", 1)[0]]
        model = "gpt-oss-120b" if provider == "lab" else VENUES[provider]
        rows.append({"provider": provider, "model": model, **prices})
    for row in SIM_MODELS:
        for name, _, _ in CONVERSE.values():
            if name.endswith(row["bedrock_id"]):
                rows.append({"provider": "bedrock", "model": name,
                             **row["prices"]["bedrock"]})
    return rows


ports = itertools.count(os.getpid() * 101)


def free_port():
    """Below the kernel's own range, so that no connection of another test
    takes it before its server does; each process begins elsewhere."""
    while True:
        port = 10000 + next(ports) % 22000
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def deployment(ident, provider, name=None):
    name = name or VENUES.get(provider, "gpt-oss-120b")
    row = {"id": ident, "provider": provider, "name": name,
           "zone": "eu" if provider == "bedrock-token" else "us"}
    if name != "gpt-oss-120b":
        row.update(context=1050000, max_output=128000)
    else:
        row.update(context=128000, max_output=16384)
    return row


def make_config(sim_url, data_dir, first_byte="2s", idle="2s", workers=2):
    """The suites' kontor.yaml as a dictionary."""
    slow = {"connect": "1s", "first_byte": first_byte, "idle": idle}

    def provider(**more):
        # KONTOR_HTTP=h2c: the same suites, with HTTP/2 behind kontor.
        if "KONTOR_HTTP" in os.environ:
            more["http"] = os.environ["KONTOR_HTTP"]
        return {**more, "timeouts": dict(slow)}

    chain = ["openai", "azure", "bedrock"]
    models = {
        f"m-{p}": {"publisher": "openai",
                   "deployments": [deployment(f"{p}-gpt", p)]}
        for p in VENUES
    }
    for name, (at, maker, most) in CONVERSE.items():
        models[name] = {"publisher": maker, "deployments": [
            {"id": name[2:], "provider": "bedrock", "name": at, "zone": "us",
             "context": 200000, "max_output": most}]}
    for name, (at, called, *more) in CLAUDES.items():
        models[name] = {"publisher": "anthropic", "deployments": [
            {"id": name[2:], "provider": at, "zone": "us", "name": called,
             "context": 200000, "max_output": 64000,
             **(more[0] if more else {})}]}
    models["m-lab"] = {"deployments": [deployment("lab-oss", "lab")]}
    models["gpt-5.4"] = {
        "publisher": "openai",
        "deployments": [deployment(f"gpt-5.4-{p}", p) for p in chain]}
    models["m-weighted"] = {
        "deployments": [dict(deployment("w-openai", "openai"), weight=3),
                        dict(deployment("w-azure", "azure"), weight=1)],
        "route": {"strategy": "weighted"}}
    models["m-refused"] = {
        "deployments": [deployment("r-closed", "closed", "gpt-5.4"),
                        deployment("r-openai", "openai")]}
    models["m-closed"] = {
        "deployments": [deployment("c-closed", "closed", "gpt-5.4")]}
    models["m-badkey"] = {
        "deployments": [deployment("b-badkey", "badkey", "gpt-5.4")]}
    models["m-badkey-then"] = {
        "deployments": [deployment("bt-badkey", "badkey", "gpt-5.4"),
                        deployment("bt-openai", "openai")]}
    for i in range(POOL):
        models[f"chain-{i}"] = {
            "deployments": [deployment(f"chain-{i}-{p}", p) for p in chain]}
        models[f"solo-{i}"] = {
            "deployments": [deployment(f"solo-{i}-openai", "openai")]}
    return {
        "version": 1,
        "data_dir": str(data_dir),
        "workers": workers,
        "listen": {
            "gateway": {"address": f"127.0.0.1:{free_port()}"},
            "admin": {"address": f"127.0.0.1:{free_port()}"}},
        "providers": {
            "openai": provider(type="openai", base_url=sim_url + "/v1",
                               auth={"api_key": "${SIM_OPENAI}"}),
            "azure": provider(type="azure_openai", base_url=sim_url,
                              api_version="2024-10-21",
                              auth={"api_key": "${SIM_AZURE}"}),
            "azure-v1": provider(type="azure_openai", base_url=sim_url,
                                 auth={"api_key": "${SIM_AZURE_V1}"}),
            "bedrock": provider(
                type="bedrock", base_url=sim_url, region="us-east-1",
                auth={"access_key_id": "${SIM_AWS_ID}",
                      "secret_access_key": "${SIM_AWS_SECRET}"}),
            "bedrock-token": provider(
                type="bedrock", base_url=sim_url, region="eu-west-1",
                auth={"access_key_id": "${SIM_AWS_TOKEN_ID}",
                      "secret_access_key": "${SIM_AWS_TOKEN_SECRET}",
                      "session_token": "${SIM_AWS_TOKEN}"}),
            "bedrock-key": provider(
                type="bedrock", base_url=sim_url, region="us-east-1",
                auth={"api_key": "${SIM_AWS_BEARER}"}),
            "anthropic": provider(
                type="anthropic", base_url=sim_url,
                auth={"api_key": "${SIM_ANTHROPIC}"}),
            "foundry": provider(
                type="azure_openai", base_url=sim_url,
                auth={"api_key": "${SIM_FOUNDRY}"}),
            "mantle": provider(
                type="bedrock", base_url=sim_url, region="us-east-1",
                service="bedrock-mantle",
                auth={"access_key_id": "${SIM_MANTLE_ID}",
                      "secret_access_key": "${SIM_MANTLE_SECRET}"}),
            "vertex": provider(
                type="vertex", base_url=sim_url, project="sim-project",
                region="us-east5", auth={"access_token": "${SIM_VERTEX}"}),
            "lab": provider(type="openai_compatible",
                            base_url=sim_url + "/v1",
                            auth={"api_key": "${SIM_LAB}"}),
            "closed": provider(
                type="openai", base_url=f"http://127.0.0.1:{free_port()}/v1",
                auth={"api_key": "${SIM_OPENAI}"}),
            "badkey": provider(type="openai", base_url=sim_url + "/v1",
                               auth={"api_key": "${SIM_WRONG}"}),
        },
        "models": models,
        "aliases": {"fast": "m-openai"},
        "prices": price_rows() + [
            {"deployment": name[2:], "input": "3.00", "cached_input": "0.30",
             "cache_write": "3.75", "output": "15.00"}
            for name in CLAUDES] + [
            {"deployment": f"{d}", **PRICES["openai"]}
            for d in ("r-closed", "c-closed", "b-badkey", "bt-badkey")],
    }


def dump(config):
    """As YAML; by way of JSON, so that shared parts make no anchors."""
    return yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False,
                          width=1000)


def wait_for(what, test, seconds=10.0, pause=0.02):
    """Polls test() until it is true; its value."""
    end = time.monotonic() + seconds * SLOW
    last = None
    while time.monotonic() < end:
        try:
            last = test()
            if last:
                return last
        except (OSError, httpx.HTTPError) as e:
            last = e
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds * SLOW:.0f} s ({last})")


class Program:
    """A child in a session of its own, with its output in a file."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{name}.log"
        self.child = None

    def spawn(self, argv, env=None, **more):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [str(a) for a in argv], stderr=log, env=env,
                start_new_session=True, **{"stdout": log, **more})
        return self.child

    def text(self):
        return self.log.read_text(errors="replace")

    def end(self):
        """Ends what is left of the whole process group."""
        if self.child is None or (self.child.poll() is not None and
                                  not group(self.child.pid)):
            return  # and its number may be somebody else's by now
        for sig, patience in ((signal.SIGTERM, 5 * SLOW), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, sig)
            end = time.monotonic() + patience
            while time.monotonic() < end:
                self.child.poll()
                if self.child.returncode is not None and not group(
                        self.child.pid):
                    return
                time.sleep(0.02)

    def check_log(self):
        bad = [line for line in self.text().splitlines()
               if TROUBLE.search(line)]
        assert not bad, f"{self.log}:\n" + "\n".join(bad[:20])


def process_rows():
    """(pid, pgid, state, title) of every process."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="latin-1") as f:
                fields = f.read().rpartition(")")[2].split()
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                title = f.read().split(b"\0")[0].decode("latin-1")
        except OSError:
            continue
        yield int(entry), int(fields[2]), fields[0], title


def group(pgid):
    """Living (not zombie) processes of a group."""
    return [pid for pid, g, state, _ in process_rows()
            if g == pgid and state not in "ZX"]


class Sim(Program):
    def __init__(self, folder, config=None):
        super().__init__(folder, "sim")
        self.config = config or {"credentials": SIM_CREDENTIALS,
                                 "models": SIM_MODELS}

    def __enter__(self):
        path = self.folder / "sim.json"
        path.write_text(json.dumps(self.config))
        child = self.spawn([SIM, "--config", path, "--quiet"],
                           stdout=subprocess.PIPE)
        line = child.stdout.readline()
        assert line, f"kontor-sim did not start:\n{self.text()}"
        self.url = json.loads(line)["url"]
        self.http = httpx.Client(base_url=self.url, timeout=30)
        return self

    def __exit__(self, *exc):
        self.http.close()
        self.end()
        self.check_log()

    def fault(self, word, credential="*", **more):
        r = self.http.post("/sim/faults", json={
            "credential": credential, "fault": word, **more})
        assert r.status_code == 200, r.text

    @contextlib.contextmanager
    def faulty(self, word, credential="*", **more):
        self.fault(word, credential, **more)
        try:
            yield
        finally:
            self.clear()

    def clear(self):
        assert self.http.delete("/sim/faults").status_code == 200

    def stats(self):
        rows = self.http.get("/sim/stats").json()["credentials"]
        return {row["credential"]: row for row in rows}

    def attempts(self, start=0):
        rows = []
        while True:
            page = self.http.get("/sim/attempts", params={
                "from": start, "limit": 10000}).json()
            rows += page["attempts"]
            if not page["attempts"] or not page["next"]:
                return rows
            start = page["next"]

    def settled(self, start=0):
        """The rows once none of them is under way any more."""
        def look():
            rows = self.attempts(start)
            return rows if not any(r["open"] for r in rows) else None
        return wait_for("open rows at the simulator", look) \
            if self.attempts(start) else []

    def seen(self, request):
        """Rows of one request's attempts."""
        return [r for r in self.settled()
                if (r["attempt"] or "").rsplit("-", 1)[0] == request]

    def reset(self):
        assert self.http.post("/sim/reset").status_code == 200


def url_of(listener):
    return ("https://" if "tls" in listener else "http://") + \
        listener["address"]


class Kontor(Program):
    """`kontor serve` over a configuration of this module."""

    def __init__(self, folder, config, env=None):
        super().__init__(folder, "kontor")
        self.config = config
        self.path = self.folder / "kontor.yaml"
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("OPENAI", "AZURE", "AWS", "KONTOR"))}
        self.env.update(SECRETS, SIM_WRONG="sk-nobody", **(env or {}))

    @property
    def gateway(self):
        return url_of(self.config["listen"]["gateway"])

    @property
    def admin(self):
        return url_of(self.config["listen"]["admin"])

    @property
    def address(self):
        host, port = self.config["listen"]["gateway"]["address"].split(":")
        return host, int(port)

    @property
    def data_dir(self):
        return pathlib.Path(self.config["data_dir"])

    def write_config(self):
        self.path.write_text(dump(self.config))

    def start(self):
        self.write_config()
        self.spawn([KONTOR, "serve", "-c", self.path], env=self.env,
                   stdin=subprocess.DEVNULL)
        self.wait_ready()
        return self

    def wait_ready(self, seconds=15):
        def ready():
            if self.child.poll() is not None:
                raise AssertionError("kontor serve ended with "
                                     f"{self.child.returncode}:\n"
                                     + self.text()[-4000:])
            return all(
                httpx.get(url + "/readyz", verify=False).status_code == 200
                for url in (self.gateway, self.admin))
        wait_for("kontor to be ready", ready, seconds)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.end()
            raise

    def __exit__(self, *exc):
        self.end()
        self.check_log()

    # --- command line ----------------------------------------------------

    def run(self, *args, check=True, timeout=60):
        r = subprocess.run(
            [str(KONTOR), *map(str, args), "-c", str(self.path)],
            env=self.env, capture_output=True, text=True,
            timeout=timeout * SLOW)
        if check:
            assert r.returncode == 0, \
                f"kontor {' '.join(map(str, args))}: {r.returncode}\n" \
                f"{r.stdout}\n{r.stderr}\n{self.text()[-3000:]}"
        return r

    def cli(self, *args, **more):
        return json.loads(self.run(*args, **more).stdout)

    def key(self, name="test", **options):
        """A new key: {"id": ..., "key": ...}."""
        args = ["key", "create", name, "--json"]
        for option, value in options.items():
            for v in value if isinstance(value, list) else [value]:
                args += ["--" + option] + ([] if v is True else [v])
        return self.cli(*args)

    def usage(self, *args):
        return self.cli("usage", "--format", "json", *args)

    def explain(self, request):
        return self.cli("explain", request, "--json")

    def export(self):
        """Every attempt's line; asks for usage first, because the export
        reads files and only usage waits for what was served before."""
        if self.child.poll() is None:
            self.usage()
        out = self.run("ledger", "export", "--format", "json", timeout=300)
        return [json.loads(line) for line in out.stdout.splitlines() if line]

    def verify(self):
        return self.run("ledger", "verify")

    # --- processes -------------------------------------------------------

    def processes(self):
        """title without "kontor: " -> pid, of this instance alone."""
        return {title[8:]: pid for pid, pgid, state, title in process_rows()
                if pgid == self.child.pid and state not in "ZX"
                and title.startswith("kontor: ")}

    def of_role(self, role):
        return [pid for title, pid in sorted(self.processes().items())
                if title.split()[0] == role]

    # --- calls -----------------------------------------------------------

    def http(self, key=None, **more):
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.gateway, headers=headers,
                            timeout=more.pop("timeout", 30 * SLOW), **more)

    def chat(self, key, model="m-openai", content="hello", **more):
        body = {"model": model,
                "messages": [{"role": "user", "content": content}], **more}
        with self.http(key) as http:
            return http.post("/v1/chat/completions", json=body)


def attempt_id(row):
    """What the simulator saw as x-client-request-id, of a ledger row."""
    return f"{row['request']}-{row['attempt']}"


def raw(address, data, timeout=5.0, chunks=None):
    """Sends bytes as they are and returns all that comes until the end."""
    with socket.create_connection(address, timeout=timeout * SLOW) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for part in chunks or [data]:
                s.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass
        out = b""
        try:
            while part := s.recv(65536):
                out += part
        except ConnectionResetError:
            pass
        return out


def parse_raw(answer):
    """(status, headers, body) of the first answer in raw bytes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1]) if lines[0] else 0
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, body


def sse(text):
    """The data of each event of a stream, parsed but for [DONE]."""
    events = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].lstrip() for line in block.split("\n")
                         if line.startswith("data:"))
        if data:
            events.append(data if data == "[DONE]" else json.loads(data))
    return events
