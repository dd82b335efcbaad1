"""The process that called train(): it gathers the actors of a run, calls the callbacks, and takes the result."""

from __future__ import annotations

import time
from dataclasses import replace
from logging import LogRecord
from typing import Any, final

import ray

from hogwild.data.agreement import Common
from hogwild.data.errors import DataError
from hogwild.engines.progress import Watching
from hogwild.engines.ray.away import Hosts, names
from hogwild.engines.ray.cast import Cast
from hogwild.engines.ray.errors import LOST, Failure, check_sent, said
from hogwild.engines.ray.gathering import Gathered, gather
from hogwild.engines.ray.logs import log_again
from hogwild.engines.ray.opening import check, opened
from hogwild.engines.ray.pulse import Pulse
from hogwild.engines.ray.succession import Wanted
from hogwild.engines.ray.terms import ActorLost, ClusterError, Limits
from hogwild.history import Record
from hogwild.interfaces import Job, Result
from hogwild.watching import EVERY_S, Status

START_S = 120.0  # more than it takes to start processes on a busy machine, unless no core is free


@final
class Driver:
    """One run of a job by these actors. It begins with `least` workers, and takes in the others when they are there."""

    def __init__(self, job: Job, cast: Cast, restarts: int, threads: int, pulse: Pulse, least: int) -> None:
        self._job, self._restarts, self._threads, self._pulse = job, restarts, threads, pulse
        self._raised: Exception | None = None  # by a callback
        self._cast, self._conductor = cast, cast.conductor
        self._size, self._least = len(cast.deputies), least
        self._sent = _sent(replace(job, callbacks=(_unheard,) if job.callbacks else ()))
        self._lives = [0] * self._size  # how many processes each worker has had before
        self._driven: dict[Any, int] = {}  # what ends when the program of this worker does
        self._started = False
        self._common: Common | None = None  # of data that the workers open
        self._watching = Watching(job.callbacks, self._status, time.perf_counter)
        self._news: Any = None
        self._wanted: Any = None  # a copy of a shard
        self._ending: Any = None

    def run(self) -> Result:
        """Ctrl-C ends it well; workers that agree on their rounds finish the one they are in. A second one ends it
        now.
        """
        try:
            return self._through_interruptions()
        finally:
            del self._sent  # or the data lie in the object store until somebody collects garbage

    def _through_interruptions(self) -> Result:
        interrupts = 0
        while True:
            try:
                return self._to_the_end()
            except KeyboardInterrupt:
                if not self._started:
                    raise
                interrupts += 1
                ray.get(self._conductor.interrupt.remote(now=interrupts > 1))
            except ray.exceptions.RayActorError as error:
                raise self._lost(error) from error

    def _to_the_end(self) -> Result:
        """Go on where an interruption came."""
        if not self._started:
            self._start()
        self._close()  # an interruption may have come before it
        while self._driven:
            self._watch(*self._driven)
            self._close()
        if self._ending is None:
            self._ending = self._conductor.result.remote()
        while not self._watch(self._ending):
            pass
        while self._news is not None:  # what was logged at the end
            self._hear(ray.get(self._news))
        self._cast.at_rest = True
        return self._result(ray.get(self._ending))

    def _start(self) -> None:
        """All that are there begin, and the programs of all will."""
        conductor = self._conductor
        opening = None
        try:
            if self._job.local is not None:
                opening = opened(self._cast.deputies, self._sent, START_S)
                self._common = opening.common
            sent, hosts = self._sent, self._cast.hosts
            self._start_shards(hosts)
            deputies, absent = self._gather()
            limits = Limits(self._size, self._restarts, self._pulse.patience_s, absent)
            self._run = ray.get(conductor.begin.remote(sent, limits, hosts, [sent], opening))
            begun = [self._begin(rank) for rank in range(self._size) if rank not in absent]
            ray.get([conductor.know.remote(deputies), *begun], timeout=START_S)
        except ray.exceptions.RayTaskError as error:  # in one sentence, and what it says as the cause
            found = error.cause
            if opening is not None and isinstance(found, ValueError) and not isinstance(found, DataError):
                check(self._cast.deputies, opening.common)
            raise Failure(found, str(error)).again() from None
        except ray.exceptions.GetTimeoutError as error:
            raise ClusterError(
                f"the cluster has not started {self._least} workers in {START_S:g} s: use fewer, or wait for free cores"
            ) from error
        self._news = conductor.news.remote("next")
        self._wanted = conductor.shards.remote(self._run, "wanted") if self._cast.hosts.copies else None
        for rank in absent:
            self._lives[rank] = 1  # as if it had died and were to be replaced
            self._begin(rank)
        self._driven = {deputy.drive.remote(): rank for rank, deputy in enumerate(deputies)}
        for rank, deputy in enumerate(deputies):  # not before: who opens its data may give no sign for long
            self._pulse.watch(deputy, self._name(rank))
        self._started = True

    def _gather(self) -> Gathered:
        """Who begins? All, unless fewer are enough."""
        if self._least < self._size:
            self._cast.deputies, absent = gather(self._cast.deputies, self._least, START_S)
            return Gathered(self._cast.deputies, absent)
        return Gathered(self._cast.deputies, frozenset())

    def _start_shards(self, hosts: Hosts) -> None:
        """Their processes are there, and watched, as the conductor waits for them. ClusterError if they do not come."""
        actors = [*hosts.shards, *hosts.copies]
        asked = [actor.__ray_ready__.remote() for actor in actors]
        if asked and ray.wait(asked, num_returns=len(asked), timeout=START_S)[1]:
            raise ClusterError(
                f"the cluster has not started the processes of {len(hosts.shards)} shards in {START_S:g} s: are all of "
                "its hosts well?"
            )
        for actor, name in zip(actors, names(hosts), strict=True):
            self._pulse.watch(actor, name, started=True)

    def _begin(self, rank: int) -> Any:
        deputy = self._cast.deputies[rank]
        sent, life = self._sent, self._lives[rank]
        return deputy.begin.remote(rank, self._size, sent, self._conductor, self._threads, life, self._common)

    def _watch(self, *awaited: Any) -> bool:
        """Wait until one of these has ended, which is looked after, or call the callbacks. Was it one of these?"""
        told = [each for each in (self._wanted, self._news) if each is not None]
        limit_s = EVERY_S if self._watching.wanted else None
        found = ray.wait([*awaited, *told], num_returns=1, timeout=limit_s)[0]
        self._look()
        if not found:
            return False
        ready = found[0]
        if ready == self._news:
            self._hear(ray.get(self._news))
            return False
        if ready == self._wanted:
            self._copy(ray.get(self._wanted))
            return False
        if ready in self._driven:
            self._ended(ready)
        return True

    def _hear(self, news: Record | LogRecord | None) -> None:
        if isinstance(news, LogRecord):
            log_again(news)
        elif news is not None:
            ray.get(self._conductor.news.remote("heard", self._call(news)))
        self._news = None if news is None else self._conductor.news.remote("next")

    def _answer(self, asked: Any) -> Any:
        """What the conductor answers. It may first want others to be done who wait until callbacks have been called."""
        while self._news is not None:
            ready = ray.wait([asked, self._news], num_returns=1)[0]
            if asked in ready:
                break
            self._hear(ray.get(self._news))
        return ray.get(asked)

    def _look(self) -> None:
        """Tell observers how far it is; what they raise ends the run."""
        try:
            self._watching.look()
        except Exception as error:
            self._raised = self._raised or error
            self._answer(self._conductor.raised.remote())

    def _status(self) -> Status:
        found: Status = ray.get(self._conductor.status.remote())
        return found

    # ------------------------------------------------------------------------------------------- who comes and goes

    def _ended(self, driven: Any) -> None:
        """A worker's program has ended, or its process."""
        rank = self._driven[driven]
        deputy = self._cast.deputies[rank]
        try:
            ray.get(driven)
        except LOST as error:
            self._pulse.forget(deputy)
            why = self._pulse.why(deputy, said(error))
            if self._answer(self._conductor.lost.remote(rank, self._lives[rank], why)):
                self._replace(rank)
            else:
                self._cast.go_without({rank})
        del self._driven[driven]

    def _replace(self, rank: int) -> None:
        deputy = self._cast.another(rank)
        ray.get(self._conductor.replace.remote(rank, deputy))
        self._lives[rank] += 1
        self._begin(rank)
        self._driven[deputy.drive.remote()] = rank
        self._pulse.watch(deputy, self._name(rank))

    def _copy(self, wanted: Wanted | None) -> None:
        """Another actor for the copy of a shard; None: there are no more."""
        if wanted is None:
            self._wanted = None
            return
        actor = self._cast.another_copy(wanted.elsewhere)
        self._pulse.watch(actor, f"the copy of shard {wanted.shard} of {len(self._cast.hosts.shards)}")
        self._conductor.shards.remote(self._run, "copy", wanted.shard, actor)
        self._wanted = self._conductor.shards.remote(self._run, "wanted")

    def _close(self) -> None:
        """Those that are still to end may never begin, for lack of room."""
        left = set(self._driven.values())
        if left and all(self._lives[rank] for rank in left):
            missing = self._answer(self._conductor.close.remote())
            if missing:
                self._cast.go_without(missing)
                self._driven = {driven: rank for driven, rank in self._driven.items() if rank not in missing}

    def _name(self, rank: int) -> str:
        return f"worker {rank} of {self._size}"

    def _lost(self, error: ray.exceptions.RayActorError) -> ActorLost:
        """The run ends with this process."""
        who, why = "the conductor of the workers", said(error)
        for rank, deputy in enumerate(self._cast.deputies):
            if deputy._actor_id.hex() == error.actor_id:
                who, why = self._name(rank), self._pulse.why(deputy, why)
        return ActorLost(f"{who} has died, and the run with it: {why}")

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
    """What all actors are told of the job. TypeError that names what cannot be sent; ClusterError without room."""
    try:
        return ray.put(job)
    except (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError) as error:
        raise ClusterError(
            "there is no room for the data, neither in Ray's memory for large objects nor on the disk that it uses "
            f"then: make room, or let each worker open its own part (`Local`): {said(error)}"
        ) from error
    except TypeError:
        check_sent(strategy=job.strategy, model=job.model, data=job.local)
        raise


def _unheard(record: Record) -> None:
    """In the place of callbacks, which stay with the driver: says that there are some."""
