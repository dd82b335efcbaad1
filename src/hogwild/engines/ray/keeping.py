"""Checkpoints of a run on a cluster: each worker and each shard copies what it has, and writes it itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, final

import ray

from hogwild.engines.hub import Hub
from hogwild.engines.keeper import AbstractOwners, Write, shard_file, worker_file, write_part
from hogwild.engines.ray.away import Away
from hogwild.engines.ray.errors import LOST, said
from hogwild.engines.ray.succession import Succession
from hogwild.engines.ray.terms import GoesOn, Terms
from hogwild.engines.session import Session
from hogwild.engines.staff import standing_of
from hogwild.interfaces import Worker
from hogwild.memory import Memory
from hogwild.snapshots.folder import Folder, Written
from hogwild.snapshots.parts import Part


@final
class Kept:
    """What one actor has copied, until it is written."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._part: Part | None = None

    def keep(self, part: Part) -> None:
        """Instead of what was copied before."""
        self._part = part

    def write(self, place: str, number: int) -> Written | str:
        """Into the checkpoint of this number; or why that cannot be."""
        part, self._part = self._part, None
        assert part is not None
        try:
            return write_part(Folder(place), number, self._name, part)
        except Exception as error:  # file systems have errors of their own
            return str(error)


def worker_part(worker: Worker, memory: Memory, **more: Any) -> Part:
    """A copy of what a worker is in its process, with more facts."""
    part = standing_of(worker, memory)
    return Part(part.facts | more, part.arrays)


def terms_of(session: Session, hub: Hub | None, rank: int, server: Away | None, patience_s: float, run: int) -> Terms:
    """What a worker begins with. `hub`: if this is its first process, which may go on where it was."""
    worker, memory, supply = session.staff.workers[rank], session.memories[rank], session.supply
    goes_on = None
    if session.resumed is not None and hub is not None:
        place, line = supply.place_of(rank), session.resumed.lines.get(rank)
        standing = None if server is None else server.standings.get(rank)
        goes_on = GoesOn(hub.begins(rank), memory.mean, memory.mass, place, line, standing)
    own = worker.rng, worker.params, worker.data_share
    averages, passed = memory.mean.size > 0, supply.moment.epoch
    shards, backed = ((), False) if server is None else (server.posts.views(), server.posts.backed)
    return Terms(session.survey, *own, session.needs, averages, passed, shards, backed, patience_s, run, goes_on)


@final
class Apart(AbstractOwners):
    """The actors of workers, and those that lead shards, which may be others each time. `lost(rank, deputy, why)` is
    told of the process of a worker that has died meanwhile.
    """

    def __init__(
        self, deputies: Sequence[Any], posts: Succession | None, lost: Callable[[int, Any, str], object]
    ) -> None:
        self._deputies, self._posts, self._lost = deputies, posts, lost

    def keep(self, ranks: Collection[int]) -> Write:
        shards = [] if self._posts is None else [view.actor for view in self._posts.views()]
        workers = [(rank, self._deputies[rank]) for rank in ranks]
        kept = [(*worker, worker[1].keep.remote()) for worker in workers]
        of_shards = [shard.keep.remote() for shard in shards]
        missing = []
        for rank, deputy, copied in kept:
            try:
                ray.get(copied)
            except LOST as error:
                missing.append(rank)
                self._lost(rank, deputy, said(error))
        if missing:
            return _refuse
        actors = {worker_file(rank): deputy for rank, deputy in workers}
        actors |= {shard_file(number): shard for number, shard in enumerate(shards)}
        try:
            ray.get(of_shards)
        except LOST:  # who asks it next will notice, and ask its successor
            return _refuse

        def write(folder: Folder, number: int) -> Mapping[str, Written]:
            asked = [(name, actor.write.remote(folder.place, number)) for name, actor in actors.items()]
            return {name: _heard(name, written) for name, written in asked}

        return write


def _refuse(folder: Folder, number: int) -> Mapping[str, Written]:
    raise OSError("a worker or a shard has died meanwhile")


def _heard(name: str, answer: Any) -> Written:
    """OSError if it could not be written."""
    try:
        found: Written | str = ray.get(answer)
    except LOST as error:
        raise OSError(f"the process that was writing {name} has died") from error
    if isinstance(found, str):
        raise OSError(found)
    return found
