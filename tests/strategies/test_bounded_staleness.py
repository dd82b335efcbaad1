"""The bound holds, reads are as fresh as they must be, and its two ends are what they should be."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies.watched import watched

from hogwild import BoundedStaleness, Linear, LocalSGD, Simulated, Speeds, Stop, train
from hogwild.requests import NextRound, Pull, Push, Steps
from hogwild.rules.schedules import constant
from hogwild.testing import problem
from hogwild.testing.probes import Trial

SLOW = Speeds(straggle=0.1, straggle_factor=50, spread=1.0)
clusters = st.builds(
    Simulated,
    workers=st.integers(1, 6),
    shards=st.integers(1, 3),
    latency_s=st.sampled_from([0.0, 1e-4, 1.0]),
    speeds=st.builds(Speeds, spread=st.sampled_from([0.0, 2.0]), straggle=st.sampled_from([0.0, 0.3])),
)


@given(clusters, st.sampled_from([0, 1, 3, inf]), st.integers(1, 5), st.integers(0, 999))
def test_the_bound_is_never_violated_and_own_writes_are_read(engine, staleness, period, seed):
    """Weight i of the ledger counts how often example i was learnt, divided by the number of workers."""
    size, pushed, gone = engine.size, [0] * engine.size, set()
    mine = [0.0] * size

    def before(me, request):
        if isinstance(request, Steps):
            live = [pushed[rank] for rank in range(size) if rank not in gone]
            assert pushed[me.rank] - min(live) <= staleness

    def after(me, request, answer):
        if isinstance(request, Push):
            pushed[me.rank] += 1
            mine[me.rank] = mine[me.rank] + request.x.values
        elif isinstance(request, Pull):
            assert (answer.values >= mine[me.rank] - 1e-9).all(), "read my writes"
        elif isinstance(request, NextRound) and answer is None:
            gone.add(me.rank)

    strategy = watched(BoundedStaleness(staleness, period), after, before=before)
    result = Trial(stop=Stop(2, tol=None), seed=seed).run_strategy(engine, strategy)
    np.testing.assert_allclose(result.params.weights, 2 / size, rtol=1e-12)


def test_a_larger_bound_waits_less_for_stragglers():
    def virtual_s(staleness):
        task = problem(n=2000)
        engine = Simulated(8, speeds=SLOW, latency_s=1e-6)
        stop = Stop(3, tol=None)
        strategy = BoundedStaleness(staleness, period=5)
        return train(
            task.model, task.data, strategy=strategy, engine=engine, stop=stop, seed=0
        ).history.traffic.virtual_s

    tight, loose, free = virtual_s(0), virtual_s(8), virtual_s(inf)
    assert free <= loose < 0.7 * tight


def exact(seed=0):
    """Least squares in which nothing is ever rounded: small whole numbers, and steps of a power of two; and in which it
    does not matter who learns which row: all are one.
    """
    rng = np.random.default_rng(seed)
    X, y = np.tile(rng.integers(1, 3, size=3).astype(float), (24, 1)), np.full(24, 5.0)
    model = Linear("squared", l2=0.0, fit_intercept=False, schedule=constant(2.0**-4), average=False)
    return model, (X, y)


@pytest.mark.parametrize("seed", range(4))
def test_with_bound_0_and_reads_at_the_same_clock_it_is_local_sgd_to_the_bit(seed):
    """Workers of one speed read before any of them pushes: then all reads are held to the same clock."""
    model, data = exact(seed)
    stop, engine = Stop(1, tol=None), Simulated(4, latency_s=0.0)

    def weights(strategy):
        return train(model, data, strategy=strategy, engine=engine, stop=stop, seed=seed).params.weights

    local = weights(LocalSGD(period=1))
    assert np.abs(local).max() > 0.01
    np.testing.assert_array_equal(weights(BoundedStaleness(0, period=1)), local)


@pytest.mark.parametrize("staleness", [0, 8, inf])
def test_whatever_the_bound_the_optimum_is_that_of_synchronous_sgd(staleness):
    task = problem(n=1000)
    model = Linear("squared", l2=0.01, schedule=constant(0.01), average=False)
    stop, engine = Stop(60, tol=0), Simulated(4, speeds=SLOW)
    strategy = BoundedStaleness(staleness, period=10)
    result = train(model, task.data, strategy=strategy, engine=engine, stop=stop, seed=0)
    assert task.gap(min(record.objective for record in result.history)) < 0.002


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"staleness": -1}, r"^staleness=-1 must be a whole number of at least 0, or math\.inf$"),
        ({"staleness": 1.5}, r"^staleness=1\.5 must be a whole number"),
        ({"staleness": -inf}, r"^staleness=-inf must be a whole number"),
        ({"period": 0}, r"^period=0 must be a whole number of at least 1$"),
    ],
)
def test_bad_numbers(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        BoundedStaleness(**wrong)
