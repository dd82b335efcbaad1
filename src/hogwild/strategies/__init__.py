"""How workers share what they learn: one small file each, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Collection

from hogwild.interfaces import AbstractStrategy
from hogwild.memory import Racy, Replicas
from hogwild.names import find_made
from hogwild.requests import ALL
from hogwild.strategies.all_reduce import AllReduce
from hogwild.strategies.alone import Alone
from hogwild.strategies.bounded_staleness import BoundedStaleness
from hogwild.strategies.compressed import Compressed
from hogwild.strategies.downpour import Downpour
from hogwild.strategies.elastic_averaging import ElasticAveraging
from hogwild.strategies.gossip import Gossip
from hogwild.strategies.growing_batches import GrowingBatches
from hogwild.strategies.hogwild import Hogwild
from hogwild.strategies.local_sgd import LocalSGD
from hogwild.strategies.locked import Locked
from hogwild.strategies.parzen_asgd import ParzenASGD
from hogwild.strategies.round_robin import RoundRobin
from hogwild.strategies.sandblaster import Sandblaster
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
    "bounded-staleness": BoundedStaleness,
    "elastic-averaging": ElasticAveraging,
    "gossip": Gossip,
    "parzen-asgd": ParzenASGD,
    "sandblaster": Sandblaster,
    "growing-batches": GrowingBatches,
}
"""The strategies by the names that estimators and the command line know, with their defaults."""

ALIASES = {"batch": "full-batch", "simu-parallel-sgd": "alone"}
"""Other names of some: those of the baselines of Keuper and Pfreundt 2015."""

SimuParallelSGD = Alone

AUTO = ("serial", "hogwild", "hogwild-ordered", "local-sgd")
"""What "auto" may stand for, there: it depends on the engine and the data."""


def usual_strategy(workers: int, can: Collection[str]) -> str:
    """Its name, for an engine with so many workers that can do this: their memory is shared if it can be."""
    if workers == 1:
        return "serial"
    return "hogwild" if "share" in can else "local-sgd"


def find_strategy(given: str | AbstractStrategy) -> AbstractStrategy:
    """The strategy itself, or the one of that name with its defaults; ValueError lists the names there are, TypeError
    for anything else.
    """
    table = STRATEGIES | {alias: STRATEGIES[name] for alias, name in ALIASES.items()}
    found: AbstractStrategy = find_made("strategy", given, table, AbstractStrategy, "LocalSGD(period=100)")
    return found


__all__ = [
    "ALIASES",
    "AUTO",
    "STRATEGIES",
    "AllReduce",
    "Alone",
    "BoundedStaleness",
    "Compressed",
    "Downpour",
    "ElasticAveraging",
    "Gossip",
    "GrowingBatches",
    "Hogwild",
    "LocalSGD",
    "Locked",
    "ParzenASGD",
    "RoundRobin",
    "Sandblaster",
    "Serial",
    "SimuParallelSGD",
    "find_strategy",
    "usual_strategy",
]
