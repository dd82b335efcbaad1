"""Which messages of each worker a shard has applied, and what it answered: a message that comes twice counts once."""

from __future__ import annotations

from collections import defaultdict
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.server.messages import SEQS_OF_A_LIFE, Applied

NEVER = Applied(-1, -1, 0, 0)
Life = tuple[int, int]
"""A process of a worker: its rank, and how many it had before."""


@final
class Seen:
    """The last `window` answers to each process of a worker (why a window: see `messages.WINDOW`).

    Answer number `seq` lies in place seq % window of its process's ring. Only a later message takes the place over, so
    a message was applied before exactly if its place holds its own number, or a larger one.
    """

    __slots__ = ("rings", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.rings: defaultdict[Life, list[Applied]] = defaultdict(lambda: [NEVER] * window)

    def knows(self, worker: int, seq: int) -> bool:
        """Was this message applied?"""
        life = worker, seq // SEQS_OF_A_LIFE
        return life in self.rings and self.rings[life][seq % self.window].seq >= seq

    def numbers(self) -> dict[Life, int]:
        """Of each process that was heard of: how many numbers its messages have used, as far as is known here."""
        newest = {life: max(one.seq for one in ring) for life, ring in self.rings.items()}
        return {life: seq % SEQS_OF_A_LIFE + 1 for life, seq in newest.items() if seq != NEVER.seq}

    def table(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """As arrays: (answers, 6) of worker, shard, seq, version, staleness, late, and their values (answers,)."""
        kept = [(life[0], one) for life in sorted(self.rings) for one in self.rings[life] if one is not NEVER]
        rows = [(worker, one.shard, one.seq, one.version, one.staleness, one.late) for worker, one in kept]
        return np.array(rows, np.int64).reshape(-1, 6), np.array([one.value for _, one in kept], np.float64)

    @classmethod
    def of_table(cls, window: int, table: NDArray[np.int64], values: NDArray[np.float64]) -> Seen:
        """What `table` gave; the window must be the same."""
        seen = cls(window)
        for (worker, shard, seq, version, staleness, late), value in zip(table.tolist(), values.tolist(), strict=True):
            seen.rings[worker, seq // SEQS_OF_A_LIFE][seq % window] = Applied(
                shard, seq, version, staleness, bool(late), value
            )
        return seen
