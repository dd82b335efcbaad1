"""What workers have started through the conductor, and what each process is told of it while its program goes on."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any, final

from hogwild.engines.council import Council
from hogwild.engines.ray.rendezvous import Rendezvous
from hogwild.engines.ray.terms import Released
from hogwild.engines.waits import Failed
from hogwild.requests import Reduce, Start, Ticket, Wait

News = tuple[int, Any] | Released


@final
class Tickets:
    """Of one run. Each worker numbers its own; all but `next` is called with the council's lock, or at the end."""

    def __init__(self, size: int) -> None:
        self._tickets: list[dict[int, Ticket]] = [{} for _ in range(size)]
        self._numbers: dict[int, int] = {}  # by ticket
        self._news: list[SimpleQueue[News | None]] = [SimpleQueue() for _ in range(size)]

    def begun(self, rank: int, number: int, ticket: Ticket) -> None:
        """The worker has started it."""
        self._tickets[rank][number], self._numbers[id(ticket)] = ticket, number
        if ticket.done:
            self.told(rank, ticket)

    def __getitem__(self, place: tuple[int, int]) -> Ticket:
        """Rank and number of what was not awaited yet."""
        return self._tickets[place[0]][place[1]]

    def awaited(self, rank: int, number: int) -> None:
        """The worker has the answer."""
        self._numbers.pop(id(self._tickets[rank].pop(number)), None)

    def told(self, rank: int, ticket: Ticket) -> None:
        """It is done."""
        number = self._numbers.get(id(ticket))
        if number is not None:
            self._news[rank].put((number, ticket.answer))

    def released(self, rank: int, number: int, met: bool) -> None:
        """A pull that the worker has started waits no longer."""
        self._news[rank].put(Released(number, met))

    def next(self, rank: int) -> News | None:
        """Waits for the next news of the worker; None: there are no more for who asks."""
        return self._news[rank].get()

    def lost(self, rank: int) -> None:
        """The process is dead. What comes now is for another, which numbers its tickets anew."""
        for ticket in self._tickets[rank].values():
            self._numbers.pop(id(ticket), None)
        self._tickets[rank] = {}
        dead, self._news[rank] = self._news[rank], SimpleQueue()
        dead.put(None)

    def end(self) -> None:
        """Nobody may still wait here when the next run begins."""
        for news in self._news:
            news.put(None)


@final
class Starting:
    """Called by the conductor for each worker, in the thread in which that waits; raises what the council does."""

    def __init__(self, council: Council, tickets: Tickets, rendezvous: Rendezvous) -> None:
        self._council, self._tickets, self._rendezvous = council, tickets, rendezvous

    def begin(self, rank: int, number: int, request: Any) -> None:
        """Its answer is told by `Tickets.next`, and to who waits for it."""
        with self._council.lock:
            if isinstance(request, Reduce):
                self._rendezvous.comes(rank, connected=False, waits=False)
            self._tickets.begun(rank, number, self._council.communicate(rank, Start(request)))

    def wait(self, rank: int, number: int) -> Any:
        """The answer to what was started."""
        answer = self._council.communicate(rank, Wait(self._tickets[rank, number]))
        if not isinstance(answer, Failed):
            self._tickets.awaited(rank, number)
        return answer
