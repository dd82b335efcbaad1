"""What the conductor knows of a server whose shards are actors: which pulls wait there, and until when."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, final

import ray

from hogwild.answers import Versioned
from hogwild.engines.ray.errors import LOST, said
from hogwild.engines.ray.reaching import CONDUCTORS, Reaching
from hogwild.engines.ray.reasons import Reasons
from hogwild.engines.ray.stream import Following
from hogwild.engines.ray.succession import Succession
from hogwild.engines.ray.terms import ActorLost, Counted, Key, Limits, Parked, Range, Reign, Standing
from hogwild.engines.servers import AbstractServers
from hogwild.engines.session import Session
from hogwild.engines.waits import Reply, Waits
from hogwild.interfaces import AbstractStrategy
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
class Hosts(NamedTuple):
    """The actors of the server: those that begin to lead a shard, and those that have its copy, if there are copies."""

    shards: Sequence[Any]
    copies: Sequence[Any] = ()


@final
class Away(AbstractServers):
    """Workers ask the shards themselves, and come here to wait."""

    requests: ClassVar[tuple[type, ...]] = (Parked,)

    def __init__(
        self, session: Session, posts: Succession, hosts: Hosts, me: Any, reasons: Reasons, patience_s: float, job: Any
    ) -> None:
        """`me`: the conductor's actor. `job`: where it lies in the object store. ActorLost if one of the hosts dies, or
        is ended since it gives no sign.
        """
        self._session, self._me, self._job = session, me, None if session.task.prox is None else job
        self._template = first = session.params[0]
        self._live = session.members.in_rounds
        self._ranges = Ranges(first.offsets, len(hosts.shards))
        self._waiting: dict[Key, _Pull] = {}
        self.posts, size = posts, len(hosts.shards)
        reigns = [posts.reign(number, 0) for number in range(size)]
        copies = hosts.copies or [None] * size
        begun = [self._begin(*each) for each in zip(hosts.shards, reigns, copies, strict=True)]
        equal = Following(complete=True)
        begun += [self._begin(copy, reigns[number], None, equal) for number, copy in enumerate(hosts.copies)]
        every = [*hosts.shards, *hosts.copies]
        nodes = [
            _begun(answer, name, reasons, actor) for answer, name, actor in zip(begun, names(hosts), every, strict=True)
        ]
        posts.appoint(
            hosts.shards, hosts.copies, [tuple(nodes[number::size]) for number in range(size)], self._begin_copy
        )
        self._shards = Reaching(posts.views(), CONDUCTORS, posts.lost, patience_s)
        session.server_params = self.params
        self._before = [0] * size
        if session.resumed is not None:
            self._before = [counted.pushes for counted in self._shards.ask_all("counted")]
        likes = () if session.resumed is None else session.resumed.likes
        # Of those that were lost when the run was kept, which begin where others were.
        lost = [(rank, like) for rank, like in enumerate(likes) if rank != like]
        self.standings = {rank: self.admit(rank, like, sys.maxsize) for rank, like in lost}

    def _begin(self, host: Any, reign: Reign, copy: Any = None, following: Following | None = None) -> Any:
        """An actor leads a shard from now on, or has its copy."""
        session, number, ranges = self._session, reign.shard, self._ranges
        task, rule = session.task, session.rule
        assert rule is not None
        weights = ranges.cut(self._template.weights)[number]
        scales = None if task.scales is None else ranges.cut(task.scales)[number]
        span = ranges.spans[number]
        later = following is not None and not following.complete  # it is told all that the shard is then
        saved = None if session.resumed is None or later else session.resumed.saved
        terms = Range(reign, span, weights, scales, rule, session.size, session.survey, self._me, saved)
        return host.begin.remote(terms, self._job, copy, following)

    def _begin_copy(self, host: Any, reign: Reign) -> str:
        node: str = ray.get(self._begin(host, reign, None, Following(complete=False)))
        return node

    def moved(self, number: int) -> None:
        """Another actor leads this shard: it knows of nobody who waits there, nor who is in rounds."""
        self._shards.move(number, self.posts.views()[number])
        self._shards.ask(number, "left", frozenset(self._live))
        for key in list(self._waiting):
            self.ready(number, key)

    def params(self) -> Params:
        """The weights of all shards as they are now; the rest as it began."""
        params = self._template.copy()
        found = self._shards.ask_all("weights")
        for span, weights in zip(self._ranges.spans, found, strict=True):
            params.weights[span.begin : span.end] = weights
        return params

    def counted(self) -> list[Counted]:
        """What each shard has applied in this run."""
        found: list[Counted] = self._shards.ask_all("counted")
        return [each._replace(pushes=each.pushes - before) for each, before in zip(found, self._before, strict=True)]

    def ask(self, rank: int, request: Parked, reply: Reply) -> None:
        key = rank, request.number
        if request.shards:
            self._waiting[key] = _Pull(set(request.shards), request.distance, [reply])
            for number in request.shards:
                self._shards.ask(number, "remind", key)
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
        for number in range(len(self._shards)):
            self._shards.ask(number, "left", live)

    def lost(self, rank: int) -> None:
        """The worker is dead: nobody hears what it is answered."""
        for key in [key for key in self._waiting if key[0] == rank]:
            del self._waiting[key]
        for number in range(len(self._shards)):
            self._shards.ask(number, "drop", rank)

    def admit(self, rank: int, like: int, number: int) -> Standing:
        """Its next process begins where `like` is, with this round: see `Servers.admit`."""
        pushes: int = min(number, *self._shards.ask_all("clock", like))
        return Standing(pushes, tuple(self._shards.ask_all("admit", rank, pushes)))

    def release(self) -> bool:
        before = len(self._waiting)
        if not before:
            return False
        # What was pushed was acknowledged, so that the shards know all that could let go a pull.
        live = frozenset(self._live)
        for number, keys in enumerate(self._shards.ask_all("answered", live)):
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


def serving(
    session: Session,
    strategy: AbstractStrategy,
    hosts: Hosts,
    run: int,
    limits: Limits,
    reasons: Reasons,
    sent: Sequence[Any],
) -> Away | None:
    """What the conductor, who calls this, knows of the server, if there is one. `sent`: where the job lies."""
    if not hosts.shards:
        return None
    me = ray.get_runtime_context().current_actor
    posts = Succession(strategy, me._actor_id.hex(), run, limits.restarts, reasons)
    return Away(session, posts, hosts, me, reasons, limits.patience_s, *sent)


def names(hosts: Hosts) -> list[str]:
    """Of those that lead, and then of those that have copies."""
    shards = [f"shard {number} of {len(hosts.shards)}" for number in range(len(hosts.shards))]
    return shards + [f"the copy of {shard}" for shard in shards[: len(hosts.copies)]]


def _begun(answer: Any, who: str, reasons: Reasons, actor: Any) -> str:
    """The node of an actor that leads a shard now, or has its copy."""
    try:
        node: str = ray.get(answer)
    except (*LOST, ray.exceptions.ActorUnschedulableError) as error:
        raise ActorLost(f"{who} has died before the run began: {reasons.of(actor, said(error))}") from error
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    return node
