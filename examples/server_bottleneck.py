#!/usr/bin/env python3
"""One server is the bottleneck of many workers, and shards cure it.

Downpour on synthetic text, on a simulated cluster with links of 10 Gbit/s and workers that take 10 microseconds an
example: virtual milliseconds an epoch, and in brackets how much of their time workers compute.
"""

from __future__ import annotations

import argparse

from hogwild import Downpour, Examples, Linear, Simulated, Stop, rcv1_like, train

EPOCHS, MINIBATCH, BANDWIDTH = 3, 100, 1.25e9


def run(examples: Examples, workers: int, shards: int) -> str:
    """Virtual time of an epoch, and utilisation."""
    result = train(
        Linear("logistic", l2=1e-5, average=False),
        examples,
        strategy=Downpour(minibatch=MINIBATCH),
        engine=Simulated(workers, shards=shards, bandwidth_bytes_s=BANDWIDTH, example_s=10e-6),
        stop=Stop(epochs=EPOCHS, tol=None),
        seed=0,
    )
    time_s, traffic = result.history[-1].time_s, result.history.traffic
    return f"{1e3 * time_s / EPOCHS:7.1f} ({traffic.utilisation:4.0%})"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=40_000, help="rows of the data (default: 40000)")
    parser.add_argument("--features", type=int, default=20_000, help="columns (default: 20000)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2, 4, 8])
    options = parser.parse_args(arguments)
    examples = rcv1_like(options.examples, options.features, seed=0)
    print("workers", *(f"{shards:7d} shard{'s' if shards > 1 else ' '}" for shards in options.shards))
    for workers in options.workers:
        print(f"{workers:7d}", *(run(examples, workers, shards) for shards in options.shards), flush=True)
    pushes = -(-options.examples // MINIBATCH)
    least_s = pushes * 4 * (options.features + 1) / BANDWIDTH
    print(f"{pushes} pushes of {options.features + 1:,} floats through one link take {1e3 * least_s:.1f} ms")


if __name__ == "__main__":
    main()
