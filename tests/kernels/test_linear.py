"""The kernels of one worker, and of several that merge in order, against serial SGD in NumPy."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.kernels import oracle
from tests.kernels.oracle import CHUNK, KINDS, LAYOUTS, RELAX, RELAXED_KINDS, TOLERANCE, Problem, pace_of, shuffled

from hogwild.kernels.linear import FORGETTING, steps_alone, steps_in_order, steps_replicas
from hogwild.memory import CONTROL_CELLS, STOP
from hogwild.rules.losses import LOSSES

EVERY = 2  # chunks in an interval

every_loss = pytest.mark.parametrize("name", LOSSES)
every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_layout = pytest.mark.parametrize("layout", LAYOUTS)
every_kind = pytest.mark.parametrize(("layout", "dtype"), KINDS)
every_penalty = pytest.mark.parametrize("penalty", ["none", "l1", "l2", "both", "telescoped", "telescoped and l1"])


def intervals(problem: Problem, starts: np.ndarray, every: int = EVERY, chunk: int = CHUNK) -> list[np.ndarray]:
    return [
        np.concatenate([np.arange(s, min(s + chunk, problem.n)) for s in starts[k : k + every]])
        for k in range(0, starts.size, every)
    ]


def serial(problem, starts, pace, relax=None, centre=0.0):
    """True weights, predictions and ends of intervals, by the oracle."""
    w, predictions, ends, t = problem.start.copy(), [], [], 0
    for part in intervals(problem, starts):
        predictions += oracle.learn(problem, part, w, pace, t, relax, centre)
        t += part.size
        oracle.shrink(w, pace.gain / (1 + pace.growth * t) * part.size, pace, relax)
        ends.append((part.size, w.copy()))
    return w, predictions, ends


def true(shared: np.ndarray, divisor: float) -> np.ndarray:
    """Weights from the kernel's form: the intercept is never scaled."""
    return np.append(shared[:-1].astype(np.float64) / divisor, np.float64(shared[-1]))


@every_loss
@pytest.mark.parametrize(
    ("layout", "dtype", "relaxed"),
    [*RELAXED_KINDS, ("sparse64", np.float64, False), ("sparse32", np.float32, True)],
)
@every_penalty
def test_steps_alone_is_serial_sgd(name, layout, dtype, penalty, relaxed):
    problem = Problem(binary=LOSSES[name].is_binary)
    relax, pace = RELAX if relaxed else None, pace_of(name, penalty)
    starts, order = shuffled(problem)
    expected, predictions, _ = serial(problem, starts, pace, relax)
    memory = oracle.copies(problem.start, dtype)
    trace = steps_alone(problem.rows(layout, dtype, RELAX if relaxed else ()), starts, CHUNK, EVERY, pace, 1.0, memory)
    found = true(memory.shared, 1 + pace.growth * order.size)
    np.testing.assert_allclose(found, expected, **TOLERANCE[dtype])
    assert trace == pytest.approx(sum(predictions), rel=1e-3 if dtype is np.float32 else 1e-9, abs=1e-3)
    if pace.l1:
        assert np.array_equal(found[:-1] == 0, expected[:-1] == 0)


@every_dtype
def test_dense_columns_are_centred(dtype):
    problem, pace = Problem(binary=False), pace_of("squared", "l2")
    centre = np.linspace(-1, 1, problem.d).astype(np.float32)
    starts, _ = shuffled(problem)
    expected, _, _ = serial(problem, starts, pace, RELAX, centre.astype(np.float64))
    memory = oracle.copies(problem.start, dtype)
    steps_alone(problem.rows("dense", dtype, RELAX, centre), starts, CHUNK, EVERY, pace, 1.0, memory)
    np.testing.assert_allclose(memory.shared, expected, **TOLERANCE[dtype])


@every_dtype
@every_penalty
def test_a_block_goes_on_where_the_last_one_ended(dtype, penalty):
    problem, pace = Problem(), pace_of("logistic", penalty)
    starts, _ = shuffled(problem)
    rows = problem.rows("sparse32", dtype)
    once, twice = oracle.copies(problem.start, dtype), oracle.copies(problem.start, dtype)
    steps_alone(rows, starts, CHUNK, EVERY, pace, 1.0, once)
    half = 2 * EVERY
    steps_alone(rows, starts[:half], CHUNK, EVERY, pace, 1.0, twice)
    seen = sum(min(CHUNK, problem.n - s) for s in starts[:half])
    steps_alone(rows, starts[half:], CHUNK, EVERY, pace, 1.0 + pace.growth * seen, twice)
    np.testing.assert_allclose(once.shared, twice.shared, **TOLERANCE[dtype])


@every_kind
@every_penalty
def test_replicas_of_one_worker_are_steps_alone(layout, dtype, penalty):
    problem, pace = Problem(), pace_of("squared_hinge", penalty)
    starts, _ = shuffled(problem)
    rows = problem.rows(layout, dtype)
    alone, merged = oracle.copies(problem.start, dtype), oracle.copies(problem.start, dtype)
    trace = steps_alone(rows, starts, CHUNK, EVERY, pace, 1.0, alone)
    assert steps_replicas(rows, starts, CHUNK, EVERY, pace, 1.0, merged) == pytest.approx(trace, rel=1e-3)
    np.testing.assert_allclose(merged.shared, alone.shared, **TOLERANCE[dtype])
    np.testing.assert_array_equal(merged.mine, merged.shared)
    np.testing.assert_array_equal(merged.base, merged.shared)


def test_replicas_merge_changes_and_keep_those_of_others():
    problem, pace = Problem(), pace_of("hinge", "none")
    rows = problem.rows("sparse32", np.float64)
    starts, order = shuffled(problem)
    memory = oracle.copies(problem.start, np.float64)
    elsewhere = np.arange(13.0)

    w = problem.start.copy()
    oracle.learn(problem, order[: CHUNK * EVERY], w, pace)
    steps_replicas(rows, starts[:EVERY], CHUNK, EVERY, pace, 1.0, memory)
    memory.shared[:] += elsewhere  # what another worker has merged meanwhile is read by the next block
    w += elsewhere
    oracle.learn(problem, order[CHUNK * EVERY : 2 * CHUNK * EVERY], w, pace)
    steps_replicas(rows, starts[EVERY : 2 * EVERY], CHUNK, EVERY, pace, 1.0, memory)
    np.testing.assert_allclose(memory.shared, w, **TOLERANCE[np.float64])


def in_order(problem, rows, starts, pace, size, mean=False, divisor=1.0):
    """Run `size` workers in threads on one vector; returns it, and their means and masses."""
    shared = problem.start.astype(rows.values.dtype)
    control, deltas = np.zeros(CONTROL_CELLS, np.int64), np.zeros((size, shared.size), shared.dtype)
    memories = [oracle.copies(problem.start, shared.dtype, mean)._replace(shared=shared) for _ in range(size)]

    def work(rank: int) -> float:
        place = (deltas, rank, control)
        return steps_in_order(rows, starts, CHUNK, EVERY, pace, divisor, memories[rank], *place)

    with ThreadPoolExecutor(size) as pool:
        traces = list(pool.map(work, range(size)))
    return shared, memories, traces


def ordered_oracle(problem, starts, pace, size, relax=None):
    """Each of `size` workers learns its part of a stretch on a copy; changes are added in rank order."""
    v, divisor = problem.start.copy(), 1.0
    for first in range(0, starts.size, size * EVERY):
        changes, chunks = [], min(size * EVERY, starts.size - first)
        for rank in range(size):
            part = starts[first + rank * EVERY : min(first + (rank + 1) * EVERY, first + chunks)]
            t = (divisor - 1) / pace.growth if pace.growth else 0.0
            t += CHUNK * rank * EVERY
            mine = np.append(v[:-1] / (1 + pace.growth * t), v[-1])
            rows = np.concatenate([np.arange(s, min(s + CHUNK, problem.n)) for s in part]) if part.size else []
            oracle.learn(problem, rows, mine, pace, t, relax)
            changes.append(np.append(mine[:-1] * (1 + pace.growth * (t + len(rows))), mine[-1]) - v)
        v += sum(changes)
        oracle.shrink(v, pace.gain * chunks * CHUNK, pace, relax)
        divisor += pace.growth * CHUNK * chunks
    return v


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@every_penalty
@pytest.mark.parametrize("relaxed", [False, True], ids=["even", "relaxed"])
def test_workers_in_order_are_what_their_docstring_says(size, penalty, relaxed):
    problem, pace = Problem(), pace_of("logistic", penalty)
    starts, _ = shuffled(problem)
    rows = problem.rows("sparse32", np.float64, RELAX if relaxed else ())
    shared, _, traces = in_order(problem, rows, starts, pace, size)
    expected = ordered_oracle(problem, starts, pace, size, RELAX if relaxed else None)
    np.testing.assert_allclose(shared, expected, **TOLERANCE[np.float64])
    assert np.isfinite(traces).all()
    for _ in range(3):
        np.testing.assert_array_equal(in_order(problem, rows, starts, pace, size)[0], shared)


def test_more_workers_in_order_than_weights_or_chunks():
    problem, pace = Problem(n=20, d=3), pace_of("hinge", "both")
    starts, _ = shuffled(problem)
    rows = problem.rows("sparse32", np.float64)
    shared, _, _ = in_order(problem, rows, starts, pace, 6)
    np.testing.assert_allclose(shared, ordered_oracle(problem, starts, pace, 6), **TOLERANCE[np.float64])


@every_dtype
def test_workers_in_order_on_dense_rows(dtype):
    problem, pace = Problem(), pace_of("logistic", "both")
    starts, _ = shuffled(problem)
    shared, _, _ = in_order(problem, problem.rows("dense", dtype), starts, pace, 2)
    np.testing.assert_allclose(shared, ordered_oracle(problem, starts, pace, 2), **TOLERANCE[dtype])


def test_a_worker_in_order_leaves_when_the_run_is_stopped():
    problem, pace = Problem(), pace_of("logistic", "none")
    starts, _ = shuffled(problem)
    control = np.zeros(CONTROL_CELLS, np.int64)
    control[STOP] = 1
    deltas = np.zeros((2, problem.d + 1))
    memory = oracle.copies(problem.start, np.float64)
    rows = problem.rows("sparse32", np.float64)
    # The other of the two never comes.
    trace = steps_in_order(rows, starts, CHUNK, EVERY, pace, 1.0, memory, deltas, 0, control)
    assert np.isfinite(trace)
    np.testing.assert_array_equal(memory.shared, problem.start)


def running_mean(ends):
    """Mean of (examples, weights) in which weight t counts as t^(FORGETTING - 1), as a running mean."""
    mean, mass = 0.0, 0
    for seen, w in ends:
        mass += seen
        mean += min(1.0, FORGETTING * seen / mass) * (w - mean)
    return mean


@every_dtype
@pytest.mark.parametrize("penalty", ["none", "both", "telescoped and l1"])
@pytest.mark.parametrize("kernel", [steps_alone, steps_replicas], ids=["alone", "replicas"])
def test_the_mean_is_that_of_the_weights_at_the_ends_of_intervals(dtype, penalty, kernel):
    problem, pace = Problem(), pace_of("logistic", penalty)
    starts, _ = shuffled(problem)
    _, _, ends = serial(problem, starts, pace)
    memory = oracle.copies(problem.start, dtype, mean=True)
    kernel(problem.rows("sparse32", dtype), starts, CHUNK, EVERY, pace, 1.0, memory)
    np.testing.assert_allclose(memory.mean, running_mean(ends), **TOLERANCE[dtype])
    assert memory.mass[0] == problem.n


def test_the_means_of_workers_in_order_are_those_of_the_merged_vector():
    problem, pace, size = Problem(), pace_of("logistic", "telescoped"), 2
    starts, _ = shuffled(problem)
    rows = problem.rows("sparse32", np.float64)
    _, memories, _ = in_order(problem, rows, starts, pace, size, mean=True)
    ends, divisor = [[] for _ in range(size)], 1.0
    for first in range(0, starts.size, size * EVERY):
        stretch = starts[first : first + size * EVERY]
        divisor += pace.growth * CHUNK * stretch.size
        merged = true(ordered_oracle(problem, starts[: first + stretch.size], pace, size), divisor)
        for rank in range(size):
            part = stretch[rank * EVERY : (rank + 1) * EVERY]
            if part.size:
                ends[rank].append((sum(min(CHUNK, problem.n - s) for s in part), merged))
    for memory, mine in zip(memories, ends, strict=True):
        np.testing.assert_allclose(memory.mean, running_mean(mine), **TOLERANCE[np.float64])
        assert memory.mass[0] == sum(seen for seen, _ in mine)


@pytest.mark.parametrize("layout", ["sparse32", "sparse64"])
@every_dtype
def test_features_beyond_16_bits(layout, dtype):
    columns = [0, 65_535, 65_536, 65_537, 131_072, 199_999]
    narrow = Problem(d=len(columns), density=0.9)
    pace = pace_of("logistic", "l1")
    starts, _ = shuffled(narrow)
    expected, _, _ = serial(narrow, starts, pace)
    wide = Problem(d=200_000, density=0.0)
    wide.X[:] = 0.0
    wide.X[:, columns] = narrow.X
    wide.y, wide.s = narrow.y, narrow.s
    weights = np.zeros(200_001)
    weights[columns], weights[-1] = narrow.start[:-1], narrow.start[-1]
    memory = oracle.copies(weights, dtype)
    steps_alone(wide.rows(layout, dtype), starts, CHUNK, EVERY, pace, 1.0, memory)
    np.testing.assert_allclose(memory.shared[[*columns, -1]], expected, **TOLERANCE[dtype])
    memory.shared[[*columns, -1]] = 0
    assert not memory.shared.any()


@every_layout
@pytest.mark.parametrize("kernel", [steps_alone, steps_replicas], ids=["alone", "replicas"])
def test_features_and_penalties_never_touch_the_intercept(layout, kernel):
    problem, pace = Problem(), pace_of("squared_hinge", "both", intercept=0.0)
    starts, _ = shuffled(problem)
    memory = oracle.copies(problem.start, np.float64)
    kernel(problem.rows(layout, np.float64), starts, CHUNK, EVERY, pace, 1.0, memory)
    assert memory.shared[-1] == problem.start[-1]
    assert not np.any(memory.shared[:-1] == problem.start[:-1])


@pytest.mark.parametrize("kernel", [steps_alone, steps_replicas], ids=["alone", "replicas"])
@every_dtype
def test_what_is_not_finite_shows_in_the_trace(kernel, dtype):
    problem, pace = Problem(), pace_of("hinge", "none")
    starts, _ = shuffled(problem)
    for bad in (np.nan, np.inf):
        weights = problem.start.copy()
        weights[-2] = bad
        memory = oracle.copies(weights, dtype)
        assert not np.isfinite(kernel(problem.rows("sparse32", dtype), starts, CHUNK, EVERY, pace, 1.0, memory))


def test_no_chunks_are_no_steps():
    problem, pace = Problem(), pace_of("hinge", "both")
    memory, none = oracle.copies(problem.start, np.float64), np.zeros(0, np.int64)
    rows = problem.rows("sparse32", np.float64)
    assert steps_alone(rows, none, CHUNK, EVERY, pace, 1.0, memory) == 0
    np.testing.assert_array_equal(memory.shared, problem.start)
