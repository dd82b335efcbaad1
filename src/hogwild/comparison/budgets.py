"""How much each run of a comparison may use: seconds, epochs, examples or bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from hogwild.names import wrong_type
from hogwild.stopping import Stop

ENDLESS = 1_000_000_000  # epochs: something else ends the run before
MOST_EPOCHS = 100  # under a budget of bytes, of which some strategies send none
FORM = re.compile(r"\s*((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]+)\s*")
WANTED = "a number with a unit: 60s, 10min, 2h, 20epochs, 1e7examples or 500MB"


def find_budget(given: str | Stop, holdout: float = 0.1) -> Stop:
    """The `Stop` that a text such as "60s" means, with this share of the examples held out; a `Stop` is as it is.

    Nothing else ends a run: no tolerance does, so that all use all of it. ValueError for what is no budget, TypeError
    for anything but a text or a `Stop`.
    """
    if isinstance(given, Stop):
        return given
    if not isinstance(given, str):
        raise wrong_type("budget", given, f"{WANTED}; or a Stop")
    found = FORM.fullmatch(given)
    kind = None if found is None else _KINDS.get(_plain(found[2]))
    if found is None or kind is None:
        raise ValueError(f"budget={given!r} must be {WANTED}")
    unit, limits = kind
    amount = unit * float(found[1].replace(",", ""))
    if not (0 < amount < math.inf):
        raise ValueError(f"budget={given!r} must be a positive, finite amount: {WANTED}")
    try:
        return Stop(tol=0.0, holdout=holdout, **limits(amount))
    except ValueError as error:
        raise ValueError(f"budget={given!r}: {error}") from error


def spell_budget(stop: Stop) -> str:
    """For people: e.g. "60 s", "20 epochs"."""
    parts = []
    if stop.time_s is not None:
        parts.append(f"{stop.time_s:g} s")
    if stop.examples is not None:
        parts.append(f"{stop.examples:,} examples")
    if stop.sent_bytes is not None:
        parts.append(f"{stop.sent_bytes:,} bytes")
    if stop.epochs < ENDLESS or not parts:
        parts.append(f"{stop.epochs:,} epoch{'s' * (stop.epochs != 1)}")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}, whichever comes first"


def _seconds(n: float) -> dict[str, Any]:
    return {"time_s": n, "epochs": ENDLESS}


def _bytes(n: float) -> dict[str, Any]:
    return {"sent_bytes": round(n), "epochs": MOST_EPOCHS}


def _epochs(n: float) -> dict[str, Any]:
    return {"epochs": _whole(n)}


def _examples(n: float) -> dict[str, Any]:
    return {"examples": _whole(n), "epochs": ENDLESS}


def _whole(amount: float) -> float | int:
    """As it is if it is not: `Stop` says so."""
    return int(amount) if amount == int(amount) else amount


_KINDS: dict[str, tuple[float, Callable[[float], dict[str, Any]]]] = {
    "s": (1.0, _seconds),
    "min": (60.0, _seconds),
    "h": (3600.0, _seconds),
    "b": (1.0, _bytes),
    "kb": (1e3, _bytes),
    "mb": (1e6, _bytes),
    "gb": (1e9, _bytes),
    "tb": (1e12, _bytes),
    "epoch": (1.0, _epochs),
    "example": (1.0, _examples),
}
"""By unit, in small letters and in the singular."""


def _plain(unit: str) -> str:
    unit = unit.lower()
    unit = unit[:-1] if len(unit) > 2 and unit.endswith("s") else unit
    words = {"second": "s", "sec": "s", "minute": "min", "hour": "h", "byte": "b"}
    return words.get(unit, unit)
