"""Sums of gradients over rows: of all columns, or of some; and which columns rows have.

Sums are taken in float64 in `scratch` (d + 1,), which is all zeros before and after each call: a small minibatch then
costs what its rows cost, and a full pass over float32 rows loses nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import overload
from numpy.typing import NDArray

from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.losses import loss_slope, loss_value
from hogwild.kernels.rows import ONE, coming, dot, ease, is_sparse, lookahead, prefetch


class Rarity(NamedTuple):
    """What a minibatch that gives only the columns it touches pays for them: as much more as it touches them rarely."""

    absent: NDArray[np.float64]  # (d + 1,) logarithm of the share of the examples that do not have column j
    l2: float
    rate: float  # no step of this size shrinks a weight to beyond zero


def _gather(rows, i, scratch, slope):  # type: ignore[no-untyped-def]
    raise TypeError("_gather() exists inside compiled kernels only")


@overload(_gather, jit_options=INNER)
def _gather_rows(rows, i, scratch, slope):  # type: ignore[no-untyped-def]
    """scratch += slope * row i: unlike `rows.add` without step factors."""
    if is_sparse(rows):

        def sparse(rows, i, scratch, slope):  # type: ignore[no-untyped-def]
            for k in range(rows.indptr[i], rows.indptr[i + ONE]):
                scratch[rows.indices[k]] += slope * rows.values[k]

        return sparse

    def dense(rows, i, scratch, slope):  # type: ignore[no-untyped-def]
        for j in range(rows.values.shape[1]):
            scratch[j] += slope * (rows.values[i, j] - rows.centre[j])

    return dense


def _clear(rows, i, scratch):  # type: ignore[no-untyped-def]
    raise TypeError("_clear() exists inside compiled kernels only")


@overload(_clear, jit_options=INNER)
def _clear_rows(rows, i, scratch):  # type: ignore[no-untyped-def]
    """Forget row i."""
    if is_sparse(rows):

        def sparse(rows, i, scratch):  # type: ignore[no-untyped-def]
            for k in range(rows.indptr[i], rows.indptr[i + ONE]):
                scratch[rows.indices[k]] = 0.0

        return sparse

    def dense(rows, i, scratch):  # type: ignore[no-untyped-def]
        scratch[: rows.values.shape[1]] = 0.0

    return dense


@njit(**INNER)
def _sum_slopes(rows, starts, chunk, w, loss, scratch):  # type: ignore[no-untyped-def]
    """scratch += sum of weight * slope * (row, 1). Returns (examples, sum of weight * loss, 0 or NaN)."""
    code, parameter = loss
    bias = w[w.size - 1]
    seen, total, slopes, trace = 0, 0.0, 0.0, 0.0
    n = rows.targets.size
    for c in range(starts.size):
        start, end = starts[c], min(starts[c] + chunk, n)
        lead, jump = lookahead(starts, c, chunk)
        for signed in range(start, end):
            i = np.uint64(signed)
            prefetch(rows, coming(signed + lead, end, jump, n))
            p = np.float64(dot(rows, i, w) + bias)
            trace += p
            y, weight = np.float64(rows.targets[i]), np.float64(rows.weights[i])
            total += weight * loss_value(code, p, y, parameter)
            slope = weight * loss_slope(code, p, y, parameter)
            if slope != 0.0:
                _gather(rows, i, scratch, slope)
                slopes += slope
        seen += end - start
    scratch[w.size - 1] += slopes
    return seen, total, (trace + total) * 0.0


@njit(**KERNEL)
def gradient_sum(rows, starts, chunk, w, loss, l2, intercept, scratch, values):  # type: ignore[no-untyped-def]
    """values = sum over the rows of the gradient of (weight * loss + l2/2 |w|^2), (d + 1,) with the intercept last.

    `loss` is (code, parameter); without `intercept` the last of the values is 0. Returns (examples, sum of
    weight * loss + l2/2 |w|^2, 0.0 or NaN if not all is finite).
    """
    seen, total, nothing = _sum_slopes(rows, starts, chunk, w, loss, scratch)
    last, pull, square = w.size - 1, w.dtype.type(seen * l2), 0.0
    for j in range(last):
        value = w.dtype.type(scratch[j]) + pull * w[j]
        values[j] = value
        scratch[j] = 0.0
        nothing += value * w.dtype.type(0)
        square += np.float64(w[j]) * np.float64(w[j])
    values[last] = scratch[last] if intercept else 0.0
    scratch[last] = 0.0
    if l2 > 0.0:  # else an overflow of the square would be NaN
        total += 0.5 * l2 * seen * square
    return seen, total, nothing + values[last] * 0.0


@njit(**KERNEL)
def gradient_of_keys(rows, starts, chunk, w, loss, rarity, intercept, scratch, keys, values):  # type: ignore[no-untyped-def]
    """As `gradient_sum`, but (keys.size,): of the columns `keys` only (the last, d, is the intercept).

    If `keys` are the columns that the rows have, the penalty on column j is weighted by 1 / P(b rows have column j),
    P = 1 - (share of examples without it)^b: then it is right on average, in the sum of losses too. Returns -1 examples
    if a key is out of range.
    """
    last = w.size - 1
    for k in range(keys.size):
        if keys[k] < 0 or keys[k] > last:
            return -1, 0.0, 0.0
    seen, total, nothing = _sum_slopes(rows, starts, chunk, w, loss, scratch)
    if not intercept:
        scratch[last] = 0.0
    for k in range(keys.size):
        j = np.uint64(keys[k])
        value = scratch[j]
        if rarity.l2 > 0.0 and j < np.uint64(last) and seen > 0:
            touched = -np.expm1(seen * rarity.absent[j])
            pull = min(rarity.l2 / touched, 1.0 / (rarity.rate * ease(rows, j))) if rarity.rate > 0.0 else 0.0
            value += seen * pull * w[j]
            total += 0.5 * seen * pull * w[j] * w[j]
        values[k] = value
        nothing += values[k] * 0.0
    for c in range(starts.size):
        for i in range(starts[c], min(starts[c] + chunk, rows.targets.size)):
            _clear(rows, np.uint64(i), scratch)
    scratch[last] = 0.0
    return seen, total, nothing


@njit(**KERNEL)
def columns_of(rows, starts, chunk, scratch):  # type: ignore[no-untyped-def]
    """The columns that (sparse) rows have, each once, in no order."""
    most, n = np.int64(0), rows.targets.size
    for c in range(starts.size):
        most += np.int64(rows.indptr[min(starts[c] + chunk, n)] - rows.indptr[starts[c]])
    found = np.empty(min(most, scratch.size), np.int64)
    count = 0
    for c in range(starts.size):
        for k in range(rows.indptr[starts[c]], rows.indptr[min(starts[c] + chunk, n)]):
            j = rows.indices[k]
            if scratch[j] == 0.0:
                scratch[j] = 1.0
                found[count] = j
                count += 1
    for k in range(count):
        scratch[found[k]] = 0.0
    return found[:count]
