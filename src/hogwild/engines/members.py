"""Which workers of a run are still in their rounds, and whose weights count where each has its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import final

Ranks = tuple[int, ...]


@final
class Members:
    """Methods may be called from any worker's thread. `in_rounds`: those that go through rounds, now.

    agreed : do all run the same rounds? Then who begins a round first fixes for all who is in it: that others have left
        by the time when a slow worker begins it does not matter, they have been there.
    """

    def __init__(self, size: int, *, agreed: bool) -> None:
        self._lock = threading.Lock()
        self._size, self._agreed = size, agreed
        self.in_rounds = set(range(size))
        self._sorted = self._upcoming = tuple(range(size))  # they, and those that will be in the next new round
        self._told: list[Ranks] = [()] * size  # what the peers of each worker were last made of
        self._newest = -1  # round that was begun
        self._since = [(0, self._upcoming)]  # from which round on who was in them
        self._counts_from = [0] * size  # the first round of each worker in which others count on it
        self._gone: set[int] = set()  # who was lost, or has left before the end

    def leave(self, rank: int) -> None:
        """The worker goes through no more rounds."""
        with self._lock:
            self.in_rounds.discard(rank)
            self._sorted = tuple(sorted(self.in_rounds))
            self._upcoming = _without(self._upcoming, rank)

    def retire(self, rank: int) -> int:
        """Agreed: the worker will leave. Before which round? All that have been begun by somebody count on it."""
        with self._lock:
            self._upcoming = _without(self._upcoming, rank)
            return self._newest + 1

    def lose(self, rank: int) -> None:
        """The worker goes through no more rounds, and its weights do not count any longer."""
        self._gone.add(rank)
        self.leave(rank)

    def join(self, rank: int) -> int:
        """The worker is there (again), with the weights of another. Returns the round from which on others count on it:
        agreed, in those before it has no peers, though a former process of it perhaps was in them.
        """
        with self._lock:
            self._gone.discard(rank)
            self.in_rounds.add(rank)
            self._sorted = tuple(sorted(self.in_rounds))
            self._upcoming = tuple(sorted({*self._upcoming, rank}))
            self._told[rank] = ()
            self._counts_from[rank] = self._newest + 1
            return self._newest + 1

    def is_gone(self, rank: int) -> bool:
        """Was the worker lost, or has it left before the end?"""
        return rank in self._gone

    def peers(self, rank: int, number: int, known: Sequence[int]) -> Sequence[int]:
        """The others that are in this worker's round `number`; `known`, those of its last one, if they are the same."""
        if self._agreed and number < self._counts_from[rank]:
            return ()
        ranks = self._of(number) if self._agreed else self._sorted
        if ranks is self._told[rank]:
            return known
        self._told[rank] = ranks
        at = ranks.index(rank)
        return ranks[:at] + ranks[at + 1 :]

    def _of(self, number: int) -> Ranks:
        with self._lock:
            if number > self._newest:
                self._newest = number
                if self._since[-1][1] is not self._upcoming:
                    self._since.append((number, self._upcoming))
            return next(ranks for first, ranks in reversed(self._since) if first <= number)

    @property
    def counted(self) -> Ranks:
        """Those whose weights count: in rounds; when all have left these, who came to the end."""
        return self._sorted or tuple(rank for rank in range(self._size) if rank not in self._gone)

    @property
    def lowest(self) -> int:
        """The rank whose weights are the answer, if each worker has its own."""
        return next(iter(self.counted), 0)


def _without(ranks: Ranks, rank: int) -> Ranks:
    return tuple([other for other in ranks if other != rank]) if rank in ranks else ranks
