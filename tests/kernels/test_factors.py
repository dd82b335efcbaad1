"""Kernels of matrix factorization against SGD written out in NumPy, one rating after another."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hogwild.kernels import factors as kernels
from hogwild.kernels import rating_sums as sums
from hogwild.kernels.ratings import Form, Ratings
from hogwild.memory import CONTROL_CELLS

USERS, ITEMS, RANK, RATE, CHUNK = 9, 7, 5, 0.05, 4


class Small:
    """Random ratings and weights."""

    def __init__(self, biases=1.0, floor=-math.inf, weighted=True, n=46, seed=0):
        rng = np.random.default_rng(seed)
        self.form = Form(USERS, 1 + RANK, biases, 3.25 * biases, 0.125, floor)
        values = (rng.integers(1, 10, n) / 2).astype(np.float32)
        weights = rng.choice([0.5, 1.5], n).astype(np.float32) if weighted else np.zeros(0, np.float32)
        users, items = rng.integers(0, USERS, n).astype(np.uint32), rng.integers(0, ITEMS, n).astype(np.uint32)
        self.ratings = Ratings(users, items, values, weights)
        for array in self.ratings:
            array.flags.writeable = False
        self.w = rng.normal(0, 0.5, (USERS + ITEMS) * self.form.width).astype(np.float32)
        if floor == 0:
            self.w = np.abs(self.w)
        if not biases:
            self.w[:: 1 + RANK] = 0
        self.starts = rng.permutation(np.arange(0, n, CHUNK))

    @property
    def block(self):
        return self.starts, CHUNK

    def order(self, starts=None):
        starts = self.starts if starts is None else starts
        rows = (starts[:, None] + np.arange(CHUNK)).ravel()
        return rows[rows < self.ratings.values.size]

    def bands(self, size):
        return tuple((numbers % size).astype(np.uint16) for numbers in self.ratings[:2])

    def share(self, i):
        return float(self.ratings.weights[i]) if self.ratings.weights.size else 1.0

    def rows(self, w, i):
        matrix = w.reshape(-1, self.form.width)
        return matrix[self.ratings.users[i]], matrix[USERS + self.ratings.items[i]]

    def error(self, w, i):
        p, q = self.rows(w, i)
        return float(self.ratings.values[i]) - self.form.mean - p[0] - q[0] - p[1:] @ q[1:]

    def term(self, w, i):
        """What the objective has of a rating."""
        p, q = self.rows(w, i)
        return self.share(i) * (self.error(w, i) ** 2 + self.form.l2 * (p @ p + q @ q)) / 2

    def slope(self, w, i):
        """The gradient of `term` by all weights."""
        (p, q), error = self.rows(w, i), self.error(w, i)
        slope = np.zeros_like(w).reshape(-1, self.form.width)
        g, h = self.form.l2 * p, self.form.l2 * q
        g[1:], h[1:] = g[1:] - error * q[1:], h[1:] - error * p[1:]
        g[0], h[0] = g[0] - error * self.form.biases, h[0] - error * self.form.biases
        slope[self.ratings.users[i]] += self.share(i) * g
        slope[USERS + self.ratings.items[i]] += self.share(i) * h
        return slope.ravel()

    def descend(self, w, slope):
        w -= slope
        if self.form.floor == 0:
            factors = w.reshape(-1, self.form.width)[:, 1:]
            np.maximum(factors, 0, out=factors)

    def serial(self, order):
        w, trace = self.w.astype(np.float64), 0.0
        for i in order:
            trace += self.error(w, i)
            self.descend(w, RATE * self.slope(w, i))
        return w, trace


KINDS = {
    "biases": Small(),
    "none": Small(biases=0.0),
    "nonnegative": Small(floor=0.0),
    "unweighted": Small(weighted=False),
}
same = {"rtol": 2e-5, "atol": 2e-6}


@pytest.fixture(params=KINDS)
def small(request):
    return KINDS[request.param]


def control():
    return np.zeros(CONTROL_CELLS, np.int64)


def together(size, act):
    """Each of so many threads does its part."""
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(act, range(size)))


def test_the_gradient_of_a_rating_is_that_of_its_term(small):
    w, i, step = small.w.astype(np.float64), 5, 1e-6
    learnt = np.flatnonzero(np.arange(w.size) % (1 + RANK) >= 1 - small.form.biases)
    for j in learnt:
        ahead, behind = w.copy(), w.copy()
        ahead[j] += step
        behind[j] -= step
        assert small.slope(w, i)[j] == pytest.approx(
            (small.term(ahead, i) - small.term(behind, i)) / 2 / step, abs=1e-6
        )


def test_steps_are_those_of_plain_sgd(small):
    w = small.w.copy()
    trace = kernels.factor_steps(small.ratings, *small.block, small.form, RATE, w)
    expected, errors = small.serial(small.order())
    np.testing.assert_allclose(w, expected, **same)
    assert trace == pytest.approx(errors, rel=1e-4)


def test_one_worker_learns_the_same_in_every_way_of_sharing(small):
    alone = small.w.copy()
    kernels.factor_steps(small.ratings, *small.block, small.form, RATE, alone)
    arguments = small.ratings, *small.block, small.form, RATE
    ways = {
        "locked": lambda w: kernels.factor_locked(*arguments, w, np.zeros(w.size, np.uint32), control()),
        "turns": lambda w: kernels.factor_turns(*arguments, w, 0, 0, 1, control()),
        "strata": lambda w: kernels.factor_strata(*arguments, w, small.bands(1), 0, 1, control()),
        "replicas": lambda w: kernels.factor_replicas(*arguments, w, np.empty_like(w), np.empty_like(w), 2),
    }
    for name, learn in ways.items():
        w = small.w.copy()
        learn(w)
        # With copies of the items changes are added to what was there, which rounds once more.
        np.testing.assert_allclose(w, alone, **same, err_msg=name)
        if name != "replicas":
            np.testing.assert_array_equal(w, alone, err_msg=name)


@pytest.mark.parametrize("size", [2, 3])
def test_strata_are_plain_sgd_in_another_order_whatever_the_threads_do(small, size):
    def learned():
        w, cells = small.w.copy(), control()
        place = small.ratings, *small.block, small.form, RATE, w, small.bands(size)
        together(size, lambda rank: kernels.factor_strata(*place, rank, size, cells))
        return w

    order = small.order()
    users, items = small.ratings.users[order], small.ratings.items[order]
    stratum = (items.astype(int) - users) % size
    expected, _ = small.serial(order[np.lexsort((np.arange(order.size), users % size, stratum))])
    found = learned()
    np.testing.assert_allclose(found, expected, **same)
    for _ in range(5):
        np.testing.assert_array_equal(learned(), found)


def test_who_takes_turns_takes_every_rating_once(small):
    w, cells, size = small.w.copy(), control(), 3
    place = small.ratings, *small.block, small.form, RATE, w
    together(size, lambda rank: kernels.factor_turns(*place, 0, rank, size, cells))
    expected, _ = small.serial(small.order())
    # Errors may be computed before the others' steps are made: a little older than those of plain SGD.
    assert np.abs(w - expected).max() < 0.2
    assert w.tobytes() != small.w.tobytes()


def test_locks_are_given_back_and_nothing_is_lost():
    """All ratings have one user, whose row each of two threads writes all the time."""
    small = Small(n=4_000)
    ratings = small.ratings._replace(users=np.zeros(4_000, np.uint32), items=np.zeros(4_000, np.uint32))
    w, cells, locks = small.w.copy(), control(), np.zeros(small.w.size, np.uint32)
    halves, form = np.array_split(small.starts, 2), small.form._replace(l2=0.0)
    rows = [np.concatenate([np.arange(first, first + CHUNK) for first in half]) for half in halves]
    # Of biases alone, at a small rate, the order hardly matters; a step that is lost does.
    w[:] = 0
    together(2, lambda k: kernels.factor_locked(ratings, halves[k], CHUNK, form, 1e-6, w, locks, cells))
    assert not locks.any()
    order = np.concatenate(rows)
    steps = 1e-6 * (ratings.weights[order] * (ratings.values[order] - form.mean)).sum(dtype=np.float64)
    assert w[0] == pytest.approx(steps, rel=2e-2)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_minibatch_is_one_step_on_the_mean_gradient(small, size):
    order = small.order()
    rates = np.full(-(-order.size // size), RATE)
    w, slopes = small.w.copy(), np.zeros_like(small.w)
    sums.factor_minibatches(small.ratings, order, size, small.form, rates, w, slopes)
    expected = small.w.astype(np.float64)
    for first in range(0, order.size, size):
        batch = order[first : first + size]
        small.descend(expected, RATE * sum(small.slope(expected, i) for i in batch) / len(batch))
    np.testing.assert_allclose(w, expected, **same)
    assert not slopes.any()


def test_gradients_of_all_rows_and_of_some(small):
    order = small.order(small.starts[:3])
    w = small.w.astype(np.float64)
    expected = sum(small.slope(w, i) for i in order)
    every, nothing = np.zeros_like(small.w), np.zeros(0, np.int64)
    at = small.starts[:3], CHUNK
    seen, total = sums.factor_gradient(small.ratings, *at, small.form, small.w, nothing, every)
    assert seen == order.size
    assert total == pytest.approx(sum(small.term(w, i) for i in order), rel=1e-5)
    np.testing.assert_allclose(every, expected, rtol=1e-4, atol=1e-5)
    keys = np.array([0, 2, 3, USERS, USERS + 4])
    some = np.zeros(keys.size * small.form.width, np.float32)
    sums.factor_gradient(small.ratings, *at, small.form, small.w, keys, some)
    np.testing.assert_array_equal(some, every.reshape(-1, small.form.width)[keys].ravel())


def test_sums(small):
    w = small.w.astype(np.float64)
    loss, errors, weight, penalty = sums.factor_tally(small.ratings, *small.block, small.form, small.w)
    order = small.order()
    assert loss + penalty == pytest.approx(sum(small.term(w, i) for i in order), rel=1e-5)
    assert loss == errors / 2
    assert errors == pytest.approx(sum(small.share(i) * small.error(w, i) ** 2 for i in order), rel=1e-5)
    assert weight == pytest.approx(sum(map(small.share, order)), rel=1e-6)


def test_what_is_not_finite_is_told(small):
    w = small.w.copy()
    w[small.ratings.users[3] * small.form.width + 1] = np.nan
    assert math.isnan(kernels.factor_steps(small.ratings, *small.block, small.form, RATE, w.copy()))
