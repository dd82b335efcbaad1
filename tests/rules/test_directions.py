"""Directions from inner products are those from the vectors."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.rules.directions import (
    METHODS,
    Products,
    conjugate_gradient,
    find_method,
    gradient_descent,
    grown,
    lbfgs,
)


def pairs(k, d, seed):
    """s and y of a convex quadratic, and a gradient."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(d + 2, d))
    s = rng.normal(size=(k, d)) * 10.0 ** rng.uniform(-2, 2, (k, 1))
    return s, s @ (root.T @ root), rng.normal(size=d)


def products(s, y, g, **more):
    return Products(g @ g, s @ g, y @ g, s @ y.T, y @ y.T, **more)


def two_loops(s, y, g):
    """L-BFGS as in the book (Nocedal and Wright 2006, alg. 7.4)."""
    q, alphas = g.copy(), []
    for a, b in zip(s[::-1], y[::-1], strict=True):
        alphas.append(a @ q / (b @ a))
        q -= alphas[-1] * b
    r = q * (s[-1] @ y[-1]) / (y[-1] @ y[-1]) if len(s) else q
    for a, b, alpha in zip(s, y, alphas[::-1], strict=True):
        r += a * (alpha - b @ r / (b @ a))
    return -r


def combined(found, s, y, g):
    return found.g * g + found.s @ s + found.y @ y


@given(st.integers(0, 8), st.integers(1, 12), st.integers(0, 10**6))
def test_lbfgs_is_that_of_the_vectors(k, d, seed):
    s, y, g = pairs(k, d, seed)
    found = lbfgs().rule(products(s, y, g))
    expected = two_loops(s, y, g)
    scale = np.abs(expected).max() + np.abs(found.s @ np.abs(s)).max() + np.abs(found.y @ np.abs(y)).max()
    np.testing.assert_allclose(combined(found, s, y, g), expected, rtol=0, atol=1e-8 * scale)
    assert found.first == (1.0 if k else None)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("k", [0, 1])
def test_the_slope_is_that_along_the_direction(method, k):
    s, y, g = pairs(k, 5, seed=3)
    found = method().direction(products(s, y, g, step=0.3, before=2.0))
    assert found.slope == pytest.approx(combined(found, s, y, g) @ g, rel=1e-10)
    assert found.slope < 0


def test_conjugate_gradient_is_that_of_polak_and_ribiere():
    rng = np.random.default_rng(1)
    before, g, d, step = rng.normal(size=4), rng.normal(size=4), rng.normal(size=4), 0.25
    s, y = step * d[None, :], (g - before)[None, :]
    beta = g @ (g - before) / (before @ before)
    assert beta > 0
    found = conjugate_gradient().rule(products(s, y, g, step=step, before=before @ before))
    np.testing.assert_allclose(combined(found, s, y, g), -g + beta * d, rtol=1e-13)
    assert found.first == step, "as far as before"


def test_a_negative_beta_is_a_restart():
    g, before, d = np.array([1.0, 0.0]), np.array([2.0, 0.0]), np.array([0.0, 5.0])
    found = conjugate_gradient().rule(products(d[None, :], (g - before)[None, :], g, before=4.0))
    np.testing.assert_array_equal(combined(found, d[None, :], (g - before)[None, :], g), -g)


def test_what_leads_uphill_is_not_followed():
    g = np.array([1.0, 2.0])
    s = np.array([[3.0, 3.0]])
    uphill = products(s, g[None, :], g, before=1.0)  # beta s.g = 5 * 9 > g.g
    assert conjugate_gradient().rule(uphill).slope > 0
    found = conjugate_gradient().direction(uphill)
    np.testing.assert_array_equal(combined(found, s, g[None, :], g), -g)


def test_matrices_grow_by_a_row_and_a_column():
    np.testing.assert_array_equal(grown(np.zeros((0, 0)), np.array([1.0]), np.zeros(0)), [[1.0]])
    np.testing.assert_array_equal(
        grown(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([7.0, 8.0, 9.0]), np.array([5.0, 6.0])),
        [[1.0, 2.0, 5.0], [3.0, 4.0, 6.0], [7.0, 8.0, 9.0]],
    )


def test_methods_are_values_with_names():
    assert find_method("lbfgs") == lbfgs() == lbfgs(10, 0.9)
    assert hash(find_method("conjugate_gradient")) == hash(conjugate_gradient())
    assert find_method(lbfgs(3)) == lbfgs(3) != lbfgs(4)
    shown = [repr(method) for method in (lbfgs(3), conjugate_gradient(0.2), gradient_descent())]
    assert shown == ["lbfgs(3, 0.9)", "conjugate_gradient(0.2)", "gradient_descent(0.9)"]
    for name, make in METHODS.items():
        method = make()
        assert method.name == name
        assert METHODS[name](*method.numbers) == method


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (lambda: lbfgs(0), ValueError, "memory=0 must be a whole number of at least 1"),
        (lambda: lbfgs(2.5), ValueError, "memory=2.5 must be a whole number of at least 1"),
        (lambda: lbfgs(curvature=1.0), ValueError, "curvature=1.0 must lie strictly between 0.0001 and 1"),
        (lambda: conjugate_gradient(0), ValueError, "curvature=0 must lie strictly between 0.0001 and 1"),
        (lambda: gradient_descent("0.5"), ValueError, "curvature='0.5' must lie strictly between 0.0001 and 1"),
        (
            lambda: find_method("bfgs"),
            ValueError,
            "method='bfgs' is not known (did you mean lbfgs?); use one of ",
        ),
        (lambda: find_method(lbfgs), TypeError, "method=<function lbfgs"),
    ],
)
def test_bad_numbers_and_names_are_refused(make, kind, sentence):
    with pytest.raises(kind, match=f"^{re.escape(sentence)}"):
        make()
