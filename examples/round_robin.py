#!/usr/bin/env python3
"""Round robin is slower than one thread where gradients are cheap, and catches up where they are slow.

Seconds an epoch (real ones, of this machine), the best of some runs in turn: a linear model on synthetic text, whose
gradient takes less than a microsecond, and a small convolutional network, whose gradient takes milliseconds.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from hogwild import AbstractStrategy, Linear, Network, RoundRobin, Serial, Stop, Threads, rcv1_like, train

EPOCHS = 2


def network(side: int) -> Network:
    """Few weights, much arithmetic: 5 x 5 convolutions over a picture of side x side."""
    torch.manual_seed(0)
    layers = [torch.nn.Unflatten(1, (1, side, side)), torch.nn.Conv2d(1, 16, 5), torch.nn.ReLU()]
    layers += [torch.nn.Conv2d(16, 16, 5), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    return Network(torch.nn.Sequential(*layers, torch.nn.Linear(16, 2)), rate=0.01)


def pictures(n: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, on half of them a ramp."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    ramp = np.tile(np.linspace(-1, 1, side), side)
    return (rng.normal(size=(n, side * side)) + np.outer(y, ramp)).astype(np.float32), y


def seconds(model: Linear | Network, examples: object, strategy: AbstractStrategy, workers: int) -> float:
    """An epoch, by the history."""
    result = train(
        model, examples, strategy=strategy, engine=Threads(workers), stop=Stop(epochs=EPOCHS, tol=None), seed=0
    )
    return result.history[-1].time_s / EPOCHS


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--pictures", type=int, default=100, help="default: 100")
    parser.add_argument("--side", type=int, default=64, help="pixels along a picture (default: 64)")
    parser.add_argument("--repeats", type=int, default=5, help="default: 5")
    options = parser.parse_args(arguments)
    text = Linear("logistic", l2=1e-5, average=False)
    races = {
        "cheap": (text, rcv1_like(options.documents, seed=0), options.documents),
        "slow": (network(options.side), pictures(options.pictures, options.side), options.pictures),
    }
    contenders: list[tuple[AbstractStrategy, int]] = [(Serial(), 1), (RoundRobin(), 2)]
    print("gradients  serial, us an example  round robin on 2 threads  speed-up")
    for name, (model, examples, n) in races.items():
        times = [[seconds(model, examples, *contender) for contender in contenders] for _ in range(options.repeats)]
        serial, robin = (min(column) / n * 1e6 for column in zip(*times, strict=True))
        print(f"{name:9s} {serial:23.2f} {robin:25.2f} {serial / robin:9.2f}", flush=True)


if __name__ == "__main__":
    main()
