"""The batch methods of Sandblaster in one process, on vectors, as in the books: what it is compared with."""

from collections.abc import Callable

import numpy as np

from hogwild.rules.line_search import Stage, advance, begin

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


def objective(loss: str, X: np.ndarray, y: np.ndarray, l2: float) -> Objective:
    """Loss and gradient of (w, b), summed over the examples; b is not penalised."""

    def evaluate(weights: np.ndarray) -> tuple[float, np.ndarray]:
        w, n = weights[:-1], len(y)
        p = X @ w + weights[-1]
        if loss == "logistic":
            losses, slopes = np.logaddexp(0, -y * p), -y / (1 + np.exp(y * p))
        else:
            losses, slopes = (p - y) ** 2 / 2, p - y
        return losses.sum() + n * l2 / 2 * w @ w, np.append(X.T @ slopes + n * l2 * w, slopes.sum())

    return evaluate


def lbfgs(evaluate: Objective, start: np.ndarray, rounds: int, memory: int = 10) -> tuple[np.ndarray, list[float]]:
    """The best point after so many evaluations, and the loss of the best after each."""
    x, (loss, g) = start, evaluate(start)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    best, losses, left = x, [loss], rounds - 1
    while left:  # far from convergence, where no search fails
        d = -_two_loops(pairs, g)
        search = begin(loss, g @ d, 1.0 if pairs else 1 / np.sqrt(g @ g), 0.9)
        while left and search.stage is Stage.OPEN:
            trial = x + search.step * d
            trial_loss, trial_g = evaluate(trial)
            search = advance(search, trial_loss, trial_g @ d)
            best = trial if search.stage is Stage.ACCEPTED else x + search.low.step * d
            losses.append(trial_loss if search.stage is Stage.ACCEPTED else search.low.loss)
            left -= 1
        assert search.stage is not Stage.FAILED
        if search.stage is Stage.ACCEPTED:
            pairs = [*pairs, (trial - x, trial_g - g)][-memory:]
            x, loss, g = trial, trial_loss, trial_g
    return best, losses


def _two_loops(pairs: list[tuple[np.ndarray, np.ndarray]], g: np.ndarray) -> np.ndarray:
    """H g (Nocedal and Wright 2006, alg. 7.4)."""
    q, alphas = g.copy(), []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (s @ y))
        q -= alphas[-1] * y
    if pairs:
        s, y = pairs[-1]
        q *= s @ y / (y @ y)
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q += s * (alpha - y @ q / (s @ y))
    return q
