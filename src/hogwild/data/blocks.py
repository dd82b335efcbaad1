"""In which order examples are learnt: chunks of consecutive rows, in a fresh random order each epoch.

Order is a pure function of (seed, epoch). Consecutive rows keep the chip's prefetcher busy: a permutation of single
rows of a set that is larger than the cache costs 2.5 to 5 times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples

# Rows of a set that fits the last-level cache are shuffled one by one: nothing is lost there, and small sets need it.
CACHED_BYTES = 16_000_000
# Nonzeros in a chunk: at 8 bytes each, about what amortises the first misses to below 2 per cent.
CHUNK_NONZEROS = 16_384
LARGEST_CHUNK = 512
HOLDOUT, EPOCH = 0, 1  # streams of random numbers


class Block(NamedTuple):
    """Examples handed to a worker: rows start, start + 1, ... start + chunk - 1 for each of `starts`."""

    starts: NDArray[np.int64]
    chunk: int


class Owned(NamedTuple):
    """The rows of one worker, where they stay with it."""

    rank: int
    first: int
    end: int


@final
class Blocks:
    """The chunks of a data set, or of the rows of one worker, `n_rows` before row number `end`; some are held out.

    `chunk` rows each; `training` and `holdout` hold the first row of each chunk, in row order; `n_training` rows are
    not held out.
    """

    def __init__(self, examples: Examples, holdout: float, seed: int, owned: Owned | None = None) -> None:
        whole = examples.whole  # then rows are numbered where they are
        rank, first, end = (0, 0, examples.n_in_all) if owned is None else owned
        n = end - first
        self.n_rows, self.end = n, end
        self.seed, self._stream = seed, (() if owned is None else (rank,))
        self.chunk = chunk_rows(examples) if whole is None else whole.chunk
        starts = np.arange(first, end, self.chunk, dtype=np.int64)
        self._last = int(starts[-1])
        # Who reads a chunk stops at the end of the data by himself: only there may a short one pass for whole.
        self._ends_the_data = whole is not None or end == examples.n_examples
        kept_out = round(holdout * starts.size)
        if holdout > 0:
            if starts.size < 2:
                whose = "" if owned is None else f" of worker {rank}"
                raise ValueError(f"{n} examples{whose} are too few to hold {holdout:g} of them out")
            kept_out = min(max(1, kept_out), starts.size - 1)
        mixed = np.random.default_rng([seed, HOLDOUT, *self._stream]).permutation(starts) if kept_out else starts
        self.holdout: NDArray[np.int64] = np.sort(mixed[:kept_out])
        self.training: NDArray[np.int64] = np.sort(mixed[kept_out:])
        self.n_training = self.rows(self.training)
        self._orders: dict[int, NDArray[np.int64]] = {}  # of the last epochs: many workers ask

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The training chunks in the order of that epoch. A short chunk, the last rows of the set, comes last."""
        orders = self._orders
        if epoch not in orders:
            order = np.random.default_rng([self.seed, EPOCH, epoch, *self._stream]).permutation(self.training)
            short = order + self.chunk > self.end
            orders = {key: kept for key, kept in orders.items() if abs(key - epoch) <= 1}
            orders[epoch] = np.concatenate([order[~short], order[short]])
            self._orders = orders
        return orders[epoch]

    def rows(self, starts: NDArray[np.int64]) -> int:
        """How many rows these chunks have (the last chunk of the set may be short)."""
        missing = self._last + self.chunk - self.end
        return int(starts.size * self.chunk - (missing if missing and (starts == self._last).any() else 0))

    def cut(self, order: NDArray[np.int64], first: int, end: int) -> list[Block]:
        """Blocks for the rows at positions first, first + 1, ... end - 1 of an order: at most three, for the rest of a
        chunk, whole chunks, and the beginning of a chunk.
        """
        # The last chunk counts as whole if all it has is wanted.
        return cut(Block(order, self.chunk), first, end, whole=end >= self.n_training and self._ends_the_data)

    def pieces(self, starts: NDArray[np.int64], rows: int) -> list[Block]:
        """All rows of these chunks, given in row order, in blocks of about so many rows at most."""
        size = max(1, rows // self.chunk)
        tail = starts[:0]
        is_short = self._last + self.chunk > self.end
        if starts.size and starts[-1] == self._last and is_short and not self._ends_the_data:
            starts, tail = starts[:-1], starts[-1:]
        pieces = [Block(starts[first : first + size], self.chunk) for first in range(0, starts.size, size)]
        return [*pieces, Block(tail, self.end - self._last)] if tail.size else pieces


def cut(block: Block, first: int, end: int, *, whole: bool) -> list[Block]:
    """Rows first, ... end - 1 of a block. whole: the last chunk is wanted to its end, which may come early."""
    starts, chunk = block
    blocks, inside = [], first % chunk
    if inside and first < end:
        count = min(chunk - inside, end - first)
        blocks.append(Block(starts[first // chunk : first // chunk + 1] + inside, count))
        first += count
    last = end if whole else end // chunk * chunk
    if last > first:
        blocks.append(Block(starts[first // chunk : -(-last // chunk)], chunk))
        first = last
    if first < end:
        blocks.append(Block(starts[first // chunk : first // chunk + 1], end - first))
    return blocks


def count_rows(block: Block, n: int) -> int:
    """How many rows a block of n rows in all has: one chunk, the last of the data, may be short."""
    starts, chunk = block
    if chunk == 1 or not starts.size:
        return starts.size
    last = starts[0] if starts.size == 1 else starts.max()  # of one, as small steps ask: max() would take longer
    return starts.size * chunk - max(0, int(last) + chunk - n)


def pieces(blocks: Sequence[Block], n: int, unit: int, parts: int) -> list[tuple[int, list[Block]]]:
    """The rows of these blocks, of n rows in all, cut into at most so many pieces of whole units, as equal as can be;
    and how many rows come before each.
    """
    counts = [count_rows(block, n) for block in blocks]
    total = sum(counts)
    units = -(-total // unit)
    ends = [min(total, units * k // parts * unit) for k in range(parts + 1)]
    return [(first, _between(blocks, counts, first, end)) for first, end in pairwise(ends) if first < end]


def _between(blocks: Sequence[Block], counts: Sequence[int], first: int, end: int) -> list[Block]:
    found, before = [], 0
    for block, count in zip(blocks, counts, strict=True):
        begin, stop = max(first - before, 0), min(end - before, count)
        if begin < stop:
            found += cut(block, begin, stop, whole=stop == count)
        before += count
    return found


def chunk_rows(examples: Examples) -> int:
    """Rows in a chunk: one for a small set or one sorted by label, else as many as make up CHUNK_NONZEROS."""
    stored = stored_numbers(examples)
    return chunk_of(examples.n_examples, stored, is_sorted=_is_large(stored) and looks_sorted(examples.y))


def stored_numbers(examples: Examples) -> int:
    """How many numbers X has in memory."""
    return int(examples.X.nnz if examples.is_sparse else examples.X.size)


def _is_large(stored: int) -> bool:
    return stored * 8 > CACHED_BYTES


def chunk_of(n: int, stored: int, *, is_sorted: bool) -> int:
    """The same for n rows with so many numbers."""
    if is_sorted or not _is_large(stored):
        return 1
    return int(min(max(1, CHUNK_NONZEROS * n // stored), LARGEST_CHUNK))


def looks_sorted(y: NDArray[Any] | None) -> bool:
    """Do neighbouring rows share their label much more often than chance would have it?

    Compares the number of label changes with its expectation in random order, n (1 - sum of squared shares); for
    numbers, looks at the correlation of neighbours.
    """
    if y is None or y.size < 2:
        return False
    labels, counts = np.unique(y[:: max(1, y.size // 10_000)], return_counts=True)
    if labels.size > 100 and y.dtype.kind in "biuf":  # numbers rather than classes
        return bool(np.abs(np.corrcoef(y[:-1], y[1:])[0, 1]) > 0.5)
    shares = counts / counts.sum()
    expected = (y.size - 1) * (1 - float(shares @ shares))
    return bool(np.count_nonzero(y[1:] != y[:-1]) < 0.5 * expected)


def order_of(blocks: Sequence[Block], n: int) -> NDArray[np.int64]:
    """The rows of the blocks, one by one."""
    each = [(block.starts[:, None] + np.arange(block.chunk)).ravel() for block in blocks]
    rows = np.concatenate([np.zeros(0, np.int64), *each])
    return rows[rows < n]  # the last chunk may be short


def joined(blocks: Sequence[Block], n: int) -> Block:
    """One block that has the rows of all."""
    if len(blocks) == 1:
        return blocks[0]
    if len({block.chunk for block in blocks}) == 1:
        return Block(np.concatenate([block.starts for block in blocks]), blocks[0].chunk)
    return Block(order_of(blocks, n), 1)
