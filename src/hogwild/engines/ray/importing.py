"""When a process imports torch, to be connected with others: that takes two seconds, though in the background."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import ClassVar, final


@final
class Spent:
    """Of this process.

    total_s : on what connections would make faster, about, in all its runs
    """

    total_s: ClassVar[float] = 0.0

    @classmethod
    def spend(cls, seconds: float, worth_s: float) -> bool:
        """So much more. Is it time to connect, which is worth so much?"""
        cls.total_s += seconds
        return cls.total_s >= worth_s or "torch" in sys.modules


def has_gloo() -> bool:
    """Imports torch, if it is installed."""
    try:
        distributed = import_module("torch.distributed")
    except (ImportError, OSError):  # not there, or not made for this machine
        return False
    return bool(distributed.is_available() and distributed.is_gloo_available())
