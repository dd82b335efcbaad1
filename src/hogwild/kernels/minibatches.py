"""SGD for linear models on the mean gradients of minibatches, many steps a call: alone, on merged private copies, or
merged in rank order.

Step k is w -= rates[k] * mean of weight * slope * x, and the penalty is paid once a step. Where columns have no step
factors the shrinkage of l2 goes into a divisor, v = divisor * w, as for single examples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.linear import average, merge_in_order
from hogwild.kernels.losses import loss_slope
from hogwild.kernels.merging import merge, refresh, rescale, shrink
from hogwild.kernels.rows import AHEAD, add, dot, prefetch

LARGEST_DIVISOR = 1e6  # no limit of the method, but floats have one


class Minibatches(NamedTuple):
    """Which steps: number k is over the rows order[k * size : (k + 1) * size], of which the last may be fewer."""

    order: NDArray[np.int64]
    size: int
    rates: NDArray[np.float64]  # step size of each
    l2: float  # what the divisor pays; `Pace.l2` is then 0


@njit(**INNER)
def learn_minibatches(rows, batches, first, last, w, pace, divisor):  # type: ignore[no-untyped-def]
    """Steps first, ... last - 1. Returns (examples, divisor, sum of predictions, sum of rate * divisor).

    The gain of the pace is not used, nor its limit. The last sum is how much of a penalty is still to be paid.
    """
    end, n = w.size - 1, batches.order.size
    bias = w[end]
    slopes = np.empty(min(batches.size, n), np.float64)
    seen, trace, amount = 0, 0.0, 0.0
    for step in range(first, last):
        rate, scale = batches.rates[step], 1.0 / divisor
        start, stop = step * batches.size, min((step + 1) * batches.size, n)
        total = 0.0
        for t in range(start, stop):
            i = np.uint64(batches.order[t])
            prefetch(rows, np.uint64(batches.order[min(t + AHEAD, n - 1)]))
            p = dot(rows, i, w) * scale + bias
            trace += p
            slope = loss_slope(pace.code, p, rows.targets[i], pace.parameter)
            if slope != 0.0:
                slope *= rate * rows.weights[i]
                total += slope
            slopes[t - start] = slope
        share = divisor / (stop - start)
        for t in range(start, stop):
            slope = slopes[t - start]
            if slope != 0.0:
                add(rows, np.uint64(batches.order[t]), w, w.dtype.type(-slope * share))
        bias -= w.dtype.type(pace.intercept * total / (stop - start))
        seen += stop - start
        amount += rate * divisor
        divisor *= 1.0 + rate * batches.l2
        if divisor > LARGEST_DIVISOR:
            rescale(w, 1.0 / divisor, 0, end)
            amount /= divisor
            divisor = 1.0
    w[end] = bias
    return seen, divisor, trace, amount


@njit(**KERNEL)
def minibatches_alone(rows, batches, every, pace, copies):  # type: ignore[no-untyped-def]
    """Steps on the shared vector itself: one worker only. Intervals of `every` steps. The weights end up true."""
    w, trace, divisor, steps = copies.shared, 0.0, 1.0, batches.rates.size
    for first in range(0, steps, every):
        last = min(first + every, steps)
        seen, divisor, found, amount = learn_minibatches(rows, batches, first, last, w, pace, divisor)
        trace += found
        if pace.l1 > 0.0 or pace.l2 > 0.0:
            shrink(w, rows, amount * pace.l2, amount * pace.l1, 0, w.size - 1)
        average(copies, w, divisor, seen)
    if divisor != 1.0:
        rescale(w, 1.0 / divisor, 0, w.size - 1)
    return trace


@njit(**KERNEL)
def minibatches_replicas(rows, batches, every, pace, copies):  # type: ignore[no-untyped-def]
    """As `steps_replicas`; the shared vector has no divisor (batches.l2 is 0), and pays the whole penalty."""
    shared, mine, base, trace, steps = copies.shared, copies.mine, copies.base, 0.0, batches.rates.size
    refresh(shared, mine, base)
    for first in range(0, steps, every):
        last = min(first + every, steps)
        seen, _, found, amount = learn_minibatches(rows, batches, first, last, mine, pace, 1.0)
        trace += found
        merge(shared, mine, base)
        if pace.l1 > 0.0 or pace.l2 > 0.0:
            shrink(shared, rows, amount * pace.l2, amount * pace.l1, 0, shared.size - 1)
            refresh(shared, mine, base)
        average(copies, mine, 1.0, seen)
    return trace


@njit(**KERNEL)
def minibatches_in_order(rows, batches, every, pace, copies, deltas, rank, control):  # type: ignore[no-untyped-def]
    """As `steps_in_order`: of each stretch of size * every steps, worker `rank` learns the rank-th part."""
    mine, trace, steps, size = copies.mine, 0.0, batches.rates.size, deltas.shape[0]
    mine[:] = copies.shared
    for start in range(0, steps, size * every):
        stop = min(start + size * every, steps)
        first, last = min(start + rank * every, stop), min(start + (rank + 1) * every, stop)
        seen, _, found, _ = learn_minibatches(rows, batches, first, last, mine, pace, 1.0)
        trace += found
        amount = batches.rates[start:stop].sum()
        if not merge_in_order(copies, rows, amount * pace.l2, amount * pace.l1, deltas, rank, control):
            return trace
        if seen > 0:
            average(copies, mine, 1.0, seen)
    return trace
