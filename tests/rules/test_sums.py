"""The inner product without BLAS."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hogwild.rules.sums import consensus_distance, inner

TASKS = Path("/proc/self/task")

# Prints how many threads of the BLAS have worked while three workers were training, and how many there are.
COUNT_WORKING_THREADS = """
import os
from pathlib import Path
import numpy as np
from hogwild import Linear, Stop, Threads, rcv1_like, train
data = rcv1_like(2000, 47236)
idle = [task for task in Path("/proc/self/task").iterdir() if int(task.name) != os.getpid()]
def cpu_ns():
    return [int((task / "schedstat").read_text().split()[0]) for task in idle]
def settled():  # loading the library has woken them, too
    times = None
    while times != (times := cpu_ns()):
        sum(range(1_000_000))
    return times
before = settled()
train(Linear("logistic"), data, engine=Threads(3), stop=Stop(epochs=3), seed=0)
{after}
print(sum(a != b for a, b in zip(before, settled())), len(idle))
"""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 5, 100_000])
def test_the_sum_is_that_of_numpy_in_float64(n, dtype):
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=n).astype(dtype), rng.normal(size=n).astype(dtype)
    assert inner(a, b) == pytest.approx(float(np.sum(a.astype(np.float64) * b.astype(np.float64))), rel=1e-12)


def test_mixed_precision():
    assert inner(np.array([2.0], np.float32), np.array([3.0])) == 6.0


def woken(after: str) -> int:
    """Threads of the BLAS that have worked during training and `after`."""
    code = COUNT_WORKING_THREADS.replace("{after}", after)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, there = map(int, done.stdout.split())
    if there == 0:
        pytest.skip("this NumPy has no threads that could be woken")
    return count


@pytest.mark.skipif(not TASKS.exists(), reason="counts threads in /proc, which this system does not have")
def test_training_wakes_no_thread_of_a_blas():
    assert woken("np.ones(47236) @ np.ones(47236)") > 0  # it would be noticed
    assert woken("") == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_how_far_vectors_are_apart(dtype):
    vectors = np.random.default_rng(0).normal(size=(5, 1_000)).astype(dtype)
    wide = vectors.astype(np.float64)
    expected = np.sqrt(((wide - wide.mean(0)) ** 2).sum(1).mean())
    assert consensus_distance(list(vectors)) == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_vectors_that_are_the_same_are_not_apart_at_all(count):
    """The mean of three times 0.1 is not 0.1."""
    assert consensus_distance([np.full(10, 0.1)] * count) == 0
