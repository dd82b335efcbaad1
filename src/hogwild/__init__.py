"""hogwild: parallel and asynchronous stochastic gradient descent, one text for a training strategy."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. Importing hogwild imports nothing else: names are loaded when they are first used.
_HOMES: dict[str, str] = {
    "Schedule": "hogwild.rules.schedules",
    "auto": "hogwild.rules.schedules",
    "backoff": "hogwild.rules.schedules",
    "bottou": "hogwild.rules.schedules",
    "constant": "hogwild.rules.schedules",
    "inverse": "hogwild.rules.schedules",
    "DataError": "hogwild.data",
    "DataWarning": "hogwild.data",
    "ENGINES": "hogwild.engines",
    "Examples": "hogwild.data",
    "History": "hogwild.history",
    "Hogwild": "hogwild.strategies",
    "InTurn": "hogwild.memory",
    "LOSSES": "hogwild.rules.losses",
    "Linear": "hogwild.models.linear",
    "LinearClassifier": "hogwild.estimators",
    "LinearRegressor": "hogwild.estimators",
    "Locked": "hogwild.strategies",
    "Locking": "hogwild.memory",
    "ModelError": "hogwild.checkpoint",
    "NonFiniteError": "hogwild.params",
    "Racy": "hogwild.memory",
    "ReadOptions": "hogwild.data",
    "Record": "hogwild.history",
    "Replicas": "hogwild.memory",
    "RoundRobin": "hogwild.strategies",
    "SCHEDULES": "hogwild.rules.schedules",
    "STRATEGIES": "hogwild.strategies",
    "Serial": "hogwild.strategies",
    "Stop": "hogwild.interfaces",
    "Threads": "hogwild.engines",
    "Unsupported": "hogwild.interfaces",
    "check_examples": "hogwild.data",
    "describe": "hogwild.data",
    "holdout": "hogwild.data",
    "load_model": "hogwild.checkpoint",
    "plot_histories": "hogwild.report",
    "rcv1_like": "hogwild.data",
    "read": "hogwild.data",
    "save_model": "hogwild.checkpoint",
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
