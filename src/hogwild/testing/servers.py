"""What an engine must do with a parameter server, and with requests that were started."""

from __future__ import annotations

from typing import Any

import numpy as np

from hogwild.deltas import Change, Delta
from hogwild.interfaces import Unsupported, Worker
from hogwild.params import NonFiniteError
from hogwild.requests import Steps, Ticket
from hogwild.rules.schedules import Moment
from hogwild.rules.updates import adagrad, sgd
from hogwild.stopping import Stop
from hogwild.testing.probes import MakeEngine, Probe, look, must, near, raised, same, served, vector

MOMENT = Moment(0, 0.0, 0)


def pulls_see_pushes(make_engine: MakeEngine) -> None:
    """A worker sees its own pushes; each counts once for the version of each shard."""

    async def work(me: Worker) -> None:
        first = await me.pull()
        same(first.values, vector(me), "weights of the server before any push")
        must(set(first.versions) == {0} and first.keys is None and first.met, f"a first pull gave {first}")
        for count in (1, 2, 3):
            ack = await me.push(vector(me, 1.0))
            must(set(ack.versions) == {count} and ack.staleness == 0, f"push number {count} was answered by {ack}")
            first.values[:] = 7.0  # a copy
            pulled = await me.pull()
            same(pulled.values, vector(me, count), f"weights of the server after {count} pushes")
            must(set(pulled.versions) == {count}, f"versions {pulled.versions} after {count} pushes")
            pulled.copy_to(me.params)
            same(me.params.weights, vector(me, count), "weights after copy_to")
        ack = await me.push(Delta(vector(me), 0, 0, 0.0, MOMENT))
        must(set(ack.versions) == {4}, f"a push of no examples counts, too, but was answered by {ack}")

    look(make_engine(1), work, probe=served(sgd()))


def the_rule_is_applied(make_engine: MakeEngine) -> None:
    """A delta is a step of the rule on the sum of mean gradients; changes and vectors are added. Against NumPy."""

    async def plain(me: Worker) -> None:
        await me.push(Delta(vector(me, 6.0), 4, 2, 0.0, MOMENT))
        near((await me.pull()).values, vector(me, -0.5 * 6.0 * 2 / 4), "w -= rate * steps / examples * values")
        await me.push(Change(vector(me, 2.0), 4, 2))
        near((await me.pull()).values, vector(me, 0.5), "w += change")

    async def scheduled(me: Worker) -> None:
        await me.push(Delta(vector(me, 6.0), 4, 2, 0.0, MOMENT))
        near((await me.pull()).values, vector(me, -3.0), "w -= the model's rate * steps / examples * values")

    async def adaptive(me: Worker) -> None:
        w, total = vector(me), vector(me)
        for scale in (1.0, -3.0, 2.0):
            g = scale * np.arange(1, w.size + 1)
            total += g * g
            w -= 0.1 * g / (np.sqrt(total) + 1e-8)
            await me.push(Delta(2 * g, 2, 1, 0.0, MOMENT))
        near((await me.pull()).values, w, "three steps of Adagrad")

    for work, rule in ((plain, sgd(0.5)), (scheduled, sgd()), (adaptive, adagrad(0.1))):
        look(make_engine(1), work, probe=served(rule))


def rows_travel_alone(make_engine: MakeEngine) -> None:
    """With keys only these rows are pulled and pushed; all others stay as they are."""

    async def work(me: Worker) -> None:
        keys = np.array([0, 3, 4, me.params.weights.size - 1])
        expected = vector(me)
        await me.push(Change(np.array([1.0, 2.0, 3.0, 4.0]), 1, 1, keys))
        expected[keys] += [1.0, 2.0, 3.0, 4.0]
        same((await me.pull()).values, expected, "weights after a push of four rows")
        await me.push(Delta(np.array([1.0, 1.0, 1.0, 1.0]), 1, 1, 0.0, MOMENT, keys))
        expected[keys] -= 0.5
        pulled = await me.pull(keys[1:])
        same(pulled.values, expected[keys[1:]], "three rows of the weights")
        pulled.copy_to(me.params)
        same(np.flatnonzero(me.params.weights), keys[1:], "rows that were copied")
        none = await me.pull(np.zeros(0, np.int64))
        must(none.values.size == 0, f"a pull of no rows gave {none.values.size} weights")

    look(make_engine(1), work, probe=served(sgd(0.5)))


def each_push_is_applied_once(make_engine: MakeEngine) -> None:
    """Of many workers at once: the sum is exact, and versions count all pushes."""

    async def work(me: Worker) -> None:
        before = -1
        for number in range(5):
            pulled = await me.pull()
            must(min(pulled.versions) >= before, "versions of the server fall")
            ack = await me.push(vector(me, 2.0 ** (5 * me.rank + number)))
            must(0 <= ack.staleness <= 5 * (me.size - 1), f"staleness {ack.staleness} with {me.size} workers")
            before = min(ack.versions)
        everybody = await me.pull(version=5 * me.size)
        must(everybody.met, "all pushes were made, but a pull that waits for them was not met")
        same(everybody.values, vector(me, 2.0 ** (5 * me.size) - 1), "the sum of all pushes")
        must(set(everybody.versions) == {5 * me.size}, f"versions {everybody.versions} after {5 * me.size} pushes")

    for size in (1, 4):
        look(make_engine(size), work, probe=served(sgd()))


def the_server_is_the_result(make_engine: MakeEngine) -> None:
    """With answer "server", its weights are the result, also those of pushes that nobody waited for."""

    async def work(me: Worker) -> None:
        async for _ in me.rounds():
            delta = await me.gradient(2)
            await me.start(me.push(-delta.values))

    for size in (1, 3):
        for tol in (None, 0):
            result = look(make_engine(size), work, probe=served(sgd()), stop=Stop(epochs=3, tol=tol))
            if tol is None:  # else the best that was judged
                same(result.params.weights, np.full(24, 3.0), "how often each example was learnt, on the server")


def pulls_wait(make_engine: MakeEngine) -> None:
    """pull(version=) waits for pushes, pull(clock=) for each worker in rounds; what can no longer happen is not met."""

    async def version(me: Worker) -> None:
        if me.rank == 0:
            pulled = await me.pull(version=3)
            must(pulled.met and min(pulled.versions) >= 3, f"pull(version=3) was answered by {pulled}")
            same(pulled.values, vector(me, 3.0), "weights at version 3")
        else:
            for _ in range(3):
                await me.inbox()
                await me.push(vector(me, 1.0))
        await me.all_reduce()
        pulled = await me.pull(version=100)
        must(not pulled.met, "version 100 can never come, but the pull says that it was met")
        same(pulled.values, vector(me, 3.0), "weights of a pull that was not met")

    async def clock(me: Worker) -> None:
        async for round in me.rounds():
            pulled = await me.pull(clock=round.number)
            must(pulled.met, f"pull(clock={round.number}) was not met, though all push in each round")
            least = float(pulled.values.min())
            must(least >= round.number * me.size, f"weights {least} at clock {round.number} of {me.size} workers")
            await me.push(vector(me, 1.0))
            await me.steps(1)
        # Who has left the rounds is not waited for.
        pulled = await me.pull(clock=10**6)
        must(pulled.met or me.peers, "a clock was waited for, though no worker is in rounds")

    look(make_engine(2), version, probe=served(sgd()))
    look(make_engine(3), clock, probe=served(sgd(), agree=True))


def vectors_stay_on_the_server(make_engine: MakeEngine) -> None:
    """copy, scale, axpy, dot and loss, against NumPy."""

    async def work(me: Worker) -> None:
        w = np.linspace(-1, 1, me.params.weights.size)
        await me.push(w)
        must(await me.on_server("copy", "old", "weights") == 0, "an operation that gives no number must answer 0")
        await me.on_server("scale", "weights", 0.5)
        await me.on_server("units", "weights", 1.0)  # the scales of this model are 1
        await me.on_server("axpy", "weights", -2.0, "old")
        near((await me.pull()).values, -1.5 * w, "copy, scale and axpy")
        near(await me.on_server("dot", "weights", "old"), -1.5 * w @ w, "dot", 1e-7)
        near(await me.on_server("dot", "accrued", "accrued"), 0.0, "what is accrued at the beginning")
        must(await me.on_server("loss") == 0, "loss of nothing must be 0")

    look(make_engine(1), work, probe=served(sgd()))

    def asking(*op: Any) -> Any:
        async def work(me: Worker) -> None:
            await me.on_server(*op)

        return work

    for op, word in ((("dot", "weights", "nothing"), "nothing"), (("exp", "weights"), "exp"), (("dot",), "dot")):
        raised(ValueError, word, look, make_engine(1), asking(*op), probe=served(sgd()))


def bad_pushes_are_refused(make_engine: MakeEngine) -> None:
    """ValueError for a wrong shape, NonFiniteError for a NaN, Unsupported without a server."""

    def pushing(make_x: Any) -> Any:
        async def work(me: Worker) -> None:
            await me.push(make_x(me))

        return work

    def wrong(me: Worker) -> Any:
        return np.ones(3)

    def missing(me: Worker) -> Any:
        return vector(me, np.nan)

    raised(ValueError, "shape", look, make_engine(2), pushing(wrong), probe=served(sgd()))
    raised(NonFiniteError, "NaN", look, make_engine(2), pushing(missing), probe=served(sgd()))
    raised(Unsupported, "server", look, make_engine(2), pushing(vector))
    halves = (Probe(needs={"server"}), Probe(server=sgd()))
    for probe in halves:
        raised(Unsupported, "server", look, make_engine(2), pushing(vector), probe=probe)


def portions_cover_the_pass(make_engine: MakeEngine) -> None:
    """take() hands out all examples of a pass, and None when all were pushed; a pass is an epoch."""

    async def work(me: Worker) -> None:
        passes = 0
        async for _ in me.rounds():
            learnt = vector(me)
            while (portion := await me.take()) is not None:
                must(portion.count >= 1, f"{portion} is empty")
                delta = await me.gradient(portion)
                found = (delta.portion, delta.examples)
                must(found == (portion.number, portion.count), f"(portion, examples) of {portion} are {found}")
                learnt -= delta.values
                await me.push(delta)
            everybody = await me.all_reduce(learnt)
            least, most = float(everybody.sum.min()), float(everybody.sum.max())
            must(least >= 1, "take() said None, but not all examples were handed out")
            must(most <= me.size, f"one portion was handed out {most:g} times to {me.size} workers")
            passes += 1
        must(passes == 3, f"3 epochs were {passes} passes")

    for size in (1, 3):
        look(make_engine(size), work, probe=served(sgd(), agree=True), stop=Stop(epochs=3, tol=None))


# -------------------------------------------------------------------------------------------------------- meanwhile


def started_requests_go_on(make_engine: MakeEngine) -> None:
    """start() answers a ticket at once; it sends a copy; await gives the answer, also twice."""

    async def work(me: Worker) -> None:
        x = vector(me, 1.0)
        ticket = await me.start(me.push(x))
        x[:] = 100.0
        must(isinstance(ticket, Ticket), f"start() answered {ticket!r}")
        await me.steps(4)
        ack = await ticket
        must(ticket.done and ticket.answer is ack, "a ticket that was awaited is not done, or has another answer")
        must(await ticket is ack, "a ticket that is awaited again has another answer")
        total = await me.start(me.all_reduce(vector(me, 2.0)))
        pull = await me.start(me.pull(version=me.size))
        await me.steps(4)
        same((await total).sum, vector(me, 2.0 * me.size), "a sum that was started")
        same((await pull).values, vector(me, float(me.size)), "pushes that were started, of copies")
        await me.all_reduce()

        tickets = [await me.start(me.push(vector(me, 1.0))) for _ in range(10)]
        for ticket in reversed(tickets):
            await ticket
        pulled = await me.pull(version=11 * me.size)
        same(pulled.values, vector(me, 11.0 * me.size), "ten pushes of each worker that were under way at once")

    for size in (1, 3):
        look(make_engine(size), work, probe=served(sgd()))

    async def inboxes(me: Worker) -> None:
        if me.rank == 0:
            tickets = [await me.start(me.inbox((1,))) for _ in range(2)]
            found = [float((await ticket)[0].x[0]) for ticket in tickets]
            must(found == [1.0, 2.0], f"two inboxes that were started: found {found}, expected [1.0, 2.0]")
        else:
            await me.put(0, vector(me, 1.0), "queue")
            await me.put(0, vector(me, 2.0), "queue")
        await me.all_reduce()

    look(make_engine(2), inboxes)

    async def computing(me: Worker) -> None:
        await me.start(Steps(3))

    raised(TypeError, "Steps", look, make_engine(1), computing)
