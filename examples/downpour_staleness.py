#!/usr/bin/env python3
"""Downpour with too many workers for its rate diverges; smaller rates, Adagrad and a warm start cure it.

Least squares on seeded normal data, minibatches of 10, on a simulated cluster: no rate that is good for one worker is
good for hundreds, because a gradient is computed on weights that others have changed hundreds of times meanwhile.
"""

from __future__ import annotations

import argparse

import numpy as np

from hogwild import Downpour, Linear, NonFiniteError, Simulated, Speeds, Stop, adagrad, constant, sgd, train


def data(n: int, features: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Targets of variance 10, of which 1 is noise: the best objective is about 0.5, that of zero weights 5."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, features)).astype(np.float32)
    weights = rng.normal(size=features)
    return X, X @ (3 * weights / np.linalg.norm(weights)) + rng.normal(size=n)


def run(examples: tuple[np.ndarray, np.ndarray], workers: int, strategy: Downpour, rate: float, epochs: int) -> str:
    """Mean staleness, and the objective after each epoch."""
    model = Linear("squared", l2=1e-4, schedule=constant(rate), average=False)
    engine = Simulated(workers, speeds=Speeds(spread=0.2, jitter=0.2))
    try:
        result = train(model, examples, strategy=strategy, engine=engine, stop=Stop(epochs=epochs, tol=0), seed=0)
    except NonFiniteError:
        return "weights are no longer finite"
    objectives = "".join(f"{record.objective:>10.4g}" for record in result.history)
    return f"{result.history.traffic.summary().mean_staleness:9.0f} {objectives}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=300, help="how many are too many (default: 300)")
    parser.add_argument("--examples", type=int, default=20_000, help="rows of the data (default: 20000)")
    parser.add_argument("--epochs", type=int, default=5, help="default: 5")
    options = parser.parse_args(arguments)
    examples, many = data(options.examples), options.workers

    def show(name: str, workers: int, strategy: Downpour, rate: float) -> None:
        print(f"{name:24s} {workers:7d} {run(examples, workers, strategy, rate, options.epochs)}", flush=True)

    print(f"{'server':24s} {'workers':>7s} {'staleness':>9s}   objective after each epoch")
    for rate in (0.001, 0.003, 0.01, 0.1):
        show(f"sgd, rate {rate:g}", 1, Downpour(minibatch=10, server=sgd()), rate)
    for workers in (many // 30, many // 10, many // 3, many):
        show("sgd, rate 0.003", workers, Downpour(minibatch=10, server=sgd()), 0.003)
    for rate in (0.002, 0.001, 0.0005):
        show(f"sgd, rate {rate:g}", many, Downpour(minibatch=10, server=sgd()), rate)
    show("sgd, 0.003, warm start", many, Downpour(minibatch=10, server=sgd(), warm_start=10), 0.003)
    show("adagrad(0.03)", many, Downpour(minibatch=10, server=adagrad(0.03)), 0.003)
    show("adagrad, warm start", many, Downpour(minibatch=10, server=adagrad(0.03), warm_start=10), 0.003)


if __name__ == "__main__":
    main()
