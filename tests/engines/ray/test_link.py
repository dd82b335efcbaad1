"""Connections of workers with the conductor: messages as bytes, and then on a real local cluster."""

import gc
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tests.engines.conftest import watched
from tests.engines.ray.stumbling import die, is_a
from tests.engines.ray.test_wire import ARRAYS, THINGS, Calls, assert_same
from tests.engines.ray.waiting import wait_for

from hogwild import AbstractStrategy, ActorLost, Gossip, LocalSGD, ParzenASGD, Ray, Stop, Threads, train
from hogwild.answers import ALL, Message, Portion, Reduced, Round
from hogwild.data.blocks import Block
from hogwild.deltas import Change, Coded, Delta, PartialState
from hogwild.interfaces import Tally
from hogwild.params import Params
from hogwild.requests import Average, Get, Inbox, Put, Reduce, Take
from hogwild.rules.schedules import Moment
from hogwild.testing import problem
from hogwild.testing.probes import look

pytestmark = [
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("ray", "torch")), reason="the extras `cluster` and `nets` are missing"
    ),
    pytest.mark.slow,
]
EASY = problem()
PATIENCE_S = 120.0  # to start processes on a busy machine
MOST = 1 << 20


def module(name):
    return import_module(f"hogwild.engines.ray.{name}")


def packed(what, most_bytes=MOST):
    return module("packing").packed(what, most_bytes, module("plain").PLAIN)


def unpacked(data):
    return module("packing").unpacked(data, module("plain").PLAIN)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield from watched(PATIENCE_S)


# -------------------------------------------------------------------------------------------------------- as bytes

WHOLE, REAL = st.integers(0, 1 << 40), st.floats(allow_nan=False)
VECTORS = npst.arrays(st.sampled_from([np.dtype(name) for name in ("f2", "f4", "f8")]), st.integers(0, 50))
ROWS = npst.arrays(np.int64, st.integers(0, 20))
MOMENTS = st.builds(Moment, WHOLE, REAL, WHOLE)
MAYBE_ROWS = st.none() | ROWS
DELTAS = st.builds(Delta, VECTORS, WHOLE, WHOLE, REAL, MOMENTS, MAYBE_ROWS, st.none() | WHOLE, REAL, st.none() | WHOLE)
SENT = DELTAS | VECTORS | st.builds(Coded, VECTORS, WHOLE)
CHANGES = st.builds(Change, VECTORS, WHOLE, WHOLE, MAYBE_ROWS)
POSTED = DELTAS | VECTORS | CHANGES | st.builds(PartialState, VECTORS, MAYBE_ROWS)
PORTIONS = st.builds(Portion, WHOLE, WHOLE, WHOLE)
REQUESTS = st.one_of(
    st.builds(Average, WHOLE),
    st.builds(Get, WHOLE),
    st.builds(Inbox, st.none() | st.tuples(WHOLE, WHOLE)),
    st.builds(Put, WHOLE, POSTED, st.sampled_from(["replace", "add", "queue"])),
    st.builds(Reduce, st.none() | SENT, st.none() | st.integers(1, 9)),
    st.just(Take()),
)
ANSWERS = st.one_of(
    st.builds(Round, WHOLE, st.booleans(), st.booleans()),
    st.lists(st.builds(Message, WHOLE, POSTED, WHOLE)),
    st.builds(Reduced, st.none() | SENT, WHOLE),
    st.tuples(st.lists(st.builds(Block, ROWS, st.integers(1, 512))), MOMENTS, WHOLE),
    PORTIONS,
    st.just(ALL),
)


@given(REQUESTS | ANSWERS | st.tuples(REQUESTS, ANSWERS))
def test_what_is_packed_is_unpacked(thing):
    data = packed(thing)
    assert_same(unpacked(data), thing)
    assert packed(thing, data.size) is not None
    assert packed(thing, data.size - 1) is None


@given(THINGS)
def test_so_is_what_all_messages_may_have(thing):
    assert repr(unpacked(packed(thing))) == repr(thing)


@settings(max_examples=60)
@given(REQUESTS | ANSWERS, st.data())
def test_spoiled_messages_are_refused_or_read(thing, draw):
    """They must not crash the process."""
    data = packed(thing)
    for place in draw.draw(st.lists(st.integers(0, data.size - 1), min_size=1, max_size=4)):
        data[place] = draw.draw(st.integers(0, 255))
    with suppress(pickle.UnpicklingError, MemoryError):
        unpacked(data)


@given(ARRAYS)
def test_arrays_are_as_those_of_calls(array):
    """Not to be written: kernels are compiled for that. Nor do they lie where the next message comes."""
    data = packed(array)
    found = unpacked(data)
    assert not found.flags.writeable
    assert found.flags.aligned
    assert not np.shares_memory(found, data)


@dataclass(frozen=True)
class Own:
    """Of a user."""

    value: int


@pytest.mark.parametrize(
    "what", [Own(1), ValueError("why"), range(3), 1j, np.longdouble(1), np.array(["text"]), Calls(), Own, print]
)
def test_what_is_not_plain_is_not_sent(what):
    assert packed((Round(1, True), what)) is None


def test_no_program_comes_in_a_message():
    with pytest.raises(pickle.UnpicklingError, match="exec is no part of a message"):
        unpacked(module("packing").packed(Calls(), MOST))


@pytest.mark.parametrize("kind", [Put, Message, Own])
def test_classes_are_only_called_with_their_fields(kind):
    with pytest.raises(pickle.UnpicklingError, match="is no part of a message"):
        unpacked(module("packing").packed(kind, MOST))


def test_wrong_fields_are_refused():
    data = packed(Put(1, np.zeros(3), "queue"))
    data[:] = np.frombuffer(data.tobytes().replace(b"queue", b"quite"), np.uint8)
    with pytest.raises(pickle.UnpicklingError, match="mode='quite'"):
        unpacked(data)


def test_all_that_messages_have_is_plain():
    """No code of their own but checks of their fields."""
    for kind in module("plain").PLAIN._kinds.values():
        assert issubclass(kind, Enum) or is_dataclass(kind) or issubclass(kind, tuple)
        assert not set(vars(kind)) & {"__reduce__", "__reduce_ex__", "__getattr__", "__del__", "__call__"}


@pytest.mark.parametrize(
    "block",
    [
        Block(np.array([-1]), 1),
        Block(np.array([5]), 1),
        Block(np.array([0]), 0),
        Block(np.array([0]), -1),
        Block(np.array([1]), 2**63 - 1),
        Block(np.array([0.5]), 1),
        Block(np.array([[0]]), 1),
        Block([0], 1),
        Block(np.array([0]), "1"),
    ],
)
def test_blocks_are_of_examples_that_are_there(block):
    """Kernels read them without a look."""
    checked, good = module("asking").checked, Block(np.arange(5), 1)
    with pytest.raises(ValueError, match="block"):
        checked([good, block], 5)
    assert checked([good], 5) == [good]


# ------------------------------------------------------------------------------------------------- each is done once


class Slow:
    """Does what it is asked when it is told to."""

    def __init__(self):
        self.begun, self.goes_on, self.done = threading.Event(), threading.Event(), []

    def ask(self, seat, what):
        self.begun.set()
        self.goes_on.wait(PATIENCE_S)
        self.done.append((seat, what))
        if isinstance(what, Exception):
            raise what
        return what


def test_what_comes_twice_is_done_once():
    """Also while it is being done."""
    slow, found = Slow(), []
    links = module("links").Links(slow, int)
    threads = [threading.Thread(target=lambda: found.append(links.once(3, "ask", 1, ("what",), {}))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert slow.begun.wait(PATIENCE_S)
    slow.goes_on.set()
    for thread in threads:
        thread.join()
    assert found == ["what"] * 3
    assert links.once(4, "ask", 1, ("other",), {}) == "other"
    assert links.once(3, "ask", 3, ("next",), {}) == "next"
    assert links.once(3, "ask", 2, ("late",), {}) == module("terms").Over()
    assert slow.done == [(3, "what"), (4, "other"), (3, "next")]
    links.end()
    assert links.once(3, "ask", 4, ("later",), {}) == module("terms").Over()
    assert len(slow.done) == 3


def test_errors_are_raised_as_often_as_it_is_asked():
    slow = Slow()
    slow.goes_on.set()
    links = module("links").Links(slow, int)
    for _ in range(2):
        with pytest.raises(KeyError, match="why"):
            links.once(0, "ask", 1, (KeyError("why"),), {})
    assert len(slow.done) == 1
    with pytest.raises(ValueError, match="is not asked for by a connection"):
        links.once(0, "__init__", 2, (), {})


# ------------------------------------------------------------------------------------------------- on a real cluster


def all_links():
    link = module("link").Link
    return [each for each in gc.get_objects() if isinstance(each, link) and not each.over]


async def linked(me):
    """All see together that they are; with torch there it need not be worth its import first. With a quorum sums stay
    with the conductor.
    """
    import_module("torch")
    everybody = 0
    while everybody < me.size:
        mine = np.array([float(bool(all_links()))])
        everybody = (await me.all_reduce(mine, me.size)).sum[0]
    (link,) = all_links()
    return link


@pytest.fixture
def torch_is_there() -> None:
    """In the processes of the next run, which are connected at once."""

    async def work(me):
        await linked(me)

    look(Ray(2, shards=1), work)


def numbers(cast):
    """Of the last message that each worker has sent to the conductor."""
    ray = import_module("ray")
    asked = [each.__ray_call__.remote(lambda self: self._linking._number) for each in cast.deputies]
    return ray.get(asked)


def learn(strategy, engine, epochs=20, **options):
    stop = Stop(epochs=epochs, tol=0)
    return train(EASY.model, EASY.data, strategy=strategy, engine=engine, stop=stop, seed=0, **options)


@dataclass(frozen=True)
class Mixed(AbstractStrategy):
    """All that goes by the conductor, when all are connected, if they can be."""

    connects: bool
    agree = True

    async def work(self, me):
        used = [await linked(me)] if self.connects else []
        peer, weights = 1 - me.rank, me.params.weights
        async for round in me.rounds():
            await me.upcoming(2)
            mine = await me.gradient(3)
            await me.apply(mine)
            change = await me.steps(2, record=True)
            for x in (mine, change, weights):
                await me.put(peer, x, mode="queue")
                (other,) = await me.inbox((peer,))
                assert other.x is not x
                (other.x if x is weights else other.x.values)[:1] += 1.0  # one's own
            begun = await me.start(me.all_reduce(weights))
            weights[:] = 0.5 * (await begun).sum
            total = await me.all_reduce(weights, 2)
            assert not total.sum.flags.writeable
            weights[:] = 0.5 * total.sum + 1e-3 * other.x
            if round.number % 3 == 0:
                if me.rank == 0:
                    await me.average(1)
                await me.all_reduce(None, 2)
            found = await me.get(peer)
            await me.all_reduce(None, 2)
            weights += 1e-3 * found.x
        for link in used:
            assert not link.over


@pytest.mark.usefixtures("local_cluster")
def test_bits_are_those_of_threads(before_rest):
    sent = []
    before_rest.append(lambda cast: sent.append(numbers(cast)))
    here, there = learn(Mixed(connects=False), Threads(2)), learn(Mixed(connects=True), Ray(2))
    assert np.array_equal(here.params.weights, there.params.weights)
    assert [record.objective for record in here.history] == [record.objective for record in there.history]
    assert min(sent[-1]) > 100


@pytest.mark.usefixtures("local_cluster", "torch_is_there")
@pytest.mark.parametrize(
    "strategy", [LocalSGD(2), Gossip(period=2), Gossip("d-psgd", period=2), Gossip("ad-psgd"), ParzenASGD(2)]
)
def test_strategies_learn_by_links(strategy, before_rest):
    sent = []
    before_rest.append(lambda cast: sent.append(numbers(cast)))
    here, there = learn(strategy, Threads(2)), learn(strategy, Ray(2))
    if strategy.agree:
        assert np.array_equal(here.params.weights, there.params.weights)
    assert EASY.gap(there.history[-1].objective) < EASY.gap(here.history[-1].objective) + 0.05
    assert min(sent[-1]) > 0


@pytest.mark.usefixtures("local_cluster")
def test_what_is_no_message_goes_by_the_actor():
    """Errors, and what is too large."""

    async def work(me):
        link = await linked(me)
        for _ in range(2):
            with pytest.raises(ValueError, match="there is no worker 7"):
                await me.put(7, np.ones(1))
        large = np.ones((1 << 24) // 8)
        await me.put(1 - me.rank, large)
        (message,) = await me.inbox((1 - me.rank,))
        assert message.x.sum() == large.size
        assert not link.over
        message.x[:] = 0.0

    look(Ray(2), work)


@dataclass(frozen=True)
class Breaking:
    """Connections of a link, one of which breaks as a network may: nobody dies."""

    mesh: Any
    when: str

    def receive(self, *arguments):
        if self.when == "before":
            self.mesh.close()
        return self.mesh.receive(*arguments)

    def send(self, *arguments):
        sending = self.mesh.send(*arguments)
        if self.when == "after":
            self.mesh.finish(sending)
            self.mesh.close()
        return sending

    def __getattr__(self, name):
        return getattr(self.mesh, name)


@pytest.mark.usefixtures("local_cluster")
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_asked_by_a_connection_that_breaks_is_done_once(when):
    times = module("wiring").MOST_TIMES - 1

    async def work(me):
        for time in range(times):
            link = await linked(me)
            for number in range(10):
                if number == 5:
                    link._mesh = Breaking(link._mesh, when)
                assert await me.put(1 - me.rank, np.array([float(10 * time + number)]), mode="queue")
            assert link.over
        found = []
        while len(found) < 10 * times:
            found += [message.x[0] for message in await me.inbox((1 - me.rank,))]
        assert found == list(range(10 * times))
        await me.all_reduce(None, me.size)
        assert await me.inbox() == []

    look(Ray(2), work)


@pytest.mark.usefixtures("local_cluster")
def test_who_waits_when_a_connection_breaks_is_answered(tmp_path):
    waits, broken = tmp_path / "waits", tmp_path / "broken"

    def breaks(link):
        wait_for(waits.exists)
        link._mesh.close()
        broken.touch()

    async def work(me):
        link = await linked(me)
        if me.rank == 0:
            threading.Thread(target=breaks, args=(link,)).start()
            (message,) = await me.inbox((1,))
            assert link.over
            assert message.x.tolist() == [1.0]
        else:
            await me.get(0)  # answered when it waits
            waits.touch()
            wait_for(broken.exists)
            await me.put(0, np.ones(1))
        await me.all_reduce(None, me.size)

    look(Ray(2), work)


@pytest.mark.usefixtures("local_cluster")
def test_who_waits_long_waits_for_a_call():
    """And the connection goes on."""
    long_s = module("link").LONG_S

    async def work(me):
        link = await linked(me)
        if me.rank == 0:
            for number in range(2):
                (message,) = await me.inbox((1,))
                assert message.x.tolist() == [number]
        else:
            for number in range(2):
                threading.Event().wait(1.2 * long_s)
                await me.put(0, np.array([float(number)]), mode="queue")
        await linked(me)
        assert all_links() == [link]

    look(Ray(2), work)


@dataclass(frozen=True)
class Outlives(AbstractStrategy):
    """Worker 1 is killed by worker 0 while it waits at the conductor, by its connection."""

    agree = True
    survives = frozenset({"lost worker"})

    async def work(self, me):
        async for round in me.rounds():
            if round.number == 0:
                await linked(me)
                mine = np.zeros(me.size)
                mine[me.rank] = os.getpid()
                others = (await me.all_reduce(mine, me.size)).sum
                if me.rank == 1:
                    await me.inbox((0,))
                elif me.rank == 0:
                    await me.get(1)
                    os.kill(int(others[1]), signal.SIGKILL)
                    while await me.get(1) is not None:  # all would wait for each other before that is known
                        pass
            await me.steps(1)
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count
        me.counts["links"] += len(all_links())


@pytest.mark.usefixtures("local_cluster")
def test_others_go_on_when_who_waits_is_killed():
    found = learn(Outlives(), Ray(3), 6)
    assert found.reason == "epochs"
    assert found.history.traffic.faults.workers_lost == 1
    assert found.history.counts["links"] >= 2


# ------------------------------------------------------------------------------- what the conductor asks of workers


@dataclass(frozen=True)
class Averages(AbstractStrategy):
    """When all are connected."""

    connects: bool = True
    agree = True
    survives = frozenset({"lost worker"})

    async def work(self, me):
        async for round in me.rounds():
            if round.number == 0 and self.connects:
                await linked(me)
            await me.steps(5)
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


def connected(self):
    """At the conductor: how many workers it asks by their connections."""
    return len([each for each in range(2) if self._links.visits(each) is not None])


def break_all(self):
    """As a network may, of which nobody dies."""
    for each in list(self._links._visits.values()):
        each._mesh.close()


@pytest.mark.usefixtures("local_cluster")
def test_weights_are_judged_by_connections_also_when_they_break(casts):
    ray, found = import_module("ray"), []

    def watch(record):
        conductor = casts[-1].conductor
        found.append(ray.get(conductor.__ray_call__.remote(connected)))
        if record.epoch in (5, 8):
            ray.get(conductor.__ray_call__.remote(break_all))

    here, there = learn(Averages(connects=False), Threads(2)), learn(Averages(), Ray(2), callbacks=[watch])
    assert [record.objective for record in here.history] == [record.objective for record in there.history]
    assert [record.consensus for record in here.history] == [record.consensus for record in there.history]
    assert found[:5] == [2] * 5


@dataclass(frozen=True)
class DiesOnce:
    """A loss: a worker that judges by it dies, the first that does so after a note was written."""

    note: str

    def __call__(self, output, target):
        import torch

        if not torch.is_grad_enabled() and is_a("Deputy"):
            with suppress(FileNotFoundError):
                Path(self.note).unlink()
                die()
        return ((output - target.to(output.dtype)) ** 2).reshape(-1)


@pytest.mark.usefixtures("local_cluster")
def test_who_dies_while_it_judges_is_not_waited_for(tmp_path, casts):
    import torch

    from hogwild import Network

    note, found = tmp_path / "dies", []

    def watch(record):
        found.append(import_module("ray").get(casts[-1].conductor.__ray_call__.remote(connected)))
        if record.epoch == 2:
            note.touch()

    model = Network(torch.nn.Linear(EASY.data[0].shape[1], 1), loss=DiesOnce(str(note)))
    stop = Stop(epochs=6, tol=0)
    after = train(model, EASY.data, strategy=Averages(), engine=Ray(2), stop=stop, seed=0, callbacks=[watch])
    assert found[:2] == [2, 2]
    assert after.history.traffic.faults.workers_lost == 1
    assert all(np.isfinite(record.objective) for record in after.history)


@given(npst.arrays(np.float32, 3), npst.arrays(np.int64, 2))
def test_weights_that_are_judged_are_of_the_model(weights, counts):
    """Kernels look at no sizes."""
    like = Params({"coef": (3,)}, np.float32, {"counts": np.zeros(2, np.int64)})
    params_of = module("visits").params_of
    found = params_of(like, weights, {"counts": counts})
    assert np.array_equal(found.weights, weights, equal_nan=True)
    assert np.array_equal(found.state["counts"], counts)
    for wrong in (
        (weights[:2], {"counts": counts}),
        (weights.astype(np.float64), {"counts": counts}),
        (weights, {"counts": counts[:1]}),
        (weights, {"counts": counts.astype(np.float64)}),
        (weights, {}),
        (weights, {"counts": counts, "more": counts}),
    ):
        with pytest.raises(ValueError, match="of another model"):
            params_of(like, *wrong)


@given(st.lists(st.tuples(st.lists(st.integers(0, 99), max_size=4), st.integers(1, 512)), min_size=1, max_size=5))
def test_blocks_come_as_they_were(given_blocks):
    batches = module("batches")
    blocks = [Block(np.array(starts, np.int64), chunk) for starts, chunk in given_blocks]
    found = batches.blocks_of(batches.batch_of(blocks), 100)
    assert_same(found, blocks)


@pytest.mark.parametrize(
    "batch",
    [
        (np.array([0, 100]), [2], [1]),
        (np.array([-1]), [1], [1]),
        (np.array([0.0]), [1], [1]),
        (np.array([0]), [1], [1 << 63]),
        (np.array([0]), [1], [0]),
        (np.array([0]), [1], ["1"]),
        (np.array([0]), [1.0], [1]),
        (np.array([0]), [1, 1], [1]),
        ([0], [1], [1]),
    ],
)
def test_blocks_that_are_none_are_refused(batch):
    with pytest.raises(ValueError, match="block"):
        module("batches").blocks_of(batch, 100)


@given(st.lists(st.tuples(*[st.floats(allow_nan=False)] * 3), min_size=1, max_size=5))
def test_tallies_come_as_they_were(given_tallies):
    batches = module("batches")
    rows = batches.rows_of([Tally(*each) for each in given_tallies])
    assert_same(batches.tallies_of(rows, len(given_tallies)), [Tally(*each) for each in given_tallies])


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), np.zeros((2, 2)), np.zeros((2, 3), np.float32), 0.0, None])
def test_tallies_that_are_none_are_asked_for_again(rows):
    assert module("batches").tallies_of(rows, 2) is None


# ------------------------------------------------------------------------------------------------------ how it ends


def threads_of(actor):
    found = actor.__ray_call__.remote(lambda self: [each.name for each in threading.enumerate()])
    return set(import_module("ray").get(found))


@pytest.mark.usefixtures("local_cluster")
@pytest.mark.parametrize("ends", ["well", "with an error"])
def test_nothing_is_left_after_a_run(ends, casts):
    async def work(me):
        await linked(me)
        if ends == "with an error":
            if me.rank == 1:
                raise KeyError("why")
            await me.inbox((1,))

    if ends == "with an error":
        with pytest.raises(KeyError):
            look(Ray(2), work)
    else:
        look(Ray(2), work)
    cast = casts[-1]
    ours = {"hogwild-link", "hogwild-linking", "hogwild-serving", "hogwild-visited"}
    for actor in (*cast.deputies, cast.conductor):
        wait_for(lambda actor=actor: not ours & threads_of(actor))


@pytest.mark.usefixtures("local_cluster")
def test_only_this_machine_can_connect(casts):
    found = []

    def listens(self):
        psutil = import_module("psutil")  # Ray brings it
        connections = psutil.Process().net_connections("inet")
        return {each.laddr.ip.removeprefix("::ffff:") for each in connections if each.status == psutil.CONN_LISTEN}

    async def work(me):
        await linked(me)
        async for _ in me.rounds():
            await me.steps(5)

    def ask(record):
        found.append(import_module("ray").get(casts[-1].conductor.__ray_call__.remote(listens)))

    look(Ray(2), work, callbacks=[ask])
    assert found[-1] == {"127.0.0.1"}


def test_the_run_ends_with_the_conductor(casts):
    """Workers wait for it by their connections, and end with it."""
    ray = import_module("ray")

    @dataclass(frozen=True)
    class Waits(AbstractStrategy):
        agree = True

        async def work(self, me):
            async for round in me.rounds():
                if round.number == 0:
                    await linked(me)
                await me.steps(5)

    def kill(record):
        if record.epoch == 3:
            os.kill(ray.get(casts[-1].conductor.__ray_call__.remote(lambda self: os.getpid())), signal.SIGKILL)

    with pytest.raises(ActorLost, match=r"^the conductor of the workers has died, and the run with it"):
        learn(Waits(), Ray(2), callbacks=[kill])
    for deputy in casts[-1].deputies:
        with pytest.raises(ray.exceptions.RayActorError):
            ray.get(deputy.__ray_ready__.remote())
