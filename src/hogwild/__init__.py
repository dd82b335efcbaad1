"""hogwild: parallel and asynchronous stochastic gradient descent, one text for a training strategy."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. Importing hogwild imports nothing else: names are loaded when they are first used.
_HOMES: dict[str, str] = {
    "ALL": "hogwild.requests",
    "AbstractStrategy": "hogwild.interfaces",
    "AllReduce": "hogwild.strategies",
    "Alone": "hogwild.strategies",
    "BoundedStaleness": "hogwild.strategies",
    "CODECS": "hogwild.rules.codecs",
    "Compressed": "hogwild.strategies",
    "DataError": "hogwild.data",
    "DataWarning": "hogwild.data",
    "Deadlock": "hogwild.engines",
    "Downpour": "hogwild.strategies",
    "ENGINES": "hogwild.engines",
    "ElasticAveraging": "hogwild.strategies",
    "Examples": "hogwild.data",
    "Gossip": "hogwild.strategies",
    "History": "hogwild.history",
    "Hogwild": "hogwild.strategies",
    "InTurn": "hogwild.memory",
    "LOSSES": "hogwild.rules.losses",
    "Linear": "hogwild.models.linear",
    "LinearClassifier": "hogwild.estimators",
    "LinearRegressor": "hogwild.estimators",
    "Link": "hogwild.engines",
    "LocalSGD": "hogwild.strategies",
    "Locked": "hogwild.strategies",
    "Locking": "hogwild.memory",
    "METHODS": "hogwild.rules.directions",
    "ModelError": "hogwild.checkpoint",
    "Network": "hogwild.models.network",
    "NonFiniteError": "hogwild.params",
    "PartialState": "hogwild.deltas",
    "ParzenASGD": "hogwild.strategies",
    "Racy": "hogwild.memory",
    "ReadOptions": "hogwild.data",
    "Record": "hogwild.history",
    "Replicas": "hogwild.memory",
    "RoundRobin": "hogwild.strategies",
    "SCHEDULES": "hogwild.rules.schedules",
    "STRATEGIES": "hogwild.strategies",
    "Sandblaster": "hogwild.strategies",
    "Schedule": "hogwild.rules.schedules",
    "Serial": "hogwild.strategies",
    "SimuParallelSGD": "hogwild.strategies",
    "Simulated": "hogwild.engines",
    "Speeds": "hogwild.engines",
    "Stop": "hogwild.interfaces",
    "TOPOLOGIES": "hogwild.rules.topologies",
    "Threads": "hogwild.engines",
    "Topology": "hogwild.rules.topologies",
    "Traffic": "hogwild.traffic",
    "UPDATES": "hogwild.rules.updates",
    "Unsupported": "hogwild.interfaces",
    "Worker": "hogwild.interfaces",
    "adagrad": "hogwild.rules.updates",
    "adam": "hogwild.rules.updates",
    "auto": "hogwild.rules.schedules",
    "backoff": "hogwild.rules.schedules",
    "bottou": "hogwild.rules.schedules",
    "check_examples": "hogwild.data",
    "compensated": "hogwild.rules.server",
    "conjugate_gradient": "hogwild.rules.directions",
    "constant": "hogwild.rules.schedules",
    "damped": "hogwild.rules.server",
    "describe": "hogwild.data",
    "elastic": "hogwild.rules.server",
    "float16": "hogwild.rules.codecs",
    "gradient_descent": "hogwild.rules.directions",
    "holdout": "hogwild.data",
    "inverse": "hogwild.rules.schedules",
    "lbfgs": "hogwild.rules.directions",
    "load_model": "hogwild.checkpoint",
    "momentum": "hogwild.rules.updates",
    "plot_histories": "hogwild.report",
    "rcv1_like": "hogwild.data",
    "read": "hogwild.data",
    "save_model": "hogwild.checkpoint",
    "sgd": "hogwild.rules.updates",
    "sign": "hogwild.rules.codecs",
    "softsync": "hogwild.rules.server",
    "topk": "hogwild.rules.codecs",
    "train": "hogwild.training",
    "write_npz": "hogwild.data",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hogwild' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
