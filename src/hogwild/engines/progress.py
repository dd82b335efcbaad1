"""How far a run is, for those who watch it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import final

from hogwild.engines.session import Session
from hogwild.interfaces import Callback
from hogwild.watching import EVERY_S, AbstractObserver, Status


@final
class Progress:
    """Of one run."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def status(self) -> Status:
        """Now. From any thread, while others go on: numbers may be of slightly different moments."""
        session, supply, traffic = self._session, self._session.supply, self._session.course.traffic
        moment, records = supply.moment, session.history.records
        objectives = [record.objective for record in records if record.objective is not None]
        stale = [
            pair for part in traffic for pair in dict.copy(part.staleness).items()
        ]  # which others change meanwhile
        faults = [part.faults for part in traffic if part.faults is not None]
        return Status(
            session.elapsed_s,
            moment.epoch - session.budget.before + 1,
            supply.share_handed_out,
            moment.done,
            objectives[-1] if objectives else None,
            sum(part.sent_bytes for part in traffic),
            sum(behind * count for behind, count in stale) / sum(count for _, count in stale) if stale else None,
            len(session.members.in_rounds),
            session.size,
            sum(fault.workers_joined for fault in faults),
        )


@final
class Watching:
    """Tells the observers among the callbacks, now and then. `status` finds out what there is to tell."""

    def __init__(self, callbacks: Sequence[Callback], status: Callable[[], Status], clock: Callable[[], float]) -> None:
        self._observers = [each for each in callbacks if isinstance(each, AbstractObserver)]
        self._status, self._clock, self._next_s = status, clock, clock() + EVERY_S

    @property
    def wanted(self) -> bool:
        """Is there anybody to tell?"""
        return bool(self._observers)

    def look(self) -> None:
        """Tell them, if it is time to. Raises what they raise."""
        if self._observers and self._clock() >= self._next_s:
            self._next_s = math.inf  # nobody is told again who has raised something
            status = self._status()
            for observer in self._observers:
                observer.status(status)
            self._next_s = self._clock() + EVERY_S
