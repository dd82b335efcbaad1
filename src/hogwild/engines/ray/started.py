"""Requests that a worker's program has started at the conductor, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, final

from hogwild.engines.ray.hearing import own, told
from hogwild.engines.ray.linking import Linking
from hogwild.engines.ray.server import Server
from hogwild.engines.ray.terms import Released
from hogwild.requests import Ticket


@final
class Started:
    """Of one run; the program numbers them.

    under_way : what it has started at the server: see `UnderWay.number`
    """

    def __init__(
        self, rank: int, conductor: Any, linking: Linking, server: Server | None, under_way: Callable[[], int]
    ) -> None:
        self._rank, self._conductor, self._linking, self._server = rank, conductor, linking, server
        self._under_way = under_way
        self._began = 0
        self._tickets: dict[int, Ticket] = {}  # those that were not awaited yet, by number
        self._numbers: dict[Ticket, int] = {}
        self._listener: threading.Thread | None = None

    def start(self, request: Any) -> Ticket:
        """Begin it."""
        ticket = Ticket(request)
        self._began += 1
        self._tickets[self._began], self._numbers[ticket] = ticket, self._began
        self._linking.ask("start", self._began, request)
        self.listen()
        return ticket

    def knows(self, ticket: Ticket) -> bool:
        """Was it started here, and not awaited yet?"""
        return ticket in self._numbers

    def wait(self, ticket: Ticket) -> Any:
        """The answer, also to what is done: others may want to know that this worker has been given it."""
        number = self._numbers[ticket]
        ticket.answer = self._linking.ask("wait", number, self._under_way())
        ticket.done = True
        del self._tickets[number], self._numbers[ticket]
        return ticket.answer

    def listen(self) -> None:
        """Tickets are done while the program goes on: from now on the conductor tells."""
        if self._listener is None:
            self._listener = threading.Thread(target=self._listen, name="hogwild-tickets", daemon=True)
            self._listener.start()

    def end(self) -> None:
        """The conductor has said that there is no more news."""
        if self._listener is not None:
            self._listener.join()

    def _listen(self) -> None:
        while (found := told(self._conductor.done.remote(self._rank))) is not None:
            if isinstance(found, Released):
                assert self._server is not None
                self._server.resume(found.number, found.met)
                continue
            ticket = self._tickets.get(found[0])
            if ticket is not None:
                ticket.answer = own(found[1])
                ticket.done = True
