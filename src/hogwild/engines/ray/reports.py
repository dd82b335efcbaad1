"""What the conductor knows of what workers send among themselves and to shards: they report it now and then."""

from __future__ import annotations

import threading
from typing import final

from hogwild.engines.progress import Progress
from hogwild.engines.ray.away import Away
from hogwild.engines.ray.meters import Meters
from hogwild.engines.ray.pushes import count
from hogwild.engines.ray.terms import Sent
from hogwild.engines.session import Session
from hogwild.interfaces import Job
from hogwild.server.seen import Life
from hogwild.traffic import Traffic
from hogwild.watching import Status


@final
class Reports:
    """Of one run. Methods may be called from any thread. `carried`: what goes through the conductor itself.

    Of a process that was killed counts what it has reported last.
    """

    def __init__(self, session: Session, job: Job, carried: Traffic) -> None:
        self._session, self._progress = session, Progress(session)
        self._meters = Meters(type(job.model).__name__, type(job.strategy).__name__)
        self._lock = threading.Lock()
        self._carried = carried
        self._ended: dict[Life, Sent] = {}
        self._killed: dict[Life, Sent] = {}
        session.course.sent = self.sent
        self._so_far: dict[int, Sent] = {}  # by rank

    def so_far(self, rank: int, sent: Sent) -> None:
        """The worker goes on, and has sent so much."""
        with self._lock:
            if (rank, sent.life) not in self._killed:  # it may be heard late
                self._so_far[rank] = sent
        self._meters.show(self.status())

    def lost(self, rank: int) -> None:
        """The worker's process is dead: what it has reported stays, beside what the next one will, and is in the next
        checkpoint. Called with the council's lock.
        """
        with self._lock:
            found = self._so_far.pop(rank, None)
        if found is not None:
            self._killed[rank, found.life] = found
            self._carried.merge(found.traffic)

    def end(self, rank: int, sent: Sent) -> None:
        """The worker is no longer there, and has sent so much."""
        with self._lock:
            self._so_far.pop(rank, None)
            self._ended[rank, sent.life] = sent

    def status(self) -> Status:
        """How far the run is."""
        return self._progress.status()

    def sent(self) -> list[Traffic]:
        """What was sent so far, in parts."""
        with self._lock:
            return [self._carried, *(sent.traffic for sent in (*self._ended.values(), *self._so_far.values()))]

    def total(self, server: Away | None) -> Traffic:
        """After all workers have ended. If something went wrong the pushes are counted; ActorLost if a shard cannot be
        asked any more.
        """
        faults = self._carried.faults
        if faults is not None and server is not None and not self._session.error:
            killed = self._killed | {(rank, sent.life): sent for rank, sent in self._so_far.items()}
            count(faults, self._ended, killed, server.counted())
        return sum(self.sent(), Traffic())
