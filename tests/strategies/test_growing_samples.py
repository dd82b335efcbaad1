"""What growing samples promise on rows that stay with their workers: a square root of the rounds, and the same error.

All of it is measured by the functions of examples/growing_batches.py, at their settings.
"""

from collections.abc import Iterator

import pytest
from tests.docs.scripts import load
from tests.engines.conftest import watched

from hogwild import GrowingBatches, Partitioned, Simulated, Stop, constant_size, linear_size, strongly_convex, train

pytestmark = pytest.mark.slow
GRADIENTS = 60_000
LEAST, MOST = 100, 500  # t E|w - w*|^2: at t = 4,000 about 200, so that E = O(1 / sqrt(t)) would end near 800


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """With more patience than elsewhere: networks make 20,000 steps here, and the machine may be busy."""
    yield from watched(200.0)


@pytest.fixture(scope="module")
def shown():
    return load("growing_batches")


@pytest.mark.parametrize("problem", ["convex", pytest.param("non-convex", marks=pytest.mark.soak)])
def test_digits_of_skewed_labels_are_learnt_as_well_in_far_fewer_rounds(shown, problem):
    pytest.importorskip("torch", reason="softmax regression and the perceptron are networks (the extra `nets`)")
    many, gradients, small_error = shown.run(problem, "biased", shown.SMALL, GRADIENTS, 0)
    *fewer, (few, as_many, growing_error) = (
        shown.run(problem, "biased", shown.GROWING, GRADIENTS // part, 0) for part in (8, 3, 1)
    )
    assert gradients == as_many >= GRADIENTS
    assert many > 20 * few
    assert growing_error <= small_error + 0.5, "per cent of the rows that were held out"
    assert small_error < 6
    points = [(rounds, learnt) for rounds, learnt, _ in fewer] + [(few, as_many)]
    assert shown.slope(points) == pytest.approx(0.5, abs=0.05)


def test_the_distance_to_the_optimum_falls_as_one_over_t(shown):
    found = list(shown.distances(GRADIENTS, seeds=5))
    assert found[-1][0] >= 15 * found[0][0] >= GRADIENTS
    assert all(LEAST < scaled < MOST for _, _, scaled in found), found
    assert shown.slope([(rounds, t) for t, rounds, _ in found]) == pytest.approx(0.5, abs=0.05)


def test_least_squares_of_workers_that_disagree_are_solved_as_well(shown):
    task = shown.least_squares()

    def run(sizes):
        strategy, stop = GrowingBatches(sizes, strongly_convex(task.mu, 600)), Stop(epochs=32, tol=None)
        data = Partitioned((task.X, task.y), task.owners)
        result = train(task.model, data, strategy=strategy, engine=Simulated(shown.WORKERS), stop=stop, seed=0)
        return result.history.counts["rounds"] / shown.WORKERS, ((result.predict(task.X) - task.y) ** 2).mean()

    (many, small), (few, growing) = run(constant_size(20)), run(linear_size(24))
    assert many > 20 * few
    assert growing < small * 1.02
