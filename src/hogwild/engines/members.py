"""Which workers of a run are still in their rounds, and whose weights count where each has its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import final


@final
class Members:
    """Methods may be called from any worker's thread. `in_rounds`: those that go through rounds, now."""

    def __init__(self, size: int) -> None:
        self._lock = threading.Lock()
        self._size = size
        self.in_rounds = set(range(size))
        self._sorted = tuple(range(size))
        self._gone: set[int] = set()  # who was lost, or has left before the end

    def leave(self, rank: int) -> None:
        """The worker goes through no more rounds."""
        with self._lock:
            self.in_rounds.discard(rank)
            self._sorted = tuple(sorted(self.in_rounds))

    def lose(self, rank: int) -> None:
        """The worker goes through no more rounds, and its weights do not count any longer."""
        self._gone.add(rank)
        self.leave(rank)

    def join(self, rank: int) -> None:
        """The worker is there (again), with the weights of another."""
        with self._lock:
            self._gone.discard(rank)
            self.in_rounds.add(rank)
            self._sorted = tuple(sorted(self.in_rounds))

    def is_gone(self, rank: int) -> bool:
        """Was the worker lost, or has it left before the end?"""
        return rank in self._gone

    def peers(self, rank: int, known: Sequence[int]) -> Sequence[int]:
        """The other ranks that are still in rounds, as the worker itself is; `known` if there are as many.

        Whoever lets workers join gives `known` of all workers anew.
        """
        members = self._sorted
        if len(known) + 1 == len(members):
            return known
        at = members.index(rank)
        return members[:at] + members[at + 1 :]

    @property
    def lowest(self) -> int:
        """The rank whose weights are the answer, if each worker has its own. When all have left their rounds: of those
        who came to the end.
        """
        if self._sorted:
            return self._sorted[0]
        return min((rank for rank in range(self._size) if rank not in self._gone), default=0)
