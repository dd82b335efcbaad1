"""Blocks that are judged together, and what is found, as a few arrays: many small ones take long to pack."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block
from hogwild.engines.ray.asking import checked
from hogwild.interfaces import Tally

Batch = tuple[NDArray[np.int64], list[int], list[int]]
"""The starts of all blocks, where those of each end there, and its chunk."""


def batch_of(blocks: Sequence[Block]) -> Batch:
    """Of one block at least."""
    starts = np.concatenate([block.starts for block in blocks])
    return starts, np.cumsum([block.starts.size for block in blocks]).tolist(), [block.chunk for block in blocks]


def blocks_of(batch: Any, n: int) -> list[Block]:
    """What was joined, if it is of these n examples. ValueError otherwise."""
    starts, ends, chunks = batch
    checked([Block(starts, chunk) for chunk in set(chunks)], n)
    if not len(ends) == len(chunks) or not all(isinstance(end, int) for end in ends):
        raise ValueError(f"this is no batch of blocks: {ends!r}, {chunks!r}")
    return [Block(starts[first:end], chunk) for (first, end), chunk in zip(pairwise([0, *ends]), chunks, strict=True)]


def rows_of(tallies: Sequence[Tally]) -> NDArray[np.float64]:
    """(tallies, 3): one a row."""
    return np.array(tallies, np.float64).reshape(-1, len(Tally._fields))


def tallies_of(rows: Any, size: int) -> list[Tally] | None:
    """So many; None if these are not so many."""
    if not (isinstance(rows, np.ndarray) and rows.shape == (size, len(Tally._fields)) and rows.dtype == np.float64):
        return None
    return [Tally(*row) for row in rows.tolist()]
