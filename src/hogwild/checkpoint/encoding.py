"""Hyper-parameters as JSON and back: plain values, and the small frozen records of the library by name.

Only the classes of one table can be made from a file, each through its own checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from hogwild.engines import Fault, Faults, Link, Ray, Simulated, Speeds, Threads
from hogwild.memory import InTurn, Locking, Racy, Replicas
from hogwild.requests import ALL
from hogwild.rules.codecs import CODECS, Codec
from hogwild.rules.directions import METHODS, Method
from hogwild.rules.pushes import Pushes
from hogwild.rules.sample_sizes import PermissibleDelay, RoundRate, SampleSizes
from hogwild.rules.schedules import Schedule
from hogwild.rules.topologies import TOPOLOGIES, Topology, edges
from hogwild.rules.updates import UPDATES, Update
from hogwild.strategies import STRATEGIES, Compressed

RULES = (PermissibleDelay, RoundRate, SampleSizes, Schedule)
PARTS = (Compressed, Fault, Faults, InTurn, Link, Locking, Racy, Ray, Replicas, Simulated, Speeds, Threads, *RULES)
MADE: dict[str, dict[str, Callable[..., Any]]] = {
    "Codec": CODECS,
    "Method": METHODS,
    "Topology": {**TOPOLOGIES, "edges": edges},
}
"""What is made by functions, by name, of its numbers."""
TYPES: dict[str, type] = {cls.__name__: cls for cls in {type(make()) for make in STRATEGIES.values()} | set(PARTS)}


def encode(value: Any) -> Any:
    """What `json.dumps` can write, from which `decode` makes an equal value. TypeError if there is no such thing."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if value is ALL:
        return {"type": "ALL"}
    if isinstance(value, Update) and value.name in UPDATES:
        numbers = [value.rate, *value.numbers]
        return {"type": "Update", "name": value.name, "numbers": numbers, "pushes": value.pushes._asdict()}
    if isinstance(value, Codec | Method | Topology) and value.name in MADE[type(value).__name__]:
        return {"type": type(value).__name__, "name": value.name, "numbers": encode(value.numbers)}
    if TYPES.get(type(value).__name__) is type(value):
        record: Any = value
        names = record._fields if isinstance(value, Schedule) else [each.name for each in fields(record) if each.init]
        return {"type": type(value).__name__, "fields": {name: encode(getattr(record, name)) for name in names}}
    if isinstance(value, tuple):
        return {"type": "tuple", "items": [encode(item) for item in value]}
    if isinstance(value, dict):  # a list of pairs, since keys of JSON are text
        return {"type": "dict", "items": [[encode(key), encode(item)] for key, item in value.items()]}
    raise TypeError(f"{value!r} cannot be stored in a model file; give a name or number instead")


def decode(stored: Any) -> Any:
    """The value that `encode` was given. KeyError, TypeError or ValueError for what it never makes."""
    if stored is None or isinstance(stored, bool | int | float | str):
        return stored
    kind = stored["type"]
    if kind == "ALL":
        return ALL
    if kind == "Update":
        return UPDATES[stored["name"]](*stored["numbers"])._replace(pushes=Pushes(**stored["pushes"]))
    if kind in MADE:
        return MADE[kind][stored["name"]](*decode(stored["numbers"]))
    if kind == "tuple":
        return tuple(decode(item) for item in stored["items"])
    if kind == "dict":
        return {decode(key): decode(item) for key, item in stored["items"]}
    return TYPES[kind](**{name: decode(item) for name, item in stored["fields"].items()})
