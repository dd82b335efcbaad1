"""Hypothesis searches interleavings: whatever the seed, the speeds and the network, nothing is lost, counted twice or
waited for in vain, and a run repeats bit for bit.
"""

from collections import Counter
from dataclasses import replace
from math import inf

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conformance.halving import halving

from hogwild import (
    ALL,
    METHODS,
    AllReduce,
    Alone,
    BoundedStaleness,
    Compressed,
    Downpour,
    ElasticAveraging,
    Gossip,
    GrowingBatches,
    Hogwild,
    LocalSGD,
    Locked,
    ParzenASGD,
    PermissibleDelay,
    Racy,
    Replicas,
    Sandblaster,
    Simulated,
    Speeds,
    Stop,
    adagrad,
    adam,
    compensated,
    constant_size,
    damped,
    float16,
    linear_size,
    momentum,
    per_log_size,
    power_size,
    sgd,
    sign,
    softsync,
    topk,
)
from hogwild.deltas import Change
from hogwild.rules.topologies import TOPOLOGIES
from hogwild.testing.ledger import Ledger
from hogwild.testing.probes import Probe, Trial, look, served

speeds = st.builds(
    Speeds,
    spread=st.sampled_from([0.0, 0.5, 2.0]),
    straggle=st.sampled_from([0.0, 0.1, 1.0]),
    straggle_factor=st.sampled_from([1.0, 10.0, 1000.0]),
    jitter=st.sampled_from([0.0, 0.3, 2.0]),
)
clusters = st.builds(
    Simulated,
    workers=st.integers(1, 6),
    shards=st.integers(1, 3),
    latency_s=st.sampled_from([0.0, 1e-6, 1e-4, 1.0]),
    bandwidth_bytes_s=st.sampled_from([inf, 1e9, 1e4]),
    example_s=st.sampled_from([1e-6, 1e-3]),
    speeds=speeds,
)
seeds = st.integers(0, 2**32 - 1)
examples = st.integers(3, 40)
epochs = st.integers(1, 3)
small = st.integers(1, 9)
judged = st.sampled_from([None, 0])


def visits(result, epochs: int) -> None:
    """Each example was learnt once an epoch, as the weights of the ledger say."""
    np.testing.assert_array_equal(result.params.weights, float(epochs))


# ---- examples


# A worker that came to the next epoch was followed by the others before they had learnt the rest of theirs.
@example(Simulated(2), 0, 23, 3, True, 3, True)
@given(clusters, seeds, examples, epochs, st.booleans(), small, st.booleans())
def test_each_example_is_handed_out_once_an_epoch(engine, seed, n, epochs, agree, block, by_steps):
    async def work(me):
        async for _ in me.rounds():
            if by_steps:
                await me.steps(block)
            else:
                await me.apply(await me.gradient(block))
        me.params.weights[:] = (await me.all_reduce(me.params.weights)).sum

    stop = Stop(epochs=epochs, tol=None)
    result = look(engine, work, probe=Probe(agree=agree), stop=stop, n_examples=n, seed=seed)
    visits(result, epochs)
    assert result.history[-1].examples == n * epochs
    assert [record.epoch for record in result.history] == list(range(1, epochs + 1))


@given(clusters, seeds, examples, epochs, small, judged)
def test_agreed_rounds_are_the_same_for_all(engine, seed, n, epochs, block, tol):
    counts = Counter()

    async def work(me):
        async for _ in me.rounds():
            counts[me.rank] += 1
            everybody = await me.all_reduce(await me.gradient(block))
            assert everybody.count == me.size
            await me.apply(everybody.sum)

    stop = Stop(epochs=epochs, tol=tol)
    result = look(engine, work, probe=Probe(answer="mine"), stop=stop, n_examples=n, seed=seed)
    visits(result, epochs)
    assert len(set(counts.values())) == 1
    assert len(counts) == engine.workers


# upcoming() found nothing left, but a new epoch had begun before gradient().
@example(Simulated(5, speeds=Speeds(spread=2.0, jitter=2.0)), 3, 11, 3, 4, True, None)
@given(clusters, seeds, examples, epochs, small, st.booleans(), judged)
def test_gradients_of_upcoming_rows_are_never_lost(engine, seed, n, epochs, block, late, tol):
    pushes = Counter()

    async def work(me):
        async for _ in me.rounds():
            if late:
                await me.pull()  # rounds() has said yes; meanwhile others may take the rest of the epoch
            keys = await me.upcoming(block)
            await me.pull(keys)
            delta = await me.gradient(block, keys)
            assert delta.examples == keys.size
            ack = await me.push(Change(-delta.values, delta.examples, 1, keys))
            assert ack.staleness >= 0
            pushes[me.rank] += 1

    stop = Stop(epochs=epochs, tol=tol)
    result = look(engine, work, probe=served(sgd()), stop=stop, n_examples=n, seed=seed)
    if tol is None:
        visits(result, epochs)
    assert result.history.traffic.staleness.total() == pushes.total()


# ---- the server


@given(clusters, seeds, st.integers(1, 12), st.booleans())
def test_each_push_is_applied_once_by_each_shard(engine, seed, count, at_once):
    async def work(me):
        mine = 2.0 ** (count * me.rank + np.arange(count))  # sums of them tell which were applied
        versions = 0
        if at_once:
            tickets = [await me.start(me.push(np.full_like(me.params.weights, x))) for x in mine]
            for ticket in tickets:
                await ticket
        else:
            for x in mine:
                ack = await me.push(np.full_like(me.params.weights, x))
                assert min(ack.versions) > versions
                versions = min(ack.versions)
                pulled = await me.pull()
                assert min(pulled.versions) >= versions, "a worker does not see its own push"
        everybody = await me.pull(version=count * me.size)
        assert everybody.met
        assert set(everybody.versions) == {count * me.size}
        np.testing.assert_array_equal(everybody.values, 2.0 ** (count * me.size) - 1)

    count = min(count, 50 // engine.workers)
    look(engine, work, probe=served(sgd()), seed=seed)


@given(clusters, seeds, st.integers(0, 3), st.integers(1, 5))
def test_clocks_bound_how_far_workers_run_ahead(engine, seed, bound, rounds):
    begun = Counter()

    async def work(me):
        async for round in me.rounds():
            pulled = await me.pull(clock=max(0, round.number - bound))
            assert pulled.met
            begun[me.rank] += 1
            in_rounds = [begun[rank] for rank in (me.rank, *me.peers)]
            assert max(in_rounds) - min(in_rounds) <= bound + 1
            await me.push(np.ones_like(me.params.weights))
            await me.steps(1)
            if round.number + 1 == rounds:
                break

    look(engine, work, probe=served(sgd(), agree=True), seed=seed, n_examples=100)


# ---- sums and messages


@given(clusters, seeds, st.lists(st.integers(-(2**20), 2**20), min_size=6, max_size=6), st.integers(1, 5))
def test_averaging_keeps_the_mean(engine, seed, values, times):
    total = float(sum(values[: engine.workers]))

    async def work(me):
        me.params.weights[:] = values[me.rank]
        await me.all_reduce()
        for _ in range(times):
            await me.average(int(me.rng.integers(me.size)))
        await me.all_reduce()
        everybody = await me.all_reduce(me.params.weights)
        np.testing.assert_array_equal(everybody.sum, total)  # halves of whole numbers are exact
        me.params.weights[:] = everybody.sum / everybody.count
        again = await me.all_reduce(me.params.weights)
        np.testing.assert_allclose(again.sum, total, rtol=1e-14, atol=1e-9)

    look(engine, work, seed=seed)


@given(clusters, seeds, st.integers(1, 6), st.integers(1, 6))
def test_a_quorum_is_kept_and_all_are_told_the_same_sum(engine, seed, quorum, rounds):
    quorum = min(quorum, engine.workers)
    sums: dict[int, set[tuple[float, int]]] = {}

    async def work(me):
        async for round in me.rounds():
            await me.steps(1)
            reduced = await me.all_reduce(np.full_like(me.params.weights, 2.0**me.rank), quorum)
            sums.setdefault(round.number, set()).add((float(reduced.sum[0]), reduced.count))
            assert quorum <= reduced.count <= me.size
            assert int(reduced.sum[0]).bit_count() == reduced.count
            if round.number + 1 == rounds:
                return

    look(engine, work, seed=seed, n_examples=10 * engine.workers, stop=Stop(epochs=1, tol=None))
    assert all(len(told) == 1 for told in sums.values()), "workers were told different sums"


@given(clusters, seeds, st.integers(1, 8), st.sampled_from(["add", "queue"]))
def test_gossip_loses_no_mass(engine, seed, times, mode):
    """Push-sum: half of what I have goes to somebody, and is somewhere at any time."""
    look(engine, halving(times, mode), seed=seed)


# Messages to oneself take no time, and events of one time run in any order.
@example(Simulated(1), 0, 4)
@given(clusters, seeds, st.integers(1, 8))
def test_queues_keep_their_order(engine, seed, count):
    async def work(me):
        everybody = list(range(me.size))  # myself, too
        for number in range(count):
            for peer in everybody:
                assert await me.put(peer, np.array([float(number)]), "queue")
        for number in range(count):
            messages = await me.inbox(tuple(everybody))
            assert [message.sender for message in messages] == everybody
            assert [message.x[0] for message in messages] == [number] * me.size
        await me.all_reduce()
        assert await me.inbox() == []

    look(engine, work, seed=seed)


# ---- the strategies of the table, with any parameters

rules = st.sampled_from(
    [
        *(sgd(), sgd(0.5), momentum(0.1), adagrad(), adam()),
        *(damped(sgd()), compensated(sgd(0.1)), compensated(adagrad(), adaptive=True)),
        *(softsync(sgd(), 1), damped(softsync(adam(), 1))),
    ]
)
downpours = st.builds(
    Downpour,
    minibatch=small,
    fetch_every=st.integers(1, 4),
    push_every=st.integers(1, 4),
    server=rules,
    warm_start=st.integers(0, 4),
    fetch=st.sampled_from(["ahead", "wait"]),
)
row_downpours = st.builds(Downpour, minibatch=small, server=rules, warm_start=st.integers(0, 4), fetch=st.just("rows"))
periods = {"period": small, "minibatch": small}
elastic_averaging = st.builds(
    ElasticAveraging,
    beta=st.sampled_from([0.1, 1.0]),
    momentum=st.sampled_from([0.0, 0.9]),
    synchronous=st.booleans(),
    **periods,
)
senders = st.one_of(
    st.builds(AllReduce, minibatch=small, backups=st.integers(0, 6)),
    st.builds(LocalSGD, **periods),
    downpours,
    st.builds(BoundedStaleness, staleness=st.sampled_from([0, 1, 5, inf]), **periods),
    elastic_averaging,
)
growing = st.builds(
    GrowingBatches,
    sizes=st.sampled_from([constant_size(1), constant_size(20), linear_size(3), per_log_size(4), power_size(2, 0.5)]),
    delay=st.one_of(st.integers(0, 3), st.sampled_from([PermissibleDelay(), PermissibleDelay(8.0)])),
    minibatch=st.integers(1, 4),
    block_examples=st.sampled_from([1, 5, 1024]),
)
strategies = st.one_of(
    senders,
    st.builds(
        Gossip,
        protocol=st.sampled_from(["sgp", "gosgd", "ad-psgd", "pull"]),
        topology=st.sampled_from([None, *TOPOLOGIES]),
        **periods,
    ),
    st.builds(
        Gossip, protocol=st.just("d-psgd"), topology=st.sampled_from([None, "hypercube", "bipartite"]), **periods
    ),
    st.builds(ParzenASGD, blocks=st.integers(1, 50), filter=st.booleans(), **periods),
    st.builds(Compressed, senders, st.sampled_from([float16(), topk(0.1), sign()])),
    st.builds(AllReduce, minibatch=st.one_of(small, st.just(ALL)), backups=st.integers(0, 6)),
    st.builds(LocalSGD, period=small, minibatch=small),
    st.builds(Alone, block_examples=st.integers(1, 50), minibatch=small),
    downpours,
    row_downpours,
    st.builds(Sandblaster, method=st.sampled_from(list(METHODS))),
    growing,
    st.builds(
        Hogwild, how=st.sampled_from([Racy(), Replicas(4)]), block_examples=st.integers(1, 50), minibatch=st.just(1)
    ),
    st.builds(Locked, block_examples=st.integers(1, 50)),
)


@given(clusters, strategies, seeds, examples, epochs, judged)
def test_every_strategy_ends_and_repeats_bit_for_bit(engine, strategy, seed, n, epochs, tol):
    engine = replace(engine, workers=max(engine.workers, strategy.least_workers))

    def run():
        trial = Trial(model=Ledger(goal=2), stop=Stop(epochs=epochs, tol=tol), n_examples=n, seed=seed)
        return trial.run_strategy(engine, strategy)

    one, other = run(), run()
    np.testing.assert_array_equal(one.params.weights, other.params.weights)
    assert one.history == other.history
    assert one.reason == "epochs" or tol == 0 or isinstance(strategy, Sandblaster), "which ends where nothing is better"
    seen = [record.examples for record in one.history]
    assert seen == sorted(seen)
    # Those who are late leave examples out: they have been counted, too.
    assert seen[-1] <= n * epochs
    if one.reason == "epochs":
        assert seen[-1] == n * epochs
    assert np.isfinite(one.params.weights).all()


@given(clusters, st.one_of(downpours, row_downpours), seeds, examples, epochs)
def test_downpour_pushes_each_example_once(engine, strategy, seed, n, epochs):
    # With a rate of 1 and minibatches of 1 each visit is 1 on the server, however long it accrues.
    strategy = Downpour(1, strategy.fetch_every, strategy.push_every, sgd(1.0), strategy.warm_start, strategy.fetch)
    trial = Trial(stop=Stop(epochs=epochs, tol=None), n_examples=n, seed=seed)
    visits(trial.run_strategy(engine, strategy), epochs)


@given(clusters, growing, seeds, examples, epochs)
def test_growing_batches_push_each_example_once(engine, strategy, seed, n, epochs):
    trial = Trial(stop=Stop(epochs=epochs, tol=None), n_examples=n, seed=seed)
    visits(trial.run_strategy(engine, strategy), epochs)


@given(clusters, seeds, examples, epochs, small)
def test_all_reduce_learns_each_example_once(engine, seed, n, epochs, minibatch):
    trial = Trial(stop=Stop(epochs=epochs, tol=0), n_examples=n, seed=seed)
    visits(trial.run_strategy(engine, AllReduce(minibatch)), epochs)
    visits(trial.run_strategy(engine, AllReduce(ALL)), epochs)


@given(clusters, seeds, examples, epochs, small)
def test_alone_keeps_the_mean_of_all_visits(engine, seed, n, epochs, minibatch):
    trial = Trial(stop=Stop(epochs=epochs), n_examples=n, seed=seed)
    result = trial.run_strategy(engine, Alone(20, minibatch))
    np.testing.assert_allclose(result.params.weights * engine.workers, epochs, rtol=1e-12)
