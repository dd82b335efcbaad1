"""What is learnt: one problem for each kind of model, small enough for every strategy on every engine."""

import numpy as np
import pytest
from scipy.optimize import minimize

from hogwild import Factors, check_examples
from hogwild.data.blocks import Block
from hogwild.rules.schedules import Moment
from hogwild.testing import Problem, problem


def network() -> Problem:
    """A multilayer perceptron on scikit-learn's digits; skips without PyTorch."""
    torch = pytest.importorskip("torch", reason="a network needs PyTorch: pip install 'hogwild[nets]'")
    from sklearn.datasets import load_digits

    from hogwild import Network

    X, y = load_digits(return_X_y=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10))
    rows, labels = (X[:160] / 16).astype(np.float32), y[:160]
    with torch.inference_mode():
        outputs = module(torch.from_numpy(rows))
        start = torch.nn.functional.cross_entropy(outputs, torch.from_numpy(labels)).item()
    return Problem(Network(module, rate=0.05), (rows, labels), start, 0.0, epochs=8)


def factors() -> Problem:
    """Half of the ratings that 20 users have for 15 items, of rank 2 but for noise. The least that is known of the
    objective is what SciPy's L-BFGS finds from the same beginning.
    """
    rng = np.random.default_rng(0)
    pairs = np.argwhere(rng.random((20, 15)) < 0.7)
    users, items = pairs.T
    p, q = rng.normal(size=(20, 2)), rng.normal(size=(15, 2))
    ratings = 3 + rng.normal(size=20)[users] / 2 + (p[users] * q[items]).sum(axis=1) + rng.normal(size=len(pairs)) / 10
    model = Factors(rank=2, l2=0.02, rate=0.05, init_scale=0.5)
    examples = check_examples(pairs, ratings)
    survey = model.survey(examples, 0, None)
    task, params = model.bind(examples, survey), model.init(survey)
    every = [Block(np.arange(len(pairs)), 1)]

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        params.weights[:] = weights
        slope = task.gradient(params, every, Moment(0, 0.0, 0), None)
        return slope.loss / len(pairs), slope.values.astype(np.float64) / len(pairs)

    begin = params.weights.astype(np.float64)
    best = minimize(objective, begin, jac=True, method="L-BFGS-B").fun
    return Problem(model, (pairs, ratings), objective(begin)[0], float(best), epochs=40)


TASKS = {
    "factors": factors,
    "linear, dense": problem,
    "linear, sparse": lambda: problem(n=240, d=12, sparse=True),
    "network": network,
}
