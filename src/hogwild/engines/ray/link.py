"""A worker's end of its connection with the conductor, by gloo: a message and its answer take a third of the time of a
call.
"""

from __future__ import annotations

import pickle
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, final

import numpy as np

from hogwild.engines.ray.answering import NOTHING, SERVER, TO_SERVER
from hogwild.engines.ray.mesh import Broken, Mesh
from hogwild.engines.ray.packing import Bytes, packed, unpacked
from hogwild.engines.ray.plain import PLAIN
from hogwild.engines.ray.wiring import MOST_BYTES

LONG_S = 2.0  # without an answer, and the program waits for it by a call: that ends when the conductor does


@final
class Link:
    """Asked by one thread, one thing at a time.

    Answers may take as long as the slowest worker. gloo may wait for ever if a connection breaks in the middle of a
    message: so a thread waits that can be left behind, see `Summing`.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._mesh, self._into = mesh, np.empty(MOST_BYTES, np.uint8)
        self._asked: SimpleQueue[tuple[Any, Any, SimpleQueue[Any] | None] | None] = SimpleQueue()
        self._under_way, self._over = False, False
        self._late: SimpleQueue[Any] | None = None  # for an answer that is not waited for
        threading.Thread(target=self._hear, name="hogwild-link", daemon=True).start()

    @property
    def over(self) -> bool:
        """Is the connection lost, or ended?"""
        return self._over

    def asked(self, what: Any) -> Bytes | None:
        """The message that asks for this; None if it cannot be sent here now."""
        return None if self._over or self._under_way else packed(what, MOST_BYTES, PLAIN)

    def answer(self, message: Bytes) -> Any:
        """Send it, and wait for the answer, which is alone in a tuple. NOTHING: call the actor, which knows by a
        number whether it has heard of it.
        """
        found: SimpleQueue[Any] = SimpleQueue()
        self._under_way = True
        try:
            receiving = self._mesh.receive(self._into, SERVER, TO_SERVER.answered)
            self._asked.put((receiving, self._mesh.send(message, SERVER, TO_SERVER.asked), found))
        except Broken:
            self._over = True
            self._asked.put(None)
            return NOTHING
        try:
            return found.get(timeout=LONG_S)
        except Empty:
            self._late = found
            return NOTHING

    def told_elsewhere(self) -> None:
        """The actor has answered: so the answer is here soon, too, or never, as the connection has broken."""
        late, self._late = self._late, None
        if late is None:
            return
        try:
            late.get(timeout=LONG_S)
        except Empty:
            self._over = True
            self._mesh.close()

    def end(self) -> None:
        """The program asks for no more."""
        if not self._over:
            message = packed(None, MOST_BYTES, PLAIN)
            assert message is not None
            with suppress(Broken):  # then the conductor knows
                self._asked.put((None, self._mesh.send(message, SERVER, TO_SERVER.asked), None))
            self._over = True
            self._asked.put(None)

    def _hear(self) -> None:
        while (each := self._asked.get()) is not None:
            receiving, sending, found = each
            try:
                self._mesh.finish(sending if found is None else receiving)
                answer = None if found is None else unpacked(self._into, PLAIN)
            except (Broken, pickle.UnpicklingError):
                self._over = True
                self._mesh.close()
                if found is not None:
                    found.put(NOTHING)
                return
            self._under_way = False
            if found is not None:
                found.put(answer)
