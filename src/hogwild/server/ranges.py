"""Which shard holds which rows: contiguous ranges of nearly equal numbers of weights.

A row is what travels alone (see `Params.offsets`), so a row is never split.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.deltas import Vector
from hogwild.limits import is_whole
from hogwild.rows import Keys, Rows


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
        if not (is_whole(shards) and 1 <= shards <= n_rows):
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
