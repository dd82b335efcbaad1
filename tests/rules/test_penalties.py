"""The penalty against its formula, and its proximal step against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.rules.penalties import penalty, prox

amounts = st.floats(0.0, 5.0)


def test_value():
    w = np.array([3.0, -4.0, 0.0])
    assert penalty(w, 0.1, 0.0) == pytest.approx(0.05 * 25)
    assert penalty(w, 0.0, 0.1) == pytest.approx(0.7)
    assert penalty(w, 0.1, 0.2) == pytest.approx(0.05 * 25 + 0.2 * 7)
    assert penalty(w, 0.0, 0.0) == 0.0
    assert type(penalty(w, 0.1, 0.2)) is float


def test_value_of_float32_weights_is_summed_in_float64():
    w = np.full(300_000, 1 / 3, np.float32)
    exact = 0.5 * 300_000 * float(np.float32(1 / 3)) ** 2
    assert penalty(w, 1.0, 0.0) == pytest.approx(exact, rel=1e-12)
    assert penalty(w, 0.0, 1.0) == pytest.approx(300_000 * float(np.float32(1 / 3)), rel=1e-12)
    assert w.dtype == np.float32


@given(st.floats(-5, 5), st.floats(0.01, 5.0), amounts, amounts)
def test_prox_is_the_minimum_by_brute_force(w, rate, l2, l1):
    def cost(u: np.ndarray) -> np.ndarray:
        return (u - w) ** 2 / (2 * rate) + l2 / 2 * u**2 + l1 * np.abs(u)

    found = float(prox(np.array([w]), rate, l2, l1)[0])
    others = np.concatenate([np.linspace(-6, 6, 12_001), [0.0, w, found - 1e-4, found + 1e-4]])
    assert cost(np.array([found]))[0] <= cost(others).min() + 1e-12


@given(st.floats(-5, 5), st.floats(0.01, 5.0), amounts, amounts)
def test_prox_never_changes_a_sign_nor_enlarges(w, rate, l2, l1):
    found = float(prox(np.array([w]), rate, l2, l1)[0])
    assert found * w >= 0.0
    assert abs(found) <= abs(w)


def test_prox_makes_exact_zeros_and_leaves_its_argument():
    w = np.array([0.5, -0.5, 2.0])
    np.testing.assert_array_equal(prox(w, 1.0, 0.0, 1.0), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(w, [0.5, -0.5, 2.0])


def test_no_penalty_is_no_step():
    w = np.array([0.5, -0.5, 0.0])
    np.testing.assert_array_equal(prox(w, 0.3, 0.0, 0.0), w)
