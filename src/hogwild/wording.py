"""What a run was, in words and as JSON: its strategy, its engine, and why it ended."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any

from hogwild.stopping import REASONS


def epochs_and_reason(epochs: int, reason: str) -> str:
    """E.g. "11 (converged)"."""
    return f"{epochs} ({REASONS[reason]})"


def how(strategy: Any, engine: Any, seed: int | None) -> str:
    """E.g. "LocalSGD(period=100) on Simulated(workers=50), seed 0". Either may be a name."""
    chance = "" if seed is None else f", seed {seed}"
    return f"{in_short(strategy)} on {in_short(engine)}{chance}"


def in_short(value: Any) -> str:
    """As `repr`, but records without the fields that have their defaults; names as they are."""
    if isinstance(value, str):
        return value
    if isinstance(value, Enum):
        return value.name
    if not is_dataclass(value):
        return repr(value)
    usual = {field.name: _default(field) for field in fields(value)}
    changed = [
        f"{name}={given!r}" if isinstance(given, str) else f"{name}={in_short(given)}"
        for name, given in _given(value).items()
        if given != usual[name]
    ]
    return f"{type(value).__name__}({', '.join(changed)})"


def shown(thing: Any) -> str:
    """As `repr`, but for where it lies in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def as_json(value: Any) -> Any:
    """Records as objects with all their fields, infinity and what JSON has no word for as text."""
    if is_dataclass(value):
        return {name: as_json(given) for name, given in _given(value).items()}
    if isinstance(value, Mapping):
        return {str(name): as_json(given) for name, given in value.items()}
    if type(value) is tuple:  # no record with names, such as a schedule
        return [as_json(given) for given in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int | str) else in_short(value)


def _given(record: Any) -> dict[str, Any]:
    """The fields that can be given; others follow from them."""
    return {field.name: getattr(record, field.name) for field in fields(record) if field.init}
