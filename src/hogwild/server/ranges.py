"""Which shard holds which rows: contiguous ranges of nearly equal numbers of weights.

A row is what travels alone (see `Params.offsets`), so a row is never split.
"""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.deltas import Keys, Vector


@final
class Rows:
    """Where rows lie in a vector: row u has the weights offsets[u] .. offsets[u + 1] - 1.

    Mostly all rows are of one width, often of one weight; then nothing is stored, and a key is (nearly) a position.
    """

    __slots__ = ("_begins", "_widths", "n_rows", "n_weights", "width")

    def __init__(self, offsets: NDArray[np.int64]) -> None:
        widths = np.diff(offsets)
        self.n_rows, self.n_weights = int(widths.size), int(offsets[-1] - offsets[0])
        self.width: int | None = (
            int(widths[0]) if (widths == widths[0]).all() else None
        )  # of all rows; None: they differ
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


class Span(NamedTuple):
    """What one shard holds."""

    shard: int
    first_row: int
    begin: int  # its weights are begin .. end - 1 of the whole vector
    end: int
    rows: Rows  # inside the shard


class Piece(NamedTuple):
    """What concerns one shard of a message for some rows."""

    shard: int
    keys: Keys  # counted from the shard's first row
    first: int  # its values are first .. last - 1 of the message's
    last: int


@final
class Ranges:
    """The rows of a `Params`, split among shards.

    offsets : (rows + 1,) where each row begins, as `Params.offsets`
    shards :  how many; each gets a row at least, and no more than the widest row above its fair share of the weights

    ValueError for fewer than one shard or more than there are rows.
    """

    __slots__ = ("_cuts", "_slices", "n_weights", "rows", "spans")

    def __init__(self, offsets: NDArray[np.int64], shards: int) -> None:
        offsets = np.asarray(offsets, np.int64)
        if offsets.ndim != 1 or offsets.size < 2 or offsets[0] != 0 or (np.diff(offsets) < 0).any():
            raise ValueError(f"offsets must begin with 0 and never fall, as Params.offsets, not {offsets!r}")
        n_rows, n_weights = offsets.size - 1, int(offsets[-1])
        if not (isinstance(shards, int | np.integer) and not isinstance(shards, bool) and 1 <= shards <= n_rows):
            raise ValueError(f"shards={shards!r} must be a whole number from 1 to {n_rows}, the number of rows")
        cuts = _nearest(offsets, np.arange(shards + 1) * (n_weights / shards))
        cuts[0], cuts[-1] = 0, n_rows
        # A wide row may attract several cuts: move them apart, so that every shard has a row.
        apart = np.arange(shards + 1)
        cuts = np.minimum(np.maximum.accumulate(cuts - apart) + apart, n_rows - shards + apart)
        self.n_weights = n_weights
        self.rows = Rows(offsets)
        self.spans = tuple(
            Span(shard, first, int(offsets[first]), int(offsets[last]), Rows(offsets[first : last + 1]))
            for shard, (first, last) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
        )
        self._cuts: NDArray[np.int64] = cuts
        self._slices = [slice(span.begin, span.end) for span in self.spans]

    def __len__(self) -> int:
        return len(self.spans)

    def cut(self, vector: Vector) -> list[Vector]:
        """The piece of each shard: views. ValueError if the vector has another length."""
        if vector.shape != (self.n_weights,):
            raise ValueError(f"a vector of shape {vector.shape} does not fit the server's {self.n_weights} weights")
        return [vector[piece] for piece in self._slices]

    def cut_keys(self, keys: Keys) -> list[Piece]:
        """The pieces of the shards that hold one of these rows, in order. ValueError unless the keys increase."""
        self.rows.check(keys)
        at = keys.searchsorted(self._cuts).tolist()
        ends = self.rows.ends(keys, at)
        return [
            Piece(shard, keys[at[shard] : at[shard + 1]] - span.first_row, ends[shard], ends[shard + 1])
            for shard, span in enumerate(self.spans)
            if at[shard] < at[shard + 1]
        ]


def _nearest(offsets: NDArray[np.int64], targets: NDArray[np.floating]) -> NDArray[np.int64]:
    """The row that begins nearest to each target."""
    after = np.clip(np.searchsorted(offsets, targets), 1, offsets.size - 1)
    return after - (targets - offsets[after - 1] <= offsets[after] - targets)


def join(pieces: list[Vector]) -> Vector:
    """The pieces of shards, in their order, as one vector: undoes `Ranges.cut`, and the cuts by `Ranges.cut_keys`."""
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
