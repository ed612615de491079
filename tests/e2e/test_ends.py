"""Exact usage however a call ends: money-protocol 4, line by line.

Each case makes one call end in one way, and says what the ledger must hold
and what the simulator must have billed.  At the end the attempts that nobody
could count are corrected from the simulator's books, and the two sets of
books are then equal to the last digit.
"""
import json
import os
import signal
import socket
import struct
import threading
import time

import campaign
import httpx
import kit
import pytest

D = campaign.D
PATH = "/v1/chat/completions"

# how it is made to end -> what the ledger says; does the simulator bill it?
# "exact": the booked amount is the simulator's without any correction.
UNARY = {
    "400": ("[[sim fault=400]]", "void"),
    "401": ("[[sim fault=401]]", "void"),
    "404": ("[[sim fault=404]]", "void"),
    "408": ("[[sim fault=408]]", "void"),
    "422": ("[[sim fault=422]]", "void"),
    "429": ("[[sim fault=429]]", "void"),
    "429 for good": ("[[sim fault=429q]]", "void"),
    "529": ("[[sim fault=529]]", "void"),
    "500 whole": ("[[sim fault=500]]", "void"),
    "502 of the provider itself": ("[[sim fault=502]]", "void"),
    "503 whole": ("[[sim fault=503]]", "void"),
    "500 that says what it cost": ("[[sim out=9 fault=500u]]", "booked"),
    "good": ("[[sim out=9]]", "booked"),
    "good, compressed unasked": ("[[sim out=9 fault=gzip]]", "booked"),
    "good without usage": ("[[sim out=9 fault=nousage]]", "estimated"),
    "usage null": ("[[sim out=9 usage=null]]", "estimated"),
    "usage negative": ("[[sim out=9 usage=wrong]]", "estimated"),
    "more cached than input": ("[[sim out=9 usage=over]]", "estimated"),
    "reset before the answer": ("[[sim out=9 fault=reset]]", "unknown"),
    "never answered": ("[[sim out=9 fault=hang]]", "unknown"),
    "cut in the body": ("[[sim out=9 fault=midlength]]", "unknown"),
    "200 that is no JSON": ("[[sim out=9 fault=garbage]]", "unknown"),
    "200 that is a page": ("[[sim out=9 fault=html]]", "unknown"),
    "200 of a wrong type": ("[[sim out=9 fault=wrongtype]]", "unknown"),
    "502 of a gateway": ("[[sim out=9 fault=html502]]", "unknown"),
    "two lengths": ("[[sim out=9 fault=dupcl]]", "unknown"),
    "closed at once": ("[[sim out=9 fault=down]]", "unknown"),
}
STREAM = {
    "good": ("[[sim out=9]]", "booked"),
    "usage on the last piece": ("[[sim out=9 fault=lateusage]]", "booked"),
    "without usage": ("[[sim out=9 fault=nousage]]", "estimated"),
    "cut": ("[[sim out=9 fault=cut]]", "estimated"),
    "cut before any content": ("[[sim out=9 fault=cut:0]]", "estimated"),
    "cut within an event": ("[[sim out=9 fault=halfevent]]", "estimated"),
    "reset in the middle": ("[[sim out=30 pace=5 fault=reset:3000]]",
                            "estimated"),
    "hung in the middle": ("[[sim out=9 fault=hangmid]]", "estimated"),
    "an event that is no JSON": ("[[sim out=9 fault=badevent]]", "estimated"),
    "an error event": ("[[sim out=9 fault=errevent]]", "estimated"),
    "a chunk without size": ("[[sim out=9 fault=badchunk]]", "unknown"),
    "reset behind the usage": ("[[sim out=9 fault=resetend]]", "booked"),
    "503": ("[[sim fault=503]]", "void"),
    "never answered": ("[[sim out=9 fault=hang]]", "unknown"),
    "reset before the answer": ("[[sim out=9 fault=reset]]", "unknown"),
}
EXACT = ("booked", "overage", "void")


def ended(kontor, request):
    """The lines of a request's attempts, once it is over: two, when a kept
    connection was closed as it was used."""
    told = kit.wait_for("the call to be over", lambda: (
        lambda t: None if t["open"] else t)(kontor.explain(request)), 20)
    assert 1 <= len(told["attempts"]) <= 2, told
    return told["attempts"]


def suspense(kontor):
    return {r["id"]: r for r in
            kontor.cli("ledger", "suspense", "--json")["rows"]}


def check(kontor, sim, request, resolution):
    """How its attempts were resolved, and against the simulator's rows."""
    lines = ended(kontor, request)
    theirs = {r["attempt"]: r for r in sim.seen(request)}
    listed = suspense(kontor)
    for line in lines:
        name = f"{request}-{line['attempt']}"
        row, entry = theirs.get(name), listed.get(name)
        assert line["resolution"] == resolution, (line, row)
        if resolution == "unknown":
            assert line["settled"] == line["hold"]
            assert entry and entry["amount"] == line["hold"], entry
            assert entry["why"] and entry["age_s"] >= 0
        else:
            assert entry is None
        if resolution in EXACT:
            assert D(line["settled"]) == D(row["cost"] if row else 0), \
                (line, row)
            assert bool(row and row["billed"]) == (resolution != "void")
    return lines


def call(kontor, key, model, content, stream=False, headers=None):
    """The request's id, whatever came of it."""
    with kontor.http(key) as http:
        try:
            with http.stream("POST", PATH, headers=headers, json={
                    "model": model, "stream": stream, "messages": [
                        {"role": "user", "content": content}]}) as r:
                request = r.headers["x-kontor-request-id"]
                for _ in r.iter_raw():
                    pass
        except httpx.HTTPError:
            pass
    return request


# What a provider sends that is not the simulator's; {} is a good answer.
GOOD = json.dumps({
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {
        "role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2,
              "total_tokens": 7}})


def used(**usage):
    """A good answer, but for what it says it used."""
    return json.dumps({**json.loads(GOOD), "usage": {
        "prompt_tokens": 5, "completion_tokens": 2, **usage}})


PAGE = "<html><body>sorry</body></html>"
ERROR = '{"error":{"message":"no","type":"x","param":null,"code":null}}'
ODD = {
    "999": (f"HTTP/1.1 999 Odd\r\n{{json}}{{length}}\r\n{GOOD}", "unknown"),
    "600": (f"HTTP/1.1 600 Odd\r\n{{json}}{{length}}\r\n{ERROR}", "unknown"),
    "302": (f"HTTP/1.1 302 Found\r\nLocation: /x\r\n{{length}}\r\n{PAGE}",
            "unknown"),
    "304": ("HTTP/1.1 304 Not Modified\r\n\r\n", "unknown"),
    "201": (f"HTTP/1.1 201 Created\r\n{{json}}{{length}}\r\n{GOOD}",
            "unknown"),
    "204": ("HTTP/1.1 204 No Content\r\n\r\n", "unknown"),
    "206": (f"HTTP/1.1 206 Part\r\n{{json}}{{length}}\r\n{GOOD}", "unknown"),
    "101 at the end": ("HTTP/1.1 101 Switching\r\n\r\n", "unknown"),
    "103 and then nothing": ("HTTP/1.1 103 Hints\r\n\r\n", "unknown"),
    "no HTTP": ("hello\r\n\r\n", "unknown"),
    "503 page": (f"HTTP/1.1 503 No\r\n{{length}}\r\n{PAGE}", "void"),
    "504 page": (f"HTTP/1.1 504 No\r\n{{length}}\r\n{PAGE}", "unknown"),
    "524 page": (f"HTTP/1.1 524 No\r\n{{length}}\r\n{PAGE}", "unknown"),
    "500 cut": ("HTTP/1.1 500 No\r\nContent-Length: 900\r\n\r\n{\"err",
                "unknown"),
    "429 cut": ("HTTP/1.1 429 No\r\nContent-Length: 900\r\n\r\n{\"err",
                "void"),
    "404 page": (f"HTTP/1.1 404 No\r\n{{length}}\r\n{PAGE}", "void"),
    # No call has as many tokens, and none costs as much.
    "tokens beyond count": (
        "HTTP/1.1 200 OK\r\n{json}{length}\r\n" +
        used(prompt_tokens=1 << 41), "estimated"),
    "a cost beyond any": (
        "HTTP/1.1 200 OK\r\n{json}{length}\r\n" +
        used(completion_tokens=(1 << 40) - 1), "unknown"),
}


class OddProvider:
    """Answers a call with the bytes of the case that its prompt names."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(10)
                data = b""
                while b"]]" not in data:
                    part = peer.recv(65536)
                    if not part:
                        break
                    data += part
                name = data.partition(b"[[odd ")[2].partition(b"]]")[0]
                if name:
                    peer.sendall(self.answer(name.decode()))

    @staticmethod
    def answer(name):
        text = ODD[name][0]
        body = text.rpartition("\r\n\r\n")[2].partition("{length}\r\n")
        body = body[2] or body[0]
        return text.replace("{json}", "Content-Type: application/json\r\n") \
            .replace("{length}", f"Content-Length: {len(body)}\r\n").encode()


def add_odd(config, port):
    """Models at places that the simulator has nothing to do with."""
    base = {k: v for k, v in config["providers"]["openai"].items()
            if k != "http"}
    config["providers"]["odd"] = {
        **base, "base_url": f"http://127.0.0.1:{port}/v1"}
    # Plain HTTP answers there: no handshake succeeds.
    config["providers"]["tls"] = {
        **base, "base_url": f"https://127.0.0.1:{port}/v1"}
    for i in range(len(ODD)):
        config["models"][f"odd-{i}"] = {"deployments": [
            kit.deployment(f"odd-{i}-d", "odd", "gpt-5.4")]}
    config["models"]["m-tls"] = {"deployments": [
        kit.deployment("tls-d", "tls", "gpt-5.4")]}
    small = kit.deployment("small-d", "openai")
    small["max_output"] = 8  # less than the provider will say
    config["models"]["m-small"] = {"deployments": [small]}
    config["prices"] += [
        {"provider": p, "model": "gpt-5.4", **kit.PRICES["openai"]}
        for p in ("odd", "tls")]


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """An instance and a simulator of this file's own, so that their books
    can be compared as a whole."""
    folder = tmp_path_factory.mktemp("ends")
    with kit.Sim(folder) as sim:
        config = kit.make_config(sim.url, folder / "data")
        for name in list(config["models"]):
            if name.startswith("chain-"):
                del config["models"][name]
        config["providers"]["azure-v1"]["timeouts"]["first_byte"] = "20s"
        odd = OddProvider()
        add_odd(config, odd.port)
        with kit.Kontor(folder, config) as kontor:
            yield kontor, sim, kontor.key("ends", budget="1000/month")["key"]
        odd.socket.close()


numbers = iter(range(kit.POOL))


@pytest.mark.parametrize("case", UNARY)
def test_a_whole_answer(ends, case):
    kontor, sim, key = ends
    content, resolution = UNARY[case]
    request = call(kontor, key, f"solo-{next(numbers)}", content)
    check(kontor, sim, request, resolution)


@pytest.mark.parametrize("case", STREAM)
def test_a_stream(ends, case):
    kontor, sim, key = ends
    content, resolution = STREAM[case]
    request = call(kontor, key, f"solo-{next(numbers)}", content, True)
    check(kontor, sim, request, resolution)


@pytest.mark.parametrize("case", ODD)
def test_an_answer_that_makes_no_sense(ends, case):
    kontor, _, key = ends
    request = call(kontor, key, f"odd-{list(ODD).index(case)}",
                   f"[[odd {case}]]")
    for line in ended(kontor, request):
        assert line["resolution"] == ODD[case][1], line
    assert "repaired slot" not in kontor.text()


@pytest.mark.parametrize("model", ["m-closed", "m-tls"])
def test_what_never_left_is_void(ends, model):
    kontor, _, key = ends
    lines = ended(kontor, call(kontor, key, model, "x"))
    assert [r["resolution"] for r in lines] == ["void"]
    assert not lines[0]["sent"] and D(lines[0]["settled"]) == 0


def test_above_the_hold_it_is_booked_in_full(ends):
    kontor, sim, key = ends
    line, = check(kontor, sim, call(kontor, key, "m-small",
                                    "[[sim out=5000]]"), "overage")
    assert D(line["settled"]) > D(line["hold"])


def newest(sim, start):
    """The request that the simulator has seen since."""
    rows = kit.wait_for("the call at the simulator",
                        lambda: sim.attempts(start), 10)
    return rows[-1]["attempt"].rpartition("-")[0]


def hang_up(kontor, sim, key, content, stream, after, model="m-azure"):
    """Sends a call and leaves; its request."""
    start = len(sim.attempts())
    body = json.dumps({"model": model, "stream": stream, "messages": [
        {"role": "user", "content": content}]}).encode()
    with socket.create_connection(kontor.address) as s:
        s.sendall(b"POST %s HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer %s"
                  b"\r\nContent-Type: application/json\r\nContent-Length: "
                  b"%d\r\n\r\n" % (PATH.encode(), key.encode(), len(body)) +
                  body)
        request = newest(sim, start)
        time.sleep(after)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
    return request


def test_a_client_that_left_still_pays_what_was_counted(ends):
    kontor, sim, key = ends
    request = hang_up(kontor, sim, key, "[[sim out=20 ttft=700]]", False, 0.1)
    line, = check(kontor, sim, request, "booked")
    assert line["client_gone"]


def test_a_client_that_left_and_an_answer_that_does_not_come(ends):
    kontor, sim, key = ends
    began = time.monotonic()
    request = hang_up(kontor, sim, key, "[[sim out=20 fault=hang]]", False,
                      0.1)
    check(kontor, sim, request, "unknown")
    assert time.monotonic() - began < 10 * kit.SLOW


def test_a_client_that_left_is_waited_for_five_seconds(ends):
    kontor, sim, key = ends
    began = time.monotonic()
    request = hang_up(kontor, sim, key, "[[sim out=20 ttft=9000]]", False,
                      0.1, "m-azure-v1")
    check(kontor, sim, request, "unknown")
    assert 4.5 < time.monotonic() - began < 8 * kit.SLOW


def test_a_client_that_left_a_stream(ends):
    kontor, sim, key = ends
    request = hang_up(kontor, sim, key, "[[sim out=500 pace=10]]", True, 0.5)
    line, = check(kontor, sim, request, "estimated")
    assert 0 < line["output_tokens"] < 500


def test_a_client_that_left_before_a_stream_began(ends):
    kontor, sim, key = ends
    request = hang_up(kontor, sim, key, "[[sim out=9 ttft=3000]]", True, 0.1)
    check(kontor, sim, request, "unknown")


def kill(kontor, role):
    for pid in kontor.of_role(role):
        os.kill(pid, signal.SIGKILL)


def in_background(kontor, key, content, stream):
    def run():
        try:
            kontor.chat(key, "m-bedrock", content, stream=stream)
        except httpx.HTTPError:
            pass
    t = threading.Thread(target=run, daemon=True)
    t.start()
    return t


@pytest.mark.parametrize("stream, content, resolution", [
    (False, "[[sim out=9 fault=hang]]", "unknown"),
    (True, "[[sim out=900 pace=10]]", "estimated"),
], ids=["nothing came yet", "in the middle of a stream"])
def test_a_worker_that_dies(ends, stream, content, resolution):
    kontor, sim, key = ends
    start = len(sim.attempts())
    t = in_background(kontor, key, content, stream)
    request = newest(sim, start)
    time.sleep(0.4)
    kill(kontor, "worker")
    t.join(30)
    line, = check(kontor, sim, request, resolution)
    assert line["by_recorder"]
    kit.wait_for("the workers", lambda: len(kontor.of_role("worker")) == 2)
    kontor.wait_ready()


def test_all_processes_die_at_once(ends):
    kontor, sim, key = ends
    start = len(sim.attempts())
    t = in_background(kontor, key, "[[sim out=900 pace=10]]", True)
    request = newest(sim, start)
    time.sleep(0.4)
    os.killpg(kontor.child.pid, signal.SIGKILL)
    kontor.child.wait()
    t.join(30)
    kontor.start()
    line, = check(kontor, sim, request, "unknown")
    assert line["by_recorder"]


# --- asking for a correction -------------------------------------------------

def post(kontor, attempt, body, idem=None, path="suspense"):
    token = (kontor.data_dir / "admin.token").read_text().strip()
    headers = {"authorization": f"Bearer {token}"}
    if idem:
        headers["idempotency-key"] = idem
    return httpx.post(f"{kontor.admin}/api/v1/{path}/{attempt}", json=body,
                      headers=headers, timeout=30)


BAD = {
    "no such call": ("req_00000000000000000000000000-1", {"void": True}, 404),
    "no id at all": ("x", {"void": True}, 404),
    "nothing said": (None, {}, 400),
    "a field nobody knows": (None, {"cost": "1", "amount": 1}, 400),
    "negative": (None, {"cost": "-0.5"}, 400),
    "too many digits": (None, {"cost": "0.0000000001"}, 400),
    "overflow": (None, {"cost": "99999999999"}, 400),
    "absurd": (None, {"usage": {"input_tokens": 1 << 41,
                                "output_tokens": 1}}, 400),
    "a part above the whole": (None, {"usage": {
        "input_tokens": 1, "cached_tokens": 2, "output_tokens": 1}}, 400),
    "void that costs": (None, {"void": True, "cost": "1"}, 400),
    "another currency": (None, {"cost": "1 EUR"}, 400),
    "a plan that is a text": (None, {"cost": "1", "plan": "true"}, 400),
}


def test_what_cannot_be_is_refused(ends):
    kontor, sim, key = ends
    request = call(kontor, key, "m-lab", "[[sim out=3]]")
    ended(kontor, request)
    for case, (attempt, body, status) in BAD.items():
        r = post(kontor, attempt or f"{request}-1", body)
        assert r.status_code == status, (case, r.text)
        assert r.json()["detail"], case
    line, = ended(kontor, request)
    r = post(kontor, f"{request}-1", {"cost": line["settled"]})
    assert r.status_code == 409 and r.json()["code"] == "unchanged", r.text
    assert not line["corrections"]


def test_what_is_under_way_waits(ends):
    kontor, sim, key = ends
    start = len(sim.attempts())
    t = in_background(kontor, key, "[[sim out=100 pace=10]]", True)
    request = newest(sim, start)
    r = post(kontor, f"{request}-1", {"void": True})
    assert r.status_code == 409 and "under way" in r.json()["detail"], r.text
    t.join(30)
    check(kontor, sim, request, "booked")


def test_an_idempotency_key_is_for_one_wish(ends):
    kontor, sim, key = ends
    request = call(kontor, key, "m-lab", "[[sim out=3]]")
    other = call(kontor, key, "m-lab", "[[sim out=3]]")
    line, = ended(kontor, request)
    ended(kontor, other)
    one, two = f"{request}-1", f"{other}-1"
    first = post(kontor, one, {"cost": "0.25"}, "k")
    again = post(kontor, one, {"cost": "0.25"}, "k")
    assert first.status_code == again.status_code == 200, again.text
    assert again.json() == first.json()
    assert len(ended(kontor, request)[0]["corrections"]) == 1
    r = post(kontor, one, {"cost": "0.5"}, "k")
    assert r.status_code == 409 and "idempotency" in r.json()["detail"], r.text
    # The same key on another path is another key.
    r = post(kontor, two, {"cost": "0.25"}, "k")
    assert r.status_code == 200 and r.json()["attempt"] == two, r.text
    # Back to what the provider says.
    for name in (one, two):
        r = kontor.cli("ledger", "correct", name, "--usage",
                       f"input={line['input_tokens']},"
                       f"output={line['output_tokens']}", "--json")
        assert r["now"]["settled"] == line["settled"], r
        assert r["number"] == 2


def test_a_budget_follows_and_never_refuses_a_correction(ends):
    kontor, sim, _ = ends
    # Room for the bound of one call that nobody can count, and no more.
    probe = kontor.key("probe")["key"]
    hold, = ended(kontor, call(kontor, probe, "m-lab",
                               "of the size [[sim out=3]]"))
    made = kontor.key("tight", budget=hold["hold"] + "/day")
    key = made["key"]
    request = call(kontor, key, "m-lab", "[[sim out=3 fault=html]]")
    line, = check(kontor, sim, request, "unknown")
    assert D(line["settled"]) <= D(hold["hold"])
    r = kontor.chat(key, "m-lab", "[[sim out=3]]")
    assert r.status_code == 429, r.text
    # The provider's count is far below the bound: there is room again.
    row, = sim.seen(request)
    post(kontor, f"{request}-1", {"usage": {
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"]}})
    r = kontor.chat(key, "m-lab", "[[sim out=3]]", max_tokens=4)
    assert r.status_code == 200, r.text
    # And the other way: nothing stops the truth, and then nothing fits.
    r = post(kontor, f"{request}-1", {"cost": "0.9"})
    assert r.status_code == 200 and r.json()["overage"], r.text
    assert kontor.chat(key, "m-lab", "x", max_tokens=4).status_code == 429
    shown = kontor.run("explain", request).stdout
    assert "corrections of attempt 1" in shown and "overage" in shown, shown
    post(kontor, f"{request}-1", {"usage": {
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"]}})


# --- and then it is known after all ------------------------------------------

def books(kontor):
    """What the ledger has for each provider, as /sim/stats says it."""
    sums = {}
    for r in kontor.export():
        if r["resolution"] in (None, "void"):
            continue
        s = sums.setdefault(r["provider"], {
            "billed": 0, "cost": D(0), **{t: 0 for t in campaign.TOKENS}})
        s["billed"] += 1
        s["cost"] += D(r["settled"])
        for t in campaign.TOKENS:
            s[t] += r[t]
    return sums


def stats(sim):
    return {name: {"billed": s["billed"], "cost": D(s["cost"]),
                   **{t: s[t] for t in campaign.TOKENS}}
            for name, s in sim.stats().items() if s["billed"]}


def correct(kontor, path, *more):
    r = kontor.run("ledger", "correct", "--file", path, "--json", *more,
                   check=False, timeout=120)
    return r.returncode, json.loads(r.stdout)


def test_the_books_are_the_providers_once_corrected(ends, tmp_path):
    kontor, sim, _ = ends
    theirs = {r["attempt"]: r for r in sim.settled()}
    guessed = [r for r in kontor.export()
               if r["resolution"] in ("estimated", "unknown")]
    assert guessed and books(kontor) != stats(sim)
    path = tmp_path / "counts.jsonl"
    path.write_text("".join(json.dumps(
        theirs.get(kit.attempt_id(r), {
            "attempt": kit.attempt_id(r), "billed": False})) + "\n"
        for r in guessed))

    before = kontor.usage()["total"]
    twice = tmp_path / "twice.csv"
    one = kit.attempt_id(guessed[0])
    twice.write_text(f"attempt,input,output\n{one},5,0\n{one},0,7\n")
    code, r = correct(kontor, twice)
    assert code == 1 and (r["corrected"], r["refused"]) == (0, 2), r
    code, plan = correct(kontor, path, "--plan")
    assert code == 0 and plan["planned"]
    assert plan["corrected"] + plan["unchanged"] == len(guessed)
    assert kontor.usage()["total"] == before

    code, done = correct(kontor, path)
    assert code == 0, done
    assert done["refused"] == done["differs"] == 0, done
    assert done["difference"] == plan["difference"]
    assert suspense(kontor) == {}
    assert books(kontor) == stats(sim)
    kontor.verify()
    total = kontor.usage()["total"]
    assert D(total["effective_cost"]) == \
        D(before["effective_cost"]) + D(done["difference"])
    assert total["unknown_calls"] == total["estimated_calls"] == 0
    # What was unknown or estimated is no row of nothing.
    assert [r["resolution"] for r in kontor.usage(
        "--by", "resolution")["rows"]] == ["booked"]
    assert total["attempts"] == sum(s["billed"] for s in stats(sim).values())

    # Said again, nothing moves; and a store made from the log agrees.
    code, again = correct(kontor, path)
    assert code == 0 and again["corrected"] == 0
    assert again["unchanged"] == len(guessed)
    kontor.end()
    for store in kontor.data_dir.glob("store.db*"):
        store.unlink()
    kontor.start()
    assert kontor.usage()["total"] == total
    assert books(kontor) == stats(sim)
    kontor.verify()
