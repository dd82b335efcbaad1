"""The conductor's end of connections with workers: what a worker asks is done once, whichever way it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, final

from hogwild.engines.ray.answering import TO_SERVER, answer_all
from hogwild.engines.ray.importing import has_gloo
from hogwild.engines.ray.mesh import Mesh
from hogwild.engines.ray.plain import PLAIN
from hogwild.engines.ray.terms import Over
from hogwild.engines.ray.visits import Visits
from hogwild.engines.ray.wiring import MOST_BYTES, Socket, Sockets

METHODS = frozenset({"ask", "start", "sum", "supply", "turn", "wait"})
"""Of the conductor: what programs ask, one thing after another."""
NEVER = 0, Future[Any]()  # what was asked last of who has asked nothing


@final
class Links:
    """Of one run. Called by any thread.

    conductor : does what is asked, and knows by the seat whose place is taken
    seat : of the process that a worker has now
    """

    def __init__(self, conductor: Any, seat: Callable[[int], int]) -> None:
        self._conductor, self._seat, self._sockets = conductor, seat, Sockets()
        self._lock = threading.Lock()  # of what follows, and to open one after another
        self._last: dict[int, tuple[int, Future[Any]]] = {}  # by seat: the last number that was begun, and its answer
        self._visits: dict[int, Visits] = {}  # by seat
        self._over = False

    def open(self, seat: int, name: str) -> Socket | None:
        """A worker wants to be connected, under this name. None: it cannot be."""
        if not has_gloo():  # which may import it: not while the lock is held
            return None
        with self._lock:
            if self._over:
                return None
            return self._sockets.open_for(name, MOST_BYTES, partial(self._serve, seat))

    def _serve(self, seat: int, mesh: Mesh) -> None:
        visits = self._visits[seat] = Visits(mesh)
        try:
            answer_all(mesh, TO_SERVER, lambda method, asked: self.once(seat, method, *asked), MOST_BYTES, PLAIN)
        finally:
            visits.close()
            with self._lock:
                if self._visits.get(seat) is visits:
                    del self._visits[seat]

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

    def visits(self, rank: int) -> Visits | None:
        """By which this worker can be asked; None: it is not connected."""
        return self._visits.get(self._seat(rank))

    def lost(self, seat: int) -> None:
        """The process that has this seat is taken for dead: nobody waits for it here."""
        visits = self._visits.get(seat)
        if visits is not None:
            visits.close()
        self._sockets.close(seat)

    def end(self) -> None:
        """The run is over."""
        with self._lock:
            self._over = True
            visits = list(self._visits.values())
        for each in visits:
            each.close()
        self._sockets.close()
