"""Shards of the parameter server as actors, on a real local cluster: the same bits, exact waits, and who has died."""

import os
import re
import signal
import time
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest
from tests.engines.ray.stumbling import Surprising, hang, title

from hogwild import ActorLost, Downpour, Linear, Ray, Sandblaster, Stop, Threads, Unsupported, train
from hogwild.deltas import Change
from hogwild.engines import Deadlock
from hogwild.interfaces import AbstractStrategy
from hogwild.rules.updates import adagrad, sgd
from hogwild.server import WINDOW
from hogwild.testing import problem
from hogwild.testing.probes import look, served, vector

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
    pytest.mark.usefixtures("local_cluster"),
]
EASY = problem()


def learn(strategy, engine, model=EASY.model, epochs=3, **options):
    return train(model, EASY.data, strategy=strategy, engine=engine, stop=Stop(epochs=epochs, tol=0), seed=0, **options)


@dataclass(frozen=True)
class Pushing(AbstractStrategy):
    """One worker, whose every push is answered before it goes on."""

    server: object
    keys: bool = False
    agree = False
    needs = frozenset({"server"})
    answer = "server"

    async def work(self, me):
        async for _ in me.rounds():
            keys = (await me.upcoming(4)) if self.keys else None
            pulled = await me.pull(keys)
            pulled.copy_to(me.params)
            await me.push(await me.gradient(4, keys))


# ------------------------------------------------------------------------------------------------- the same as here


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (EASY.model, sgd()),
        (EASY.model, adagrad(0.1)),
        (Linear("squared", l1=1e-2, l2=1e-3), sgd()),  # the penalty is paid by the shard
    ],
)
def test_bits_and_traffic_are_those_of_threads(model, rule, shards):
    here, there = (learn(Pushing(rule), Engine(1, shards=shards), model) for Engine in (Threads, Ray))
    assert np.array_equal(here.params.weights, there.params.weights)
    assert there.history.traffic == here.history.traffic
    assert there.history.traffic.staleness.total() > 10


def test_rows_are_all_that_travels():
    here, there = (learn(Pushing(sgd(), keys=True), Engine(1, shards=2)) for Engine in (Threads, Ray))
    assert np.array_equal(here.params.weights, there.params.weights)
    assert there.history.traffic == here.history.traffic


def test_portions_are_added_up_on_the_shards():
    found = learn(Sandblaster(), Ray(2, shards=2), epochs=8)
    assert EASY.gap(found.history[-1].objective) < 0.1
    with pytest.raises(Unsupported, match="cannot be done where gradients of portions are only added"):
        learn(Sandblaster(), Ray(2), Linear("squared", l1=1e-2))


# -------------------------------------------------------------------------------------------------- large and many


def test_what_comes_through_the_object_store_can_be_written():
    wide = np.zeros((4, 150_000))  # 1.2 MB, of which 100 kB come with the message

    async def work(me):
        for count in (1, 2, 3):
            await me.push(vector(me, 1.0))
            pulled = await me.pull()
            assert pulled.values.min() == pulled.values.max() == count
            pulled.values[:] = 100.0
        keys = np.arange(0, me.params.weights.size, 2)
        await me.push(Change(np.ones(keys.size), 1, 1, keys))
        pulled = await me.pull()
        assert (pulled.values[::2] == 4.0).all()
        assert (pulled.values[1::2] == 3.0).all()

    for shards in (1, 2):
        strategy = served(sgd()).strategy(work)
        model = Linear("squared", l2=1e-3)
        train(model, (wide, np.ones(4)), strategy=strategy, engine=Ray(1, shards=shards), stop=Stop(1, tol=None))


def test_more_than_shards_remember_may_be_started():
    count = 3 * WINDOW

    async def work(me):
        x = vector(me, 1.0)
        tickets = []
        for number in range(count):
            tickets.append(await me.start(me.push(x)))
            x[:] = 1.0 if number % 2 else 3.0  # what was started has been copied
        early = await me.start(me.pull(version=count * me.size))
        # Awaited behind those that are held back, and by two shards.
        await me.push(vector(me, 0.0))
        for ticket in tickets:
            assert min((await ticket).versions) >= 1
        pulled = await early
        assert pulled.met
        await me.all_reduce()
        assert (await me.pull()).values.tolist() == vector(me, 2.0 * count * me.size).tolist()
        assert await early is pulled

    look(Ray(2, shards=2), work, probe=served(sgd()))


# ------------------------------------------------------------------------------------------------------------- waits


def test_pushes_under_way_wake_who_waits_for_them():
    """All wait at the conductor, and what will wake them is still on its way to the shards."""

    async def work(me):
        for number in range(1, 16):
            if me.rank == 0:
                for _ in range(5):
                    await me.start(me.push(vector(me, 1.0)))
                await me.inbox((1,))
            else:
                pulled = await me.pull(version=5 * number)
                assert pulled.met
                assert float(pulled.values[0]) == 5.0 * number
                await me.put(0, vector(me), "queue")

    look(Ray(2, shards=2), work, probe=served(sgd()))


def test_what_was_started_is_done_though_the_program_asks_for_nothing():
    async def work(me):
        for make in (lambda: me.push(vector(me, 1.0)), me.pull):
            ticket, end = await me.start(make()), time.monotonic() + 30
            while not ticket.done:
                assert time.monotonic() < end

    look(Ray(2, shards=2), work, probe=served(sgd()))


def test_who_waits_for_ever_is_told_so_when_all_has_arrived():
    async def work(me):
        for _ in range(10):
            await me.start(me.push(vector(me, 1.0)))
        unmet = await me.start(me.pull(version=1000))
        if me.rank == 0:
            assert not (await unmet).met
        await me.inbox((1 - me.rank,))

    with pytest.raises(Deadlock, match=r"worker 0 waits for .*worker 1"):
        look(Ray(2, shards=2), work, probe=served(sgd()))


def test_clocks_wait_for_those_in_rounds_alone():
    async def work(me):
        async for round in me.rounds():
            if me.rank == 2 and round.number == 3:
                return  # others go on without it
            pulled = await me.pull(clock=round.number)
            assert pulled.met
            await me.push(vector(me, 1.0))
            await me.steps(1)

    look(Ray(3, shards=2), work, probe=served(sgd()), stop=Stop(epochs=2, tol=None))


# ------------------------------------------------------------------------------------------------------- what fails


def shards_running():
    """Their processes."""
    import psutil

    return [each for each in psutil.Process().children(recursive=True) if "ShardHost" in title(each)]


def pid_of(actor):
    import ray

    return ray.get(actor.__ray_call__.remote(lambda self: os.getpid()))


def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_shard_that_dies_in_the_middle_of_a_push_ends_the_run():
    with pytest.raises(
        ActorLost, match=r"^shard \d of 2 has died, and the run with it: Pushing survives no 'lost shard': "
    ):
        learn(Pushing(sgd()._replace(formula=die, linear=False)), Ray(2, shards=2))
    assert learn(Downpour(), Ray(2, shards=2)).reason == "epochs"


def test_a_shard_that_hangs_is_ended_and_said_to(casts, caplog):
    def stop(record):
        if record.epoch == 2:
            for shard in casts[-1].hosts.shards:
                os.kill(pid_of(shard), signal.SIGSTOP)

    words = r"^shard \d of 2 has died.*: it has given no sign for 3 s \(`patience_s` of the engine\)$"
    with pytest.raises(ActorLost, match=words):
        learn(Downpour(), Ray(2, shards=2, patience_s=3), epochs=5_000, callbacks=[stop])
    assert re.search(r"shard \d of 2 is ended: it has given no sign for 3 s", caplog.text)


def test_a_shard_that_hangs_as_it_begins_is_not_waited_for():
    words = r"^shard 0 of 1 has died before the run began: it has given no sign for 3 s \(`patience_s` of the engine\)$"
    with pytest.raises(ActorLost, match=words):
        learn(Downpour(), Ray(1, patience_s=3), Surprising(EASY.model, hang))


def test_shards_stay_for_the_next_run():
    learn(Downpour(), Ray(1, shards=2))
    first = {each.pid for each in shards_running()}
    learn(Downpour(), Ray(1, shards=2))
    assert {each.pid for each in shards_running()} == first
    assert len(first) >= 2


def test_what_was_started_and_fails_ends_the_run():
    async def work(me):
        async for _ in me.rounds():
            await me.start(me.on_server("scale", "direction", 2.0))
            await me.inbox((1 - me.rank,))

    with pytest.raises(ValueError, match="the server has no vector 'direction'") as raised:
        look(Ray(2, shards=2), work, probe=served(sgd()))
    started, where = raised.value.__notes__
    assert re.fullmatch(r"\(OnServer that worker \d has started\)", started)
    assert re.fullmatch(r"\(in worker \d of 2, round 1, epoch 1\)", where)
