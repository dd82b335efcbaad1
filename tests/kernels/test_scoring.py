"""Sums over rows against NumPy."""

import numpy as np
import pytest
from tests.kernels.oracle import KINDS, Problem

from hogwild.kernels.scoring import tally
from hogwild.rules.losses import LOSSES


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(("layout", "dtype"), KINDS)
def test_sums_of_loss_errors_and_weight(loss, layout, dtype):
    problem, chunk = Problem(binary=loss.is_binary), 7
    starts = np.array([56, 7, 21, 0])  # the chunk at 56 is short
    found = tally(
        problem.rows(layout, dtype), starts, chunk, problem.start.astype(dtype), loss.code, loss.default, loss.is_binary
    )
    rows = np.concatenate([np.arange(s, min(s + chunk, problem.n)) for s in starts])
    p = problem.X[rows] @ problem.start[:-1] + problem.start[-1]
    y, s = problem.y[rows], problem.s[rows]
    losses = np.array([loss.value(a, b, loss.default) for a, b in zip(p, y, strict=True)])
    errors = (p > 0) != (y > 0) if loss.is_binary else (p - y) ** 2
    np.testing.assert_allclose(found, (s @ losses, s @ errors, s.sum()), rtol=1e-5)


def test_a_prediction_of_zero_is_the_negative_class():
    problem = Problem()
    rows = problem.rows("sparse32", np.float64)
    _, errors, _ = tally(rows, np.array([0]), 60, np.zeros(13), 0, 0.0, True)
    assert errors == pytest.approx(float(problem.s[problem.y > 0].sum()))


def test_no_rows_sum_to_nothing():
    rows = Problem().rows("sparse32", np.float64)
    assert tally(rows, np.zeros(0, np.int64), 7, np.zeros(13), 0, 0.0, True) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_losses_that_are_not_finite_are_seen(bad):
    rows, weights = Problem(binary=False).rows("sparse32", np.float64), np.zeros(13)
    weights[-1] = bad
    assert not np.isfinite(tally(rows, np.array([0]), 60, weights, LOSSES["squared"].code, 0.0, False)[0])
