"""A pass over all examples in small portions, handed to whoever is free."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import final

from hogwild.engines.waits import Reply, Waits, workers
from hogwild.requests import Portion, Take

PORTIONS_PER_WORKER = 16  # of a pass: "much smaller than 1/N of the batch" (Dean et al. 2012)
# Each is a message of a whole gradient to the shards: of a thousand workers, 16 from each would keep them waiting.
MANY, FEWEST_PER_WORKER = 2_048, 2
MOST_COPIES = 3  # of a portion: one worker may be stuck, and hardly three


@final
@dataclass(slots=True)
class _Open:
    """A portion that is handed out, and not done."""

    portion: Portion
    ranks: list[int] = field(default_factory=list)  # who computes it
    sending: set[int] = field(default_factory=set)  # who has computed it: a copy could not be faster any more
    queued: bool = False  # is it among those to be copied?


@final
class _Pass:
    """The portions of one round: those not handed out, those not pushed and who has them."""

    def __init__(self, first_number: int, n_examples: int, size: int) -> None:
        each = max(FEWEST_PER_WORKER, min(PORTIONS_PER_WORKER, MANY // size))
        count = min(n_examples, each * size)
        cuts = [n_examples * i // count for i in range(count + 1)]
        self.portions = [Portion(first_number + i, begin, end - begin) for i, (begin, end) in enumerate(pairwise(cuts))]
        self.next = 0
        self.open: dict[int, _Open] = {}  # by number
        self._copied: deque[_Open] = deque()  # those of which a copy may be made: fewest copies first, then the oldest

    @property
    def complete(self) -> bool:
        return self.next == len(self.portions) and not self.open

    def give(self, rank: int) -> Portion | None:
        """The next portion; if all are handed out a copy of one; None if there is none to be had now."""
        if self.next < len(self.portions):
            portion = self.portions[self.next]
            self.next += 1
            self.open[portion.number] = entry = _Open(portion)
        else:
            found = self._to_copy(rank)
            if found is None:
                return None
            entry = found
        entry.ranks.append(rank)
        if len(entry.ranks) < MOST_COPIES:
            self.queue(entry)
        return entry.portion

    def queue(self, entry: _Open) -> None:
        """A copy of it may be made."""
        if not (entry.queued or entry.sending):
            entry.queued = True
            self._copied.append(entry)

    def _to_copy(self, rank: int) -> _Open | None:
        """Of those that others have; else of those that the worker itself has not done."""
        own: list[_Open] = []
        found = None
        while self._copied and found is None:
            entry = self._copied.popleft()
            entry.queued = False
            if entry.portion.number not in self.open or entry.sending:
                continue
            if rank in entry.ranks:
                own.append(entry)
            else:
                found = entry
        if found is None and own:
            found = own.pop(0)
        for entry in own:
            self.queue(entry)
        return found


@final
class Portions:
    """Passes by round. Not thread-safe: the hub holds the lock.

    finished : called when all portions of a pass were pushed
    """

    def __init__(self, n_examples: int, size: int, rounds: list[int], finished: Callable[[], None]) -> None:
        self._n, self._size, self._rounds, self._finished = n_examples, size, rounds, finished
        self._passes: dict[int, _Pass] = {}
        self._waiting: dict[int, tuple[_Pass, Reply]] = {}  # by rank
        self.numbers = 0  # of portions so far

    def take(self, rank: int, request: Take, reply: Reply) -> None:
        """The next portion of the worker's round; near the end a copy of one that others have; None when all are
        done, also for who comes when others are rounds ahead.
        """
        round = self._rounds[rank]
        if round not in self._passes:
            if round < max(self._passes, default=0):
                reply(None)
                return
            self._passes = {key: kept for key, kept in self._passes.items() if key >= round - 1}
            self._passes[round] = _Pass(self.numbers, self._n, self._size)
            self.numbers += len(self._passes[round].portions)
        this = self._passes[round]
        portion = this.give(rank)
        if portion is not None or this.complete:
            reply(portion)
        else:
            self._waiting[rank] = (this, reply)

    def sent(self, rank: int, number: int) -> None:
        """The worker pushes this portion: it will be acknowledged, or the worker is lost."""
        for this in self._passes.values():
            if number in this.open:
                this.open[number].sending.add(rank)

    def pushed(self, rank: int, number: int, *, late: bool) -> None:
        """The push was acknowledged; of copies, the first counts. late: it was dropped."""
        for this in self._passes.values():
            if number not in this.open:
                continue
            if late:
                this.open[number].sending.discard(rank)
                self._hand_out_again(this, this.open[number])
                continue
            del this.open[number]
            if this.complete:
                self._finished()
                for waiting in [each for each, (its, _) in self._waiting.items() if its is this]:
                    self._waiting.pop(waiting)[1](None)

    def returned(self, rank: int) -> int:
        """The worker's program has ended: what it has not pushed goes to others. How much did it alone have?"""
        self._waiting.pop(rank, None)
        alone = 0
        for this in self._passes.values():
            for entry in list(this.open.values()):
                if rank in entry.ranks:
                    entry.ranks[:] = [other for other in entry.ranks if other != rank]
                    entry.sending.discard(rank)
                    alone += not entry.ranks
                    self._hand_out_again(this, entry)
        return alone

    def _hand_out_again(self, this: _Pass, entry: _Open) -> None:
        this.queue(entry)
        for rank in [each for each, (its, _) in self._waiting.items() if its is this]:
            portion = this.give(rank)
            if portion is None:
                return
            self._waiting.pop(rank)[1](portion)

    def waits(self) -> Waits:
        """Those that wait."""
        for this, reply in self._waiting.values():
            others = sorted({rank for entry in this.open.values() for rank in entry.ranks})
            have = "has" if len(others) == 1 else "have"
            yield reply, f"a portion, of which {workers(others)} {have} not pushed all"
