"""Workers and hosts of shards die, come back, join and leave, as the plan says; and when the others know of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import final

from hogwild.engines.hub import Hub
from hogwild.engines.plan import Faults
from hogwild.engines.session import Session
from hogwild.engines.transport import HEADER_BYTES
from hogwild.engines.turn import Turn
from hogwild.engines.virtual.agenda import Agenda
from hogwild.engines.virtual.cluster import Cluster
from hogwild.engines.virtual.replicas import Replicas
from hogwild.engines.virtual.unreliable import Unreliable
from hogwild.params import Params
from hogwild.requests import Round

Event = tuple[float, Callable[[], None]]


class WorkersLost(RuntimeError):
    """Nobody is left who could tell a worker that comes back what was learnt."""


@final
class Membership:
    """Drives the clock of a cluster, see `Cluster.obey`.

    A worker that comes begins with the weights and the state of the lowest rank in rounds. Where workers agree on their
    rounds, it is let in when that worker begins one, with the same number, the same place in the data and the same
    number of sums behind it; else at once.
    """

    def __init__(
        self,
        plan: Faults,
        session: Session,
        agenda: Agenda,
        network: Unreliable,
        cluster: Cluster,
        replicas: Replicas | None,
    ) -> None:
        self._session, self._agenda, self._network, self._cluster = session, agenda, network, cluster
        self._hub: Hub = cluster.hub
        self._servers, self._replicas = cluster.servers, replicas
        self._report, self._lease_s = network.mail.report, network.mail.lease_s
        self._lives = [0] * len(session.params)  # how many processes each worker has had before
        self._absent: set[int] = set()  # workers of whom all know that they are not there
        self._dead: set[int] = set()  # those of whom nobody knows it yet
        self._leaving: dict[int, int] = {}  # who leaves, before which of its rounds
        self._waiting: list[int] = []  # who is to be let in, in the order they came
        self._plan: list[Event] = []  # what is still to happen, the next last
        for change in plan.changes():
            rank = change.worker
            if change.comes:
                self._plan.append((change.time_s, partial(self._come, rank)))
            elif change.fault.kind == "leave":
                self._plan.append((change.time_s, partial(self._retire, rank)))
            else:
                self._plan.append((change.time_s, partial(self._kill, rank)))
        if replicas is not None:
            for fault in plan.of_kind("kill"):
                self._plan += [
                    (fault.from_s, partial(self._kill_shard, replicas, shard, fault.to_s)) for shard in fault.shards
                ]
        self._plan.sort(key=lambda event: -event[0])
        cluster.obey(self._step, self._turn, self._begin, self._more)
        for rank in plan.absent():
            cluster.kill(rank)
            network.mail.die(("worker", rank))
            self._lose(rank)
        session.supply.begin_without(plan.absent())

    # --------------------------------------------------------------------------------------------------- the clock

    def _step(self) -> bool:
        """The next thing happens, planned or not. When all programs have ended, plans are dropped."""
        if self._plan and self._hub.running and self._plan[-1][0] <= self._agenda.next_s < inf:
            self._more()
        return self._agenda.step()

    def _more(self) -> bool:
        """The next thing that is planned will happen; False if there is none."""
        if not self._plan:
            return False
        time_s, act = self._plan.pop()
        self._agenda.at(max(time_s, self._agenda.now), act)
        return True

    def _turn(self, rank: int, number: int) -> Turn:
        if number >= self._leaving.get(rank, number + 1):
            self._hub.leave(rank)
            return Turn.STOP
        return self._session.turn(rank, number)

    def _retire(self, rank: int) -> None:
        self._leaving[rank] = self._session.members.retire(rank) if self._session.agreed else 0

    def _begin(self, rank: int, number: int, *, fresh: bool) -> Round:
        round = self._hub.round(rank, number, fresh=fresh)
        if self._waiting and rank == self._session.members.lowest:
            waiting, self._waiting = self._waiting, []
            for other in waiting:
                self._let_in(other, rank)
        return round

    # ------------------------------------------------------------------------------------------------------- deaths

    def _kill(self, rank: int) -> None:
        self._cluster.kill(rank)
        self._network.mail.die(("worker", rank))
        self._network.undetected.add(("worker", rank))
        self._lives[rank] += 1
        self._dead.add(rank)
        self._agenda.at(self._agenda.now + self._lease_s, partial(self._detect, rank, self._lives[rank]))

    def _detect(self, rank: int, life: int) -> None:
        """Now all know that this life of the worker has ended."""
        if rank in self._dead and life == self._lives[rank]:
            self._dead.discard(rank)
            self._report.workers_lost += 1
            self._lose(rank)

    def _lose(self, rank: int) -> None:
        self._absent.add(rank)
        if rank in self._waiting:
            self._waiting.remove(rank)
        if self._servers is not None:
            self._servers.lost(rank)
        self._report.portions_again += self._hub.lost(rank)
        if not self._hub.running and self._session.reason is None:
            raise WorkersLost(
                f"worker {rank} died at {self._agenda.now:.6g} s, and nobody is left who could tell those that come "
                "back what was learnt: let more time pass between a worker's return and the death of another"
            )
        self._network.forget(("worker", rank))
        self._cluster.refresh()

    def _kill_shard(self, replicas: Replicas, number: int, back_s: float) -> None:
        host, known = replicas.kill(number)
        self._agenda.at(self._agenda.now + self._lease_s, known)
        if back_s < inf:
            self._plan.append((back_s, partial(replicas.come_back, number, host)))
            self._plan.sort(key=lambda event: -event[0])

    # ----------------------------------------------------------------------------------------------------- who comes

    def _come(self, rank: int) -> None:
        self._detect(rank, self._lives[rank])  # the new process says so
        self._network.mail.rise(("worker", rank))
        self._ask_in(rank)

    def _ask_in(self, rank: int) -> None:
        """It wants to be let in, as long as there is anybody in rounds."""
        alive = self._session.members.in_rounds - self._dead
        if self._session.agreed:
            self._waiting.append(rank)
        elif alive:
            self._transfer(rank, min(alive))
        elif self._dead:
            again = partial(self._ask_again, rank, self._lives[rank])
            self._agenda.at(self._agenda.now + self._lease_s, again)

    def _let_in(self, rank: int, other: int) -> None:
        """Agreed: it belongs to the others from this round on, which `other` is about to begin."""
        self._admit(rank, other, self._hub.number_of(other))
        self._transfer(rank, other)

    def _admit(self, rank: int, other: int, number: int) -> None:
        self._absent.discard(rank)
        self._hub.admit(rank, other, number)
        if self._servers is not None:
            pushes = self._servers.admit(rank, other, number, self._lives[rank] + 1)
            if self._replicas is not None:
                self._replicas.admitted(rank, pushes)
        self._cluster.refresh()

    def _transfer(self, rank: int, other: int) -> None:
        """Send what `other` has learnt."""
        params, life = self._session.params[other].copy(), self._lives[rank]
        number = self._hub.number_of(other)
        n_bytes = HEADER_BYTES + params.weights.nbytes + sum(array.nbytes for array in params.state.values())
        start, again = partial(self._start, rank, other, life, params, number), partial(self._ask_again, rank, life)
        self._network.send(("worker", other), ("worker", rank), n_bytes, start, again)

    def _ask_again(self, rank: int, life: int) -> None:
        """One of the two has died meanwhile."""
        if self._lives[rank] == life and not self._network.mail.is_dead(("worker", rank)):
            if rank not in self._absent:
                self._lose(rank)
            self._ask_in(rank)

    def _start(self, rank: int, other: int, life: int, params: Params, number: int) -> None:
        if self._lives[rank] != life:
            return
        in_rounds = self._session.members.in_rounds
        if not self._session.agreed:
            if self._session.reason is not None or not in_rounds:
                return
            # Whoever has left its rounds meanwhile may have come to sums that are only for the end.
            self._admit(rank, other if other in in_rounds else min(in_rounds), number)
        self._report.workers_joined += 1
        self._cluster.start(self._session.staff.another(rank, params, life), number)
