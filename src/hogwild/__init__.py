"""hogwild: parallel and asynchronous stochastic gradient descent, one text for a training strategy."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. Importing hogwild imports nothing else: names are loaded when they are first used.
_HOMES: dict[str, str] = {
    "ENGINES": "hogwild.engines",
    "Examples": "hogwild.data",
    "Hogwild": "hogwild.strategies",
    "InTurn": "hogwild.memory",
    "LOSSES": "hogwild.rules.losses",
    "Linear": "hogwild.models.linear",
    "LinearClassifier": "hogwild.estimators",
    "LinearRegressor": "hogwild.estimators",
    "Locked": "hogwild.strategies",
    "Locking": "hogwild.memory",
    "NonFiniteError": "hogwild.params",
    "Racy": "hogwild.memory",
    "Replicas": "hogwild.memory",
    "RoundRobin": "hogwild.strategies",
    "SCHEDULES": "hogwild.rules.schedules",
    "STRATEGIES": "hogwild.strategies",
    "Serial": "hogwild.strategies",
    "Stop": "hogwild.interfaces",
    "Threads": "hogwild.engines",
    "Unsupported": "hogwild.interfaces",
    "train": "hogwild.training",
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
