"""Solvers of the linear SVM with the squared hinge and no intercept, which is smooth, so that all of them can:

P(w) = l2 / 2 |w|^2 + mean over examples of max(0, 1 - y <w, x>)^2
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from hogwild import (
    Examples,
    Linear,
    Sandblaster,
    Schedule,
    Serial,
    Stop,
    Threads,
    auto,
    conjugate_gradient,
    gradient_descent,
    lbfgs,
)
from hogwild.interfaces import AbstractStrategy
from science.races import learn

Weights = NDArray[np.float64]
Solve = Callable[[Examples, float, int, int], Weights]  # examples, l2, passes, seed


def sgd(*, average: bool = False, schedule: Schedule | None = None) -> Solve:
    """One core, one example a step."""

    def solve(examples: Examples, l2: float, passes: int, seed: int) -> Weights:
        model = Linear("squared_hinge", l2=l2, fit_intercept=False, average=average, schedule=schedule or auto())
        return _trained(model, Serial(), examples, passes, seed)

    return solve


def batch(method: str) -> Solve:
    """Sandblaster on one worker."""

    def solve(examples: Examples, l2: float, passes: int, seed: int) -> Weights:
        model = Linear("squared_hinge", l2=l2, fit_intercept=False)
        return _trained(model, Sandblaster(METHODS[method]), examples, passes, seed)

    return solve


def liblinear(examples: Examples, l2: float, passes: int, seed: int) -> Weights:
    """Dual coordinate descent (Hsieh et al. 2008)."""
    C = 1 / (l2 * examples.n_examples)
    model = LinearSVC(
        loss="squared_hinge", dual=True, C=C, fit_intercept=False, max_iter=passes, tol=1e-10, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
        model.fit(examples.X, examples.y)
    return np.asarray(model.coef_, np.float64).ravel()


METHODS = {"gradient descent": gradient_descent(), "conjugate gradient": conjugate_gradient(), "L-BFGS": lbfgs()}
SOLVERS: dict[str, Solve] = {
    "SGD": sgd(),
    "averaged SGD": sgd(average=True),
    **{method: batch(method) for method in METHODS},
    "LIBLINEAR": liblinear,
}
EXACT = {"LIBLINEAR": 1_000, "L-BFGS": 200}  # passes: the better of the two is the optimum


@final
class Fit(NamedTuple):
    """Weights, and the seconds that they took."""

    weights: Weights
    time_s: float


def fit(solve: Solve, examples: Examples, l2: float, passes: int, seed: int, repeats: int = 1) -> Fit:
    """The median time of several, all included but for reading the data."""

    def once() -> Fit:
        begun = time.perf_counter()
        weights = solve(examples, l2, passes, seed)
        return Fit(weights, time.perf_counter() - begun)

    fits = [once() for _ in range(repeats)]
    return Fit(fits[-1].weights, statistics.median(each.time_s for each in fits))


def objective(weights: Weights, examples: Examples, l2: float) -> float:
    """P(w)."""
    margins = examples.y * (examples.X @ weights)
    return float(np.mean(np.maximum(0, 1 - margins) ** 2) + l2 / 2 * (weights @ weights))


def exact(examples: Examples, l2: float) -> Weights:
    """The optimum, as nearly as anybody finds it."""
    found = [SOLVERS[name](examples, l2, passes, 0) for name, passes in EXACT.items()]
    return min(found, key=lambda weights: objective(weights, examples, l2))


def _trained(model: Linear, strategy: AbstractStrategy, examples: Examples, passes: int, seed: int) -> Weights:
    found = learn(model, examples, strategy, Threads(1), Stop(passes, tol=None), seed)
    return np.asarray(found.params["coef"], np.float64).ravel()
