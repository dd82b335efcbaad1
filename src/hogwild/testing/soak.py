"""Many random plans of faults for every strategy of the table, and the seeds of those that it did not survive:

python -m hogwild.testing.soak --plans 10000 --seed 0
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from hogwild.interfaces import AbstractStrategy
from hogwild.rules.codecs import float16, sign, topk
from hogwild.rules.directions import conjugate_gradient
from hogwild.rules.sample_sizes import PermissibleDelay
from hogwild.rules.server import compensated, damped, softsync
from hogwild.strategies import (
    STRATEGIES,
    AllReduce,
    BoundedStaleness,
    Compressed,
    Downpour,
    ElasticAveraging,
    Gossip,
    GrowingBatches,
    LocalSGD,
    Sandblaster,
)
from hogwild.testing.survival import Survival, in_small_steps

SOAKED: dict[str, Callable[[], AbstractStrategy]] = {
    **STRATEGIES,
    "all-reduce with a backup": lambda: AllReduce(backups=1),
    "downpour that waits": lambda: Downpour(fetch="wait"),
    "downpour by rows": lambda: Downpour(fetch="rows"),
    "downpour, the largest half": lambda: Compressed(Downpour(), topk(0.5)),
    "downpour, damped": lambda: Downpour(server=damped("sgd")),
    "downpour, compensated": lambda: Downpour(server=compensated("sgd")),
    "downpour, compensated adaptively": lambda: Downpour(server=compensated("sgd", adaptive=True)),
    "downpour, softsync": lambda: Downpour(server=softsync("sgd", 2)),
    "downpour, damped softsync": lambda: Downpour(server=damped(softsync("sgd", 2))),
    "downpour, damped and compensated rows": lambda: Downpour(fetch="rows", server=damped(compensated("sgd"))),
    "all-reduce of signs": lambda: Compressed(AllReduce(), sign()),
    "local-sgd in half precision": lambda: Compressed(LocalSGD(), float16()),
    "bounded-staleness of 0": lambda: BoundedStaleness(0),
    "elastic-averaging in rounds": lambda: ElasticAveraging(synchronous=True),
    "elastic-averaging with momentum": lambda: ElasticAveraging(momentum=0.5),
    "gosgd": lambda: Gossip("gosgd"),
    "d-psgd": lambda: Gossip("d-psgd"),
    "ad-psgd": lambda: Gossip("ad-psgd"),
    "pull-gossip": lambda: Gossip("pull"),
    "growing-batches that wait": lambda: GrowingBatches(delay=0),
    "growing-batches with tau": lambda: GrowingBatches(delay=PermissibleDelay()),
    "sandblaster by conjugate gradient": lambda: Sandblaster(conjugate_gradient()),
}
"""The strategies of the table, and others of their protocols and settings."""


@cache
def _rig(name: str) -> Survival:
    return Survival(in_small_steps(SOAKED[name]()))


def failures(seeds: Sequence[int]) -> Iterator[tuple[str, int, str]]:
    """For each seed one plan, for the strategies in turn: of those that fail name, seed and why."""
    names = [name for name, make in SOAKED.items() if make().survives]
    for seed in seeds:
        name = names[seed % len(names)]
        try:
            _rig(name).check(seed)
        except AssertionError as error:
            yield name, seed, str(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what fails; how many fail."""
    parser = argparse.ArgumentParser(prog="python -m hogwild.testing.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--plans", type=int, default=10_000, help="how many (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="the first one's (default 0)")
    asked = parser.parse_args(arguments)
    failed = 0
    for name, seed, why in failures(range(asked.seed, asked.seed + asked.plans)):
        failed += 1
        print(f"{name}, seed {seed}: {why}", flush=True)
    print(f"{failed} of {asked.plans} plans failed")
    return failed


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
