"""What answers the requests that communicate, on every engine that has all workers in one process.

The hub knows no clock and no thread: messages travel by the engine's transport, and answers come by call-back, at once
or later. Whoever calls it holds the engine's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, final

from hogwild.deltas import Delta
from hogwild.engines.collectives import Collectives
from hogwild.engines.mailboxes import AtRest, Mailboxes
from hogwild.engines.portions import Portions
from hogwild.engines.servers import SERVED, AbstractServers
from hogwild.engines.session import Session
from hogwild.engines.transport import AbstractTransport
from hogwild.engines.waits import Deadlock, Failed, Reply, deadlock
from hogwild.interfaces import Unsupported
from hogwild.requests import (
    Average,
    Communicate,
    Get,
    Inbox,
    Pull,
    Push,
    Put,
    Reduce,
    Round,
    Start,
    Take,
    Ticket,
    Wait,
)
from hogwild.snapshots.parts import Part

Told = Callable[[int, Ticket], None]


def at_once(rank: int, act: Callable[[], None]) -> None:
    """See `Mailboxes`: where one thing happens at a time, all workers are at rest when a message arrives."""
    act()


def unheard(rank: int, ticket: Ticket) -> None:
    """Where a worker sees for itself that its ticket is done."""


@final
class Hub:
    """`ask` calls `reply` once: before it returns, or later. `at_rest`: see `Mailboxes`. `told(rank, ticket)` is called
    when what the worker has started is done.
    """

    def __init__(
        self,
        session: Session,
        transport: AbstractTransport,
        servers: AbstractServers | None = None,
        at_rest: AtRest = at_once,
        told: Told = unheard,
    ) -> None:
        size, supply = session.size, session.supply
        self._session, self._told = session, told
        self._servers = servers
        self.running = set(range(size))
        self._rounds = [0] * size
        self._before = [False] * size  # has the worker begun rounds before the run went on?
        self._collectives = Collectives(size, transport, self.running, supply.place if session.agreed else None)
        self._mailboxes = Mailboxes(
            session.params, transport, self.running, self._rounds.__getitem__, at_rest, session.mirrors
        )
        self.portions = Portions(supply.n_training, size, self._rounds, supply.pass_is_over)
        if session.resumed is not None:
            self._resume(session.resumed.of_hub, session.resumed.likes)
        self._started: dict[int, Reply] = {}  # by ticket: what its answer is told to
        self._tickets: dict[int, tuple[int, Reply]] = {}  # those that are waited for: by whom
        self._awaited: list[Reply | None] = [None] * size  # what each worker waits for, if it waits
        collectives, mailboxes = self._collectives, self._mailboxes
        self._handlers: dict[type, Callable[[int, Any, Reply], None]] = {
            Reduce: collectives.give,
            Put: mailboxes.put,
            Inbox: mailboxes.inbox,
            Get: mailboxes.get,
            Average: mailboxes.average,
            Take: self._take,
            Start: self._start,
            Wait: self._wait,
            **dict.fromkeys(SERVED if servers is None else servers.requests, self._serve),
        }

    def ask(self, rank: int, request: Communicate, reply: Reply) -> None:
        """ValueError or NonFiniteError for what cannot be answered."""
        if type(request) is Pull:
            reply = partial(self._hand_over, rank, request, reply)
        self._awaited[rank] = reply
        self._handlers[type(request)](rank, request, reply)

    def _hand_over(self, rank: int, request: Any, reply: Reply, answer: Any) -> None:
        """The worker is given the answer now, which may have come before."""
        if isinstance(request, Pull) and self._servers is not None:
            self._servers.received(rank, answer)
        reply(answer)

    def _serve(self, rank: int, request: Any, reply: Reply) -> None:
        if self._servers is None:
            raise Unsupported('there is no server: the strategy must give a rule (`server`) and need "server"')
        if isinstance(request, Push) and isinstance(request.x, Delta) and request.x.portion is not None:
            number, told = request.x.portion, reply

            def reply(answer: Any) -> None:
                self.portions.pushed(rank, number, late=answer.late)
                told(answer)

            self.portions.sent(rank, number)

        self._servers.ask(rank, request, reply)

    def _take(self, rank: int, request: Take, reply: Reply) -> None:
        self._session.supply.check_portions()
        self.portions.take(rank, request, reply)

    def _wait(self, rank: int, request: Wait, reply: Reply) -> None:
        ticket = request.ticket
        if ticket.done:
            self._hand_over(rank, ticket.request, reply, ticket.answer)
        else:
            if id(ticket) not in self._started:
                raise ValueError("this ticket was not started in this run: await what me.start() has answered")
            self._tickets[id(ticket)] = (rank, reply)
            self._awaited[rank] = self._started[id(ticket)]

    def _start(self, rank: int, request: Start, reply: Reply) -> None:
        reply(self._begin(rank, request.request))

    def _begin(self, rank: int, request: Any) -> Ticket:
        """Begin it with a copy of what it sends."""
        ticket = Ticket(request)
        if isinstance(request, Push):
            request = Push(request.x.copy())
        elif isinstance(request, Reduce):
            request = request if request.x is None else Reduce(request.x.copy(), request.quorum)

        def finish(answer: Any) -> None:
            if isinstance(answer, Failed):  # perhaps nobody will ever wait for it
                answer.error.add_note(f"({type(request).__name__} that worker {rank} has started)")
                raise answer.error
            ticket.answer = answer
            ticket.done = True  # now other threads may look at the answer
            self._started.pop(id(ticket), None)
            self._told(rank, ticket)
            if id(ticket) in self._tickets:
                waiting, reply = self._tickets.pop(id(ticket))
                self._hand_over(waiting, ticket.request, reply, answer)

        self._started[id(ticket)] = finish
        try:
            self._handlers[type(request)](rank, request, finish)
        except Exception:
            self._started.pop(id(ticket), None)
            raise
        return ticket

    # ----------------------------------------------------------------------------------------------- life of workers

    def round(self, rank: int, number: int, *, fresh: bool) -> Round:
        """The worker's next round; a worker that is late goes on where the others are in the data."""
        self._rounds[rank] = number + 1
        late = self._collectives.late(rank)
        if late and (place := self._collectives.place_of_next(rank)) is not None:
            self._session.supply.move(rank, place)
        return Round(number, number == 0 and fresh and not self._before[rank], late)

    def left(self, rank: int) -> None:
        """The worker goes through no more rounds: nobody waits for its clock any longer."""
        self._session.members.leave(rank)
        if self._servers is not None:
            self._servers.left(rank)

    def returned(self, rank: int) -> None:
        """The worker's program has ended: nobody waits for it at all."""
        self.running.discard(rank)
        self.left(rank)
        self.portions.returned(rank)
        self._collectives.returned(rank)
        self._mailboxes.returned()

    def lost(self, rank: int) -> int:
        """The worker is dead, and all know: nobody waits for it, nor hears what it is answered. How many portions are
        handed out again?
        """
        self._session.members.lose(rank)
        self._session.supply.lost(rank, self._session.members.lowest)
        self._collectives.lost(rank)
        self._mailboxes.lost(rank)
        if rank not in self.running:
            return 0
        self.running.discard(rank)
        self._collectives.returned(rank)
        self._mailboxes.returned()
        if self._servers is not None:
            self._servers.left(rank)
        return self.portions.returned(rank)

    def leave(self, rank: int) -> None:
        """The worker goes through no more rounds, though the run goes on."""
        self._session.members.lose(rank)
        self._session.supply.lost(rank, self._session.members.lowest)

    def admit(self, rank: int, like: int, number: int) -> None:
        """A new process of a worker that was lost, or not there yet, begins with this round, where `like` is."""
        self.running.add(rank)
        counts_from = self._session.members.join(rank)
        self._rounds[rank] = number
        self._collectives.admit(rank, like)
        self._mailboxes.admit(rank, counts_from if self._session.agreed else -1)
        self._session.supply.follow(rank, like)

    def begins(self, rank: int) -> int:
        """The worker's first round: of a run that goes on, another than 0."""
        return self._rounds[rank]

    def number_of(self, rank: int) -> int:
        """The round that the worker is in, or will begin with."""
        return max(0, self._rounds[rank] - 1)

    # ------------------------------------------------------------------------------------------- a run that goes on

    def standing(self, met: Collection[int]) -> Part:
        """Rounds and mail; `met` rest between two rounds, all others begin theirs anew."""
        numbers = [number if rank in met else max(0, number - 1) for rank, number in enumerate(self._rounds)]
        mail = self._mailboxes.standing()
        facts = {"rounds": numbers, "begun": [number > 0 for number in self._rounds]}
        return Part({**facts, "portions": self.portions.numbers, "mail": mail.facts["mail"]}, mail.arrays)

    def _resume(self, part: Part, likes: Sequence[int]) -> None:
        facts = part.facts
        self._rounds[:] = [facts["rounds"][like] for like in likes]
        self._before = [facts["begun"][like] for like in likes]
        self.portions.numbers = facts["portions"]
        self._mailboxes.resume(part)

    # ------------------------------------------------------------------------------------------------------ deadlock

    def release(self) -> bool:
        """All wait and nothing is under way: give up what can no longer happen. False if there is no such wait."""
        return self._servers is not None and self._servers.release()

    def deadlock(self, met: Collection[int], elsewhere: Mapping[int, str] | None = None) -> Deadlock:
        """All wait: who for what? `met` wait for the end of the epoch; of others is known what they wait for."""
        servers = () if self._servers is None else self._servers.waits()
        parts = (self._collectives.waits(), self._mailboxes.waits(), self.portions.waits(), servers)
        why = {id(reply): text for reply, text in chain(*parts)}
        known = {**dict.fromkeys(met, "the end of the epoch"), **(elsewhere or {})}
        return deadlock(
            [(rank, known.get(rank) or why.get(id(self._awaited[rank]), "an answer")) for rank in self.running]
        )
