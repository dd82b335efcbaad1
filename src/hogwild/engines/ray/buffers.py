"""Memory for messages and the results of large sums: used again when nobody looks at them any more, as new memory is
slow, and what is freed in another order than it was taken leaves holes.
"""

from __future__ import annotations

import weakref
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

MOST_HELD = 3  # the result that is looked at, the next, and one that is kept a little longer
MOST_HELD_BYTES = 1 << 20  # of a message: a shard has some from each worker
_BYTE = np.dtype(np.uint8)


@final
class Buffers:
    """Of the size that was asked for last."""

    def __init__(self) -> None:
        self._held: list[tuple[bytearray, weakref.ref[NDArray[Any]]]] = []

    def take_bytes(self, n_bytes: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """For a message: to receive it, and to read it, when it can be written, too."""
        if n_bytes > MOST_HELD_BYTES:
            new = np.empty(n_bytes, np.uint8)
            return new, new
        return self.take(n_bytes, _BYTE, writable=True)

    def take(self, size: int, dtype: np.dtype[Any], *, writable: bool = False) -> tuple[NDArray[Any], NDArray[Any]]:
        """The same new vector of at least one value twice: to write to, and to be given away, `writable` or not.

        The memory is free again when the second, and what was made of it, is gone. Keep the first no longer.
        """
        n_bytes = size * dtype.itemsize
        self._held = [each for each in self._held if len(each[0]) == n_bytes]
        free = next((each for each in self._held if each[1]() is None), None)
        if free is not None:
            self._held.remove(free)
        memory = bytearray(n_bytes) if free is None else free[0]
        # Each of these arrays lives as long as any array that is made of it: NumPy would look through to an array.
        own, given = np.frombuffer(memory, dtype), np.frombuffer(memory, dtype)
        given.flags.writeable = writable
        self._held = [*self._held[1 - MOST_HELD :], (memory, weakref.ref(given))]  # not the oldest, which may be kept
        return own, given
