"""Linear models: objectives from scratch, optima by other solvers, weights, going on, and what is refused."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from tests.models import optima
from tests.models.optima import classes, numbers, problem

from hogwild import (
    LOSSES,
    AllReduce,
    Downpour,
    Hogwild,
    Linear,
    Locked,
    Racy,
    Replicas,
    RoundRobin,
    Serial,
    Simulated,
    Stop,
    Threads,
    train,
)
from hogwild.interfaces import Unsupported
from hogwild.params import Params
from hogwild.rules.schedules import backoff, constant, inverse
from hogwild.rules.updates import sgd
from hogwild.strategies import STRATEGIES

every_loss = pytest.mark.parametrize("loss", LOSSES)


def fit(model, X, y, s=None, workers=1, strategy=None, start=None, seed=0, **stop):
    return train(
        model,
        (X, y) if s is None else (X, y, s),
        strategy=strategy,
        engine=Threads(workers),
        stop=Stop(**{"epochs": 60, "tol": 0, **stop}),
        seed=seed,
        start=start,
    )


def last(result) -> float:
    return min(record.objective for record in result.history if record.objective is not None)


# ---- the objective


@every_loss
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_the_objective_is_its_definition(loss, weighted, sparse):
    X, y = problem(loss, n=150, density=0.5)
    s = np.random.default_rng(1).integers(0, 4, 150) if weighted else None
    result = fit(Linear(loss, l2=0.02, l1=0.01), sp.csr_array(X) if sparse else X, y, s, epochs=3)
    coef, intercept = result.params["coef"], float(result.params["intercept"][0])
    expected = optima.objective(loss, X, y, coef, intercept, 0.02, 0.01, s)
    assert last(result) == pytest.approx(expected, rel=1e-9)


def test_r2_of_targets_whose_squares_are_no_float32():
    X, y = numbers()
    result = fit(Linear("squared", schedule=constant(1e-9)), X.astype(np.float32), y * 1e25, epochs=1, holdout=0.2)
    assert abs(result.history[-1].holdout_score) < 0.5


@pytest.mark.parametrize(("loss", "score"), [("hinge", "accuracy"), ("squared", "r2")])
def test_the_score_is_accuracy_or_r2(loss, score):
    from sklearn.metrics import accuracy_score, r2_score

    X, y = problem(loss, n=400)
    seen = np.zeros(400)
    result = fit(Linear(loss, l2=1e-3), X, y, epochs=4, holdout=0.25)
    # Which rows were held out: those that a run of their own weights can tell apart.
    from hogwild.data.blocks import Blocks
    from hogwild.data.examples import check_examples

    held = Blocks(check_examples(X, y), 0.25, 0).holdout
    seen[held] = 1
    best = min(result.history, key=lambda record: record.holdout_loss)
    p = result.predict(X[held])
    if score == "accuracy":
        assert best.holdout_score == pytest.approx(accuracy_score(y[held], np.where(p > 0, 1.0, -1.0)))
    else:
        # R^2 against the variance of all targets, as one hold-out value must not depend on which rows were held out.
        assert best.holdout_score == pytest.approx(1 - np.mean((p - y[held]) ** 2) / np.var(y), rel=1e-6)
        assert best.holdout_score == pytest.approx(r2_score(y[held], p), abs=0.05)
    rule = LOSSES[loss]
    losses = [rule.value(float(q), float(t), rule.default) for q, t in zip(p, y[held], strict=True)]
    assert best.holdout_loss == pytest.approx(np.mean(losses), rel=1e-6)


# ---- optima


@every_loss
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_optimum_is_reached_without_an_intercept(loss, sparse, dtype):
    X, y = problem(loss, density=0.6)
    best = optima.minimum(loss, X, y, l2=0.01)
    rows = X.astype(dtype)
    result = fit(Linear(loss, l2=0.01, fit_intercept=False), sp.csr_array(rows) if sparse else rows, y)
    assert best * (1 - 1e-4) - 1e-4 <= last(result) <= best * 1.005 + 1e-4
    assert result.params["intercept"][0] == 0


@pytest.mark.parametrize("loss", optima.SMOOTH)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_the_optimum_is_reached_with_an_intercept(loss, sparse):
    X, y = problem(loss, density=0.6)
    best = optima.smooth_minimum(loss, X, y, l2=0.01)
    result = fit(Linear(loss, l2=0.01), sp.csr_array(X) if sparse else X, y)
    assert best * (1 - 1e-6) <= last(result) <= best * 1.005


@pytest.mark.parametrize("loss", ["logistic", "squared", "squared_hinge", "huber"])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_optimum_is_reached_with_hardly_any_penalty(loss, workers):
    X, y = problem(loss, noise=3.0)
    best = optima.smooth_minimum(loss, X, y, l2=1e-6)
    assert best <= last(fit(Linear(loss, l2=1e-6), X, y, workers=workers)) <= best * 1.01


@pytest.mark.parametrize("schedule", ["auto", "inverse", "bottou", "backoff", inverse(0.5), backoff(0.1, beta=0.85)])
@pytest.mark.parametrize("average", [False, True])
def test_the_optimum_is_reached_by_every_schedule(schedule, average):
    X, y = classes()
    best = optima.smooth_minimum("logistic", X, y, l2=0.01)
    result = fit(Linear("logistic", l2=0.01, schedule=schedule, average=average), X, y)
    assert last(result) <= best * 1.01


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("l2", [0.0, 0.02])
@pytest.mark.parametrize("workers", [1, 2])
def test_l1_is_the_lasso_with_its_exact_zeros(sparse, l2, workers):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 20)) * (rng.random((500, 20)) < 0.6)
    y = X[:, :4] @ [2.0, -1.0, 0.5, 1.5] + 0.7 + 0.3 * rng.normal(size=500)
    coef, intercept = optima.lasso(X, y, 0.1, l2)
    best = optima.objective("squared", X, y, coef, intercept, l2, 0.1)
    result = fit(Linear("squared", l2=l2, l1=0.1), sp.csr_array(X) if sparse else X, y, workers=workers)
    assert best * (1 - 1e-6) <= last(result) <= best * 1.01
    found = result.params["coef"]
    # Of those that are zero at the optimum: the last examples may have moved some, by little.
    assert np.mean(found[coef == 0] == 0) >= 0.5
    assert np.abs(found[coef == 0]).max() < 0.01
    assert np.all(found[np.abs(coef) > 0.1] != 0)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.8])
def test_quantiles_are_those_of_the_linear_program(quantile):
    X, y = numbers()
    coef, intercept = optima.quantile_regression(X, y, quantile, 0.01)
    best = optima.objective("quantile", X, y, coef, intercept, l1=0.01, a=quantile)
    result = fit(Linear(("quantile", quantile), l2=0.0, l1=0.01), X, y)
    assert best * (1 - 1e-6) <= last(result) <= best * 1.01
    assert np.mean(y <= result.predict(X)) == pytest.approx(quantile, abs=0.03)


def test_a_loss_has_the_parameter_it_is_given():
    X, y = numbers()
    for loss, a in (("huber", 1.5), ("squared_epsilon_insensitive", 0.6)):
        best = optima.smooth_minimum(loss, X, y, l2=0.01, a=a)
        assert best <= last(fit(Linear((loss, a), l2=0.01), X, y)) <= best * 1.005
    best = optima.minimum("epsilon_insensitive", X, y, l2=0.01, a=0.6)
    result = fit(Linear(("epsilon_insensitive", 0.6), l2=0.01, fit_intercept=False), X, y)
    assert last(result) <= best * 1.005


def test_huber_with_a_wide_epsilon_is_squared_loss_also_with_outlying_rows():
    # Its slope is bounded, but so high that only the cap for unbounded slopes keeps it from diverging.
    X, y = numbers(n=3000)
    X[::1500] *= 300.0
    squared, huber = (fit(Linear(loss, l2=1e-3), X, y, epochs=10) for loss in ("squared", ("huber", 1e9)))
    assert last(huber) == pytest.approx(last(squared), rel=1e-6)


# ---- columns and rows of all scales


@pytest.mark.parametrize("strategy", [Serial(), Hogwild(Racy())], ids=["serial", "racy"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_one_outlying_row_slows_nothing_down(strategy, sparse):
    # A limit on all steps that suits the longest row would leave the others where they began.
    X, y = numbers(n=3000)
    X[::1500] *= 300.0
    best = optima.smooth_minimum("squared", X, y, l2=1e-3)
    result = fit(Linear("squared", l2=1e-3), sp.csr_array(X) if sparse else X, y, strategy=strategy, epochs=100)
    assert last(result) < 2.0 * best


@pytest.mark.parametrize(
    ("strategy", "engine", "judged"),
    [
        (Serial(minibatch=8), Threads(1), slice(None)),
        (Hogwild(Replicas(ordered=True), minibatch=8), Threads(2), slice(None)),
        (AllReduce(2), Simulated(4), slice(None)),
        (Downpour(8, server=sgd(), fetch="wait"), Simulated(4), slice(None)),
        (Downpour(8, server=sgd()), Simulated(4), slice(6, None)),  # where weights are stale, outliers come last
    ],
    ids=["minibatches", "in order", "all", "server", "stale"],
)
@pytest.mark.parametrize("seed", [2, 3])
def test_outlying_rows_do_not_make_steps_of_many_examples_diverge(strategy, engine, judged, seed):
    # Unlimited gradients end at 1e130; those that ignore the steps of others, at 1e67 where weights are stale; and
    # minibatches with a limit for each row, in another minimum.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3000, 5))
    X[:6] *= 300.0
    y = X @ rng.normal(size=5) + 0.1 * rng.normal(size=3000)
    stop = Stop(epochs=10, tol=None)
    result = train(Linear("squared"), (X, y), strategy=strategy, engine=engine, stop=stop, seed=0)
    assert np.mean((result.predict(X) - y)[judged] ** 2) < 0.05 * np.var(y[6:])


@pytest.mark.parametrize("strategy", [AllReduce(8), Downpour(8, server=sgd(), fetch="rows")], ids=["all", "rows"])
@pytest.mark.parametrize("l2", [1e-4, 1e-2])
def test_a_small_column_with_a_penalty_does_not_make_gradient_steps_diverge(strategy, l2):
    # Its steps are multiplied by 1e8, and those of its penalty with them.
    X, y = classes(d=3)
    X[:, 1] *= 1e-4
    best = optima.smooth_minimum("logistic", X, y, l2=l2)
    stop = Stop(epochs=20)
    result = train(Linear("logistic", l2=l2), (X, y), strategy=strategy, engine=Simulated(2), stop=stop, seed=0)
    assert last(result) < best + 0.3 * (math.log(2) - best)


def test_one_heavy_example_slows_nothing_down():
    X, y = classes(n=500)
    s = np.ones(500)
    s[7] = 1e4
    best = optima.smooth_minimum("squared_hinge", X, y, l2=1e-3, s=s)
    assert last(fit(Linear("squared_hinge", l2=1e-3), X, y, s, epochs=300)) < 1.5 * best + 0.01


@pytest.mark.parametrize("loss", ["logistic", "squared", "squared_hinge"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unscaled_columns_reach_the_optimum_of_the_columns_as_given(loss, sparse, dtype):
    X, y = problem(loss, density=0.6)
    X = (X * [1, 1e6, 1e-3, 1, 50, 1e3, 1, 1]).astype(dtype)
    best = optima.smooth_minimum(loss, X, y, l2=1e-4)
    result = fit(Linear(loss, l2=1e-4), sp.csr_array(X) if sparse else X, y)
    assert best * (1 - 1e-5) <= last(result) <= best * 1.01


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e3, 1e12])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_the_unit_of_all_columns_does_not_matter(scale, sparse):
    X, y = classes(noise=3.0)
    best = optima.smooth_minimum("logistic", X, y)
    rows = (X * scale).astype(np.float32)
    result = fit(Linear("logistic", l2=0.0), sp.csr_array(rows) if sparse else rows, y)
    assert best * (1 - 1e-5) <= last(result) <= best * 1.01


def of_units(units, dtype, sparse):
    """The accuracy on columns in these units."""
    X, y = classes(d=3)
    rows = (X * units).astype(dtype)
    rows = sp.csr_array(rows) if sparse else rows
    result = fit(Linear("logistic", l2=0.0), rows, y, epochs=10)
    return np.mean((result.predict(rows) > 0) == (y > 0))


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("dtype", "unit"), [(np.float32, 1e-17), (np.float32, 1e17), (np.float64, 1e-138), (np.float64, 1e138)]
)
def test_units_that_the_dtype_can_square_do_not_matter(dtype, unit, sparse):
    plain = of_units(1.0, dtype, sparse)
    assert abs(of_units([1, unit, 1], dtype, sparse) - plain) < 0.01
    assert abs(of_units(unit, dtype, sparse) - plain) < 0.01


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("dtype", "unit", "what"),
    [
        (np.float32, 1e-40, "small"), (np.float32, 1e-20, "small"), (np.float32, 1e20, "large"),
        (np.float32, 1e36, "large"), (np.float64, 1e-150, "small"), (np.float64, 1e160, "large"),
        (np.float64, 1e306, "large"),
    ],
)  # fmt: skip
def test_units_that_the_dtype_cannot_square_are_refused(dtype, unit, what, sparse):
    for units, column in (([1, unit, 1], 1), (unit, 0)):
        sentence = rf"^column {column} \(counted from 0\) of X has numbers up to .*, too {what} to be learnt in float"
        with pytest.raises(ValueError, match=sentence):
            of_units(units, dtype, sparse)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("workers", [1, 2])
def test_dense_columns_far_from_zero(dtype, workers):
    X, y = numbers()
    X = (X + np.array([0, 10, -50, 100, 0, 0, 3, 1000])).astype(dtype)
    best = optima.smooth_minimum("squared", X.astype(np.float64) - X.astype(np.float64).mean(axis=0), y, l2=1e-6)
    result = fit(Linear("squared", l2=1e-6), X, y, workers=workers)
    assert best * (1 - 1e-3) <= last(result) <= best * 1.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.1, 3.0, 1 / 3, 1e-9, 12345.6789])
@pytest.mark.parametrize("l2", [0.0, 1e-6])
def test_a_constant_dense_column_does_no_harm(dtype, value, l2):
    # Centred, it is not 0 but the rounding of its mean: that must not be taken for its scale.
    X, y = numbers()
    X[:, 2] = value
    X = X.astype(dtype)
    best = optima.smooth_minimum("squared", X, y, l2=l2)
    result = fit(Linear("squared", l2=l2), X, y)
    assert last(result) <= best * 1.01
    assert np.abs(result.params.weights).max() < 1e3


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_columns_of_zeros_and_rows_of_zeros_do_no_harm(sparse):
    X, y = classes()
    X[:, 3] = 0.0
    X[::7] = 0.0
    best = optima.smooth_minimum("logistic", X, y, l2=1e-3)
    result = fit(Linear("logistic", l2=1e-3), sp.csr_array(X) if sparse else X, y)
    assert last(result) <= best * 1.01
    assert result.params["coef"][3] == 0


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("loss", ["hinge", "squared"])
def test_nothing_but_zeros(sparse, fit_intercept, loss):
    X, y = np.zeros((60, 3), np.float32), np.repeat([-1.0, 1.0, 1.0], 20)
    result = fit(Linear(loss, fit_intercept=fit_intercept), sp.csr_array(X) if sparse else X, y)
    assert not result.params["coef"].any()
    best = {("hinge", True): 2 / 3, ("squared", True): np.var(y) / 2, ("hinge", False): 1, ("squared", False): 0.5}
    assert last(result) <= best[loss, fit_intercept] * 1.01


@pytest.mark.parametrize("l2", [1e-4, 1e-6])
@pytest.mark.parametrize("loss", ["squared_hinge", "squared", "squared_epsilon_insensitive"])
def test_bottous_schedule_does_not_blow_up(loss, l2):
    # On these rows scikit-learn's learning_rate="optimal" ends with weights of 1e13 (squared_hinge, alpha=1e-6).
    rng = np.random.default_rng(0)
    X = sp.random_array((2000, 500), density=0.02, format="csr", rng=rng, dtype=np.float32)
    X = sp.csr_array(X / np.maximum(sp.linalg.norm(X, axis=1), 1e-9)[:, None])
    y = np.where(X @ rng.normal(size=500) + 0.1 * rng.normal(size=2000) > 0, 1.0, -1.0)
    result = fit(Linear(loss, l2=l2, schedule="bottou"), X, y, epochs=1)
    assert np.abs(result.params.weights).max() < 50
    assert last(result) < optima.objective(loss, X.toarray(), y, np.zeros(500))


def test_an_eta0_of_ones_own_is_used_as_it_is():
    X, y = numbers()
    result = fit(Linear("squared", schedule=constant(1e-4)), X, y, epochs=2)
    assert [record.rate for record in result.history] == [1e-4, 1e-4]


# ---- weights of examples


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_weight_of_two_is_a_row_that_comes_twice(sparse, workers):
    X, y = classes(n=300)
    times = np.random.default_rng(1).integers(0, 4, 300)
    X2, y2 = np.repeat(X, times, axis=0), np.repeat(y, times)
    best = optima.smooth_minimum("logistic", X2, y2, l2=0.01)
    result = fit(Linear("logistic", l2=0.01), sp.csr_array(X) if sparse else X, y, times, workers=workers)
    assert best * (1 - 1e-6) <= last(result) <= best * 1.01
    assert last(result) == pytest.approx(
        optima.objective("logistic", X2, y2, result.params["coef"], result.params["intercept"][0], 0.01), rel=1e-6
    )


def test_only_ratios_of_weights_matter():
    X, y = classes()
    s = np.random.default_rng(1).integers(1, 4, 500).astype(np.float64)
    one, other = (fit(Linear("hinge"), X, y, scale * s, epochs=3) for scale in (1.0, 1024.0))
    np.testing.assert_allclose(one.params.weights, other.params.weights, rtol=1e-6)


@pytest.mark.parametrize("loss", ["squared", "squared_hinge"])
def test_one_heavy_row_does_not_make_training_diverge(loss):
    X, y = problem(loss)
    s = np.ones(500)
    s[17] = 1e4
    at_zero = optima.objective(loss, X, y, np.zeros(8), s=s)
    objectives = [record.objective for record in fit(Linear(loss, l2=0.01), X, y, s).history]
    assert max(objectives) < at_zero
    assert min(objectives) < 0.4 * at_zero


@pytest.mark.parametrize("every", [2, 20, 500])
def test_rows_without_weight_are_as_good_as_absent(every):
    # On few of the rows, or none of them, eta0 can be searched.
    X, y = classes(n=20_000, noise=3.0)
    s = np.zeros(20_000)
    s[::every] = 1.0
    best = optima.smooth_minimum("logistic", X[::every], y[::every], l2=0.01)
    assert best * (1 - 1e-6) <= last(fit(Linear("logistic", l2=0.01), X, y, s, epochs=20)) <= best * 1.1


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_holdout_without_any_weight_is_no_division_by_zero(share):
    X, y = classes(n=100)
    s = np.zeros(100)
    s[:2] = 1.0
    right = 0
    for seed in range(6):
        try:
            result = fit(Linear("logistic"), X, y, s, epochs=3, holdout=share, seed=seed)
        except ValueError as error:
            right += "weight" in str(error)
        else:
            right += all(math.isfinite(record.holdout_loss) for record in result.history)
    assert right == 6


# ---- averaging


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("workers", [1, 2])
def test_averaging_averages_or_is_refused(name, workers):
    X, y = classes()
    strategy = STRATEGIES[name]()
    workers = 1 if name == "serial" else workers
    plain = fit(Linear("logistic", schedule=constant(0.1), average=False), X, y, None, workers, strategy, epochs=3)
    model = Linear("logistic", schedule=constant(0.1), average=True)
    try:
        mean = fit(model, X, y, None, workers, strategy, epochs=3)
    except Unsupported:
        return
    assert np.abs(plain.params.weights - mean.params.weights).max() > 0.01


@pytest.mark.parametrize("yes", [True, np.bool_(True)], ids=["bool", "NumPy's bool"])
def test_averaging_that_was_asked_for_is_never_left_out_silently(yes):
    X, y = classes()
    for strategy in (Hogwild(Racy()), Locked(), RoundRobin()):
        with pytest.raises(Unsupported, match=r"average=True needs private copies"):
            fit(Linear("logistic", average=yes), X, y, strategy=strategy, epochs=1)
        fit(Linear("logistic", average="auto"), X, y, strategy=strategy, epochs=1)


def test_the_mean_of_the_iterates_wins_at_a_constant_rate():
    X, y = numbers()
    best = optima.smooth_minimum("squared", X, y, l2=0.01)
    plain, mean = (
        fit(Linear("squared", l2=0.01, schedule=constant(0.05), average=average), X, y, epochs=20)
        for average in (False, True)
    )
    assert mean.history[-1].objective - best < 0.2 * (plain.history[-1].objective - best)


def test_averaging_is_the_default_unless_zeros_are_wanted():
    X, y = classes()
    for l1, same in ((0.0, True), (0.01, False)):
        runs = [fit(Linear("hinge", l1=l1, average=average), X, y, epochs=3) for average in (True, False, "auto")]
        weights = [run.params.weights for run in runs]
        assert np.array_equal(weights[2], weights[0]) == same
        assert np.array_equal(weights[2], weights[1]) == (not same)


# ---- rates that the strategy gives


@pytest.mark.parametrize("schedule", ["constant", "inverse", "backoff", "auto"])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_a_rate_of_the_strategy_overrides_any_schedule(schedule, l2):
    from tests.engines.toys import Program, plain

    X, y = classes()
    X = sp.csr_array(X)
    model = Linear("logistic", l2=l2, schedule=constant(0.01), average=False)
    expected = fit(model, X, y, epochs=3, strategy=Program(plain(None, 100)))
    model = Linear("logistic", l2=l2, schedule=schedule, average=False)
    result = fit(model, X, y, epochs=3, strategy=Program(plain(None, 100, rate=0.01)))
    np.testing.assert_allclose(result.params.weights, expected.params.weights, rtol=1e-9)


# ---- the published penalty


@pytest.mark.parametrize("strategy", [Hogwild(Racy()), Locked(), RoundRobin()], ids=["racy", "locked", "round robin"])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_the_published_penalty_is_paid_once_also_for_columns_with_zeros(strategy, fit_intercept, sparse):
    # Each example that has a feature pays its share: in the sum over the examples, the penalty of the objective.
    X, y = classes(density=0.2)
    best = optima.smooth_minimum("logistic", X, y, l2=0.05, fit_intercept=fit_intercept)
    model = Linear("logistic", l2=0.05, fit_intercept=fit_intercept)
    result = fit(model, sp.csr_array(X) if sparse else X, y, strategy=strategy)
    assert best * (1 - 1e-6) <= last(result) <= best * 1.01


# ---- going on


def test_going_on_counts_all_examples_and_keeps_eta0():
    X, y = classes()
    first = fit(Linear("logistic", schedule="inverse", l2=0.01), X, y, epochs=3)
    second = fit(Linear("logistic", schedule="inverse", l2=0.01), X[:100], y[:100], epochs=2, start=first.params)
    assert first.params.state["eta0"] == second.params.state["eta0"]
    assert first.params.state["examples"][0] in (500, 1000, 1500)
    assert second.history[-1].examples == 200
    assert second.params.state["examples"][0] in first.params.state["examples"][0] + np.array([100, 200])


@pytest.mark.parametrize("schedule", ["auto", "inverse", "bottou", "backoff", "constant"])
@pytest.mark.parametrize("workers", [1, 2])
def test_step_sizes_go_on_falling_where_they_were(schedule, workers):
    X, y = classes()
    model = Linear("logistic", schedule=schedule, l2=0.01)
    whole = fit(model, X, y, epochs=6, workers=workers)
    first = fit(model, X, y, epochs=3, tol=None, workers=workers)
    second = fit(model, X, y, epochs=3, tol=None, workers=workers, start=first.params)
    rates = [record.rate for record in [*first.history, *second.history]]
    np.testing.assert_allclose(rates, [record.rate for record in whole.history], rtol=1e-6)


def test_going_on_improves_and_does_not_write_what_it_starts_from():
    X, y = classes()
    best = optima.smooth_minimum("logistic", X, y, l2=0.01)
    first = fit(Linear("logistic", l2=0.01), X, y, epochs=1)
    before = first.params.copy()
    second = fit(Linear("logistic", l2=0.01), X, y, epochs=20, start=first.params)
    assert last(second) < last(first)
    assert last(second) <= best * 1.01
    np.testing.assert_array_equal(first.params.weights, before.weights)
    for name, array in before.state.items():
        np.testing.assert_array_equal(first.params.state[name], array)


@pytest.mark.parametrize("first_sparse", [False, True], ids=["from dense", "from sparse"])
@pytest.mark.parametrize("then_sparse", [False, True], ids=["to dense", "to sparse"])
def test_going_on_with_rows_of_another_layout(first_sparse, then_sparse):
    X, y = numbers(density=0.6)
    X = X + 3.0 * (X != 0)
    best = optima.smooth_minimum("squared", X, y, l2=0.01)
    one, other = (sp.csr_array(X) if is_sparse else X for is_sparse in (first_sparse, then_sparse))
    first = fit(Linear("squared", l2=0.01), one, y, epochs=2)
    second = fit(Linear("squared", l2=0.01), other, y, epochs=40, start=first.params)
    assert last(second) <= best * 1.02


def test_going_on_with_rows_of_another_precision():
    X, y = numbers(density=0.6)
    best = optima.smooth_minimum("squared", X, y, l2=0.01)
    first = fit(Linear("squared", l2=0.01), sp.csr_array(X.astype(np.float32)), y, epochs=2)
    second = fit(Linear("squared", l2=0.01), sp.csr_array(X), y, epochs=40, start=first.params)
    assert last(second) <= best * 1.02
    assert second.params.weights.dtype == np.float32


def test_weights_of_another_number_of_features_are_refused():
    X, y = numbers()
    start = fit(Linear("squared"), sp.csr_array(X), y, epochs=1).params
    wide = sp.csr_array(np.hstack([X, np.zeros((500, 3))]))  # nothing is stored there, so nothing is overrun
    with pytest.raises(ValueError, match=r"8 features.* 11|11 features.* 8"):
        fit(Linear("squared"), wide, y, epochs=1, start=start)
    with pytest.raises(ValueError, match=r"8 features.* 5|5 features.* 8"):
        fit(Linear("squared"), sp.csr_array(X[:, :5]), y, epochs=1, start=start)


@pytest.mark.parametrize("start", [Params({"factors": (8, 2)}), Params({"coef": (8,), "intercept": (1,)})])
def test_weights_of_another_model_or_without_their_survey_are_refused(start):
    X, y = numbers()
    with pytest.raises(
        ValueError, match=r"^the weights to start from are not those of a Linear model: give the `params`"
    ):
        fit(Linear("squared"), X, y, epochs=1, start=start)


# ---- arrays as they come


def frozen(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("index", [np.int32, np.int64, None])
def test_arrays_of_the_user_are_read_only(name, index):
    X, y = classes(density=0.5)
    if index is None:
        rows = frozen(X.astype(np.float32))
    else:
        rows = sp.csr_array(X.astype(np.float32))
        rows.data = frozen(rows.data)
        rows.indices, rows.indptr = frozen(rows.indices.astype(index)), frozen(rows.indptr.astype(index))
    s = frozen(np.ones(500, np.float32))
    workers = 1 if name == "serial" else 2
    l1 = 0.0 if name == "sandblaster" else 1e-3  # which it refuses
    result = fit(Linear("logistic", l1=l1), rows, frozen(y), s, workers, STRATEGIES[name](), epochs=2)
    assert last(result) < math.log(2)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_memory_maps_of_files(tmp_path, index):
    X, y = classes(density=0.5)
    rows = sp.csr_array(X.astype(np.float32))
    parts = {"data": rows.data, "indices": rows.indices.astype(index), "indptr": rows.indptr.astype(index), "y": y}
    for name, array in parts.items():
        np.save(tmp_path / name, array)
    maps = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in parts}
    mapped = sp.csr_array((maps["data"], maps["indices"], maps["indptr"]), shape=rows.shape)
    result = fit(Linear("logistic"), mapped, maps["y"], epochs=3)
    expected = fit(Linear("logistic"), rows, y, epochs=3)
    np.testing.assert_array_equal(result.params.weights, expected.params.weights)
    np.save(tmp_path / "dense", X)
    dense = np.load(tmp_path / "dense.npy", mmap_mode="r")
    mapped_dense, plain_dense = (fit(Linear("logistic"), rows, y, epochs=3) for rows in (dense, X))
    np.testing.assert_array_equal(mapped_dense.params.weights, plain_dense.params.weights)


def test_the_width_of_indices_does_not_change_a_bit():
    X, y = classes(density=0.5)
    narrow, wide = sp.csr_array(X), sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    one, other = (fit(Linear("hinge"), rows, y, epochs=3) for rows in (narrow, wide))
    np.testing.assert_array_equal(one.params.weights, other.params.weights)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.float32, np.float64, bool])
def test_targets_of_any_number_type(kind):
    X, y = classes()
    y = (y > 0).astype(kind)
    result = fit(Linear("squared", l2=0.01), X, y, epochs=3)
    expected = fit(Linear("squared", l2=0.01), X, y.astype(np.float64), epochs=3)
    np.testing.assert_array_equal(result.params.weights, expected.params.weights)


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.float32, object])
def test_labels_of_any_number_type(kind):
    X, y = classes()
    result, expected = (fit(Linear("hinge"), X, labels, epochs=2) for labels in (y.astype(kind), y))
    np.testing.assert_array_equal(result.params.weights, expected.params.weights)


# ---- predictions


def test_predictions_are_margins():
    X, y = classes(density=0.5)
    result = fit(Linear("hinge"), X, y, epochs=2)
    expected = X @ result.params["coef"] + result.params["intercept"][0]
    np.testing.assert_allclose(result.predict(X), expected)
    np.testing.assert_allclose(result.predict(sp.csr_array(X)), expected)
    np.testing.assert_allclose(result.predict(X.tolist()), expected)
    assert result.predict(X[:1]).shape == (1,)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_rows_that_cannot_be_predicted_are_refused_in_one_sentence(sparse):
    X, y = classes()
    result, kind = fit(Linear("hinge"), X, y, epochs=1), sp.csr_array if sparse else np.array
    for width in (7, 9):
        with pytest.raises(ValueError, match=rf"^X has {width} features, but the model was trained with 8$"):
            result.predict(kind(np.ones((2, width))))
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"^the prediction for row 3 of X is nan: impute, drop or scale"):
        result.predict(kind(X))


def test_a_model_has_no_weights_and_a_result_has_its_own():
    X, y = classes()
    model = Linear("hinge")
    first, second = fit(model, X, y, epochs=1), fit(model, X, -y, epochs=1)
    assert model == Linear("hinge")
    assert first.model is second.model is model
    assert np.sign(first.predict(X)) @ np.sign(second.predict(X)) < 0


# ---- bits


@pytest.mark.parametrize("seed", [0, 1])
def test_seeds(seed):
    X, y = classes()
    one, same, other = (fit(Linear("hinge"), X, y, epochs=2, seed=s).params.weights for s in (seed, seed, seed + 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_replicas_are_not_told_apart_from_serial_on_one_worker():
    X, y = classes()
    one = fit(Linear("hinge"), X, y, epochs=3, strategy=Serial())
    other = fit(Linear("hinge"), X, y, epochs=3, strategy=Hogwild(Replicas(ordered=True)))
    np.testing.assert_array_equal(one.params.weights, other.params.weights)


# ---- what is refused


@pytest.mark.parametrize(
    ("hyper_parameters", "sentence"),
    [
        ({"loss": "nope"}, r"loss='nope' is not known; use one of hinge"),
        ({"loss": ("nope", 1.0)}, r"loss='nope' is not known"),
        ({"loss": ("hinge", 1.0)}, r"loss 'hinge' has no parameter; write loss='hinge'"),
        ({"loss": ("huber", 0.0)}, r"epsilon=0.0 must be a positive number"),
        ({"loss": ("huber", -1)}, r"epsilon=-1.0 must be a positive number"),
        ({"loss": ("epsilon_insensitive", -0.1)}, r"epsilon=-0.1 must be a positive number"),
        ({"loss": ("huber", math.nan)}, r"epsilon=nan must be a positive number"),
        ({"loss": ("quantile", 0.0)}, r"quantile=0.0 must lie strictly between 0 and 1"),
        ({"loss": ("quantile", 1.0)}, r"quantile=1.0 must lie strictly between 0 and 1"),
        ({"loss": ("quantile", math.nan)}, r"quantile=nan must lie strictly between 0 and 1"),
        ({"loss": 5}, r"loss"),
        ({"loss": None}, r"loss"),
        ({"loss": ()}, r"loss"),
        ({"loss": ("huber",)}, r"loss"),
        ({"loss": ("huber", 0.1, 0.2)}, r"loss"),
        ({"loss": ("huber", "wide")}, r"epsilon|loss"),
        ({"l2": -1e-9}, r"l2=-1e-09 must be a finite number of at least 0"),
        ({"l2": math.nan}, r"l2=nan must be a finite number of at least 0"),
        ({"l2": math.inf}, r"l2=inf must be a finite number of at least 0"),
        ({"l2": "1e-4"}, r"l2='1e-4' must be a finite number of at least 0"),
        ({"l2": True}, r"l2=True must be a finite number of at least 0"),
        ({"l1": np.bool_(True)}, r"l1=.* must be a finite number of at least 0"),
        ({"loss": ("huber", True)}, r"epsilon=True must be a number"),
        ({"fit_intercept": "no"}, r"fit_intercept='no' must be True or False"),
        ({"fit_intercept": 1}, r"fit_intercept=1 must be True or False"),
        ({"l2": None}, r"l2=None must be a finite number of at least 0"),
        ({"l2": 1e11}, r"l2=100000000000.0 is absurdly large"),
        ({"l1": -1.0}, r"l1=-1.0 must be a finite number of at least 0"),
        ({"l1": 1e11}, r"l1=100000000000.0 is absurdly large"),
        ({"schedule": "optimal"}, r"schedule='optimal' is not known; use one of auto"),
        ({"schedule": 0.5}, r"schedule must be a name or a Schedule"),
        ({"schedule": constant(-0.5)}, r"eta0=-0.5 must be a positive number"),
        ({"schedule": "bottou", "l2": 0.0}, r'schedule="bottou" divides by l2: give l2 > 0'),
        ({"average": "yes"}, r"average='yes' must be True, False or \"auto\""),
        ({"average": 10}, r"average=10 must be True, False or \"auto\""),
    ],
)
def test_hyper_parameters_are_refused_when_the_model_is_made(hyper_parameters, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        Linear(**hyper_parameters)


def test_numbers_of_numpy_are_numbers():
    model = Linear(("huber", np.float32(0.5)), l2=np.float64(0.1), l1=np.float32(0.25), average=np.bool_(True))
    X, y = numbers(n=50)
    assert np.isfinite(last(fit(model, X, y, epochs=1)))


@pytest.mark.parametrize(
    ("labels", "row"),
    [([1, -1, 0], 2), ([1.0, -1.0, 0.5], 2), ([0, 1, 1], 0), ([True, False, True], 1), (["a", "b", "a"], 0)],
)
def test_labels_that_do_not_fit_a_binary_loss(labels, row):
    for loss in LOSSES.values():
        if loss.is_binary:
            sentence = rf"loss '{loss.name}' wants labels -1 and \+1, but row {row} has .*; "
            with pytest.raises(ValueError, match=sentence):
                fit(Linear(loss.name), np.eye(3), np.array(labels))


@pytest.mark.parametrize("labels", [["a", "b", "c"], ["1", "2", "3"], np.array(["x", 1.0, 2.0], object)])
def test_labels_that_are_no_numbers_do_not_fit_a_real_loss(labels):
    with pytest.raises((ValueError, TypeError), match=r"'squared' wants numbers|labels|y "):
        fit(Linear("squared"), np.eye(3), np.array(labels))


def test_training_needs_labels():
    with pytest.raises(ValueError, match="training needs labels y"):
        fit(Linear("squared"), np.eye(3), None)
