"""How kernels are compiled: cached on disk, without the GIL, with the fast-math flags that keep `isfinite` true."""

from __future__ import annotations

from typing import Any

from numba import njit

# Full fast-math (nnan, ninf) would fold away every test for non-finite numbers.
FAST = {"reassoc", "contract", "nsz", "arcp"}

# The arguments of @njit for a kernel called from Python, and for a function that only kernels call.
KERNEL: dict[str, Any] = {"nogil": True, "cache": True, "fastmath": FAST}
INNER: dict[str, Any] = {"nogil": True, "fastmath": FAST}
# Sums stay in the order in which they are written: their loops are not made into vector code.
ORDERED: dict[str, Any] = {"nogil": True, "fastmath": FAST - {"reassoc"}}

# With the bits of NumPy, also where it divides by zero: for what is computed by a kernel here and by NumPy there.
EXACT: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
EXACT_INNER: dict[str, Any] = EXACT | {"cache": False}


def inner(function: Any) -> Any:
    """Compile a plain scalar function (of `rules`) for use inside kernels."""
    return njit(**INNER)(function)
