"""The Hogwild! paper's three schemes, as published: one shared vector, and the penalty touched only where x is not 0.

Niu, Recht, Re and Wright 2011, alg. 1 and eq. 2.3: an example pays the share 1/d_u of the penalty on each feature u
it has, d_u being the number of examples that have it. With a mean loss the factor is n / d_u, which can exceed the
stable range for rare features: the shrinkage is clipped at zero, where the paper's code would change the sign.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import overload

from hogwild.kernels.atomics import atomic_store, lock, unlock, wait_for
from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.linear import limited
from hogwild.kernels.losses import loss_slope
from hogwild.kernels.rows import dot, ease, is_sparse
from hogwild.memory import TURN

# The intercept is in every example: a variable that all threads write all the time. Each thread keeps its own and
# adds its change to the shared one this often ("every thousand iterations or so": Niu et al., section 7).
INTERCEPT_EXAMPLES = 1000


@njit(**INNER)
def _touch(w, j, x, factor, decay, step, pace):  # type: ignore[no-untyped-def]
    """w_j = soft(w_j (1 - rate l2 decay_j), rate l1 decay_j) + step x_j, for one nonzero x_j."""
    zero = w.dtype.type(0)
    pull = w.dtype.type(pace.gain) * factor * decay[j]
    old = w[j] * max(zero, w.dtype.type(1) - pull * w.dtype.type(pace.l2))
    cut = pull * w.dtype.type(pace.l1)
    if cut > zero:
        old = max(old - cut, zero) if old > zero else min(old + cut, zero)
    w[j] = old + step * factor * x


def _update(rows, i, w, decay, step, pace):  # type: ignore[no-untyped-def]
    raise TypeError("_update() exists inside compiled kernels only")


@overload(_update, jit_options=INNER)
def _update_rows(rows, i, w, decay, step, pace):  # type: ignore[no-untyped-def]
    if is_sparse(rows):

        def sparse(rows, i, w, decay, step, pace):  # type: ignore[no-untyped-def]
            for k in range(rows.indptr[i], rows.indptr[i + 1]):
                j = rows.indices[k]
                _touch(w, j, rows.values[k], ease(rows, j), decay, step, pace)

        return sparse

    def dense(rows, i, w, decay, step, pace):  # type: ignore[no-untyped-def]
        for j in range(rows.values.shape[1]):
            _touch(w, j, rows.values[i, j] - rows.centre[j], ease(rows, j), decay, step, pace)

    return dense


def _lock_row(rows, i, intercept, locks, control):  # type: ignore[no-untyped-def]
    raise TypeError("_lock_row() exists inside compiled kernels only")


@overload(_lock_row, jit_options=INNER)
def _lock_rows(rows, i, intercept, locks, control):  # type: ignore[no-untyped-def]
    if is_sparse(rows):

        def sparse(rows, i, intercept, locks, control):  # type: ignore[no-untyped-def]
            first = np.int64(rows.indptr[i])
            end = np.int64(rows.indptr[i + 1])
            held = first
            while held < end and lock(locks, rows.indices[held], control):
                held += 1
            if held == end and (not intercept or lock(locks, locks.size - 1, control)):
                return True
            for k in range(first, held):
                unlock(locks, rows.indices[k])
            return False

        return sparse

    def dense(rows, i, intercept, locks, control):  # type: ignore[no-untyped-def]
        # Every example has every variable: whoever holds the last lock holds them all.
        return lock(locks, locks.size - 1, control)

    return dense


def _unlock_row(rows, i, intercept, locks):  # type: ignore[no-untyped-def]
    raise TypeError("_unlock_row() exists inside compiled kernels only")


@overload(_unlock_row, jit_options=INNER)
def _unlock_rows(rows, i, intercept, locks):  # type: ignore[no-untyped-def]
    if is_sparse(rows):

        def sparse(rows, i, intercept, locks):  # type: ignore[no-untyped-def]
            if intercept:
                unlock(locks, locks.size - 1)
            for k in range(rows.indptr[i], rows.indptr[i + 1]):
                unlock(locks, rows.indices[k])

        return sparse

    def dense(rows, i, intercept, locks):  # type: ignore[no-untyped-def]
        unlock(locks, locks.size - 1)

    return dense


@njit(**INNER)
def _step(rows, i, p, pace):  # type: ignore[no-untyped-def]
    """Step size times slope."""
    slope = loss_slope(pace.code, p, rows.targets[i], pace.parameter) * rows.weights[i]
    return limited(rows, np.uint64(i), pace, pace.gain, 1.0) * slope if slope != 0.0 else 0.0


@njit(**KERNEL)
def steps_racy(rows, starts, chunk, pace, shared, decay):  # type: ignore[no-untyped-def]
    """Hogwild! itself: read, compute, write, and no lock anywhere."""
    last = shared.size - 1
    bias, base, since, trace = shared[last], shared[last], 0, 0.0
    n = rows.targets.size
    for c in range(starts.size):
        for i in range(starts[c], min(starts[c] + chunk, n)):
            p = dot(rows, i, shared) + bias
            trace += p
            step = _step(rows, i, p, pace)
            _update(rows, i, shared, decay, shared.dtype.type(-step), pace)
            bias -= shared.dtype.type(pace.intercept * step)
            since += 1
            if since == INTERCEPT_EXAMPLES:
                shared[last] += bias - base
                bias = base = shared[last]
                since = 0
    shared[last] += bias - base
    return trace


@njit(**KERNEL)
def steps_locked(rows, starts, chunk, pace, shared, decay, locks, control):  # type: ignore[no-untyped-def]
    """AIG: every variable of an example is locked while it is read and written, in index order (no deadlock).

    With an intercept its lock, the last, is in every example: then no two examples run at once, as published.
    """
    last, intercept = shared.size - 1, pace.intercept > 0.0
    trace = 0.0
    n = rows.targets.size
    for c in range(starts.size):
        for i in range(starts[c], min(starts[c] + chunk, n)):
            if not _lock_row(rows, i, intercept, locks, control):
                return trace
            p = dot(rows, i, shared) + shared[last]
            trace += p
            step = _step(rows, i, p, pace)
            _update(rows, i, shared, decay, shared.dtype.type(-step), pace)
            if intercept:
                shared[last] -= shared.dtype.type(pace.intercept * step)
            _unlock_row(rows, i, intercept, locks)
    return trace


@njit(**KERNEL)
def steps_in_turn(rows, starts, chunk, pace, shared, decay, turn, rank, size, control):  # type: ignore[no-untyped-def]
    """Round robin: slopes are computed at once, but updates are applied one after another, in rank order.

    All workers are given the same `starts`; worker `rank` takes the rows t = rank, rank + size, ... of the block and
    applies row t when turn + t rows have been applied in the run (Langford et al. 2009, as in Niu et al., section 6).
    """
    last = shared.size - 1
    trace, t = 0.0, 0
    n = rows.targets.size
    for c in range(starts.size):
        for i in range(starts[c], min(starts[c] + chunk, n)):
            if t % size == rank:
                p = dot(rows, i, shared) + shared[last]
                trace += p
                step = _step(rows, i, p, pace)
                if not wait_for(control, TURN, turn + t, control):
                    return trace
                _update(rows, i, shared, decay, shared.dtype.type(-step), pace)
                shared[last] -= shared.dtype.type(pace.intercept * step)
                atomic_store(control, TURN, turn + t + 1)
            t += 1
    return trace
