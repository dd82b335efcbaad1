"""What the conductor knows of a server whose shards are actors: which pulls wait there, and until when."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from hogwild.answers import Versioned
from hogwild.engines.ray.errors import of_shards
from hogwild.engines.ray.terms import Key, Parked, Range, Standing
from hogwild.engines.servers import AbstractServers
from hogwild.engines.session import Session
from hogwild.engines.waits import Reply, Waits
from hogwild.params import Params
from hogwild.server import Ranges


@final
@dataclass
class _Pull:
    """One that waits: at which shards, and who is told."""

    missing: set[int]
    distance: int
    replies: list[Reply]


@final
class Away(AbstractServers):
    """Workers ask the shards themselves, and come here to wait."""

    requests: ClassVar[tuple[type, ...]] = (Parked,)

    def __init__(self, session: Session, shards: Sequence[Any], run: int, me: Any, job: Any) -> None:
        """`me`: the conductor's actor. `job`: where it lies in the object store."""
        self.shards = shards
        self._template = first = session.params[0]
        self._live = session.members.in_rounds
        self._ranges = ranges = Ranges(first.offsets, len(shards))
        self._waiting: dict[Key, _Pull] = {}
        task, rule = session.task, session.rule
        assert rule is not None
        scales = [None] * len(shards) if task.scales is None else ranges.cut(task.scales)
        job = None if task.prox is None else job
        saved = None if session.resumed is None else session.resumed.saved
        of_shards(
            [
                shard.begin.remote(Range(run, span, weights, scale, rule, session.size, session.survey, me, saved), job)
                for shard, span, weights, scale in zip(
                    shards, ranges.spans, ranges.cut(first.weights), scales, strict=True
                )
            ]
        )

        session.server_params = self.params
        if session.resumed is not None:
            for rank, like in enumerate(session.resumed.likes):
                if rank != like:
                    self.admit(rank, like, sys.maxsize)

    def params(self) -> Params:
        """The weights of all shards as they are now; the rest as it began."""
        params = self._template.copy()
        found = of_shards([shard.weights.remote() for shard in self.shards])
        for span, weights in zip(self._ranges.spans, found, strict=True):
            params.weights[span.begin : span.end] = weights
        return params

    def ask(self, rank: int, request: Parked, reply: Reply) -> None:
        key = rank, request.number
        if request.shards:
            self._waiting[key] = _Pull(set(request.shards), request.distance, [reply])
            for number in request.shards:
                self.shards[number].remind.remote(key)
        elif key in self._waiting:
            self._waiting[key].replies.append(reply)
        else:  # it has been told, and hears it now
            reply(True)

    def ready(self, number: int, key: Key) -> None:
        """The shard can answer this pull."""
        pull = self._waiting.get(key)
        if pull is not None:
            pull.missing.discard(number)
            if not pull.missing:
                self._answer(key, met=True)

    def received(self, rank: int, weights: Versioned) -> None:
        """The worker sees to that itself."""

    def left(self, rank: int) -> None:
        live = frozenset(self._live)
        for shard in self.shards:
            shard.left.remote(live)

    def lost(self, rank: int) -> None:
        """The worker is dead: nobody hears what it is answered."""
        for key in [key for key in self._waiting if key[0] == rank]:
            del self._waiting[key]
        for shard in self.shards:
            shard.drop.remote(rank)

    def admit(self, rank: int, like: int, number: int) -> Standing:
        """Its next process begins where `like` is, with this round: see `Servers.admit`."""
        pushes: int = min(number, *of_shards([shard.clock.remote(like) for shard in self.shards]))
        return Standing(pushes, tuple(of_shards([shard.admit.remote(rank, pushes) for shard in self.shards])))

    def release(self) -> bool:
        before = len(self._waiting)
        if not before:
            return False
        # What was pushed was acknowledged, so that the shards know all that could let go a pull.
        live = frozenset(self._live)
        for number, keys in enumerate(of_shards([shard.answered.remote(live) for shard in self.shards])):
            for key in keys:
                self.ready(number, key)
        if len(self._waiting) == before:
            self._answer(max(self._waiting, key=lambda key: self._waiting[key].distance), met=False)
        return True

    def waits(self) -> Waits:
        """None: all have been given up when this is asked."""
        return ()

    def _answer(self, key: Key, *, met: bool) -> None:
        replies: list[Callable[[Any], None]] = self._waiting.pop(key).replies
        for reply in replies:
            reply(met)
