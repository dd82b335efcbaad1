"""Pulls that a shard cannot answer yet, so that those that a push may have been waited for are found at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple, final

from hogwild.engines.calls import Call
from hogwild.server import PullPart


class WaitingPull(NamedTuple):
    """Of one worker."""

    call: Call
    part: PullPart

    @property
    def distance(self) -> int:
        """How far in the future lies what it waits for?"""
        return self.part.version or self.part.clock or 0


@final
class WaitingPulls:
    """Those of one shard."""

    def __init__(self) -> None:
        self._by_clock: dict[int | None, list[WaitingPull]] = {}  # of each clock in the order they came

    def __bool__(self) -> bool:
        return bool(self._by_clock)

    def __iter__(self) -> Iterator[WaitingPull]:
        return chain.from_iterable(self._by_clock.values())

    def add(self, pull: WaitingPull) -> None:
        """Another."""
        self._by_clock.setdefault(pull.part.clock, []).append(pull)

    def take(self, clock: int) -> list[WaitingPull]:
        """Take out those that may be answered since a worker has come to this clock."""
        return self._by_clock.pop(None, []) + self._by_clock.pop(clock, [])

    def take_all(self) -> list[WaitingPull]:
        """Take out all."""
        pulls = list(self)
        self._by_clock.clear()
        return pulls

    def drop(self, rank: int) -> None:
        """Forget those of this worker."""
        for pull in self.take_all():
            if pull.call.rank != rank:
                self.add(pull)

    def remove(self, pull: WaitingPull) -> None:
        """Forget this one."""
        others = self._by_clock[pull.part.clock] = [
            each for each in self._by_clock[pull.part.clock] if each is not pull
        ]
        if not others:
            del self._by_clock[pull.part.clock]
