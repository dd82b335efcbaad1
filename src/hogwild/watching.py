"""What may be seen of a run while it goes on, between the ends of its epochs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from hogwild.history import Record

EVERY_S = 0.5  # between two looks


@final
@dataclass(frozen=True)
class Status:
    """How far a run is, now.

    time_s :     since it began, in seconds
    epoch :      the one that the furthest worker is in, from 1
    share :      of its examples, how many have been handed out: 0 to 1
    examples :   handed out so far, to all workers
    objective :  that was found last; None: none yet
    sent_bytes : what workers have sent so far, and what they were answered
    staleness :  how stale pushes were, on average, in rounds or versions; None: none were sent
    workers, size : how many are there, of how many
    joined :     processes that have come since it began: in the place of dead ones, or late
    """

    time_s: float
    epoch: int
    share: float
    examples: int
    objective: float | None
    sent_bytes: int
    staleness: float | None
    workers: int
    size: int
    joined: int


class AbstractObserver(ABC):
    """A callback that is also told about twice a second how far the run is: not on `Simulated`, where time is virtual.
    Its methods are called by one thread at a time.
    """

    @abstractmethod
    def __call__(self, record: Record) -> None:
        """An epoch has ended."""

    @abstractmethod
    def status(self, status: Status) -> None:
        """The run goes on."""
