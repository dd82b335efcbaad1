"""Steps on mean gradients against serial minibatch SGD in NumPy."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels import oracle
from tests.kernels.oracle import CHUNK, KINDS, RELAX, RELAXED_KINDS, TOLERANCE, Problem, pace_of, shuffled

from hogwild.kernels.linear import FORGETTING, steps_alone
from hogwild.kernels.minibatches import Minibatches, minibatches_alone, minibatches_in_order, minibatches_replicas
from hogwild.memory import CONTROL_CELLS, STOP
from hogwild.rules.losses import LOSSES

SIZE, EVERY = 8, 3  # 60 rows are 7 minibatches of 8 and one of 4
every_kind = pytest.mark.parametrize(("layout", "dtype"), KINDS)
every_penalty = pytest.mark.parametrize("penalty", ["none", "l1", "l2", "both"])


def batches_of(problem, size=SIZE, l2=0.0, falls=0.02):
    """All rows in a random order, at a rate that falls."""
    _, order = shuffled(problem)
    return Minibatches(order, size, 0.125 / (1 + falls * np.arange(0, order.size, size)), l2)


def learn(problem, batches, first, last, w, pace, relax=None, centre=0.0):
    """Steps first, ... last - 1 on true weights w, in place: w <- (w - rate * mean gradient) / (1 + rate l2)."""
    loss, a = oracle.slope_of(pace)
    relax = np.ones(problem.d) if relax is None else relax
    predictions = []
    for step in range(first, last):
        rows, rate = batches.order[step * batches.size : (step + 1) * batches.size], batches.rates[step]
        x = problem.X[rows] - centre
        p = x @ w[:-1] + w[-1]
        predictions += p.tolist()
        slopes = rate * problem.s[rows] * [loss.slope(q, t, a) for q, t in zip(p, problem.y[rows], strict=True)]
        w[:-1] = (w[:-1] - relax * (x.T @ slopes) / rows.size) / (1 + rate * batches.l2)
        w[-1] -= pace.intercept * slopes.mean()
    return predictions


def serial(problem, batches, pace, relax=None, centre=0.0, every=EVERY):
    """True weights, predictions and ends of intervals."""
    w, predictions, ends, steps = problem.start.copy(), [], [], batches.rates.size
    for first in range(0, steps, every):
        last = min(first + every, steps)
        before = len(predictions)
        predictions += learn(problem, batches, first, last, w, pace, relax, centre)
        oracle.shrink(w, batches.rates[first:last].sum(), pace, relax)
        ends.append((len(predictions) - before, w.copy()))
    return w, predictions, ends


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("layout", "dtype", "relaxed"), RELAXED_KINDS)
@every_penalty
def test_alone_is_serial_minibatch_sgd(name, layout, dtype, relaxed, penalty):
    problem, batches = Problem(binary=LOSSES[name].is_binary), batches_of(Problem())
    pace, relax = pace_of(name, penalty, gain=0.0), RELAX if relaxed else None
    expected, predictions, _ = serial(problem, batches, pace, relax)
    memory = oracle.copies(problem.start, dtype)
    rows = problem.rows(layout, dtype, RELAX if relaxed else ())
    trace = minibatches_alone(rows, batches, EVERY, pace, memory)
    np.testing.assert_allclose(memory.shared, expected, **TOLERANCE[dtype])
    assert trace == pytest.approx(sum(predictions), rel=1e-3 if dtype is np.float32 else 1e-9, abs=1e-3)
    if pace.l1:
        assert np.array_equal(memory.shared[:-1] == 0, expected[:-1] == 0)


@every_kind
@pytest.mark.parametrize("size", [1, 7, 60, 1000])
def test_the_divisor_pays_l2_in_every_step_and_is_gone_at_the_end(layout, dtype, size):
    problem = Problem()
    batches = batches_of(problem, size, l2=0.5)
    pace = pace_of("logistic", "none")
    expected, _, _ = serial(problem, batches, pace)
    memory = oracle.copies(problem.start, dtype)
    minibatches_alone(problem.rows(layout, dtype), batches, EVERY, pace, memory)
    np.testing.assert_allclose(memory.shared, expected, **TOLERANCE[dtype])


def test_the_divisor_does_not_grow_for_ever():
    problem, pace = Problem(), pace_of("squared_hinge", "l1")
    batches = batches_of(problem, 1, l2=800.0)  # 100-fold in each step: 1e120 in all
    expected, _, _ = serial(problem, batches, pace, every=60)
    memory = oracle.copies(problem.start, np.float32)
    minibatches_alone(problem.rows("sparse32", np.float32), batches, 60, pace, memory)
    # l1 is paid once an interval, of weights that were divided meanwhile: these are tiny, and must be numbers.
    assert np.abs(memory.shared[:-1] - expected[:-1]).max() < 0.01
    pace = pace._replace(l1=0.0)
    expected, _, _ = serial(problem, batches, pace, every=60)
    memory = oracle.copies(problem.start, np.float64)
    minibatches_alone(problem.rows("sparse32", np.float64), batches, 60, pace, memory)
    np.testing.assert_allclose(memory.shared, expected, **TOLERANCE[np.float64])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_columns_are_centred(dtype):
    problem, pace = Problem(binary=False), pace_of("squared", "l2")
    centre = np.linspace(-1, 1, problem.d).astype(np.float32)
    batches = batches_of(problem)
    expected, _, _ = serial(problem, batches, pace, RELAX, centre.astype(np.float64))
    memory = oracle.copies(problem.start, dtype)
    minibatches_alone(problem.rows("dense", dtype, RELAX, centre), batches, EVERY, pace, memory)
    np.testing.assert_allclose(memory.shared, expected, **TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_minibatches_of_one_are_single_examples(dtype):
    problem, pace = Problem(), pace_of("logistic", "telescoped")
    starts, order = shuffled(problem)
    rows, one, other = problem.rows("sparse32", dtype), *(oracle.copies(problem.start, dtype) for _ in range(2))
    steps_alone(rows, starts, CHUNK, EVERY, pace, 1.0, one)
    one.shared[:-1] /= 1 + pace.growth * order.size
    rates = pace.gain / (1 + pace.growth * np.arange(order.size))
    batches = Minibatches(order, 1, rates, pace.growth / pace.gain)
    minibatches_alone(rows, batches, EVERY, pace._replace(gain=0.0, growth=0.0), other)
    np.testing.assert_allclose(other.shared, one.shared, **TOLERANCE[dtype])


@every_kind
@every_penalty
def test_replicas_of_one_worker_are_alone(layout, dtype, penalty):
    problem, pace = Problem(), pace_of("squared_hinge", penalty)
    rows, batches = problem.rows(layout, dtype), batches_of(problem)
    alone, merged = oracle.copies(problem.start, dtype), oracle.copies(problem.start, dtype)
    trace = minibatches_alone(rows, batches, EVERY, pace, alone)
    assert minibatches_replicas(rows, batches, EVERY, pace, merged) == pytest.approx(trace, rel=1e-3)
    np.testing.assert_allclose(merged.shared, alone.shared, **TOLERANCE[dtype])
    np.testing.assert_array_equal(merged.mine, merged.shared)
    np.testing.assert_array_equal(merged.base, merged.shared)


def in_order(problem, rows, batches, pace, size, mean=False):
    """Run `size` workers in threads on one vector; returns it, and their memories."""
    shared = problem.start.astype(rows.values.dtype)
    control, deltas = np.zeros(CONTROL_CELLS, np.int64), np.zeros((size, shared.size), shared.dtype)
    memories = [oracle.copies(problem.start, shared.dtype, mean)._replace(shared=shared) for _ in range(size)]

    def work(rank: int) -> float:
        return minibatches_in_order(rows, batches, EVERY, pace, memories[rank], deltas, rank, control)

    with ThreadPoolExecutor(size) as pool:
        assert np.isfinite(list(pool.map(work, range(size)))).all()
    return shared, memories


def ordered_oracle(problem, batches, pace, size, relax=None):
    """Each of `size` workers takes EVERY steps of a stretch on a copy; changes are added in rank order."""
    w, steps = problem.start.copy(), batches.rates.size
    for start in range(0, steps, size * EVERY):
        stop, changes = min(start + size * EVERY, steps), []
        for rank in range(size):
            mine = w.copy()
            first = start + rank * EVERY
            learn(problem, batches, first, min(first + EVERY, stop), mine, pace, relax)
            changes.append(mine - w)
        w += sum(changes)
        oracle.shrink(w, batches.rates[start:stop].sum(), pace, relax)
    return w


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@every_penalty
@pytest.mark.parametrize("relaxed", [False, True], ids=["even", "relaxed"])
def test_workers_in_order_share_out_each_stretch(size, penalty, relaxed):
    problem, pace = Problem(), pace_of("logistic", penalty)
    batches = batches_of(problem, 4)
    rows = problem.rows("sparse32", np.float64, RELAX if relaxed else ())
    shared, _ = in_order(problem, rows, batches, pace, size)
    expected = ordered_oracle(problem, batches, pace, size, RELAX if relaxed else None)
    np.testing.assert_allclose(shared, expected, **TOLERANCE[np.float64])
    for _ in range(3):
        np.testing.assert_array_equal(in_order(problem, rows, batches, pace, size)[0], shared)


def test_a_worker_in_order_leaves_when_the_run_is_stopped():
    problem, pace = Problem(), pace_of("logistic", "none")
    control, deltas = np.zeros(CONTROL_CELLS, np.int64), np.zeros((2, problem.d + 1))
    control[STOP] = 1
    memory, rows = oracle.copies(problem.start, np.float64), problem.rows("sparse32", np.float64)
    # The other of the two never comes.
    assert np.isfinite(minibatches_in_order(rows, batches_of(problem), EVERY, pace, memory, deltas, 0, control))
    np.testing.assert_array_equal(memory.shared, problem.start)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", [minibatches_alone, minibatches_replicas], ids=["alone", "replicas"])
def test_the_mean_is_that_of_the_weights_at_the_ends_of_intervals(dtype, kernel):
    problem, pace, batches = Problem(), pace_of("logistic", "both"), batches_of(Problem())
    _, _, ends = serial(problem, batches, pace)
    memory = oracle.copies(problem.start, dtype, mean=True)
    kernel(problem.rows("sparse32", dtype), batches, EVERY, pace, memory)
    mean, mass = 0.0, 0
    for seen, w in ends:
        mass += seen
        mean += min(1.0, FORGETTING * seen / mass) * (w - mean)
    np.testing.assert_allclose(memory.mean, mean, **TOLERANCE[dtype])
    assert memory.mass[0] == problem.n


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("kernel", [minibatches_alone, minibatches_replicas], ids=["alone", "replicas"])
def test_what_is_not_finite_shows_in_the_trace(kernel, bad):
    problem, pace = Problem(), pace_of("hinge", "none")
    problem.start[-2] = bad
    memory = oracle.copies(problem.start, np.float64)
    assert not np.isfinite(kernel(problem.rows("sparse32", np.float64), batches_of(problem), EVERY, pace, memory))


@settings(max_examples=30)
@given(st.integers(1, 70), st.integers(1, 40), st.booleans())
def test_any_size_and_interval(size, every, telescoped):
    problem = Problem()
    batches = batches_of(problem, size, 0.1 if telescoped else 0.0)
    pace = pace_of("squared_hinge", "none" if telescoped else "both")
    expected, _, _ = serial(problem, batches, pace, every=every)
    memory = oracle.copies(problem.start, np.float64)
    minibatches_alone(problem.rows("sparse32", np.float64), batches, every, pace, memory)
    np.testing.assert_allclose(memory.shared, expected, **TOLERANCE[np.float64])
