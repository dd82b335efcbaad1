"""Shrink, merge, refresh and accumulate against NumPy."""

import numpy as np
import pytest
from tests.kernels.oracle import Problem

from hogwild.kernels.merging import accumulate, merge, refresh, rescale, shrink, soften
from hogwild.rules.penalties import prox

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rows_of(dtype: type, relax=()):
    """Rows of as many columns as W, of which `shrink` looks at the step factors only."""
    return Problem(n=2, d=W.size).rows("sparse32", dtype, relax)


W = np.array([0.0, 0.05, -0.05, 0.3, -0.3, 2.0, -7.0, 0.125, -0.125, 1e-30])


@every_dtype
@pytest.mark.parametrize("rate", [0.01, 0.5, 3.0])
@pytest.mark.parametrize(("l2", "l1"), [(0.0, 0.0), (0.4, 0.0), (0.0, 0.2), (0.4, 0.2)])
def test_shrink_is_the_prox_of_the_rules(dtype, rate, l2, l1):
    w = W.astype(dtype)
    expected = prox(w.astype(np.float64), rate, l2, l1)
    shrink(w, rows_of(dtype), rate * l2, rate * l1, 0, w.size)
    np.testing.assert_allclose(w, expected, rtol=1e-6 if dtype is np.float32 else 1e-14)


@every_dtype
def test_shrink_relaxes_each_column_by_its_own_factor(dtype):
    w, relax = W.astype(dtype), np.linspace(0.1, 3, W.size).astype(dtype)
    expected = [prox(np.array([x]), 0.5 * ease, 0.4, 0.2)[0] for x, ease in zip(W, relax, strict=True)]
    shrink(w, rows_of(dtype, relax), 0.5 * 0.4, 0.5 * 0.2, 0, w.size)
    np.testing.assert_allclose(w, expected, rtol=1e-6 if dtype is np.float32 else 1e-14)


def test_shrink_stays_in_its_slice():
    w = W.copy()
    shrink(w, rows_of(np.float64), 0.4, 0.2, 3, 6)
    np.testing.assert_array_equal(w[:3], W[:3])
    np.testing.assert_array_equal(w[6:], W[6:])
    np.testing.assert_allclose(w[3:6], prox(W[3:6], 1.0, 0.4, 0.2))


def test_shrink_does_not_overshoot_however_long_the_interval():
    w = W.copy()
    shrink(w, rows_of(np.float64), 1e12, 0.0, 0, w.size)
    assert np.all(w * W >= 0)
    assert np.all(np.abs(w) <= 1e-11)


@every_dtype
def test_soften_is_the_prox_of_l1_with_a_factor_for_each_weight(dtype):
    w, cuts = W.astype(dtype), np.linspace(0.0, 0.9, W.size).astype(dtype)
    expected = [prox(np.array([x]), 0.5, 0.0, cut)[0] for x, cut in zip(W, cuts, strict=True)]
    soften(w, cuts, 0.5)
    np.testing.assert_allclose(w, expected, rtol=1e-6 if dtype is np.float32 else 1e-14, atol=1e-8)
    assert not np.signbit(w[w == 0]).any()


def test_soften_does_not_hide_what_is_not_finite():
    w = np.array([np.nan, np.inf, -np.inf])
    soften(w, np.array([1.0, 1.0, 1.0]), 1.0)
    assert not np.isfinite(w).any()


def test_rescale_stays_in_its_slice():
    w = W.copy()
    rescale(w, 0.25, 2, 5)
    np.testing.assert_array_equal(w, np.concatenate([W[:2], W[2:5] / 4, W[5:]]))


def test_merge_adds_what_changed_to_what_others_did():
    base, change, others = np.arange(5.0), np.array([1.0, 0.0, -2.0, 0.5, 3.0]), np.array([10.0, 20.0, 0.0, 0.0, -1.0])
    shared, mine = base + others, base + change
    merge(shared, mine, base)
    np.testing.assert_array_equal(shared, np.arange(5.0) + change + others)
    np.testing.assert_array_equal(mine, shared)
    np.testing.assert_array_equal(base, shared)


def test_refresh_takes_the_shared_vector():
    shared, mine, base = np.arange(5.0), np.full(5, np.nan), np.full(5, np.nan)
    refresh(shared, mine, base)
    np.testing.assert_array_equal(mine, np.arange(5.0))
    np.testing.assert_array_equal(base, np.arange(5.0))


@every_dtype
def test_accumulate_is_the_running_mean_of_true_weights(dtype):
    rng = np.random.default_rng(0)
    iterates, divisors, seen = rng.normal(size=(6, 4)), 1 + rng.random(6), rng.integers(1, 9, 6)
    mean, mass = np.zeros(4, dtype), 0
    for w, divisor, n in zip(iterates, divisors, seen, strict=True):
        mass += n
        accumulate(mean, w.astype(dtype), divisor, n / mass)
    true = iterates.copy()
    true[:, :-1] /= divisors[:, None]  # the intercept has no divisor
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(mean, np.average(true, axis=0, weights=seen), rtol=tolerance)
