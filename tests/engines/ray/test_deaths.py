"""Processes of workers are killed for real while the run goes on."""

import os
import re
import signal
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.engines.ray.plots import Averaging, begun, epochs, run, until
from tests.engines.ray.stumbling import NoRoom, Surprising, die, is_a, title

from hogwild import AbstractStrategy, ActorLost, Local, LocalSGD, Partitioned, Ray, Stop, Threads, train
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
    deputies = [each for each in psutil.Process().children(recursive=True) if "ray::Deputy" in title(each)]
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
@pytest.mark.soak
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


def test_who_cannot_begin_in_the_place_of_another_says_why(tmp_path):
    """Others may wait for its rows meanwhile."""
    X, y = EASY.data
    data = Local(lambda rank, size: (X[rank::size], y[rank::size]))
    model = Surprising(EASY.model, NoRoom(str(tmp_path), 3))
    stop = Stop(epochs=5_000, tol=0)
    with pytest.raises(Exception, match=r"there is no room here") as raised:
        train(model, data, strategy=LocalSGD(5), engine=Ray(3), stop=stop, seed=0, callbacks=[kill_a_worker])
    assert re.fullmatch(r"\(in worker \d of 3, round 0, epoch \d+\)", raised.value.__notes__[0])


def test_a_death_that_is_heard_of_late_is_not_that_of_the_next_process(casts, tmp_path):
    late = []

    def plot():
        yield from epochs(2)
        old = casts[-1].deputies[1]
        os.kill(next(int(path.name) for path in tmp_path.iterdir() if path.read_text() == "1"), signal.SIGKILL)
        yield from until(lambda: begun(tmp_path) == 4)
        conductor = casts[-1].conductor
        late.append(conductor.__ray_call__.remote(lambda self, deputy: self._find_lost(1, deputy, "late"), old))
        yield from epochs(5)

    found = run(Ray(3), Averaging(str(tmp_path)), plot())
    assert import_module("ray").get(late) == [True]
    faults = found.history.traffic.faults
    assert (faults.workers_lost, faults.workers_joined) == (1, 1)


@dataclass(frozen=True)
class Ending(AbstractStrategy):
    """What counts is the mean that all end with, which is still to be judged then."""

    note: str
    agree = True
    answer = "end"
    survives = frozenset({"lost worker"})

    async def work(self, me):
        async for _ in me.rounds():
            await me.steps(5)
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count
        Path(self.note).touch()


@dataclass(frozen=True)
class DeadlyLoss:
    """Whoever judges by it when that is written dies."""

    note: str

    def __call__(self, output, target):
        if is_a("Deputy") and Path(self.note).exists():
            die()
        return ((output - target.to(output.dtype)) ** 2).reshape(-1)


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `nets` is not installed")
def test_where_nobody_is_left_to_judge_the_run_ends(tmp_path):
    import torch

    from hogwild import Network

    note = str(tmp_path / "ended")
    model = Network(torch.nn.Linear(EASY.data[0].shape[1], 1), loss=DeadlyLoss(note))
    with pytest.raises(ActorLost, match=r"have died before they had judged the last weights, and the run with them$"):
        train(model, EASY.data, strategy=Ending(note), engine=Ray(2), stop=Stop(epochs=1, tol=0), seed=0)


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
