"""Shards with copies, on a real local cluster: their processes are killed in the middle of pushes, and nothing that a
worker was told is lost.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.engines.ray.traps import Trap
from tests.engines.ray.waiting import wait_for
from tests.server.test_snapshots import assert_equal

from hogwild import (
    ActorLost,
    BoundedStaleness,
    Checkpoint,
    Downpour,
    GrowingBatches,
    Ray,
    Sandblaster,
    Stop,
    Threads,
    train,
)
from hogwild.deltas import Delta
from hogwild.engines.ray.terms import Reign
from hogwild.interfaces import AbstractStrategy
from hogwild.rules.schedules import Moment
from hogwild.rules.server import compensated, damped
from hogwild.rules.updates import sgd
from hogwild.testing import problem
from hogwild.testing.probes import look, served, together, vector

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
    pytest.mark.usefixtures("local_cluster"),
]
EASY = problem()
PATIENCE_S = 120.0
FAIL_OVER_S = 5.0


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

    # Shards are told apart by their sizes: 12 and 13, if there are two.
    result = look(Ray(workers, shards=shards, backups=True, **engine), work, probe=served(trap.rule), n_examples=25)
    acknowledged = result.history.counts["acknowledged"]
    assert result.params.weights.tolist() == [acknowledged] * result.params.weights.size
    faults = result.history.traffic.faults
    if faults is not None:
        assert faults.pushes == faults.acknowledged == acknowledged
        assert faults.applied == (acknowledged,) * shards
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


@pytest.mark.parametrize("seed", [1, 2])
def test_one_after_the_other_dies(tmp_path, seed):
    trap = Trap(str(tmp_path), at=3 + seed, role="copy", dies=("copy", "primary"), times=3, seed=seed)
    pushed(trap, shards=2)


@pytest.mark.parametrize(
    ("nodes", "taken", "chosen"),
    [("abc", "a", "b"), ("abc", "c", "a"), ("abc", "ab", "c"), ("abc", "bc", "a"), ("ab", "ab", "b"), ("a", "ab", "a"),
     ("a", "a", "a"), ("bc", "a", "b")],
)  # fmt: skip
def test_copies_go_to_other_machines(nodes, taken, chosen):
    """First taken by the shard itself, then by a process that has died."""
    from hogwild.engines.ray.cast import another_node

    assert another_node(list(nodes), list(taken)) == chosen


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
            await me.inbox((1,))
            pulled = await me.pull(version=7)
            assert pulled.met
            assert set(pulled.values.tolist()) == {7.0}
            for ticket, met in zip(started, (True, True, False), strict=True):
                assert (await ticket).met == met
        else:
            await me.push(ones(me))
            await me.push(ones(me))
            await me.put(0, vector(me), "queue")
            await me.average(0)  # it waits there
            for _ in range(5):
                await me.push(ones(me))

    result = look(Ray(2, backups=True), work, probe=served(trap.rule))
    assert result.history.traffic.faults.shards_replaced == 1


@dataclass(frozen=True)
class Pushing(AbstractStrategy):
    """Of one worker, whose requests come in one order only."""

    server: object
    agree = False
    needs = frozenset({"server"})
    answer = "server"
    survives = frozenset({"lost shard"})

    async def work(self, me):
        async for _ in me.rounds():
            pulled = await me.pull(await me.upcoming(4) if me.rng.random() < 0.5 else None)
            pulled.copy_to(me.params)
            await me.push(await me.gradient(4, pulled.keys))
            (await me.pull()).copy_to(me.params)


@pytest.mark.parametrize(
    "rule", [sgd(0.05), compensated(sgd(0.05), 0.5), damped(compensated(sgd(0.05), 0.5, adaptive=True))], ids=repr
)
def test_the_copy_is_equal_bit_for_bit(tmp_path, rule, before_rest):
    """To its shard, whatever that remembers, and so all is as on `Threads`: also when a copy has taken over."""

    def learn(engine, at):
        changed = rule._replace(formula=Trap(str(tmp_path), at, "copy"), linear=False)
        stop = Stop(epochs=2, tol=0)
        return train(EASY.model, EASY.data, strategy=Pushing(changed), engine=engine, stop=stop, seed=0)

    known = []
    before_rest.append(lambda cast: known.extend(map(state, cast._hosts)))
    here, there = learn(Threads(1, shards=2), 0), learn(Ray(1, shards=2, backups=True), 20)
    assert np.array_equal(here.params.weights, there.params.weights)
    assert there.history.traffic.faults.shards_replaced == 1
    pairs = 0
    found = [each for each in known if each is not None]
    for shard in range(2):
        one, *others = [snapshot for number, complete, snapshot in found if number == shard and complete]
        for other in others:
            assert_equal(one, other)
            pairs += 1
    assert pairs >= 1


def state(host):
    """The number of its shard, does it know all, and what it knows; None: it is dead, or has not begun."""
    import ray

    def look(self):
        if not hasattr(self, "_following"):  # a copy that was wanted when the run had ended
            return None
        following = self._following
        return self._reign.shard, following is None or following.complete, self._desk.shard.snapshot()

    try:
        return ray.get(host.__ray_call__.remote(look))
    except ray.exceptions.RayActorError:
        return None


def kill(host):
    """This actor, at once."""
    import ray

    os.kill(ray.get(host.__ray_call__.remote(lambda self: os.getpid())), signal.SIGKILL)


@pytest.mark.parametrize("strategy", [Downpour(4), BoundedStaleness(5), GrowingBatches(), Sandblaster()], ids=repr)
def test_strategies_learn_as_if_nothing_had_happened(strategy, casts):
    """The process of one shard dies at some time, and the copy of another."""

    def kill_some(record):
        if record.epoch == 2:
            kill(casts[-1].hosts.shards[1])
            kill(casts[-1].hosts.copies[0])

    def learn(engine, **options):
        stop = Stop(epochs=12, tol=0)
        return train(EASY.model, EASY.data, strategy=strategy, engine=engine, stop=stop, seed=0, **options)

    found = learn(Ray(2, shards=2, backups=True), callbacks=[kill_some])
    calm = learn(Threads(2, shards=2))
    assert found.history.traffic.faults.shards_replaced == 1
    assert EASY.gap(found.history[-1].objective) < EASY.gap(calm.history[-1].objective) + 0.01


def test_a_run_that_goes_on_counts_its_own_pushes(tmp_path, casts):
    """Not those that shards had applied before the checkpoint."""
    stop, engine = Stop(epochs=12, tol=0), Ray(2, shards=2, backups=True)

    def stop_it(record):
        if record.epoch == 5:
            raise RuntimeError("no more power")

    def kill_one(record):
        if record.epoch == 8:
            kill(casts[-1].hosts.shards[1])

    def learn(callback, **options):
        run = {"strategy": Downpour(4), "stop": stop, "engine": engine, "callbacks": [callback]}
        return train(EASY.model, EASY.data, **run, **options).history

    with pytest.raises(RuntimeError, match="no more power"):
        learn(stop_it, seed=0, checkpoint=Checkpoint(str(tmp_path), every_s=None, epochs=1))
    history = learn(kill_one, resume=str(tmp_path))
    report, whole = history.traffic.faults, history[-1].examples / 4
    assert report.shards_replaced == 1
    assert report.applied == (report.pushes, report.pushes)
    assert report.acknowledged == report.pushes < whole * 11 / 12


# ------------------------------------------------------------------------------------------------ what cannot go on


def test_without_copies_the_run_ends_and_says_what_would_help(tmp_path):
    words = r"^shard 0 of 1 has died, and the run with it: with Ray\(backups=True\) it would have a copy: "
    with pytest.raises(ActorLost, match=words):
        look(Ray(2), lambda me: counted(me, lambda: False), probe=served(Trap(str(tmp_path)).rule))


def test_a_strategy_that_survives_no_lost_shard_ends_with_it(tmp_path):
    probe = served(Trap(str(tmp_path)).rule, survives=frozenset())
    with pytest.raises(
        ActorLost, match=r"^shard 0 of 1 has died, and the run with it: Probe survives no 'lost shard': "
    ):
        look(Ray(2, backups=True), lambda me: counted(me, lambda: False), probe=probe)


def test_no_more_copies_are_made_than_may_be_restarted(tmp_path):
    """The shard goes on without one."""
    trap = Trap(str(tmp_path), role="copy")
    assert pushed(trap, restarts=0)[0] == 1


def test_who_dies_while_nobody_asks_is_replaced(tmp_path, casts):
    """First the primary, then its successor, with nobody asking the shard anything in between."""

    async def work(me):
        await me.push(ones(me))
        for number in range(2):
            Path(tmp_path, f"asleep {number}").touch()
            while not Path(tmp_path, f"awake {number}").exists():
                pass
        await me.push(ones(me))

    def kill_both():
        for number in range(2):
            wait_for(Path(tmp_path, f"asleep {number}").exists)
            wait_for(lambda: {"leads", "copy"} <= roles(casts[-1]).keys())
            found = roles(casts[-1])
            kill(found["leads"])
            wait_for(lambda found=found: roles(casts[-1]).get("leads") == found["copy"])
            Path(tmp_path, f"awake {number}").touch()

    killer = threading.Thread(target=kill_both)
    killer.start()
    result = look(Ray(1, backups=True), work, probe=served(Trap(str(tmp_path), 0).rule))
    killer.join()
    assert result.params.weights.tolist() == [2.0] * result.params.weights.size
    assert result.history.traffic.faults.shards_replaced == 2


def test_what_an_earlier_run_wants_is_not_heard(casts):
    """A copy does not lead by the word of another run, and nobody looks for deaths in a run that is over."""
    import ray

    heard = []

    def call_late(record):
        if record.epoch == 2:
            copy = casts[-1].hosts.copies[0]
            late = Reign(casts[-1].conductor._actor_id.hex(), 0, 0, 7)
            heard.append(ray.get(copy.lead.remote(late)))

    stop = Stop(epochs=5, tol=0)
    options = {"strategy": Downpour(), "engine": Ray(1, backups=True), "stop": stop, "callbacks": [call_late]}
    found = train(EASY.model, EASY.data, seed=0, **options)
    assert heard == [False]
    assert found.history.traffic.faults is None
    names = casts[-1].conductor.__ray_call__.remote(lambda self: [thread.name for thread in threading.enumerate()])
    assert "hogwild-signs" not in ray.get(names)


def roles(cast):
    """Of the only shard: the actor that "leads", and the "copy", if it knows all."""
    import ray

    def look(self):
        following = self._following
        return self._reign[1:], "leads" if following is None else "copy" if following.complete else None

    found = []
    for host in cast._hosts:
        with suppress(ray.exceptions.RayActorError, ray.exceptions.RayTaskError):  # dead, or not yet begun
            found.append((*ray.get(host.__ray_call__.remote(look)), host))
    newest = max(reign for reign, _, _ in found)
    return {role: host for reign, role, host in found if reign == newest and role is not None}
