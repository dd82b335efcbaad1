"""Connections of workers with shards: messages as bytes, two ends in one process, and then on a real local cluster."""

import gc
import inspect
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass
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
from tests.engines.ray.stumbling import title
from tests.engines.ray.traps import Trap

from hogwild import Ray, Threads
from hogwild.deltas import Delta
from hogwild.engines.ray.mesh import Mesh, Store
from hogwild.rules.schedules import Moment
from hogwild.rules.updates import sgd, sgd_step
from hogwild.testing.probes import look, served, together, vector

pytestmark = [
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("ray", "torch")), reason="the extras `cluster` and `nets` are missing"
    ),
    pytest.mark.slow,
]
HERE = "127.0.0.1"
PATIENCE_S = 120.0  # to start processes on a busy machine
MOST = 1 << 20


def wires():
    return import_module("hogwild.engines.ray.wire")


def answering():
    return import_module("hogwild.engines.ray.answering")


def packing():
    return import_module("hogwild.engines.ray.packing")


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield from watched(PATIENCE_S)


# -------------------------------------------------------------------------------------------------------- as bytes

ARRAYS = npst.arrays(
    st.sampled_from([np.dtype(name) for name in ("f4", "f8", "i8", "u1", "?")]), npst.array_shapes(min_side=0)
)
THINGS = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | ARRAYS,
    lambda each: st.lists(each) | st.tuples(each, each) | st.dictionaries(st.text(), each),
)


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, dict):
        assert_same(list(found.items()), list(expected.items()))
    elif is_dataclass(expected):
        for field in fields(expected):
            assert_same(getattr(found, field.name), getattr(expected, field.name))
    else:
        assert found == expected


@given(THINGS)
def test_what_is_packed_is_unpacked(thing):
    packed, unpacked = packing().packed, packing().unpacked
    data = packed(thing, MOST)
    assert_same(unpacked(data), thing)
    assert packed(thing, data.size) is not None
    assert packed(thing, data.size - 1) is None


@pytest.mark.parametrize(
    "array", [np.arange(12.0), np.arange(12.0)[::3], np.arange(12.0).reshape(3, 4).T, np.zeros(0), np.array(2.5)]
)
def test_arrays_can_be_written_and_lie_where_kernels_want_them(array):
    for n in (1, 7, 100):
        _, found = packing().unpacked(packing().packed(("x" * n, array), MOST))
        assert found.flags.writeable
        assert found.flags.aligned
        assert np.array_equal(found, array)


# ---------------------------------------------------------------------------------------------- two ends, one process


@contextmanager
def wired(answer, most_bytes=MOST):
    """A worker's end, and a thread at the other that answers."""
    store, ends = Store(HERE), []

    def serves():
        ends.append(Mesh(Store(*store.address), HERE, answering().SERVER, 2, "name"))
        answering().answer_all(ends[0], answering().TO_SERVER, answer, most_bytes)

    thread = threading.Thread(target=serves)
    thread.start()
    wire = wires().Wire(Mesh(store, HERE, answering().WORKER, 2, "name"), most_bytes)
    try:
        yield wire, lambda: ends[0]
    finally:
        wire.end()
        thread.join()


def echo(method, arguments):
    if method == "fail":
        raise KeyError(*arguments)
    return method, arguments


def test_answers_come_in_order_also_when_several_are_asked_at_once():
    with wired(echo) as (wire, _):
        arrays = [np.full(number * 1000, float(number)) for number in range(20)]
        asked = [wire.ask("push", (array,)) for array in arrays]
        for array, awaited in zip(arrays, asked, strict=True):
            assert_same(awaited.get(), ("push", (array,)))


LARGE = 20_000  # bytes of a message; those below are so large that they are read where they were received


@pytest.mark.parametrize("keeps", ["the actor", "the program"])
def test_what_is_kept_of_messages_does_not_change(keeps):
    """Memory is used again for messages of which nothing is kept."""
    kept, asked = [], []

    def answer(method, arguments):
        kept.append(arguments)
        return arguments

    with wired(answer, LARGE) as (wire, _):
        expected = [np.full(1_000, float(number)) for number in range(12)]
        for first in range(0, 12, 4):  # several are under way
            asked = [wire.ask("push", (array,)) for array in expected[first : first + 4]]
            answers = [awaited.get() for awaited in asked]
            if keeps == "the program":
                kept[first:] = answers
            del answers, asked
    assert_same(kept, [(array,) for array in expected])


def test_memory_of_messages_is_used_again():
    places = {"asked": [], "answered": []}

    def note(what, array):
        places[what].append(array.__array_interface__["data"][0])

    def answer(method, arguments):
        note("asked", *arguments)
        return arguments

    with wired(answer, LARGE) as (wire, _):
        for _ in range(20):
            note("answered", *wire.ask("push", (np.zeros(1_000),)).get())
    assert all(len(set(found)) <= 3 for found in places.values())


def test_the_actor_is_called_for_errors():
    with wired(echo) as (wire, _):
        asked = wire.ask("fail", ("why",))
        with pytest.raises(wires().Unanswered):
            asked.get()
        assert wire.ask("push", ()).get() == ("push", ())


def test_no_program_comes_in_a_message():
    ran = threading.Event()
    with wired(lambda *_: ran.set()) as (wire, _):
        asked = wire.ask("push", (Calls(),))
        with pytest.raises(wires().Unanswered):
            asked.get()
    assert not ran.is_set()
    with pytest.raises(pickle.UnpicklingError, match="exec is no part of a message"):
        packing().unpacked(packing().packed(Calls(), MOST))


@pytest.mark.parametrize("said", [5, "push", ("push",), ("push", 1), (b"push", ()), ("push", (), 2)])
def test_who_asks_no_question_is_not_heard_any_more(said):
    ended, heard = threading.Event(), []
    store = Store(HERE)

    def serves():
        end = Mesh(Store(*store.address), HERE, answering().SERVER, 2, "name")
        answering().answer_all(end, answering().TO_SERVER, lambda *each: heard.append(each), MOST)
        ended.set()

    threading.Thread(target=serves).start()
    mesh = Mesh(store, HERE, answering().WORKER, 2, "name")
    mesh.finish(mesh.send(packing().packed(said, MOST), answering().SERVER, answering().TO_SERVER.asked))
    assert ended.wait(PATIENCE_S)
    assert not heard


def test_answers_that_nobody_waits_for_do_no_harm():
    with wired(echo) as (wire, _):
        for number in range(5):
            wire.ask("push", (np.full(1000, float(number)),))
        gc.collect()
        assert_same(wire.ask("push", (7,)).get(), ("push", (7,)))


@pytest.mark.parametrize("data", [np.zeros(64, np.uint8), np.ones(64, np.uint8), np.zeros(0, np.uint8)])
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(pickle.UnpicklingError, match="no message"):
        packing().unpacked(data)


@settings(max_examples=40)
@given(THINGS, st.data())
def test_spoiled_messages_are_refused_or_read(thing, draw):
    """They must not crash the process."""
    data = packing().packed(thing, MOST)
    for place in draw.draw(st.lists(st.integers(0, data.size - 1), min_size=1, max_size=4)):
        data[place] = draw.draw(st.integers(0, 255))
    with suppress(pickle.UnpicklingError, MemoryError):
        packing().unpacked(data)


@pytest.mark.parametrize(
    "array", [np.array([object()]), np.array(["text"]), np.zeros(2, "f4,f4"), np.zeros(2, "M8[s]")]
)
def test_only_numbers_are_read(array):
    with pytest.raises(pickle.UnpicklingError, match="is no part of a message"):
        packing().unpacked(packing().packed(array, MOST))
    with pytest.raises(pickle.UnpicklingError, match="is no dtype of a message"):
        packing()._array(array.dtype.str, array.shape, bytearray(array.nbytes))


def test_an_answer_does_not_keep_a_buffer_that_is_much_larger():
    buffer = np.zeros(MOST, np.uint8)
    data = packing().packed(np.arange(10), MOST)
    buffer[: data.size] = data
    found = packing().unpacked(buffer)
    assert found.tolist() == list(range(10))
    assert not np.shares_memory(found, buffer)


class Calls:
    def __reduce__(self):
        return exec, ("raise AssertionError('it was run')",)


def test_what_is_too_large_is_not_sent():
    with wired(lambda method, arguments: np.zeros(*arguments), most_bytes=5_000) as (wire, _):
        assert wire.ask("push", (np.zeros(1_000),)) is None
        assert wire.ask("pull", (500,)).get().size == 500
        with pytest.raises(wires().Unanswered):
            wire.ask("pull", (1_000,)).get()
        assert wire.ask("pull", (500,)).get().size == 500
        assert not wire.over


def test_broken_connections_answer_nothing():
    with wired(echo) as (wire, other):
        assert wire.ask("push", ()).get() == ("push", ())
        other().close()
        lost = [each for each in (wire.ask("push", (number,)) for number in range(3)) if each is not None]
        for each in lost:
            with pytest.raises(wires().Unanswered):
                each.get()
        assert wire.over
        assert wire.ask("push", ()) is None


def test_who_is_silent_is_given_up_and_what_was_sent_is_remembered():
    goes_on = threading.Event()
    values = np.zeros(3)
    with wired(lambda *_: goes_on.wait(PATIENCE_S)) as (wire, _):
        asked = wire.ask("push", (values,))
        values[:] = 1.0
        with pytest.raises(wires().Unanswered):
            asked.get()
        goes_on.set()
        assert asked.arguments()[0].tolist() == [0.0] * 3
        assert wire.ask("push", ()) is None


# ------------------------------------------------------------------------------------------------- on a real cluster


async def connected(me, shards=1, keys=None):
    """Ask until all shards are; with torch there it need not be worth its import first."""
    import_module("torch")
    while sum(not each.over for each in all_wires()) < shards:
        await me.pull(keys)


def all_wires():
    return [each for each in gc.get_objects() if isinstance(each, wires().Wire)]


def ones(me):
    """A sum of gradients that adds one to every weight."""
    return Delta(vector(me, -1.0), 1, 1, 0.0, Moment(0, 0.0, 0))


async def find(me, pushes):
    """All that this worker has pushed, and others, is there, once."""
    total = (await together(me, pushes)).sum()
    found = (await me.pull()).values
    await me.all_reduce()  # nobody pushes before all have seen it
    assert found.tolist() == [total] * found.size


@pytest.mark.usefixtures("local_cluster")
@pytest.mark.parametrize("shards", [1, 3])
def test_bits_and_traffic_are_those_of_threads(shards):
    def learn(engine, before):
        async def work(me):
            await before(me)
            me.rng = np.random.default_rng(0)
            for number in range(30):
                keys = None if number % 3 else np.sort(me.rng.choice(me.params.weights.size, 5, replace=False))
                pulled = await me.pull(keys)
                delta = Delta(me.rng.normal(size=pulled.values.size), 1, 1, 0.0, Moment(0, 0.1, 0), keys)
                await (me.push(delta) if number % 2 else await me.start(me.push(delta)))
            await me.on_server("copy", "kept", "weights")
            me.counts["dot"] = round(1e6 * await me.on_server("dot", "kept", "weights"))

        return look(engine, work, probe=served(sgd()), n_examples=25)

    async def at_once(me):
        pass

    here = learn(Threads(1, shards=shards), at_once)
    there = learn(Ray(1, shards=shards), lambda me: connected(me, shards))
    assert np.array_equal(here.params.weights, there.params.weights)
    assert here.history.counts == there.history.counts


@pytest.mark.usefixtures("local_cluster")
def test_of_weights_that_are_too_many_for_a_message_some_go_by_it():
    n = import_module("hogwild.engines.ray.wiring").MOST_BYTES // 8 + 1

    async def work(me):
        keys = np.array([3, n - 1])
        await connected(me, keys=keys)
        await me.push(Delta(np.array([-1.0, -2.0]), 1, 1, 0.0, Moment(0, 0.0, 0), keys))
        assert (await me.pull(keys)).values.tolist() == [1.0, 2.0]
        whole = (await me.pull()).values
        assert whole.size == n
        assert np.flatnonzero(whole).tolist() == keys.tolist()
        await me.push(Delta(whole, 1, 1, 0.0, Moment(0, 0.0, 0)))
        assert (await me.pull(keys)).values.tolist() == [0.0, 0.0]

    look(Ray(1), work, probe=served(sgd(1.0)), n_examples=n)


def break_all():
    """As a network may, of which nobody dies."""
    for each in all_wires():
        each._mesh.close()


@pytest.mark.usefixtures("local_cluster")
def test_broken_connections_are_made_again_and_nothing_is_lost():
    async def work(me):
        await connected(me)
        for time in (1, 2):
            begun = [await me.start(me.push(ones(me))) for _ in range(3)]
            break_all()
            for each in begun:
                await each
            await me.push(ones(me))
            await connected(me)
            await find(me, 4 * time)

    look(Ray(2), work, probe=served(sgd(1.0)), n_examples=25)


@dataclass(frozen=True)
class Slow:
    """The formula of `sgd`, that once takes longer than workers wait."""

    def __call__(self, gradient, rate, constants, state):
        slow = import_module("tests.engines.ray.test_wire")
        if not hasattr(slow, "was_slow"):
            slow.was_slow = True
            threading.Event().wait(1.5 * wires().SILENT.total_seconds())
        return sgd_step(gradient, rate, constants, state)


@pytest.mark.usefixtures("local_cluster")
def test_what_is_not_answered_in_time_is_asked_again_and_done_once():
    async def work(me):
        await connected(me)
        for _ in range(10):
            await me.push(ones(me))
        await find(me, 10)

    look(Ray(2), work, probe=served(sgd(1.0)._replace(formula=Slow(), linear=False)), n_examples=25)


@pytest.mark.usefixtures("local_cluster")
@pytest.mark.parametrize(("role", "times"), [("primary", 1), ("copy", 2)])
def test_shards_die_and_their_copies_are_connected(role, times, tmp_path):
    trap = Trap(str(tmp_path), role=role, times=times)

    async def work(me):
        await connected(me)
        pushes = 0
        while not trap.has_sprung():
            await me.push(ones(me))
            pushes += 1
        await connected(me)
        await find(me, pushes)

    found = look(Ray(2, backups=True), work, probe=served(trap.rule), n_examples=25)
    assert found.history.traffic.faults.shards_replaced == times


@dataclass(frozen=True)
class Overheard:
    """The formula of `sgd`. When a copy has heard of a push by a connection, who leads the shard breaks it."""

    folder: str

    @property
    def heard(self):
        return Path(self.folder, "heard")

    @property
    def broken(self):
        return Path(self.folder, "broken")

    def __call__(self, gradient, rate, constants, state):
        if any(frame.function == "follow" for frame in inspect.stack(0)):
            if threading.current_thread().name == "hogwild-serving":
                self.heard.touch()
        elif self.heard.exists() and not self.broken.exists():
            self.broken.touch()
            import_module("tests.engines.ray.test_wire").break_all()
        return sgd_step(gradient, rate, constants, state)


@pytest.mark.usefixtures("local_cluster")
def test_copies_hear_by_connections_and_otherwise_if_these_break(tmp_path):
    formula = Overheard(str(tmp_path))

    async def work(me):
        await connected(me)
        pushes = 0
        while not formula.broken.exists():
            await me.push(ones(me))
            pushes += 1
        for _ in range(10):
            await me.push(ones(me))
        await find(me, pushes + 10)

    found = look(Ray(2, backups=True), work, probe=served(sgd(1.0)._replace(formula=formula, linear=False)))
    assert found.history.traffic.faults is None


@pytest.mark.usefixtures("local_cluster")
def test_no_pickle_comes_to_a_shard_by_a_connection(tmp_path):
    """`hear` unpickles: only Ray, which asks for a token, may call it."""
    ran = tmp_path / "ran"

    async def work(me):
        await connected(me)
        (wire,) = (each for each in all_wires() if not each.over)
        for method in ("hear", "follow"):
            asked = wire.ask(method, (pickle.dumps(Touches(str(ran))),))
            with pytest.raises(wires().Unanswered):
                asked.get()
        await me.push(ones(me))
        await find(me, 1)

    look(Ray(1, backups=True), work, probe=served(sgd(1.0)), n_examples=25)
    assert not ran.exists()


@dataclass(frozen=True)
class Touches:
    path: str

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.mark.usefixtures("local_cluster")
def test_only_this_machine_can_connect_to_shards():
    async def work(me):
        await connected(me)
        psutil = import_module("psutil")  # Ray brings it
        for process in psutil.process_iter():
            if "ShardHost" in process.name() or "ShardHost" in title(process):
                for connection in process.net_connections("inet"):
                    if connection.status == psutil.CONN_LISTEN:
                        me.counts[connection.laddr.ip.removeprefix("::ffff:")] += 1

    assert set(look(Ray(1), work, probe=served(sgd()), n_examples=25).history.counts) == {HERE}
