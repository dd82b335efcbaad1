"""Threads that wait for each other: who is woken, what is called a deadlock, and that all are let go when one fails."""

import threading

import numpy as np
import pytest

from hogwild import Deadlock, Stop, Threads, sgd
from hogwild.engines.session import Session
from hogwild.testing.probes import Probe, look, served, together

FOREVER = Stop(epochs=10**9, tol=None)


def deadlock(work, size=2, **trial) -> str:
    with pytest.raises(Deadlock) as caught:
        look(Threads(size), work, **trial)
    return str(caught.value)


# ---- deadlocks


def test_all_wait_for_each_other():
    async def work(me):
        await me.inbox(((me.rank + 1) % me.size,))

    said = deadlock(work, 4)
    assert said.startswith("all workers wait for each other: worker ")
    for rank in range(4):
        assert f"worker {rank} waits for a message of worker {(rank + 1) % 4}" in said


def test_a_worker_that_waits_for_itself():
    async def work(me):
        await me.inbox((0,))

    assert deadlock(work, 1) == "all workers wait for each other: worker 0 waits for a message of worker 0"


def test_the_last_one_to_return_leaves_the_others_waiting():
    async def work(me):
        if me.rank == 2:
            await me.get(0)
            return
        await me.inbox((1 - me.rank,))

    assert "worker 0 waits for a message of worker 1" in deadlock(work, 3)


def test_one_waits_for_the_end_of_the_epoch_and_one_for_it():
    async def work(me):
        async for _ in me.rounds():
            if me.rank == 1:
                await me.inbox((0,))
            await me.steps(100)

    said = deadlock(work, 2, probe=Probe(answer="mine"), stop=Stop(epochs=2, tol=0))
    assert "worker 0 waits for the end of the epoch" in said
    assert "worker 1 waits for a message of worker 0" in said


def test_pulls_that_were_started_and_are_let_go_wake_nobody():
    async def work(me):
        for _ in range(3):
            await me.start(me.pull(version=10**6))
        await me.inbox((0,))

    assert "worker 0 waits for a message of worker 0" in deadlock(work, 1, probe=served(sgd()))


def test_a_pull_that_is_let_go_wakes_its_worker():
    async def work(me):
        if me.rank == 0:
            pulled = await me.pull(version=10**6)
            assert not pulled.met
            await me.put(1, np.ones(1))
        else:
            await me.inbox((0,))

    look(Threads(2), work, probe=served(sgd()))


def test_who_computes_is_waited_for():
    computing = threading.Event()

    async def work(me):
        if me.rank:
            assert computing.wait(10)
            await me.all_reduce()
        else:
            computing.set()
            for _ in range(50):
                await me.gradient(1)
            await me.all_reduce()

    look(Threads(3), work, probe=Probe(agree=False), n_examples=50)


# ---- who fails lets all go


@pytest.mark.parametrize("size", [1, 2, 8])
def test_programs_of_others_are_closed(size):
    closed = []

    async def work(me):
        try:
            if me.rank == size - 1:
                raise ZeroDivisionError("here")
            await me.all_reduce()
        finally:
            closed.append(me.rank)

    with pytest.raises(ZeroDivisionError):
        look(Threads(size), work)
    assert sorted(closed) == list(range(size))


def test_an_error_while_a_request_is_answered_hangs_nobody():
    async def work(me):
        await me.all_reduce(np.ones(1 + me.rank))

    with pytest.raises(ValueError, match="all_reduce"):
        look(Threads(4), work)


def test_an_error_in_one_round_reaches_those_who_meet():
    async def work(me):
        async for round in me.rounds():
            await me.steps(1)
            if me.rank == 2 and round.number == 3:
                raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError) as caught:
        look(Threads(3), work, probe=Probe(answer="mine"), stop=Stop(epochs=5, tol=0), n_examples=6)
    assert caught.value.__notes__ == ["(in worker 2 of 3, round 4, epoch 2)"]


def test_all_fail_and_one_error_comes_out():
    async def work(me):
        raise ZeroDivisionError(f"worker {me.rank}")

    with pytest.raises(ZeroDivisionError, match=r"worker \d") as caught:
        look(Threads(8), work)
    assert len(caught.value.__notes__) == 1


# ---- who is done


def test_rounds_end_for_all_when_one_program_ends():
    async def work(me):
        async for round in me.rounds():
            await me.steps(1)
            if me.rank == 0 and round.number == 5:
                return
        counts = await together(me, 1.0)
        assert counts.tolist() == [0.0, 1.0, 1.0, 1.0]

    result = look(Threads(4), work, probe=Probe(agree=False), stop=FOREVER)
    assert result.reason == "ended by the strategy"


def test_those_who_meet_are_let_go_when_one_leaves():
    async def work(me):
        async for round in me.rounds():
            await me.steps(2)
            if me.rank == 0 and round.number == 1:
                return

    probe = Probe(answer="mine")
    result = look(Threads(4), work, probe=probe, stop=Stop(epochs=10**9, tol=0), n_examples=24)
    assert result.reason == "ended by the strategy"


def test_many_workers_meet_many_times():
    async def work(me):
        total = 0.0
        for turn in range(20):
            everybody = await me.all_reduce(np.full_like(me.params.weights, turn))
            assert everybody.count == me.size
            total += everybody.sum[0]
        assert total == sum(range(20)) * me.size

    look(Threads(16), work)


def test_messages_are_counted():
    async def work(me):
        await me.push(np.ones_like(me.params.weights))
        await me.pull()

    traffic = look(Threads(2, shards=3), work, probe=served(sgd()), n_examples=30).history.traffic
    assert traffic.messages == 2 * 2 * 2 * 3  # workers, requests, there and back, shards
    assert traffic.sent_bytes == traffic.messages * 64 + 2 * 2 * 30 * 8
    assert traffic.staleness.total() == 2
    assert traffic.virtual_s is None


def test_weights_are_judged_by_the_worker_that_trains_them(monkeypatch):
    """Where rounds are not agreed, another may come to the end of the epoch while this one computes."""
    readers, read = set(), Session._true

    def reading(session, moment, *brought):
        readers.add(threading.current_thread().name)
        return read(session, moment, *brought)

    async def work(me):
        async for _ in me.rounds():
            await me.steps(1)

    monkeypatch.setattr(Session, "_true", reading)
    probe, stop = Probe(agree=False, answer="mine"), Stop(epochs=20, tol=0)
    assert len(look(Threads(3), work, probe=probe, stop=stop, n_examples=300).history) == 20
    assert not readers & {"hogwild-1", "hogwild-2"}
