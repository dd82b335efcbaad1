"""The actor of one shard of the parameter server. Workers talk to it directly.

It never makes a caller wait: a pull that cannot be answered yet is answered with None, and asked for again when the
conductor, whom it tells, has woken the worker. Where shards have copies, such an actor leads a shard or has its copy.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, ClassVar, TypeVar, final

import numpy as np
import ray
from numpy.typing import NDArray

from hogwild.answers import Stamp
from hogwild.deltas import Vector
from hogwild.engines.calls import Call
from hogwild.engines.desk import Desk
from hogwild.engines.keeper import shard_file
from hogwild.engines.line import Value
from hogwild.engines.ray.groups import PULSE, in_group
from hogwild.engines.ray.keeping import Kept
from hogwild.engines.ray.reaching import WORKERS
from hogwild.engines.ray.relay import COMPLETE, Relay
from hogwild.engines.ray.resting import AbstractActor
from hogwild.engines.ray.stream import Following
from hogwild.engines.ray.terms import Counted, Key, Range, Reign
from hogwild.engines.ray.wiring import MOST_BYTES, Socket, Sockets, most_bytes
from hogwild.engines.servers import NO_KEYS
from hogwild.interfaces import Job
from hogwild.kernels.updates import compiled
from hogwild.server import OpPart, PullPart, PushPart, Shard
from hogwild.snapshots.folder import Written
from hogwild.snapshots.parts import Part

Found = TypeVar("Found")


@final
class ShardHost(AbstractActor):
    """What is applied is applied under a lock: each push once, and a pull is of one moment. Messages and answers travel
    as plain tuples, which are packed several times as fast as named ones; messages end with the worker's number.
    """

    # Threads: what one worker sends is unpacked while another's is applied. Where shards have copies, threads wait for
    # them, and what came meanwhile is handed on together.
    groups: ClassVar = {"pushes": 2, "pulls": 2, "copies": 2, "wires": 1, "disk": 1, PULSE: 1}
    backed_groups: ClassVar = {**groups, "pushes": 8, "pulls": 8}

    def __init__(self) -> None:
        self._sockets = Sockets()
        self._relay: Relay | None = None

    def begin(self, terms: Range, job: Job | None, backup: Any = None, following: Following | None = None) -> str:
        """A run. `job`: only if its penalty is paid here. Answers the node that it is on.

        backup :    the actor that has the copy, if there are copies and this one leads
        following : if this one has the copy
        """
        span, weights, rule = terms.span, terms.weights, terms.rule
        prox = None if job is None else job.model.bind(job.examples, terms.survey).prox
        move = compiled(rule, weights.dtype)
        shard = Shard(span, weights, rule, prox, accrue=True, move=move, scales=terms.scales, workers=terms.size)
        if terms.saved is not None:
            shard.restore(terms.saved.part(shard_file(span.shard)).arrays)
            shard.begin_anew()
        self._copied = Kept(shard_file(span.shard))
        self._live: set[int] = set(range(terms.size))
        alone = backup is None and following is None
        reply = (lambda call, part, answer: call.reply(answer)) if alone else self._tell_and_answer
        self._desk = Desk(shard, self._live, reply)
        self._reign, self._conductor, self._following = terms.reign, terms.conductor, following
        self._plain = rule.pushes.is_plain
        self._lock = threading.Lock()
        self._relay = None if backup is None else Relay(self._lock, terms.reign, terms.conductor, backup)
        self._later: dict[Key, Call] = {}  # pulls that could not be answered at once
        self._ready: dict[Key, Any] = {}  # and their answers, until they are fetched
        return self.node()

    def end(self) -> None:
        """See `AbstractActor`."""
        self._sockets.close()
        if self._relay is not None:
            self._relay.close()

    @in_group("pushes")
    def push(self, message: tuple[Any, ...]) -> tuple[Any, ...]:
        """Apply it, and answer pulls that have waited for it. Answers an `Applied`."""
        return tuple(self._at_once(self._desk.push, self._kept(message[:-1])))

    @in_group("wires")
    def wire(self, run: int, name: str) -> Socket | None:
        """A worker wants to be connected, or who leads with its copy: what they ask is answered that way, too."""
        reign, weights = self._reign, self._desk.shard.weights
        if run != reign.run:
            return None

        def answer(method: str, arguments: tuple[Any, ...]) -> Any:
            if reign[:2] != self._reign[:2] or method not in (*WORKERS, "follow"):
                raise RuntimeError(f"{method!r} is not asked for in run {self._reign.run}")
            if method == "pull" and weights.nbytes > MOST_BYTES and PullPart._make(arguments[0][:-1]).keys is None:
                raise RuntimeError("the answer would be too large: the actor gives it")
            return getattr(self, method)(*arguments)

        return self._sockets.open(name, most_bytes(weights.size, weights.itemsize), answer)

    def _kept(self, message: tuple[Any, ...]) -> PushPart:
        """What came through the object store stays there as long as it is kept here."""
        part = PushPart._make(message)
        if part.values is None or (part.portion is None and self._plain):
            return part
        return part._replace(values=part.values.copy(), keys=None if part.keys is None else part.keys.copy())

    @in_group("pulls")
    def pull(self, message: tuple[Any, ...]) -> tuple[Vector, tuple[Any, ...]] | None:
        """The values and the `Stamp` of a `Pulled`; None if it must wait: the conductor is told when it may be fetched
        under the worker's number for it.
        """
        part, number, found = PullPart._make(message[:-1]), message[-1], list[Any]()
        with self._lock:
            call = Call(part.worker, None, found.append, 1)
            self._desk.pull(part, call)
            if not found:
                key = part.worker, number
                self._later[key] = call
                call.reply = partial(self._answered, key)
                return None
            mark = self._mark()
        self._settle(mark)
        return _plain(found[0])

    @in_group("pulls")
    def fetch(self, key: Key) -> tuple[Vector, tuple[Any, ...]] | None:
        """The answer to a pull that has waited; what it waits for is given up if there is none. None: it was another
        process that was asked.
        """
        with self._lock:
            call = self._later.pop(key, None)
            if call is None:
                return None
            if key not in self._ready:
                call.reply = partial(self._ready.__setitem__, key)
                self._desk.release(next(pull for pull in self._desk.waiting if pull.call is call))
            found, mark = self._ready.pop(key), self._mark()
        self._settle(mark)
        return _plain(found)

    @in_group("pushes")
    def operate(self, message: tuple[Any, ...]) -> Value:
        """Do it; its error is an answer, too."""
        return self._at_once(self._desk.operate, OpPart._make(message[:-1]))

    def _at_once(self, act: Callable[[Any, Call], None], part: Any) -> Any:
        found = list[Any]()
        self._safe(lambda: act(part, Call(0, None, found.append, 1)))
        return found[0]

    def _safe(self, read: Callable[[], Found]) -> Found:
        """What is read, of one moment, when the copy knows all that it is made of."""
        with self._lock:
            found, mark = read(), self._mark()
        self._settle(mark)
        return found

    def _answered(self, key: Key, answer: Any) -> None:
        """A pull that has waited has an answer now."""
        if key in self._later:  # it may have been asked twice, and fetched
            self._ready[key] = answer
            self._tell(key)

    def _tell(self, key: Key) -> None:
        self._conductor.shards.remote(self._reign.run, "ready", self._reign.shard, key)

    # ------------------------------------------------------------------------------------- what the conductor asks

    def remind(self, key: Key) -> None:
        """The conductor knows only now that this pull waits: tell it again if it does not any more, or is not known."""
        with self._lock:
            if key in self._ready or key not in self._later:
                self._tell(key)

    def left(self, live: Collection[int]) -> None:
        """Only these workers are still in rounds: the clocks of others are no longer waited for."""
        with self._lock:
            self._live &= set(live)
            self._desk.left()

    def drop(self, rank: int) -> None:
        """The worker is dead: what it waits for nobody wants to hear."""
        self._sockets.close(rank)
        with self._lock:
            self._desk.waiting.drop(rank)
            for waiting in (self._later, self._ready):
                for key in [key for key in waiting if key[0] == rank]:
                    del waiting[key]

    def clock(self, rank: int) -> int:
        """How many pushes of this worker were applied."""
        return self._safe(lambda: self._desk.shard.clock(rank))

    def admit(self, rank: int, clock: int) -> Stamp:
        """Another process takes the place of a dead one: see `Shard.admit`. What it finds here."""
        with self._lock:
            self._live.add(rank)
            found = self._admitted(rank, clock)
            if self._relay is not None:
                self._relay.tell(("admit", rank, clock))
            mark = self._mark()
        self._settle(mark)
        return found

    def _admitted(self, rank: int, clock: int) -> Stamp:
        shard = self._desk.shard
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
            self._copied.keep(Part({}, self._desk.shard.snapshot()))

    @in_group("disk")
    def write(self, place: str, number: int) -> Written | str:
        """See `Kept.write`."""
        return self._copied.write(place, number)

    def counted(self) -> Counted:
        """What it has applied, and the numbers of it."""
        shard = self._desk.shard
        return self._safe(lambda: Counted(shard.version, shard.numbers()))

    def weights(self) -> Vector:
        """As they are now."""
        return self._safe(lambda: self._desk.shard.weights.copy())

    @in_group("copies")
    def node(self) -> str:
        """Where it is."""
        return str(ray.get_runtime_context().get_node_id())

    @property
    def role(self) -> tuple[int, str]:
        """Its shard, and what it is there: it "leads" or, if it could, "follows"; else it "catches up". Lock held."""
        following = self._following
        return self._reign.shard, "leads" if following is None else "follows" if following.complete else "catches up"

    # ------------------------------------------------------------------------------------------ the actor that leads

    def _mark(self) -> int:
        """What is answered now may depend on so many messages to the copy. Lock held."""
        return 0 if self._relay is None else self._relay.told

    def _settle(self, mark: int) -> None:
        if self._relay is not None:
            self._relay.settle(mark)

    def _tell_and_answer(self, call: Call, part: Any, answer: Any) -> None:
        """What has changed the shard, or what it remembers, the copy must hear of."""
        relay = self._relay
        assert relay is not None  # nobody asks a copy
        if isinstance(part, PushPart):
            relay.tell(("push", *part), part.n_bytes)
        elif isinstance(part, OpPart):
            if answer.error is None:
                relay.tell(("operate", *part), part.n_bytes)
        elif self._desk.shard.remembers_pulls:
            relay.tell(("pull", part.keys, part.worker), part.n_bytes)
        call.reply(answer)

    @in_group("copies")
    def bring(self, reign: Reign, number: int, copy: Any) -> None:
        """Another copy: send this actor, which has begun, what the shard is, and what happens to it meanwhile."""
        with self._lock:
            relay = self._relay
            if relay is None or reign != self._reign:
                return
            snapshot = self._desk.shard.snapshot()
            relay.begin(number, copy, snapshot)
        relay.bring(number, snapshot)

    # -------------------------------------------------------------------------------------- the actor with the copy

    @in_group("copies")
    def hear(self, told: bytes) -> bool:
        """`follow`, of what Ray takes longer to pack. Not for connections, by which anybody might send a pickle."""
        return self.follow(*pickle.loads(told))

    @in_group("copies")
    def follow(self, reign: tuple[Any, ...], first: int, messages: list[tuple[Any, ...]]) -> bool:
        """In this reign that has happened, from the message of this number on. False: this actor obeys another."""
        with self._lock:
            if self._following is None or reign != self._reign:
                return False
            for message in self._following.new(first, messages):
                self._repeat(*message)
        return True

    def _repeat(self, what: str, *about: Any) -> None:
        shard, following = self._desk.shard, self._following
        assert following is not None
        match what:
            case "push":
                shard.push(self._kept(about))
            case "operate":
                _, op, sender = about
                shard.operate(op, sender)
            case "pull":  # its weights are the same here
                keys, worker = about
                shard.pull(keys, worker)
            case "admit":
                self._admitted(*about)
            case _:
                assert what == COMPLETE
                following.complete = True

    @in_group("copies")
    def restore(self, reign: Reign, known: int, snapshot: dict[str, NDArray[np.generic]]) -> None:
        """The shard was this, after so many messages."""
        with self._lock:
            if self._following is not None and reign == self._reign:
                self._desk.shard.restore(snapshot)
                self._following = Following(known, complete=False)

    @in_group("copies")
    def lead(self, reign: Reign) -> bool:
        """The process that led the shard is dead: this actor does, from now on. False if it does not know enough, or
        has begun another run since.
        """
        with self._lock:
            knows = self._following is None or self._following.complete
            if reign._replace(life=self._reign.life) != self._reign or not knows:
                return False
            self._following, self._reign = None, reign
            self._relay = Relay(self._lock, reign, self._conductor, None)
            return True


def _plain(pulled: Any) -> tuple[Vector, tuple[Any, ...]]:
    return pulled.values, tuple(pulled.stamp)
