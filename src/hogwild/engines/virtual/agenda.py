"""The virtual clock, and what is going to happen.

Time stands still while an event runs, and then jumps to the next. Events at equal times run in an order that the seed
chooses: other seeds show other races between the same events.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import final

Action = Callable[[], object]


@final
class Agenda:
    """Events in order of time; of equal times, by a random number of the seed; of equal numbers, as they came.

    The same seed and the same calls give the same order, on every machine and version of Python.
    """

    __slots__ = ("_count", "_draw", "_events", "now", "shuffle")

    def __init__(self, seed: int, begin_s: float = 0.0) -> None:
        self.now = begin_s  # seconds; to be read only: `step` sets it
        self._count = 0
        random = Random(int(seed))
        self._draw, self.shuffle = random.random, random.shuffle
        self._events: list[tuple[float, float, int, Action]] = []

    def __len__(self) -> int:
        """How many events are still to come."""
        return len(self._events)

    @property
    def next_s(self) -> float:
        """When the next event is; infinite if there is none."""
        return self._events[0][0] if self._events else inf

    def at(self, time_s: float, action: Action) -> None:
        """Run `action()` at this time. ValueError if it is past, infinite or not a number."""
        if not self.now <= time_s < inf:
            raise ValueError(f"time_s={time_s!r} must be a finite time that is not before now, {self.now!r}")
        self._count = count = self._count + 1
        heappush(self._events, (time_s, self._draw(), count, action))

    def step(self) -> bool:
        """Go to the next event and run it; False if there is none. What it raises passes through."""
        if not self._events:
            return False
        self.now, _, _, action = heappop(self._events)
        action()
        return True
