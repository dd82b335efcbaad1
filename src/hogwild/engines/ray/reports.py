"""What the conductor knows of what workers send among themselves and to shards: they report it now and then."""

from __future__ import annotations

import threading
from typing import final

from hogwild.engines.progress import Progress
from hogwild.engines.ray.meters import Meters
from hogwild.engines.session import Session
from hogwild.interfaces import Job
from hogwild.traffic import Traffic
from hogwild.watching import Status


@final
class Reports:
    """Of one run. Methods may be called from any thread. `carried`: what goes through the conductor itself."""

    def __init__(self, session: Session, job: Job, carried: Traffic) -> None:
        self._progress = Progress(session)
        self._meters = Meters(type(job.model).__name__, type(job.strategy).__name__)
        self._lock = threading.Lock()
        self._ended = [carried]
        self._so_far: dict[int, Traffic] = {}  # by rank

    def so_far(self, rank: int, traffic: Traffic) -> None:
        """The worker goes on, and has sent so much."""
        with self._lock:
            self._so_far[rank] = traffic
        self._meters.show(self.status())

    def lost(self, rank: int) -> None:
        """The worker's process is dead: what it has reported stays, beside what the next one will, and is in the next
        checkpoint. Called with the council's lock.
        """
        with self._lock:
            found = self._so_far.pop(rank, None)
        if found is not None:
            self._ended[0].merge(found)

    def end(self, rank: int, traffic: Traffic) -> None:
        """The worker is no longer there, and has sent so much."""
        with self._lock:
            self._so_far.pop(rank, None)
            self._ended.append(traffic)

    def status(self) -> Status:
        """How far the run is."""
        with self._lock:
            return self._progress.status([*self._ended, *self._so_far.values()])

    def total(self) -> Traffic:
        """After all workers have ended."""
        return sum(self._ended, Traffic())
