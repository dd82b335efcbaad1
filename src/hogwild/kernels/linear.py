"""SGD for linear models, a whole block of rows a call: alone, on merged private copies, or merged in rank order.

The weights are v = divisor * w. With the step size eta0 / (1 + l2 eta0 t) the shrinkage of l2 telescopes to
w = v / (1 + l2 eta0 t) and v -= eta0 slope x, so l2 costs nothing and a satisfied row writes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hogwild.kernels.atomics import barrier
from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.losses import loss_slope
from hogwild.kernels.merging import accumulate, merge, refresh, shrink
from hogwild.kernels.rows import add, coming, dot, lookahead, norm2, prefetch

# The mean of iterates gives iterate t a weight of t^(FORGETTING - 1): polynomial-decay averaging (Shamir and Zhang
# 2013), which forgets the first, far ones. 1 would be the plain mean.
FORGETTING = 4.0


class Pace(NamedTuple):
    """Which loss, and how far a step goes; all per example."""

    code: int  # of the loss
    parameter: float  # of the loss
    gain: float  # v -= gain * slope * x; the step size of w is gain / divisor
    growth: float  # divisor += growth after each example: l2 * gain where l2 telescopes, else 0
    intercept: float  # step of the intercept, as a fraction of the step size; 0 for no intercept
    l2: float  # what does not telescope is shrunk once an interval: gain * l2, gain * l1 an example
    l1: float
    # Largest second derivative of a loss with unbounded slope: no step is then larger than 1 / (smoothness s |x|^2),
    # above which it would overshoot its own example. 0: no such limit.
    smoothness: float = 0.0


class Copies(NamedTuple):
    """One worker's vectors, all (d + 1,) with the intercept last."""

    shared: NDArray[np.floating]  # read and written by all workers
    mine: NDArray[np.floating]  # private
    base: NDArray[np.floating]  # what `mine` was at the last merge
    mean: NDArray[np.floating]  # running mean of iterates, (0,) if not wanted
    mass: NDArray[np.float64]  # (1,) examples in `mean`


@njit(**INNER)
def limited(rows, i, pace, gain, divisor):  # type: ignore[no-untyped-def]
    """The gain for row i: `gain`, or less for a row that is so long or weighs so much that it would overshoot.

    A limit for each row: one for all would let a single outlier slow everything down.
    """
    if pace.smoothness == 0.0:
        return gain
    curvature = pace.smoothness * rows.weights[i] * (norm2(rows, i) + pace.intercept)
    return gain if gain * curvature <= divisor else divisor / curvature


@njit(**INNER)
def learn(rows, starts, chunk, w, pace, divisor):  # type: ignore[no-untyped-def]
    """One step for each row of each chunk, on w. Returns (examples seen, divisor after, sum of predictions).

    The sum of predictions is finite as long as the weights that were met are.
    """
    last = w.size - 1
    bias = w[last]
    seen, trace = 0, 0.0
    n = rows.targets.size
    for c in range(starts.size):
        start, end = starts[c], min(starts[c] + chunk, n)
        lead, jump = lookahead(starts, c, chunk)
        for signed in range(start, end):
            i = np.uint64(signed)  # an unsigned index needs no wrap-around
            prefetch(rows, coming(signed + lead, end, jump, n))
            scale = 1.0 / divisor  # long before it is needed: a division takes its time
            p = dot(rows, i, w) * scale + bias
            trace += p
            slope = loss_slope(pace.code, p, rows.targets[i], pace.parameter)
            if slope != 0.0:
                slope *= limited(rows, i, pace, pace.gain, divisor) * rows.weights[i]
                add(rows, i, w, w.dtype.type(-slope))
                bias -= w.dtype.type(scale * pace.intercept * slope)
            divisor += pace.growth
        seen += end - start
    w[last] = bias
    return seen, divisor, trace


@njit(**INNER)
def average(copies, w, divisor, seen):  # type: ignore[no-untyped-def]
    """Take w / divisor, after `seen` more examples, into the mean of the iterates, if one is wanted."""
    if copies.mean.size > 0:
        copies.mass[0] += seen
        accumulate(copies.mean, w, divisor, min(1.0, FORGETTING * seen / copies.mass[0]))


@njit(**KERNEL)
def steps_alone(rows, starts, chunk, every, pace, divisor, copies):  # type: ignore[no-untyped-def]
    """Steps on the shared vector itself: one worker only. Intervals of `every` chunks."""
    w, trace = copies.shared, 0.0
    for first in range(0, starts.size, every):
        seen, divisor, found = learn(rows, starts[first : first + every], chunk, w, pace, divisor)
        trace += found
        if pace.l1 > 0.0 or pace.l2 > 0.0:
            amount = pace.gain * seen
            shrink(w, rows, amount * pace.l2, amount * pace.l1, 0, w.size - 1)
        average(copies, w, divisor, seen)
    return trace


@njit(**KERNEL)
def steps_replicas(rows, starts, chunk, every, pace, divisor, copies):  # type: ignore[no-untyped-def]
    """Steps on a private copy, whose changes are added to the shared vector after every `every` chunks.

    The penalty that does not telescope is applied to the shared vector, once for each example, and never to the
    copies: the shrinkages of several copies would add up and overshoot.
    """
    shared, mine, base, trace = copies.shared, copies.mine, copies.base, 0.0
    refresh(shared, mine, base)
    for first in range(0, starts.size, every):
        seen, divisor, found = learn(rows, starts[first : first + every], chunk, mine, pace, divisor)
        trace += found
        merge(shared, mine, base)
        if pace.l1 > 0.0 or pace.l2 > 0.0:
            amount = pace.gain * seen
            shrink(shared, rows, amount * pace.l2, amount * pace.l1, 0, shared.size - 1)
            refresh(shared, mine, base)
        average(copies, mine, divisor, seen)
    return trace


@njit(**INNER)
def merge_in_order(copies, rows, l2, l1, deltas, rank, control):  # type: ignore[no-untyped-def]
    """Add what all have changed to the shared vector, pay the penalty (see `shrink`), and take the result for mine.

    `deltas` (size, d + 1) holds what each has changed; each adds up its own slice of the vector, in rank order. False
    if the run was told to stop meanwhile.
    """
    shared, mine = copies.shared, copies.mine
    size, length = deltas.shape[0], shared.size
    low, high = length * rank // size, length * (rank + 1) // size
    for j in range(length):
        deltas[rank, j] = mine[j] - shared[j]
    if not barrier(size, control):
        return False
    for r in range(size):
        for j in range(low, high):
            shared[j] += deltas[r, j]
    if l1 > 0.0 or l2 > 0.0:
        shrink(shared, rows, l2, l1, low, min(high, length - 1))
    if not barrier(size, control):
        return False
    mine[:] = shared
    return True


@njit(**KERNEL)
def steps_in_order(rows, starts, chunk, every, pace, divisor, copies, deltas, rank, control):  # type: ignore[no-untyped-def]
    """`steps_replicas` with merges at fixed points, in rank order: repeatable bit for bit.

    All workers are given the same `starts`; of each stretch of size * every chunks, worker `rank` learns the
    rank-th part.
    """
    mine, trace, size = copies.mine, 0.0, deltas.shape[0]
    mine[:] = copies.shared
    for first in range(0, starts.size, size * every):
        part = starts[min(first + rank * every, starts.size) : min(first + (rank + 1) * every, starts.size)]
        begin = divisor + pace.growth * chunk * rank * every
        seen, _, found = learn(rows, part, chunk, mine, pace, begin)
        trace += found
        chunks = min(size * every, starts.size - first)
        amount = pace.gain * chunks * chunk
        if not merge_in_order(copies, rows, amount * pace.l2, amount * pace.l1, deltas, rank, control):
            return trace
        divisor += pace.growth * chunk * chunks
        if seen > 0:
            average(copies, mine, divisor, seen)
    return trace
