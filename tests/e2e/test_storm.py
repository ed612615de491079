"""Storms, small; storm.py says what they are."""
import kit
import pytest
import storm


@pytest.fixture
def steady(sim, tmp_path):
    with kit.Kontor(tmp_path, kit.make_config(sim.url, tmp_path / "data")) \
            as k:
        yield k
        k.verify()


def test_malformed_requests(steady):
    key = steady.key("storm")["key"]
    result = storm.malformed(steady, key, 20000 // kit.SLOW, 1)
    grown = result["memory after, KiB"] - result["memory before, KiB"]
    assert kit.SLOW > 1 or grown < 8 << 10, result


def test_slow_readers(steady):
    key = steady.key("slow", budget="1000/day")["key"]
    result = storm.slow_readers(steady, key, 100)
    assert kit.SLOW > 1 or result["memory of one, KiB"] < 700, result


def test_streams_lose_nothing(steady, sim, tmp_path):
    key = steady.key("streams")["key"]
    result = storm.streams(tmp_path, storm.reader(tmp_path), steady, sim, key,
                           200, 20, 3)
    assert result["events"] == 200 * 61  # the first says who speaks


def test_a_soak(steady, sim):
    storm.soak(steady, sim, steady.key("soak")["key"], 6, every=1.0)
