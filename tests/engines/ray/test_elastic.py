"""A run begins with fewer workers than it may have, and takes in the others when there are hosts for them."""

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest
from tests.engines.ray.hosts import hosts
from tests.engines.ray.plots import EASY, Averaging, begun, epochs, is_as_good, run, until
from tests.engines.ray.stumbling import Stumbles

from hogwild import (
    AbstractStrategy,
    ClusterError,
    Downpour,
    Fault,
    Local,
    LocalSGD,
    Partitioned,
    Ray,
    Simulated,
    Stop,
    Unsupported,
    train,
)
from hogwild.testing.survival import adds_up

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
]


@dataclass(frozen=True)
class Led(AbstractStrategy):
    """The last of two workers is the one that the other depends on."""

    agree, coordinator = True, 1
    survives = frozenset({"lost worker"})

    async def work(self, me):
        await me.steps(1)


WHOLE, HALF = {"resources": {"disk": 2}}, {"resources": {"disk": 1}}  # of what the head has, and hosts that come


@pytest.fixture(scope="module")
def cluster():
    with hosts(disk=2) as found:
        yield found


@pytest.fixture
def head(cluster):
    """The only host, at first."""
    yield cluster
    cluster.clear()
    cluster.wait_until_known()


def test_who_comes_late_joins_when_there_is_a_host(head, tmp_path, caplog):
    strategy = Averaging(str(tmp_path))

    def plot():
        yield from epochs(3)
        assert begun(tmp_path) == 1
        head.add(disk=2)
        yield from until(lambda: begun(tmp_path) == 2)
        yield from epochs(5)

    found = run(Ray(2, least=1, restarts=0, **WHOLE), strategy, plot())
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (0, 1)
    assert is_as_good(found, strategy, 2)
    said = [record.getMessage() for record in caplog.records if record.name == "hogwild"]
    assert said[0] == "worker 1 of 2 is not there yet: it comes in when the cluster has room"
    assert said[1].startswith("worker 1 of 2 has joined, in round ")
    assert len(said) == 2


def test_who_comes_late_pushes_to_shards_too(head, caplog):
    def plot():
        yield from epochs(3)
        head.add(disk=2)
        yield from until(lambda: "has joined" in caplog.text)
        yield from epochs(15)

    found = run(Ray(2, shards=2, least=1, restarts=0, **WHOLE), Downpour(5), plot())
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (0, 1)
    assert adds_up(faults)
    assert EASY.gap(found.history[-1].objective) < 0.02


def test_without_who_never_comes_the_bits_are_those_of_a_simulated_cluster(head, casts):
    """Where it would come much later. Nothing waits for it when the run has ended, nor is it started."""
    import ray

    options = {"strategy": LocalSGD(5), "stop": Stop(epochs=5, tol=0), "seed": 0}
    found = train(EASY.model, EASY.data, engine=Ray(3, least=2, **HALF), **options)
    late = Simulated(3, faults=(Fault.join(worker=2, at_s=1e6),))
    expected = train(EASY.model, EASY.data, engine=late, **options)
    assert np.array_equal(found.params.weights, expected.params.weights)
    assert [record.objective for record in found.history] == [record.objective for record in expected.history]
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (0, 0)
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(casts[-1].deputies[2].__ray_ready__.remote())


def test_there_must_be_room_for_those_that_are_enough(head):
    with pytest.raises(ClusterError, match=r"^the run needs 4 CPU, 4 disk and the cluster has 2 CPU, 2 disk: "):
        run(Ray(8, least=4, **HALF), LocalSGD(5), epochs(1))


@pytest.mark.parametrize(
    ("strategy", "data", "words"),
    [
        (
            Stumbles(None),
            EASY.data,
            r"Stumbles does not survive a 'lost worker', so it cannot begin with 1 of 2 workers",
        ),
        (Led(), EASY.data, r"worker 1 coordinates Led, so it must be there from the beginning: least=1 is too few"),
        (LocalSGD(5), Partitioned(EASY.data), r"rows that stay with their workers .* need all 2 of them from the beg"),
        (LocalSGD(5), Local(lambda rank, size: EASY.data), r"rows that stay with their workers \(Partitioned, Local\)"),
    ],
)
def test_who_needs_all_from_the_beginning_refuses_it(head, strategy, data, words):
    with pytest.raises(Unsupported, match=f"^{words}"):
        train(EASY.model, data, strategy=strategy, engine=Ray(2, least=1, **WHOLE), stop=Stop(epochs=1), seed=0)
