"""Growing batches: against NumPy and rounds of sums, how many rounds they take, and how near they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conformance.test_interleavings import clusters, epochs, growing, seeds

from hogwild import (
    GrowingBatches,
    Linear,
    Partitioned,
    PermissibleDelay,
    Simulated,
    Stop,
    Threads,
    check_examples,
    constant,
    constant_size,
    inverse_sqrt,
    linear_size,
    load_model,
    save_model,
    train,
)
from hogwild.answers import Stamp, Versioned
from hogwild.deltas import Change
from hogwild.engines.own_rows import parts_of
from hogwild.estimators import LinearRegressor
from hogwild.requests import Steps
from hogwild.strategies.own_changes import OwnChanges
from hogwild.testing import problem
from hogwild.testing.ledger import Ledger
from hogwild.testing.probes import Probe

ENGINES = {"threads": Threads, "simulated": Simulated}
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
RATE, WORKERS, N = 0.02, 4, 96
X, Y = problem(n=N, sparse=True).data
OWNERS = np.repeat(np.arange(WORKERS), [12, 24, 48, 12])
MODEL = Linear("squared", l2=0.0, fit_intercept=False, schedule=constant(RATE), average=False)


def learn(strategy, engine, epochs=3, data=None, model=MODEL, seed=0, **stop):
    given = Partitioned((X, Y), OWNERS) if data is None else data
    stop = Stop(epochs=epochs, **{"tol": None, **stop})
    return train(model, given, strategy=strategy, engine=engine, stop=stop, seed=seed)


# ---- without overlap: rounds of sums


@every_engine
@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("weights", [None, (0.25, 0.25, 0.25, 0.25)], ids=["by data", "equal"])
def test_constant_sizes_without_overlap_are_rounds_of_sums_in_numpy(engine, shards, weights):
    """w += sum over workers of what p_c s steps of each, from w, on its own rows, have changed."""
    strategy = GrowingBatches(constant_size(16), delay=0, weights=weights)
    shares = weights or np.bincount(OWNERS) / N
    bounds = np.concatenate([[0], np.cumsum(np.bincount(OWNERS))])
    examples = problem(n=N, sparse=True)
    parts = parts_of(check_examples(*examples.data), 0.0, 0, bounds.tolist())
    order = [np.concatenate([part.order(k) for k in range(3 * N)]) for part in parts]
    rows, w, done = X.toarray(), np.zeros(X.shape[1]), np.zeros(WORKERS, int)
    for _ in range(3 * N // 16):
        after = np.zeros_like(w)
        for rank, share in enumerate(shares):
            mine, count = w.copy(), round(share * 16)
            for row in order[rank][done[rank] : done[rank] + count]:
                mine -= RATE * (rows[row] @ mine - Y[row]) * rows[row]
            done[rank] += count
            after += mine - w
        w += after
    # Rows of fixed sizes: all workers come to the end of the last epoch with whole samples.
    found = learn(strategy, engine(WORKERS, shards=shards))
    np.testing.assert_allclose(found.params["coef"], w, rtol=0, atol=1e-12)
    assert found.history.counts["rounds"] == WORKERS * 3 * N // 16
    assert found.history.counts["gradients"] == 3 * N


@every_engine
@pytest.mark.parametrize("minibatch", [1, 3])
def test_it_equals_local_sgd_that_adds_up(engine, minibatch):
    """LocalSGD's text, with the sum of what was changed in place of the mean of weights."""

    async def work(me):
        async for _ in me.rounds():
            before = me.params.weights.copy()
            change = await me.steps(12 // minibatch, RATE, minibatch=minibatch, record=True)
            everybody = await me.all_reduce(change.values)
            me.params.weights[:] = before + everybody.sum

    by_hand = learn(Probe(answer="mine").strategy(work), engine(WORKERS))
    strategy = GrowingBatches(constant_size(48), inverse_sqrt(RATE, 0.0), 0, (0.25,) * 4, minibatch)
    found = learn(strategy, engine(WORKERS, shards=3))
    np.testing.assert_allclose(found.params.weights, by_hand.params.weights, rtol=0, atol=1e-12)


@every_engine
def test_one_worker_is_sgd(engine):
    async def work(me):
        async for _ in me.rounds():
            await me.steps(8)

    serial = learn(Probe(answer="mine").strategy(work), engine(1), data=(X, Y))
    found = learn(GrowingBatches(linear_size(3)), engine(1, shards=2), data=(X, Y))
    np.testing.assert_allclose(found.params.weights, serial.params.weights, rtol=0, atol=1e-12)


# ---- with overlap


def watched(strategy, look):
    """The strategy, and `look(me, request)` at each of its steps; it gives what is to be called with the change."""

    class Program:
        def __init__(self, me):
            self.me = me

        def __await__(self):
            program, answer = strategy.work(self.me), None
            while True:
                try:
                    request = program.send(answer)
                except StopIteration:
                    return
                check = look(self.me, request) if isinstance(request, Steps) else None
                answer = yield request
                if check is not None:
                    check(answer)

    async def work(me):
        await Program(me)

    probe = Probe(agree=False, needs={"server"}, server=strategy.server, answer="server")
    return probe.strategy(work)


@given(clusters, growing, seeds, st.integers(12, 40), epochs)
def test_what_i_have_learnt_is_in_my_weights_once_at_any_time(engine, strategy, seed, n, epochs):
    """Of rows that nobody else learns, weights of the ledger count just my own visits, whatever was heard meanwhile."""
    owners = np.arange(n) % engine.workers
    bounds = np.concatenate([[0], np.cumsum(np.bincount(owners))])

    def look(me, request):
        own = me.params.weights[bounds[me.rank] : bounds[me.rank + 1]]
        assert own.sum() == me.counts["gradients"]
        assert own.max() - own.min() <= 1

    data = Partitioned((np.ones((n, 1)), np.zeros(n)), owners)
    result = learn(watched(strategy, look), engine, epochs, data, Ledger(), seed)
    assert result.params.weights.sum() == n * epochs, "the server has all of them, once"
    assert result.history.counts["gradients"] == n * epochs


@given(clusters, st.integers(0, 3), seeds, st.sampled_from([1, 7, 1024]))
def test_nobody_is_further_ahead_than_allowed(engine, delay, seed, block):
    workers = {}

    def look(me, request):
        workers[me.rank] = me
        rounds = [workers[rank].counts["rounds"] if rank in workers else 0 for rank in (me.rank, *me.peers)]

        def check(change):  # of nothing, if others have left meanwhile because nothing was left
            assert change.examples == 0 or rounds[0] - min(rounds) <= delay

        return check

    strategy = GrowingBatches(linear_size(engine.workers), delay=delay, block_examples=block)
    learn(watched(strategy, look), engine, 2, (np.ones((36, 1)), np.zeros(36)), Ledger(), seed)


def test_no_delay_waits_and_more_delay_waits_less():
    engine = Simulated(4, latency_s=2e-5)

    def waits(delay):
        history = learn(GrowingBatches(linear_size(8), delay=delay), engine, 20).history
        return history.traffic.summary().waiting_s, history[-1].time_s

    none, one, two = waits(0), waits(1), waits(2)
    assert none[0] > 2 * one[0] > 2 * two[0]
    assert none[1] > one[1] > two[1]


def test_waits_are_counted():
    found = learn(GrowingBatches(constant_size(8), delay=0), Simulated(4), 2).history.counts
    assert found["rounds"] - 4 <= found["waits"] <= found["rounds"], "before each round but the first"


# ---- rounds


def rounds_of(sizes, epochs):
    counts = learn(GrowingBatches(sizes, inverse_sqrt(0.001)), Simulated(4), epochs).history.counts
    return counts["rounds"] / 4, counts["gradients"]


def test_linear_sizes_take_as_many_rounds_as_the_square_root_of_gradients():
    found = np.array([rounds_of(linear_size(16), epochs) for epochs in (10, 40, 160)])
    slope = np.polyfit(np.log(found[:, 1]), np.log(found[:, 0]), 1)[0]
    assert slope == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(found[:, 0], np.sqrt(2 * found[:, 1] / 16), rtol=0.1)
    constant_rounds = np.array([rounds_of(constant_size(16), epochs) for epochs in (10, 40)])
    assert np.log(constant_rounds[1, 0] / constant_rounds[0, 0]) / np.log(4) == pytest.approx(1, abs=0.05)


# ---- starting again


def test_training_goes_on_in_the_round_that_was_reached():
    strategy, rates = GrowingBatches(linear_size(8), inverse_sqrt(0.01, 1.0), 0), []
    first = learn(strategy, Simulated(WORKERS), 3)

    def look(me, request):
        if me.rank == 0:
            rates.append(request.rate)

    learn_on = watched(strategy, look)
    result = train(
        MODEL, Partitioned((X, Y), OWNERS), strategy=learn_on, engine=Simulated(WORKERS), stop=Stop(epochs=1, tol=None),
        seed=0, start=first.params,
    )  # fmt: skip
    begun = linear_size(8).rounds(3 * N)
    assert rates[0] == pytest.approx(0.01 / (1 + np.sqrt(sum(8 * (i + 1) for i in range(begun)))))
    assert result.params.state["examples"][0] == 4 * N


def test_nothing_of_the_strategy_is_in_the_model(tmp_path):
    strategies = [GrowingBatches(linear_size(8), delay=PermissibleDelay(2.0)), "downpour"]
    states = []
    for strategy in strategies:
        model = LinearRegressor(strategy=strategy, engine=Simulated(3), max_epochs=2, tol=0, random_state=0)
        model.fit(X.toarray(), Y)
        save_model(model, tmp_path / "m")
        loaded = load_model(tmp_path / "m")
        np.testing.assert_array_equal(loaded.coef_, model.coef_)
        states.append(set(loaded._params.state))
        assert strategy == loaded.strategy
    assert states[0] == states[1]


def versioned(*pushed, values=0.0):
    """Weights in which the shards had so many of my pushes, and a hundred of others."""
    stamps = tuple(Stamp(shard, 100 + mine, 100, 0) for shard, mine in enumerate(pushed))
    return Versioned(np.full(2, values), None, stamps, True)


def change(value):
    return Change(np.full(2, value), 1, 1)


def test_own_changes_go_on_top_until_all_shards_have_them():
    own = OwnChanges(versioned(0, 0))
    for value in (1.0, 2.0):
        own.learn(change(value))
    assert own.examples == 2
    assert own.send().values.tolist() == [3.0, 3.0]
    own.learn(change(10.0))
    assert own.added_to(versioned(0, 0, values=0.5)).tolist() == [13.5, 13.5]
    assert not own.is_even(versioned(1, 0))
    assert own.is_even(versioned(1, 1))
    assert own.added_to(versioned(1, 1, values=0.5)).tolist() == [10.5, 10.5]


def test_a_worker_that_comes_back_counts_from_what_each_shard_has():
    own = OwnChanges(versioned(5, 4))  # lost with a push under way
    own.learn(change(1.0))
    own.send()
    assert own.is_even(versioned(5, 4))
    assert own.added_to(versioned(5, 4)).tolist() == [1.0, 1.0]
    assert own.is_even(versioned(6, 5))
    assert own.added_to(versioned(6, 5)).tolist() == [0.0, 0.0]


# ---- bad input


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"sizes": 10}, TypeError, r"^sizes=10 must be a rule such as linear_size\(10\)$"),
        ({"sizes": linear_size}, TypeError, r"^sizes=<function linear_size.* must be a rule such as linear_size"),
        ({"rate": 0.1}, TypeError, r"^rate=0\.1 must be a rule such as inverse_sqrt\(0\.1\), or None for the model's"),
        ({"delay": -1}, ValueError, r"^delay=-1 must be a whole number of at least 0, or PermissibleDelay\(\)$"),
        ({"delay": 0.5}, ValueError, r"^delay=0\.5 must be a whole number of at least 0, or PermissibleDelay\(\)$"),
        (
            {"weights": [0.5, 0.5]},
            TypeError,
            r"^weights=\[0\.5, 0\.5\] must be a tuple of numbers, one for each worker",
        ),
        ({"weights": (0.5, 0.6)}, ValueError, r"^weights=\(0\.5, 0\.6\) must be positive numbers with the sum 1, or N"),
        ({"weights": (1.0, 0.0)}, ValueError, r"^weights=\(1\.0, 0\.0\) must be positive numbers with the sum 1, or N"),
        ({"minibatch": 0}, ValueError, r"^minibatch=0 must be a whole number of at least 1$"),
        ({"block_examples": 0}, ValueError, r"^block_examples=0 must be a whole number of at least 1$"),
    ],
)
def test_bad_parameters_are_refused(options, kind, sentence):
    with pytest.raises(kind, match=sentence):
        GrowingBatches(**options)


@every_engine
def test_weights_must_be_as_many_as_workers(engine):
    with pytest.raises(ValueError, match=r"^weights has 2 numbers for 3 workers: give one for each"):
        learn(GrowingBatches(weights=(0.5, 0.5)), engine(3), data=(X, Y))
