"""What counts as a number: True and False do not."""

from __future__ import annotations

import numbers
from typing import Any, TypeGuard


def is_number(value: Any) -> TypeGuard[float]:
    """Is it a real number, of Python or NumPy?"""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
