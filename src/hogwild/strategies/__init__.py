"""How workers share what they learn: one small file each, and the table of all."""

from __future__ import annotations

from collections.abc import Callable

from hogwild.interfaces import AbstractStrategy
from hogwild.memory import Racy, Replicas
from hogwild.names import find_made
from hogwild.requests import ALL
from hogwild.strategies.all_reduce import AllReduce
from hogwild.strategies.alone import Alone
from hogwild.strategies.downpour import Downpour
from hogwild.strategies.growing_batches import GrowingBatches
from hogwild.strategies.hogwild import Hogwild
from hogwild.strategies.local_sgd import LocalSGD
from hogwild.strategies.locked import Locked
from hogwild.strategies.round_robin import RoundRobin
from hogwild.strategies.serial import Serial

STRATEGIES: dict[str, Callable[[], AbstractStrategy]] = {
    "serial": Serial,
    "hogwild": Hogwild,
    "hogwild-ordered": lambda: Hogwild(Replicas(ordered=True)),
    "racy": lambda: Hogwild(Racy()),
    "locked": Locked,
    "round-robin": RoundRobin,
    "all-reduce": AllReduce,
    "full-batch": lambda: AllReduce(minibatch=ALL),
    "local-sgd": LocalSGD,
    "alone": Alone,
    "downpour": Downpour,
    "growing-batches": GrowingBatches,
}
"""The strategies by the names that estimators and the command line know, with their defaults."""

AUTO = ("serial", "hogwild", "hogwild-ordered")
"""What "auto" may stand for, there: it depends on the engine and the data."""


def find_strategy(given: str | AbstractStrategy) -> AbstractStrategy:
    """The strategy itself, or the one of that name with its defaults; ValueError lists the names there are, TypeError
    for anything else.
    """
    found: AbstractStrategy = find_made("strategy", given, STRATEGIES, AbstractStrategy, "LocalSGD(period=100)")
    return found


__all__ = [
    "AUTO",
    "STRATEGIES",
    "AllReduce",
    "Alone",
    "Downpour",
    "GrowingBatches",
    "Hogwild",
    "LocalSGD",
    "Locked",
    "RoundRobin",
    "Serial",
    "find_strategy",
]
