"""Matrix factorization: SGD on the two rows of a rating, and what a block of ratings adds up to.

All rows lie in one vector, those of users before those of items, `width` numbers each: `first` of them, 1 or 0, are a
bias, the others factors. With the row p of user u and the row q of item i a rating r is predicted as

    mean + p_0 + q_0 + sum_f p_f q_f        (p_0, q_0: biases, if there are any)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hogwild.kernels.atomics import atomic_store, barrier, lock, unlock, wait_for
from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.merging import merge, refresh
from hogwild.kernels.rows import LINE, coming, lookahead, prefetch_line
from hogwild.memory import TURN

# So many ratings ahead their rows are asked for: they lie anywhere. (4 ahead: 30 % slower.)
AHEAD = 16
# Ratings that are learnt between two barriers of `steps_in_strata`, for each worker.
STRATUM = 8_192


class Ratings(NamedTuple):
    """Checked: users and items are numbers of rows that there are."""

    users: NDArray[np.uint32]  # (n,)
    items: NDArray[np.uint32]  # (n,)
    values: NDArray[np.floating]  # (n,)
    weights: NDArray[np.floating]  # (n,) sample weights, mean 1; (0,): all are 1


class Form(NamedTuple):
    """How rows lie in the vector, and what the terms of the objective are."""

    n_users: int
    width: int
    first: int  # biases of a row: 1 or 0
    mean: float  # of ratings; 0 without biases
    l2: float
    floor: float  # of a factor: 0, or -inf


@njit(**INNER)
def _places(ratings, form, i):  # type: ignore[no-untyped-def]
    """Where the rows of a rating begin."""
    width = np.uint64(form.width)
    return np.uint64(ratings.users[i]) * width, (np.uint64(form.n_users) + np.uint64(ratings.items[i])) * width


@njit(**INNER)
def _fetch(ratings, form, i, w):  # type: ignore[no-untyped-def]
    """Ask for the rows of a rating, which will be wanted soon."""
    u, v = _places(ratings, form, i)
    for f in range(np.uint64(0), np.uint64(form.width), LINE):
        prefetch_line(w, u + f)
        prefetch_line(w, v + f)


@njit(**INNER)
def _predict(p, q, form):  # type: ignore[no-untyped-def]
    total = p.dtype.type(form.mean)
    if form.first:
        total += p[0] + q[0]
    for f in range(form.first, form.width):
        total += p[f] * q[f]
    return total


@njit(**INNER)
def _share(ratings, i):  # type: ignore[no-untyped-def]
    """The weight of a rating."""
    return ratings.weights[i] if ratings.weights.size else ratings.values.dtype.type(1)


@njit(**INNER)
def _step(p, q, error, share, form, rate):  # type: ignore[no-untyped-def]
    """p += rate s (error q - l2 p), q += rate s (error p - l2 q), both from the old rows; factors keep to the floor."""
    gain = p.dtype.type(rate) * share
    kept, gain = p.dtype.type(1) - gain * p.dtype.type(form.l2), gain * error
    if form.first:
        p[0] = kept * p[0] + gain
        q[0] = kept * q[0] + gain
    floor = p.dtype.type(form.floor)
    for f in range(form.first, form.width):
        x, y = p[f], q[f]
        a, b = kept * x + gain * y, kept * y + gain * x
        p[f] = a if a > floor else floor
        q[f] = b if b > floor else floor


@njit(**INNER)
def _learn(ratings, starts, chunk, form, rate, users, items):  # type: ignore[no-untyped-def]
    """A step for each rating of each chunk: the rows of users lie in one vector, those of items perhaps in another.

    Returns the sum of errors, which is finite as long as the weights that were met are.
    """
    n, trace, width = ratings.values.size, 0.0, np.uint64(form.width)
    for c in range(starts.size):
        end = min(starts[c] + chunk, n)
        lead, jump = lookahead(starts, c, chunk, AHEAD)
        for signed in range(starts[c], end):
            _fetch(ratings, form, coming(signed + lead, end, jump, n), users)
            i = np.uint64(signed)  # an unsigned index needs no wrap-around
            u, v = _places(ratings, form, i)
            p, q = users[u : u + width], items[v : v + width]
            error = ratings.values[i] - _predict(p, q, form)
            trace += error
            _step(p, q, error, _share(ratings, i), form, rate)
    return trace


@njit(**KERNEL)
def factor_steps(ratings, starts, chunk, form, rate, w):  # type: ignore[no-untyped-def]
    """On the vector itself: of one worker, or of all, without locks. Two ratings rarely have a row in common."""
    return _learn(ratings, starts, chunk, form, rate, w, w)


@njit(**KERNEL)
def factor_replicas(ratings, starts, chunk, form, rate, shared, mine, base, every):  # type: ignore[no-untyped-def]
    """The rows of users in the shared vector, and those of items on a private copy, whose changes are added to the
    shared vector after every `every` chunks: for items so few that all workers write to all of them all the time.
    """
    begin, trace = form.n_users * form.width, 0.0
    refresh(shared[begin:], mine[begin:], base[begin:])
    for first in range(0, starts.size, every):
        trace += _learn(ratings, starts[first : first + every], chunk, form, rate, shared, mine)
        merge(shared[begin:], mine[begin:], base[begin:])
    return trace


@njit(**KERNEL)
def factor_strata(ratings, starts, chunk, form, rate, shared, rank, size, control):  # type: ignore[no-untyped-def]
    """Repeatable bit for bit: at any time each worker has users and items of its own (Gemulla et al. 2011).

    All workers are given the same `starts`. Of a stretch of these ratings, worker `rank` learns first those with
    user = rank and item = rank (mod size), then, when all have, those with item = rank + 1, and so on: what is learnt
    at one time has no row in common, so that it is what one worker would have learnt, one rating after another.
    """
    n, trace, width = ratings.values.size, 0.0, np.uint64(form.width)
    every = max(1, size * STRATUM // chunk)
    for first in range(0, starts.size, every):
        for k in range(size):
            mine, theirs = np.uint32(rank), np.uint32((rank + k) % size)
            for c in range(first, min(first + every, starts.size)):
                for signed in range(starts[c], min(starts[c] + chunk, n)):
                    i = np.uint64(signed)
                    if ratings.users[i] % np.uint32(size) != mine or ratings.items[i] % np.uint32(size) != theirs:
                        continue
                    u, v = _places(ratings, form, i)
                    p, q = shared[u : u + width], shared[v : v + width]
                    error = ratings.values[i] - _predict(p, q, form)
                    trace += error
                    _step(p, q, error, _share(ratings, i), form, rate)
            if not barrier(size, control):
                return trace
    return trace


@njit(**KERNEL)
def factor_locked(ratings, starts, chunk, form, rate, shared, locks, control):  # type: ignore[no-untyped-def]
    """Both rows of a rating are locked while they are read and written: that of the user first, so that nobody waits
    for somebody who waits for him.
    """
    n, trace, width = ratings.values.size, 0.0, np.uint64(form.width)
    for c in range(starts.size):
        for signed in range(starts[c], min(starts[c] + chunk, n)):
            i = np.uint64(signed)
            u, v = _places(ratings, form, i)
            if not lock(locks, u, control):
                return trace
            if not lock(locks, v, control):
                unlock(locks, u)
                return trace
            p, q = shared[u : u + width], shared[v : v + width]
            error = ratings.values[i] - _predict(p, q, form)
            trace += error
            _step(p, q, error, _share(ratings, i), form, rate)
            unlock(locks, v)
            unlock(locks, u)
    return trace


@njit(**KERNEL)
def factor_turns(ratings, starts, chunk, form, rate, shared, turn, rank, size, control):  # type: ignore[no-untyped-def]
    """Round robin: errors are computed at once, but steps are made one after another, in rank order.

    All workers are given the same `starts`; worker `rank` takes the ratings t = rank, rank + size, ... of the block.
    """
    n, trace, width, t = ratings.values.size, 0.0, np.uint64(form.width), 0
    for c in range(starts.size):
        for signed in range(starts[c], min(starts[c] + chunk, n)):
            if t % size == rank:
                i = np.uint64(signed)
                u, v = _places(ratings, form, i)
                p, q = shared[u : u + width], shared[v : v + width]
                error = ratings.values[i] - _predict(p, q, form)
                trace += error
                if not wait_for(control, TURN, turn + t, control):
                    return trace
                _step(p, q, error, _share(ratings, i), form, rate)
                atomic_store(control, TURN, turn + t + 1)
            t += 1
    return trace


# ------------------------------------------------------------------------------------------------------- minibatches


@njit(**INNER)
def _gather(p, q, g, h, error, share, form):  # type: ignore[no-untyped-def]
    """g, h += s times the gradient of (error^2 + l2 (|p|^2 + |q|^2)) / 2 by p and by q. Returns that sum, times s."""
    down, pull = -share * error, share * p.dtype.type(form.l2)
    square = 0.0
    if form.first:
        g[0] += down + pull * p[0]
        h[0] += down + pull * q[0]
        square += p[0] * p[0] + q[0] * q[0]
    for f in range(form.first, form.width):
        x, y = p[f], q[f]
        g[f] += down * y + pull * x
        h[f] += down * x + pull * y
        square += x * x + y * y
    return 0.5 * share * (np.float64(error) * np.float64(error) + form.l2 * square)


@njit(**KERNEL)
def factor_minibatches(ratings, order, size, form, rates, w, slopes):  # type: ignore[no-untyped-def]
    """A step for each `size` ratings of `order`, on the mean of their gradients; `rates`: one for each.

    `slopes`, as long as w, is all zeros before and after. Returns the sum of errors.
    """
    trace, width = 0.0, np.uint64(form.width)
    floor = w.dtype.type(form.floor)
    for b in range(rates.size):
        first, end = b * size, min((b + 1) * size, order.size)
        for k in range(first, end):
            i = np.uint64(order[k])
            u, v = _places(ratings, form, i)
            p, q = w[u : u + width], w[v : v + width]
            error = ratings.values[i] - _predict(p, q, form)
            trace += error
            _gather(p, q, slopes[u : u + width], slopes[v : v + width], error, _share(ratings, i), form)
        gain = w.dtype.type(rates[b] / (end - first))
        for k in range(first, end):
            u, v = _places(ratings, form, np.uint64(order[k]))
            for begin in (u, v):
                for f in range(form.width):
                    at = begin + np.uint64(f)
                    value = w[at] - gain * slopes[at]
                    w[at] = value if value > floor or f < form.first else floor
                    slopes[at] = 0
    return trace


@njit(**INNER)
def _find(keys, row):  # type: ignore[no-untyped-def]
    """Where this row is among increasing keys; -1: nowhere."""
    low, high = 0, keys.size
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < row:
            low = middle + 1
        else:
            high = middle
    return low if low < keys.size and keys[low] == row else -1


@njit(**KERNEL)
def factor_gradient(ratings, starts, chunk, form, w, keys, values):  # type: ignore[no-untyped-def]
    """values, zeros before, += the sum of gradients: as long as w or, if there are `keys`, of these rows only.

    Returns (examples, the sum of what it is the gradient of). A row that is no key is left out.
    """
    n, total, seen, width = ratings.values.size, 0.0, 0, np.uint64(form.width)
    nothing = np.zeros(form.width, w.dtype)
    for c in range(starts.size):
        end = min(starts[c] + chunk, n)
        for signed in range(starts[c], end):
            i = np.uint64(signed)
            u, v = _places(ratings, form, i)
            p, q = w[u : u + width], w[v : v + width]
            error = ratings.values[i] - _predict(p, q, form)
            if keys.size:
                a = _find(keys, np.int64(ratings.users[i])) * form.width
                b = _find(keys, form.n_users + np.int64(ratings.items[i])) * form.width
                g = values[a : a + form.width] if a >= 0 else nothing
                h = values[b : b + form.width] if b >= 0 else nothing
            else:
                g, h = values[u : u + width], values[v : v + width]
            total += _gather(p, q, g, h, error, _share(ratings, i), form)
        seen += end - starts[c]
    return seen, total


@njit(**KERNEL)
def factor_tally(ratings, starts, chunk, form, w):  # type: ignore[no-untyped-def]
    """Weighted sums over the ratings: (loss and penalty, squared errors, weight)."""
    n, total, errors, weight, width = ratings.values.size, 0.0, 0.0, 0.0, np.uint64(form.width)
    for c in range(starts.size):
        end = min(starts[c] + chunk, n)
        lead, jump = lookahead(starts, c, chunk, AHEAD)
        for signed in range(starts[c], end):
            _fetch(ratings, form, coming(signed + lead, end, jump, n), w)
            i = np.uint64(signed)
            u, v = _places(ratings, form, i)
            p, q = w[u : u + width], w[v : v + width]
            error = np.float64(ratings.values[i] - _predict(p, q, form))
            square = w.dtype.type(0)
            for f in range(form.width):
                square += p[f] * p[f] + q[f] * q[f]
            share = np.float64(_share(ratings, i))
            errors += share * error * error
            total += 0.5 * share * (error * error + form.l2 * np.float64(square))
            weight += share
    return total, errors, weight
