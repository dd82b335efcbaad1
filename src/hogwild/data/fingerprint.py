"""Are these the same data? A checksum of a part of them."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples

PIECE, PIECES = 65_536, 256  # bytes that are looked at together, and how often in an array


def fingerprint(examples: Examples, bounds: Any) -> str:
    """How large they are, and a checksum of a part of them, evenly spread."""
    X = examples.X
    arrays = [X.data, X.indices, X.indptr] if examples.is_sparse else [X.reshape(-1)]
    arrays += [each for each in (examples.y, examples.sample_weight) if each is not None]
    if bounds is not None:
        arrays.append(np.asarray(bounds))
    total = 0
    for array in arrays:
        total = _checksum(array, total)
    return f"{examples.n_examples} x {examples.n_features} ({total:08x})"


def _checksum(array: NDArray[Any], total: int) -> int:
    total = zlib.crc32(f"{array.dtype.str} {array.size}".encode(), total)
    if array.dtype.kind == "O":  # labels
        return zlib.crc32(repr(array.tolist()).encode(), total)
    contents = np.ascontiguousarray(array).view(np.uint8)
    for first in np.unique(np.linspace(0, max(0, contents.size - PIECE), PIECES).astype(np.int64)).tolist():
        total = zlib.crc32(contents[first : first + PIECE].data, total)
    return total
