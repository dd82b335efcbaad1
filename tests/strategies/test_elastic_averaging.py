"""Elastic averaging against its formulas, on recorded runs."""

import numpy as np
import pytest
from tests.strategies.watched import watched

from hogwild import ElasticAveraging, Linear, Simulated, Speeds, Stop, train
from hogwild.requests import NextRound, Pull, Steps
from hogwild.rules.schedules import constant
from hogwild.testing import problem
from hogwild.testing.probes import Trial


def ledger_run(strategy, engine, tell, epochs=2):
    return Trial(stop=Stop(epochs, tol=None)).run_strategy(engine, watched(strategy, tell))


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_synchronous_centre_is_that_of_the_paper(size, shards):
    """c = (1 - beta) c + beta mean(x), x = x - alpha (x - c), whoever is slow."""
    beta, rounds = 0.6, {}

    def tell(me, request, answer):
        if isinstance(request, Pull):
            rounds.setdefault(request.clock, {})[me.rank] = (me.params.weights.copy(), answer.values)

    engine = Simulated(size, shards=shards, speeds=Speeds(spread=1.0, straggle=0.2))
    result = ledger_run(ElasticAveraging(3, beta, synchronous=True), engine, tell)
    centre = np.zeros(24)
    for clock in range(len(rounds)):
        seen = rounds[clock]
        assert set(seen) == set(range(size))
        for _, pulled in seen.values():
            np.testing.assert_allclose(pulled, centre, rtol=0, atol=1e-12)
        centre = (1 - beta) * centre + beta * np.mean([x for x, _ in seen.values()], axis=0)
    np.testing.assert_allclose(result.params.weights, centre, rtol=0, atol=1e-12)
    assert len(rounds) >= 2 * 24 // (3 * size)


def test_the_worker_and_the_centre_move_by_the_same():
    """Alone, with nobody between its pull and its push, their sum changes by the steps only."""
    sums, learnt = [], []

    def tell(me, request, answer):
        if isinstance(request, Steps):
            learnt.append(me.params.weights.sum())
        elif isinstance(request, Pull):
            sums.append((me.params.weights + answer.values).sum())
        elif isinstance(request, NextRound):
            learnt.append(-me.params.weights.sum())

    ledger_run(ElasticAveraging(4, 0.3), Simulated(1, shards=2), tell, epochs=2)
    np.testing.assert_allclose(sums, np.cumsum(np.reshape(learnt[:-1], (-1, 2)).sum(axis=1)), rtol=1e-12)
    assert sums[-1] == pytest.approx(2 * 24), "all that was learnt is in the one or the other"


@pytest.mark.parametrize("synchronous", [False, True])
def test_more_workers_than_one_over_alpha_do_not_overshoot(synchronous):
    task = problem(n=2000)
    model = Linear("squared", l2=0.01, schedule=constant(0.02), average=False)
    strategy = ElasticAveraging(5, beta=1.0, synchronous=synchronous)
    stop, engine = Stop(30, tol=0), Simulated(16, speeds=Speeds(jitter=0.5))
    history = train(model, task.data, strategy=strategy, engine=engine, stop=stop, seed=0).history
    assert task.gap(history[-1].objective) < 0.02


def test_momentum_is_nesterovs():
    """v = delta v - rate grad(x + delta v), x += v, against NumPy, and the pull of the centre in between."""
    rng = np.random.default_rng(3)
    X, w = rng.choice([-1.0, 1.0], size=(8, 3)), np.array([1.0, -2.0, 0.5])  # columns of one scale
    y, rate, delta, beta = X @ w, 0.05, 0.8, 0.25
    model = Linear("squared", l2=0.0, fit_intercept=False, schedule=constant(rate), average=False)
    seen = []

    def tell(me, request, answer):
        if isinstance(request, Steps):
            seen.append(me.params.weights[:3].copy())

    strategy = watched(ElasticAveraging(1, beta, momentum=delta, minibatch=8), tell)
    train(model, (X, y), strategy=strategy, engine=Simulated(1), stop=Stop(6, tol=None), seed=0)
    x, v, centre = np.zeros(3), np.zeros(3), np.zeros(3)
    expected = []
    for _ in range(6):
        v = delta * v - rate * X.T @ (X @ (x + delta * v) - y) / 8
        x = x + v
        expected.append(x)
        x, centre = x - beta * (x - centre), centre + beta * (x - centre)
    np.testing.assert_allclose(seen, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"beta": 0.0}, r"^beta=0.0 must lie in \(0, 1\]: above 1 the centre overshoots the mean of the workers$"),
        ({"beta": 1.1}, r"^beta=1.1 must lie in \(0, 1\]"),
        ({"momentum": 1.0}, r"^momentum=1.0 must lie in \[0, 1\)$"),
        ({"period": 0}, r"^period=0 must be a whole number of at least 1$"),
    ],
)
def test_bad_numbers(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        ElasticAveraging(**wrong)
