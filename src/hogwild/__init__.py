"""hogwild: parallel and asynchronous stochastic gradient descent, one text for a training strategy."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. Importing hogwild imports nothing else: names are loaded when they are first used.
_HOMES: dict[str, str] = {
    "ALL": "hogwild.requests",
    "AbstractStrategy": "hogwild.interfaces",
    "ActorLost": "hogwild.engines",
    "AllReduce": "hogwild.strategies",
    "Alone": "hogwild.strategies",
    "BoundedStaleness": "hogwild.strategies",
    "CODECS": "hogwild.rules.codecs",
    "Checkpoint": "hogwild.snapshots",
    "CheckpointError": "hogwild.snapshots",
    "Compressed": "hogwild.strategies",
    "DataError": "hogwild.data",
    "DataWarning": "hogwild.data",
    "Deadlock": "hogwild.engines",
    "Downpour": "hogwild.strategies",
    "ENGINES": "hogwild.engines",
    "ElasticAveraging": "hogwild.strategies",
    "Examples": "hogwild.data",
    "Fault": "hogwild.engines",
    "FaultReport": "hogwild.traffic",
    "Faults": "hogwild.engines",
    "Gossip": "hogwild.strategies",
    "GrowingBatches": "hogwild.strategies",
    "History": "hogwild.history",
    "Hogwild": "hogwild.strategies",
    "InTurn": "hogwild.memory",
    "LOSSES": "hogwild.rules.losses",
    "Linear": "hogwild.models.linear",
    "LinearClassifier": "hogwild.estimators",
    "LinearRegressor": "hogwild.estimators",
    "Link": "hogwild.engines",
    "Local": "hogwild.data",
    "LocalSGD": "hogwild.strategies",
    "Locked": "hogwild.strategies",
    "Locking": "hogwild.memory",
    "METHODS": "hogwild.rules.directions",
    "ModelError": "hogwild.checkpoint",
    "Network": "hogwild.models.network",
    "NonFiniteError": "hogwild.params",
    "PartialState": "hogwild.deltas",
    "Partitioned": "hogwild.data",
    "ParzenASGD": "hogwild.strategies",
    "PermissibleDelay": "hogwild.rules.sample_sizes",
    "Racy": "hogwild.memory",
    "Ray": "hogwild.engines",
    "ReadOptions": "hogwild.data",
    "Record": "hogwild.history",
    "Replicas": "hogwild.memory",
    "RoundRate": "hogwild.rules.sample_sizes",
    "RoundRobin": "hogwild.strategies",
    "SCHEDULES": "hogwild.rules.schedules",
    "STRATEGIES": "hogwild.strategies",
    "SampleSizes": "hogwild.rules.sample_sizes",
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
    "Unreachable": "hogwild.engines",
    "Unsupported": "hogwild.interfaces",
    "Worker": "hogwild.interfaces",
    "adagrad": "hogwild.rules.updates",
    "adam": "hogwild.rules.updates",
    "auto": "hogwild.rules.schedules",
    "backoff": "hogwild.rules.schedules",
    "bottou": "hogwild.rules.schedules",
    "by_file": "hogwild.rules.partitions",
    "check_examples": "hogwild.data",
    "compensated": "hogwild.rules.server",
    "conjugate_gradient": "hogwild.rules.directions",
    "constant": "hogwild.rules.schedules",
    "constant_size": "hogwild.rules.sample_sizes",
    "damped": "hogwild.rules.server",
    "describe": "hogwild.data",
    "dirichlet": "hogwild.rules.partitions",
    "elastic": "hogwild.rules.server",
    "evenly": "hogwild.rules.partitions",
    "float16": "hogwild.rules.codecs",
    "gradient_descent": "hogwild.rules.directions",
    "holdout": "hogwild.data",
    "inverse": "hogwild.rules.schedules",
    "inverse_sqrt": "hogwild.rules.sample_sizes",
    "label_subsets": "hogwild.rules.partitions",
    "lbfgs": "hogwild.rules.directions",
    "linear_size": "hogwild.rules.sample_sizes",
    "load_model": "hogwild.checkpoint",
    "momentum": "hogwild.rules.updates",
    "per_log_size": "hogwild.rules.sample_sizes",
    "plot_histories": "hogwild.report",
    "power_size": "hogwild.rules.sample_sizes",
    "rcv1_like": "hogwild.data",
    "read": "hogwild.data",
    "save_model": "hogwild.checkpoint",
    "sgd": "hogwild.rules.updates",
    "sign": "hogwild.rules.codecs",
    "softsync": "hogwild.rules.server",
    "strongly_convex": "hogwild.rules.sample_sizes",
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
