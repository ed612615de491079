#!/usr/bin/env python3
"""make bench: kontor beside nginx's proxy_pass, in one run, as ratios.

Same upstream, same bytes, one worker of each on core 0, load and upstream on
the other core, interleaved; the median of the paired ratios is reported.
Kontor runs with everything on: a key with a hard budget, priced deployments,
the recorder; its processor time is that of all its processes, and the run
fails unless its ledger moved by exactly the number of calls.

Beside them stands the floor: pump.c takes and gives the same bytes by the
same four system calls a call, and does nothing else; once as it comes, once
gathering events as kontor does.  What it costs is the kernel's.
"""
import argparse
import contextlib
import datetime
import decimal
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
KEY = "sk-sim-openai"
# Of a repetition; how often a disturbed one is made again; how much slower
# than at its best a core may be.
SLICES, TRIES, CALM = 5, 3, 1.15

PROXY = """
daemon off; master_process on; worker_processes 1;
worker_cpu_affinity {mask}; pid {folder}/{name}.pid;
error_log {folder}/{name}.err; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5; client_body_buffer_size 64k;
    {upstreams}
    server {{
        listen 127.0.0.1:{port}{tls}; tcp_nodelay on;
        {locations}
    }}
}}
"""
NGINX_TLS = """ ssl;
        ssl_certificate {folder}/bench.pem;
        ssl_certificate_key {folder}/bench.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets on"""
PASS = """
    upstream {name} {{ server {server}; keepalive 128;
        keepalive_requests 100000000; }}"""
PASS_LOCATION = """
        location = {path} {{
            proxy_pass http://{name}/v1/chat/completions;
            proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer {key}";
            proxy_buffering {buffering}; }}"""


def answer(size):
    """A chat answer of about that many bytes, with its usage."""
    body = {"id": "chatcmpl-bench", "object": "chat.completion",
            "created": 1780000000, "model": "gpt-5.4", "choices": [{
                "index": 0, "finish_reason": "stop", "message": {
                    "role": "assistant", "content": "", "refusal": None}}],
            "usage": {"prompt_tokens": 200, "completion_tokens": 150,
                      "total_tokens": 350, "prompt_tokens_details": {
                          "cached_tokens": 0}, "completion_tokens_details": {
                              "reasoning_tokens": 0}}}
    pad = size - len(json.dumps(body, separators=(",", ":")))
    body["choices"][0]["message"]["content"] = ("word " * size)[:max(pad, 0)]
    return json.dumps(body, separators=(",", ":"))


def converse_answer(size):
    """The same from Bedrock's Converse."""
    body = {"output": {"message": {"role": "assistant", "content": [
                {"text": ""}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 200, "outputTokens": 150,
                      "totalTokens": 350}, "metrics": {"latencyMs": 400}}
    pad = size - len(json.dumps(body, separators=(",", ":")))
    body["output"]["message"]["content"][0]["text"] = (
        "word " * size)[:max(pad, 0)]
    return json.dumps(body, separators=(",", ":"))


def request(path, key, model, size=1024, pace=0, **more):
    body = {"model": model, "messages": [{"role": "user", "content": ""}],
            "max_completion_tokens": 200, **more}
    slow = f" pace={pace}" if pace else ""
    directive = f"[[sim out=100{slow}]] " if more else ""
    pad = size - len(json.dumps(body, separators=(",", ":"))) - len(directive)
    body["messages"][0]["content"] = directive + ("word " * size)[:pad]
    text = json.dumps(body, separators=(",", ":")).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode() + text


def cpu_ns(pids):
    """Processor time of all threads of these processes, in nanoseconds."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
    return total


def ticks(pids):
    """Of the processor time of these processes: (user, kernel), in ticks."""
    user = kernel = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        user, kernel = user + int(fields[11]), kernel + int(fields[12])
    return user, kernel


def pss_kb(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            total += sum(int(line.split()[1]) for line in f
                         if line.startswith("Pss:"))
    return total


def whole(slices):
    """What several runs of one side come to."""
    out = {k: sum(s[k] for s in slices)
           for k in ("requests", "seconds", "events")}
    out["cpu_us"] = [sum(c) / len(slices)
                     for c in zip(*(s["cpu_us"] for s in slices))]
    out["ticks"] = [(sum(u for u, _ in t), sum(k for _, k in t))
                    for t in zip(*(s["ticks"] for s in slices))]
    return out


class Bench:
    def __init__(self, folder, kit, args):
        self.folder, self.kit, self.args = folder, kit, args
        self.cores = os.cpu_count() or 1
        self.programs, self.called = [], 0
        self.pump, self.calm, self.tls = None, None, False
        self.load_core = self.cores - 1
        self.sim = self.kontor = None
        self.read_k = None
        self.best_pace = float("inf")
        self.slices = [0, 0, 0]  # counted, made again, counted in spite

    def nginx(self, name, core, upstreams, locations, tls=False):
        port = self.kit.free_port()
        conf = self.folder / f"{name}.conf"
        conf.write_text(PROXY.format(
            folder=self.folder, name=name, port=port, upstreams=upstreams,
            locations=locations, mask="1" if core == 0 else "10",
            tls=NGINX_TLS.format(folder=self.folder) if tls else ""))
        p = self.kit.Program(self.folder, name)
        p.spawn([NGINX, "-c", conf, "-p", self.folder])
        self.programs.append(p)
        import socket
        self.kit.wait_for(name, lambda: socket.create_connection(
            ("127.0.0.1", port), 1), 5)
        return p, port

    def load(self, port, data, connections, n):
        path = self.folder / "request"
        path.write_bytes(data)
        out = subprocess.run(
            ["taskset", "-c", str(self.load_core), self.folder / "load",
             "127.0.0.1", str(port), path, str(connections), str(n),
             *(["tls"] if self.tls else [])],
            capture_output=True, text=True, timeout=600)
        assert out.returncode == 0, out.stdout + out.stderr
        return json.loads(out.stdout)

    def side(self, pids, port, data, connections, n, since=None):
        """since: readings of before, for what was done meanwhile."""
        before = since or [cpu_ns(p) for p in pids]
        ticks_before = [ticks(p) for p in pids]
        result = self.load(port, data, connections, n)
        after = result["read"] = [cpu_ns(p) for p in pids]
        result["ticks"] = [
            (u1 - u0, k1 - k0) for (u0, k0), (u1, k1) in
            zip(ticks_before, [ticks(p) for p in pids])]
        result["cpu_us"] = [(b - a) / 1000 / n
                            for a, b in zip(before, after)]
        return result

    def pace(self):
        """Of the core that both work on; see pace.c."""
        out = subprocess.run(["taskset", "-c", "0", self.folder / "pace"],
                             capture_output=True, text=True, check=True)
        self.best_pace = min(self.best_pace, float(out.stdout))
        return float(out.stdout)

    def pair(self, data_n, data_k, connections, n, repetitions,
             slices=SLICES):
        """Interleaved runs; [(nginx, kontor)]."""
        self.side([], self.port_n, data_n, connections, max(n // 10, 100))
        self.read_k = None
        self.kontor_side(data_k, connections, max(n // 10, 100))
        return [self.repetition(data_n, data_k, connections,
                                max(n // slices, 50), slices)
                for _ in range(repetitions)]

    def repetition(self, data_n, data_k, connections, n, slices):
        """
        In slices by turns, as the pace of a shared machine changes within a
        second.  A slice pair is made again while a neighbour has the other
        half of the core: of those made, the least disturbed count.
        """
        made = []
        pace = self.pace()
        while len(made) < TRIES * slices:
            sides = [lambda: self.side([self.pids_n], self.port_n, data_n,
                                       connections, n),
                     lambda: self.kontor_side(data_k, connections, n)]
            turn, worst, out = len(made) % 2, pace, [None, None]
            for k in (turn, 1 - turn):
                out[k] = sides[k]()
                pace = self.pace()
                worst = max(worst, pace)
            made.append((worst, *out))
            quiet = [m for m in made if m[0] <= CALM * self.best_pace]
            if len(quiet) >= slices:
                break
        self.slices[0] += slices
        self.slices[1] += len(made) - slices
        self.slices[2] += slices - min(len(quiet), slices)
        made.sort(key=lambda m: m[0])
        return tuple(whole([m[k] for m in made[:slices]]) for k in (1, 2))

    def floor(self, pump, port, data, connections, n, repetitions):
        """nginx and a pump, interleaved, as pair()."""
        rows = []
        for i in range(repetitions + 1):
            sides = [(self.pids_n, self.port_n),
                     ([pump.child.pid], port)]
            out = [None, None]
            for k in ((0, 1), (1, 0))[i % 2]:
                pids, where = sides[k]
                out[k] = self.side([pids], where, data, connections, n)
            rows.append(tuple(out))
        return rows[1:]

    def latencies(self, data_n, data_k, n, repetitions):
        """[(upstream itself, nginx, kontor)], one call at a time."""
        sides = [lambda: self.side([], self.port_static, data_n, 1, n),
                 lambda: self.side([], self.port_n, data_n, 1, n),
                 lambda: self.kontor_side(data_k, 1, n)]
        rows = []
        for i in range(repetitions + 1):
            out = [None] * 3
            for k in range(3):
                out[(i + k) % 3] = sides[(i + k) % 3]()
            rows.append(tuple(out))
        return rows[1:]

    def kontor_side(self, data, connections, n):
        """
        What its processes do behind a slice (the last frames, the commit and
        the signature of each second) counts in the next one.
        """
        self.called += n
        result = self.side([self.pids_k, self.workers], self.port_k, data,
                           connections, n, self.read_k)
        self.read_k = result["read"]
        return result

    def start(self):
        import certs
        kit, folder = self.kit, self.folder
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", folder / "load",
                        TOP / "tests/bench/load.c", "-lssl", "-lcrypto"],
                       check=True)
        subprocess.run(["cc", "-O2", "-o", folder / "pace",
                        TOP / "tests/bench/pace.c"], check=True)
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", folder / "pump",
                        TOP / "tests/bench/pump.c"], check=True)
        last = self.cores - 1
        self.sim = kit.Sim(folder)
        self.sim.__enter__()
        subprocess.run(["taskset", "-pc", str(last),
                        str(self.sim.child.pid)], check=True,
                       stdout=subprocess.DEVNULL)
        static, port_static = self.nginx(
            "upstream", last, "",
            "location = /v1/chat/completions { default_type "
            f"application/json; return 200 '{answer(1024)}'; }}"
            "location /model/ { default_type application/json; "
            f"return 200 '{converse_answer(1024)}'; }}")
        self.port_static = port_static
        self.port_pump = kit.free_port()
        self.pump = kit.Program(folder, "pump")
        self.pump.spawn(["taskset", "-c", "0", folder / "pump",
                         str(self.port_pump), str(port_static)])
        self.port_calm = kit.free_port()
        self.calm = kit.Program(folder, "calm")
        self.calm.spawn(["taskset", "-c", "0", folder / "pump",
                         str(self.port_calm), str(port_static), "150"])
        self.programs += [self.pump, self.calm]
        sim = self.sim.url[7:]
        proxy, self.port_n = self.nginx(
            "proxy", 0,
            PASS.format(name="static", server=f"127.0.0.1:{port_static}") +
            PASS.format(name="sim", server=sim),
            PASS_LOCATION.format(path="/v1/chat/completions", name="static",
                                 key=KEY, buffering="on") +
            PASS_LOCATION.format(path="/sse", name="sim", key=KEY,
                                 buffering="off"))
        self.pids_n = kit.group(proxy.child.pid)
        certs.ca(folder, "ca")
        certs.leaf(folder, "bench", "IP:127.0.0.1", "ca")
        self.proxy_tls, self.port_tls = self.nginx(
            "proxy-tls", 0,
            PASS.format(name="static", server=f"127.0.0.1:{port_static}"),
            PASS_LOCATION.format(path="/v1/chat/completions", name="static",
                                 key=KEY, buffering="on"), tls=True)
        config = kit.make_config(self.sim.url, folder / "data", workers=1,
                                 first_byte="10s", idle="10s")
        config["providers"]["static"] = {
            "type": "openai", "auth": {"api_key": "${SIM_OPENAI}"},
            "base_url": f"http://127.0.0.1:{port_static}/v1"}
        config["models"]["gpt-5.4"] = {"deployments": [
            kit.deployment("bench-static", "static", "gpt-5.4")]}
        config["models"]["sse"] = {"deployments": [
            kit.deployment("bench-sse", "openai")]}
        config["providers"]["static-aws"] = {
            "type": "bedrock", "region": "us-east-1",
            "base_url": f"http://127.0.0.1:{port_static}",
            "auth": {"access_key_id": "${SIM_AWS_ID}",
                     "secret_access_key": "${SIM_AWS_SECRET}"}}
        config["models"]["converse"] = {
            "publisher": "anthropic", "deployments": [{
                "id": "bench-converse", "provider": "static-aws",
                "name": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "zone": "us", "context": 200000, "max_output": 64000}]}
        for ident in ("bench-static", "bench-converse"):
            config["prices"].append({"deployment": ident,
                                     **kit.PRICES["openai"]})
        self.kontor = kit.Kontor(folder, config)
        self.kontor.__enter__()
        self.key = self.kontor.key("bench", budget="1000000/month")["key"]
        self.deep = self.five_deep()
        self.port_k = self.kontor.address[1]
        self.find_kontor()

    def one_core(self, yes):
        """Load, upstream and recorder beside the proxies, or apart again."""
        self.load_core = 0 if yes else self.cores - 1
        pids = self.kit.group(self.programs[0].child.pid)
        pids += [p for p in self.pids_k if p not in self.workers]
        for pid in pids:
            subprocess.run(["taskset", "-apc", str(self.load_core), str(pid)],
                           check=True, stdout=subprocess.DEVNULL)

    def five_deep(self):
        """A key under five budgets and three limits, none of them tight."""
        made = self.kontor.key("deep", budget="1000000/month", org="bench",
                               team="bench", project="bench", user="bench")
        for scope in ("org", "team", "project", "user"):
            self.kontor.run("budget", "set", f"{scope}:bench",
                            "10000000/month")
        for scope, limit in (("team", "requests=100000000/minute"),
                             ("user", "tokens=100000000000/minute"),
                             ("project", "concurrency=10000")):
            self.kontor.run("limit", "set", f"{scope}:bench", limit)
        return made["key"]

    def find_kontor(self):
        self.pids_k = self.kit.group(self.kontor.child.pid)
        self.workers = self.kontor.of_role("worker")
        for pid in self.pids_k:
            core = 0 if pid in self.workers else self.cores - 1
            subprocess.run(["taskset", "-pc", str(core), str(pid)],
                           check=True, stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def over_tls(self):
        """Both behind TLS 1.3, the same certificate."""
        listener = self.kontor.config["listen"]["gateway"]
        plain = self.port_n, self.pids_n
        listener["tls"] = {"certificates": {
            "certificate": "bench.pem", "private_key": "file:bench.key"}}
        self.kontor.write_config()
        self.kontor.run("reload")
        self.port_n = self.port_tls
        self.pids_n = self.kit.group(self.proxy_tls.child.pid)
        self.tls = True
        yield
        self.tls = False
        self.port_n, self.pids_n = plain
        del listener["tls"]
        self.kontor.write_config()
        self.kontor.run("reload")

    def stream_bytes(self, n=700):
        """What an open stream costs a fresh worker, which holds n of them."""
        import socket
        import ssl
        context = ssl.create_default_context(
            cafile=str(self.folder / "ca.pem"))
        data = request("/v1/chat/completions", self.key, "sse", pace=100,
                       stream=True, stream_options={"include_usage": True})

        def open_streams(k):
            out = []
            for _ in range(k):
                s = socket.create_connection(("127.0.0.1", self.port_k))
                if self.tls:
                    s = context.wrap_socket(s, server_hostname="127.0.0.1")
                s.sendall(data)
                out.append(s)
            for s in out:
                assert b" 200 " in s.recv(65536)[:20]
            self.called += k
            return out

        def finish(streams):
            for s in streams:
                while b"[DONE]" not in s.recv(65536):
                    pass
                s.close()
        # What earlier calls needed and gave back would hide what these do.
        self.kontor.end()
        self.kontor.start()
        self.find_kontor()
        # The first ones also fill tables that are there only once.
        first = open_streams(n // 4)
        before = pss_kb(self.workers)
        held = open_streams(n)
        time.sleep(0.5)  # what they needed to begin goes back meanwhile
        each = 1024 * (pss_kb(self.workers) - before) / n
        finish(first + held)
        return each

    def start_to_first_call(self, data):
        """Milliseconds from exec to the first served call, data there."""
        import socket
        best = []
        for _ in range(5):
            self.kontor.end()
            began = time.monotonic()
            self.kontor.spawn([self.kit.KONTOR, "serve", "-c",
                               self.kontor.path], env=self.kontor.env,
                              stdin=subprocess.DEVNULL)
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", self.port_k),
                                                  5) as s:
                        s.sendall(data)
                        if b" 200 " in s.recv(4096)[:20]:
                            break
                except OSError:
                    time.sleep(0.001)
            best.append(1000 * (time.monotonic() - began))
            self.called += 1
            self.kontor.wait_ready()
        return statistics.median(best)

    def stop(self):
        for p in [self.kontor, self.sim, *self.programs]:
            if p is not None:
                p.end()

    def run(self):
        n, reps = self.args.requests, self.args.repetitions
        for _ in range(100):  # a neighbour is seldom busy all the time
            self.pace()
        rows = []
        calls_before = self.kontor.usage()["total"]["calls"]
        path = "/v1/chat/completions"
        memory = pss_kb(self.pids_k)

        data_n = request(path, KEY, "gpt-5.4")
        data_k = request(path, self.key, "gpt-5.4")
        runs = self.pair(data_n, data_k, 32, n, reps)
        rows += self.cpu_rows("1 KB pass-through", runs, 0.85, 0.78)
        rows += self.parts_rows("1 KB", runs)
        rows.append(self.row(
            "calls per second of one core, 1 KB",
            [a["requests"] / a["seconds"] for a, _ in runs],
            [b["requests"] / b["seconds"] for _, b in runs], None, "/s"))

        runs = self.pair(data_n, request(path, self.deep, "gpt-5.4"), 32, n,
                         reps)
        rows += self.cpu_rows("1 KB, five budgets and three limits deep",
                              runs, None, None)
        for what, pump, port in (
                ("no HTTP, no gateway", self.pump, self.port_pump),
                ("the same, gathering events", self.calm, self.port_calm)):
            runs = self.floor(pump, port, data_n, 32, n, reps)
            rows.append(self.row(f"CPU, 1 KB, the floor: {what}",
                                 [a["cpu_us"][0] for a, _ in runs],
                                 [b["cpu_us"][0] for _, b in runs], None,
                                 "us"))

        self.one_core(True)
        runs = self.pair(data_n, data_k, 32, n // 2, reps)
        rows += self.cpu_rows("1 KB, all on one core", runs, None, None)
        runs = self.floor(self.pump, self.port_pump, data_n, 32, n // 2,
                          reps)
        rows.append(self.row("CPU, 1 KB, all on one core: the floor",
                             [a["cpu_us"][0] for a, _ in runs],
                             [b["cpu_us"][0] for _, b in runs], None, "us"))
        self.one_core(False)

        runs = self.pair(data_n, request(path, self.key, "converse"), 32, n,
                         reps)
        rows += self.cpu_rows(
            "1 KB translated (chat in, Converse out, signed)", runs, 1.5,
            None)

        data32n = request(path, KEY, "gpt-5.4", 32768)
        data32k = request(path, self.key, "gpt-5.4", 32768)
        runs = self.pair(data32n, data32k, 32, max(n // 4, 500), reps)
        rows += self.cpu_rows("32 KB request", runs, 1.10, None)

        # A hundredth of them must be many, or a percentile is a few calls.
        self.read_k = None
        runs = self.latencies(data_n, data_k, max(n // 2, 500), reps)
        for p, must in (("p50_us", 1.0), ("p99_us", 1.2)):
            # Of one repetition it is a small difference of noisy numbers.
            added = statistics.median(a[p] - d[p] for d, a, _ in runs)
            assert added > 0, "nginx adds nothing: it cannot be compared"
            rows.append(self.row(f"added latency at concurrency 1, {p[:3]}",
                                 [added] * len(runs),
                                 [b[p] - d[p] for d, _, b in runs], must,
                                 "us"))
            rows.append(self.row(f"the same with the upstream's own, {p[:3]}",
                                 [a[p] for _, a, _ in runs],
                                 [b[p] for _, _, b in runs], None, "us"))

        more = {"stream": True, "stream_options": {"include_usage": True}}
        runs = self.pair(request("/sse", KEY, "gpt-5.4", **more),
                         request(path, self.key, "sse", **more), 32,
                         max(n // 40, 100), reps)
        for a, b in runs:
            assert a["events"] == b["events"] > 100 * a["requests"], (a, b)
            for side in (a, b):
                each = side["events"] / side["requests"]
                side["cpu_us"] = [c / each for c in side["cpu_us"]]
        rows += self.cpu_rows("SSE relay, per event", runs, 1.0, None)

        plain_stream = self.stream_bytes()
        with self.over_tls():
            # In one piece, or its handshakes weigh more.
            runs = self.pair(data_n, data_k, 32, n, reps, 1)
            rows += self.cpu_rows("TLS in, 1 KB", runs, 0.90, None)
            tls_stream = self.stream_bytes()

        first = self.start_to_first_call(request(path, self.key, "gpt-5.4"))
        self.find_kontor()
        moved = self.kontor.usage()["total"]["calls"] - calls_before
        assert moved == self.called, \
            f"the ledger moved by {moved}, not {self.called}"
        spent = decimal.Decimal(
            self.kontor.usage()["total"]["effective_cost"])
        assert spent > 0
        self.kontor.verify()
        extra = [("proportional memory of all processes at start",
                  f"{memory / 1024:.1f} MiB", "<= 24"),
                 ("memory of the worker per open plain stream",
                  f"{plain_stream / 1024:.1f} KiB", "<= 4"),
                 ("and per TLS side",
                  f"{(tls_stream - plain_stream) / 1024:.1f} KiB", "<= 18"),
                 ("start to first served call", f"{first:.0f} ms", "<= 200"),
                 ("calls made, and found in the ledger", f"{moved}", "equal"),
                 ("booked", f"{spent} USD", "> 0")]
        return rows, extra

    def cpu_rows(self, what, runs, must_all, must_worker):
        nginx = [a["cpu_us"][0] for a, _ in runs]
        return [
            self.row(f"CPU, {what}: all processes", nginx,
                     [b["cpu_us"][0] for _, b in runs], must_all, "us"),
            self.row(f"CPU, {what}: worker alone", nginx,
                     [b["cpu_us"][1] for _, b in runs], must_worker, "us")]

    def parts_rows(self, what, runs):
        """Worker's time by where it goes; ticks are coarse, so over all."""
        rows = []
        for part, name in ((1, "the kernel"), (0, "user space")):
            each = []
            for side, at in ((0, 0), (1, 1)):
                t = [r[side]["ticks"][at] for r in runs]
                share = sum(x[part] for x in t) / max(
                    sum(sum(x) for x in t), 1)
                each.append(share * statistics.median(
                    r[side]["cpu_us"][at] for r in runs))
            rows.append(self.row(f"of it in {name}, {what}: worker alone",
                                 [each[0]], [each[1]], None, "us"))
        return rows

    def row(self, what, nginx, kontor, must, unit):
        ratios = sorted(k / n for n, k in zip(nginx, kontor))
        return {"what": what, "nginx": statistics.median(nginx),
                "kontor": statistics.median(kontor),
                "ratio": statistics.median(ratios), "low": ratios[0],
                "high": ratios[-1], "must": must, "unit": unit}


def admission(build):
    """What admission alone takes: bench_admit's lines."""
    out = subprocess.run([build / "bench_admit"], capture_output=True,
                         text=True, check=True, timeout=120).stdout
    return ["", "CPU of admission alone (gather, limits, hold, close), by",
            "worker slots and depth:", "",
            *("    " + line for line in out.splitlines())]


def json_rows(build):
    """What translation pays for JSON itself: bench_json's lines."""
    out = subprocess.run([build / "bench_json"], capture_output=True,
                         text=True, check=True, timeout=120).stdout
    for line in out.splitlines():
        name, size, cost = re.match(
            r"(.*\S) +(\d+) bytes: ([\d.]+) ns a byte", line).groups()
        yield (f"JSON parsed and written again, {name} ({size} bytes)",
               f"{cost} ns a byte", "<= 2")


def document(rows, extra, args, bench):
    import proof
    lines = [
        "# Performance", "",
        "Ratios measured side by side by `make bench`: kontor beside nginx's",
        "`proxy_pass` with keep-alive, same upstream and bytes, one worker",
        "of each on one core, runs interleaved, median of the paired ratios",
        "(lowest to highest in brackets).  A key with a hard budget and a",
        "priced deployment, so that everything is on; the run fails unless",
        "the ledger moved by exactly the number of calls.  Processor time is",
        "that of the processes, the kernel's part for them included.  The",
        "floor passes the same bytes by the same four system calls a call",
        "and does nothing else: its row's second column is tests/bench/",
        "pump.c, not kontor.  On two cores the load is the bottleneck, and",
        "who does less sleeps and wakes more, unless he gathers events, as",
        "kontor does; the rows \"all on one core\" are without that.",
        "What the numbers say: docs/performance-notes.md.", "",
        f"- date: {datetime.date.today().isoformat()}",
        f"- commit: {proof.commit()}", f"- machine: {proof.machine()}",
        f"- {args.repetitions} repetitions of {args.requests} calls at "
        "concurrency 32 (32 KB: a quarter; SSE: a fortieth, about 100 events "
        "each)",
        f"- in {SLICES} slices by turns; {bench.slices[0]} pairs of slices "
        f"count, {bench.slices[1]} were made again because a neighbour "
        f"slowed the core, {bench.slices[2]} count in spite of one", "",
        "| metric | nginx | kontor | ratio | must |", "|---|---|---|---|---|"]
    for r in rows:
        must = f"<= {r['must']:.2f}" if r["must"] else ""
        lines.append(
            f"| {r['what']} | {r['nginx']:.2f} {r['unit']} | "
            f"{r['kontor']:.2f} {r['unit']} | **{r['ratio']:.2f}** "
            f"({r['low']:.2f}-{r['high']:.2f}) | {must} |")
    lines += ["", "| metric | kontor | must |", "|---|---|---|"]
    lines += [f"| {a} | {b} | {c} |" for a, b, c in extra]
    lines += admission(TOP / args.build)
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--requests", type=int, default=40000)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--peer", action="append", default=[],
                        help="adapter of another gateway (peers.py)")
    parser.add_argument("--no-document", action="store_true")
    args = parser.parse_args()
    os.environ["KONTOR_BUILD"] = str(TOP / args.build)
    sys.path[:0] = [str(TOP / "tests" / "lib"), str(TOP / "tests")]
    sys.path.insert(0, str(TOP / "tests" / "bench"))
    import kit
    import peers
    assert NGINX, "nginx is not installed"
    # On a disk, unlike /tmp at many places, and away from where the tests
    # delete files by the thousand, which ext4 without a journal feels.
    with tempfile.TemporaryDirectory(prefix="kontor-bench",
                                     dir="/var/tmp") as folder:
        bench = Bench(pathlib.Path(folder), kit, args)
        try:
            bench.start()
            rows, extra = bench.run()
            extra += json_rows(TOP / args.build)
            others = peers.run(bench, args.peer, bench.port_static, KEY,
                               request("/v1/chat/completions", KEY,
                                       "gpt-5.4"),
                               request("/v1/chat/completions", bench.key,
                                       "gpt-5.4"))
        finally:
            bench.stop()
    text = document(rows, extra, args, bench) + peers.document(others)
    print(text)
    if not args.no_document:
        (TOP / "docs" / "performance.md").write_text(text)


if __name__ == "__main__":
    main()
