"""The parameter server of a run. Where it is in one process, that has all shards and all workers' ends of the line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import chain
from typing import Any, ClassVar, final

import numpy as np

from hogwild.answers import Versioned
from hogwild.engines.calls import Call
from hogwild.engines.desk import Desk
from hogwild.engines.line import Line
from hogwild.engines.resuming import Resumed
from hogwild.engines.session import Session
from hogwild.engines.transport import AbstractTransport
from hogwild.engines.waits import Reply, Waits
from hogwild.kernels.updates import compiled
from hogwild.params import Params
from hogwild.requests import OnServer, Pull, Push
from hogwild.rules.updates import Update
from hogwild.server import SEQS_OF_A_LIFE, Client, OpPart, PullPart, PushPart, Ranges, Shard
from hogwild.snapshots.parts import Part
from hogwild.traffic import Traffic

SERVED: tuple[type, ...] = (Pull, Push, OnServer)
NO_KEYS = np.zeros(0, np.int64)


class AbstractServers(ABC):
    """What the hub knows of the server. Not thread-safe: the hub holds the lock."""

    requests: ClassVar[tuple[type, ...]]  # those that it answers

    @abstractmethod
    def ask(self, rank: int, request: Any, reply: Reply) -> None:
        """Reply to the worker when there is an answer."""

    @abstractmethod
    def received(self, rank: int, weights: Versioned) -> None:
        """The worker has been given the answer to its pull."""

    @abstractmethod
    def left(self, rank: int) -> None:
        """The worker goes through no more rounds: its clock is no longer waited for."""

    @abstractmethod
    def release(self) -> bool:
        """Answer the pull that waits for what lies furthest in the future: it will not happen. False if none waits."""

    @abstractmethod
    def waits(self) -> Waits:
        """Those that wait."""


@final
class Servers(AbstractServers):
    """Messages go by the transport; each shard answers when they arrive."""

    requests = SERVED

    def __init__(
        self, session: Session, rule: Update, shards: int, transport: AbstractTransport, traffic: Traffic
    ) -> None:
        size = len(session.params)
        self._template = first = session.params[0]
        self._ranges = ranges = Ranges(first.offsets, shards)
        task, self._live = session.task, session.members.in_rounds
        move = compiled(rule, first.weights.dtype)
        pieces = [None] * shards if task.scales is None else ranges.cut(task.scales)
        begin = ranges.cut(first.weights.copy())

        def new_shard(number: int) -> Shard:
            """As the shard began."""
            span, weights, piece = ranges.spans[number], begin[number], pieces[number]
            return Shard(span, weights, rule, task.prox, accrue=True, move=move, scales=piece, workers=size)

        self.new_shard = new_shard
        self.shards = [new_shard(number) for number in range(shards)]
        self.calls = calls = transport.calls(size, shards)
        self._send, self._answer = calls.send, calls.answer
        self._desks = [Desk(shard, self._live, calls.answer) for shard in self.shards]
        self._lines = [Line(Client(rank, ranges), task, size, traffic, self._sent) for rank in range(size)]
        self._acts: dict[type, Callable[[Any, Call], None]] = {
            PushPart: lambda part, call: self._desks[part.shard].push(part, call),
            PullPart: lambda part, call: self._desks[part.shard].pull(part, call),
            OpPart: lambda part, call: self._desks[part.shard].operate(part, call),
        }
        session.server_params = self._params
        if session.resumed is not None:
            self._resume(session.resumed)

    def _params(self) -> Params:
        """The weights of all shards as they are now; the rest as it began."""
        params = self._template.copy()
        for span, shard in zip(self._ranges.spans, self.shards, strict=True):
            params.weights[span.begin : span.end] = shard.weights
        return params

    def ask(self, rank: int, request: Pull | Push | OnServer, reply: Reply) -> None:
        self._lines[rank].ask(request, reply)

    def received(self, rank: int, weights: Versioned) -> None:
        self._lines[rank].received(weights)

    def _sent(self, call: Call, parts: list[Any]) -> None:
        self._send(call, parts, self._acts[type(parts[0])])

    # ------------------------------------------------------------------------------------------- a run that goes on

    def standing(self, number: int) -> Part:
        """A copy of all that a shard is."""
        return Part({}, self.shards[number].snapshot())

    def line(self, rank: int) -> dict[str, Any]:
        """What the worker has seen of all."""
        return self._lines[rank].standing()

    def _resume(self, resumed: Resumed) -> None:
        for number, shard in enumerate(self.shards):
            shard.restore(resumed.shard(number).arrays)
            shard.begin_anew()
        for rank, like in enumerate(resumed.likes):
            if rank == like:
                pushes = min(shard.clock(rank) for shard in self.shards)
                self._lines[rank].client = Client(rank, self._ranges, pushes=pushes)
                self._lines[rank].resume(resumed.lines[rank])
        for rank, like in enumerate(resumed.likes):
            if rank != like:
                self.admit(rank, like, self._lines[like].client.pushes, 0)

    # ------------------------------------------------------------------------------------------- who comes and goes

    def move(self, number: int, shard: Shard) -> None:
        """The host of the shard is dead: its copy takes its place, and knows of nobody who waits."""
        self.shards[number] = shard
        self._desks[number] = Desk(shard, self._live, self._answer)

    def lost(self, rank: int) -> None:
        """The worker is dead: nobody hears what it is answered."""
        self._lines[rank].lost()
        for desk in self._desks:
            desk.waiting.drop(rank)
        self.calls.lost(rank)

    def admit(self, rank: int, like: int, number: int, life: int) -> int:
        """Its next process begins where `like` is, with this round. Returns how often it counts as having pushed: as
        often as that one, which may push more seldom than in each round; but not in the round that is repeated. Its
        messages are told from those of the process before by `life`.
        """
        pushes = min(number, self._lines[like].client.pushes)
        client = self._lines[rank].client = Client(rank, self._ranges, life * SEQS_OF_A_LIFE, pushes=pushes)
        for shard in self.shards:
            shard.admit(rank, pushes)
        stamps = tuple([shard.pull(NO_KEYS, rank).stamp for shard in self.shards])
        client.received(Versioned(self._template.weights[:0], NO_KEYS, stamps, True))
        return pushes

    # ----------------------------------------------------------------------------------------------- pulls that wait

    def left(self, rank: int) -> None:
        for desk in self._desks:
            desk.left()

    def release(self) -> bool:
        waiting = chain.from_iterable(desk.waiting for desk in self._desks)
        furthest = max(waiting, key=lambda each: each.distance, default=None)
        if furthest is None:
            return False
        self._desks[furthest.part.shard].release(furthest)
        return True

    def waits(self) -> Waits:
        for number, desk in enumerate(self._desks):
            for each in desk.waiting:
                version, clock = each.part.version, each.part.clock
                what = f"version {version}" if version is not None else f"clock {clock}"
                if version is None and clock is None:
                    what = f"its own message number {each.part.acked}"
                yield each.call.reply, f"{what} of shard {number}, which is at version {desk.shard.version}"


def serving(session: Session, shards: int, transport: AbstractTransport, traffic: Traffic) -> Servers | None:
    """The server of a strategy that has one."""
    rule = session.rule
    return None if rule is None else Servers(session, rule, shards, transport, traffic)
