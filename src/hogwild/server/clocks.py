"""How often each worker has pushed to a shard, and whether all have pushed so often that others may go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import final

MOST_COUNTED = 4_096  # clocks, the newest: a run of days must not need ever more memory


@final
class Clocks:
    """Asked in a time that does not depend on the number of workers: thousands may wait, and ask at each push. Only of
    clocks that are long past each worker is asked.
    """

    __slots__ = ("_past", "_reached", "_sure", "by_worker")

    def __init__(self, clocks: Iterable[tuple[int, int]] = ()) -> None:
        self.by_worker: dict[int, int] = {}  # to be read only; who is not in it has pushed nothing
        self._reached: dict[int, int] = {}  # by clock, in order: workers that have pushed as often
        self._past = 0  # the newest clock that is not counted any more
        self._sure = 0, 0  # all of so many workers, or fewer of them, have this clock
        for worker, clock in clocks:
            self.set(worker, clock)

    def of(self, worker: int) -> int:
        """Pushes of this worker."""
        return self.by_worker.get(worker, 0)

    def tick(self, worker: int, before: int) -> None:
        """The worker, which was at `before`, has pushed once more."""
        self.by_worker[worker] = clock = before + 1
        if clock > self._past:
            reached = self._reached
            reached[clock] = reached.get(clock, 0) + 1
            if len(reached) > MOST_COUNTED:
                self._past = next(iter(reached))
                del reached[self._past]

    def set(self, worker: int, clock: int) -> None:
        """The worker goes on from there, if that is later than where it is."""
        before = self.of(worker)
        if clock > before:
            self._pass(clock - MOST_COUNTED)
            self.by_worker[worker] = clock
            for reached in range(max(before, self._past), clock):
                self.tick(worker, reached)
        self._sure = 0, 0  # it is perhaps one more

    def _pass(self, clock: int) -> None:
        """Clocks up to this one are counted no more."""
        if clock > self._past:
            self._past = clock
            self._reached = {other: count for other, count in self._reached.items() if other > clock}

    def all_reached(self, clock: int, workers: Collection[int]) -> bool:
        """Have all of these workers pushed so often? Of the workers that are asked about some leave, and none come but
        those that are `set`.
        """
        sure, count = self._sure
        if clock <= sure and len(workers) <= count:
            return True
        if clock > self._past and self._reached.get(clock, 0) < len(workers):
            return False
        if any(self.of(worker) < clock for worker in workers):
            return False
        self._sure = clock, len(workers)
        return True

    def items(self) -> list[tuple[int, int]]:
        """(worker, clock) of all that have pushed, in order."""
        return sorted(self.by_worker.items())
