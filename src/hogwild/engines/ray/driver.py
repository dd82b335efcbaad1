"""The process that called train(): it starts the actors of a run, calls the callbacks, and ends all."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Any, final

import ray

from hogwild.engines.ray.conductor import FURTHER_THREADS, Conductor
from hogwild.engines.ray.deputy import Deputy
from hogwild.engines.waits import Failed
from hogwild.history import Record
from hogwild.interfaces import Job, Result


@final
class Driver:
    """The actors of one run; leaving the context ends them."""

    def __init__(self, job: Job, size: int, shards: int) -> None:
        self._job = job
        self._raised: BaseException | None = None  # by a callback
        common = ray.put(replace(job, callbacks=(_unheard,) if job.callbacks else ()))
        threads = 2 * size + FURTHER_THREADS
        self._conductor: Any = ray.remote(num_cpus=0, max_concurrency=threads)(Conductor).remote(common, size, shards)
        actor = ray.remote(num_cpus=0, concurrency_groups={"mail": 1})(Deputy)
        self._deputies: list[Any] = [actor.remote(rank, size, common, self._conductor) for rank in range(size)]

    def __enter__(self) -> Driver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in (*self._deputies, self._conductor):
            ray.kill(actor)

    def result(self) -> Result:
        """Run to the end."""
        interrupts = 0
        running: list[Any] | None = None
        while True:
            try:
                if running is None:
                    ray.get(self._conductor.know.remote(self._deputies))
                    running = [deputy.drive.remote() for deputy in self._deputies]
                self._watch(running)
                return self._end(self._watch([self._conductor.result.remote()])[0])
            except KeyboardInterrupt:
                interrupts += 1
                ray.get(self._conductor.interrupt.remote(now=interrupts > 1))

    def _watch(self, running: list[Any]) -> list[Any]:
        """Call the callbacks until these have ended; what they return."""
        left, news = list(running), self._conductor.news.remote()
        while left:
            ready, _ = ray.wait([news, *left], num_returns=1)
            if ready[0] is news or ready[0] == news:
                self._conductor.heard.remote(self._call(ray.get(news)))
                news = self._conductor.news.remote()
            else:
                left = [each for each in left if each not in ready]
                ray.get(ready)
        return ray.get(running)

    def _call(self, record: Record) -> BaseException | None:
        try:
            for callback in self._job.callbacks:
                callback(record)
        except BaseException as error:
            self._raised = error
            return (
                KeyboardInterrupt() if isinstance(error, KeyboardInterrupt) else RuntimeError("a callback has failed")
            )
        return None

    def _end(self, found: Result | Failed) -> Result:
        if isinstance(found, Failed):
            raise found.error
        return replace(found, model=self._job.model, params=found.params.copy())


def _unheard(record: Record) -> None:
    """In the place of callbacks, which stay here: says that there are some."""
