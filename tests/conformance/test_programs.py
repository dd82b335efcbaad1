"""What programs may do on every engine: poll, catch what fails, return early, be wrong while others never wait."""

import tracemalloc
from math import inf

import numpy as np
import pytest

from hogwild import (
    ALL,
    AllReduce,
    Downpour,
    Hogwild,
    LocalSGD,
    Replicas,
    RoundRobin,
    Simulated,
    Speeds,
    Stop,
    Threads,
    Unsupported,
    sgd,
    train,
)
from hogwild.data import check_examples
from hogwild.engines import Deadlock
from hogwild.interfaces import Job
from hogwild.requests import Portion, Ticket
from hogwild.testing import problem
from hogwild.testing.ledger import Ledger
from hogwild.testing.probes import Probe, Trial, look, raised, served, together, vector

FREE = Probe(agree=False)
every_engine = pytest.mark.parametrize("engine", [Threads, Simulated])


class Stumbled(RuntimeError):
    """What a program raises."""


# ---- polling


@every_engine
def test_who_never_waits_is_told_that_another_has_failed(engine):
    async def work(me):
        if me.rank == 1:
            raise Stumbled("here")
        ticket = await me.start(me.inbox((1,)))
        while not ticket.done:
            await me.steps(1)

    raised(Stumbled, "^here$", look, engine(2), work, probe=FREE)


@every_engine
def test_an_empty_inbox_may_be_looked_into_until_something_comes(engine):
    found = []

    async def work(me):
        if me.rank == 0:
            while not (messages := await me.inbox()):
                pass
            found.extend(message.x[0] for message in messages)
        else:
            await me.steps(5)
            await me.put(0, vector(me, 7.0))

    look(engine(2), work, probe=FREE)
    assert found == [7.0]


def test_who_polls_for_what_cannot_come_is_named():
    async def work(me):
        if me.rank == 0:
            while not await me.inbox():
                pass

    raised(
        Deadlock, r"^worker 0 asks again and again, and nothing is under way that", look, Simulated(2), work, probe=FREE
    )


def test_polling_takes_no_more_time_than_what_is_polled_for():
    ended = []

    async def work(me):
        if me.rank == 0:
            ticket = await me.start(me.inbox((1,)))
            while not ticket.done:
                await me.inbox()
            ended.append((await ticket)[0].x[0])
        else:
            await me.steps(10)
            await me.put(0, vector(me, 1.0))

    result = look(Simulated(2, latency_s=1.0, example_s=0.1), work, probe=FREE)
    assert ended == [1.0]
    assert result.history.traffic.virtual_s == pytest.approx(1.0 + result.history.traffic.busy_s[1])


def test_a_pull_is_not_given_up_while_somebody_may_still_push():
    async def work(me):
        if me.rank == 0:
            for _ in range(300):
                await me.inbox()
            await me.push(vector(me, 1.0))
        else:
            assert (await me.pull(version=1)).met

    look(Simulated(2), work, probe=served(sgd()))


def test_time_goes_on_whatever_is_asked_for_again_and_again():
    async def work(me):
        ticket = await me.start(me.pull())
        while not ticket.done:
            await me.upcoming(1)

    look(Simulated(1), work, probe=served(sgd()))


# ---- failures


@every_engine
def test_what_fails_is_raised_where_it_is_awaited(engine):
    caught = []

    async def work(me):
        for request in (me.push(np.ones(3)), me.on_server("scale", "x", 2.0), me.gradient(Portion(0, -5, 5))):
            me.made[:] = [request]
            try:
                await request
            except ValueError as error:
                caught.append(str(error))
        await me.push(vector(me, 1.0))

    result = look(engine(1), work, probe=served(sgd()))
    assert caught[0].startswith("a vector of shape (3,) does not fit the server's 24 weights")
    assert caught[2].startswith("Portion(number=0, first=-5, count=5) is no part of a pass over 24 examples")
    assert set(result.params.weights) == {1.0}


@every_engine
def test_the_first_error_is_told_whatever_others_do_at_their_end(engine):
    async def work(me):
        try:
            await me.all_reduce()
            if me.rank == 1:
                raise Stumbled("first")
            await me.all_reduce()
        finally:
            await me.steps(1)

    raised(Stumbled, "^first$", look, engine(2), work)


@every_engine
def test_a_deadlock_is_nobodys_own(engine):
    async def work(me):
        if me.rank < 2:
            await me.start(me.inbox((1 - me.rank,)))
            await me.all_reduce()
            await me.inbox((1 - me.rank,))

    error = raised(Deadlock, "^all workers wait for each other: ", look, engine(3), work, probe=FREE)
    assert str(error).endswith("worker 0 waits for a message of worker 1; worker 1 waits for a message of worker 0")
    assert not getattr(error, "__notes__", [])


@pytest.mark.parametrize("strategy", [RoundRobin(), Hogwild(Replicas(ordered=True))], ids=["round-robin", "ordered"])
def test_turns_are_refused_before_anything_begins(strategy):
    raised(
        Unsupported,
        r"^\w+ needs workers that wait for each other within a block, which Simulated does not have: use Threads",
        Trial().run_strategy,
        Simulated(2),
        strategy,
    )
    Trial().run_strategy(Simulated(1), strategy)


@every_engine
def test_who_has_caught_a_failure_goes_on_as_before(engine):
    """Also to the end of the epoch, where it waits for the others."""

    async def work(me):
        async for _ in me.rounds():
            await me.steps(50)
            with pytest.raises(ValueError, match="there is no worker 99"):
                await me.get(99)

    result = look(engine(2), work, probe=Probe(agree=True, answer="mine"), stop=Stop(epochs=3, tol=0))
    assert len(result.history) == 3


@every_engine
def test_an_operation_that_has_failed_holds_nothing_up(engine):
    async def work(me):
        with pytest.raises(ValueError, match="the server has no vector 'nothere'"):
            await me.on_server("scale", "nothere", 2.0)
        assert (await me.pull()).met
        for _ in range(40):
            await me.start(me.push(vector(me, 1.0)))
        with pytest.raises(ValueError, match=r"^operation"):
            await me.start(me.on_server("nonsense"))

    look(engine(2), work, probe=served(sgd()))


@every_engine
def test_what_cannot_be_added_up_changes_nothing(engine):
    async def work(me):
        with pytest.raises(ValueError, match=r"^quorum=3 is more than the 2 workers"):
            await me.all_reduce(vector(me), 3)
        everybody = await together(me, 1.0)
        assert everybody.tolist() == [1.0, 1.0]
        if me.rank == 1:
            await me.inbox((0,))
            with pytest.raises(ValueError, match=r"^all_reduce: worker 1 gives a vector of shape \(3,\)"):
                await me.all_reduce(np.ones(3))
            await me.all_reduce(vector(me, 2.0))
        else:
            ticket = await me.start(me.all_reduce(vector(me, 1.0)))
            await me.put(1, vector(me))
            assert (await ticket).sum[0] == 3.0

    look(engine(2), work, probe=FREE)


def test_a_ticket_that_was_not_started_is_named():
    async def work(me):
        await Ticket(None)

    raised(ValueError, r"^this ticket was not started in this run: await what me.start\(\)", look, Threads(1), work)


# ---- messages and sums


@every_engine
def test_a_message_of_who_has_returned_meanwhile_is_not_lost(engine):
    found = []

    async def work(me):
        if me.rank == 1:
            await me.put(0, vector(me, 3.0), "queue")
        else:
            found.extend(message.x[0] for message in await me.inbox((1,)))

    look(engine(2), work, probe=FREE)
    assert found == [3.0]


@every_engine
def test_a_sum_is_of_what_was_when_it_was_given(engine):
    async def work(me):
        me.params.weights[:] = 10.0 * me.rank
        mine = await me.start(me.all_reduce(me.params.weights)) if me.rank == 0 else None
        await me.all_reduce() if me.rank else None
        if me.rank == 1:
            await me.all_reduce(me.params.weights)
        elif mine is not None:
            me.params.weights[:] = 5.0
            await mine
            await me.all_reduce()

    look(engine(2), work, probe=FREE)


def test_laggards_are_sent_the_sum_by_those_who_have_it():
    """Two of three are enough: they have the sum after two latencies. The third comes meanwhile, and is sent it."""

    async def work(me):
        await me.steps(10 if me.rank == 2 else 1)
        sums = await me.all_reduce(None if me.rank == 2 else vector(me, 1.0), 2)
        assert sums.count == 2

    traffic = look(Simulated(3, latency_s=1.0, example_s=0.01, bandwidth_bytes_s=inf), work, probe=FREE).history.traffic
    assert [traffic.waiting_s[rank] for rank in range(2)] == pytest.approx([2.0, 2.0])
    assert traffic.busy_s[2] + traffic.waiting_s[2] == traffic.virtual_s == pytest.approx(3.01)
    n_bytes = 24 * 8
    assert traffic.sent_bytes == 2 * n_bytes + n_bytes


def test_sums_that_were_begun_in_order_are_there_in_order():
    for seed in range(6):
        order = []

        async def work(me, order=order):
            first = await me.start(me.all_reduce(vector(me, 1.0)))
            others = [await me.start(me.all_reduce()) for _ in range(4)]
            while not others[-1].done:
                done = [ticket.done for ticket in others]
                assert done == sorted(done, reverse=True)
                await me.inbox()
            order.append(first.done)

        look(Simulated(3), work, probe=FREE, seed=seed)
        assert order == [True] * 3


def test_what_was_given_is_not_kept_for_the_slowest():
    """3 workers, one of them very slow: the others' contributions to 200 sums."""
    peaks = []

    async def work(me):
        if me.rank == 2:
            await me.steps(20)
            tracemalloc.stop()
        else:
            for round in range(200):
                await me.all_reduce(np.ones(10_000), 2)
                if me.rank == 0 and round == 199:
                    peaks.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    look(Simulated(3, example_s=1.0), work, probe=FREE)
    assert peaks[0] < 200 * 80_000 * 1.5, "the sums themselves, but not what they were made of"


# ---- data


@every_engine
@pytest.mark.parametrize("minibatch", [7, 100, 300])
def test_minibatches_are_whole_on_data_in_chunks(engine, minibatch):
    rng = np.random.default_rng(0)
    data = check_examples(rng.normal(size=(40_000, 60)), np.zeros(40_000))
    found = []

    async def work(me):
        delta = await me.gradient(minibatch)
        change = await me.steps(10, minibatch=minibatch, record=True)
        found.append((delta.examples, change.steps, change.examples))
        await together(me, 0.0)

    job = Job(Ledger(), data, Probe(agree=True).strategy(work), Stop(epochs=1, tol=None), (), 0)
    engine(2).run(job)
    assert found == [(minibatch, 10, 10 * minibatch)] * 2


@every_engine
def test_examples_that_were_looked_at_are_part_of_all_that_are_left(engine):
    found = []

    async def work(me):
        found.append((await me.upcoming(3)).size)
        found.append((await me.upcoming(10)).size)
        found.append((await me.gradient(4)).examples)
        found.append((await me.gradient(ALL)).examples)

    look(engine(1), work)
    assert found == [3, 10, 4, 20]


# ---- whose weights are judged


def test_epochs_that_a_slow_worker_has_missed_do_not_count_as_no_progress():
    """Its weights are the answer. While others finish many epochs they stay as they are."""

    async def work(me):
        async for _ in me.rounds():
            await me.steps(10)

    task = problem(n=300)
    engine, probe = Simulated(20, speeds=Speeds(spread=2.0)), Probe(agree=False, answer="mine")
    stop = Stop(epochs=30, tol=1e-9)
    result = train(task.model, task.data, strategy=probe.strategy(work), engine=engine, stop=stop, seed=0)
    judged = [record.objective for record in result.history if record.objective is not None]
    assert [record.epoch for record in result.history] == list(range(1, len(result.history) + 1))
    assert result.reason == "epochs"
    assert 1 < len(judged) < len(result.history), "several epochs are missed at a time"


# ---- what a strategy says of itself


@pytest.mark.parametrize(
    ("probe", "sentence"),
    [
        (Probe(answer="sevrer"), r"^Probe has answer='sevrer': it must be one of mine, end, shared, server$"),
        (Probe(answer="shared"), r'^Probe has answer="shared", so it must need "share"$'),
        (Probe(answer="server"), r'^Probe has answer="server", so it must need "server"$'),
    ],
)
def test_answers_that_cannot_be_are_refused(probe, sentence):
    async def work(me):
        raise AssertionError("it has begun")

    raised(Unsupported, sentence, look, Threads(1), work, probe=probe)


# ---- interruptions


@every_engine
@pytest.mark.parametrize("tol", [None, 0])
@pytest.mark.parametrize("strategy", [AllReduce(4), LocalSGD(5), Downpour(4)], ids=lambda each: type(each).__name__)
def test_a_callback_may_end_training_as_ctrl_c_does(engine, strategy, tol):
    """Agreed workers finish their round, so that it always ends with the same bits."""
    seen = []

    def press(record):
        seen.append(record.epoch)
        if record.epoch == 3:
            raise KeyboardInterrupt

    task = problem()
    stop = Stop(epochs=10**9, tol=tol)
    results = []
    for _ in range(3):
        seen.clear()
        done = train(task.model, task.data, strategy=strategy, engine=engine(3), stop=stop, callbacks=[press], seed=0)
        assert done.reason == "interrupted"
        assert seen[:3] == [1, 2, 3]
        results.append(done.params.weights)
    if strategy.agree:
        np.testing.assert_array_equal(results[1:], results[:1] * 2)
