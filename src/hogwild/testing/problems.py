"""A small problem whose answer is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hogwild.interfaces import AbstractModel
from hogwild.models.linear import Linear


class Problem(NamedTuple):
    """Something to learn.

    start, best : the objective before anything is learnt, and the least there is (or a bound)
    epochs :      in which `Serial` has learnt it
    """

    model: AbstractModel
    data: tuple[Any, NDArray[Any]]
    start: float
    best: float
    epochs: int = 10

    def gap(self, objective: float) -> float:
        """How much of what there was to gain is left: 1 at the start, 0 at the optimum."""
        return (objective - self.best) / (self.start - self.best)


def problem(n: int = 200, d: int = 6, *, sparse: bool = False, l2: float = 0.01, seed: int = 0) -> Problem:
    """Ridge regression on (n, d) seeded random rows, with an intercept, and its minimum in closed form:

        (Xc'Xc / n + l2 I) w = Xc'yc / n,  with Xc, yc: X and y less their means

    sparse : seven of ten entries are 0, and X is a SciPy CSR array

    >>> from hogwild import Serial, Stop, Threads, train
    >>> from hogwild.testing import problem
    >>> easy = problem()
    >>> result = train(easy.model, easy.data, strategy=Serial(), engine=Threads(1), stop=Stop(epochs=10), seed=0)
    >>> easy.gap(result.history[-1].objective) < 0.01
    True
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    if sparse:
        X *= rng.random((n, d)) < 0.3
    y = X @ rng.normal(size=d) + 0.5 + 0.1 * rng.normal(size=n)
    centred, residuals = X - X.mean(axis=0), y - y.mean()
    w = np.linalg.solve(centred.T @ centred / n + l2 * np.eye(d), centred.T @ residuals / n)
    best = l2 / 2 * w @ w + ((residuals - centred @ w) ** 2).mean() / 2
    rows = sp.csr_array(X) if sparse else X
    return Problem(Linear("squared", l2=l2), (rows, y), float((y**2).mean() / 2), float(best))
