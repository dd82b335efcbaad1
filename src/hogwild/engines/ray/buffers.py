"""Memory for messages and the results of large sums: used again when nobody looks at them any more, as new memory is
slow, and what is freed in another order than it was taken leaves holes.
"""

from __future__ import annotations

import weakref
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

MOST_HELD = 3  # the result that is looked at, the next, and one that is kept a little longer
LARGE_BYTES = 1 << 20  # of messages so large fewer are held: a shard has some from each worker
_BYTE = np.dtype(np.uint8)


@final
class Buffers:
    """Of the size that was asked for last."""

    def __init__(self) -> None:
        self._held: list[tuple[bytearray, weakref.ref[NDArray[Any]]]] = []

    def take_bytes(self, n_bytes: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """For a message: to receive it, and to read it, when it can be written, too."""
        return self._take(n_bytes, _BYTE, 1 if n_bytes > LARGE_BYTES else MOST_HELD)

    def take(self, size: int, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The same new vector of at least one value twice: to write to, and to be given away, which cannot be written.

        The memory is free again when the second, and what was made of it, is gone. Keep the first no longer.
        """
        own, given = self._take(size, dtype, MOST_HELD)
        given.flags.writeable = False
        return own, given

    def _take(self, size: int, dtype: np.dtype[Any], most_held: int) -> tuple[NDArray[Any], NDArray[Any]]:
        n_bytes = size * dtype.itemsize
        self._held = [each for each in self._held if len(each[0]) == n_bytes]
        free = next((each for each in self._held if each[1]() is None), None)
        if free is not None:
            self._held.remove(free)
        memory = bytearray(n_bytes) if free is None else free[0]
        # Each of these arrays lives as long as any array that is made of it: NumPy would look through to an array.
        own, given = np.frombuffer(memory, dtype), np.frombuffer(memory, dtype)
        self._held = [*self._held, (memory, weakref.ref(given))][-most_held:]  # not the oldest, which may be kept
        return own, given
