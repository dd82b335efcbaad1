"""The passes over every entry that stand between a user's arrays and kernels that check nothing.

Each is plain NumPy over slices that stay in the cache: memory speed, no temporaries of the data's size.
Structure first (is every index in range?), then order within rows, then values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SLICE_ENTRIES = 1 << 17
# From here on one compiled pass is worth loading the compiler for.
MANY_ENTRIES = 1 << 20


def all_sound(values: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], n_features: int) -> bool:
    """True for a large CSR matrix in which nothing is wrong; False says only that somebody has to look closer."""
    if values.size < MANY_ENTRIES or values.size != indices.size:
        return False
    if indptr[0] != 0 or indptr[-1] != values.size or (indptr[1:] < indptr[:-1]).any():
        return False
    from hogwild.kernels.scans import rows_are_sound  # half a second for whoever has little data or only predicts

    unsigned = np.dtype(f"u{indices.dtype.itemsize}")
    arrays = [indptr.astype(np.uint64), indices.view(unsigned), values.view()]
    for array in arrays:
        array.flags.writeable = False  # as everywhere: a user's read-only arrays need no second compilation
    return bool(rows_are_sound(*arrays, n_features))


def first_not_finite(values: NDArray[Any]) -> int | None:
    """Position of the first NaN or infinity in 1-D floats, or None.

    The extremes are NaN when any value is, and no comparison with NaN is true: two reductions settle a slice.
    """
    for start in range(0, values.size, SLICE_ENTRIES):
        part = values[start : start + SLICE_ENTRIES]
        if not (part.max() < np.inf and part.min() > -np.inf):
            return start + int(np.flatnonzero(~np.isfinite(part))[0])
    return None


def first_outside(indices: NDArray[Any], n_features: int) -> int | None:
    """Position of the first index outside [0, n_features) in 1-D int32 or int64 indices, or None.

    Seen as unsigned, a negative index is a huge one, so the largest of a slice is enough.
    """
    unsigned = indices.view(np.dtype(f"u{indices.dtype.itemsize}"))
    for start in range(0, unsigned.size, SLICE_ENTRIES):
        part = unsigned[start : start + SLICE_ENTRIES]
        if part.max() >= n_features:
            return start + int(np.flatnonzero(part >= n_features)[0])
    return None


def rows_ascend(indices: NDArray[Any], indptr: NDArray[Any]) -> bool:
    """Whether the indices increase strictly within every row; `indptr` must be sound (`structure_fault`).

    Neighbours that do not increase may only meet where one row ends and the next begins, so it is enough that
    there are as many in the whole array as there are at those places.
    """
    starts = indptr[:-1][indptr[1:] > indptr[:-1]][1:]  # of the rows with entries, but the first
    allowed = int(np.count_nonzero(indices[starts] <= indices[starts - 1]))
    flags = np.empty(min(SLICE_ENTRIES, max(indices.size, 1)), dtype=bool)
    found = 0
    for start in range(1, indices.size, SLICE_ENTRIES):
        part = indices[start : start + SLICE_ENTRIES]
        out = flags[: part.size]
        np.less_equal(part, indices[start - 1 : start - 1 + part.size], out=out)
        found += int(np.count_nonzero(out))
        if found > allowed:
            return False
    return found == allowed


def structure_fault(indices: NDArray[Any], indptr: NDArray[Any], n_entries: int, n_features: int) -> str | None:
    """What is wrong with a CSR structure, as the end of a sentence, or None if no index can leave its array.

    `n_entries` counts the stored values; like `indices` they may go on after indptr[-1], as SciPy allows.
    """
    if indptr[0] != 0:
        return f"indptr starts at {indptr[0]}; it must start at 0"
    falls = np.flatnonzero(indptr[1:] < indptr[:-1])
    if falls.size:
        return f"indptr decreases after row {falls[0]}; it must never decrease"
    end = int(indptr[-1])
    if end > n_entries or end > indices.size:
        return f"indptr ends at {end}, but there are {n_entries} values and {indices.size} indices"
    at = first_outside(indices[:end], n_features)
    if at is not None:
        row = row_of(indptr, at)
        return f"row {row} has the column index {indices[at]}; it must be from 0 to {n_features - 1}"
    return None


def row_of(indptr: NDArray[Any], position: int) -> int:
    """The row that holds the stored entry at `position`."""
    return int(np.searchsorted(indptr, position, side="right")) - 1
