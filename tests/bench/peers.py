"""Others beside nginx and kontor: haproxy, and any gateway that is described.

An adapter is a JSON file:

    {"name": "other", "start": ["other", "--port", "{port}"],
     "env": {"OPENAI_API_BASE": "{upstream}"}, "ready": "/health",
     "path": "/v1/chat/completions", "model": "gpt-5.4",
     "headers": {"Authorization": "Bearer x"}, "files": {"other.yaml": "..."}}

{port} is the port it shall listen on, {upstream} the base URL of the same
upstream that the others have ("http://127.0.0.1:PORT/v1"), {folder} where its
files are written.  With "url" instead of "start" it runs already and only its
latency is measured.  Docs: docs/performance-notes.md.
"""
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import urllib.parse

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy",
                                                  path="/usr/sbin:/sbin")
HAPROXY_CONF = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    http-reuse always
frontend in
    bind 127.0.0.1:{port}
    http-request set-header Authorization "Bearer {key}"
    default_backend out
backend out
    server one 127.0.0.1:{upstream} maxconn 1024 pool-max-conn 128
"""


def post(path, headers, body):
    lines = [f"POST {path} HTTP/1.1", "Host: bench",
             "Content-Type: application/json", f"Content-Length: {len(body)}",
             *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Side:
    """One program: where it listens, whose time counts, what it is sent."""

    def __init__(self, name, port, pids, data, own=True):
        self.name, self.port, self.pids = name, port, pids
        self.data, self.own, self.rows, self.quick = data, own, [], []


def listens(kit, name, port, seconds=60):
    kit.wait_for(name, lambda: socket.create_connection(
        ("127.0.0.1", port), 1), seconds)


def spawn(bench, name, argv, env=None):
    p = bench.kit.Program(bench.folder, name)
    p.spawn(["taskset", "-c", "0", *map(str, argv)], env=env)
    bench.programs.append(p)
    return p


def start_haproxy(bench, upstream, key, body):
    port = bench.kit.free_port()
    conf = bench.folder / "haproxy.conf"
    conf.write_text(HAPROXY_CONF.format(port=port, key=key,
                                        upstream=upstream))
    p = spawn(bench, "haproxy", [HAPROXY, "-db", "-f", conf])
    listens(bench.kit, "haproxy", port)
    return Side("haproxy", port, bench.kit.group(p.child.pid),
                post("/v1/chat/completions", {}, body))


def fill(value, **names):
    for k, v in names.items():
        value = value.replace("{" + k + "}", str(v))
    return value


def start_peer(bench, path, upstream, body):
    import os
    spec = json.loads(pathlib.Path(path).read_text())
    body = json.dumps({**json.loads(body), "model": spec.get(
        "model", json.loads(body)["model"])}).encode()
    data = post(spec.get("path", "/v1/chat/completions"),
                spec.get("headers", {}), body)
    if "url" in spec:
        port = urllib.parse.urlsplit(spec["url"]).port
        return Side(spec["name"], port, [], data, own=False)
    port = bench.kit.free_port()
    names = {"port": port, "folder": bench.folder,
             "upstream": f"http://127.0.0.1:{upstream}/v1"}
    for name, text in spec.get("files", {}).items():
        (bench.folder / name).write_text(fill(text, **names))
    env = {**os.environ, **{k: fill(v, **names)
                            for k, v in spec.get("env", {}).items()}}
    p = spawn(bench, spec["name"],
              [fill(a, **names) for a in spec["start"]], env)
    listens(bench.kit, spec["name"], port)
    if "ready" in spec:
        bench.kit.wait_for(spec["name"], lambda: subprocess.run(
            ["curl", "-fs", f"http://127.0.0.1:{port}{spec['ready']}"],
            capture_output=True).returncode == 0, 60, 0.2)
    return Side(spec["name"], port, bench.kit.group(p.child.pid), data)


def run(bench, files, upstream, key, data_n, data_k):
    """Every program in turn, in each repetition in another order."""
    body = data_n.partition(b"\r\n\r\n")[2]
    n, reps = bench.args.requests, bench.args.repetitions
    sides = [Side("nginx", bench.port_n, [bench.pids_n], data_n),
             Side("kontor, all processes", bench.port_k, [bench.pids_k],
                  data_k)]
    if HAPROXY:
        side = start_haproxy(bench, upstream, key, body)
        side.pids = [side.pids]
        sides.append(side)
    for path in files:
        side = start_peer(bench, path, upstream, body)
        side.pids = [side.pids]
        sides.append(side)
    for i in range(reps + 1):
        turn = i % len(sides)
        for s in sides[turn:] + sides[:turn]:
            # A gateway that takes a hundred times as long gets fewer.
            calls = n if s.name in ("nginx", "haproxy") or \
                s.name.startswith("kontor") else max(n // 50, 200)
            few = max(calls // 8, 100)
            if s.name.startswith("kontor"):
                bench.called += calls + few
            s.rows.append(bench.side(s.pids, s.port, s.data, 32, calls))
            s.quick.append(bench.side(s.pids, s.port, s.data, 1, few))
    return [(s.name, s.own, s.rows[1:], s.quick[1:]) for s in sides]


def document(rows):
    """A table; the first row is what the others are compared with."""
    out = ["", "## Beside others", "",
           "1 KB pass-through, interleaved, one core each; kontor with",
           "everything on, the others as proxies.  Ratios to nginx, of the",
           "same repetition, their median.", "",
           "| program | CPU per request, us | ratio | latency at "
           "concurrency 1, p50 us | ratio |", "|---|---|---|---|---|"]
    base, quick_base = rows[0][2], rows[0][3]
    for name, own, many, quick in rows:
        cpu = [r["cpu_us"][0] for r in many]
        ratio = statistics.median(
            c / b["cpu_us"][0] for c, b in zip(cpu, base))
        p50 = [r["p50_us"] for r in quick]
        slower = statistics.median(
            q / b["p50_us"] for q, b in zip(p50, quick_base))
        out.append(f"| {name} | " + (
            f"{statistics.median(cpu):.1f} | {ratio:.2f}" if own
            else "not ours | -") +
            f" | {statistics.median(p50):.0f} | {slower:.2f} |")
    return "\n".join(out) + "\n"
