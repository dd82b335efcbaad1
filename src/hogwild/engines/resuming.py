"""A run that goes on: what is read of its checkpoint, and by whom; and what is written of what all have in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, final

from hogwild.engines.ending import progress_of
from hogwild.engines.keeper import SESSION, AbstractOwners, Here, shard_file, worker_file
from hogwild.snapshots.folder import Saved
from hogwild.snapshots.parts import Part, prefixed
from hogwild.snapshots.values import part_of
from hogwild.traffic import Traffic

if TYPE_CHECKING:
    from hogwild.engines.hub import Hub
    from hogwild.engines.servers import Servers
    from hogwild.engines.session import Session


@final
class Resumed(NamedTuple):
    """likes : of each worker, where it goes on: where it was; or, if it was lost then, where this other one was.
    lines : what each has seen of the server's shards, if there are any
    """

    saved: Saved
    part: Part
    likes: Sequence[int]
    lines: dict[int, Any]

    @classmethod
    def of(cls, saved: Saved) -> Resumed:
        """CheckpointError if it cannot be read."""
        part = saved.part(SESSION)
        there = part.facts["there"]
        return cls(saved, part, [rank if rank in there else there[0] for rank in range(part.facts["size"])], {})

    def worker(self, rank: int) -> Part:
        """What it was."""
        return self.saved.part(worker_file(rank))

    def shard(self, number: int) -> Part:
        """What it was."""
        return self.saved.part(shard_file(number))

    @property
    def of_hub(self) -> Part:
        """See `Hub`."""
        return Part(self.part.facts["hub"], self.part.under("hub."))


def go_on(session: Session, resumed: Resumed) -> None:
    """All go on where they were."""
    facts, likes = resumed.part.facts, resumed.likes
    session.course.resume(Part(facts["course"], resumed.part.under("course.")))
    session.supply.resume(facts["supply"], likes)
    session.control[:] = resumed.part.arrays["control"]
    session.course.earlier = Traffic.of_dict(facts["traffic"])
    for rank, like in enumerate(likes):
        part = resumed.worker(like)
        session.staff.resume(rank, part, afresh=like != rank)
        if like == rank:
            resumed.lines[rank] = part.facts["line"]
            session.supply.go_to(rank, part.facts.get("place"))  # of rows that only the worker has
            if "traffic" in part.facts:
                session.course.earlier += Traffic.of_dict(part.facts["traffic"])


def attend(session: Session, hub: Hub, owners: AbstractOwners) -> None:
    """From now on checkpoints can be taken, if there are to be any."""
    if session.keeper is not None:
        session.keeper.attend(lambda met: _part_of(session, hub, met), owners)


def attend_here(session: Session, hub: Hub, servers: Servers | None) -> None:
    """The same, where all workers and shards are in this process."""
    shards = [] if servers is None else [partial(servers.standing, number) for number in range(len(servers.shards))]

    def worker(rank: int) -> Part:
        part = session.staff.standing(rank)
        part.facts["line"] = None if servers is None else servers.line(rank)
        return part

    attend(session, hub, Here(worker, shards))


def _part_of(session: Session, hub: Hub, met: Collection[int]) -> Part | None:
    """What all have in common; `met` rest between two rounds, all others wait within one, which they will begin anew.
    None if the run is about to end, or some have left its rounds and do something else.
    """
    there = sorted(session.members.in_rounds)
    if session.reason is not None or hub.running - session.members.in_rounds:
        return None
    traffic = session.history.traffic
    assert traffic is not None
    if session.course.earlier is not None:
        traffic = session.course.earlier + traffic
    history, examples = session.history, session.supply.moment.done
    facts: dict[str, Any] = {
        "progress": progress_of(history, examples, session.elapsed_s),
        "supply": session.supply.standing(),
        "traffic": traffic.as_dict(),
        "size": session.size,
        "there": there,
    }
    arrays = {"control": session.control.copy()}
    parts = {"course": session.course.standing(), "hub": hub.standing(met)}
    if session.start is not None:
        parts["start"] = part_of(session.start)
    for name, part in parts.items():
        facts[name] = part.facts
        arrays |= prefixed(f"{name}.", part.arrays)
    return Part(facts, arrays)
