"""Fixtures of the e2e and the client suites."""
import itertools
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))

import kit  # noqa: E402

counters = {"solo": itertools.count(), "chain": itertools.count()}


@pytest.fixture(scope="session", autouse=True)
def programs():
    for path in (kit.KONTOR, kit.SIM):
        assert path.exists(), f"{path} is not built; run make"


@pytest.fixture(scope="session")
def sim(tmp_path_factory):
    with kit.Sim(tmp_path_factory.mktemp("sim")) as sim:
        yield sim


@pytest.fixture(scope="session")
def kontor(sim, tmp_path_factory):
    """One instance that no test stops or breaks."""
    folder = tmp_path_factory.mktemp("kontor")
    with kit.Kontor(folder, kit.make_config(sim.url, folder / "data")) as k:
        yield k
        k.verify()


@pytest.fixture(scope="session")
def key(kontor):
    return kontor.key("suite")["key"]


@pytest.fixture
def faults(sim):
    """The simulator, with no fault left behind."""
    sim.clear()
    yield sim
    sim.clear()


@pytest.fixture
def solo():
    """A model at one provider whose breaker nobody has touched."""
    return f"solo-{next(counters['solo']) % kit.POOL}"


@pytest.fixture
def chain():
    """The same at openai, azure and bedrock, in this order."""
    return f"chain-{next(counters['chain']) % kit.POOL}"


@pytest.fixture
def own(sim, tmp_path):
    """An instance for this test alone; it may be killed."""
    with kit.Kontor(tmp_path, kit.make_config(sim.url, tmp_path / "data")) \
            as k:
        yield k
