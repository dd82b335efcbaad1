"""Workers are threads of this process, and share its memory. Kernels release the GIL, so they really run at once."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import ClassVar, final

from hogwild.engines.checks import check_job
from hogwild.engines.crew import Crew
from hogwild.engines.keeper import keeper_of
from hogwild.engines.progress import Progress, Watching
from hogwild.engines.session import Session
from hogwild.interfaces import AbstractEngine, Job, Result
from hogwild.limits import check_whole, is_whole


def available_cores() -> int:
    """Cores that this process may use (its affinity mask, where the system has one)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@final
@dataclass(frozen=True)
class Threads(AbstractEngine):
    """One OS thread a worker, on this machine. Nothing to install or start.

    workers : how many; -1 (default) for one a core, -2 for all cores but one, as scikit-learn's n_jobs.
    shards :  into how many parts the parameter server cuts the weights, for strategies that have one.

    Ctrl-C ends training at once and keeps the best model so far: `Result.reason` is then "interrupted". An error in
    any worker stops all and is raised here; workers that wait for each other for ever raise `Deadlock`.
    """

    workers: int = -1
    shards: int = 1
    can: ClassVar[frozenset[str]] = frozenset({"server", "share", "turns"})

    def __post_init__(self) -> None:
        if not is_whole(self.workers) or self.workers == 0:
            raise ValueError(f"workers={self.workers!r} must be a positive number, or -1 for one a core")
        check_whole("shards", self.shards)

    @property
    def size(self) -> int:
        return int(self.workers) if self.workers > 0 else max(1, available_cores() + 1 + int(self.workers))

    def run(self, job: Job) -> Result:
        """Run the strategy on every worker; Unsupported if it cannot run here."""
        check_job(job, self)
        session = Session(job, self.size, time.perf_counter, keeper=keeper_of(job, time.perf_counter))
        crew = Crew(session, job.strategy, int(self.shards))
        session.history.traffic = crew.traffic
        session.course.sent = lambda: [crew.traffic]
        watching = Watching(job.callbacks, Progress(session).status, time.perf_counter)
        try:
            crew.start()
            crew.wait(watching.look)
        except BaseException as error:
            crew.interrupt()
            crew.wait_whatever_comes()
            if not isinstance(error, KeyboardInterrupt):
                raise
        return session.result()
