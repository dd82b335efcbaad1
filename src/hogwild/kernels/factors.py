"""SGD on the two rows of a rating, a whole block of ratings a call, in each way of sharing the rows."""

from __future__ import annotations

import numpy as np
from numba import njit

from hogwild.kernels.atomics import atomic_store, barrier, lock, unlock, wait_for
from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.merging import merge, refresh
from hogwild.kernels.ratings import AHEAD, INLINE, ONE, fetch, places, precise, predict
from hogwild.kernels.rows import coming, lookahead
from hogwild.memory import TURN

# Ratings that are learnt between two barriers of `steps_in_strata`, for each worker.
STRATUM = 8_192


@njit(**INLINE)
def _step(p, q, gain, bias, kept, floor):  # type: ignore[no-untyped-def]
    """p = kept p + gain q, q = kept q + gain p, both from the old rows; factors keep to the floor.

    gain: rate s error; bias: the same, or 0; kept: 1 - rate s l2. A float64 among them would make
    all of the loop float64.
    """
    p[0] = kept * p[0] + bias
    q[0] = kept * q[0] + bias
    for f in range(1, p.size):
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
    pace, pull, biases, mean, floor = precise(form, rate, users)
    for c in range(starts.size):
        end = min(starts[c] + chunk, n)
        lead, jump = lookahead(starts, c, chunk, AHEAD)
        for signed in range(starts[c], end):
            fetch(ratings, form, coming(signed + lead, end, jump, n), users)
            i = np.uint64(signed)  # an unsigned index needs no wrap-around
            u, v = places(ratings, form, i)
            p, q = users[u : u + width], items[v : v + width]
            error = ratings.values[i] - predict(p, q, mean)
            trace += error
            share = ONE
            if ratings.weights.size > 0:
                share = ratings.weights[i]
            gain = pace * share * error
            _step(p, q, gain, biases * gain, ONE - pull * share, floor)
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
def factor_strata(ratings, starts, chunk, form, rate, shared, bands, rank, size, control):  # type: ignore[no-untyped-def]
    """Repeatable bit for bit: at any time each worker has users and items of its own (Gemulla et al. 2011).

    All workers are given the same `starts`. `bands`: users and items, mod size. Of a stretch of these ratings, worker
    `rank` learns first those of user band `rank` and item band `rank`, then, when all have, those of item band `rank` +
    1, and so on: what is learnt at one time has no row in common, so that it is what one worker would have learnt, one
    rating after another.
    """
    trace, width = 0.0, np.uint64(form.width)
    pace, pull, biases, mean, floor = precise(form, rate, shared)
    every = max(1, size * STRATUM // chunk)
    chosen = np.empty(min(every, starts.size) * chunk, np.uint64)
    for first in range(0, starts.size, every):
        for k in range(size):
            count = _choose(bands, starts[first : first + every], chunk, rank, (rank + k) % size, chosen)
            for t in range(count):
                fetch(ratings, form, chosen[min(t + AHEAD, count - 1)], shared)
                i = chosen[t]
                u, v = places(ratings, form, i)
                p, q = shared[u : u + width], shared[v : v + width]
                error = ratings.values[i] - predict(p, q, mean)
                trace += error
                share = ONE
                if ratings.weights.size > 0:
                    share = ratings.weights[i]
                gain = pace * share * error
                _step(p, q, gain, biases * gain, ONE - pull * share, floor)
            if not barrier(size, control):
                return trace
    return trace


@njit(**INNER)
def _choose(bands, starts, chunk, user, item, chosen):  # type: ignore[no-untyped-def]
    """Write down the ratings of this band of users and that of items, in order; how many they are."""
    (users, items), count = bands, 0
    for c in range(starts.size):
        for signed in range(starts[c], min(starts[c] + chunk, users.size)):
            i = np.uint64(signed)
            chosen[count] = i  # the next takes its place, unless it counts: a jump would be guessed wrong half the time
            count += (users[i] == user) & (items[i] == item)
    return count


@njit(**KERNEL)
def factor_locked(ratings, starts, chunk, form, rate, shared, locks, control):  # type: ignore[no-untyped-def]
    """Both rows of a rating are locked while they are read and written: that of the user first, so that nobody waits
    for somebody who waits for him.
    """
    n, trace, width = ratings.values.size, 0.0, np.uint64(form.width)
    pace, pull, biases, mean, floor = precise(form, rate, shared)
    for c in range(starts.size):
        for signed in range(starts[c], min(starts[c] + chunk, n)):
            i = np.uint64(signed)
            u, v = places(ratings, form, i)
            if not lock(locks, u, control):
                return trace
            if not lock(locks, v, control):
                unlock(locks, u)
                return trace
            p, q = shared[u : u + width], shared[v : v + width]
            error = ratings.values[i] - predict(p, q, mean)
            trace += error
            share = ONE
            if ratings.weights.size > 0:
                share = ratings.weights[i]
            gain = pace * share * error
            _step(p, q, gain, biases * gain, ONE - pull * share, floor)
            unlock(locks, v)
            unlock(locks, u)
    return trace


@njit(**KERNEL)
def factor_turns(ratings, starts, chunk, form, rate, shared, turn, rank, size, control):  # type: ignore[no-untyped-def]
    """Round robin: errors are computed at once, but steps are made one after another, in rank order.

    All workers are given the same `starts`; worker `rank` takes the ratings t = rank, rank + size, ... of the block.
    """
    n, trace, width, t = ratings.values.size, 0.0, np.uint64(form.width), 0
    pace, pull, biases, mean, floor = precise(form, rate, shared)
    for c in range(starts.size):
        for signed in range(starts[c], min(starts[c] + chunk, n)):
            if t % size == rank:
                i = np.uint64(signed)
                u, v = places(ratings, form, i)
                p, q = shared[u : u + width], shared[v : v + width]
                error = ratings.values[i] - predict(p, q, mean)
                trace += error
                if not wait_for(control, TURN, turn + t, control):
                    return trace
                share = ONE
                if ratings.weights.size > 0:
                    share = ratings.weights[i]
                gain = pace * share * error
                _step(p, q, gain, biases * gain, ONE - pull * share, floor)
                atomic_store(control, TURN, turn + t + 1)
            t += 1
    return trace
