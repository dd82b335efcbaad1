"""What is learnt: one problem for each kind of model, small enough for every strategy on every engine."""

import numpy as np
import pytest

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


TASKS = {
    "linear, dense": problem,
    "linear, sparse": lambda: problem(n=240, d=12, sparse=True),
    "network": network,
}
