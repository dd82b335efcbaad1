"""What an engine must do with sums over all workers, and with messages from one to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from hogwild.deltas import Delta
from hogwild.interfaces import Worker
from hogwild.rules.schedules import Moment
from hogwild.testing.probes import MakeEngine, Probe, look, must, near, raised, same, settled, together, vector


def _delta(me: Worker, value: float, examples: int, steps: int, keys: Any = None) -> Delta:
    values = vector(me, value) if keys is None else np.full(len(keys), value)
    return Delta(values, examples, steps, value / 2, Moment(0, 0.0, examples), keys)


# ------------------------------------------------------------------------------------------------------------- sums


def sums_are_in_rank_order(make_engine: MakeEngine) -> None:
    """(a + b) + c, whoever comes first: floats show the order. All get the same, and what was given stays as it is."""
    parts = (1e16, 1.0, -1e16, 1.0)

    async def work(me: Worker) -> None:
        for turn in range(4):
            if me.rank == turn:
                await me.inbox()  # somebody else is the last to come
            mine = vector(me, parts[me.rank])
            reduced = await me.all_reduce(mine)
            must(reduced.count == 4, f"4 workers gave something, and count is {reduced.count}")
            same(reduced.sum, vector(me, ((1e16 + 1.0) - 1e16) + 1.0), "the sum in rank order")
            same(mine, vector(me, parts[me.rank]), "what a worker gave to all_reduce, afterwards")

    look(make_engine(4), work)


def deltas_are_summed(make_engine: MakeEngine) -> None:
    """A sum of deltas is that of one larger minibatch: values, examples and losses add up, `steps` is the most."""

    async def work(me: Worker) -> None:
        rank = me.rank
        total = (await me.all_reduce(_delta(me, rank + 1.0, 10 * (rank + 1), rank + 1))).sum
        must(isinstance(total, Delta), f"a sum of deltas is {total!r}")
        same(total.values, vector(me, 6.0), "values of a sum of deltas")
        found = (total.examples, total.steps, total.loss, total.moment.done)
        must(found == (60, 3, 3.0, 30), f"examples, steps, loss and moment of a sum of deltas: {found}")

        total = (await me.all_reduce(_delta(me, 1.0, 2, 1, np.array([rank, rank + 1])))).sum
        same(total.keys, np.arange(4), "rows of a sum of sparse deltas")
        same(total.values, [1.0, 2.0, 2.0, 1.0], "values of a sum of sparse deltas")
        must((total.examples, total.steps) == (6, 1), f"examples and steps of it: {total.examples}, {total.steps}")

    look(make_engine(3), work)


def none_listens(make_engine: MakeEngine) -> None:
    """Who gives None gets the sum; if all do it is a barrier."""

    async def work(me: Worker) -> None:
        reduced = await me.all_reduce()
        must(reduced.sum is None and reduced.count == 0, f"nobody gave anything, but the sum is {reduced}")
        reduced = await me.all_reduce(vector(me, 2.0) if me.rank == 1 else None)
        must(reduced.count == 1, f"one gave something, and count is {reduced.count}")
        same(reduced.sum, vector(me, 2.0), "the sum of one vector")
        # Behind a barrier, all have done what came before it.
        me.params.weights[:] = me.rank
        await me.all_reduce()
        for peer in range(me.size):
            same((await me.get(peer)).x, vector(me, peer), f"weights of worker {peer} after a barrier")
        await me.all_reduce()

    look(make_engine(3), work)
    look(make_engine(2), work)


def a_quorum_does_not_wait(make_engine: MakeEngine) -> None:
    """A sum closes when a quorum has given; who comes later is told the sum, and that the round is late."""

    async def work(me: Worker) -> None:
        if me.rank == 2:
            await me.inbox((0,))  # until the sum is closed
        async for round in me.rounds():
            if round.number == 0:
                must(round.late == (me.rank == 2), f"the round of worker {me.rank} says late={round.late}")
            reduced = await me.all_reduce(vector(me, 10.0**me.rank), quorum=2)
            must(reduced.count >= 2, f"a sum of {reduced.count} was closed before the quorum of 2")
            if round.number == 0:
                must(reduced.count == 2, f"2 workers gave something before the sum was closed, not {reduced.count}")
                same(reduced.sum, vector(me, 11.0), "the sum that was closed without worker 2")
            if me.rank == 0:
                await me.put(2, vector(me))
            await me.steps(2)

    look(make_engine(3), work)


def who_has_returned_is_not_waited_for(make_engine: MakeEngine) -> None:
    """Neither sums nor mailboxes wait for a worker whose program has ended; nothing can be put there."""

    async def work(me: Worker) -> None:
        if me.rank == 2:
            await me.put(0, vector(me, 5.0))
            return
        reduced = await me.all_reduce(vector(me, 1.0))  # answered, so worker 2 has returned
        must(reduced.count == 2, f"2 workers are left, but {reduced.count} gave something")
        must(not await me.put(2, vector(me)), "put() says that something was sent to a worker that has returned")
        if me.rank == 0:
            found = [float(message.x[0]) for message in await me.inbox((2,))]
            must(found in ([5.0], []), f"worker 2 has put 5 and returned, worker 0 finds {found}")  # or it is under way

    look(make_engine(3), work)


def wrong_sums_are_refused(make_engine: MakeEngine) -> None:
    """ValueError for shapes that differ, and for a quorum larger than the run."""

    async def shapes(me: Worker) -> None:
        await me.all_reduce(np.ones(2 + me.rank))

    async def kinds(me: Worker) -> None:
        await me.all_reduce(vector(me) if me.rank else _delta(me, 1.0, 1, 1))

    async def quorum(me: Worker) -> None:
        await me.all_reduce(vector(me), quorum=4)

    for work in (shapes, kinds):
        raised(ValueError, "all_reduce", look, make_engine(2), work)
    raised(ValueError, "quorum=4", look, make_engine(3), quorum)


# -------------------------------------------------------------------------------------------------------- mailboxes

MODES = {
    "replace": [(0, 2.0), (1, 4.0)],
    "add": [(0, 3.0), (1, 6.0)],
    "queue": [(0, 1.0), (0, 2.0), (1, 2.0), (1, 4.0)],
}


def mailboxes_keep_what_is_put(make_engine: MakeEngine) -> None:
    """A slot for each sender: "replace" what is in it, "add" to it, or "queue" behind it. inbox() empties it."""

    async def work(me: Worker) -> None:
        for mode, expected in MODES.items():
            if me.rank < 2:
                for factor in (1.0, 2.0):
                    x = vector(me, (me.rank + 1) * factor)
                    must(await me.put(2, x, mode), "put() says that nobody is there")  # type: ignore[arg-type]
                    x[:] = -1.0  # x was copied
            await settled(me)
            if me.rank == 2:
                messages = await me.inbox()
                found = [(message.sender, float(message.x[0])) for message in messages]
                must(found == expected, f'put(mode="{mode}") twice: found {found}, expected {expected}')
                for message in messages:
                    same(message.x, vector(me, float(message.x[0])), "a message")
                must(await me.inbox() == [], "inbox() has left something in the mailbox")
            await me.all_reduce()
        if me.rank == 0:
            for value in (1.0, 2.0):
                await me.put(2, _delta(me, value, 3, 1), "add")
        await settled(me)
        if me.rank == 2:
            total = (await me.inbox())[0].x
            same(total.values, vector(me, 3.0), "deltas that were added in a mailbox")
            must((total.examples, total.steps) == (6, 2), "examples and steps of deltas added in a mailbox")

    look(make_engine(3), work)


def inboxes_wait_for_senders(make_engine: MakeEngine) -> None:
    """inbox(senders) waits for one message of each, takes one of each, and leaves all others;
    inbox() takes all."""

    async def work(me: Worker) -> None:
        if me.rank == 0:
            found = [(message.sender, float(message.x[0])) for message in await me.inbox((2, 1))]
            must(found == [(1, 1.0), (2, 10.0)], f"inbox((2, 1)): found {found}")
        else:
            await me.put(0, vector(me, 10.0 ** (me.rank - 1)), "queue")
        await me.all_reduce()
        if me.rank:
            for factor in (2.0, 3.0):
                await me.put(0, vector(me, factor * 10.0 ** (me.rank - 1)), "queue")
        await settled(me)
        if me.rank == 0:
            expected = [[(1, 2.0), (2, 20.0)], [], [(1, 3.0)], [(2, 30.0)]]
            for senders, those in zip(((1, 2), (), (1,), None), expected, strict=True):
                found = [(message.sender, float(message.x[0])) for message in await me.inbox(senders)]
                must(found == those, f"inbox({senders}): found {found}, expected {those}")

    look(make_engine(3), work)


def messages_carry_the_clock(make_engine: MakeEngine) -> None:
    """`clock` of a message is how many rounds its sender has begun."""

    async def work(me: Worker) -> None:
        async for round in me.rounds():
            other = 1 - me.rank
            await me.put(other, vector(me), "queue")
            for message in (*await me.inbox((other,)), await me.get(other)):
                must(message.sender == other, f"a message of worker {other} names {message.sender}")
                must(message.clock == round.number + 1, f"clock {message.clock} in round {round.number} of both")
            await me.steps(3)
            await me.all_reduce()

    look(make_engine(2), work)


def weights_are_read_and_averaged(make_engine: MakeEngine) -> None:
    """get() gives a copy of the peer's weights; average() makes both the mean, and the sum of all stays what it was."""

    async def work(me: Worker) -> None:
        mine = me.params.weights
        mine[:] = me.rank
        await me.all_reduce()
        for peer in range(me.size):
            theirs = (await me.get(peer)).x
            same(theirs, vector(me, peer), f"weights of worker {peer}")
            theirs[:] = -1.0
        await me.all_reduce()
        same(mine, vector(me, me.rank), "weights that were read, and the copy changed")
        await me.average(me.rank)
        same(mine, vector(me, me.rank), "the mean of my weights and mine")
        await me.all_reduce()
        if me.rank == 0:
            await me.average(2)
            same(mine, vector(me, 1.0), "my weights after average(2)")
        await me.all_reduce()
        if me.rank == 2:
            same(mine, vector(me, 1.0), "weights of worker 2 after average(2) of worker 0")
        await me.all_reduce()
        mine[:] = 4.0**me.rank  # halves of these are exact, whatever the order
        await me.all_reduce()
        for _ in range(4):
            await me.average(int(me.rng.integers(me.size)))
        await me.all_reduce()
        total = await me.all_reduce(mine)
        same(total.sum, vector(me, sum(4.0**rank for rank in range(me.size))), "the sum of weights after averages")

    look(make_engine(5), work, probe=Probe(agree=False))


def averages_are_one_act(make_engine: MakeEngine) -> None:
    """Also while the peer computes: nothing that it learns meanwhile is lost, or counted twice."""

    async def work(me: Worker) -> None:
        await me.all_reduce()
        step = _delta(me, -1.0, 1, 1)
        for _ in range(300):
            if me.rank == 0:
                await me.apply(step)
            else:
                await me.average(0)
        await me.all_reduce()  # now all have come to rest
        everybody = await me.all_reduce(me.params.weights)
        near(everybody.sum, vector(me, 300.0), "the sum of all weights after 300 steps of +1, and averages meanwhile")

    # Long vectors: then NumPy lets others run while it computes.
    look(make_engine(3), work, probe=Probe(agree=False), n_examples=20_000)


def unknown_peers_are_refused(make_engine: MakeEngine) -> None:
    """ValueError for a rank that is not there."""

    def asking(verb: str, *more: Any) -> Any:
        async def work(me: Worker) -> None:
            await together(me, 0.0)
            await getattr(me, verb)(*more)

        return work

    for verb, more in (("put", (2, np.ones(1))), ("put", (-1, np.ones(1))), ("inbox", ((2,),)), ("get", (2,)),
                       ("average", (2,))):  # fmt: skip
        raised(ValueError, "worker", look, make_engine(2), asking(verb, *more))

    async def mode(me: Worker) -> None:
        await me.put(0, vector(me), "append")  # type: ignore[arg-type]

    raised(ValueError, "append", look, make_engine(2), mode)
