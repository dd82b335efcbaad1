"""Shards with copies, on a real local cluster: their processes are killed in the middle of pushes, and nothing that a
worker was told is lost.
"""

import os
import signal
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.engines.conftest import watched
from tests.engines.ray.traps import Trap

from hogwild import ActorLost, BoundedStaleness, Downpour, GrowingBatches, Ray, Sandblaster, Stop, Threads, train
from hogwild.deltas import Delta
from hogwild.engines.ray.cluster import joined
from hogwild.interfaces import AbstractStrategy
from hogwild.rules.schedules import Moment
from hogwild.rules.server import compensated, damped, softsync
from hogwild.rules.updates import sgd
from hogwild.testing import problem
from hogwild.testing.probes import look, served, together, vector

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
]
EASY = problem()
PATIENCE_S = 120.0  # to start processes on a busy machine
FAIL_OVER_S = 5.0


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield from watched(PATIENCE_S)


@pytest.fixture(autouse=True, scope="module")
def cluster():
    """One for all."""
    with joined("local", cpus=3):
        yield


def ones(me):
    """A sum of gradients that adds one to every weight."""
    return Delta(vector(me, -1.0), 1, 1, 0.0, Moment(0, 0.0, 0))


async def counted(me, until, more=20):
    """Push until it is so, and some more; each push is acknowledged. The longest one, in seconds, is counted."""
    pushes, longest_s = 0, 0.0
    while more:
        begun = time.perf_counter()
        await me.push(ones(me))
        longest_s = max(longest_s, time.perf_counter() - begun)
        pushes += 1
        more -= until()
    me.counts["acknowledged"] += pushes
    me.counts["longest_us"] = max(me.counts["longest_us"], round(longest_s * 1e6))
    total = (await together(me, pushes)).sum()
    pulled = await me.pull()
    assert pulled.values.tolist() == [total] * pulled.values.size


def pushed(trap, shards=1, workers=2, **engine):
    """All is there that was acknowledged, and once; how often shards were replaced."""

    async def work(me):
        await counted(me, trap.has_sprung)

    result = look(Ray(workers, shards=shards, backups=True, **engine), work, probe=served(trap.rule))
    acknowledged = result.history.counts["acknowledged"]
    assert result.params.weights.tolist() == [acknowledged] * result.params.weights.size
    faults = result.history.traffic.faults
    return 0 if faults is None else faults.shards_replaced, result


# ---------------------------------------------------------------------------------------- in the middle of a push


def test_the_primary_dies_before_the_copy_has_heard_of_a_push(tmp_path):
    replaced, _ = pushed(Trap(str(tmp_path)))
    assert replaced == 1


def test_the_primary_dies_when_the_copy_has_heard_of_a_push_that_was_not_acknowledged(tmp_path):
    replaced, result = pushed(Trap(str(tmp_path), role="copy"))
    assert replaced == 1
    assert result.history.counts["longest_us"] < FAIL_OVER_S * 1e6 * 2  # of both workers


def test_the_copy_dies(tmp_path):
    assert pushed(Trap(str(tmp_path), role="copy", dies=("copy",)))[0] == 0


@pytest.mark.parametrize("seed", [1])
def test_one_after_the_other_dies(tmp_path, seed):
    trap = Trap(str(tmp_path), at=3 + seed, role="copy", dies=("copy", "primary"), times=3, at_random=True)
    pushed(trap, shards=2)


def test_both_die_at_once(tmp_path):
    begun = time.perf_counter()
    with pytest.raises(ActorLost, match=r"^shard 0 of 1 and its copy have died, and the run with them: "):
        pushed(Trap(str(tmp_path), role="copy", dies=("primary", "copy")))
    assert time.perf_counter() - begun < PATIENCE_S / 4


# -------------------------------------------------------------------------------------------- whatever was asked


def test_what_was_started_and_operations_are_done_once(tmp_path):
    """The primary dies with many of them under way: those that it has done and the copy knows, and those it has not."""
    trap, count = Trap(str(tmp_path), at=30, role="copy"), 40

    async def work(me):
        tickets = []
        if me.rank == 0:
            await me.on_server("copy", "one", "weights")
            await me.on_server("scale", "one", 0.0)
            await me.push(ones(me))
            await me.on_server("axpy", "one", 1.0, "weights")  # all are 1
        await me.all_reduce()
        for _ in range(count):
            tickets.append(await me.start(me.push(ones(me))))
            tickets.append(await me.start(me.on_server("axpy", "weights", 1.0, "one")))
        for ticket in tickets:
            await ticket
        await me.all_reduce()
        pulled = await me.pull()
        assert pulled.values.tolist() == vector(me, 1 + 2 * count * me.size).tolist()
        assert await me.on_server("dot", "one", "one") == vector(me).size

    result = look(Ray(2, shards=1, backups=True), work, probe=served(trap.rule))
    assert result.params.weights.tolist() == [1 + 2 * count * 2] * result.params.weights.size
    assert result.history.traffic.faults.shards_replaced == 1


def test_pulls_that_waited_at_the_dead_shard_are_answered_by_its_copy(tmp_path):
    """Awaited, started, and started and then awaited; what they wait for comes only after the death."""
    trap = Trap(str(tmp_path), at=3)

    async def work(me):
        if me.rank == 0:
            started = [await me.start(me.pull(version=version)) for version in (5, 6, 1_000)]
            pulled = await me.pull(version=7)
            assert pulled.met
            assert set(pulled.values.tolist()) == {7.0}
            for ticket, met in zip(started, (True, True, False), strict=True):
                early = await ticket
                assert early.met == met
        else:
            for _ in range(7):
                await me.all_reduce() if False else None
                await me.push(ones(me))
                if not trap.has_sprung():
                    await me.get(0)  # which waits until it is at rest
            await me.inbox((0,)) if False else None

    result = look(Ray(2, shards=1, backups=True), work, probe=served(trap.rule))
    assert result.history.traffic.faults.shards_replaced == 1


@pytest.mark.parametrize(
    "rule",
    [sgd(0.05), compensated(sgd(0.05), 0.5), compensated(damped(sgd(0.05)), 0.5, adaptive=True)],
    ids=repr,
)
def test_the_copy_is_equal_bit_for_bit(tmp_path, rule):
    """One worker, so that all is as on `Threads`: also after the shards have died one after the other."""

    @dataclass(frozen=True)
    class Pushing(AbstractStrategy):
        server: object
        until: object = None
        agree = False
        needs = frozenset({"server"})
        answer = "server"
        survives = frozenset({"lost shard"})

        async def work(self, me):
            async for _ in me.rounds():
                started = await me.start(me.pull())
                pulled = await me.pull(await me.upcoming(4) if me.rng.random() < 0.5 else None)
                pulled.copy_to(me.params)
                await me.push(await me.gradient(4, pulled.keys))
                (await started).copy_to(me.params)

    def learn(engine, trap):
        changed = rule._replace(formula=trap, linear=False)
        stop = Stop(epochs=4, tol=0)
        return train(EASY.model, EASY.data, strategy=Pushing(changed), engine=engine, stop=stop, seed=0)

    here = learn(Threads(1, shards=2), Trap(str(tmp_path), at=0))
    there = learn(Ray(1, shards=2, backups=True), Trap(str(tmp_path), at=20, role="copy", times=2))
    assert np.array_equal(here.params.weights, there.params.weights)
    assert there.history.traffic.faults.shards_replaced == 2


@pytest.mark.parametrize("strategy", [Downpour(4), BoundedStaleness(5), GrowingBatches(), Sandblaster()], ids=lambda s: type(s).__name__)
def test_strategies_learn_as_if_nothing_had_happened(strategy):
    """A shard's process dies at some time, whichever it is."""
    import psutil  # Ray brings it

    def kill(record):
        if record.epoch == 2:
            shards = [each for each in psutil.Process().children(recursive=True) if "ShardHost" in "".join(each.cmdline())]
            os.kill(max(each.pid for each in shards), signal.SIGKILL)

    def learn(engine, **options):
        stop = Stop(epochs=12, tol=0)
        return train(EASY.model, EASY.data, strategy=strategy, engine=engine, stop=stop, seed=0, **options)

    found = learn(Ray(2, shards=2, backups=True), callbacks=[kill])
    calm = learn(Threads(2, shards=2))
    assert EASY.gap(found.history[-1].objective) < EASY.gap(calm.history[-1].objective) + 0.01
