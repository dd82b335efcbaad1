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
    "DataError": "hogwild.data",
    "DataWarning": "hogwild.data",
    "Deadlock": "hogwild.engines",
    "Downpour": "hogwild.strategies",
    "ENGINES": "hogwild.engines",
    "Examples": "hogwild.data",
    "Fault": "hogwild.engines",
    "FaultReport": "hogwild.traffic",
    "Faults": "hogwild.engines",
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
    "ModelError": "hogwild.checkpoint",
    "Network": "hogwild.models.network",
    "NonFiniteError": "hogwild.params",
    "Racy": "hogwild.memory",
    "ReadOptions": "hogwild.data",
    "Record": "hogwild.history",
    "Replicas": "hogwild.memory",
    "RoundRobin": "hogwild.strategies",
    "SCHEDULES": "hogwild.rules.schedules",
    "STRATEGIES": "hogwild.strategies",
    "Schedule": "hogwild.rules.schedules",
    "Serial": "hogwild.strategies",
    "Simulated": "hogwild.engines",
    "Speeds": "hogwild.engines",
    "Stop": "hogwild.interfaces",
    "Threads": "hogwild.engines",
    "Traffic": "hogwild.traffic",
    "UPDATES": "hogwild.rules.updates",
    "Unreachable": "hogwild.engines",
    "Unsupported": "hogwild.interfaces",
    "Worker": "hogwild.interfaces",
    "adagrad": "hogwild.rules.updates",
    "adam": "hogwild.rules.updates",
    "auto": "hogwild.rules.schedules",
    "backoff": "hogwild.rules.schedules",
    "bottou": "hogwild.rules.schedules",
    "check_examples": "hogwild.data",
    "constant": "hogwild.rules.schedules",
    "describe": "hogwild.data",
    "holdout": "hogwild.data",
    "inverse": "hogwild.rules.schedules",
    "load_model": "hogwild.checkpoint",
    "momentum": "hogwild.rules.updates",
    "plot_histories": "hogwild.report",
    "rcv1_like": "hogwild.data",
    "read": "hogwild.data",
    "save_model": "hogwild.checkpoint",
    "sgd": "hogwild.rules.updates",
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
