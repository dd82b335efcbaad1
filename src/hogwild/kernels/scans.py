"""One pass over a CSR matrix, at the speed of memory: is everything as kernels need it?"""

from __future__ import annotations

import numpy as np
from numba import njit

from hogwild.kernels.compiling import INNER, KERNEL

PIECE = 4_096  # entries that stay in the cache while both of their arrays are looked at


# Each loop by itself, in one type, is what the compiler turns into vector instructions.
@njit(**INNER)
def _falls(later, earlier):  # type: ignore[no-untyped-def]
    count = np.uint32(0)
    for k in range(later.size):
        count += np.uint32(later[k] <= earlier[k])
    return count


@njit(**INNER)
def _largest(indices):  # type: ignore[no-untyped-def]
    largest = indices.dtype.type(0)
    for k in range(indices.size):
        if indices[k] > largest:
            largest = indices[k]
    return largest


@njit(**INNER)
def _nothing(values):  # type: ignore[no-untyped-def]
    """0, unless a value is infinite or NaN."""
    zero = values.dtype.type(0)
    total = zero
    for k in range(values.size):
        total += values[k] * zero
    return total


@njit(**KERNEL)
def rows_are_sound(indptr, indices, values, n_features):  # type: ignore[no-untyped-def]
    """Do indices increase within each row and stay below n_features, and are all values finite?

    `indptr` must be sound and `indices` unsigned, so that none is negative. Indices may fall only where a row begins:
    counting all falls, and then those there, keeps the loops long and free of branches.
    """
    falls, n = 0, indices.size
    for start in range(0, n, PIECE):
        end = min(start + PIECE, n)
        if _largest(indices[start:end]) >= np.uint64(n_features) or _nothing(values[start:end]) != 0:
            return False
        first = max(start, 1)
        falls += _falls(indices[first:end], indices[first - 1 : end - 1])
    for i in range(1, indptr.size - 1):
        k = indptr[i]
        if k > 0 and k < indptr[i + 1] and indices[k] <= indices[k - np.uint64(1)]:
            falls -= 1
    return falls == 0
