"""The process that called train(): it gathers the actors of a run, calls the callbacks, and takes the result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import ray

from hogwild.engines.ray.cast import Cast
from hogwild.engines.ray.errors import Failure, check_sent
from hogwild.engines.ray.terms import ActorLost
from hogwild.history import Record
from hogwild.interfaces import Job, Result

START_S = 120.0  # more than it takes to start processes on a busy machine, unless no core is free


@final
class Driver:
    """One run of a job by these actors."""

    def __init__(self, job: Job, cast: Cast) -> None:
        self._job = job
        self._raised: Exception | None = None  # by a callback
        self._cast = cast
        self._running: list[Any] = []
        self._ending: Any = None
        self._conductor, self._deputies = cast.conductor, cast.deputies
        size = len(self._deputies)
        sent = _sent(replace(job, callbacks=(_unheard,) if job.callbacks else ()))
        ray.get(self._conductor.begin.remote(sent, size, cast.shards, [sent]))
        begun = [each.begin.remote(rank, size, sent, self._conductor) for rank, each in enumerate(self._deputies)]
        self._news = self._conductor.news.remote()
        try:
            ray.get([self._conductor.know.remote(self._deputies), *begun], timeout=START_S)
        except ray.exceptions.GetTimeoutError as error:
            raise RuntimeError(
                f"the cluster has not started {size} workers in {START_S:g} s: use fewer, or wait for free cores"
            ) from error

    def run(self) -> Result:
        """Ctrl-C ends it well; workers that agree on their rounds finish the one they are in. A second one ends it
        now.
        """
        interrupts = 0
        while True:
            try:
                return self._to_the_end()
            except KeyboardInterrupt:
                interrupts += 1
                ray.get(self._conductor.interrupt.remote(now=interrupts > 1))
            except ray.exceptions.RayActorError as error:
                raise ActorLost(f"{self._name(error)} has died, and the run with it: {error}") from error

    def _to_the_end(self) -> Result:
        """Go on where an interruption came."""
        if not self._running:
            self._running = [deputy.drive.remote() for deputy in self._deputies]
        self._watch(self._running)
        if self._ending is None:
            self._ending = self._conductor.result.remote()
        self._watch([self._ending])
        self._cast.at_rest = True
        return self._result(ray.get(self._ending))

    def _name(self, error: ray.exceptions.RayActorError) -> str:
        """Who has died."""
        for rank, deputy in enumerate(self._deputies):
            if deputy._actor_id.hex() == error.actor_id:
                return f"worker {rank} of {len(self._deputies)}"
        for number, shard in enumerate(self._cast.shards):
            if shard._actor_id.hex() == error.actor_id:
                return f"shard {number} of {len(self._cast.shards)}"
        return "the conductor of the workers"

    def _watch(self, running: list[Any]) -> None:
        """Call the callbacks until these have ended."""
        left = list(running)
        while left:
            ready, _ = ray.wait([self._news, *left], num_returns=1)
            if ready != [self._news]:
                left.remove(*ready)
                ray.get(ready)
            elif (record := ray.get(self._news)) is not None:
                ray.get(self._conductor.heard.remote(self._call(record)))
                self._news = self._conductor.news.remote()
            else:
                ray.get(left)
                break

    def _call(self, record: Record) -> BaseException | None:
        """What the callbacks raise stays here, where they are; the conductor is told that there is something."""
        try:
            for callback in self._job.callbacks:
                callback(record)
        except KeyboardInterrupt:
            return KeyboardInterrupt()
        except Exception as error:
            self._raised = error
            return RuntimeError("a callback has failed")
        return None

    def _result(self, found: Result | Failure) -> Result:
        if isinstance(found, Result):
            # What came through the object store cannot be written.
            return replace(found, model=self._job.model, params=found.params.copy())
        if self._raised is None:
            raise found.again()
        for note in getattr(found.error, "__notes__", ()):
            self._raised.add_note(note)
        raise self._raised


def _sent(job: Job) -> Any:
    """What all actors are told of the job. TypeError that names what cannot be sent."""
    try:
        return ray.put(job)
    except TypeError:
        check_sent(strategy=job.strategy, model=job.model)
        raise


def _unheard(record: Record) -> None:
    """In the place of callbacks, which stay with the driver: says that there are some."""
