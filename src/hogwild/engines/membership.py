"""Who is still in rounds, as each worker is told when it begins one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import final


@final
class Membership:
    """Ranks that are in rounds; from any thread.

    agreed : do all run the same rounds? Then who begins a round first fixes for all who is in it: that others have left
        by the time when a slow worker begins it does not matter, they have been there.
    """

    def __init__(self, size: int, *, agreed: bool) -> None:
        self.live = set(range(size))
        self.ranks = tuple(range(size))  # the same, in order
        self._agreed, self._lock = agreed, threading.Lock()
        self._newest = -1  # round that was begun
        self._since = [(0, self.ranks)]  # from which round on who was in them

    def leave(self, rank: int) -> None:
        """The worker goes through no more rounds."""
        with self._lock:
            self.live.discard(rank)
            self.ranks = tuple(sorted(self.live))

    def peers(self, rank: int, number: int, known: Sequence[int]) -> Sequence[int]:
        """The others that are in this worker's round `number`; `known`, those of its last one, if they are the same."""
        ranks = self._of(number) if self._agreed else self.ranks
        if len(known) + 1 == len(ranks):
            return known
        at = ranks.index(rank)
        return ranks[:at] + ranks[at + 1 :]

    def _of(self, number: int) -> tuple[int, ...]:
        with self._lock:
            if number > self._newest:
                self._newest = number
                if self._since[-1][1] is not self.ranks:
                    self._since.append((number, self.ranks))
            return next(ranks for first, ranks in reversed(self._since) if first <= number)
