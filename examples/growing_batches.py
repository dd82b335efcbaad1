#!/usr/bin/env python3
"""Growing samples need far fewer rounds than small constant ones, at the same error, also where labels are skewed.

Handwritten digits (scikit-learn's, 1,797 of 64 pixels, centred), of which a fifth is held out. Five simulated workers
keep their rows: a random fifth each ("unbiased"), or 7 of the 10 labels each, in cyclic overlap ("biased"). Three
problems: softmax regression with a penalty (strongly convex) and without (convex), and a network with one hidden layer
(non-convex).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from hogwild import (
    GrowingBatches,
    Linear,
    Network,
    Partitioned,
    SampleSizes,
    Simulated,
    Stop,
    constant_size,
    evenly,
    inverse_sqrt,
    label_subsets,
    linear_size,
    strongly_convex,
    train,
)

WORKERS, MINIBATCH, L2 = 5, 3, 0.01
SMALL, GROWING = constant_size(15), linear_size(4.5)
RATES = {
    "strongly convex": strongly_convex(mu=L2, offset=50_000),
    "convex": inverse_sqrt(0.1, beta=0.1),
    "non-convex": inverse_sqrt(0.1, beta=0.1),
}
DATA = {"unbiased": evenly(), "biased": label_subsets(7)}


def digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Rows to learn, and rows held out."""
    X, y = load_digits(return_X_y=True)
    X, order = (X / 16).astype(np.float32), np.random.default_rng(0).permutation(len(y))
    held = len(y) // 5
    X -= X[order[held:]].mean(axis=0)
    return (X[order[held:]], y[order[held:]]), (X[order[:held]], y[order[:held]])


def model_of(problem: str) -> Network:
    """The network that is trained; its loss is cross-entropy."""
    import torch  # the extra `nets`: least squares below do without it

    torch.manual_seed(0)
    if problem == "non-convex":
        return Network(torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)))
    return Network(torch.nn.Linear(64, 10), l2=L2 if problem == "strongly convex" else 0.0)


def run(problem: str, by: str, sizes: SampleSizes, gradients: int, seed: int) -> tuple[float, int, float]:
    """Rounds, gradients and the error on held-out rows, in per cent."""
    rows, (X, y) = digits()
    strategy = GrowingBatches(sizes, RATES[problem], minibatch=MINIBATCH)
    stop = Stop(epochs=-(-gradients // len(rows[1])), tol=None)
    data = Partitioned(rows, DATA[by])
    result = train(model_of(problem), data, strategy=strategy, engine=Simulated(WORKERS), stop=stop, seed=seed)
    counts = result.history.counts
    error = 100 * (result.predict(X).argmax(axis=1) != y).mean()
    return counts["rounds"] / WORKERS, counts["gradients"], float(error)


def slope(points: list[tuple[float, int]]) -> float:
    """Of log T against log K."""
    rounds, gradients = np.log(np.array(points, float)).T
    return float(np.polyfit(gradients, rounds, 1)[0])


class LeastSquares(NamedTuple):
    """Least squares whose rows differ from worker to worker: each alone would find another optimum."""

    X: np.ndarray
    y: np.ndarray
    owners: np.ndarray
    model: Linear
    best: np.ndarray
    mu: float  # modulus of strong convexity


def least_squares() -> LeastSquares:
    """500 rows, a fifth for each worker, with the optimum of all."""
    rng, n, d, l2 = np.random.default_rng(0), 500, 5, 0.1
    owners, X = np.arange(n) % WORKERS, rng.normal(size=(n, d))
    X[np.arange(n), owners] *= 2
    y = X.sum(axis=1) + 0.5 * rng.normal(size=n) + (owners - 2) * X[:, 0]
    hessian = X.T @ X / n + l2 * np.eye(d)
    model = Linear("squared", l2=l2, fit_intercept=False, average=False)
    return LeastSquares(
        X, y, owners, model, np.linalg.solve(hessian, X.T @ y / n), float(np.linalg.eigvalsh(hessian)[0])
    )


def distances(gradients: int, seeds: int) -> Iterator[tuple[int, float, float]]:
    """Least squares: t, rounds, and t E|w - w*|^2."""
    X, y, owners, model, best, mu = least_squares()
    strategy, data = GrowingBatches(linear_size(20), strongly_convex(mu, 2000)), Partitioned((X, y), owners)
    for epochs in sorted({-(-gradients // (len(y) * part)) for part in (16, 8, 4, 2, 1)}):
        squares, counts = [], {}
        for seed in range(seeds):
            stop = Stop(epochs=epochs, tol=None)
            result = train(model, data, strategy=strategy, engine=Simulated(WORKERS), stop=stop, seed=seed)
            squares.append(((result.params["coef"] - best) ** 2).sum())
            counts = result.history.counts
        yield counts["gradients"], counts["rounds"] / WORKERS, counts["gradients"] * float(np.mean(squares))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gradients", type=int, default=60_000, help="of a run (default: 60000)")
    parser.add_argument("--seeds", type=int, default=5, help="runs to average (default: 5)")
    parser.add_argument("--problems", nargs="+", default=list(RATES), choices=RATES, help="default: all")
    options = parser.parse_args(arguments)

    print("problem          data      samples      rounds  gradients  held-out error, %")
    for problem in options.problems:
        for by in DATA:
            for name, sizes in (("constant", SMALL), ("growing", GROWING)):
                runs = [run(problem, by, sizes, options.gradients, seed) for seed in range(options.seeds)]
                rounds, gradients, error = np.mean(runs, axis=0)
                spread = np.std([error for _, _, error in runs])
                print(
                    f"{problem:16s} {by:9s} {name:9s} {rounds:9.0f} {gradients:10.0f} {error:8.2f} +- {spread:.2f}",
                    flush=True,
                )
    points = [run("convex", "biased", GROWING, options.gradients // part, 0)[:2] for part in (8, 4, 2, 1)]
    print(f"\nslope of log rounds against log gradients, growing samples: {slope(points):.3f}")

    print("\n     t  rounds  t E|w - w*|^2, least squares on biased data")
    for t, rounds, scaled in distances(options.gradients, options.seeds):
        print(f"{t:6d} {rounds:7.0f} {scaled:14.1f}")


if __name__ == "__main__":
    main()
