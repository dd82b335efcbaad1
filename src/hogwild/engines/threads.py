"""Workers are threads of this process, and share its memory. Kernels release the GIL, so they really run at once."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from hogwild.engines.session import Session
from hogwild.interfaces import (
    AbstractEngine,
    AbstractStrategy,
    Job,
    NextRound,
    Result,
    Round,
    Share,
    Steps,
    Unsupported,
    Worker,
)


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

    Ctrl-C ends training at once and keeps the best model so far: `Result.reason` is then "interrupted". An error in
    any worker stops all and is raised here.
    """

    workers: int = -1
    can: ClassVar[frozenset[str]] = frozenset({"share"})

    def __post_init__(self) -> None:
        if self.workers == 0 or not isinstance(self.workers, int | np.integer):
            raise ValueError(f"workers={self.workers!r} must be a positive number, or -1 for one a core")

    @property
    def size(self) -> int:
        return int(self.workers) if self.workers > 0 else max(1, available_cores() + 1 + int(self.workers))

    def run(self, job: Job) -> Result:
        """Run the strategy on every worker; Unsupported if it cannot run here."""
        self._check(job.strategy)
        session = Session(job, self.size)
        seeds = np.random.SeedSequence(job.seed).spawn(self.size)
        threads = [
            threading.Thread(
                target=_drive,
                args=(job.strategy, session, Worker(rank, self.size, np.random.default_rng(seed), session.params)),
                name=f"hogwild-{rank}",
            )
            for rank, seed in enumerate(seeds)
        ]
        try:
            for thread in threads:
                thread.start()
            _wait(threads)
        except KeyboardInterrupt:
            session.interrupt()
            _wait([thread for thread in threads if thread.ident is not None])
        return session.result()

    def _check(self, strategy: AbstractStrategy) -> None:
        name = type(strategy).__name__
        if missing := strategy.needs - self.can:
            raise Unsupported(f"{name} needs {', '.join(sorted(missing))}, which threads cannot do")
        if strategy.most_workers is not None and self.size > strategy.most_workers:
            raise Unsupported(
                f"{name} runs on {strategy.most_workers} worker and Threads({self.size}) has {self.size}: "
                f"use Threads({strategy.most_workers}), or Hogwild() to use them all"
            )


def _wait(threads: list[threading.Thread]) -> None:
    """Until all have ended. The main thread does nothing else, so that Ctrl-C reaches it at once."""
    for thread in threads:
        while thread.is_alive():
            # With a time-out, because not every way to interrupt a program wakes a thread that waits for good.
            thread.join(0.1)


def _drive(strategy: AbstractStrategy, session: Session, worker: Worker) -> None:
    """Run one worker's coroutine and answer its requests, in this thread."""
    program, answer, rounds = strategy.work(worker), None, 0
    try:
        while True:
            request = program.send(answer)
            answer = None
            match request:
                case Steps(n, rate):
                    session.steps(worker.rank, n, rate)
                case NextRound():
                    if session.next_round(worker.rank, rounds):
                        answer = Round(rounds, rounds == 0 and session.fresh)
                        rounds += 1
                case Share(how):
                    session.share(worker.rank, how)
                case _:
                    raise _misuse(request)
    except StopIteration:
        session.leave(worker.rank)
    except BaseException as error:
        session.fail(worker.rank, rounds, error)
    finally:
        program.close()


def _misuse(request: Any) -> TypeError:
    return TypeError(f"a strategy may only await a worker's requests, not {request!r}")
