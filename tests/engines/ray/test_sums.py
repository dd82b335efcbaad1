"""Sums that workers make among themselves, on a real local cluster: bits as on `Threads`, and never a hang."""

import gc
import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from tests.engines.conftest import watched

from hogwild import AbstractStrategy, ActorLost, Ray, Stop, Threads, train
from hogwild.deltas import Coded, Delta
from hogwild.engines import Deadlock
from hogwild.engines.ray.direct import DATA, Direct
from hogwild.engines.ray.mesh import Broken, Mesh, Store
from hogwild.rules.schedules import Moment
from hogwild.testing import problem

pytestmark = [
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("ray", "torch")), reason="the extras `cluster` and `nets` are missing"
    ),
    pytest.mark.slow,
]
EASY = problem()
PATIENCE_S = 90.0  # five processes import torch
SIZES = [0, 1, 2, 1001, 1003, 40_000, 1_100_001]  # in a frame, sent to all, and in parts of several pieces


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """As for other engines, but with more patience."""
    yield from watched(PATIENCE_S)


@dataclass(frozen=True)
class Does(AbstractStrategy):
    """`what(me)`, when the workers sum among themselves, if they can."""

    what: Callable[..., Any]
    connects: bool = True
    agree = True

    async def work(self, me):
        if self.connects:
            await connected(me)
        await self.what(me)


async def connected(me):
    """All see together that they are: only then has each of them this thread."""
    everybody = 0
    while everybody < me.size:
        is_here = any(thread.name == "hogwild-summing" for thread in threading.enumerate())
        everybody = (await me.all_reduce(np.array([float(is_here)]))).sum[0]


def run(what, engine):
    strategy = Does(what, connects=isinstance(engine, Ray))
    return train(EASY.model, EASY.data, strategy=strategy, engine=engine, stop=Stop(epochs=2, tol=None), seed=0)


def told(what, engine):
    """What the first worker has told: `what(me, tell)` gives arrays, of which the bytes are compared."""

    async def telling(me):
        found = []
        await what(me, lambda *arrays: found.extend(np.asarray(array).tobytes().hex() for array in arrays))
        if me.rank == 0:
            for number, text in enumerate(found):
                me.counts[f"{number}: {hash_of(text)}"] += 1

    return sorted(run(telling, engine).history.counts)


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def numbers(rank, size, dtype):
    """Of many magnitudes: the order in which they are added shows."""
    rng = np.random.default_rng([rank, size])
    return (rng.normal(size=size) * 10.0 ** rng.integers(-3, 4, size=size)).astype(dtype)


def delta(rank, size, keys=None):
    values = numbers(rank, size if keys is None else keys.size, np.float64)
    return Delta(values, 3 + rank, 1 + rank, 0.1 * rank, Moment(0, 1.5, 10 * rank), keys, curvature=0.3 * rank)


async def vectors(me, tell):
    for dtype in (np.float32, np.float64, np.float16, np.longdouble):
        for size in SIZES[: 7 if dtype in (np.float32, np.float64) else 6]:
            mine = numbers(me.rank, size, dtype)
            for x in (mine, None if me.rank == 0 else mine, mine if me.rank == 1 else None):
                reduced = await me.all_reduce(x)
                assert reduced.sum.dtype == dtype
                assert not reduced.sum.flags.writeable
                high = reduced.sum.astype(np.float64)  # not all bytes of a long double are part of the number
                tell(high, (reduced.sum - high).astype(np.float64), reduced.count)
            assert np.array_equal(mine, numbers(me.rank, size, dtype))
    mixed = await me.all_reduce(np.ones(5_000, np.float32 if me.rank else np.float64))
    tell(mixed.sum, (await me.all_reduce(Coded(numbers(me.rank, 9, np.float32), 3))).sum, np.ones(mixed.count))
    assert (await me.all_reduce()).sum is None


async def deltas(me, tell):
    for size in (0, 1, 100, 30_000, 300_000):
        rows = np.arange(me.rank, 2 * size + me.rank, 2)
        for keys in (None, rows, np.arange(size), rows[: size // (1 + me.rank)]):
            total = (await me.all_reduce(delta(me.rank, size, keys))).sum
            assert (total.keys is None) == (keys is None)
            tell(total.values, [] if keys is None else total.keys, total.loss, total.curvature, total.moment)
            tell(total.examples, total.steps)


@pytest.mark.parametrize("size", [pytest.param(5, marks=pytest.mark.soak), 3, 2])
@pytest.mark.parametrize("what", [vectors, deltas])
def test_bits_are_those_of_threads(what, size):
    assert told(what, Ray(size)) == told(what, Threads(size))


def test_results_are_kept_as_long_as_somebody_looks_at_them():
    async def looks(me):
        kept, parts = [], []
        for number in range(12):
            total = (await me.all_reduce(np.full(100_000, float(number)))).sum
            if number % 3 == 0:
                kept.append((number, total))
            if number % 3 == 1:
                parts.append((number, total[7:9]))
        for number, total in kept + parts:
            assert set(total) == {2.0 * number}

    run(looks, Ray(2))


def test_traffic_is_counted_as_on_threads():
    async def sums(me):
        for size in (10, 50_000):
            await me.all_reduce(np.ones(size))
        await me.all_reduce(delta(me.rank, 10, np.arange(10)))
        await me.all_reduce()

    alone = run(sums, Threads(3)).history.traffic

    async def nothing(me):
        pass

    # How many sums it takes to get connected is not known: they are of 8 bytes, or none.
    with_sums = run(sums, Ray(3)).history.traffic
    assert alone.sent_bytes == 2 * 2 * (80 + 400_000 + 160)
    assert (with_sums.sent_bytes - alone.sent_bytes) % (2 * 2 * 8) == 0
    assert (with_sums.messages - alone.messages) % (2 * 3 * 2) == 0


def test_who_has_returned_is_not_waited_for():
    async def some_return(me):
        for left in range(me.size, 0, -1):
            if me.rank == left:
                return
            assert (await me.all_reduce(np.ones(20_000))).sum[0] == left

    run(some_return, Ray(4))


def test_only_this_machine_can_connect():
    async def listens(me):
        psutil = import_module("psutil")  # Ray brings it
        for connection in psutil.Process().net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                me.counts[connection.laddr.ip.removeprefix("::ffff:")] += 1

    assert set(run(listens, Ray(2)).history.counts) == {"127.0.0.1"}


def test_some_go_through_the_conductor():
    """Then all do, to the end."""

    async def mixed(me):
        for number in range(6):
            x = np.full(10, float(number))
            if number == 2 and me.rank == 1:
                reduced = await (await me.start(me.all_reduce(x)))
            else:
                reduced = await me.all_reduce(x, 3 if number == 4 else None)
            assert reduced.sum[0] == 3 * number

    run(mixed, Ray(3))


def test_wrong_sums_are_refused_and_may_be_mended():
    async def shapes(me):
        await me.all_reduce(np.ones(2 + me.rank))

    async def kinds(me):
        await me.all_reduce(delta(0, 4) if me.rank else np.ones(4))

    async def again(me):
        try:
            await me.all_reduce(np.ones(2 + me.rank))
        except ValueError:
            await me.all_reduce(np.ones(3 - me.rank))
        assert (await me.all_reduce(np.ones(1))).sum[0] == 2

    for what, say in ((shapes, "a vector of shape"), (kinds, "a Delta of shape")):
        with pytest.raises(ValueError, match=rf"^all_reduce: worker \d gives .*{say}"):
            run(what, Ray(2))
    run(again, Ray(2))


def test_deadlocks_are_described():
    async def waits(me):
        if me.rank == 1:
            await me.inbox((0,))
        await me.all_reduce(np.ones(3))

    async def returns(me):
        if me.rank == 1:
            await me.inbox((0,))
        elif me.rank == 0:
            await me.all_reduce(np.ones(3))

    for what, size in ((waits, 2), (returns, 3)):
        sentence = (
            r"worker 0 waits for all_reduce number \d+, to which worker 1 has not come; worker 1 waits for a mess"
        )
        with pytest.raises(Deadlock, match=sentence):
            run(what, Ray(size))


def test_who_waits_long_may_be_visited():
    async def visits(me):
        me.params.weights[:] = float(me.rank)
        if me.rank == 1:
            await me.average(0)
        total = (await me.all_reduce(me.params.weights)).sum
        assert total[0] == 0.5  # of worker 0 counts what its weights were when it came
        assert me.params.weights[0] == 0.5

    run(visits, Ray(2))


@pytest.mark.parametrize("how", ["dies", "presses"])
def test_others_do_not_wait_for_ever(how):
    async def loses(me):
        await me.all_reduce(np.ones(20_000))
        if me.rank == 1 and how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if me.rank != 1 or how == "presses":
            async for _ in me.rounds():
                await me.all_reduce(np.ones(20_000))
                await me.steps(1)

    def press(record):
        os.kill(os.getpid(), signal.SIGINT)

    def learn():
        return train(
            EASY.model,
            EASY.data,
            strategy=Does(loses),
            engine=Ray(3),
            stop=Stop(epochs=10**6, tol=None),
            seed=0,
            callbacks=[press] if how == "presses" else [],
        )

    if how == "presses":
        assert learn().reason == "interrupted"
    else:
        with pytest.raises(ActorLost, match=r"^worker 1 of 3 has died"):
            learn()


def test_the_second_ctrl_c_wakes_who_waits():
    async def waits(me):
        async for _ in me.rounds():
            await me.steps(1000)
            if me.rank == 0:
                threading.Event().wait(0.3)  # the others wait for it
            await me.all_reduce(np.ones(20_000))

    def press(record):
        os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()

    strategy, stop = Does(waits), Stop(epochs=10**6, tol=None)
    found = train(EASY.model, EASY.data, strategy=strategy, engine=Ray(2), stop=stop, seed=0, callbacks=[press])
    assert found.reason == "interrupted"


def break_connections(me):
    """As a network may, of which nobody dies."""
    next(each for each in gc.get_objects() if isinstance(each, Mesh)).close()
    me.counts["broken"] += 1


def die(me):
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Outlives(AbstractStrategy):
    """Something happens to worker 1 while all sum large vectors, so long after they are connected."""

    what: Callable[..., None]
    after_s: float
    agree = True
    survives = frozenset({"lost worker"})

    async def work(self, me):
        async for round in me.rounds():
            if round.number == 0:
                await connected(me)
                if me.rank == 1:
                    threading.Timer(self.after_s, self.what, (me,)).start()
            await me.steps(1)
            found = await me.all_reduce(np.full(200_000, round.number + 1.0))
            # All are in the same sum, before and after.
            assert (found.sum == found.count * (round.number + 1.0)).all()
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


@pytest.mark.parametrize(
    ("what", "after_s"),
    [(die, 0.0), pytest.param(die, 0.02, marks=pytest.mark.soak), (break_connections, 0.02)],
)
def test_others_go_on_with_the_same_sums(what, after_s):
    stop = Stop(epochs=6, tol=0)
    found = train(EASY.model, EASY.data, strategy=Outlives(what, after_s), engine=Ray(3), stop=stop, seed=0)
    assert found.reason == "epochs"
    faults = found.history.traffic.faults
    assert found.history.counts["broken"] == (what is break_connections)
    assert (0 if faults is None else faults.workers_lost) == (what is die)
    assert found.history[-1].consensus == 0
    assert EASY.gap(found.history[-1].objective) < 0.1


HERE = "127.0.0.1"
LONG = 10_000_000  # doubles, of which no connection takes a half at once


def survives():
    """Of two workers, the first: the other dies when a part of what it sends is under way."""
    from hogwild.engines.ray import summing as module  # not before Ray was told to listen here only

    module.LONG_S = PATIENCE_S  # there is no conductor whom it could tell that it waits for long
    store = Store(HERE)
    other = multiprocessing.get_context("spawn").Process(target=dies_in_the_middle, args=store.address)
    other.start()
    summing = module.Summing(offering(Mesh(store, HERE, 0, 2)), 0, None, lambda: 0)
    threading.Thread(target=lambda: (other.join(), summing.break_off())).start()
    try:
        summing.make(0)
    except Broken:
        os._exit(0)  # gloo waits in this process for ever


def dies_in_the_middle(host, port):
    mesh = Mesh(Store(host, port), HERE, 1, 2)
    direct = offering(mesh)
    direct.hear()
    mine = np.ones(LONG // 2)
    mesh.finish(mesh.receive(mine.view(np.uint8), 0, DATA))  # so the other is ready to receive, too
    mesh.send(mine.view(np.uint8), 0, DATA)
    die(None)


def offering(mesh):
    """The sum is to be made in two pieces."""
    import_module("hogwild.engines.ray.direct").PIECE_BYTES = 8 * LONG
    direct = Direct(mesh, mesh._gloo.rank(), 2)
    direct.prepare(np.ones(LONG))
    direct.send()
    return direct


def test_who_dies_in_the_middle_of_a_message_is_not_waited_for():
    """gloo would, for ever: it tells only who waits for what has not begun."""
    first = multiprocessing.get_context("spawn").Process(target=survives)
    first.start()
    first.join(PATIENCE_S)
    first.kill()
    assert first.exitcode == 0
