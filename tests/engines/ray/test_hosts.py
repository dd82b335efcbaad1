"""Hosts of a real cluster die while a run is on them: raylets of this machine, with all their processes."""

from importlib.util import find_spec

import pytest
from tests.engines.ray.hosts import hosts
from tests.engines.ray.plots import EASY, Averaging, begun, epochs, is_as_good, run, until

from hogwild import Ray

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
]
APIECE = {"resources": {"disk": 1}}  # so that there is one worker on a host


@pytest.fixture(scope="module")
def cluster():
    with hosts(disk=1) as found:
        yield found


@pytest.fixture
def other(cluster):
    """A host beside the head."""
    host = cluster.add(disk=1)
    yield host
    cluster.kill(host)


@pytest.fixture
def strategy(tmp_path):
    return Averaging(str(tmp_path))


def part(rank, size):
    X, y = EASY.data
    return X[rank::size], y[rank::size]


def one_sentence(error) -> bool:
    return "\n" not in str(error.value)


def test_a_host_dies_and_another_takes_in_its_worker(cluster, other, strategy, tmp_path):
    """Whichever host it was on, there is room on another."""
    third = cluster.add(disk=1)

    def plot():
        yield from epochs(2)
        cluster.kill(third if cluster.has(third, "Deputy") else other)
        yield from until(lambda: begun(tmp_path) == 3)
        yield from epochs(5)

    found = run(Ray(2, **APIECE), strategy, plot())
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (1, 1)
    assert is_as_good(found, strategy, 2)
    cluster.kill(third)


def test_the_others_go_on_and_a_new_host_is_let_in(cluster, other, strategy, tmp_path):
    def plot():
        yield from epochs(2)
        cluster.kill(other)
        yield from epochs(10)
        assert begun(tmp_path) == 2
        cluster.add(disk=1)
        yield from until(lambda: begun(tmp_path) == 3)
        yield from epochs(5)

    found = run(Ray(2, **APIECE), strategy, plot())
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (1, 1)
    assert is_as_good(found, strategy, 2)
