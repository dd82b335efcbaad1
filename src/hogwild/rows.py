"""Which weights travel together: a row is one entry of the first axis of a view, numbered through all views."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.int64]  # numbers of rows, each once and in increasing order


@final
class Rows:
    """Where rows lie in a vector: row u has the weights offsets[u] .. offsets[u + 1] - 1.

    Mostly all rows are of one width, often of one weight; then nothing is stored, and a key is (nearly) a position.
    """

    __slots__ = ("_begins", "_widths", "n_rows", "n_weights", "width")

    def __init__(self, offsets: NDArray[np.int64]) -> None:
        widths = np.diff(offsets)
        self.n_rows, self.n_weights = int(widths.size), int(offsets[-1] - offsets[0])
        even = widths.size > 0 and bool((widths == widths[0]).all())
        self.width: int | None = int(widths[0]) if even else None  # of all rows; None: they differ
        self._begins: NDArray[np.int64] = offsets[:-1] - offsets[0]
        self._widths: NDArray[np.int64] = widths
        if self.width is not None:
            self._begins = self._widths = np.zeros(0, np.int64)

    def size(self, keys: Keys) -> int:
        """How many weights these rows have."""
        return keys.size * self.width if self.width is not None else int(self._widths[keys].sum())

    def positions(self, keys: Keys) -> NDArray[np.int64]:
        """Where the weights of these rows are, one row after another."""
        if self.width == 1:
            return keys
        if self.width is not None:
            return (keys[:, None] * self.width + np.arange(self.width)).reshape(-1)
        widths = self._widths[keys]
        ends = np.cumsum(widths)
        # The k-th weight of all lies (k - weights before its row) behind the beginning of its row.
        return np.arange(ends[-1] if ends.size else 0) + np.repeat(self._begins[keys] - ends + widths, widths)

    def ends(self, keys: Keys, at: list[int]) -> list[int]:
        """How many weights the first a rows of `keys` have, for each a of `at`."""
        if self.width == 1:
            return at
        if self.width is not None:
            return [a * self.width for a in at]
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._widths[keys])])
        return ends[at].tolist()

    def check(self, keys: Any) -> None:
        """ValueError unless these are row numbers, each once and in increasing order."""
        if not (isinstance(keys, np.ndarray) and keys.ndim == 1 and keys.dtype == np.int64):
            raise ValueError(f"keys must be a one-dimensional array of int64, not {keys!r}")
        if keys.size == 0:
            return
        if keys[0] < 0 or keys[-1] >= self.n_rows:
            bad = keys[0] if keys[0] < 0 else keys[-1]
            raise ValueError(f"row {bad} is not there: keys must lie in 0 .. {self.n_rows - 1}")
        falls = keys[1:] <= keys[:-1]
        # A row that came twice would be written once only.
        if np.count_nonzero(falls):
            first = int(falls.argmax())
            raise ValueError(
                f"keys must increase, but entry {first + 1} is {keys[first + 1]} after {keys[first]}: give each row "
                "once, in order, as np.unique does"
            )
