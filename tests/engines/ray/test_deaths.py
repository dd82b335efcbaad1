"""Processes of workers are killed for real while the run goes on."""

import os
import signal
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest

from hogwild import AbstractStrategy, ActorLost, LocalSGD, Partitioned, Ray, Stop, Threads, train
from hogwild.strategies import STRATEGIES
from hogwild.testing import problem
from hogwild.testing.strategies import in_small_blocks

# Not by importing it: hogwild does that, when it has set what Ray reads then.
pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
EASY = problem()
SURVIVORS = [
    name
    for name, make in STRATEGIES.items()
    if {"lost worker", "lost coordinator"} & make().survives and not make().needs & {"share", "turns"}
]


def kill_a_worker(record, epoch=3, *, all_of_them=False):
    """A callback: kills one, whichever it is. All runs here have three, as those that rest from others look alike."""
    import psutil  # Ray brings it

    if record.epoch != epoch:
        return
    deputies = [each for each in psutil.Process().children(recursive=True) if "ray::Deputy" in "".join(each.cmdline())]
    assert len(deputies) == 3
    for process in deputies if all_of_them else deputies[-1:]:
        os.kill(process.pid, signal.SIGKILL)


def learn(strategy, engine, epochs=10, data=EASY.data, **options):
    stop = Stop(epochs=epochs, tol=0)
    return train(EASY.model, data, strategy=strategy, engine=engine, stop=stop, seed=0, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", SURVIVORS)
def test_the_run_goes_on(name):
    strategy = in_small_blocks(STRATEGIES[name]())
    found, usual = learn(strategy, Ray(3, shards=2), callbacks=[kill_a_worker]), learn(strategy, Threads(3))
    assert found.history.traffic.faults.workers_lost == 1
    assert EASY.gap(found.history[-1].objective) < EASY.gap(usual.history[-1].objective) + 0.02


def test_all_that_survive_a_lost_worker_are_here():
    assert len(SURVIVORS) >= 10


@pytest.mark.slow
def test_another_process_takes_the_place_with_the_rows_of_the_dead_one():
    found = learn(LocalSGD(5), Ray(3), 100, Partitioned(EASY.data), callbacks=[kill_a_worker])
    usual = learn(LocalSGD(5), Ray(3), 100, Partitioned(EASY.data))
    assert found.history.traffic.faults.workers_joined == 1
    assert found.history[-1].objective == pytest.approx(usual.history[-1].objective, rel=0.01)


def test_more_deaths_than_are_allowed_end_the_run():
    with pytest.raises(ActorLost, match=r"^worker \d of 3 has died, and more than `restarts` of the engine have died"):
        learn(LocalSGD(5), Ray(3, restarts=0), 5_000, callbacks=[kill_a_worker])


def test_where_nobody_is_left_the_run_ends():
    def kill_all(record):
        kill_a_worker(record, all_of_them=True)

    with pytest.raises(ActorLost, match=r"^worker \d of 3 has died, and nobody is left who could tell another process"):
        learn(LocalSGD(5), Ray(3), 5_000, callbacks=[kill_all])


@dataclass(frozen=True)
class Fragile(AbstractStrategy):
    """Says that it survives nothing."""

    agree = True

    async def work(self, me):
        async for _ in me.rounds():
            await me.steps(5)
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


def test_strategies_that_survive_nothing_end_with_a_sentence():
    words = r"^worker \d of 3 has died, and the run with it: Fragile survives no 'lost worker': "
    with pytest.raises(ActorLost, match=words):
        learn(Fragile(), Ray(3), 5_000, callbacks=[kill_a_worker])
    assert np.isfinite(learn(Fragile(), Ray(3), 3).history[-1].objective)
