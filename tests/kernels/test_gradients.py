"""Sums of gradients against NumPy, of all columns and of some."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kernels.oracle import CHUNK, LAYOUTS, RELAX, RELAXED_KINDS, Problem, shuffled

from hogwild.kernels.gradients import Rarity, columns_of, gradient_of_keys, gradient_sum
from hogwild.rules.losses import LOSSES

CENTRE = np.linspace(-0.5, 0.5, 12).astype(np.float32).astype(np.float64)
L2 = 0.05
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
every_kind = pytest.mark.parametrize(("layout", "dtype", "relaxed"), RELAXED_KINDS)
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def expected_sum(problem, order, loss, layout, l2=L2):
    """The gradient of the sum of weight * loss + l2/2 |w|^2 over the rows of `order`, and the sum itself."""
    x = problem.X[order] - (CENTRE if layout == "dense" else 0.0)
    y, s = problem.y[order], problem.s[order]
    p = x @ problem.start[:-1] + problem.start[-1]
    slopes = s * [loss.slope(q, t, loss.default) for q, t in zip(p, y, strict=True)]
    values = [loss.value(q, t, loss.default) for q, t in zip(p, y, strict=True)]
    coef, pull = problem.start[:-1], order.size * l2
    return np.append(x.T @ slopes + pull * coef, slopes.sum()), float(s @ values + pull / 2 * coef @ coef)


def summed(problem, layout, dtype, starts, loss, relaxed=False, l2=L2, intercept=True):
    rows, w = problem.rows(layout, dtype, RELAX if relaxed else (), CENTRE), problem.start.astype(dtype)
    scratch, values = np.zeros(w.size), np.full_like(w, np.nan)
    found = gradient_sum(rows, starts, CHUNK, w, (loss.code, loss.default), l2, intercept, scratch, values)
    assert not scratch.any()
    np.testing.assert_array_equal(w, problem.start.astype(dtype))
    return values, found


@every_loss
@every_kind
def test_the_sum_is_that_of_numpy(loss, layout, dtype, relaxed):
    # Step factors change steps, not gradients.
    problem = Problem(binary=loss.is_binary)
    starts, order = shuffled(problem)
    starts, order = starts[:5], order[: sum(min(CHUNK, problem.n - s) for s in starts[:5])]
    values, (seen, total, nothing) = summed(problem, layout, dtype, starts, loss, relaxed)
    expected, expected_loss = expected_sum(problem, order, loss, layout)
    np.testing.assert_allclose(values, expected, rtol=1e-4 if dtype is np.float32 else 1e-11, atol=1e-5)
    assert (seen, nothing) == (order.size, 0.0)
    assert total == pytest.approx(expected_loss, rel=1e-5 if dtype is np.float32 else 1e-11)


@every_layout
def test_an_intercept_that_is_not_learnt_has_no_gradient(layout):
    problem, loss = Problem(), LOSSES["logistic"]
    starts, order = shuffled(problem)
    values, _ = summed(problem, layout, np.float64, starts, loss, intercept=False)
    np.testing.assert_allclose(values[:-1], expected_sum(problem, order, loss, layout)[0][:-1], rtol=1e-11)
    assert values[-1] == 0.0


@every_layout
def test_no_rows_have_no_gradient(layout):
    values, found = summed(Problem(), layout, np.float32, np.zeros(0, np.int64), LOSSES["hinge"])
    assert not values.any()
    assert found == (0, 0.0, 0.0)


def test_sums_of_many_float32_rows_are_exact():
    # In float32 the sum of 60 millions and a half would forget the half.
    problem = Problem(n=60, d=2, binary=False)
    problem.X[:], problem.y[:], problem.s[:], problem.start[:] = 1.0, -1e6, 1.0, 0.0
    problem.X[7], problem.y[7] = -1.0, 59e6 - 0.5
    values, _ = summed(problem, "sparse32", np.float32, np.arange(0, 60, CHUNK), LOSSES["squared"])
    assert values[0] == pytest.approx(59e6 + np.float32(59e6 - 0.5), rel=1e-7)


@every_layout
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", [-1, -2])
def test_what_is_not_finite_is_told_and_forgotten(layout, bad, where):
    problem, loss = Problem(), LOSSES["logistic"]
    problem.start[where] = bad
    starts, _ = shuffled(problem)
    assert np.isnan(summed(problem, layout, np.float64, starts, loss)[1][2])
    keys = np.arange(problem.d + 1)
    assert np.isnan(of_keys(problem, layout, np.float64, starts, loss, keys, 0.0)[1][2])


def test_a_sum_too_large_for_float32_is_told():
    problem, loss = Problem(binary=False), LOSSES["squared"]
    problem.X[:, 0], problem.y[:], problem.start[:] = 1e30, 1e30, 0.0
    assert np.isnan(summed(problem, "sparse32", np.float32, np.arange(0, 60, CHUNK), loss)[1][2])


# ---- some columns


def absent_in(problem):
    """Logarithm of the share of rows without each column, as `Rarity` wants it."""
    with np.errstate(divide="ignore"):
        return np.append(np.log1p(-(problem.X != 0).mean(axis=0)), -np.inf)


def of_keys(problem, layout, dtype, starts, loss, keys, l2, rate=1e-3, relaxed=False, intercept=True):
    rows, w = problem.rows(layout, dtype, RELAX if relaxed else (), CENTRE), problem.start.astype(dtype)
    scratch, values = np.zeros(w.size), np.full(keys.size, np.nan, dtype)
    rarity = Rarity(absent_in(problem), l2, rate)
    place = (intercept, scratch, keys, values)
    found = gradient_of_keys(rows, starts, CHUNK, w, (loss.code, loss.default), rarity, *place)
    assert not scratch.any()
    return values, found


@every_kind
@pytest.mark.parametrize("keys", [np.arange(13), np.array([0, 3, 4, 11, 12]), np.array([5]), np.zeros(0, np.int64)])
def test_some_columns_are_those_of_the_whole(layout, dtype, relaxed, keys):
    problem, loss = Problem(), LOSSES["logistic"]
    starts, _ = shuffled(problem)
    whole, (seen, total, _) = summed(problem, layout, dtype, starts, loss, relaxed, l2=0.0)
    values, found = of_keys(problem, layout, dtype, starts, loss, keys, 0.0, relaxed=relaxed)
    np.testing.assert_array_equal(values, whole[keys])
    assert found == (seen, total, 0.0)


@pytest.mark.parametrize("relaxed", [False, True], ids=["even", "relaxed"])
@pytest.mark.parametrize("rate", [1e-3, 0.7, 50.0])
def test_the_penalty_on_a_column_is_weighted_by_its_rarity_and_clipped(relaxed, rate):
    problem, loss, starts, keys = Problem(), LOSSES["hinge"], np.array([7, 28]), np.arange(12)
    without, (seen, losses, _) = of_keys(problem, "sparse32", np.float64, starts, loss, keys, 0.0, rate, relaxed)
    values, (_, total, _) = of_keys(problem, "sparse32", np.float64, starts, loss, keys, L2, rate, relaxed)
    touched = 1 - (1 - (problem.X != 0).mean(axis=0)) ** seen
    factor = RELAX if relaxed else np.ones(12)
    pull = np.minimum(L2 / touched, 1 / (rate * factor))
    coef = problem.start[:-1]
    np.testing.assert_allclose(values - without, seen * pull * coef, rtol=1e-9, atol=1e-12)
    assert total - losses == pytest.approx(seen / 2 * (pull * coef) @ coef, rel=1e-9)


@pytest.mark.parametrize("keys", [[-1, 2], [3, 13], [2**40]])
def test_keys_out_of_range_are_told_before_anything_is_written(keys):
    problem = Problem()
    values, found = of_keys(problem, "sparse32", np.float64, np.array([0]), LOSSES["hinge"], np.array(keys), 0.0)
    assert found[0] == -1
    assert np.isnan(values).all()


# ---- which columns


@given(st.lists(st.integers(0, 59), max_size=9), st.integers(1, 12), st.sampled_from(LAYOUTS[:2]))
def test_columns_are_those_that_the_rows_have(starts, chunk, layout):
    problem = Problem()
    scratch = np.zeros(13)
    starts = np.array(starts, np.int64)
    found = columns_of(problem.rows(layout, np.float32), starts, chunk, scratch)
    rows = [i for s in starts for i in range(s, min(s + chunk, 60))]
    np.testing.assert_array_equal(np.sort(found), np.flatnonzero((problem.X[rows] != 0).any(axis=0)))
    assert not scratch.any()
