"""The conductor's book of shards: which actor leads each, which has its copy, and who comes next when one has died."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple, final

import ray

from hogwild.engines.ray.errors import LOST
from hogwild.engines.ray.reasons import Reasons
from hogwild.engines.ray.terms import ActorLost, Reign, View
from hogwild.interfaces import AbstractStrategy

LOG = logging.getLogger("hogwild")
PATIENCE_S = 2.0  # for a process that somebody could not reach to show that it lives

Who = tuple[int, int, int | None]
"""An actor: its shard, in which life, and the number of its copy, if it does not lead."""
Begin = Callable[[Any, Reign], str]


@final
class Wanted(NamedTuple):
    """A shard wants another copy, if possible on none of these nodes, the worst of them first."""

    shard: int
    elsewhere: tuple[str, ...]


@final
class _Post:
    """One shard. `copies`: how many it has had; `life`: how many actors have led it before."""

    def __init__(self, leads: Any, copy: Any, nodes: tuple[str, ...]) -> None:
        self.lock = threading.Lock()
        self.leads, self.copy, self.nodes = leads, copy, nodes
        self.life = self.copies = 0


@final
class Succession:
    """Called by any thread, also one that holds the council's lock; never calls what wants that while it holds its own.

    backed :   have shards copies?
    conductor, run : see `Reign`
    restarts : so many actors that die are replaced
    reasons :  why some have died
    moved :    called when another leads a shard
    """

    moved: Callable[[int], None]

    def __init__(self, strategy: AbstractStrategy, conductor: str, run: int, restarts: int, reasons: Reasons) -> None:
        self._strategy, self._first = strategy, Reign(conductor, run, 0, 0)
        self._reasons = reasons
        self._restarts = threading.Semaphore(restarts)
        self._posts: list[_Post] = []
        self._wanted: SimpleQueue[Wanted | None] = SimpleQueue()
        self.backed = False

    def appoint(
        self, leads: Sequence[Any], copies: Sequence[Any], nodes: Sequence[tuple[str, ...]], begin: Begin
    ) -> None:
        """These have begun. No copies: none of them has one. nodes: of each, and of its copy. `begin`: with this reign
        an actor is to hold a copy; answers its node.
        """
        self._begin = begin
        self.backed = bool(copies)
        every = copies if copies else [None] * len(leads)
        self._posts = [_Post(*each) for each in zip(leads, every, nodes, strict=True)]

    def views(self) -> list[View]:
        """Who leads now."""
        found = []
        for post in self._posts:
            with post.lock:
                found.append(View(post.life, post.leads))
        return found

    def actors(self) -> dict[Who, Any]:
        """All that should be there now."""
        found: dict[Who, Any] = {}
        for shard, post in enumerate(self._posts):
            with post.lock:
                found[shard, post.life, None] = post.leads
                if post.copy is not None:
                    found[shard, post.life, post.copies] = post.copy
        return found

    def lost(self, shard: int, life: int, why: str, *, dead: bool) -> View:
        """The actor that led the shard in this life is out of reach; `dead`: for sure. Who leads now? ActorLost if that
        is nobody.
        """
        post = self._posts[shard]
        with post.lock:
            lost = life == post.life and (dead or not _lives(post.leads))
            if lost:
                self._succeed(shard, post, why)
            view = View(post.life, post.leads)
        if lost:
            self.moved(shard)
        return view

    def _succeed(self, shard: int, post: _Post, why: str) -> None:
        who, why = f"shard {shard} of {len(self._posts)}", self._reasons.of(post.leads, why)
        if "lost shard" not in self._strategy.survives:
            name = type(self._strategy).__name__
            raise ActorLost(f"{who} has died, and the run with it: {name} survives no 'lost shard': {why}")
        if not self.backed:
            raise ActorLost(f"{who} has died, and the run with it: with Ray(backups=True) it would have a copy: {why}")
        if post.copy is None:
            raise ActorLost(f"{who} and its copy have died, and the run with them: {why}")
        try:
            complete = ray.get(post.copy.lead.remote(self.reign(shard, post.life + 1)))
        except LOST as error:
            raise ActorLost(f"{who} and its copy have died, and the run with them: {why}") from error
        if not complete:
            raise ActorLost(f"{who} has died while its next copy was being made, and the run with it: {why}")
        _end(post.leads)  # if it lives, it must not answer any more
        post.life, post.leads, post.copy = post.life + 1, post.copy, None
        LOG.warning("%s has died; its copy takes its place: %s", who, why)
        self._want(shard, post, post.nodes[::-1])

    def lost_copy(self, shard: int, life: int, copy: int, why: str) -> bool:
        """The actor that leads the shard in this life cannot reach its copy of this number. Does it lead still? Then it
        goes on alone.
        """
        post = self._posts[shard]
        with post.lock:
            if life != post.life:
                return False
            if post.copy is not None and copy == post.copies:
                why = self._reasons.of(post.copy, why)
                _end(post.copy)
                post.copy = None
                LOG.warning("the copy of shard %d of %d has died: %s", shard, len(self._posts), why)
                self._want(shard, post, post.nodes)
            return True

    def _want(self, shard: int, post: _Post, nodes: tuple[str, ...]) -> None:
        """nodes: that of the actor that leads, and that of the one that has died."""
        post.nodes = nodes[:1]
        if self._restarts.acquire(blocking=False):
            self._wanted.put(Wanted(shard, nodes))
        else:
            LOG.warning("shard %d goes on without a copy: more than `restarts` have died before", shard)

    def wanted(self) -> Wanted | None:
        """Wait until another copy is wanted; None: there are no more."""
        return self._wanted.get()

    def copy(self, shard: int, actor: Any) -> None:
        """The actor is there that was wanted."""
        post = self._posts[shard]
        reign = self.reign(shard, post.life)  # which does not change while there is no copy
        try:
            node = self._begin(actor, reign)
        except (*LOST, ray.exceptions.ActorUnschedulableError, ray.exceptions.RayTaskError) as error:
            with post.lock:
                LOG.warning("the next copy of shard %d could not begin: %s", shard, error)
                self._want(shard, post, post.nodes)
            return
        with post.lock:
            post.copy, post.copies, post.nodes = actor, post.copies + 1, (*post.nodes, node)
            post.leads.bring.remote(reign, post.copies, actor)

    def end(self) -> None:
        """The run is over."""
        self._wanted.put(None)

    def reign(self, shard: int, life: int) -> Reign:
        """Of who leads the shard in this life."""
        return self._first._replace(shard=shard, life=life)


def _lives(actor: Any) -> bool:
    """Does it answer?"""
    with suppress(*LOST, ray.exceptions.GetTimeoutError):
        ray.get(actor.node.remote(), timeout=PATIENCE_S)
        return True
    return False


def _end(actor: Any) -> None:
    with suppress(*LOST):
        ray.kill(actor)
