"""What ratings add up to: gradients of their rows, steps on the mean of several, and how good the rows are."""

from __future__ import annotations

import numpy as np
from numba import njit

from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.ratings import AHEAD, ONE, fetch, places, predict
from hogwild.kernels.rows import coming, lookahead


@njit(**INNER)
def _gather(p, q, g, h, error, share, form):  # type: ignore[no-untyped-def]
    """g, h += s times the gradient of (error^2 + l2 (|p|^2 + |q|^2)) / 2 by p and by q. Returns that sum, times s."""
    down, pull = -share * error, share * p.dtype.type(form.l2)
    bias = down * p.dtype.type(form.biases)
    g[0] += bias + pull * p[0]
    h[0] += bias + pull * q[0]
    square = p[0] * p[0] + q[0] * q[0]
    for f in range(1, p.size):
        x, y = p[f], q[f]
        g[f] += down * y + pull * x
        h[f] += down * x + pull * y
        square += x * x + y * y
    return 0.5 * share * (np.float64(error) * np.float64(error) + form.l2 * np.float64(square))


@njit(**KERNEL)
def factor_minibatches(ratings, order, size, form, rates, w, slopes):  # type: ignore[no-untyped-def]
    """A step for each `size` ratings of `order`, on the mean of their gradients; `rates`: one for each.

    `slopes`, as long as w, is all zeros before and after. Returns the sum of errors.
    """
    trace, width = 0.0, np.uint64(form.width)
    mean, floor = w.dtype.type(form.mean), w.dtype.type(form.floor)
    for b in range(rates.size):
        first, end = b * size, min((b + 1) * size, order.size)
        for k in range(first, end):
            i = np.uint64(order[k])
            u, v = places(ratings, form, i)
            p, q = w[u : u + width], w[v : v + width]
            error = ratings.values[i] - predict(p, q, mean)
            trace += error
            share = ONE
            if ratings.weights.size > 0:
                share = ratings.weights[i]
            _gather(p, q, slopes[u : u + width], slopes[v : v + width], error, share, form)
        gain = w.dtype.type(rates[b] / (end - first))
        for k in range(first, end):
            u, v = places(ratings, form, np.uint64(order[k]))
            for begin in (u, v):
                for f in range(form.width):
                    at = begin + np.uint64(f)
                    value = w[at] - gain * slopes[at]
                    w[at] = value if value > floor or f == 0 else floor
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
    nothing, mean = np.zeros(form.width, w.dtype), w.dtype.type(form.mean)
    for c in range(starts.size):
        end = min(starts[c] + chunk, n)
        for signed in range(starts[c], end):
            i = np.uint64(signed)
            u, v = places(ratings, form, i)
            p, q = w[u : u + width], w[v : v + width]
            error = ratings.values[i] - predict(p, q, mean)
            if keys.size:
                a = _find(keys, np.int64(ratings.users[i])) * form.width
                b = _find(keys, form.n_users + np.int64(ratings.items[i])) * form.width
                g = values[a : a + form.width] if a >= 0 else nothing
                h = values[b : b + form.width] if b >= 0 else nothing
            else:
                g, h = values[u : u + width], values[v : v + width]
            share = ONE
            if ratings.weights.size > 0:
                share = ratings.weights[i]
            total += _gather(p, q, g, h, error, share, form)
        seen += end - starts[c]
    return seen, total


@njit(**KERNEL)
def factor_tally(ratings, starts, chunk, form, w):  # type: ignore[no-untyped-def]
    """Weighted sums over the ratings: (loss, squared errors, weight, penalty)."""
    n, penalty, errors, weight, width = ratings.values.size, 0.0, 0.0, 0.0, np.uint64(form.width)
    mean = w.dtype.type(form.mean)
    for c in range(starts.size):
        end = min(starts[c] + chunk, n)
        lead, jump = lookahead(starts, c, chunk, AHEAD)
        for signed in range(starts[c], end):
            fetch(ratings, form, coming(signed + lead, end, jump, n), w)
            i = np.uint64(signed)
            u, v = places(ratings, form, i)
            p, q = w[u : u + width], w[v : v + width]
            error = np.float64(ratings.values[i] - predict(p, q, mean))
            square = w.dtype.type(0)
            for f in range(p.size):
                square += p[f] * p[f] + q[f] * q[f]
            share = ONE
            if ratings.weights.size > 0:
                share = ratings.weights[i]
            errors += np.float64(share) * error * error
            penalty += 0.5 * np.float64(share) * form.l2 * np.float64(square)
            weight += np.float64(share)
    return 0.5 * errors, errors, weight, penalty
