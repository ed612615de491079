"""The signed tree: a real instance's log, by both verifiers."""
import base64
import json
import os
import signal
import subprocess
import sys
import time

import httpx
import kit
import mutate
import pytest

SECOND = [sys.executable, str(kit.TOP / "tools" / "audit_verify.py")]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(data directory, id of a request in it); nobody writes there."""
    return mutate.record(tmp_path_factory.mktemp("recorded"))


def run(*args):
    return subprocess.run([str(kit.KONTOR), "audit", *map(str, args)],
                          capture_output=True, text=True)


def second(*args):
    return subprocess.run([*SECOND, *map(str, args)], capture_output=True,
                          text=True)


def test_a_log_with_kills_is_green_by_both(recorded):
    folder, _ = recorded
    a = run("verify", "--json", "--dir", folder)
    b = second(folder)
    assert a.returncode == 0 and b.returncode == 0, (a, b)
    a, b = json.loads(a.stdout), json.loads(b.stdout)
    assert a["good"] and a["unsigned"] == 0 and a["leaves"] > 500
    assert a["checkpoints"] > 4
    assert {k: a[k] for k in b} == b


def test_mutations_are_found_by_both(recorded):
    with mutate.memory() as folder:
        result = mutate.run(recorded[0], folder, 1000, 20260101)
    print(json.dumps(result))
    assert result["found by both, same index"] > 980


def test_verify_goes_beside_a_running_instance(own):
    key = own.key("audit")["key"]
    with own.http(key) as http:
        end = time.monotonic() + 5
        rounds = 0
        while time.monotonic() < end:
            for i in range(40):
                http.post("/v1/chat/completions", json={
                    "model": "m-openai",
                    "messages": [{"role": "user", "content": str(i)}]})
            if rounds == 1:
                os.kill(own.of_role("recorder")[0], signal.SIGKILL)
            for out in (run("verify", "--json", "--dir", own.data_dir),
                        second(own.data_dir)):
                assert out.returncode == 0, (out.stdout, out.stderr)
            rounds += 1
    assert rounds > 2

    def signed():
        out = json.loads(run(
            "verify", "--json", "--dir", own.data_dir).stdout)
        return out["unsigned"] == 0
    kit.wait_for("everything to be signed", signed, 5)


def test_only_the_recorder_has_the_key(recorded):
    folder, _ = recorded
    assert (folder / "audit.key").stat().st_mode & 0o777 == 0o600
    text = (folder / "audit.pub").read_text()
    assert run("key", "--dir", folder).stdout == text
    # PRIVATE+KEY+name+hash+base64, in which there may be a + too.
    secret = (folder / "audit.key").read_text().split("+", 4)[4].strip()
    assert len(secret) == 44
    for path in (folder / "tiles").rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes()


def test_a_receipt_needs_no_log(recorded, tmp_path):
    folder, request = recorded
    receipt, key = tmp_path / "receipt.json", folder / "audit.pub"
    made = run("prove", request, "--dir", folder, "--out", receipt)
    assert made.returncode == 0, made
    r = json.loads(receipt.read_text())
    assert r["request"] == request and len(r["leaves"]) == 3
    a = run("verify", "--receipt", receipt, "--key", key, "--json")
    b = second("--receipt", receipt, "--key", key)
    assert a.returncode == 0 and b.returncode == 0, (a, b)
    told = [leaf["text"] for leaf in json.loads(a.stdout)["leaves"]]
    assert "booked" in told[1] and told[2].endswith("status 200"), told
    assert json.loads(b.stdout)["leaves"] == 3
    # it continues the first checkpoint in the history
    old = tmp_path / "old"
    old.write_bytes((folder / mutate.HISTORY).read_bytes().split(
        b"=\n\n")[2] + b"=\n")
    made = run("prove", request, "--dir", folder, "--since", old)
    receipt.write_text(made.stdout)
    assert "since" in json.loads(made.stdout)
    a = run("verify", "--receipt", receipt, "--key", key)
    b = second("--receipt", receipt, "--key", key)
    assert a.returncode == 0 and b.returncode == 0, (a, b)
    assert "continues the older one" in a.stdout
    assert run("verify", "--dir", folder, "--checkpoint",
                  old).returncode == 0
    assert second(folder, "--checkpoint", old).returncode == 0


def test_an_export_is_tiles_that_others_read(recorded, tmp_path):
    folder, _ = recorded
    out = tmp_path / "tree"
    r = json.loads(run("export", "--out", out, "--dir", folder,
                       "--json").stdout)
    size = r["size"]
    leaves = (folder / (mutate.LEVELS + "0")).read_bytes()[:32 * size]
    assert int((out / "checkpoint").read_text().splitlines()[1]) == size
    got = b"".join((out / f"tile/0/{n:03d}").read_bytes()
                   for n in range(size // 256))
    if size % 256:
        got += (out / f"tile/0/{size // 256:03d}.p/{size % 256}").read_bytes()
    assert got == leaves
    again = run("export", "--out", out, "--dir", folder, "--json")
    assert json.loads(again.stdout) == {"size": size, "tiles": 0}
    assert run("export", "--dir", folder).returncode == 2
    bad = run("export", "--out", out, "--dir", tmp_path)
    assert bad.returncode == 1 and "no audit tree" in bad.stderr
    bad = run("export", "--out", tmp_path / "no" / "such", "--dir", folder)
    assert bad.returncode == 1 and \
        f"{tmp_path}/no/such: No such file or directory" in bad.stderr
    bad = run("export", "--out", out / "key", "--dir", folder)
    assert bad.returncode == 1 and "Not a directory" in bad.stderr


def test_changed_receipts_are_refused_by_both(recorded, tmp_path):
    folder, request = recorded
    good = json.loads(run("prove", request, "--dir", folder).stdout)
    key, path = folder / "audit.pub", tmp_path / "bad.json"

    def leaf(r, change):
        raw = bytearray(base64.b64decode(r["leaves"][1]["leaf"]))
        change(raw)
        r["leaves"][1]["leaf"] = base64.b64encode(raw).decode()

    def flip(at):
        def change(raw):
            raw[at] ^= 1
        return change
    other = "req_" + "0" * 26
    bad = [
        lambda r: leaf(r, flip(40)),
        lambda r: leaf(r, flip(3)),
        lambda r: leaf(r, lambda raw: raw.append(0)),
        lambda r: r["leaves"][0].update(index=r["leaves"][0]["index"] + 1),
        lambda r: r["leaves"][0].update(index=-1),
        lambda r: r["leaves"][0].update(index=r["leaves"][0]["index"] + 0.5),
        lambda r: r["leaves"][0].update(index=2**63),
        lambda r: r["leaves"][0]["path"].pop(),
        lambda r: r["leaves"][0]["path"].append(r["leaves"][0]["path"][0]),
        lambda r: r["leaves"][0]["path"].reverse(),
        lambda r: r["leaves"].reverse(),
        lambda r: r["leaves"].append(r["leaves"][0]),
        lambda r: r["leaves"].clear(),
        lambda r: r.update(leaves={}),
        lambda r: r.update(request=other),
        lambda r: r.update(request=request.upper()),
        lambda r: r.update(checkpoint=r["checkpoint"].replace("time", "Time")),
        lambda r: r.update(checkpoint=r["checkpoint"] + "\n"),
        lambda r: r.update(checkpoint=""),
        lambda r: r.update(receipt=2),
        lambda r: r.pop("checkpoint"),
        lambda r: r.update(since={}),
        lambda r: r.update(since={"checkpoint": r["checkpoint"],
                                  "path": r["leaves"][0]["path"]}),
    ]
    for i, change in enumerate(bad):
        r = json.loads(json.dumps(good))
        change(r)
        path.write_text(json.dumps(r))
        a = run("verify", "--receipt", path, "--key", key)
        b = second("--receipt", path, "--key", key)
        assert a.returncode == 1 and b.returncode == 1, (i, a, b)
    # What one reader takes for this request, another takes for none.
    path.write_text('{"request":"%s",%s' % (other, json.dumps(good)[1:]))
    assert run("verify", "--receipt", path).returncode == 1
    assert second("--receipt", path).returncode == 1
    path.write_text("{")
    assert run("verify", "--receipt", path).returncode == 1
    assert second("--receipt", path).returncode == 1


def test_the_admin_api_hands_out_checkpoints_and_receipts(kontor, key,
                                                          tmp_path):
    r = kontor.chat(key)
    request = r.headers["x-kontor-request-id"]
    admin = httpx.Client(base_url=kontor.admin, headers={
        "authorization": "Bearer " + (
            kontor.data_dir / "admin.token").read_text().strip()})

    def proof():
        r = admin.get(f"/api/v1/audit/proof/{request}")
        assert r.status_code in (200, 404), r.text
        return r.text if r.status_code == 200 else None
    receipt, pub = tmp_path / "receipt", tmp_path / "pub"
    receipt.write_text(kit.wait_for("the receipt", proof, 5))
    out = admin.get("/api/v1/audit/checkpoint").json()
    pub.write_text(out["key"])
    assert out["checkpoint"].startswith("kontor/node/")
    for r in (run("verify", "--receipt", receipt, "--key", pub),
              second("--receipt", receipt, "--key", pub)):
        assert r.returncode == 0, r
    assert admin.get("/api/v1/audit/proof/nonsense").status_code == 404
    note = admin.get("/api/v1/audit/log/checkpoint")
    size = int(note.text.splitlines()[1])
    assert size >= 3 and "\n\n— kontor/node/" in note.text
    width = size % 256
    tile = admin.get(f"/api/v1/audit/log/tile/0/{size // 256:03d}" +
                     f".p/{width}" if width else "")
    if width:
        assert tile.status_code == 200 and len(tile.content) == 32 * width
    for name in ("0/999", "0/0", "9/000", "0/000.p/256", "entries/000", "x"):
        bad = admin.get(f"/api/v1/audit/log/tile/{name}")
        assert bad.status_code == 404, name
    assert httpx.get(
        kontor.admin + "/api/v1/audit/checkpoint").status_code == 401


def test_what_cannot_be_proved_is_said(recorded, tmp_path):
    folder, _ = recorded
    r = run("prove", "req_01kb3m0000000000000000000g", "--dir", folder)
    assert r.returncode == 1 and "no signed frame" in r.stderr
    assert run("prove", "nonsense", "--dir", folder).returncode == 2
    r = run("verify", "--dir", tmp_path)
    assert r.returncode == 1 and "no audit tree" in r.stderr
    assert second(tmp_path).returncode == 1


def test_a_log_that_lost_its_end_is_not_signed_over(own, sim):
    """Somebody cuts the log while nobody looks."""
    key = own.key("audit")["key"]
    for i in range(20):
        own.chat(key, content=str(i))
    own.end()
    segment = own.data_dir / "log" / "00000001.seg"
    data = segment.read_bytes()
    segment.write_bytes(data[:-1000])
    was = (own.data_dir / mutate.CURRENT).read_bytes()
    own.start()
    assert own.chat(key).status_code == 200  # calls go on
    kit.wait_for("the incident", lambda: "nothing is signed any more" in
                 own.text(), 5)
    time.sleep(1.5)
    assert (own.data_dir / mutate.CURRENT).read_bytes() == was
    a = json.loads(run("verify", "--json", "--dir", own.data_dir).stdout)
    b = json.loads(second(own.data_dir).stdout)
    assert not a["good"] and a["problem"]["index"] == b["problem"]["index"]
