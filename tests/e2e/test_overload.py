"""Bounds: what crashes, what drips, what never reads, what asks too much."""
import concurrent.futures
import json
import os
import signal
import socket
import time

import httpx
import kit
import pytest

PATH = "/v1/chat/completions"


def ask(content, model="m-openai", **more):
    return json.dumps({"model": model, "messages": [
        {"role": "user", "content": content}], **more}).encode()


def head(key, length, *extra):
    lines = [f"POST {PATH} HTTP/1.1", "Host: k",
             f"Authorization: Bearer {key}", "Content-Type: application/json",
             f"Content-Length: {length}", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def instance(sim, folder, **limits):
    config = kit.make_config(sim.url, folder / "data", workers=1)
    config["limits"] = limits
    return kit.Kontor(folder, config)


def incidents(kontor):
    return json.loads(kontor.run("incidents", "--json").stdout)["incidents"]


def crash_at(kontor, key, body):
    """The worker crashes while it has the call in its hands: this needs a
    call that is long in hand, and a moment."""
    pid = kontor.of_role("worker")[0]
    with socket.create_connection(kontor.address, timeout=20) as s:
        s.sendall(head(key, len(body)) + body[:-1])
        time.sleep(0.3)
        s.sendall(body[-1:])
        # Running, and not asleep in the loop: it is at the call.
        end = time.monotonic() + 2
        while time.monotonic() < end:
            with open(f"/proc/{pid}/stat") as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "R":
                    break
        time.sleep(0.004)
        os.kill(pid, signal.SIGSEGV)
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass
    kit.wait_for("another worker", lambda: kontor.of_role("worker") and
                 kontor.of_role("worker")[0] != pid)
    kontor.wait_ready()


def test_a_call_that_crashed_a_worker_is_refused(sim, tmp_path):
    with instance(sim, tmp_path, max_body="64MiB") as kontor:
        key, other = kontor.key("one")["key"], kontor.key("two")["key"]
        body = ask("x" * (40 << 20))

        def blamed():
            crash_at(kontor, key, body)
            return [i for i in incidents(kontor) if i["name"] == "CRASH" and
                    i.get("refused_until")]
        row = kit.wait_for("a crash at the call", blamed, 60)[0]
        assert row["signal"] == signal.SIGSEGV
        assert row["refused_until"] - row["at"] == 600
        with kontor.http(key) as http:
            r = http.post(PATH, content=body,
                          headers={"content-type": "application/json"})
        assert r.status_code == 422, r.text[:300]
        assert r.json()["error"]["code"] == "crashed_before"
        assert row["id"] in r.json()["error"]["message"]
        assert r.headers["x-should-retry"] == "false"
        # Another call, and another's call, are served.
        assert kontor.chat(key).status_code == 200
        with kontor.http(other, timeout=60) as http:
            r = http.post(PATH, content=body,
                          headers={"content-type": "application/json"})
        assert r.status_code != 422, r.text[:300]
        assert "CRASH" in kontor.run("incidents").stdout
        # A kill says nothing about a call.
        def crashes():
            return [i for i in incidents(kontor) if i["name"] == "CRASH"]
        before = len(crashes())
        os.kill(kontor.of_role("worker")[0], signal.SIGKILL)
        time.sleep(0.5)
        kontor.wait_ready()
        assert len(crashes()) == before
        kontor.verify()
