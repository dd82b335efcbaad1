"""Checks of the numbers that users give, so that all say the same of the same mistake."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_whole(name: str, value: Any, least: int = 1, otherwise: str = "") -> None:
    """ValueError unless `value` is a whole number of at least `least`. `otherwise`: what else could be given."""
    if not (isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least):
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}{otherwise}")


def check_fields(record: Any, *names: str) -> None:
    """`check_whole` for these fields of a record."""
    for name in names:
        check_whole(name, getattr(record, name))
