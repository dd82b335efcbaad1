"""The simulated cluster: what takes how long, what is seen when, and that nothing else depends on it."""

from math import inf

import numpy as np
import pytest

from hogwild import (
    ALL,
    AllReduce,
    Deadlock,
    Hogwild,
    Link,
    Racy,
    Replicas,
    RoundRobin,
    Simulated,
    Speeds,
    Stop,
    Unsupported,
    sgd,
    train,
)
from hogwild.engines.transport import HEADER_BYTES
from hogwild.testing import problem
from hogwild.testing.probes import Probe, look, served, vector

N = 24
BYTES = 8 * N  # of the weights


def cluster(workers=2, shards=1, latency_s=0.0, bandwidth_bytes_s=inf, example_s=1.0, **speeds):
    """An example takes a second; messages take no time, unless they are told to."""
    return Simulated(workers, shards, latency_s, bandwidth_bytes_s, example_s, Speeds(**speeds))


def seconds(engine, work, **trial) -> float:
    return look(engine, work, **trial).history.traffic.virtual_s


# ---- computing


def test_an_example_takes_its_time():
    async def work(me):
        await me.steps(3)
        await me.gradient(4)
        await me.apply(await me.gradient(2))  # a step takes no time, examples do
        await me.gradient(ALL)

    assert seconds(cluster(1), work) == 24
    assert seconds(cluster(1, example_s=0.5), work) == 12
    assert seconds(cluster(2), work) == 12, "half of the examples each"


def test_epochs_are_recorded_in_virtual_time():
    async def work(me):
        async for _ in me.rounds():
            await me.steps(4)

    history = look(cluster(3), work, probe=Probe(answer="mine"), stop=Stop(epochs=3, tol=0)).history
    assert [record.time_s for record in history] == [8, 16, 24]
    assert look(cluster(3), work, stop=Stop(epochs=10**9, time_s=20.0, tol=None)).reason == "time"


def test_steps_happen_at_the_end_of_their_time_and_gradients_at_its_beginning():
    seen = {}

    async def work(me):
        if me.rank == 0:
            await me.steps(4)  # until second 4
            await me.put(1, vector(me))
            return
        await me.gradient(2)  # until second 2
        seen["before"] = (await me.get(0)).x.sum()
        await me.inbox((0,))
        seen["after"] = (await me.get(0)).x.sum()

    look(cluster(2), work, probe=Probe(agree=False))
    assert seen == {"before": 0, "after": 4}


def test_shared_memory_is_read_at_the_beginning_of_steps_and_written_at_their_end():
    seen = []

    async def work(me):
        await me.share(Racy())
        for _ in range(2):
            await me.steps(3 if me.rank else 4)
            seen.append((me.rank, me.params.weights.sum()))

    look(cluster(2), work, probe=Probe(agree=False, needs={"share"}, answer="shared"), n_examples=100)
    assert seen == [(1, 3), (0, 7), (1, 10), (0, 14)]


def test_slow_workers_take_longer():
    async def work(me):
        await me.steps(N // me.size)

    even = look(cluster(4), work).history.traffic
    assert list(even.busy_s.values()) == [6.0] * 4
    uneven = look(cluster(4, spread=1.0), work).history.traffic
    assert len(set(uneven.busy_s.values())) == 4
    assert uneven.virtual_s == max(uneven.busy_s.values())
    stuck = look(cluster(4, straggle=1.0, straggle_factor=10.0), work).history.traffic
    assert stuck.virtual_s == 60


def test_synchronous_workers_wait_for_the_slowest():
    async def work(me):
        async for _ in me.rounds():
            await me.steps(2)
            await me.all_reduce()

    traffic = look(cluster(3, spread=1.0), work).history.traffic
    for rank in range(3):
        assert traffic.busy_s[rank] + traffic.waiting_s[rank] == pytest.approx(traffic.virtual_s)
    assert 0 < traffic.utilisation < 1
    assert look(cluster(3), work).history.traffic.utilisation == 1


# ---- messages


def test_a_message_takes_latency_and_its_bytes_over_the_bandwidth():
    async def work(me):
        if me.rank == 0:
            await me.put(1, vector(me))
            await me.inbox((1,))
        else:
            await me.inbox((0,))

    expected = 0.25 + (HEADER_BYTES + BYTES) / 64
    found = seconds(cluster(2, latency_s=0.25, bandwidth_bytes_s=64.0), work)
    assert found == pytest.approx(expected)


def test_a_server_that_all_talk_to_is_the_bottleneck_and_shards_cure_it():
    async def work(me):
        await me.push(vector(me))

    def of(workers, shards):
        return seconds(cluster(workers, shards, bandwidth_bytes_s=1000.0), work, probe=served(sgd()), n_examples=4000)

    assert of(8, 1) > 7 * of(1, 1) * 0.9
    assert of(8, 4) < of(8, 1) / 2
    assert of(1, 4) == pytest.approx(of(1, 1), rel=0.1), "one worker has one link, however many shards there are"


def test_an_all_reduce_takes_what_an_all_reduce_takes():
    async def work(me):
        await me.all_reduce(vector(me))

    for size in (2, 5, 16):
        rounds = 2 * (size - 1).bit_length()
        expected = 2 * (size - 1) / size * BYTES / 100 + rounds * 0.5
        assert seconds(cluster(size, latency_s=0.5, bandwidth_bytes_s=100.0), work) == pytest.approx(expected)
    assert seconds(cluster(1, latency_s=0.5, bandwidth_bytes_s=100.0), work) == 0


def test_what_is_started_overlaps():
    def work(overlap):
        async def program(me):
            ticket = await me.start(me.pull())
            if not overlap:
                await ticket
            await me.steps(N)
            await ticket

        return program

    slow = cluster(1, latency_s=10.0)
    probe = served(sgd(), agree=True)
    assert seconds(slow, work(False), probe=probe) == 20 + N
    assert seconds(slow, work(True), probe=probe) == N
    assert look(slow, work(True), probe=probe).history.traffic.utilisation == 1


def test_traffic_is_counted():
    async def work(me):
        await me.push(vector(me))
        await me.pull()

    traffic = look(cluster(2, 3), work, probe=served(sgd())).history.traffic
    assert traffic.messages == 2 * 2 * 2 * 3  # workers, requests, there and back, shards
    assert traffic.sent_bytes == traffic.messages * HEADER_BYTES + 2 * 2 * BYTES
    assert traffic.staleness.total() == 2


# ---- repeatable


async def race(me):
    """Who comes first is luck: all do the same at the same times."""
    async for _ in me.rounds():
        pulled = await me.pull()
        pulled.copy_to(me.params)
        delta = await me.gradient(1)
        me.params.weights += 1.0 + me.rank
        await me.push(delta)
        await me.push(me.params.weights * 1e-3)


def outcome(seed, engine):
    result = look(engine, race, probe=served(sgd(0.1)), stop=Stop(epochs=3, tol=0), seed=seed)
    return result.params.weights.tobytes(), result.history


@pytest.mark.parametrize(
    "engine", [cluster(5), cluster(5, 2, 1e-3, 1e6, jitter=1.0, spread=0.5)], ids=["even", "uneven"]
)
def test_the_same_seed_gives_the_same_bits_and_another_another_interleaving(engine):
    outcomes = [outcome(seed, engine) for seed in range(4)]
    assert [outcome(seed, engine) for seed in range(4)] == outcomes
    assert len({weights for weights, _ in outcomes}) == 4


def test_speeds_of_one_run_are_not_those_of_another_seed():
    async def work(me):
        await me.steps(4)

    busy = [dict(look(cluster(3, spread=1.0), work, seed=seed).history.traffic.busy_s) for seed in (0, 1)]
    assert busy[0] != busy[1]


# ---- ends


def test_a_deadlock_is_described():
    async def work(me):
        async for _ in me.rounds():
            if me.rank == 1:
                await me.inbox((2,))
            await me.steps(100)

    with pytest.raises(Deadlock) as caught:
        look(cluster(3), work, probe=Probe(answer="mine"), stop=Stop(epochs=2, tol=0))
    said = str(caught.value)
    assert "worker 1 waits for a message of worker 2" in said
    for rank in (0, 2):
        assert f"worker {rank} waits for the end of the epoch" in said


def test_programs_are_closed_when_one_fails():
    closed = []

    async def work(me):
        try:
            await me.steps(1)
            if me.rank == 1:
                raise ZeroDivisionError("here")
            await me.all_reduce()
        finally:
            closed.append(me.rank)

    with pytest.raises(ZeroDivisionError) as caught:
        look(cluster(3), work)
    assert sorted(closed) == [0, 1, 2]
    assert caught.value.__notes__ == ["(in worker 1 of 3, round 0, epoch 1)"]


def test_ctrl_c_keeps_the_best_weights():
    def press(record):
        if record.epoch == 3:
            raise KeyboardInterrupt

    task = problem()
    stop = Stop(epochs=10, tol=0)
    result = train(
        task.model, task.data, strategy=AllReduce(4), engine=Simulated(2), stop=stop, callbacks=[press], seed=0
    )
    assert result.reason == "interrupted"
    assert len(result.history) == 3
    assert task.gap(result.history[-1].objective) < 1


@pytest.mark.parametrize("strategy", [RoundRobin(), Hogwild(Replicas(ordered=True))])
def test_workers_that_wait_for_each_other_inside_steps_are_refused(strategy):
    task = problem()
    with pytest.raises(Unsupported, match=r"wait for each other within a block, .* use Threads\(\)"):
        train(task.model, task.data, strategy=strategy, engine=Simulated(2), seed=0)
    train(task.model, task.data, strategy=strategy, engine=Simulated(1), stop=Stop(epochs=1), seed=0)


# ---- numbers


def test_the_time_of_an_example_can_be_measured():
    async def work(me):
        await me.steps(10)

    task = problem()
    engine = Simulated(2, example_s="measured")
    probe = Probe(agree=False).strategy(work)
    history = train(task.model, task.data, strategy=probe, engine=engine, stop=Stop(epochs=1), seed=0).history
    assert 0 < history.traffic.virtual_s < 1


def test_sizes():
    assert Simulated(np.int64(3)).size == 3
    assert type(Simulated(np.int64(3)).size) is int
    assert Simulated().can == {"server", "share"}


def test_a_thousand_workers_are_no_trouble():
    async def work(me):
        await me.push(await me.gradient(1))
        total = await me.all_reduce(vector(me, 1.0))
        assert total.sum[0] == 1000

    result = look(Simulated(1000, shards=4), work, probe=served(sgd(), agree=True), n_examples=1000)
    np.testing.assert_array_equal(result.params.weights, 1.0)


# ---- links


def test_a_machine_may_have_a_link_of_its_own():
    async def work(me):
        await me.put(1 - me.rank, np.ones(10))
        await me.inbox((1 - me.rank,))

    def seconds(links):
        engine = Simulated(2, latency_s=0.5, bandwidth_bytes_s=inf, links=links)
        return look(engine, work, probe=Probe(agree=False)).history.traffic.virtual_s

    assert seconds({}) == 0.5
    assert seconds({("worker", 1): Link(latency_s=3.0)}) == 3.0
    assert seconds({("worker", 0): Link(bandwidth_bytes_s=80.0 + HEADER_BYTES)}) == 1.5


@pytest.mark.parametrize(
    ("links", "kind", "sentence"),
    [
        (
            {("worker", 2): Link()},
            ValueError,
            r"^links of \('worker', 2\), which is not there: .*\('worker', 1\) and",
        ),
        ({("shard", 1): Link()}, ValueError, r"^links of \('shard', 1\), which is not there"),
        ({"worker": Link()}, ValueError, r"^links of 'worker', which is not there"),
        ({("disk", 0): Link()}, ValueError, r"^links of \('disk', 0\), which is not there"),
        (None, TypeError, r"^links=None must be a dict such as"),
        ({("worker", 0): 0.1}, TypeError, r"^links\[\('worker', 0\)\]=0.1 must be a Link such as"),
    ],
)
def test_links_of_what_is_not_there_are_refused(links, kind, sentence):
    with pytest.raises(kind, match=sentence):
        Simulated(2, links=links)
