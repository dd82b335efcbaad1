"""One worker's program, driven from request to request: what it may await, and what it may not forget."""

import numpy as np
import pytest

from hogwild.engines.driving import Program
from hogwild.interfaces import Worker
from hogwild.params import Params
from hogwild.requests import Get, Inbox, NextRound, Put, Reduce, Round, Start, Steps, Ticket, Upcoming, Wait
from hogwild.testing.probes import Probe


def driven(work) -> Program:
    worker = Worker(0, 2, np.random.default_rng(0), Params({"w": (2,)}))
    return Program(Probe().strategy(work), worker)


def test_requests_come_out_and_answers_go_in():
    seen = []

    async def work(me):
        seen.append(await me.steps(3))
        seen.append(await me.get(1))

    program = driven(work)
    assert program.advance(None) == Steps(3)
    assert program.advance("an answer") == Get(1)
    assert program.advance("another") is None
    assert seen == ["an answer", "another"]


def test_rounds_go_on_until_the_answer_is_none():
    seen = []

    async def work(me):
        async for round in me.rounds():
            seen.append(round.number)
            await me.steps(1)

    program = driven(work)
    assert program.advance(None) == NextRound()
    assert program.advance(Round(0, True)) == Steps(1)
    assert program.advance(None) == NextRound()
    assert program.advance(None) is None
    assert seen == [0]


def test_tickets_are_awaited():
    async def work(me):
        ticket = await me.start(me.all_reduce())
        assert await ticket == "the sum"

    program, ticket = driven(work), Ticket(Reduce())
    assert program.advance(None) == Start(Reduce())
    assert program.advance(ticket) == Wait(ticket)
    assert program.advance("the sum") is None


def test_what_a_program_raises_comes_out():
    async def work(me):
        await me.steps(1)
        raise ZeroDivisionError("here")

    program = driven(work)
    program.advance(None)
    with pytest.raises(ZeroDivisionError, match=r"^here$"):
        program.advance(None)


def test_giving_up_runs_what_a_program_does_at_its_end():
    closed = []

    async def work(me):
        try:
            await me.steps(1)
        finally:
            closed.append(True)

    program = driven(work)
    program.advance(None)
    program.close()
    assert closed == [True]


# ---- forgotten awaits


def forgetting(work, *answers):
    """What is said when the program gets these answers, the last of them too many."""
    program = driven(work)
    *fine, last = (None, *answers)
    for answer in fine:
        program.advance(answer)
    with pytest.raises(TypeError, match=r"^Probe\.work has made .* and not awaited it: write `await` ") as caught:
        program.advance(last)
    return str(caught.value)


def test_a_forgotten_await_is_found_at_the_next_request():
    async def work(me):
        me.steps(7)
        await me.all_reduce()

    assert "Steps(n=7" in forgetting(work)


def test_a_forgotten_await_is_found_at_the_next_round():
    async def work(me):
        async for _ in me.rounds():
            me.put(1, np.zeros(2))

    assert "made Put(peer=1, x=<array of shape (2,)>, mode='replace') and" in forgetting(work, Round(0, True))


def test_a_forgotten_await_is_found_at_the_end():
    async def work(me):
        await me.steps(1)
        me.inbox()

    assert "Inbox(" in forgetting(work, None)


def test_of_two_requests_the_one_that_is_not_awaited_is_named():
    async def work(me):
        first, second = me.steps(1), me.get(1)
        await second
        await first

    assert "Steps(" in forgetting(work)


def test_a_request_may_be_made_first_and_awaited_then():
    async def work(me):
        request = me.steps(1)
        await request

    assert driven(work).advance(None) == Steps(1)


def test_what_is_started_counts_as_awaited_and_start_itself_must_be():
    async def fine(me):
        request = me.get(1)
        await me.start(request)

    assert driven(fine).advance(None) == Start(Get(1))

    async def work(me):
        me.start(me.get(1))

    assert "Start(" in forgetting(work)


# ---- what is no request


class Rubbish:
    def __await__(self):
        return (yield "rubbish")


def test_only_requests_may_be_awaited():
    async def work(me):
        await Rubbish()

    with pytest.raises(TypeError, match=r"^a strategy may only await a worker's requests, not 'rubbish'$"):
        driven(work).advance(None)


def test_requests_made_by_hand_are_requests():
    async def work(me):
        await Put(1, np.ones(1))
        await Inbox()

    program = driven(work)
    assert isinstance(program.advance(None), Put)
    assert isinstance(program.advance(None), Inbox)


@pytest.mark.parametrize("work", [lambda me: None, lambda me: 3, lambda me: iter([])])
def test_work_must_be_a_coroutine(work):
    with pytest.raises(TypeError, match=r"^Probe\.work must be an async def, not return "):
        driven(work)


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (lambda me: me.steps(0), ValueError, "n=0 must be a whole number of at least 1"),
        (lambda me: me.steps(1.0), ValueError, "n=1.0 must be a whole number"),
        (lambda me: me.steps(1, minibatch=0), ValueError, "minibatch=0 must be"),
        (lambda me: me.gradient(0), ValueError, "of=0 must be"),
        (lambda me: me.gradient(True), ValueError, "of=True must be"),
        (lambda me: me.upcoming(-1), ValueError, "n=-1 must be"),
        (lambda me: me.all_reduce(quorum=0), ValueError, "quorum=0 must be"),
        (lambda me: me.start(me.steps(1)), TypeError, r"start\(\) wants a request that communicates, not Steps"),
        (lambda me: me.start(3), TypeError, r"start\(\) wants a request that communicates, not 3"),
        (lambda me: me.start(Upcoming(1)), TypeError, r"start\(\) wants a request that communicates, not Upcoming"),
        (lambda me: me.steps(1, -0.1), ValueError, r"rate=-0.1 must be a positive number, or None"),
        (lambda me: me.steps(1, np.nan), ValueError, r"rate=nan must be"),
        (lambda me: me.steps(1, "x"), ValueError, r"rate='x' must be"),
        (lambda me: me.apply(None), TypeError, r"apply\(\) wants the Delta of a gradient\(\), not NoneType"),
        (lambda me: me.all_reduce(3.0), TypeError, r"all_reduce\(\) wants a Delta or a vector \(.*\), not float"),
        (
            lambda me: me.all_reduce(np.ones(2, int)),
            ValueError,
            r"all_reduce\(\) of an array of shape \(2,\) and",
        ),
        (
            lambda me: me.put(0, None),
            TypeError,
            r"put\(\) wants a Delta, a Change, a PartialState or a vector \(.*\), not NoneType",
        ),
        (lambda me: me.put(0, np.ones((2, 2))), ValueError, r"put\(\) of an array of shape \(2, 2\)"),
        (lambda me: me.put(0, np.ones(2), "last"), ValueError, r"put\(mode='last'\) must be \"replace\", \"add\""),
        (lambda me: me.push([1.0]), TypeError, r"push\(\) wants a Delta, a Change or a vector"),
        (lambda me: me.inbox(1), TypeError, r"inbox\(1\) must name the senders to wait for, such as inbox\(\(1,\)\)"),
    ],
)
def test_requests_that_make_no_sense_are_refused_when_they_are_made(make, kind, sentence):
    me = Worker(0, 1, np.random.default_rng(0), Params({"w": (2,)}))
    with pytest.raises(kind, match=f"^{sentence}"):
        make(me)


def test_of_two_requests_the_first_may_be_started():
    async def work(me):
        first, second = me.get(0), me.get(1)
        await me.start(first)
        await second

    program = driven(work)
    with pytest.raises(TypeError, match=r"has made Get\(peer=1\) and not awaited it"):  # and not Get(peer=0)
        program.advance(None)


def test_rounds_cannot_be_awaited():
    async def work(me):
        await me.rounds()

    with pytest.raises(TypeError, match=r"can't be used in 'await' expression|does not support the await"):
        driven(work).advance(None)
