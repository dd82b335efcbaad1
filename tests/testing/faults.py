"""Engines that break one promise each: an engine of ours, with something between it and the workers."""

import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, final

from hogwild import Threads
from hogwild.interfaces import AbstractEngine, AbstractStrategy, Job, Result, Worker

Fault = Callable[[Worker, Any, Any], Any]  # (worker, request, the right answer) -> the wrong one


def lying(strategy: AbstractStrategy, fault: Fault) -> AbstractStrategy:
    """The strategy, whose workers are told something else than what the engine answers."""

    @types.coroutine
    def work(self: object, me: Worker):
        program, answer = strategy.work(me), None
        while True:
            try:
                request = program.send(answer)
            except StopIteration:
                return
            answer = yield request
            answer = fault(me, request, answer)

    async def coroutine(self: object, me: Worker) -> None:
        await work(self, me)

    kept = {name: getattr(strategy, name) for name in ("agree", "needs", "server", "answer", "most_workers")}
    return type(type(strategy).__name__, (AbstractStrategy,), {**kept, "work": coroutine})()


@final
@dataclass(frozen=True)
class Faulty(AbstractEngine):
    """`Threads`, but jobs, answers or results are tampered with."""

    workers: int
    job: Callable[[Job], Job] = lambda job: job
    fault: Fault | None = None
    result: Callable[[Result], Result] = lambda result: result
    can: frozenset[str] = Threads.can

    @property
    def size(self) -> int:
        return Threads(self.workers).size

    def run(self, job: Job) -> Result:
        job = self.job(job)
        if self.fault is not None:
            job = replace(job, strategy=lying(job.strategy, self.fault))
        return self.result(Threads(self.workers).run(job))
