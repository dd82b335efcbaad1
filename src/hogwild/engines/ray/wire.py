"""A connection of a worker with the process of a shard, by gloo: messages take a third of the time of Ray's calls."""

from __future__ import annotations

import pickle
import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any, final

from hogwild.engines.ray.answering import SERVER, TO_SERVER
from hogwild.engines.ray.buffers import Buffers
from hogwild.engines.ray.mesh import Broken, Mesh
from hogwild.engines.ray.packing import Bytes, packed, unpacked

SILENT = timedelta(seconds=2)  # without an answer, and the actor is asked: shards answer at once


class Unanswered(ConnectionError):
    """No answer comes by this connection: call the actor. A shard knows by a message's number what it has done."""


@final
class Awaited:
    """The answer to a message that was sent."""

    def __init__(self, wire: Wire, data: Bytes, answer: Bytes, begun: tuple[Any, Any]) -> None:
        self._wire, self._data, self._answer = wire, data, answer
        self._receiving, self._sending = begun

    def get(self) -> Any:
        """Wait for it. `Unanswered` if none comes, or an error: the actor will raise it."""
        try:
            Mesh.finish(self._receiving, SILENT)
            self._wire.answered(self)
            found = unpacked(self._answer)
        except Broken:
            self._wire.give_up()
            raise Unanswered from None
        except pickle.UnpicklingError:
            raise Unanswered from None
        if not found:
            raise Unanswered
        return found[0]

    def arguments(self) -> Any:
        """What was sent: the program may have changed its own meanwhile."""
        return unpacked(self._data)[1]


@final
class Wire:
    """The worker's end. Its methods may be called by any thread.

    most_bytes : of a message and of an answer

    Answers come in the order of the messages. Whoever waits for one waits in gloo, for `SILENT` at most.
    """

    def __init__(self, mesh: Mesh, most_bytes: int) -> None:
        self._mesh, self._most_bytes = mesh, most_bytes
        self._lock, self._buffers = threading.Lock(), Buffers()  # of the order; for answers
        self._awaited: set[Awaited] = set()  # gloo must find their buffers, though nobody may wait for them any more
        self.over = False

    def ask(self, method: str, arguments: tuple[Any, ...]) -> Awaited | None:
        """Send it. None if it is too large, or nothing is sent here any more."""
        data = packed((method, arguments), self._most_bytes)
        if data is None:
            return None
        with self._lock:
            if self.over:
                return None
            into, answer = self._buffers.take_bytes(self._most_bytes)
            try:
                receiving = self._mesh.receive(into, SERVER, TO_SERVER.answered)
                awaited = Awaited(self, data, answer, (receiving, self._mesh.send(data, SERVER, TO_SERVER.asked)))
                self._awaited.add(awaited)
                return awaited
            except Broken:
                self.over = True
                return None

    def answered(self, awaited: Awaited) -> None:
        """The answer is there."""
        self._awaited.discard(awaited)

    def give_up(self) -> None:
        """Nobody waits for an answer any more."""
        self.over = True
        self._mesh.close()

    def end(self) -> None:
        """The worker has no more messages, and waits for no answer."""
        with self._lock:
            if self.over:
                return
            self.over = True
            data = packed(None, self._most_bytes)
            assert data is not None
            with suppress(Broken):  # then the shard knows
                self._mesh.finish(self._mesh.send(data, SERVER, TO_SERVER.asked), SILENT)
            self._mesh.close()
