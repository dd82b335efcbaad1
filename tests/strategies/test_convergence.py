"""Every strategy reaches the optimum that another solver finds, and those that promise equal bits keep the promise."""

import numpy as np
import pytest
import scipy.sparse as sp
from tests.engines.toys import LEARNERS
from tests.models import optima

from hogwild import Hogwild, Linear, Racy, Replicas, Stop, Threads, train
from hogwild.rules.schedules import constant
from hogwild.strategies import STRATEGIES

X, Y = optima.classes(n=600, d=12, noise=1.0)
SPARSE, SPARSE_Y = optima.classes(n=600, d=40, noise=1.0, density=0.15)
DATA = {"dense": (X, Y), "sparse": (sp.csr_array(SPARSE), SPARSE_Y)}
L2 = 0.01
BEST = {
    ("logistic", "dense"): optima.smooth_minimum("logistic", X, Y, L2),
    ("logistic", "sparse"): optima.smooth_minimum("logistic", SPARSE, SPARSE_Y, L2),
    ("hinge", "dense"): optima.minimum("hinge", X, Y, L2),
    ("hinge", "sparse"): optima.minimum("hinge", SPARSE, SPARSE_Y, L2),
}
EVERY = [(name, workers) for name in LEARNERS for workers in ((1,) if name == "serial" else (1, 2, 4))]


def run(model, data, strategy, workers=1, seed=0, start=None, **stop):
    limits = Stop(**{"epochs": 40, "tol": 0, **stop})
    return train(model, data, strategy=strategy, engine=Threads(workers), stop=limits, seed=seed, start=start)


@pytest.mark.parametrize(("name", "workers"), EVERY)
@pytest.mark.parametrize("layout", DATA)
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_the_optimum_is_reached(name, workers, layout, loss):
    model = Linear(loss, l2=L2, fit_intercept=loss == "logistic")
    result = run(model, DATA[layout], STRATEGIES[name](), workers)
    reached, best = min(record.objective for record in result.history), BEST[loss, layout]
    assert best * (1 - 1e-6) <= reached <= best * 1.02
    assert result.history[-1].objective < best * 1.05, "it also stays there"


@pytest.mark.parametrize(("name", "workers"), EVERY)
def test_more_workers_than_rows_is_fine(name, workers):
    few = sp.csr_array(np.eye(3))
    result = run(Linear("hinge", l2=0.1), (few, np.array([1, -1, 1])), STRATEGIES[name](), workers * 3 - 2)
    assert np.isfinite(result.params.weights).all()
    assert (np.sign(result.predict(few)) == [1, -1, 1]).all()


# ---- bits


MODELS = [
    Linear("logistic", l2=L2),
    Linear("hinge", l2=0.0, l1=1e-3, average=False),
    Linear("squared_hinge", l2=L2, schedule="inverse"),
]
every_model = pytest.mark.parametrize("model", MODELS, ids=["logistic", "l1", "telescoped"])


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("layout", DATA)
@every_model
def test_one_worker_repeats_bit_for_bit(name, layout, model):
    runs = [run(model, DATA[layout], STRATEGIES[name](), epochs=3) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].params.weights, runs[1].params.weights)
    assert [r.objective for r in runs[0].history] == [r.objective for r in runs[1].history]


@pytest.mark.parametrize("name", ["hogwild", "hogwild-ordered"])
@pytest.mark.parametrize("layout", DATA)
@every_model
def test_hogwild_with_one_worker_is_serial_bit_for_bit(name, layout, model):
    serial = run(model, DATA[layout], STRATEGIES["serial"](), epochs=3)
    other = run(model, DATA[layout], STRATEGIES[name](), epochs=3)
    np.testing.assert_array_equal(serial.params.weights, other.params.weights)
    assert [r.objective for r in serial.history] == [r.objective for r in other.history]


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("layout", DATA)
@pytest.mark.parametrize("block_examples", [16_384, 50])
@every_model
def test_ordered_replicas_repeat_bit_for_bit(workers, layout, block_examples, model):
    strategy = Hogwild(Replicas(every_examples=32, ordered=True), block_examples)
    runs = [run(model, DATA[layout], strategy, workers, epochs=3) for _ in range(4)]
    for other in runs[1:]:
        np.testing.assert_array_equal(runs[0].params.weights, other.params.weights)
        assert [r.objective for r in runs[0].history] == [r.objective for r in other.history]
    serial = run(model, DATA[layout], STRATEGIES["serial"](), epochs=3)
    assert not np.array_equal(runs[0].params.weights, serial.params.weights), "several workers are not one"


@pytest.mark.parametrize("name", ["racy", "locked", "round-robin"])
@pytest.mark.parametrize("layout", DATA)
def test_the_published_schemes_with_one_worker_are_one_algorithm(name, layout):
    model = Linear("logistic", l2=L2, average=False)
    racy = run(model, DATA[layout], Hogwild(Racy()), epochs=3)
    other = run(model, DATA[layout], STRATEGIES[name](), epochs=3)
    np.testing.assert_allclose(other.params.weights, racy.params.weights, rtol=1e-9, atol=1e-12)


# ---- every row, once


@pytest.mark.parametrize(("name", "workers"), [(n, w) for n, w in EVERY if w == 1 or n in ("locked", "round-robin")])
def test_the_sum_of_all_updates_is_exact_where_none_may_be_lost(name, workers):
    # A perceptron that is always wrong moves by -y x for each row whatever it has read: whole numbers add up exactly.
    rng = np.random.default_rng(0)
    rows = sp.csr_array(rng.integers(1, 4, (300, 6)) * (rng.random((300, 6)) < 0.7).astype(np.float64))
    model = Linear("perceptron", l2=0.0, fit_intercept=False, schedule=constant(1.0), average=False)
    start = run(model, (rows, np.ones(300)), STRATEGIES["serial"](), epochs=1).params
    start.weights[:] = -1e9
    result = run(model, (rows, np.ones(300)), STRATEGIES[name](), workers, epochs=3, tol=None, start=start)
    np.testing.assert_array_equal(result.params["coef"], -1e9 + 3 * rows.sum(axis=0))
