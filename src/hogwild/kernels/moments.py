"""Sums of squares along rows and columns: what the step size and the scaling of columns need to know."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import overload

from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.rows import is_sparse, norm2


@njit(**KERNEL)
def norms2(rows):  # type: ignore[no-untyped-def]
    """(n,) squared norms of the rows, in the metric of the step factors, in float64."""
    found = np.empty(rows.targets.size, np.float64)
    for i in range(found.size):
        found[i] = norm2(rows, np.uint64(i))
    return found


@njit(**KERNEL)
def sum_of_rows(values, starts, chunk):  # type: ignore[no-untyped-def]
    """The sum of values[i] over the rows i of these chunks."""
    total = 0.0
    for start in starts:
        for i in range(start, min(start + chunk, values.size)):
            total += values[i]
    return total


def _columns(rows, counts, squares):  # type: ignore[no-untyped-def]
    raise TypeError("_columns() exists inside compiled kernels only")


@overload(_columns, jit_options=INNER)
def _columns_rows(rows, counts, squares):  # type: ignore[no-untyped-def]
    if is_sparse(rows):

        def sparse(rows, counts, squares):  # type: ignore[no-untyped-def]
            for k in range(rows.indices.size):
                j = rows.indices[k]
                x = np.float64(rows.values[k])
                if x != 0.0:
                    counts[j] += 1
                    squares[j] += x * x

        return sparse

    def dense(rows, counts, squares):  # type: ignore[no-untyped-def]
        for i in range(rows.values.shape[0]):
            for j in range(rows.values.shape[1]):
                if rows.values[i, j] != 0:
                    x = np.float64(rows.values[i, j]) - rows.centre[j]
                    counts[j] += 1
                    squares[j] += x * x

    return dense


@njit(**KERNEL)
def column_moments(rows, n_features):  # type: ignore[no-untyped-def]
    """For each column: how many entries are not zero, and the sum of (x - centre)^2 over those."""
    counts = np.zeros(n_features, np.int64)
    squares = np.zeros(n_features, np.float64)
    _columns(rows, counts, squares)
    return counts, squares
