"""Faults: strategies keep their word, Hypothesis searches plans, and what is counted adds up."""

from collections import Counter
from itertools import count as counting
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.halving import halving

from hogwild import (
    ALL,
    AllReduce,
    Alone,
    BoundedStaleness,
    Compressed,
    Downpour,
    ElasticAveraging,
    Fault,
    Faults,
    Gossip,
    GrowingBatches,
    Hogwild,
    Linear,
    LocalSGD,
    Partitioned,
    ParzenASGD,
    Sandblaster,
    Simulated,
    Speeds,
    Stop,
    Unsupported,
    constant,
    constant_size,
    linear_size,
    sgd,
    train,
)
from hogwild.rules.topologies import Place, ring
from hogwild.testing import ENGINE_CHECKS, Survival, fault_plans, problem
from hogwild.testing.ledger import Ledger
from hogwild.testing.probes import Probe, Trial, look, served
from hogwild.testing.soak import SOAKED, failures
from hogwild.testing.soak import main as soak
from hogwild.testing.survival import in_small_steps

seeds = st.integers(0, 2**32 - 1)
MESSAGES = frozenset({"lost message", "duplicate message", "slow worker"})
HOSTS = MESSAGES | {"lost worker", "lost coordinator", "lost shard"}
NAMES = [name for name, make in SOAKED.items() if make().survives]

# ---- every strategy of the table


@pytest.fixture(scope="module")
def rigs():
    """`Survival` of each strategy of the table, made once."""
    made: dict[str, Survival] = {}

    def rig(name):
        if name not in made:
            made[name] = Survival(in_small_steps(SOAKED[name]()), workers=10)
        return made[name]

    return rig


def planned(rig, survives) -> Faults:
    """A tenth of the workers and the host of one shard die, and of the messages 5 % are lost and 5 % come twice: as far
    as it is survived.
    """
    at = [rig.horizon_s * share for share in (0.2, 0.4, 0.6)]
    faults = {
        "lost worker": Fault.kill(worker=0, at_s=at[0]),
        "lost shard": Fault.kill(shard=0, at_s=at[1]),
        "lost message": Fault.lose(0.05),
        "duplicate message": Fault.duplicate(0.05),
        "slow worker": Fault.slow(worker=rig.workers - 1, factor=5.0, from_s=at[0], to_s=at[2]),
    }
    return Faults(tuple(fault for word, fault in faults.items() if word in survives))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_strategy_survives_what_it_declares(name, rigs):
    rig, survives = rigs(name), SOAKED[name]().survives
    report = rig.check_plan(planned(rig, survives), seed=1)
    assert report.workers_lost == ("lost worker" in survives)
    assert report.shards_replaced == ("lost shard" in survives)
    if "lost message" in survives and rig.workers > 1:
        assert report.lost_messages > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_workers_come_back_with_their_data(name, rigs):
    rig, survives = rigs(name), SOAKED[name]().survives
    if "lost worker" not in survives:
        return
    back = Fault.kill(worker=0, at_s=0.2 * rig.horizon_s, back_s=0.5 * rig.horizon_s)
    report = rig.check_plan(Faults((back, Fault.join(worker=3, at_s=0.1 * rig.horizon_s))), seed=1)
    assert (report.workers_lost, report.workers_joined) == (1, 2)


# These ask for news (`put`) that a network may lose.
NEWS = {"mailboxes_keep_what_is_put", "upcoming_rows_stay_those_that_come"}
TWICE = (Fault.duplicate(0.2), Fault.kill(shard=0, at_s=1e-3))
LOSSES = (*TWICE, Fault.lose(0.2), Fault.reorder(0.2, by_s=1e-3))


@pytest.mark.parametrize("name", sorted(ENGINE_CHECKS.keys() - {"every_strategy_runs"}))
def test_an_engine_keeps_its_promises_on_a_bad_network(name):
    faults = TWICE if name in NEWS else LOSSES
    ENGINE_CHECKS[name](lambda n: Simulated(n, shards=3, faults=faults))


@pytest.mark.slow
@pytest.mark.parametrize(
    "first", [pytest.param(first, marks=[pytest.mark.soak] if first >= 25 else []) for first in range(0, 200, 25)]
)
def test_random_plans_are_survived(first):
    """The objective of each comes within 1 % of the run without faults: see `Survival`."""
    assert list(failures(range(first, first + 25))) == []


# Not ParzenASGD and elastic averaging: where each has other rows, they differ by more than 1 % from seed to seed.
ON_OWN_ROWS = {
    "all-reduce": AllReduce(minibatch=4),
    "full-batch": AllReduce(minibatch=ALL),
    "local-sgd": LocalSGD(period=5, minibatch=4),
    "bounded-staleness": BoundedStaleness(period=5, minibatch=4),
    "downpour": Downpour(minibatch=4, server=sgd()),
    "growing-batches": GrowingBatches(constant_size(20), minibatch=4),
    "gossip": Gossip(period=5, minibatch=4),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_OWN_ROWS)
def test_a_worker_comes_back_with_rows_that_only_it_has(name):
    task = problem(n=200, d=4, l2=0.1)
    X, y = task.data
    data = Partitioned((X, y), np.argsort(np.argsort(y)) // 20)  # each of ten workers has other targets
    model, stop = Linear("squared", l2=0.1, schedule=constant(0.02)), Stop(epochs=150, tol=0)

    def run(faults):
        engine = Simulated(10, shards=2, faults=faults)
        history = train(model, data, strategy=ON_OWN_ROWS[name], engine=engine, stop=stop, seed=0).history
        return history, min(record.objective for record in history)

    calm, best = run(())
    time_s = calm[-1].time_s
    kill = Fault.kill(worker=3, at_s=0.1 * time_s, back_s=0.3 * time_s)
    shard = (Fault.kill(shard=0, at_s=0.2 * time_s),) if "server" in ON_OWN_ROWS[name].needs else ()
    history, found = run((kill, *shard, Fault.lose(0.05), Fault.duplicate(0.05)))
    assert found <= 1.01 * best
    assert (history.traffic.faults.workers_lost, history.traffic.faults.workers_joined) == (1, 1)
    checked(history.traffic.faults)


@pytest.mark.parametrize("fault", [Fault.kill(worker=1, at_s=1e-3), Fault.leave(worker=1, at_s=1e-3)])
def test_rows_that_only_one_worker_has_must_come_back(fault):
    task = problem(n=60)
    for faults in ((fault,), (Fault.kill(worker=1, at_s=1e-4, back_s=2e-4), fault)):
        with pytest.raises(Unsupported, match=r"^Fault\.(kill|leave)\(worker=1, at_s=0\.001\) takes rows away"):
            train(task.model, Partitioned(task.data), strategy=LocalSGD(5), engine=Simulated(3, faults=faults), seed=0)


@pytest.mark.parametrize("at_s", [4e-4, 8e-4, 1.5e-3, 1.6e-3, 2e-3])
@pytest.mark.parametrize("uneven", range(4))
def test_who_comes_back_is_not_heard_in_rounds_before_its_own(at_s, uneven):
    """In a ring each worker sends the number of its round. Slow neighbours may still be where the dead one was."""
    seen: list[tuple[float, int]] = []

    async def work(me):
        async for round in me.rounds():
            await me.steps(5)
            place = Place(ring(), round.number, me.rank, me.peers)
            for peer in place.peers:
                await me.put(peer, np.array([float(round.number)]), "queue")
            seen.extend((message.x[0], round.number) for message in await me.inbox(place.senders))

    speeds, back = Speeds(spread=1.0, straggle=0.1), Fault.kill(worker=1, at_s=at_s, back_s=at_s + 1e-3)
    engine = Simulated(5, speeds=speeds, faults=(back,))
    look(engine, work, probe=Probe(agree=True), n_examples=3_600, stop=Stop(epochs=2, tol=None), seed=uneven)
    assert len(seen) > 100
    assert [pair for pair in seen if pair[0] != pair[1]] == []


def test_soaking_names_the_seeds_of_what_fails(capsys):
    assert soak(["--plans", "3", "--seed", "7"]) == 0
    assert capsys.readouterr().out == "0 of 3 plans failed\n"


# ---- any plan, any parameters

small = st.integers(1, 9)
strategies = st.one_of(
    st.builds(AllReduce, minibatch=st.one_of(small, st.just(ALL)), backups=st.integers(0, 3)),
    st.builds(LocalSGD, period=small, minibatch=small),
    st.builds(Alone, block_examples=st.integers(1, 50), minibatch=small),
    st.builds(
        Downpour,
        minibatch=small,
        fetch_every=st.integers(1, 4),
        push_every=st.integers(1, 4),
        server=st.just(sgd()),
        warm_start=st.integers(0, 4),
        fetch=st.sampled_from(["ahead", "wait"]),
    ),
    st.builds(Downpour, minibatch=small, server=st.just(sgd()), fetch=st.just("rows")),
    st.builds(Hogwild, block_examples=st.integers(1, 50)),
    st.builds(BoundedStaleness, staleness=st.sampled_from([0, 2, inf]), period=small),
    st.builds(ElasticAveraging, period=small, momentum=st.sampled_from([0.0, 0.5]), synchronous=st.booleans()),
    st.builds(
        Gossip,
        protocol=st.sampled_from(["sgp", "gosgd", "ad-psgd", "pull"]),
        topology=st.sampled_from(["ring", "exponential", "hypercube", "bipartite", "random", "complete"]),
        period=small,
    ),
    st.builds(Gossip, protocol=st.just("d-psgd"), topology=st.sampled_from(["ring", "hypercube"]), period=small),
    st.builds(ParzenASGD, period=small, blocks=st.integers(1, 3)),
    st.builds(GrowingBatches, sizes=st.sampled_from([constant_size(5), linear_size(3)]), delay=st.integers(0, 2)),
    st.builds(Sandblaster, method=st.sampled_from(["lbfgs", "gradient_descent"])),
    st.builds(Compressed, st.builds(BoundedStaleness, period=small), st.sampled_from(["float16", "topk", "sign"])),
    st.builds(Compressed, st.builds(LocalSGD, period=small), st.sampled_from(["float16", "topk", "sign"])),
)
speeds = st.sampled_from([Speeds(), Speeds(spread=0.5, jitter=0.3), Speeds(straggle=0.1)])


@st.composite
def troubled(draw, survives, least_workers=1):
    """A small cluster with a plan of faults within the first ten milliseconds, or the first tenth of one."""
    workers, shards = draw(st.integers(least_workers, 5)), draw(st.integers(1, 3))
    horizon_s = draw(st.sampled_from([1e-2, 1e-3, 1e-4]))
    plan = draw(fault_plans(workers, shards, horizon_s, survives))
    return Simulated(workers, shards=shards, speeds=draw(speeds), faults=plan)


def checked(report) -> None:
    """What is counted adds up; there is no report where the plan is empty."""
    for applied in () if report is None else report.applied:
        assert report.acknowledged <= applied <= report.pushes
        if not report.workers_lost:
            assert report.acknowledged == applied == report.pushes


@given(st.data(), strategies, seeds, st.integers(3, 40), st.integers(1, 3), st.sampled_from([None, 0]))
def test_every_run_ends_and_repeats_bit_for_bit(data, strategy, seed, n, epochs, tol):
    engine = data.draw(troubled(strategy.survives, strategy.least_workers))
    trial = Trial(model=Ledger(goal=2), stop=Stop(epochs=epochs, tol=tol), n_examples=n, seed=seed)
    one, other = trial.run_strategy(engine, strategy), trial.run_strategy(engine, strategy)
    np.testing.assert_array_equal(one.params.weights, other.params.weights)
    assert one.history == other.history
    assert one.reason == "epochs" or tol == 0
    assert one.history[-1].examples <= n * epochs
    checked(one.history.traffic.faults)


@given(troubled(HOSTS), seeds, st.integers(1, 10), st.booleans())
def test_no_acknowledged_push_is_lost_and_none_applied_twice(engine, seed, times, at_once):
    numbers, told = counting(), Counter()
    begun: list[int] = []

    async def work(me):
        mine = []
        for _ in range(times):
            number = next(numbers)
            begun.append(number)
            ticket = await me.start(me.push(np.full_like(me.params.weights, 2.0**number)))
            mine.append((number, ticket))
            if not at_once:
                await ticket
                told[number] += 1
        if at_once:
            for number, ticket in mine:
                await ticket
                told[number] += 1
        pulled = await me.pull()
        known = pulled.values.astype(np.int64)
        for number, _ in mine:
            assert (known >> number & 1).all(), "a worker does not see its own push"

    times = min(times, 50 // (2 * engine.workers))
    result = look(engine, work, probe=served(sgd()), seed=seed)
    weights, report = result.params.weights.astype(np.int64), result.history.traffic.faults
    for number in range(len(begun)):
        if told[number]:
            assert (weights >> number & 1).all(), "an acknowledged push was lost"
    assert set(told.values()) <= {1}
    assert (weights < 2 ** len(begun)).all()
    if report is not None:  # one that is made twice makes fewer bits
        assert {int(weight).bit_count() for weight in weights} == set(report.applied)
        assert report.acknowledged >= sum(told.values())  # some died before they looked
        assert report.workers_lost or report.acknowledged == len(begun)
        checked(report)


@given(troubled(MESSAGES), seeds, st.integers(1, 8), st.sampled_from(["add", "queue"]))
def test_messages_lose_no_mass(engine, seed, times, mode):
    look(engine, halving(times, mode), seed=seed)


@given(troubled(MESSAGES), seeds, st.integers(1, 8))
def test_queues_keep_their_order_and_news_is_never_old(engine, seed, times):
    async def work(me):
        everybody, last = list(range(me.size)), Counter()
        for number in range(1, times + 1):
            for peer in everybody:
                await me.put(peer, np.array([float(number)]), "queue")
        for number in range(1, times + 1):
            messages = await me.inbox(tuple(everybody))
            assert [(message.sender, message.x[0]) for message in messages] == [(rank, number) for rank in everybody]
        await me.all_reduce()
        for number in range(1, times + 1):
            for peer in everybody:
                await me.put(peer, np.array([float(number)]))
            for message in await me.inbox():
                assert message.x[0] > last[message.sender], "older news came after newer"
                last[message.sender] = message.x[0]

    look(engine, work, seed=seed)


@given(troubled(MESSAGES), seeds, st.integers(1, 5))
def test_averaging_keeps_the_mean(engine, seed, times):
    async def work(me):
        me.params.weights[:] = 4.0**me.rank
        await me.all_reduce()
        for _ in range(times):
            assert await me.average(int(me.rng.integers(me.size)))
        await me.all_reduce()
        everybody = await me.all_reduce(me.params.weights)
        np.testing.assert_allclose(everybody.sum, (4.0**me.size - 1) / 3, rtol=1e-12)

    look(engine, work, seed=seed)


@given(troubled(HOSTS), seeds, st.integers(1, 8), st.sampled_from(["replace", "add", "queue"]))
def test_nobody_waits_for_the_dead(engine, seed, times, mode):
    async def work(me):
        async for _ in me.rounds():
            await me.gradient(times)
            peer = int(me.rng.integers(me.size))
            sent = await me.put(peer, me.params.weights, mode)
            message, met = await me.get(peer), await me.average(peer)
            assert message is None or message.sender == peer
            assert sent in (True, False)
            assert met in (True, False)
            await me.inbox()
            await me.push(np.ones_like(me.params.weights))
            if me.size > 1:
                await me.put((me.rank + 1) % me.size, me.params.weights, "queue")
        await me.all_reduce()
        await me.inbox(tuple(range(me.rank)))  # of each a message, unless it is dead or has ended

    look(engine, work, probe=served(sgd(), answer="server"), seed=seed, n_examples=50)


@given(troubled(frozenset({"lost worker", "lost coordinator"}) | MESSAGES), seeds, st.integers(1, 6))
def test_all_that_take_part_are_told_the_same_sums(engine, seed, block):
    sums: dict[int, set[tuple[float, int]]] = {}

    async def work(me):
        async for round in me.rounds():
            await me.steps(block)
            everybody = await me.all_reduce(np.full_like(me.params.weights, 2.0**me.rank))
            assert int(everybody.sum[0]).bit_count() == everybody.count, "somebody gave twice"
            assert int(everybody.sum[0]) >> me.rank & 1, "what I gave is not in it"
            sums.setdefault(round.number, set()).add((float(everybody.sum[0]), everybody.count))

    look(engine, work, probe=Probe(agree=True), seed=seed, n_examples=30, stop=Stop(epochs=3, tol=None))
    assert all(len(told) == 1 for told in sums.values()), "workers were told different sums"


@given(troubled(MESSAGES), seeds, st.integers(3, 40), st.integers(1, 3), small)
def test_each_example_is_learnt_once_whatever_happens_to_messages(engine, seed, n, epochs, block):
    strategy = Downpour(1, 1, block, sgd(1.0))
    result = Trial(stop=Stop(epochs=epochs, tol=None), n_examples=n, seed=seed).run_strategy(engine, strategy)
    np.testing.assert_array_equal(result.params.weights, float(epochs))
    result = Trial(stop=Stop(epochs=epochs, tol=None), n_examples=n, seed=seed).run_strategy(engine, AllReduce(block))
    np.testing.assert_array_equal(result.params.weights, float(epochs))


# ---- what a reader has found


@pytest.mark.parametrize("protocol", ["gosgd", "pull", "sgp"])
def test_who_joins_at_the_beginning_begins_with_round_0(protocol):
    engine = Simulated(4, faults=(Fault.join(worker=3, at_s=0.0),))
    trial = Trial(stop=Stop(2, tol=None), n_examples=40)
    assert np.isfinite(trial.run_strategy(engine, Gossip(protocol, period=2)).params.weights).all()


def test_what_is_wrapped_depends_on_its_coordinator_still():
    assert Compressed(LocalSGD(), "sign").coordinator is None
    inner = served(sgd()).strategy(lambda me: None)
    type(inner).coordinator, type(inner).most_workers = 0, 2
    outer = Compressed(inner, "sign")
    assert (outer.coordinator, outer.most_workers) == (0, 2)


def test_a_coordinator_that_leaves_says_so_before_another_leads():
    """It still measures what was evaluated in its last round, and the sum must not be that of another."""
    leave = Fault.leave(worker=0, at_s=7.5e-4), Fault.leave(worker=1, at_s=1.875e-4)
    kill = Fault.kill(shard=0, at_s=6.875e-4), Fault.kill(shard=1, at_s=8.125e-4)
    bad = Fault.lose(0.3), Fault.reorder(0.1, by_s=6.25e-5)
    plan = Faults((*bad, *leave, *kill), detect_s=6.25e-5, retry_s=6.25e-6)
    engine = Simulated(3, shards=2, speeds=Speeds(straggle=0.1), faults=plan)
    trial = Trial(model=Ledger(goal=2), stop=Stop(epochs=3, tol=None), n_examples=19, seed=2**31)
    assert trial.run_strategy(engine, Sandblaster()).reason == "epochs"
