"""Who dies, comes back, joins and leaves: what the others and the run notice of it."""

from collections import Counter

import numpy as np
import pytest

from hogwild import Deadlock, Fault, Faults, LocalSGD, Simulated, Stop, Unreachable, sgd, train
from hogwild.engines.virtual.membership import WorkersLost
from hogwild.engines.virtual.replicas import ShardLost
from hogwild.requests import Portion
from hogwild.rules.updates import adagrad
from hogwild.testing import problem
from hogwild.testing.probes import Probe, look, served

MS = 1e-3
ASYNC = Probe(agree=False)


def cluster(*faults, workers=3, **more) -> Simulated:
    """Examples take a millisecond each, the death of a host is known after two."""
    return Simulated(workers, example_s=MS, faults=Faults(faults, detect_s=2 * MS), **more)


async def wait(me, ms):
    """Compute for so many milliseconds."""
    for _ in range(ms):
        await me.gradient(1)


# ---- the dead


def test_a_dead_peer_is_told_from_one_that_is_there():
    answers = []

    async def work(me):
        if me.rank == 1:
            await wait(me, 20)
        if me.rank == 0:
            await wait(me, 1)
            answers.append((await me.average(1), (await me.get(1)).sender, await me.put(1, me.params.weights)))
            await wait(me, 9)
            answers.append((await me.average(1), await me.get(1), await me.put(1, me.params.weights)))
            answers.append(await me.inbox((1,)))

    look(cluster(Fault.kill(worker=1, at_s=5 * MS)), work, probe=ASYNC, n_examples=100)
    assert answers == [(True, 1, True), (False, None, False), []]


def test_who_asks_a_peer_that_dies_meanwhile_is_told():
    answers = []

    async def work(me):
        if me.rank == 1:
            await wait(me, 20)
        if me.rank == 0:
            await wait(me, 5)  # it is dead, and nobody knows
            answers.append(await me.get(1))
            answers.append(await me.average(1))

    result = look(cluster(Fault.kill(worker=1, at_s=4.5 * MS)), work, probe=ASYNC, n_examples=100)
    assert answers == [None, False]
    assert result.history.traffic.faults.workers_lost == 1


def test_a_sum_closes_without_the_dead_but_with_what_they_gave():
    sums = []

    async def work(me):
        if me.rank == 2:
            await wait(me, 10)
        sums.append((await me.all_reduce(np.full_like(me.params.weights, 2.0**me.rank))).sum[0])
        if me.rank == 1:
            await wait(me, 5)
        sums.append((await me.all_reduce(np.full_like(me.params.weights, 2.0**me.rank))).sum[0])

    look(cluster(Fault.kill(worker=1, at_s=2 * MS)), work, probe=ASYNC, n_examples=100)
    assert sums == [7.0, 7.0, 5.0, 5.0]


def test_who_is_late_is_told_the_sum_by_one_that_lives():
    sums = []

    async def work(me):
        if me.rank == 0:
            await wait(me, 3)
        sums.append((await me.all_reduce(np.full_like(me.params.weights, 2.0**me.rank), quorum=2)).sum[0])

    # Worker 1 has ended before it dies; what it sends to worker 0, who is cut off, is lost.
    faults = Fault.partition(workers=(0,), from_s=2 * MS, to_s=8 * MS), Fault.kill(worker=1, at_s=5 * MS)
    look(cluster(*faults), work, probe=ASYNC, n_examples=100)
    assert sums == [6.0, 6.0, 6.0]


def test_who_dies_while_it_computes_changes_nothing_any_more():
    async def work(me):
        if me.rank == 1:
            await me.steps(10)
            await me.push(np.ones_like(me.params.weights))
        await wait(me, 15)

    result = look(cluster(Fault.kill(worker=1, at_s=5 * MS)), work, probe=served(sgd()), n_examples=100)
    assert not result.params.weights.any()
    assert result.history.traffic.faults.pushes == 0


def test_examples_that_were_set_aside_for_the_dead_are_learnt_by_others():
    async def work(me):
        async for _ in me.rounds():
            if me.rank == 1:
                await me.upcoming(7)
                await me.inbox((0,))  # for ever
            keys = await me.upcoming(1)
            delta = await me.gradient(1, keys)
            await me.push(delta)

    result = look(cluster(Fault.kill(worker=1, at_s=3 * MS)), work, probe=served(sgd()), n_examples=30)
    np.testing.assert_array_equal(result.params.weights, 1.0)


def test_portions_of_the_dead_are_handed_out_again():
    async def work(me):
        async for _ in me.rounds():
            if me.rank == 0:
                await me.on_server("clear")
            await me.all_reduce()
            await me.pull()
            while isinstance(portion := await me.take(), Portion):
                delta = await me.gradient(portion)
                if me.rank == 1:
                    await me.pull(version=1000)  # for ever
                await me.push(delta)
            if me.rank == 0:
                await me.on_server("axpy", "weights", -1.0, "accrued")

    probe = served(sgd(), agree=True)
    result = look(cluster(Fault.kill(worker=1, at_s=3 * MS)), work, probe=probe, n_examples=30)
    np.testing.assert_array_equal(result.params.weights, 1.0)
    assert result.history.traffic.faults.portions_again == 1


def test_the_part_of_the_dead_is_learnt_by_the_others_from_the_next_epoch_on():
    async def work(me):
        async for _ in me.rounds():
            everybody = await me.all_reduce(await me.gradient(2))
            if everybody.sum is not None:
                await me.apply(everybody.sum)

    result = look(
        cluster(Fault.kill(worker=0, at_s=3 * MS)), work, probe=Probe(answer="mine"), n_examples=30, stop=Stop(3, tol=0)
    )
    visits = Counter(result.params.weights.tolist())
    assert visits.keys() == {2.0, 3.0}
    assert visits[2.0] <= 10, "more than its part of the first epoch was lost"


def test_the_lowest_that_lives_gives_the_answer():
    async def work(me):
        async for _ in me.rounds():
            await me.steps(1)
        me.params.weights[:] = me.rank

    for faults, answer in (((Fault.kill(worker=0, at_s=3 * MS),), 1.0), ((Fault.leave(worker=0, at_s=3 * MS),), 1.0)):
        result = look(cluster(*faults), work, probe=Probe(agree=True), n_examples=30)
        np.testing.assert_array_equal(result.params.weights, answer)


# ---- who comes


@pytest.mark.parametrize("agree", [True, False])
@pytest.mark.parametrize("how", ["back", "join"])
def test_who_comes_begins_where_the_lowest_is(agree, how):
    seen = []

    async def work(me):
        me.params.state.setdefault("rounds", np.zeros(1))
        async for round in me.rounds():
            if me.rank == 2:
                state = me.params.state["rounds"][0]
                seen.append((round, me.params.weights.sum(), state, tuple(me.peers), me.rng.random()))
                me.counts["rounds"] += 1
            await me.steps(1)
            me.params.state["rounds"] += 1
            if agree:
                me.params.weights[:] = (await me.all_reduce(me.params.weights)).sum

    if how == "back":
        fault = Fault.kill(worker=2, at_s=5.5 * MS, back_s=10.5 * MS)
    else:
        fault = Fault.join(worker=2, at_s=10.5 * MS)
    result = look(cluster(fault), work, probe=Probe(agree=agree), n_examples=60, stop=Stop(1, tol=None))
    numbers = [round.number for round, *_ in seen]
    before = 0 if how == "join" else 5 if agree else 6  # sums take time, too
    assert numbers[:before] == list(range(before))
    assert numbers[before:] == list(range(numbers[before], numbers[-1] + 1))
    round, weights, state, peers, luck = seen[before]
    assert 8 <= round.number <= 12
    assert not round.first
    assert state in (round.number, round.number + 1)
    assert weights == 0 if not agree and round.number == 0 else weights > 0
    assert peers == (() if agree else (0, 1)), "agreed: in this round the others do not count on it yet"
    assert tuple(seen[before + 1][3]) == (0, 1)
    assert how == "join" or luck != seen[0][-1]
    assert result.history.counts["rounds"] == len(seen)
    report = result.history.traffic.faults
    assert (report.workers_lost, report.workers_joined) == (int(how == "back"), 1)


def test_who_comes_takes_part_in_the_sum_after_the_rounds():
    counts = []

    async def work(me):
        async for _ in me.rounds():
            await me.steps(1 if me.rank else 10)  # the lowest rank is through first, and waits for the sum
        counts.append((await me.all_reduce(me.params.weights)).count)

    # Worker 0 leaves its rounds while its weights are on their way to worker 3.
    faults = Fault.leave(worker=0, at_s=1 * MS), Fault.join(worker=3, at_s=9.98 * MS)
    look(cluster(*faults, workers=4), work, probe=ASYNC, n_examples=400)
    assert counts == [4] * 4


def test_who_comes_learns_in_epochs_that_others_have_begun_before():
    learnt = {}

    async def work(me):
        begun = None
        async for _ in me.rounds():
            begun = me.params.weights.sum() if begun is None else begun
            await me.steps(1)
        learnt[me.rank] = me.params.weights.sum() - begun

    # Worker 1 is through with all epochs when worker 0 has made its first step, and lets worker 2 in.
    faults = Fault.slow(worker=0, factor=50.0), Fault.join(worker=2, at_s=5 * MS)
    look(cluster(*faults), work, probe=Probe(agree=True), n_examples=30, stop=Stop(3, tol=None))
    assert learnt == {0: 45, 1: 45, 2: 44}


def test_the_others_are_told_who_has_come():
    seen = []

    async def work(me):
        async for _ in me.rounds():
            if me.rank == 0:
                seen.append(tuple(me.peers))
            await me.steps(1)

    look(
        cluster(Fault.join(worker=2, at_s=5 * MS), Fault.kill(worker=1, at_s=9 * MS)), work, probe=ASYNC, n_examples=60
    )
    assert list(dict.fromkeys(seen)) == [(1,), (1, 2), (2,)]


def test_weights_travel_to_who_comes():
    def sent(*faults):
        result = look(cluster(*faults), learn, probe=ASYNC, n_examples=60)
        return result.history.traffic.sent_bytes

    async def learn(me):
        async for _ in me.rounds():
            await me.steps(1)

    dead, back = sent(Fault.kill(worker=2, at_s=MS)), sent(Fault.kill(worker=2, at_s=MS, back_s=5 * MS))
    assert back >= dead + 60 * 8


def test_clocks_are_not_held_up_by_who_comes():
    begun = Counter()

    async def work(me):
        async for round in me.rounds():
            pulled = await me.pull(clock=round.number)  # nobody runs ahead
            assert pulled.met
            begun[me.rank] = round.number
            alive = [begun[rank] for rank in (me.rank, *me.peers) if begun[rank]]
            assert not alive or max(alive) - min(alive) <= 1
            await me.push(np.ones_like(me.params.weights))
            await me.steps(1)

    faults = (Fault.kill(worker=1, at_s=5 * MS, back_s=12 * MS), Fault.join(worker=3, at_s=8 * MS))
    result = look(cluster(*faults, workers=4, shards=2), work, probe=served(sgd()), n_examples=80)
    assert result.history.traffic.faults.workers_joined == 2
    assert result.history[-1].time_s < 80 * MS


def test_who_leaves_ends_as_at_the_end_and_the_run_goes_on():
    ended = []

    async def work(me):
        async for _ in me.rounds():
            await me.steps(1)
        await me.push(np.full_like(me.params.weights, 2.0**me.rank))
        ended.append(me.rank)

    result = look(cluster(Fault.leave(worker=1, at_s=3 * MS)), work, probe=served(sgd()), n_examples=60)
    assert ended[0] == 1
    assert sorted(ended) == [0, 1, 2]
    assert result.reason == "epochs"
    np.testing.assert_array_equal(result.params.weights, 7.0)
    assert result.history.traffic.virtual_s > 20 * MS


# ---- shards


def test_pulls_that_wait_move_to_the_copy():
    pulled = []

    async def work(me):
        if me.rank == 0:
            pulled.append(await me.pull(version=2))
        elif me.rank == 1:
            await me.push(np.ones_like(me.params.weights))
            await wait(me, 10)
            await me.push(np.ones_like(me.params.weights))

    look(cluster(Fault.kill(shard=0, at_s=3 * MS)), work, probe=served(sgd()), n_examples=60)
    assert pulled[0].met
    np.testing.assert_array_equal(pulled[0].values, 2.0)


def test_operations_and_the_state_of_rules_live_on_in_the_copy():
    answers = {}

    def work_of(name):
        async def work(me):
            if me.rank == 0:
                await me.on_server("copy", "old", "weights")
                for _ in range(3):
                    await me.push(await me.gradient(1))
                    await me.on_server("axpy", "old", 2.0, "weights")
                await wait(me, 10)
                await me.push(await me.gradient(1))
                answers[name] = await me.on_server("dot", "old", "weights"), (await me.pull()).values.tobytes()

        return work

    for name, faults in (
        ("calm", ()),
        ("killed", (Fault.kill(shard=0, at_s=5 * MS), Fault.kill(shard=1, at_s=6 * MS))),
    ):
        look(cluster(*faults, shards=2), work_of(name), probe=served(adagrad(0.5)), n_examples=60)
    assert answers["killed"] == answers["calm"]


def test_a_shard_may_lose_one_host_after_another():
    async def work(me):
        async for _ in me.rounds():
            await me.push(await me.gradient(1))

    faults = [Fault.kill(shard=0, at_s=at * MS) for at in (2, 8, 14)]
    result = look(cluster(*faults), work, probe=served(sgd()), n_examples=60)
    np.testing.assert_array_equal(result.params.weights, 1.0)
    report = result.history.traffic.faults
    assert report.shards_replaced == 3
    assert (report.acknowledged, report.applied) == (60, (60,))


def test_both_hosts_of_a_shard_are_too_many():
    async def work(me):
        await wait(me, 15)

    # At 100 kB/s the copy of 60 weights, and of what is known of workers, takes some milliseconds.
    faults = (Fault.kill(shard=0, at_s=2 * MS), Fault.kill(shard=0, at_s=4.5 * MS))
    with pytest.raises(ShardLost, match="both hosts of shard 0 are dead, and its weights are lost"):
        look(cluster(*faults, bandwidth_bytes_s=1e5), work, probe=served(sgd()), n_examples=60)


# ---- what cannot go on


def cut_off(**whom):
    return cluster(Fault.partition(**whom, from_s=2 * MS))


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        (lambda me: me.push(np.ones_like(me.params.weights)), "worker 1 cannot reach shard 0 since 0.00"),
        (lambda me: me.all_reduce(me.params.weights), "worker [01] cannot reach worker [01] since 0.00"),
        (lambda me: me.get(0), "worker 1 cannot reach worker 0 since 0.00"),
        (lambda me: me.put(0, me.params.weights, "add"), "worker 1 cannot reach worker 0 since 0.00"),
    ],
    ids=["push", "all_reduce", "get", "put"],
)
def test_a_partition_that_never_ends_ends_the_run(verb, sentence):
    async def work(me):
        await wait(me, 3)
        if me.rank == 1 or "[01]" in sentence:
            await verb(me)
        await wait(me, 9)

    with pytest.raises(Unreachable, match=sentence):
        look(cut_off(workers=(1,)), work, probe=served(sgd()), n_examples=60)


def test_a_partition_that_ends_costs_time_only():
    def learnt(*faults):
        result = look(cluster(*faults), work, probe=served(sgd()), n_examples=30)
        np.testing.assert_array_equal(result.params.weights, 1.0)
        return result.history.traffic.virtual_s

    async def work(me):
        async for _ in me.rounds():
            await me.push(await me.gradient(1))
            await me.all_reduce()
            break
        async for _ in me.rounds():
            await me.push(await me.gradient(1))

    assert 40 * MS < learnt(Fault.partition(workers=(1,), from_s=0.5 * MS, to_s=40 * MS)) < 60 * MS


def test_news_from_who_is_cut_off_is_lost():
    found = []

    async def work(me):
        await wait(me, 3)
        if me.rank == 1:
            assert await me.put(0, me.params.weights)
        await me.get(2 - me.rank if me.rank != 1 else 1)
        if me.rank == 0:
            await wait(me, 3)
            found.append(await me.inbox())

    look(cut_off(workers=(1,)), work, probe=ASYNC, n_examples=60)
    assert found == [[]]


def test_nobody_is_left_who_knows_the_weights():
    # The first is to be let in when the second begins a round, which it never does.
    faults = (Fault.kill(worker=0, at_s=2 * MS, back_s=6 * MS), Fault.kill(worker=1, at_s=7 * MS, back_s=9 * MS))
    task = problem()
    with pytest.raises(WorkersLost, match="nobody is left who could tell those that come back what was learnt"):
        train(task.model, task.data, strategy=LocalSGD(10), engine=cluster(*faults, workers=2), seed=0)


def test_deadlocks_are_found_where_there_are_faults():
    async def work(me):
        await me.inbox(((me.rank + 1) % me.size,))

    with pytest.raises(Deadlock, match="worker 1 waits for a message of worker 2"):
        look(cluster(Fault.lose(0.5), Fault.leave(worker=0, at_s=1.0)), work, probe=ASYNC)


# ---- time and chance


def test_a_slow_worker_takes_as_many_times_as_long():
    def took_s(*faults):
        return look(cluster(*faults, workers=1), work, probe=ASYNC, n_examples=20).history.traffic.virtual_s

    async def work(me):
        await wait(me, 20)

    assert took_s() == pytest.approx(20 * MS)
    assert took_s(Fault.slow(worker=0, factor=3.0)) == pytest.approx(60 * MS)
    assert took_s(Fault.slow(worker=0, factor=3.0, from_s=4.5 * MS, to_s=9.5 * MS)) == pytest.approx(24 * MS)


def test_the_seed_decides_what_is_lost():
    def run(seed, *faults):
        result = look(cluster(*faults), work, probe=served(sgd()), n_examples=60, seed=seed)
        return result.history.traffic

    async def work(me):
        async for _ in me.rounds():
            await me.push(await me.gradient(1))

    some = (Fault.lose(0.1), Fault.duplicate(0.1), Fault.reorder(0.1, by_s=MS))
    assert run(0, *some) == run(0, *some)
    assert run(0, *some) != run(1, *some)
    assert run(0).faults is None
    assert run(0, *some).faults.sent_again == run(0, *some).faults.lost_messages > 0
    assert run(0, *some).faults.duplicates_dropped > 0
    assert run(0, Fault.lose(0.3)).faults.lost_messages > run(0, Fault.lose(0.1)).faults.lost_messages


def test_who_comes_has_pushed_as_often_as_others_though_they_do_not_in_each_round():
    seen = []

    async def work(me):
        async for round in me.rounds():
            stamp = (await me.pull()).stamps[0]
            seen.append((me.rank, round.number, stamp.version - stamp.others))
            change = await me.steps(1, record=True)
            if round.number % 3 == 2:
                await me.push(change)

    look(cluster(Fault.kill(worker=2, at_s=5 * MS, back_s=12 * MS)), work, probe=served(sgd()), n_examples=90)
    pushed = {number: own for rank, number, own in seen if rank == 2}
    assert max(pushed) > 12
    assert all(number // 3 - 1 <= own <= number // 3 + 1 for number, own in pushed.items())
