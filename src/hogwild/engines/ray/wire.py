"""A connection of a worker with the process of a shard, by gloo: messages take a third of the time of Ray's calls."""

from __future__ import annotations

import pickle
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, final

import numpy as np

from hogwild.engines.ray.mesh import Broken, Mesh
from hogwild.engines.ray.packing import Bytes, packed, unpacked

SHARD, WORKER = 0, 1  # the ends of a connection
ASKED, ANSWERED = 0, 1  # kinds of messages
SILENT_S = 2.0  # without an answer, and the actor is asked: shards answer at once
NOTHING = ()  # for an answer, which is alone in a tuple: it is an error, too large or lost, and the actor is called


class Unanswered(ConnectionError):
    """No answer comes by this connection: call the actor. A shard knows by a message's number what it has done."""


@final
class Awaited:
    """The answer to a message that was sent."""

    def __init__(self, wire: Wire, data: Bytes) -> None:
        self._wire, self._data = wire, data
        self._found: SimpleQueue[Any] = SimpleQueue()

    def put(self, found: Any) -> None:
        """It has come."""
        self._found.put(found)

    def get(self) -> Any:
        """Wait for it. `Unanswered` if none comes, or an error: the actor will raise it."""
        try:
            found = self._found.get(timeout=SILENT_S)
        except Empty:
            self._wire.give_up()
            found = self._found.get()
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

    Answers come in the order of the messages. A thread waits for them that can be left behind: see `Summing`.
    """

    def __init__(self, mesh: Mesh, most_bytes: int) -> None:
        self._mesh, self._most_bytes = mesh, most_bytes
        self._lock = threading.Lock()  # of what follows, and of the order
        self.over = False
        self._sent: deque[Awaited] = deque()  # and not answered
        self._receiving: SimpleQueue[tuple[Any, Bytes, Any] | None] = SimpleQueue()
        threading.Thread(target=self._hear, name="hogwild-wire", daemon=True).start()

    def ask(self, method: str, arguments: tuple[Any, ...]) -> Awaited | None:
        """Send it. None if it is too large, or nothing is sent here any more."""
        data = packed((method, arguments), self._most_bytes)
        if data is None:
            return None
        awaited, into = Awaited(self, data), np.empty(self._most_bytes, np.uint8)
        with self._lock:
            if self.over:
                return None
            try:
                receiving = self._mesh.receive(into, SHARD, ANSWERED)
                sending = self._mesh.send(data, SHARD, ASKED)
            except Broken:
                self._stop()
                return None
            self._sent.append(awaited)
            self._receiving.put((receiving, into, sending))
        return awaited

    def give_up(self) -> None:
        """Nobody waits for an answer any more."""
        self._mesh.close()
        with self._lock:
            self._stop()

    def end(self) -> None:
        """The worker has no more messages."""
        with self._lock:
            if not self.over:
                data = packed(None, self._most_bytes)
                assert data is not None
                with suppress(Broken):  # then the shard knows
                    self._receiving.put((None, data, self._mesh.send(data, SHARD, ASKED)))
                self._stop()

    def _stop(self) -> None:
        """Lock held."""
        self.over = True
        while self._sent:
            self._sent.popleft().put(NOTHING)
        self._receiving.put(None)

    def _hear(self) -> None:
        while (each := self._receiving.get()) is not None:
            receiving, into, sending = each
            try:
                self._mesh.finish(sending if receiving is None else receiving)
                if receiving is None:
                    return  # the shard knows that this was the last
                answer = unpacked(into)
            except Broken:
                self.give_up()
                return
            except pickle.UnpicklingError:  # as an operation's error
                answer = NOTHING
            with self._lock:
                if not self._sent:  # given up meanwhile
                    return
                awaited = self._sent.popleft()
            awaited.put(answer)


def serve(mesh: Mesh, most_bytes: int, answer: Callable[[str, tuple[Any, ...]], Any]) -> None:
    """The shard's end: answer messages until the worker ends, or is out of reach."""
    sending = None
    try:
        while True:
            into = np.empty(most_bytes, np.uint8)  # anew, as the shard may keep some of it
            mesh.finish(mesh.receive(into, WORKER, ASKED))
            asked = unpacked(into)
            if asked is None:
                return
            data = packed(_answered(answer, *asked), most_bytes)
            if data is None:
                data = packed(NOTHING, most_bytes)
                assert data is not None
            if sending is not None:
                mesh.finish(sending)
            sending = mesh.send(data, WORKER, ANSWERED)
    except (Broken, pickle.UnpicklingError):  # the worker calls the actor then
        return
    finally:
        mesh.close()


def _answered(answer: Callable[[str, tuple[Any, ...]], Any], method: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return (answer(method, arguments),)
    except Exception:  # which is raised again when the worker calls the actor
        return NOTHING
