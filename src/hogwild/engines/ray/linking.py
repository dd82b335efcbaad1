"""What a worker's program asks of the conductor: by a connection when there is one, else by a call."""

from __future__ import annotations

import threading
from typing import Any, final

from hogwild.engines.ray.answering import TO_WORKER, Answer, answer_all
from hogwild.engines.ray.hearing import answered, heard
from hogwild.engines.ray.importing import Spent, has_gloo
from hogwild.engines.ray.link import Link
from hogwild.engines.ray.packing import Bytes, unpacked
from hogwild.engines.ray.plain import PLAIN
from hogwild.engines.ray.wiring import MOST_BYTES, MOST_TIMES, WORTH_S, connected, new_name

CALL_S = 1e-3  # what a call of the conductor takes longer than a message to it


@final
class Linking:
    """Of one process of a worker in one run. Only its program asks here, in its own thread; a thread beside it
    connects it when calls have cost what that does.

    rank, seat : by which it calls the conductor, and by which the conductor knows what it has asked
    visited : answers what the conductor asks meanwhile, in a thread of its own
    """

    def __init__(self, rank: int, seat: int, conductor: Any, run: int, visited: Answer) -> None:
        self._rank, self._seat, self._conductor, self._run, self._visited = rank, seat, conductor, run, visited
        self._number = 0  # of the last message
        self._link: Link | None = None
        self._lock = threading.Lock()  # of what follows, and of who ends a link
        self._connecting, self._times, self._over = False, 0, False

    def ask(self, method: str, *arguments: Any, **options: Any) -> Any:
        """What the conductor answers: see `heard`."""
        link = self._link
        if link is None or link.over:
            self._want()
        else:
            message = link.asked((method, (self._number + 1, arguments, options)))
            if message is not None:
                return self._by(link, message)
        return heard(getattr(self._conductor, method).remote(self._rank, *arguments, **options))

    def _by(self, link: Link, message: Bytes) -> Any:
        self._number += 1
        found = link.answer(message)
        if found:
            return answered(found[0])
        # As it was sent: while the program waits others may change its weights.
        method, asked = unpacked(message, PLAIN)
        try:
            return heard(self._conductor.links.remote(self._run, "once", self._seat, method, *asked))
        finally:
            link.told_elsewhere()

    def end(self) -> None:
        """The program has ended."""
        with self._lock:
            self._over = True
            link = self._link
        if link is not None:
            link.end()

    def _want(self) -> None:
        if not self._connecting and self._times < MOST_TIMES and Spent.spend(CALL_S, WORTH_S):
            self._connecting = True
            self._times += 1
            threading.Thread(target=self._connect, name="hogwild-linking", daemon=True).start()

    def _connect(self) -> None:
        link = self._connected()
        with self._lock:
            self._connecting = False
            if link is not None:
                self._link = link
            over = self._over
        if over and link is not None:
            link.end()

    def _connected(self) -> Link | None:
        if not has_gloo():
            return None
        name = new_name(self._seat)
        socket = self._conductor.links.remote(self._run, "open", self._seat, name)
        found = connected(name, socket, f"worker {self._rank} with the conductor")
        if found is None:
            return None
        visited = found[0], TO_WORKER, self._visited, MOST_BYTES, PLAIN
        threading.Thread(target=answer_all, args=visited, name="hogwild-visited", daemon=True).start()
        return Link(found[0])
