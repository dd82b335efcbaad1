"""Norms of rows and moments of columns against NumPy."""

import numpy as np
import pytest
from tests.kernels.oracle import KINDS, RELAXED_KINDS, Problem

from hogwild.kernels.moments import column_moments, norms2, sum_of_rows

every_kind = pytest.mark.parametrize(("layout", "dtype"), KINDS)
CENTRE = np.linspace(-0.5, 0.5, 12).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(("layout", "dtype", "relaxed"), RELAXED_KINDS)
def test_norms2(layout, dtype, relaxed):
    problem, relax = Problem(), np.linspace(0.25, 3, 12) if relaxed else ()
    centre = CENTRE if layout == "dense" else 0.0
    found = norms2(problem.rows(layout, dtype, relax, CENTRE))
    metric = np.asarray(relax if len(relax) else np.ones(12), dtype).astype(np.float64)
    np.testing.assert_allclose(found, ((problem.X - centre) ** 2) @ metric, rtol=1e-6)
    assert found.dtype == np.float64


@every_kind
def test_column_moments(layout, dtype):
    problem = Problem()
    problem.X[:, 3] = 0.0  # a feature that no row has
    centre = CENTRE if layout == "dense" else np.zeros(12)
    counts, squares = column_moments(problem.rows(layout, dtype, centre=CENTRE), 12)
    present = problem.X != 0
    np.testing.assert_array_equal(counts, present.sum(axis=0))
    np.testing.assert_allclose(squares, (present * (problem.X - centre) ** 2).sum(axis=0), rtol=1e-6)
    assert counts[3] == squares[3] == 0


def test_stored_zeros_of_a_sparse_row_do_not_count():
    problem = Problem()
    rows = problem.rows("sparse32", np.float64)
    values = np.array(rows.values)
    values[::3] = 0.0
    values.flags.writeable = False
    counts, _ = column_moments(rows._replace(values=values), 12)
    assert counts.sum() == np.count_nonzero(values)


def test_squares_of_large_float32_values_do_not_overflow():
    problem = Problem()
    problem.X *= 1e25
    rows = problem.rows("sparse32", np.float32)
    np.testing.assert_allclose(norms2(rows), (problem.X**2).sum(axis=1), rtol=1e-5)
    assert np.isfinite(column_moments(rows, 12)[1]).all()


def test_empty_rows_have_no_norm():
    problem = Problem(n=4)
    problem.X[:] = 0.0
    np.testing.assert_array_equal(norms2(problem.rows("sparse32", np.float64)), np.zeros(4))


def test_sums_over_chunks_of_which_the_last_is_short():
    values = np.arange(10.0)
    assert sum_of_rows(values, np.array([2, 8, 2]), 3) == 2 * (2 + 3 + 4) + 8 + 9
    assert sum_of_rows(values, np.zeros(0, np.int64), 3) == 0.0
