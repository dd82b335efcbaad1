"""The paper's three schemes against its update written out in NumPy, and what their locks and turns promise."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.kernels.oracle import CHUNK, RELAX, RELAXED_KINDS, TOLERANCE, Problem, pace_of, shuffled

from hogwild.kernels import published
from hogwild.kernels.linear import Pace
from hogwild.kernels.published import steps_in_turn, steps_locked, steps_racy
from hogwild.memory import CONTROL_CELLS, STOP, TURN
from hogwild.rules.losses import LOSSES

CENTRE = np.linspace(-0.5, 0.5, 12).astype(np.float32).astype(np.float64)
SCHEMES = ("racy", "locked", "in turn")
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


class Place:
    """What the threads of a run share besides the weights."""

    def __init__(self, d: int, size: int = 1) -> None:
        self.control, self.locks, self.size = np.zeros(CONTROL_CELLS, np.int64), np.zeros(d + 1, np.uint32), size

    def run(self, scheme, rows, starts, pace, shared, decay, rank=0, turn=0, chunk=CHUNK):
        common = (rows, starts, chunk, pace, shared, decay)
        if scheme == "racy":
            return steps_racy(*common)
        if scheme == "locked":
            return steps_locked(*common, self.locks, self.control)
        return steps_in_turn(*common, turn, rank, self.size, self.control)


def published_sgd(problem, order, pace, decay, relax, centre, touches_zeros):
    """w_u <- soft(w_u max(0, 1 - rate l2 decay_u), rate l1 decay_u) - rate slope x_u, for each u of the example."""
    loss = list(LOSSES.values())[pace.code]
    w, predictions = problem.start.copy(), []
    for i in order:
        x = problem.X[i] - centre
        p = x @ w[:-1] + w[-1]
        predictions.append(p)
        slope = loss.slope(p, problem.y[i], pace.parameter) * problem.s[i]
        for u in range(problem.d) if touches_zeros else np.flatnonzero(problem.X[i]):
            pull = pace.gain * relax[u] * decay[u]
            kept = w[u] * max(0.0, 1 - pull * pace.l2)
            kept = np.sign(kept) * max(0.0, abs(kept) - pull * pace.l1)
            w[u] = kept - pace.gain * slope * relax[u] * x[u]
        w[-1] -= pace.gain * pace.intercept * slope
    return w, predictions


@every_scheme
@pytest.mark.parametrize(("layout", "dtype", "relaxed"), RELAXED_KINDS)
@pytest.mark.parametrize("penalty", ["none", "l1", "l2", "both"])
def test_one_worker_is_the_published_update(scheme, dtype, layout, penalty, relaxed):
    problem, pace = Problem(), pace_of("logistic", penalty)
    decay = np.linspace(0.5, 40, problem.d)  # the largest ones would overshoot without a clip
    relax = RELAX if relaxed else np.ones(problem.d)
    centre = CENTRE if layout == "dense" else 0.0
    starts, order = shuffled(problem)
    expected, predictions = published_sgd(problem, order, pace, decay, relax, centre, layout == "dense")
    place, shared = Place(problem.d), problem.start.astype(dtype)
    rows = problem.rows(layout, dtype, RELAX if relaxed else (), CENTRE)
    trace = place.run(scheme, rows, starts, pace, shared, decay.astype(dtype))
    np.testing.assert_allclose(shared, expected, **TOLERANCE[dtype])
    assert trace == pytest.approx(sum(predictions), rel=1e-3, abs=1e-3)
    assert not place.locks.any()
    assert place.control[TURN] == (order.size if scheme == "in turn" else 0)


@every_scheme
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(scheme, name):
    problem, pace = Problem(binary=LOSSES[name].is_binary), pace_of(name, "both")
    starts, order = shuffled(problem)
    decay = np.ones(problem.d)
    expected, _ = published_sgd(problem, order, pace, decay, decay, 0.0, False)
    shared = problem.start.copy()
    Place(problem.d).run(scheme, problem.rows("sparse32", np.float64), starts, pace, shared, decay)
    np.testing.assert_allclose(shared, expected, **TOLERANCE[np.float64])


@every_scheme
def test_features_beyond_16_bits(scheme):
    problem, pace = Problem(d=70_000, density=0.0), pace_of("hinge", "none", intercept=0.0)
    problem.X[:] = 0.0
    problem.X[:, [65_535, 65_536, 69_999]] = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    problem.start[:] = 0.0
    starts, order = shuffled(problem)
    decay = np.ones(problem.d)
    expected, _ = published_sgd(problem, order, pace, decay, decay, 0.0, False)
    shared = problem.start.astype(np.float32)
    Place(problem.d).run(scheme, problem.rows("sparse32", np.float32), starts, pace, shared, decay.astype(np.float32))
    np.testing.assert_allclose(shared, expected, **TOLERANCE[np.float32])
    assert np.flatnonzero(shared).tolist() == [65_535, 65_536, 69_999]


def test_the_racy_intercept_is_merged_every_thousand_examples():
    problem, pace = Problem(n=published.INTERCEPT_EXAMPLES * 2 + 300), pace_of("logistic", "none")
    starts, order = shuffled(problem)
    decay = np.ones(problem.d)
    expected, _ = published_sgd(problem, order, pace, decay, decay, 0.0, False)
    shared = problem.start.copy()
    steps_racy(problem.rows("sparse32", np.float64), starts, CHUNK, pace, shared, decay)
    np.testing.assert_allclose(shared, expected, **TOLERANCE[np.float64])


def constant_slopes(layout: str, threads: int):
    """Whole numbers, and a perceptron that is always wrong: every slope is -y whoever reads what, so that updates
    commute and their sum is exact; one lost update shows.
    """
    rng = np.random.default_rng(0)
    problem = Problem(n=400, d=6)
    problem.X = np.abs(rng.integers(1, 4, (400, 6))).astype(np.float64) * (rng.random((400, 6)) < 0.7)
    problem.y[:], problem.s[:] = 1.0, 1.0
    start = np.full(7, -1e9)  # so far below zero that no prediction becomes positive
    pace = Pace(LOSSES["perceptron"].code, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0)
    rows = problem.rows(layout, np.float64)
    return start, pace, rows, start + np.append(problem.X.sum(axis=0), 400) * threads


@pytest.mark.parametrize("layout", ["sparse32", "dense"])
@pytest.mark.parametrize("intercept", [0.0, 1.0])
def test_no_update_is_lost_under_locks(layout, intercept):
    threads = 4
    start, pace, rows, total = constant_slopes(layout, threads)
    pace, shared, place = pace._replace(intercept=intercept), start.copy(), Place(6)
    starts = np.arange(0, 400, 10)

    def work(rank: int) -> float:
        order = np.random.default_rng(rank).permutation(starts)
        return place.run("locked", rows, order, pace, shared, np.ones(6), chunk=10)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    np.testing.assert_array_equal(shared, total if intercept else np.append(total[:-1], start[-1]))
    assert not place.locks.any()


@pytest.mark.parametrize("layout", ["sparse32", "dense"])
@pytest.mark.parametrize("size", [2, 3])
def test_no_update_is_lost_in_turn_and_rows_are_shared_out(layout, size):
    start, pace, rows, total = constant_slopes(layout, 1)
    shared, place = start.copy(), Place(6, size)
    blocks = [np.arange(0, 130, 10), np.arange(130, 400, 10)]

    def work(rank: int) -> float:
        seen = [0, 130]  # rows applied in the run before each block
        return sum(
            place.run("in turn", rows, starts, pace, shared, np.ones(6), rank, turn, chunk=10)
            for starts, turn in zip(blocks, seen, strict=True)
        )

    with ThreadPoolExecutor(size) as pool:
        list(pool.map(work, range(size)))
    np.testing.assert_array_equal(shared, total)
    assert place.control[TURN] == 400


def test_updates_in_turn_are_applied_in_row_order():
    # Two workers on features of their own (even rows, odd rows): each slope depends on the worker's own updates only,
    # so the result is that of one worker, bit for bit.
    problem, pace = Problem(n=200, d=8, density=0.8), pace_of("logistic", "both", intercept=0.0)
    problem.X[::2, 4:] = 0.0
    problem.X[1::2, :4] = 0.0
    rows, starts, decay = problem.rows("sparse32", np.float64), np.arange(200), np.ones(8)
    alone, shared, place = problem.start.copy(), problem.start.copy(), Place(8, 2)
    Place(8).run("in turn", rows, starts, pace, alone, decay, chunk=1)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda r: place.run("in turn", rows, starts, pace, shared, decay, r, chunk=1), range(2)))
    np.testing.assert_array_equal(shared, alone)


@pytest.mark.parametrize("layout", ["sparse32", "dense"])
def test_a_stop_frees_who_waits_for_a_lock_or_a_turn(layout):
    problem, pace = Problem(), pace_of("hinge", "none")
    rows, starts, decay = problem.rows(layout, np.float64), np.arange(60), np.ones(12)
    place, shared = Place(12, 2), problem.start.copy()
    place.control[STOP], place.locks[-1] = 1, 1
    for scheme, rank in (("locked", 0), ("in turn", 1)):
        assert np.isfinite(place.run(scheme, rows, starts, pace, shared, decay, rank, chunk=1))
        np.testing.assert_array_equal(shared, problem.start)
    assert place.locks.tolist() == [0] * 12 + [1], "the locks that were taken on the way must be given back"


@every_scheme
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_shows_in_the_trace(scheme, bad):
    problem, pace = Problem(), pace_of("hinge", "none")
    problem.start[-2] = bad
    starts, _ = shuffled(problem)
    shared = problem.start.copy()
    rows = problem.rows("sparse32", np.float64)
    assert not np.isfinite(Place(12).run(scheme, rows, starts, pace, shared, np.ones(12)))
