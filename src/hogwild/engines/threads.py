"""Workers are threads of this process, and share its memory. Kernels release the GIL, so they really run at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Coroutine
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from hogwild.engines.session import Session
from hogwild.interfaces import (
    AbstractEngine,
    AbstractStrategy,
    Job,
    NextRound,
    Request,
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
        crew: list[_Member] = []
        complete = False
        try:
            for rank, seed in enumerate(seeds):
                worker = Worker(rank, self.size, np.random.default_rng(seed), session.params)
                crew.append(_Member(job.strategy, session, worker))
                crew[-1].thread.start()
            complete = True
            _wait(crew)
        except BaseException as error:
            session.interrupt(complete=complete)
            _wait_whatever_comes(crew)
            if not isinstance(error, KeyboardInterrupt):
                raise
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


@final
class _Member:
    """A worker's thread, and the event that says that its program has ended."""

    def __init__(self, strategy: AbstractStrategy, session: Session, worker: Worker) -> None:
        self.ended = threading.Event()
        arguments = (strategy, session, worker, self.ended)
        self.thread = threading.Thread(target=_drive, args=arguments, name=f"hogwild-{worker.rank}")


def _wait(crew: list[_Member]) -> None:
    """Until all workers have ended. The main thread does nothing else, so that Ctrl-C reaches it at once.

    Not with Thread.join: interrupted, it takes a running thread for one that has ended (Python 3.11 and 3.12).
    """
    for member in crew:
        # With a time-out, because not every way to interrupt a program wakes a thread that waits for good.
        while not member.ended.wait(0.1):
            pass
    for member in crew:
        member.thread.join()


def _wait_whatever_comes(crew: list[_Member]) -> None:
    """Workers have been told to stop, and do within milliseconds: an impatient second Ctrl-C must not lose them."""
    while True:
        try:
            if crew and not crew[-1].thread.is_alive() and not crew[-1].ended.wait(1.0):
                crew.pop()  # could not be started; one that was interrupted while it started has ended by now
            return _wait(crew)
        except KeyboardInterrupt:
            continue


def _drive(strategy: AbstractStrategy, session: Session, worker: Worker, end: threading.Event) -> None:
    """Run one worker's coroutine and answer its requests, in this thread."""
    rounds = 0
    try:
        program, answer = strategy.work(worker), None
        if not isinstance(program, Coroutine):
            raise TypeError(f"{type(strategy).__name__}.work must be an async def, not return {program!r}")
        with closing(program):
            while True:
                try:
                    request: Request = program.send(answer)
                except StopIteration:
                    break
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
        session.leave()
    except BaseException as error:
        session.fail(worker.rank, rounds, error)
    finally:
        end.set()


def _misuse(request: Any) -> TypeError:
    return TypeError(f"a strategy may only await a worker's requests, not {request!r}")
