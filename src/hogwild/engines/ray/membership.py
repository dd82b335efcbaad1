"""Processes of workers die or come late, and others take their places, while the run goes on."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from functools import partial
from queue import SimpleQueue
from typing import final

from hogwild.engines.council import Council
from hogwild.engines.ray.away import Away
from hogwild.engines.ray.rendezvous import Rendezvous
from hogwild.engines.ray.terms import ActorLost, Entry
from hogwild.engines.session import Session
from hogwild.engines.waits import Aborted, workers
from hogwild.interfaces import AbstractStrategy
from hogwild.traffic import FaultReport, Traffic

LOG = logging.getLogger("hogwild")
Door = SimpleQueue[Entry | None]


@final
class Membership:
    """Called with no lock held, or the council's.

    A new process begins with the weights and the state of the lowest rank in rounds. Where workers agree on their
    rounds, it is let in when that worker begins one, with the same number, the same place in the data and the same
    number of sums behind it; else as soon as that worker is at rest. So it is on the simulated cluster, too.
    """

    def __init__(
        self, session: Session, traffic: Traffic, strategy: AbstractStrategy, restarts: int, server: Away | None
    ) -> None:
        self._session, self._traffic, self._strategy, self._server = session, traffic, strategy, server
        self._restarts = restarts  # so many more may die
        self._size = session.size
        self._lives = [0] * session.size  # how many processes each worker has had before
        self._dead: set[int] = set()  # or not there yet
        self._absent: set[int] = set()  # those of which no process has been there yet
        self._doors: dict[int, Door] = {}  # where those wait who want to be let in
        self._closed = False

    def sit_in(self, council: Council, rendezvous: Rendezvous, absent: Collection[int]) -> None:
        """Whom it tells what it knows. The run begins without these workers."""
        self._council, self._rendezvous = council, rendezvous
        if absent:
            self._begin_without(sorted(absent))

    def _begin_without(self, absent: Sequence[int]) -> None:
        """What comes later is like another process of a worker that has died before it began: it has life 1."""
        with self._council.lock:
            self._traffic.faults = FaultReport()
            for rank in absent:
                self._lives[rank] = 1
                self._dead.add(rank)
                self._absent.add(rank)
                self._without(rank)
            if self._session.resumed is None:  # else it goes on in the epoch where it was, as it was shared out
                self._session.supply.begin_without(absent)
        late = "is not there yet: it comes in" if len(absent) == 1 else "are not there yet: they come in"
        LOG.warning("%s of %d %s when the cluster has room", workers(absent), self._size, late)

    def _without(self, rank: int) -> int:
        """Nobody waits for this worker. How many portions are handed out again?"""
        if self._server is not None:
            self._server.lost(rank)
        return self._council.lost(rank)

    def is_dead(self, rank: int) -> bool:
        """Has its last process died, or has none been there, and no other taken its place yet?"""
        return rank in self._dead

    def life(self, rank: int) -> int:
        """How many processes this worker has had before; of those that come late it is one more."""
        return self._lives[rank]

    def rank_of(self, seat: int) -> int | None:
        """Who calls by this number (`ConductorProxy`)? None: a process that was taken for dead."""
        life, rank = divmod(seat, self._size)
        return rank if life == self._lives[rank] else None

    def lost(self, rank: int, life: int, why: str) -> bool:
        """A process has died, which may be known. Does the run go on without it? ActorLost if not; Deadlock as
        `Council.lost`.
        """
        with self._council.lock:
            if life != self._lives[rank]:
                return True
            self._lives[rank] += 1
            who = f"worker {rank} of {self._size} has died"
            loss = "lost coordinator" if rank == self._strategy.coordinator else "lost worker"
            if loss not in self._strategy.survives:
                raise ActorLost(
                    f"{who}, and the run with it: {type(self._strategy).__name__} survives no {loss!r}: {why}"
                )
            if self._restarts == 0:
                raise ActorLost(f"{who}, and more than `restarts` of the engine have died before: {why}")
            self._restarts -= 1
            self._dead.add(rank)
            self._absent.discard(rank)
            door = self._doors.pop(rank, None)
            if door is not None:
                door.put(None)
            report = self._traffic.faults = self._traffic.faults or FaultReport()
            report.workers_lost += 1
            report.portions_again += self._without(rank)
            if self._council.deserted and self._session.reason is None:
                raise ActorLost(f"{who}, and nobody is left who could tell another process what was learnt: {why}")
            LOG.warning("%s; the others go on until another process takes its place: %s", who, why)
            return True

    def enter(self, rank: int, life: int) -> Entry:
        """Wait until the others let this process in; Aborted if they do not any more."""
        door: Door = SimpleQueue()
        with self._council.lock:
            if life != self._lives[rank] or self._is_over():
                raise Aborted
            self._doors[rank] = door
            if not self._session.agreed:
                self._knock(rank, door)
        entry = door.get()
        if entry is None:
            raise Aborted
        return entry

    def begun(self, rank: int) -> None:
        """The worker begins a round, and is at rest."""
        if self._doors and self._session.agreed and rank == self._session.members.lowest:
            for other, door in tuple(self._doors.items()):
                self._let_in(other, door, rank)

    def close(self) -> set[int]:
        """Nobody is let in any more. Who is missing?"""
        with self._council.lock:
            self._closed = True
            missing = set(self._dead)
            for door in self._doors.values():
                door.put(None)
            self._doors.clear()
            return missing

    def _is_over(self) -> bool:
        return self._closed or self._session.reason is not None or not self._session.members.in_rounds

    def _knock(self, rank: int, door: Door) -> None:
        like = min(self._session.members.in_rounds)
        self._council.when_at_rest(like, partial(self._let_in, rank, door, like))

    def _let_in(self, rank: int, door: Door, like: int) -> None:
        """Unless it has died meanwhile."""
        if self._doors.get(rank) is not door:
            return
        if self._is_over():
            del self._doors[rank]
            door.put(None)
            return
        if like not in self._session.members.in_rounds or not self._session.mirrors.bring(like):
            if not self._session.agreed:
                self._knock(rank, door)
            return
        del self._doors[rank]
        self._dead.discard(rank)
        entry: Entry | None = None
        try:
            entry = self._entry(rank, like)
        finally:
            door.put(entry)

    def _entry(self, rank: int, like: int) -> Entry:
        """ActorLost if a shard that must be told has died for good."""
        life = self._lives[rank]
        number = self._council.admit(rank, like)
        standing = None if self._server is None else self._server.admit(rank, like, number)
        worker = self._session.staff.another(rank, self._session.params[like].copy(), life)
        if self._traffic.faults is not None:
            self._traffic.faults.workers_joined += 1
        if rank in self._absent:
            self._absent.discard(rank)
            LOG.warning("worker %d of %d has joined, in round %d", rank, self._size, number)
        else:
            LOG.warning("another process has taken the place of worker %d, in round %d", rank, number)
        return Entry(worker.rng, worker.params, number, standing, self._rendezvous.admit(rank, like))


def rows_lost(ranks: Collection[int]) -> ActorLost:
    """These workers have rows that nobody else has."""
    who = ", ".join(map(str, sorted(ranks)))
    return ActorLost(f"worker {who} has died, and no other process has taken its place: its rows are not learnt")
