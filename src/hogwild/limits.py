"""Checks of the numbers that users give, so that all say the same of the same mistake.

`hogwild --help` imports this: it knows NumPy's numbers by their abstract classes alone. Python's own types are named
beside those because they are found at once: requests are checked as they are made.
"""

from __future__ import annotations

from math import isfinite
from numbers import Integral, Real
from typing import Any, TypeGuard

from hogwild.names import wrong_type

ROUNDING = 1e-6  # of a sum of shares


def is_number(value: Any) -> TypeGuard[float]:
    """Is it a real number, of Python or NumPy? True and False are none."""
    return isinstance(value, (float, int, Real)) and not isinstance(value, bool)


def is_whole(value: Any) -> TypeGuard[int]:
    """Is it a whole number, of Python or NumPy? True and False are none."""
    return isinstance(value, (int, Integral)) and not isinstance(value, bool)


def check_positive(name: str, value: Any, otherwise: str = "") -> None:
    """ValueError unless `value` is a positive, finite number. `otherwise`: what else could be given."""
    if not (is_number(value) and value > 0 and isfinite(value)):
        raise ValueError(f"{name}={value!r} must be a positive number{otherwise}")


def check_whole(name: str, value: Any, least: int = 1, otherwise: str = "") -> None:
    """ValueError unless `value` is a whole number of at least `least`. `otherwise`: what else could be given."""
    if not (is_whole(value) and value >= least):
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}{otherwise}")


def check_bool(name: str, value: Any) -> None:
    """TypeError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r} must be True or False")


def check_shares(name: str, value: Any, of: str) -> None:
    """TypeError unless `value` is a tuple of numbers, ValueError unless they are positive and add up to 1."""
    if not isinstance(value, tuple):
        raise wrong_type(name, value, f"a tuple of numbers, one for each {of}, or None")
    if not (all(is_number(share) and share > 0 for share in value) and abs(sum(value) - 1) < ROUNDING):
        raise ValueError(f"{name}={value!r} must be positive numbers with the sum 1, or None")


def check_fields(record: Any, *names: str) -> None:
    """`check_whole` for these fields of a record."""
    for name in names:
        check_whole(name, getattr(record, name))
