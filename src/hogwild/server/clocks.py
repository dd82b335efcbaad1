"""How often each worker has pushed to a shard, and whether all have pushed so often that others may go on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import final


@final
class Clocks:
    """Asked in a time that does not depend on the number of workers: thousands may wait, and ask at each push."""

    __slots__ = ("_reached", "_sure", "by_worker")

    def __init__(self, clocks: Iterable[tuple[int, int]] = ()) -> None:
        self.by_worker: dict[int, int] = {}  # to be read only; who is not in it has pushed nothing
        self._reached: dict[int, int] = {}  # by clock: workers that have pushed as often
        self._sure = 0, 0  # all of so many workers, or fewer of them, have this clock
        for worker, clock in clocks:
            self.set(worker, clock)

    def of(self, worker: int) -> int:
        """Pushes of this worker."""
        return self.by_worker.get(worker, 0)

    def tick(self, worker: int, before: int) -> None:
        """The worker, which was at `before`, has pushed once more."""
        self.by_worker[worker] = before + 1
        reached = self._reached
        reached[before + 1] = reached.get(before + 1, 0) + 1

    def set(self, worker: int, clock: int) -> None:
        """The worker goes on from there, if that is later than where it is."""
        for reached in range(self.of(worker), clock):
            self.tick(worker, reached)
        self._sure = 0, 0  # it is perhaps one more

    def all_reached(self, clock: int, workers: Collection[int]) -> bool:
        """Have all of these workers pushed so often? Of the workers that are asked about some leave, and none come but
        those that are `set`.
        """
        sure, count = self._sure
        if clock <= sure and len(workers) <= count:
            return True
        if clock > 0 and self._reached.get(clock, 0) < len(workers):
            return False
        if any(self.of(worker) < clock for worker in workers):
            return False
        self._sure = clock, len(workers)
        return True

    def items(self) -> list[tuple[int, int]]:
        """(worker, clock) of all that have pushed, in order."""
        return sorted(self.by_worker.items())
