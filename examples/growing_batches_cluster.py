#!/usr/bin/env python3
"""Growing samples over data that never move, on real processes: MNIST, each of whose digits only some workers have.

Each of four workers opens the files where it runs, and keeps the rows of 5 of the 10 digits, in cyclic overlap: nobody
has them all, and nothing but weights is sent. Softmax regression without a penalty (convex), one pass of 60,000
gradients. The same with small samples of constant size, which need a round for every few of them.
"""

from __future__ import annotations

import argparse
import gzip
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hogwild import (
    GrowingBatches,
    Local,
    Network,
    Ray,
    SampleSizes,
    Stop,
    constant_size,
    inverse_sqrt,
    linear_size,
    train,
)

WORKERS, LABELS, MINIBATCH = 4, 5, 4
RATE = inverse_sqrt(0.1, beta=0.1)
SIZES = {"constant": constant_size(16), "growing": linear_size(5.0)}


def digits(folder: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 784) from 0 to 1, less their mean, and labels (n,). part: "train" or "t10k"."""
    pixels = gzip.decompress(Path(folder, f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress(Path(folder, f"{part}-labels-idx1-ubyte.gz").read_bytes())
    X = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 784)
    return (X / 255 - 0.1307).astype(np.float32), np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def opened(rank: int, size: int, folder: str) -> tuple[np.ndarray, np.ndarray]:
    """What one worker has: rows of its labels, of which others have some, too."""
    X, y = digits(folder, "train")
    owners = [[p for p in range(size) if (label - p * 10 // size) % 10 < LABELS] for label in range(10)]
    turn = np.arange(len(y))  # who of those that may have it has this row
    mine = np.array([owners[label][k % len(owners[label])] == rank for k, label in zip(turn, y, strict=True)])
    return X[mine], y[mine]


class Run(NamedTuple):
    """What it took, and the error on the 10,000 rows that nobody has learnt, in per cent."""

    rounds: float
    gradients: int
    sent_bytes: int
    error: float
    seconds: float


def run(folder: str, sizes: SampleSizes, epochs: int, seed: int) -> Run:
    """One pass, or more, on four processes."""
    import torch

    torch.manual_seed(0)
    model = Network(torch.nn.Linear(784, 10))
    strategy = GrowingBatches(sizes, RATE, minibatch=MINIBATCH)
    data, stop = Local(partial(opened, folder=folder)), Stop(epochs=epochs, tol=None)
    result = train(model, data, strategy=strategy, engine=Ray(WORKERS), stop=stop, seed=seed)
    X, y = digits(folder, "t10k")
    error = 100 * (result.predict(X).argmax(axis=1) != y).mean()
    counts, traffic = result.history.counts, result.history.traffic
    assert traffic is not None
    return Run(
        counts["rounds"] / WORKERS, counts["gradients"], traffic.sent_bytes, float(error), result.history[-1].time_s
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="with the four files of MNIST, as they are published (*-ubyte.gz)")
    parser.add_argument("--epochs", type=int, default=1, help="passes of 60,000 gradients (default: 1)")
    parser.add_argument("--seeds", type=int, default=3, help="runs to average (default: 3)")
    options = parser.parse_args(arguments)

    print("samples    rounds  gradients       MB sent  held-out error, %  seconds")
    for name, sizes in SIZES.items():
        runs = [run(options.folder, sizes, options.epochs, seed) for seed in range(options.seeds)]
        rounds, gradients, sent, error, seconds = np.mean(runs, axis=0)
        spread = np.std([each.error for each in runs])
        shown = f"{name:9s} {rounds:7.0f} {gradients:10.0f} {sent / 1e6:13.1f} {error:11.2f} +- {spread:.2f}"
        print(f"{shown} {seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main()
