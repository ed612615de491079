"""Storms: malformed requests, slow readers, thousands of streams, hours.

The suite runs them small (test_storm.py), `make proof malformed`, `streams`
and `soak` at their full size.
"""
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import resource
import socket
import subprocess
import time

import httpx
import kit

PATH = "/v1/chat/completions"
SEEDS = kit.TOP / "tests" / "fuzz" / "corpus"


def ask(content, model="m-openai", **more):
    return json.dumps({"model": model, "messages": [
        {"role": "user", "content": content}], **more}).encode()


def head(key, length, *extra):
    lines = [f"POST {PATH} HTTP/1.1", "Host: k",
             f"Authorization: Bearer {key}", "Content-Type: application/json",
             f"Content-Length: {length}", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def memory(kontor, role="worker"):
    """Bytes of the processes' own."""
    total = 0
    for pid in kontor.of_role(role):
        with open(f"/proc/{pid}/statm") as f:
            _, resident, shared = map(int, f.read().split()[:3])
        total += (resident - shared) * 4096
    return total


def descriptors(kontor):
    return sum(len(os.listdir(f"/proc/{p}/fd"))
               for p in kit.group(kontor.child.pid))


def files(wanted):
    """Raises the limit of open files, for what is started too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (min(wanted, hard), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


# --- malformed -----------------------------------------------------------------


def seeds(key):
    out = [p.read_bytes() for kind in ("http1_request", "h2")
           for p in sorted((SEEDS / kind).iterdir())]
    for body in [ask("x"), ask("x", stream=True), b"{}", b"[", b"\xff" * 9,
                 *(p.read_bytes() for p in sorted((SEEDS / "json").iterdir())),
                 *(p.read_bytes() for p in sorted((SEEDS / "span").iterdir()))]:
        out.append(head(key, len(body)) + body)
        out.append(head(key, 0, "Transfer-Encoding: chunked").replace(
            b"Content-Length: 0\r\n", b"") +
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    return out


def mutate(rng, data):
    """One to four small damages."""
    b = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(b) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(b):
            b[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            b[at:at] = rng.choice([b"\r\n", b"\n", b"\r", b"\0", b" ", b":",
                                   b"\xff", b"-", b"0", b"\t", b"\""])
        elif kind == 2:
            del b[at:at + rng.randint(1, 8)]
        elif kind == 3:
            b[at:at] = b[at:at + rng.randint(1, 64)]
        elif kind == 4 and at < len(b):
            b[at] = rng.randrange(256)
        elif kind == 5:
            del b[at:]
    return bytes(b)


def one_malformed(address, data):
    """The first status, 0 when there is none, -1 when nothing ends."""
    with socket.create_connection(address, timeout=20 * kit.SLOW) as s:
        out = b""
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while part := s.recv(65536):
                out += part
        except TimeoutError:
            return -1
        except OSError:
            pass
    line = out.split(b"\r\n", 1)[0].split()
    if len(line) < 2 or not line[0].startswith(b"HTTP/1."):
        return 0
    return int(line[1])


def malformed(kontor, key, n, seed, threads=8):
    """n damaged requests; what was answered, and memory before and after."""
    source = seeds(key)
    before_pids = kontor.processes()

    def run(number):
        rng, seen = random.Random(f"{seed}.{number}"), collections.Counter()
        for _ in range(n // threads):
            seen[one_malformed(kontor.address,
                               mutate(rng, rng.choice(source)))] += 1
        return seen
    # What is kept for the next one is there after some of them.
    warm = random.Random(seed)
    for _ in range(min(n // 10, 2000)):
        one_malformed(kontor.address, mutate(warm, warm.choice(source)))
    before = memory(kontor)
    seen = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for part in pool.map(run, range(threads)):
            seen += part
    after = memory(kontor)
    assert kontor.processes() == before_pids, "a process died"
    assert seen[-1] == 0, f"{seen[-1]} hang"
    bugs = {k: v for k, v in seen.items() if k >= 500}
    assert not bugs, bugs
    return {"requests": sum(seen.values()),
            "answers": {str(k) if k else "closed without an answer": v
                        for k, v in seen.items()},
            "memory before, KiB": before >> 10,
            "memory after, KiB": after >> 10}


def slow_readers(kontor, key, n):
    """n callers who ask for much and read nothing."""
    body = ask("[[sim out=4000]]", stream=True)
    before, held = memory(kontor), []
    for _ in range(n):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(kontor.address)
        s.sendall(head(key, len(body)) + body)
        held.append(s)
    time.sleep(3)
    # Their providers' bytes come on meanwhile, as far as there is room.
    began = time.monotonic()
    with kontor.http(kontor.key("other")["key"], timeout=180) as http:
        r = http.post(PATH, content=ask("[[sim out=3]]"),
                      headers={"content-type": "application/json"})
    assert r.status_code == 200, r.text[:300]
    took = time.monotonic() - began
    peak = memory(kontor)
    for s in held:
        s.close()
    kit.wait_for("all to be settled", lambda: not any(
        float(b["pending"]) for b in
        kontor.cli("budget", "list", "--json")["budgets"]), 120, 0.5)
    return {"slow readers": n,
            "memory of one, KiB": (peak - before) // n >> 10,
            "another's call beside them, s": f"{took:.1f}"}


def slowloris(kontor, key, n, seconds=75):
    """n callers who drip, a byte a second: heads, bodies, and connections
    that say nothing; others are served.  Who drips is told 408 and closed,
    a head after 30 s and a body after a minute."""
    before, began, kinds = memory(kontor), time.monotonic(), []
    held = []
    for i in range(n):
        s = socket.create_connection(kontor.address, timeout=20)
        kinds.append(("head", "body", "nothing")[i % 3])
        if i % 3 == 0:
            s.sendall(b"POST " + PATH.encode() + b" HTTP/1.1\r\nX: ")
        elif i % 3 == 1:
            s.sendall(head(key, 100000) + b"{")
        s.setblocking(False)
        held.append(s)
    opened = time.monotonic() - began
    slowest, peak, calls = 0.0, 0, 0
    told, when = collections.Counter(), collections.defaultdict(list)
    dead = set()
    http = kontor.http(key, timeout=60)
    while time.monotonic() < began + opened + seconds:
        turn = time.monotonic()
        for i, s in enumerate(held):
            if i in dead:
                continue
            try:
                data = s.recv(4096)
                told[kinds[i], data[9:12].decode() or "closed"] += 1
                when[kinds[i]].append(time.monotonic() - began)
                dead.add(i)
                s.close()
            except BlockingIOError:
                if kinds[i] != "nothing":
                    with contextlib.suppress(OSError):
                        s.send(b" ")
            except OSError:
                told[kinds[i], "reset"] += 1
                dead.add(i)
                s.close()
        asked = time.monotonic()
        r = http.post(PATH, content=ask(f"{calls} [[sim out=3]]"), headers={
            "content-type": "application/json"})
        assert r.status_code == 200, r.text[:300]
        calls += 1
        slowest = max(slowest, time.monotonic() - asked)
        peak = max(peak, memory(kontor))
        time.sleep(max(turn + 1 - time.monotonic(), 0))
    for s in held:
        s.close()
    dripping = sum(k != "nothing" for k in kinds)
    over = sum(v for (kind, _), v in told.items() if kind != "nothing")
    assert over == dripping, (told, dripping)
    assert not {how for kind, how in told} & {"200", "500"}, told
    return {"who drip, or say nothing": n,
            "what they are told": {f"{kind}: {how}": v for (kind, how), v
                                   in told.items()},
            "the last head ends after, s": f"{max(when['head']):.0f}",
            "the last body ends after, s": f"{max(when['body']):.0f}",
            "memory of one, bytes": (peak - before) // n,
            "calls of another meanwhile": calls,
            "the slowest of these, s": f"{slowest:.2f}"}


# --- streams -------------------------------------------------------------------


def reader(folder):
    exe = pathlib.Path(folder) / "streams"
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", exe,
                    kit.TOP / "tests/bench/streams.c", "-lssl", "-lcrypto"],
                   check=True)
    return exe


def stream_request(folder, name, credential, said, model):
    """A file with the request of a stream."""
    body = ask(said, model, stream=True,
               stream_options={"include_usage": True})
    path = pathlib.Path(folder) / name
    path.write_bytes(head(credential, len(body)) + body)
    return path


def streams(folder, exe, kontor, sim, key, n, per_second, seconds, ca=None):
    """n streams at once, through kontor and straight from the simulator;
    with a CA kontor's side is TLS."""
    pace = 1000 // per_second
    out = per_second * seconds
    said = f"all the same [[sim out={out} pace={pace}]]"
    result = {}
    for name, port, credential, model, tls in (
            ("straight", int(sim.url.rsplit(":", 1)[1]),
             kit.SECRETS["SIM_OPENAI"], "gpt-5.4", []),
            ("kontor", kontor.address[1], key, "m-openai",
             [ca] if ca else [])):
        path = stream_request(folder, "stream-request", credential, said,
                              model)
        warm = stream_request(folder, "warm-request", credential,
                              "[[sim out=20 pace=1]]", model)
        # What is there only once is there after a few, which is not theirs.
        subprocess.run([exe, str(port), warm, "20", "1", *tls], check=True,
                       capture_output=True, timeout=60)
        before = memory(kontor)
        child = subprocess.Popen(
            [exe, str(port), path, str(n), str(pace), *tls],
            stdout=subprocess.PIPE, text=True)
        time.sleep(min(seconds / 2, 20))
        during = memory(kontor)
        text, _ = child.communicate(timeout=600 + seconds * 4)
        r = json.loads(text)
        assert r["done"] == r["same"] == n, r
        r["memory"] = (during - before) // n
        result[name] = r
    a, b = result["straight"], result["kontor"]
    assert a["hash"] == b["hash"] and a["each"] == b["each"], (a, b)
    return {"streams": n, "events a second of one": per_second,
            "events": b["events"], "bytes": b["bytes"],
            "memory of one in kontor, bytes": b["memory"],
            "late, p99 us: straight": a["late_p99_us"],
            "late, p99 us: through kontor": b["late_p99_us"],
            "added, p99 us": b["late_p99_us"] - a["late_p99_us"]}


# --- hours -----------------------------------------------------------------------


def soak(kontor, sim, key, seconds, threads=8, every=60.0, pause=0.0):
    """Mixed calls for so long; memory and descriptors, sample by sample."""
    end = time.monotonic() + seconds
    kinds = ["[[sim out=5]]", "[[sim out=50 pace=2]]", "x" * 20000,
             "[[sim out=20 fault=reset]]", "[[sim out=20 fault=cut]]"]

    def run(number):
        n, seen = 0, collections.Counter()
        with contextlib.ExitStack() as stack:
            # Every other caller speaks HTTP/2.
            http = stack.enter_context(kontor.http(
                key, http2=number % 2 == 1, http1=number % 2 == 0))
            while time.monotonic() < end:
                n += 1
                try:
                    r = http.post(PATH, json={
                        "model": "m-openai", "stream": n % 2 == 0,
                        "messages": [{"role": "user", "content":
                                      kinds[(n + number) % len(kinds)]}]})
                    seen[r.status_code] += 1
                except httpx.HTTPError:
                    seen["broken"] += 1
                time.sleep(pause)
        return seen
    samples, seen = [], collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        runs = [pool.submit(run, i) for i in range(threads)]
        while time.monotonic() < end:
            time.sleep(min(every, max(end - time.monotonic(), 0)))
            samples.append((memory(kontor), descriptors(kontor),
                            memory(kontor, "recorder")))
            print(samples[-1], flush=True)
        for r in runs:
            seen += r.result()
    # The first third fills what is kept.
    settled = samples[len(samples) // 3:]
    first, last = settled[0], settled[-1]
    # A sanitizer keeps for a while what was freed.
    if kit.SLOW == 1:
        assert last[0] < first[0] * 1.1 + (4 << 20), samples
        assert last[2] < first[2] * 1.25 + (4 << 20), samples
    assert last[1] <= max(s[1] for s in settled[:-1] or settled) + 16, samples
    assert seen[200] > sum(seen.values()) // 2, seen
    kontor.verify()
    sim.settled()
    return {"seconds": int(seconds), "calls": sum(seen.values()),
            "answers": {str(k): v for k, v in seen.items()},
            "workers' memory after a third, KiB": first[0] >> 10,
            "workers' memory at the end, KiB": last[0] >> 10,
            "recorder's after a third, KiB": first[2] >> 10,
            "recorder's at the end, KiB": last[2] >> 10,
            "descriptors after a third": first[1],
            "descriptors at the end": last[1]}
