"""Somebody else holds cores of the cluster for a while: there is less room than a run may have, and then more."""

import os
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.conformance.runs import TASK, died_after, learn, numbers, often, small
from tests.engines.ray.plots import Averaging, begun, epochs, run, until
from tests.engines.ray.waiting import wait_for

from hogwild import AbstractStrategy, ActorLost, ClusterError, LocalSGD, Ray, Stop, Threads
from hogwild.strategies import STRATEGIES

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
    pytest.mark.usefixtures("local_cluster"),
]
PERIODS = LocalSGD(7)
SOME = {"local-sgd", "downpour", "sandblaster"}  # the others take as long again
SURVIVORS = [
    pytest.param(name, marks=() if name in SOME else pytest.mark.soak)
    for name, make in STRATEGIES.items()
    if "lost worker" in make().survives and not make().needs & {"share", "turns"}
]


class Holder:
    """Does nothing."""


@contextmanager
def room_for(workers):
    """Within, an actor of somebody else has all cores but so many; what it yields ends that at once."""
    ray = import_module("ray")
    from hogwild.engines.ray import cast

    for key in [key for key in cast._resting if key[1] is cast.Deputy]:  # of other runs: they keep their cores
        cast._end([each.actor for each in cast._resting[key][workers:]])
        del cast._resting[key][workers:]
    holder = ray.remote(num_cpus=ray.cluster_resources()["CPU"] - workers)(Holder).remote()
    ray.get(holder.__ray_ready__.remote())
    try:
        yield lambda: ray.kill(holder)
    finally:
        ray.kill(holder)


def comes_late(notes, let_go, before, after):
    """The second of two workers, after so many epochs; then there are so many more."""
    yield from epochs(before)
    let_go()
    yield from until(lambda: begun(notes) == 2)
    yield from epochs(after)


def is_over(actor):
    """Has it ended, or will it never begin?"""
    ray = import_module("ray")
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(actor.__ray_ready__.remote())
    return True


@pytest.mark.parametrize("name", SURVIVORS)
def test_it_learns_without_who_has_not_come(name):
    strategy = small(name)
    usual = learn(strategy, Threads(3, shards=2), seed=0)
    with room_for(2):
        found = learn(strategy, Ray(3, shards=2, least=2), seed=0)
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (0, 0)
    assert found.history[-1].examples == usual.history[-1].examples
    assert TASK.gap(found.history[-1].objective) < TASK.gap(usual.history[-1].objective) + 0.02


def test_who_has_not_come_does_not_rest_for_the_next_run(casts):
    with room_for(1):
        found = learn(PERIODS, Ray(2, least=1), seed=0)
    assert found.history.traffic.faults.workers_joined == 0
    assert [each.actor for each in casts[-1]._deputies] == casts[-1].deputies[:1]
    next_one = learn(PERIODS, Ray(2), seed=0)
    assert np.array_equal(next_one.params.weights, learn(PERIODS, Threads(2), seed=0).params.weights)
    assert next_one.history.traffic.faults is None


def test_who_comes_at_last_rests_for_the_next_run(casts, tmp_path):
    with room_for(1) as let_go:
        found = run(Ray(2, least=1), Averaging(str(tmp_path)), comes_late(tmp_path, let_go, 2, 2))
    assert found.history.traffic.faults.workers_joined == 1
    assert [each.actor for each in casts[-1]._deputies] == casts[-1].deputies


def kill(notes, rank):
    """The process of this worker."""
    os.kill(next(int(path.name) for path in notes.iterdir() if path.read_text() == str(rank)), signal.SIGKILL)


@pytest.mark.soak
def test_who_comes_late_dies_like_any_other(tmp_path, caplog):
    with room_for(1) as let_go:

        def plot():
            yield from comes_late(tmp_path, let_go, 2, 0)
            kill(tmp_path, 1)
            yield from until(lambda: begun(tmp_path) == 3)
            yield from epochs(5)

        found = run(Ray(2, least=1, restarts=1), Averaging(str(tmp_path)), plot())
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (1, 2)
    assert "another process has taken the place of worker 1, in round " in caplog.text


def test_who_has_not_come_cannot_go_on_alone(casts, tmp_path):
    def plot():
        yield from epochs(2)
        kill(tmp_path, 0)
        yield from epochs(1_000)

    with room_for(1):
        with pytest.raises(ActorLost, match=r"^worker 0 of 2 has died, and nobody is left who could tell another"):
            run(Ray(2, least=1), Averaging(str(tmp_path)), plot())
        assert is_over(casts[-1].deputies[1])


@dataclass(frozen=True)
class Summing(AbstractStrategy):
    """Each process notes in a folder when it sums with the other among themselves."""

    notes: str
    agree = True
    survives = frozenset({"lost worker"})

    async def work(self, me):
        async for _ in me.rounds():
            for _ in range(10):
                mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count
            await me.steps(5)
            if any(thread.name == "hogwild-summing" for thread in threading.enumerate()):
                Path(self.notes, str(os.getpid())).touch()


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `nets` is not installed")
def test_all_sum_among_themselves_when_the_last_one_has_come(tmp_path):
    with room_for(1) as let_go:
        found = run(Ray(2, least=1), Summing(str(tmp_path)), comes_late(tmp_path, let_go, 20, 5))
    assert found.history.traffic.faults.workers_joined == 1
    assert TASK.gap(found.history[-1].objective) < 0.02


def test_too_few_are_named(monkeypatch):
    monkeypatch.setattr("hogwild.engines.ray.driver.START_S", 1.0)
    with (
        room_for(1),
        pytest.raises(ClusterError, match=r"^the cluster has not started 2 workers in 1 s: use fewer, or"),
    ):
        learn(PERIODS, Ray(3, least=2), seed=0)


def test_a_run_goes_on_with_fewer(tmp_path):
    """From a checkpoint, in the midst of an epoch: what the other had of that one is not learnt."""
    whole = learn(PERIODS, Threads(2), seed=0, checkpoint=often(tmp_path / "all"))
    half = max(1, len(numbers(tmp_path / "all")) // 2)
    with room_for(1):
        resumed = learn(PERIODS, Ray(2, least=1), resume=died_after(tmp_path / "all", half, tmp_path / "died"))
    assert [record.epoch for record in resumed.history] == [record.epoch for record in whole.history]
    assert resumed.history[-1].objective == pytest.approx(whole.history[-1].objective, rel=0.05)


def test_ctrl_c_does_not_wait_for_who_has_not_come(casts):
    def press(record):
        if record.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with room_for(1):
        found = learn(PERIODS, Ray(2, least=1), stop=Stop(epochs=5_000, tol=0), seed=0, callbacks=[press])
        assert found.reason == "interrupted"
        assert is_over(casts[-1].deputies[1])


def test_ctrl_c_before_enough_have_come_leaves_nobody(casts):
    def press():
        wait_for(lambda: bool(casts))
        import_module("ray").get(casts[-1].deputies[0].__ray_ready__.remote())
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    with room_for(1):
        pressing.start()
        with pytest.raises(KeyboardInterrupt):
            learn(PERIODS, Ray(3, least=2), seed=0)
        pressing.join()
        assert all(map(is_over, casts[-1].deputies))
