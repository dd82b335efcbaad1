"""The conductor's end of connections with workers: what a worker asks is done once, whichever way it comes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, final

from hogwild.answers import All, Message, Portion, Reduced, Round
from hogwild.data.blocks import Block
from hogwild.deltas import Change, Coded, Delta, PartialState
from hogwild.engines.ray.importing import has_gloo
from hogwild.engines.ray.packing import Plain
from hogwild.engines.ray.terms import Over, Parked, Summed
from hogwild.engines.ray.wiring import MOST_BYTES, Socket, Sockets
from hogwild.requests import Average, Get, Inbox, Put, Reduce, Take
from hogwild.rules.schedules import Moment

METHODS = frozenset({"ask", "start", "sum", "supply", "turn", "wait"})
"""Of the conductor: what programs ask, one thing after another."""
_REQUESTS = Average, Get, Inbox, Parked, Put, Reduce, Take
_ANSWERS = All, Block, Change, Coded, Delta, Message, Moment, Over, PartialState, Portion, Reduced, Round, Summed
PLAIN = Plain((*_REQUESTS, *_ANSWERS))
"""What messages are made of. A worker checks blocks before kernels read what they name."""
NEVER = 0, Future[Any]()  # what was asked last of who has asked nothing


@final
class Links:
    """Of one run. Called by any thread.

    conductor : does what is asked, and knows by the seat whose place is taken
    """

    def __init__(self, conductor: Any) -> None:
        self._conductor, self._sockets = conductor, Sockets()
        self._lock = threading.Lock()  # of what follows, and to open one after another
        self._last: dict[int, tuple[int, Future[Any]]] = {}  # by seat: the last number that was begun, and its answer
        self._over = False

    def open(self, seat: int, name: str) -> Socket | None:
        """A worker wants to be connected, under this name. None: it cannot be."""
        if not has_gloo():
            return None
        with self._lock:
            if self._over:
                return None
            return self._sockets.open(name, MOST_BYTES, partial(self._answer, seat), PLAIN)

    def _answer(self, seat: int, method: str, asked: tuple[Any, ...]) -> Any:
        return self.once(seat, method, *asked)

    def once(self, seat: int, method: str, number: int, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """What is asked under this number; if it has been asked before, the answer to that, which may be still to
        come.
        """
        if method not in METHODS:
            raise ValueError(f"{method!r} is not asked for by a connection")
        with self._lock:
            last, answer = self._last.get(seat, NEVER)
            if self._over or number < last:  # nobody waits for that any more
                return Over()
            begins = number > last
            if begins:
                answer = Future()
                self._last[seat] = number, answer
        if begins:
            try:
                answer.set_result(getattr(self._conductor, method)(seat, *arguments, **options))
            except Exception as error:
                answer.set_exception(error)
        return answer.result()

    def lost(self, seat: int) -> None:
        """The process that has this seat is taken for dead."""
        self._sockets.close(seat)

    def end(self) -> None:
        """The run is over."""
        with self._lock:
            self._over = True
        self._sockets.close()
