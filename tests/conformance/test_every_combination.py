"""Strategies, models and engines from their tables: synchronous ones agree bit for bit, others come close."""

import pytest
from tests.conformance.tasks import TASKS

from hogwild import ENGINES, Downpour, GrowingBatches, Simulated, adagrad, inverse_sqrt, linear_size
from hogwild.strategies import STRATEGIES
from hogwild.testing import check_strategy
from hogwild.testing.strategies import in_small_blocks

# Of what there is to gain. A network gets only so far in a few epochs: a mean of three gradients is one step.
TOLERANCE = {"factors": 0.3, "linear, dense": 0.05, "linear, sparse": 0.05, "network": 0.3}
# Adagrad's first steps are as long as its rate, in each weight: too long for so small a network.
# Changes of growing samples add up: steps must become smaller, which the network's constant rate does not.
INSTEAD = {
    ("network", "downpour"): Downpour(minibatch=8, server=adagrad(0.03)),
    ("network", "growing-batches"): GrowingBatches(linear_size(1), inverse_sqrt(0.05, beta=0.05)),
}


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("task", TASKS)
def test_they_work_together(task, name):
    # Ray has its own tests, with one cluster for all: tests/engines/ray.
    engines, workers = {name: make for name, make in ENGINES.items() if name != "ray"}, (1, 3)
    if task == "network":  # which takes longer for an example than a message takes
        engines["simulated"], workers = (lambda n: Simulated(n, example_s=2e-4)), (1 if name == "serial" else 3,)
    strategy = INSTEAD.get((task, name)) or in_small_blocks(STRATEGIES[name]())
    check_strategy(strategy, on=TASKS[task](), workers=workers, tolerance=TOLERANCE[task], engines=engines)


def test_all_axes_are_here():
    assert set(ENGINES) == {"threads", "simulated", "ray"}, "another engine may need other numbers: look at `engines`"
    assert set(TOLERANCE) == set(TASKS)
