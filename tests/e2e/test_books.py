"""The ledger against the simulator's own books, line by line."""
import os

import campaign
import kit
import pytest

N = int(os.environ.get("KONTOR_CAMPAIGN", 2000)) // kit.SLOW
SEED = int(os.environ.get("KONTOR_SEED", 1))


@pytest.mark.parametrize("kills", [0, 5], ids=["quiet", "kills"])
def test_the_books_agree_with_the_providers(tmp_path, kills):
    result = campaign.run(tmp_path, N, kills, SEED + kills)
    print(result)
    assert result["kills"] == kills
    assert result["attempts"] >= N * 0.8


CALLS = {
    "plain": ("x [[sim out=33]]", {}),
    "cached": ("word " * 900 + "[[sim out=7 cached=512]]", {}),
    "cache write": ("word " * 900 + "[[sim out=7 cached=128 cache_write=256]]",
                    {}),
    "reasoning": ("x [[sim out=9 reasoning=77]]",
                  {"reasoning_effort": "high"}),
    "three choices": ("x [[sim out=21]]", {"n": 3}),
    "a limit reached": ("x [[sim out=500]]", {"max_completion_tokens": 10}),
    "a stream": ("x [[sim out=41]]", {"stream": True}),
    "a stream with usage": ("x [[sim out=41]]", {
        "stream": True, "stream_options": {"include_usage": True}}),
    "usage on the last piece": ("x [[sim out=41 fault=lateusage]]",
                                {"stream": True}),
    "structured": ("x", {"response_format": {
        "type": "json_schema", "json_schema": {
            "name": "a", "strict": True, "schema": {
                "type": "object", "properties": {"b": {"type": "string"}},
                "required": ["b"], "additionalProperties": False}}}}),
    "one token below the long price": ("x" * 4 * 271_900, {}),
    "the long price": ("y" * 4 * 272_100, {}),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("provider", ["openai", "azure", "bedrock"])
def test_a_line_is_exact(kontor, key, sim, provider, call):
    content, more = CALLS[call]
    start = len(sim.attempts())
    r = kontor.chat(key, f"m-{provider}", content, **more)
    assert r.status_code == 200, r.text[:300]
    request = r.headers["x-kontor-request-id"]
    told = kontor.explain(request)["attempts"][0]
    theirs = [t for t in sim.attempts(start)
              if t["attempt"] == f"{request}-1"][0]
    assert told["resolution"] == "booked", told
    assert campaign.D(told["settled"]) == campaign.D(theirs["cost"])
    assert campaign.D(told["hold"]) >= campaign.D(told["settled"])
    if "x-kontor-cost" in r.headers:
        assert campaign.D(r.headers["x-kontor-cost"].split()[0]) == \
            campaign.D(theirs["cost"])


def test_usage_is_the_sum_of_the_lines(kontor, key):
    kontor.chat(key)
    total = kontor.usage()["total"]
    lines = kontor.export()
    for name in campaign.TOKENS:
        assert total[name] == sum(r[name] for r in lines if r["resolution"]
                                  != "void"), name
    assert campaign.D(total["effective_cost"]) == sum(
        campaign.D(r["settled"]) for r in lines)
    assert total["attempts"] == sum(
        r["resolution"] != "void" and r["sent"] for r in lines)
    for by in ("model", "provider", "team", "deployment", "key"):
        rows = kontor.usage("--by", by)["rows"]
        assert sum(campaign.D(r["effective_cost"]) for r in rows) == \
            campaign.D(total["effective_cost"]), by
        calls = sum(r["calls"] for r in rows)
        if by in ("provider", "deployment"):
            # A call that went to two counts in the row of each.
            assert calls >= total["calls"], by
        else:
            assert calls == total["calls"], by


def test_verify_finds_a_changed_byte(own):
    key = own.key("k")["key"]
    for i in range(5):
        assert own.chat(key, content=f"{i}").status_code == 200
    own.usage()
    own.verify()
    own.end()
    segment = max((own.data_dir / "log").glob("*.seg"),
                  key=lambda p: p.stat().st_size)
    data = bytearray(segment.read_bytes())
    at = data.rstrip(b"\0").__len__() // 2
    data[at] ^= 0x10
    segment.write_bytes(data)
    r = own.run("ledger", "verify", check=False)
    assert r.returncode == 1 and (r.stdout + r.stderr).strip()


def test_a_lost_store_is_rebuilt_from_the_log(own):
    made = own.key("k", budget="100.00/month")
    for i in range(5):
        assert own.chat(made["key"], content=f"{i}").status_code == 200
    before = own.usage()["total"]
    own.end()
    for path in own.data_dir.glob("store.db*"):
        path.unlink()
    own.start()
    assert own.usage()["total"] == before
    own.verify()
