"""All-reduce: sums in rank order, whoever comes first, and sums that do not wait for the slowest (a quorum)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, final

import numpy as np

from hogwild.deltas import Coded, described, size_in_bytes, total
from hogwild.engines.transport import AbstractTransport
from hogwild.engines.waits import Reply, Waits, workers
from hogwild.requests import Reduce, Reduced


@final
@dataclass
class _Sum:
    """One sum: what was given, who waits for it, and what came out. It is kept until all have come to it."""

    missing: int  # running workers that have not come yet
    given: dict[int, Any] = field(default_factory=dict)  # until it is closed
    givers: tuple[int, ...] = ()
    waiting: dict[int, Reply] = field(default_factory=dict)
    quorum: int | None = None
    result: Reduced | None = None
    n_bytes: int = 0  # what each of them sends
    arrived: bool = False  # at those that waited for it
    place: Any = None  # where in the data those were who waited for it


@final
class Collectives:
    """The k-th request of each worker belongs to the k-th sum. Not thread-safe: the hub holds the lock."""

    def __init__(
        self, size: int, transport: AbstractTransport, running: set[int], place: Callable[[int], Any] | None = None
    ) -> None:
        self._size, self._transport, self._running = size, transport, running
        self._place = place  # of a worker in the data: who is late goes on where the others are
        self._counts = [0] * size
        self._sums: dict[int, _Sum] = {}
        self._dead: set[int] = set()

    def late(self, rank: int) -> bool:
        """Has the sum to which this worker's next request belongs been closed?"""
        entry = self._sums.get(self._counts[rank])
        return entry is not None and entry.result is not None

    def place_of_next(self, rank: int) -> Any:
        """Where the others were when the worker's next sum was closed."""
        return self._sums[self._counts[rank]].place

    def give(self, rank: int, request: Reduce, reply: Reply) -> None:
        """The worker's contribution; `reply` is called with the `Reduced` when there is one."""
        number = self._counts[rank]
        if number not in self._sums:
            self._sums[number] = _Sum(len(self._running))
        entry = self._sums[number]
        if entry.result is None:
            self._check(entry, rank, request)
        self._counts[rank] += 1
        entry.missing -= 1
        if entry.result is not None:
            entry.waiting[rank] = reply
            if entry.arrived:
                self._tell_late(entry)
            self._forget(number)
            return
        if request.quorum is not None:
            entry.quorum = request.quorum
        if request.x is not None:
            # A peer may change my weights before the sum is closed.
            entry.given[rank] = request.x.copy() if isinstance(request.x, np.ndarray) else request.x
        entry.waiting[rank] = reply
        self._close_if_complete(number)

    def _check(self, entry: _Sum, rank: int, request: Reduce) -> None:
        if request.quorum is not None and request.quorum > self._size:
            raise ValueError(f"quorum={request.quorum} is more than the {self._size} workers there are")
        if request.x is not None:
            _check_alike(entry.given, rank, request.x)

    def returned(self, rank: int) -> None:
        """A worker's program has ended: who waits for it need not any longer."""
        for number in sorted(self._sums):
            if number >= self._counts[rank]:
                self._sums[number].missing -= 1
                self._close_if_complete(number)
                self._forget(number)

    def lost(self, rank: int) -> None:
        """The worker is dead: what it had given counts, but nobody asks it for a sum."""
        self._dead.add(rank)
        for entry in self._sums.values():
            entry.waiting.pop(rank, None)

    def admit(self, rank: int, like: int) -> None:
        """The worker begins where this other one is: all wait for it at the sums that are still to come there."""
        self._dead.discard(rank)
        self._counts[rank] = self._counts[like]
        for number, entry in self._sums.items():
            entry.missing += number >= self._counts[rank]

    def waits(self) -> Waits:
        """Those that wait."""
        for number, entry in self._sums.items():
            if entry.result is None:
                missing = [rank for rank in sorted(self._running) if self._counts[rank] <= number]
                text = not_come(number, missing)
                yield from ((reply, text) for reply in entry.waiting.values())

    def _close_if_complete(self, number: int) -> None:
        entry = self._sums[number]
        if entry.result is not None:
            return
        enough = entry.quorum is not None and len(entry.given) >= entry.quorum
        if not enough and entry.missing:
            return
        entry.result = result = Reduced(added(entry.given), len(entry.given))
        entry.n_bytes = max(map(size_in_bytes, entry.given.values()), default=0)
        entry.givers, entry.given = tuple(sorted(entry.given)), {}
        if entry.quorum is not None and entry.waiting and self._place is not None:
            entry.place = self._place(next(iter(entry.waiting)))
        waiting, entry.waiting = entry.waiting, {}

        def deliver() -> None:
            entry.arrived = True
            for rank in sorted(waiting):
                waiting[rank](result)
            self._tell_late(entry)

        self._transport.exchange(sorted(waiting), entry.n_bytes, deliver)
        self._forget(number)

    def _tell_late(self, entry: _Sum) -> None:
        """Who came after it was closed is sent the sum by one of those that gave."""
        late, entry.waiting = entry.waiting, {}
        for rank, reply in late.items():
            self._tell_one(entry, rank, reply)

    def _tell_one(self, entry: _Sum, rank: int, reply: Reply) -> None:
        """By another, if that one dies meanwhile."""
        if rank not in self._running:
            return
        result, n_bytes = entry.result, entry.n_bytes
        givers = [giver for giver in entry.givers if giver not in self._dead]
        giver = givers[rank % len(givers)] if givers else rank
        again = partial(self._tell_one, entry, rank, reply)
        self._transport.send(("worker", giver), ("worker", rank), n_bytes, partial(reply, result), again)

    def _forget(self, number: int) -> None:
        """Unless somebody has still to come to it."""
        if number in self._sums and not self._sums[number].missing:
            del self._sums[number]


def not_come(number: int, missing: Sequence[int]) -> str:
    """What those wait for who have come to the sum of this number (from 0)."""
    return (
        f"all_reduce number {number + 1}, to which {workers(missing)} {'has' if len(missing) == 1 else 'have'} not come"
    )


def _check_alike(given: dict[int, Any], rank: int, x: Any) -> None:
    if not given:
        return
    other, y = next(iter(given.items()))
    if described(x) != described(y):
        raise ValueError(f"all_reduce: worker {rank} gives {described(x)} and worker {other} {described(y)}")


def added(given: dict[int, Any]) -> Any:
    """In rank order: sums of floats depend on their order. A new array, that is everybody's and not to be written."""
    if not given:
        return None
    parts = [given[rank] for rank in sorted(given)]
    if isinstance(parts[0], np.ndarray | Coded):
        parts = [part.values if isinstance(part, Coded) else part for part in parts]
        vector = parts[0].copy()
        for part in parts[1:]:
            vector += part
        vector.flags.writeable = False
        return vector
    # Together the workers' minibatches make up one.
    added = replace(total(parts), steps=max(delta.steps for delta in parts))
    added.values.flags.writeable = False
    return added
