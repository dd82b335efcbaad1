"""A pass over all examples in small portions, handed to whoever is free."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import final

from hogwild.engines.waits import Reply
from hogwild.requests import Portion, Take

PORTIONS_PER_WORKER = 16  # of a pass: "much smaller than 1/N of the batch" (Dean et al. 2012)


@final
class _Pass:
    """The portions of one round: those not handed out, those not pushed and who has them."""

    def __init__(self, first_number: int, n_examples: int, workers: int) -> None:
        count = min(n_examples, PORTIONS_PER_WORKER * workers)
        cuts = [n_examples * i // count for i in range(count + 1)]
        self.portions = [Portion(first_number + i, begin, end - begin) for i, (begin, end) in enumerate(pairwise(cuts))]
        self.next = 0
        self.open: dict[int, list[int]] = {}  # number: ranks that have it

    @property
    def complete(self) -> bool:
        return self.next == len(self.portions) and not self.open


@final
class Portions:
    """Passes by round. Not thread-safe: the hub holds the lock.

    finished : called when all portions of a pass were pushed
    """

    def __init__(self, n_examples: int, workers: int, rounds: list[int], finished: Callable[[], None]) -> None:
        self._n, self._workers, self._rounds, self._finished = n_examples, workers, rounds, finished
        self._passes: dict[int, _Pass] = {}
        self._numbers = 0

    def take(self, rank: int, request: Take, reply: Reply) -> None:
        """The next portion of the worker's round; near the end a copy of one that others have; None when all are
        done.
        """
        round = self._rounds[rank]
        if round not in self._passes:
            self._passes = {key: kept for key, kept in self._passes.items() if key >= round - 1}
            self._passes[round] = _Pass(self._numbers, self._n, self._workers)
            self._numbers += len(self._passes[round].portions)
        this = self._passes[round]
        if this.next < len(this.portions):
            portion = this.portions[this.next]
            this.next += 1
        elif this.open:
            # The one with the fewest copies, and of those the oldest.
            number = min(this.open, key=lambda number: (rank in this.open[number], len(this.open[number]), number))
            portion = this.portions[number - this.portions[0].number]
        else:
            reply(None)
            return
        this.open.setdefault(portion.number, []).append(rank)
        reply(portion)

    def pushed(self, number: int) -> None:
        """A push of this portion was acknowledged; of copies, the first counts."""
        for this in self._passes.values():
            if this.open.pop(number, None) is not None and this.complete:
                self._finished()

    def returned(self, rank: int) -> int:
        """The worker's program has ended: what it has not pushed goes to others. How much did it alone have?"""
        alone = 0
        for this in self._passes.values():
            for ranks in this.open.values():
                if rank in ranks:
                    ranks[:] = [other for other in ranks if other != rank]
                    alone += not ranks
        return alone
