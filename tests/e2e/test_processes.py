"""Death, drain and reload: one process at a time, under load."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import httpx
import kit
import pytest
from test_overload import WHOLE, misbehaved

PATH = "/v1/chat/completions"


def body(content, model="m-openai", stream=False):
    return {"model": model, "stream": stream,
            "messages": [{"role": "user", "content": content}]}


class Load:
    """Threads that call all the time; what came of it, by kind."""

    def __init__(self, kontor, key, threads=8):
        self.kontor, self.key = kontor, key
        self.good = self.bad = self.broken = 0
        self.statuses, self.lock = {}, threading.Lock()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(threads)]

    def run(self, number):
        http, n = self.kontor.http(self.key), 0
        while not self.stop.is_set():
            n += 1
            stream = n % 2 == 0
            try:
                r = http.post(PATH, json=body(
                    f"{number}.{n} [[sim out=10 pace=1]]", stream=stream))
                whole = "[DONE]" in r.text if stream else True
                with self.lock:
                    self.statuses[r.status_code] = \
                        self.statuses.get(r.status_code, 0) + 1
                    if r.status_code == 200 and whole:
                        self.good += 1
                    elif r.status_code == 200:
                        self.broken += 1
                    else:
                        self.bad += 1
            except httpx.HTTPError:
                with self.lock:
                    self.broken += 1
                http.close()
                http = self.kontor.http(self.key)
        http.close()

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for t in self.threads:
            t.join(60)

    def wait_for_more(self, n=20):
        goal = self.good + n
        kit.wait_for(f"{n} more good calls", lambda: self.good >= goal, 20)


def test_each_process_says_what_it_is(kontor):
    titles = sorted(kontor.processes())
    assert titles == ["control", "courier", "recorder", "supervisor",
                      "worker 1", "worker 2"], titles


def files_limit(pid):
    with open(f"/proc/{pid}/limits") as f:
        text = f.read()
    return [int(n) for n in re.search(
        r"^Max open files\s+(\d+)\s+(\d+)", text, re.M).groups()]


def test_the_limit_of_open_files_is_as_high_as_may_be(own):
    pids = kit.group(own.child.pid)
    assert len(pids) == 6
    for pid in pids:
        soft, hard = files_limit(pid)
        assert soft == min(hard, 262144) or soft > 262144, (soft, hard)


def limit_files(folder, monkeypatch, most):
    """kontor has no more descriptors than that, from here on."""
    limited = folder / "limited"
    limited.write_text(f"#!/bin/sh\nulimit -n {most}\n"
                       f"exec {kit.KONTOR} \"$@\"\n")
    limited.chmod(0o755)
    monkeypatch.setattr(kit, "KONTOR", limited)


def test_idle_connections_make_room_for_a_call(sim, tmp_path, monkeypatch):
    """Descriptors that idle connections to one provider hold are another's,
    when there are no more."""
    most = 96
    limit_files(tmp_path, monkeypatch, most)
    config = kit.make_config(sim.url, tmp_path / "data", workers=1)
    lab = config["providers"]["lab"]
    lab["base_url"] = lab["base_url"].replace("127.0.0.1", "localhost")
    with kit.Kontor(tmp_path, config) as own, httpx.Client(
            base_url=own.gateway, timeout=20, headers={
                "authorization": "Bearer " + own.key("app")["key"]}) as web:
        def ask(model, prompt="[[sim out=5]]"):
            return web.post(PATH, json=body(prompt, model))
        threads = [threading.Thread(target=ask, args=(
            "m-openai", "[[sim out=5 ttft=500]]")) for _ in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        pid, = own.of_role("worker")
        assert files_limit(pid) == [most, most]

        def held():
            return len(os.listdir(f"/proc/{pid}/fd"))
        idle = held()
        assert 40 < idle < most
        strangers = [socket.create_connection(own.address)
                     for _ in range(most - idle)]
        kit.wait_for("no descriptor to be left", lambda: held() == most, 5)
        assert ask("m-lab").status_code == 200
        assert held() < most - 10
        for s in strangers:
            s.close()
        own.verify()


def test_strangers_leave_descriptors_for_calls(sim, tmp_path, monkeypatch):
    """Idle connections of callers hold all there are, and each call needs a
    new one to its provider."""
    most = 96
    limit_files(tmp_path, monkeypatch, most)
    provider, instance = misbehaved(sim, tmp_path, lambda s, stop: s.sendall(
        WHOLE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)))
    with instance as own:
        key = own.key("app")["key"]
        assert own.chat(key, "odd").status_code == 200
        strangers = [socket.create_connection(own.address)
                     for _ in range(most + 20)]
        kit.wait_for("no descriptor to be left",
                     lambda: "Too many open files; pausing" in own.text(), 5)
        for i in range(8):
            r = own.chat(key, "odd", f"{i}")
            assert r.status_code == 200, r.text
        for s in strangers:
            s.close()
        own.verify()
    provider.close()


def test_connections_to_providers_leave_descriptors_for_callers(
        sim, tmp_path, monkeypatch):
    """They are idle, and no caller is: the next one comes in all the same."""
    most = 96
    limit_files(tmp_path, monkeypatch, most)
    config = kit.make_config(sim.url, tmp_path / "data", workers=1)
    with kit.Kontor(tmp_path, config) as own:
        key = own.key("app")["key"]
        threads = [threading.Thread(target=own.chat, args=(
            key, "m-openai", "[[sim out=5 ttft=500]]")) for _ in range(24)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        pid, = own.of_role("worker")
        busy = []
        for _ in range(most):
            if len(os.listdir(f"/proc/{pid}/fd")) == most:
                break
            busy.append(socket.create_connection(own.address))
            busy[-1].sendall(b"POST ")
            time.sleep(0.02)
        with own.http(key, timeout=8) as web:
            r = web.post(PATH, json=body("[[sim out=5]]", "m-openai"))
        assert r.status_code == 200, r.text
        for s in busy:
            s.close()
        own.verify()


def test_workers_are_sealed(kontor):
    if kit.SLOW > 1:
        pytest.skip("sanitized builds run unsealed")
    for pid in kontor.of_role("worker") + kontor.of_role("courier"):
        with open(f"/proc/{pid}/status") as f:
            text = f.read()
        assert re.search(r"^Seccomp:\s+2$", text, re.M)
        assert re.search(r"^NoNewPrivs:\s+1$", text, re.M)
        for fd in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            assert str(kontor.data_dir) not in target, target


@pytest.mark.parametrize("role", ["worker", "recorder", "control", "courier"])
def test_a_killed_process_is_back_within_a_second(own, role):
    key = own.key("load")["key"]
    with Load(own, key) as load:
        load.wait_for_more()
        for _ in range(3):
            before = own.of_role(role)
            os.kill(before[0], signal.SIGKILL)
            killed = time.monotonic()
            kit.wait_for(f"{role} to be back", lambda: (
                before[0] not in own.of_role(role) and
                len(own.of_role(role)) == len(before)), 5, 0.01)
            assert time.monotonic() - killed < 1.0 * kit.SLOW
            load.wait_for_more()
        broken, bad = load.broken, load.bad
    assert bad == 0, load.statuses
    if role == "worker":
        assert broken <= 3 * len(load.threads), load.__dict__
    else:
        assert broken == 0, "a caller noticed"
    own.wait_ready()
    own.verify()
    usage = own.usage()["total"]
    assert usage["calls"] >= load.good


def test_a_hung_worker_is_replaced(own):
    key = own.key("load")["key"]
    pid = own.of_role("worker")[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        kit.wait_for("the hung worker to be replaced", lambda: (
            pid not in own.of_role("worker") and
            len(own.of_role("worker")) == 2), 12, 0.05)
    finally:
        if pid in own.of_role("worker"):
            os.kill(pid, signal.SIGCONT)
    assert {own.chat(key).status_code for _ in range(8)} == {200}
    assert own.text().count("hangs; it is killed") == 1


def test_a_pause_of_all_is_nobodys_hang(own):
    """As of a container: who wakes first has not heard of the others."""
    before = own.processes()
    others = [pid for pid in before.values() if pid != own.child.pid]
    for pid in [own.child.pid, *others]:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(6)
    os.kill(own.child.pid, signal.SIGCONT)
    time.sleep(0.2)
    for pid in others:
        os.kill(pid, signal.SIGCONT)
    time.sleep(1)
    assert own.processes() == before
    assert "hangs" not in own.text()


def shared_tables(own):
    fds = f"/proc/{own.child.pid}/fd"
    return next(fd for fd in (os.path.join(fds, n) for n in os.listdir(fds))
                if os.readlink(fd).startswith("/memfd:kontor ("))


def spoil_rings(own, workers=2, ring=4096 * 2048):
    """As by a wild write: no head of a worker's ring is where it can be."""
    slots, page = 2 * workers + 4, 4096
    with open(shared_tables(own), "r+b") as f:
        start = os.fstat(f.fileno()).st_size - slots * (page + ring)
        used = [at for at in range(start, start + slots * (page + ring),
                                   page + ring)
                if any(os.pread(f.fileno(), 8, at))]
        for at in used:
            os.pwrite(f.fileno(), (1 << 60).to_bytes(8, "little"), at)
    return len(used)


def test_a_worker_that_is_not_believed_ends_by_itself(own):
    """Nobody else ends it: the supervisor is stopped."""
    key = own.key("load", budget="5.00/day")["key"]
    assert own.chat(key).status_code == 200
    before = own.of_role("worker")
    own.child.send_signal(signal.SIGSTOP)
    try:
        assert spoil_rings(own) == 2
        kit.wait_for("both to end", lambda: own.text().count(
            "the recorder refuses what this worker writes") == 2, 3)
    finally:
        own.child.send_signal(signal.SIGCONT)
    kit.wait_for("others", lambda: len(
        set(own.of_role("worker")) - set(before)) == 2, 5)
    assert {own.chat(key).status_code for _ in range(8)} == {200}
    own.verify()


class Stream:
    """A stream being read in a thread of its own."""

    def __init__(self, kontor, key, content):
        self.text, self.error, self.status = "", None, None
        self.begun = threading.Event()
        self.args = kontor, key, content
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        assert self.begun.wait(10 * kit.SLOW), self.error

    def run(self):
        kontor, key, content = self.args
        try:
            with kontor.http(key, timeout=60) as http, http.stream(
                    "POST", PATH, json=body(content, stream=True)) as r:
                self.status = r.status_code
                for part in r.iter_text():
                    self.text += part
                    self.begun.set()
        except httpx.HTTPError as e:
            self.error = e
        self.begun.set()

    def finish(self):
        self.thread.join(60)
        assert self.error is None, self.error
        assert self.status == 200
        words = "".join(
            e["choices"][0]["delta"].get("content") or ""
            for e in kit.sse(self.text) if e != "[DONE]" and e["choices"])
        assert "[DONE]" in self.text, self.text[-300:]
        return len(words.split())


LONG = "long [[sim out=100 pace=20]]"  # two seconds


def test_sigterm_drains_a_running_stream(own):
    key = own.key("drain")["key"]
    stream = Stream(own, key, LONG)
    own.child.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    with pytest.raises(httpx.ConnectError):  # told at once, not left to wait
        httpx.get(own.gateway + "/v1/models", timeout=2)
    assert stream.finish() == 100
    assert own.child.wait(10 * kit.SLOW) == 0
    kit.wait_for("all to be gone", lambda: not kit.group(own.child.pid), 5)
    own.run("ledger", "verify")


def test_without_its_supervisor_all_finish_and_leave(own):
    key = own.key("orphan")["key"]
    stream = Stream(own, key, LONG)
    os.kill(own.of_role("supervisor")[0], signal.SIGKILL)
    own.child.wait()
    time.sleep(0.3)
    with pytest.raises(httpx.ConnectError):
        httpx.get(own.gateway + "/v1/models", timeout=1)
    assert stream.finish() == 100
    kit.wait_for("all to be gone", lambda: not kit.group(own.child.pid), 10)
    own.run("ledger", "verify")
    own.start()
    assert own.chat(key).status_code == 200
    rows = own.export()
    assert all(r["resolution"] == "booked" for r in rows), rows


def test_a_new_start_waits_for_the_lock(own):
    key = own.key("orphan")["key"]
    stream = Stream(own, key, LONG)
    os.kill(own.of_role("supervisor")[0], signal.SIGKILL)
    own.child.wait()
    first = own.child.pid
    # The ports may still be in use by the workers that finish.
    own.config["listen"]["gateway"]["address"] = \
        f"127.0.0.1:{kit.free_port()}"
    own.config["listen"]["admin"]["address"] = f"127.0.0.1:{kit.free_port()}"
    own.start()
    try:
        assert stream.finish() == 100
        kit.wait_for("the old ones to be gone",
                     lambda: not kit.group(first), 10)
        assert own.chat(key).status_code == 200
        own.verify()
        assert sum(r["resolution"] == "booked" for r in own.export()) == 2
    finally:
        for pid in kit.group(first):
            os.kill(pid, signal.SIGKILL)


def test_all_killed_at_once_loses_nothing_that_was_answered(own, sim):
    key = own.key("cut")["key"]
    with Load(own, key) as load:
        load.wait_for_more(50)
        time.sleep(0.1)
        os.killpg(own.child.pid, signal.SIGKILL)
        load.stop.set()
    own.child.wait()
    good = load.good
    own.start()
    own.verify()
    rows = own.export()
    booked = [r for r in rows if r["resolution"] == "booked"]
    # At most what 10 ms of log may hold is missing.
    assert len(booked) >= good - 40
    assert all(r["resolution"] for r in rows)
    assert own.chat(key).status_code == 200


def test_reload_drops_no_stream_and_brings_the_new_model(own):
    key = own.key("reload")["key"]
    assert own.chat(key, "m-new").status_code == 404
    workers = own.of_role("worker")
    streams = [Stream(own, key, LONG) for _ in range(4)]
    own.config["models"]["m-new"] = {"deployments": [
        kit.deployment("new-azure", "azure")]}
    own.write_config()
    plan = own.run("plan").stdout
    assert "m-new" in plan
    own.run("reload")
    assert {own.chat(key, "m-new").status_code for _ in range(8)} == {200}
    assert all(s.finish() == 100 for s in streams)
    assert own.of_role("worker") == workers, "a reload starts no worker"
    own.verify()


def test_a_reload_brings_limits_into_force(own):
    key = own.key("limits")["key"]
    assert own.chat(key, content="x" * 200000).status_code == 200
    own.config["limits"] = {"max_body": "100KiB"}
    own.write_config()
    own.run("reload")
    assert {own.chat(key, content="x" * 200000).status_code
            for _ in range(4)} == {413}
    assert own.chat(key).status_code == 200


def test_a_reload_while_the_recorder_is_down_loses_no_call(own):
    key = own.key("reloads")["key"]
    for _ in range(4):  # so often in a row that it is not back at once
        pid = kit.wait_for("a recorder", lambda: own.of_role("recorder"))[0]
        os.kill(pid, signal.SIGKILL)
        kit.wait_for("its end", lambda: pid not in own.of_role("recorder"))
    asked = []
    for i in range(3):
        own.config["models"][f"later-{i}"] = {
            "deployments": [kit.deployment(f"later-{i}", "lab")]}
        own.write_config()
        own.run("reload")
        r = own.chat(key, f"later-{i}")
        assert r.status_code == 200, r.text
        asked.append(r.headers["x-kontor-request-id"])
    rows = {r["request"]: r["resolution"] for r in own.export()}
    assert [rows.get(a) for a in asked] == ["booked"] * 3
    own.verify()
    assert "incident" not in own.text()


def test_a_recorder_comes_back_however_often_it_dies(own):
    key = own.key("crashes", budget="5.00/day")["key"]
    assert own.chat(key, "m-lab").status_code == 200
    for _ in range(8):  # more often than there are slots
        pid = kit.wait_for("a recorder",
                           lambda: own.of_role("recorder"), pause=0.001)[0]
        os.kill(pid, signal.SIGKILL)
        kit.wait_for("its end", lambda: pid not in own.of_role("recorder"),
                     pause=0.001)
        if len(own.of_role("worker")) == 2:
            os.kill(own.of_role("worker")[0], signal.SIGKILL)
    kit.wait_for("calls to be served", lambda: own.chat(
        key, "m-lab").status_code == 200 and own.of_role("recorder"), 20)
    rows = own.export()
    assert [r["resolution"] for r in rows].count("booked") == len(rows) >= 2
    own.verify()


def test_a_worker_comes_back_though_no_recorder_does(own):
    key = own.key("crashes", budget="5.00/day")["key"]
    assert own.chat(key, "m-lab").status_code == 200
    log, aside = own.data_dir / "log", own.data_dir / "aside"
    log.rename(aside)
    log.write_text("no folder")
    os.kill(own.of_role("recorder")[0], signal.SIGKILL)
    kit.wait_for("more deaths than there are slots", lambda: own.text().count(
        "the log cannot be opened") >= 7, 20)
    before = own.of_role("worker")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    kit.wait_for("workers", lambda: len(
        set(own.of_role("worker")) - set(before)) == 2, 5)
    assert own.chat(key, "m-lab").status_code in (200, 503)
    log.unlink()
    aside.rename(log)
    kit.wait_for("calls to be served", lambda: own.chat(
        key, "m-lab").status_code == 200 and own.of_role("recorder"), 20)
    own.verify()


def test_a_bad_config_changes_nothing_and_says_where(own):
    key = own.key("reload")["key"]
    text = kit.dump(own.config)
    own.path.write_text(text + "nonsense: 1\n")
    line = len(text.splitlines()) + 1
    for command in ("check", "reload"):
        r = own.run(command, check=False)
        assert r.returncode == 1, r.stdout + r.stderr
        assert f"kontor.yaml:{line}:1" in r.stdout + r.stderr, \
            r.stdout + r.stderr
    own.path.write_text(text.replace("${SIM_LAB}", "${SIM_NOT_SET}"))
    r = own.run("reload", check=False)
    assert r.returncode == 1 and "SIM_NOT_SET" in r.stdout + r.stderr
    assert {own.chat(key).status_code for _ in range(6)} == {200}
    own.path.write_text("version: 1\nproviders: [\n")
    r = own.run("check", check=False)
    assert r.returncode == 1
    assert re.search(r"kontor\.yaml:\d+:\d+", r.stdout + r.stderr)


def test_a_second_instance_on_the_same_data_is_refused(own, tmp_path):
    config = dict(own.config)
    config["listen"] = {
        "gateway": {"address": f"127.0.0.1:{kit.free_port()}"},
        "admin": {"address": f"127.0.0.1:{kit.free_port()}"}}
    second = kit.Kontor(tmp_path / "second", config)
    second.write_config()
    second.spawn([kit.KONTOR, "serve", "-c", second.path], env=own.env)
    try:
        time.sleep(2)
        with pytest.raises(httpx.HTTPError):
            r = httpx.get(second.gateway + "/readyz", timeout=2)
            if r.status_code == 503:
                raise httpx.HTTPError("up, but not ready")
    finally:
        second.end()
    assert own.chat(own.key("x")["key"]).status_code == 200


# --- the command line -------------------------------------------------------

def test_usage_errors_exit_with_two():
    for args in (["no-such-command"], ["serve", "--no-such-option"],
                 ["key"], []):
        r = subprocess.run([kit.KONTOR, *args], capture_output=True,
                           text=True, stdin=subprocess.DEVNULL)
        assert r.returncode == 2, args
        assert "usage" in (r.stdout + r.stderr).lower()


def test_an_instance_that_cannot_be_reached_is_named(tmp_path):
    """Its address, to the last byte and no further, and not as a provider."""
    url = f"http://127.0.0.1:{kit.free_port()}"
    (tmp_path / "run.json").write_text(json.dumps({"admin": url}))
    (tmp_path / "admin.token").write_text("ktk_nobody")
    # What is not set of what malloc gives is no end of a text by chance.
    r = subprocess.run([kit.KONTOR, "budget", "list", "--dir", tmp_path],
                       env={**os.environ, "MALLOC_PERTURB_": "90"},
                       capture_output=True, text=True, errors="replace")
    assert r.returncode == 1
    assert r.stderr == f"kontor: {url}: the instance could not be reached\n"


@pytest.mark.parametrize("command", [
    "serve", "demo", "check", "plan", "reload", "key", "usage", "explain",
    "ledger", "version"])
def test_help_on_every_command(command):
    r = subprocess.run([kit.KONTOR, command, "--help"], capture_output=True,
                       text=True, stdin=subprocess.DEVNULL)
    assert r.returncode == 0 and "usage" in r.stdout.lower(), command


def test_every_command_is_listed_for_who_asks():
    asked = [subprocess.run([kit.KONTOR, word], capture_output=True,
                            text=True, stdin=subprocess.DEVNULL)
             for word in ("help", "--help")]
    assert all(r.returncode == 0 for r in asked)
    assert "key create" in asked[0].stdout == asked[1].stdout


def test_version_and_schema():
    for word in ("version", "--version"):
        r = subprocess.run([kit.KONTOR, word], capture_output=True, text=True)
        assert (kit.TOP / "VERSION").read_text().strip() in r.stdout
    r = subprocess.run([kit.KONTOR, "check", "--schema"],
                       capture_output=True, text=True)
    import jsonschema
    schema = json.loads(r.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    config = kit.make_config("http://127.0.0.1:1", "/data")
    jsonschema.Draft202012Validator(schema).validate(config)
    config["nonsense"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(config)


class Demo(kit.Program):
    def __init__(self, folder, *args):
        super().__init__(folder, "demo")
        self.args = args

    def __enter__(self):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("OPENAI", "AZURE", "AWS", "KONTOR",
                                    "ANTHROPIC", "GEMINI"))}
        self.began = time.monotonic()
        child = self.spawn([kit.KONTOR, "demo", "--dir", self.folder / "d",
                            "--json", *self.args], env=env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        line = child.stdout.readline()
        assert line, self.text()
        self.said = json.loads(line)
        return self

    def __exit__(self, *exc):
        self.end()
        self.check_log()


def test_the_demo_is_ready_within_five_seconds(tmp_path):
    with Demo(tmp_path) as demo:
        said = demo.said
        assert set(said) == {"gateway", "admin", "key", "admin_key", "sim"}
        for name in ("gateway", "admin", "sim"):
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", said[name])
        auth = {"authorization": f"Bearer {said['key']}"}
        models = httpx.get(said["gateway"] + "/v1/models",
                           headers=auth).json()["data"]
        first = models[0]["id"]
        assert "/" not in first and ":" not in first
        r = httpx.post(said["gateway"] + PATH, headers=auth, timeout=30,
                       json=body("Hello", first))
        assert time.monotonic() - demo.began < 5 * kit.SLOW
        assert r.status_code == 200, r.text
        assert re.fullmatch(r"\d+\.\d+ USD", r.headers["x-kontor-cost"])
        assert float(r.headers["x-kontor-cost"].split()[0]) > 0
        request = r.headers["x-kontor-request-id"]
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        out = subprocess.run(
            [kit.KONTOR, "explain", request, "--json", "--dir",
             tmp_path / "d"], capture_output=True, text=True, env=env)
        assert out.returncode == 0, out.stderr
        told = json.loads(out.stdout)
        assert len(told["candidates"]) == 5
        assert float(told["settled"]) > 0
        out = subprocess.run(
            [kit.KONTOR, "usage", "--format", "json", "--admin",
             said["admin"]], capture_output=True, text=True,
            env={**env, "KONTOR_ADMIN_KEY": said["admin_key"]})
        assert out.returncode == 0, out.stderr
        assert json.loads(out.stdout)["total"]["calls"] >= 1
        # A single line on stdout, and it stays in the foreground.
        assert demo.child.poll() is None
        os.killpg(demo.child.pid, signal.SIGTERM)
        assert demo.child.stdout.read() == b""
        assert demo.child.wait(10 * kit.SLOW) == 0
    kit.wait_for("the demo to leave nothing behind",
                 lambda: not kit.group(demo.child.pid), 5)


VENUES = {"gpt-5.4-openai": "openai", "gpt-5.4-azure": "azure",
          "gpt-5.4-bedrock": "bedrock", "gpt-5.4-converse": "bedrock",
          "gpt-5.4-messages": "anthropic", "claude-anthropic": "anthropic",
          "claude-converse": "bedrock", "claude-invoke": "bedrock"}


def test_the_demo_speaks_every_shape(tmp_path):
    """Each deployment of the first model and of Claude, in two dialects of
    callers, whole and streamed."""
    with Demo(tmp_path) as demo:
        said = demo.said
        for name, venue in VENUES.items():
            head = {"authorization": f"Bearer {said['key']}",
                    "anthropic-version": "2023-06-01",
                    "x-kontor-deployment": name}
            model = "gpt-5.4" if name[0] == "g" else "claude-sonnet-4-5"
            for path in (PATH, "/v1/messages"):
                for stream in (False, True):
                    r = httpx.post(
                        said["gateway"] + path, headers=head, timeout=30,
                        json={**body("Hello [[sim out=3]]", model),
                              "max_tokens" if "mess" in path else
                              "max_completion_tokens": 50,
                              "stream": stream})
                    assert r.status_code == 200, (name, path, r.text)
                    assert r.headers["x-kontor-deployment"] == name
                    assert ("data:" in r.text) == stream
            env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
            out = subprocess.run(
                [kit.KONTOR, "explain", r.headers["x-kontor-request-id"],
                 "--json", "--dir", tmp_path / "d"], capture_output=True,
                text=True, env=env)
            told = json.loads(out.stdout)
            served = httpx.get(said["sim"] + "/sim/attempts").json()[
                "attempts"][-1]
            assert served["credential"] == venue
            assert told["attempts"][0]["output_tokens"] == 3
            assert float(told["settled"]) > 0
        # None of them runs elsewhere than the configuration says.
        r = httpx.get(said["admin"] + "/api/v1/incidents",
                      headers={"authorization": f"Bearer {said['admin_key']}"})
        assert r.json()["incidents"] == [], r.text


def test_the_demo_survives_its_first_provider(tmp_path):
    with Demo(tmp_path) as demo:
        said = demo.said
        auth = {"authorization": f"Bearer {said['key']}"}
        first = httpx.get(said["gateway"] + "/v1/models",
                          headers=auth).json()["data"][0]["id"]

        def call():
            r = httpx.post(said["gateway"] + PATH, headers=auth, timeout=30,
                           json=body("Hello", first))
            assert r.status_code == 200, r.text
            return r.headers["x-kontor-deployment"]
        before = call()
        credential = httpx.get(said["sim"] + "/sim/attempts").json()[
            "attempts"][-1]["credential"]
        httpx.post(said["sim"] + "/sim/faults", json={
            "credential": credential, "fault": "500"})
        assert call() != before


def test_the_demo_twice(tmp_path):
    """A busy default port moves on; a given one is an error; the data of a
    first run serves the second."""
    with Demo(tmp_path / "a") as one:
        with Demo(tmp_path / "b") as two:
            assert one.said["gateway"] != two.said["gateway"]
        port = one.said["gateway"].rsplit(":", 1)[1]
        r = subprocess.run(
            [kit.KONTOR, "demo", "--json", "--dir", tmp_path / "c",
             "--port", port], capture_output=True, text=True, timeout=30,
            stdin=subprocess.DEVNULL)
        assert r.returncode == 1 and port in r.stderr
    with Demo(tmp_path / "a") as again:
        auth = {"authorization": f"Bearer {again.said['key']}"}
        assert httpx.get(again.said["gateway"] + "/v1/models",
                         headers=auth).status_code == 200
