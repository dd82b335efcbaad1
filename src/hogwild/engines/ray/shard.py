"""The actor of one shard of the parameter server. Workers talk to it directly.

It never makes a caller wait: a pull that cannot be answered yet is answered with None, and asked for again when the
conductor, whom it tells, has woken the worker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, ClassVar, final

from hogwild.answers import Stamp
from hogwild.deltas import Vector
from hogwild.engines.calls import Call
from hogwild.engines.desk import Desk
from hogwild.engines.keeper import shard_file
from hogwild.engines.line import Value
from hogwild.engines.ray.groups import in_group
from hogwild.engines.ray.keeping import Kept
from hogwild.engines.ray.terms import Key, Range
from hogwild.engines.servers import NO_KEYS
from hogwild.interfaces import Job
from hogwild.kernels.updates import compiled
from hogwild.server import OpPart, PullPart, PushPart, Shard
from hogwild.snapshots.folder import Written
from hogwild.snapshots.parts import Part


@final
class ShardHost:
    """What is applied is applied under a lock: each push once, and a pull is of one moment. Messages and answers travel
    as plain tuples, which are packed several times as fast as named ones; messages end with the worker's number.
    """

    # Threads: what one worker sends is unpacked while another's is applied.
    groups: ClassVar = {"pushes": 2, "pulls": 2, "disk": 1}

    def begin(self, terms: Range, job: Job | None) -> None:
        """Another run. An actor may have several, one after another. `job`: only if its penalty is paid here."""
        span, weights, rule = terms.span, terms.weights, terms.rule
        prox = None if job is None else job.model.bind(job.examples, terms.survey).prox
        move = compiled(rule, weights.dtype)
        shard = Shard(span, weights, rule, prox, accrue=True, move=move, scales=terms.scales, workers=terms.size)
        if terms.saved is not None:
            shard.restore(terms.saved.part(shard_file(span.shard)).arrays)
            shard.begin_anew()
        self._kept = Kept(shard_file(span.shard))
        self._live: set[int] = set(range(terms.size))
        self._desk = Desk(shard, self._live, _answer)
        self._run, self._number, self._conductor = terms.run, span.shard, terms.conductor
        self._plain = rule.pushes.is_plain
        self._lock = threading.Lock()
        self._later: dict[Key, Call] = {}  # pulls that could not be answered at once
        self._ready: dict[Key, Any] = {}  # and their answers, until they are fetched

    @in_group("pushes")
    def push(self, message: tuple[Any, ...]) -> tuple[Any, ...]:
        """Apply it, and answer pulls that have waited for it. Answers an `Applied`."""
        part = PushPart._make(message[:-1])
        if part.values is not None and not (part.portion is None and self._plain):
            # What came through the object store stays there as long as it is kept here.
            part = part._replace(values=part.values.copy(), keys=None if part.keys is None else part.keys.copy())
        applied: tuple[Any, ...] = self._at_once(self._desk.push, part)
        return tuple(applied)

    @in_group("pulls")
    def pull(self, message: tuple[Any, ...]) -> tuple[Vector, tuple[Any, ...]] | None:
        """The values and the `Stamp` of a `Pulled`; None if it must wait: the conductor is told when it may be fetched
        under the worker's number for it.
        """
        part, number, found = PullPart._make(message[:-1]), message[-1], list[Any]()
        with self._lock:
            call = Call(part.worker, None, found.append, 1)
            self._desk.pull(part, call)
            if found:
                return _plain(found[0])
            key = part.worker, number
            self._later[key] = call
            call.reply = partial(self._answered, key)
        return None

    @in_group("pulls")
    def fetch(self, key: Key) -> tuple[Vector, tuple[Any, ...]]:
        """The answer to a pull that has waited; what it waits for is given up if there is none."""
        with self._lock:
            call = self._later.pop(key)
            if key not in self._ready:
                found = list[Any]()
                call.reply = found.append
                self._desk.release(next(pull for pull in self._desk.waiting if pull.call is call))
                return _plain(found[0])
            return _plain(self._ready.pop(key))

    @in_group("pushes")
    def operate(self, message: tuple[Any, ...]) -> Value:
        """Do it; its error is an answer, too."""
        value: Value = self._at_once(self._desk.operate, OpPart._make(message[:-1]))
        return value

    def _at_once(self, act: Callable[[Any, Call], None], part: Any) -> Any:
        found = list[Any]()
        with self._lock:
            act(part, Call(0, None, found.append, 1))
        return found[0]

    def _answered(self, key: Key, answer: Any) -> None:
        """A pull that has waited has an answer now."""
        self._ready[key] = answer
        self._tell(key)

    def _tell(self, key: Key) -> None:
        self._conductor.ready.remote(self._run, self._number, key)

    # ------------------------------------------------------------------------------------- what the conductor asks

    def remind(self, key: Key) -> None:
        """The conductor knows only now that this pull waits: tell it again if it does not any more."""
        with self._lock:
            if key in self._ready:
                self._tell(key)

    def left(self, live: Collection[int]) -> None:
        """Only these workers are still in rounds: the clocks of others are no longer waited for."""
        with self._lock:
            self._live &= set(live)
            self._desk.left()

    def drop(self, rank: int) -> None:
        """The worker is dead: what it waits for nobody wants to hear."""
        with self._lock:
            self._desk.waiting.drop(rank)
            for waiting in (self._later, self._ready):
                for key in [key for key in waiting if key[0] == rank]:
                    del waiting[key]

    def clock(self, rank: int) -> int:
        """How many pushes of this worker were applied."""
        with self._lock:
            return self._desk.shard.clock(rank)

    def admit(self, rank: int, clock: int) -> Stamp:
        """Another process takes the place of a dead one: see `Shard.admit`. What it finds here."""
        with self._lock:
            shard = self._desk.shard
            self._live.add(rank)
            shard.admit(rank, clock)
            return shard.pull(NO_KEYS, rank).stamp

    def answered(self, live: Collection[int]) -> list[Key]:
        """Which pulls that have waited need wait no longer, with these workers in rounds?"""
        self.left(live)
        with self._lock:
            return list(self._ready)

    def keep(self) -> None:
        """For a checkpoint, of all that the shard is."""
        with self._lock:
            self._kept.keep(Part({}, self._desk.shard.snapshot()))

    @in_group("disk")
    def write(self, place: str, number: int) -> Written | str:
        """See `Kept.write`."""
        return self._kept.write(place, number)

    def weights(self) -> Vector:
        """As they are now."""
        with self._lock:
            return self._desk.shard.weights.copy()


def _answer(call: Call, part: Any, answer: Any) -> None:
    call.reply(answer)


def _plain(pulled: Any) -> tuple[Vector, tuple[Any, ...]]:
    return pulled.values, tuple(pulled.stamp)
