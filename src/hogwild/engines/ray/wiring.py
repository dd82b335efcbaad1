"""How workers get connected with shards, and shards with their copies, while all go on."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, final
from uuid import uuid4

import ray

from hogwild.engines.ray.answering import SERVER, TO_SERVER, WORKER, Answer, answer_all
from hogwild.engines.ray.errors import LOST
from hogwild.engines.ray.importing import Spent, has_gloo
from hogwild.engines.ray.mesh import Mesh, Store
from hogwild.engines.ray.rendezvous import Address
from hogwild.engines.ray.terms import View
from hogwild.engines.ray.wire import Awaited, Wire

LOG = logging.getLogger(__name__)
MOST_BYTES = 1 << 24  # of a message: calls of actors are as fast with such
HEAD_BYTES = 4_096  # a message has less beside its arrays
KEY_BYTES = 8
MOST_TIMES = 4  # that a worker connects with an actor: who is silent now and then is better called
WORTH_S = 2.0  # what the import takes: the shard's process, which all ask, must import torch, too
CALL_S = 5e-4  # what a call of an actor takes longer than a message to it
LAST_S = 1.0  # more than it takes to answer; a thread that waits in gloo for ever does nothing else
NONE = -1, None  # no connection
LEADER = -1  # instead of a worker's rank: who leads a shard, and is connected with its copy


@final
class Socket(NamedTuple):
    """Where a shard waits for who wants to connect, under a name that it has made up. most_bytes: see `Wire`."""

    address: Address
    most_bytes: int


def most_bytes(weights: int, width: int) -> int:
    """Of a message about all weights of a shard, by their keys, each of so many bytes; larger ones go by calls."""
    return min(HEAD_BYTES + weights * (width + KEY_BYTES), MOST_BYTES)


def new_name(rank: int) -> str:
    """Of another connection of this worker."""
    return _name(rank) + uuid4().hex


def _name(rank: int) -> str:
    """How names of connections of this worker begin."""
    return f"{rank}-"


def connected(name: str, socket: Any, who: str) -> tuple[Mesh, Socket] | None:
    """The end of who wants to connect. None: it cannot be, and calls take its place. socket: what the actor that was
    asked will answer; who: for the log.
    """
    try:
        found = ray.get(socket)
        if not isinstance(found, Socket):
            return None
        return Mesh(Store(*found.address), ray.util.get_node_ip_address(), WORKER, 2, name), found
    except LOST:  # who asks for more will notice
        return None
    except Exception as error:  # whatever it is
        LOG.warning("%s is not connected, messages take longer: %s", who, error)
        return None


@final
class Sockets:
    """Of the process of a shard, or of the conductor."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._served: dict[str, tuple[Mesh, threading.Thread]] = {}  # by name

    def close(self, rank: int | None = None) -> None:
        """Those of this worker are no longer served, or of all: then nothing that was asked there is done any more."""
        served = [each for name, each in list(self._served.items()) if rank is None or name.startswith(_name(rank))]
        for mesh, _ in served:
            mesh.close()
        if rank is None:
            for _, thread in served:
                thread.join(LAST_S)
            self._served.clear()  # also of those that wait in gloo for ever

    def open(self, name: str, most_bytes: int, answer: Answer) -> Socket | None:
        """A thread waits for the worker, and then gives it the answers. None: there is no torch."""
        return self.open_for(name, most_bytes, lambda mesh: answer_all(mesh, TO_SERVER, answer, most_bytes))

    def open_for(self, name: str, most_bytes: int, act: Callable[[Mesh], None]) -> Socket | None:
        """The same, whatever is done with the connection."""
        if not has_gloo():
            return None
        host = ray.util.get_node_ip_address()
        store = self._store = self._store or Store(host)

        def wait_and_serve() -> None:
            try:
                # Not by the store itself: who waits there for one worker keeps all others waiting.
                mesh = Mesh(Store(*store.address), host, SERVER, 2, name)
            except RuntimeError as error:
                LOG.warning("a worker has not connected: %s", error)
                return
            self._served[name] = mesh, threading.current_thread()
            try:
                act(mesh)
            finally:
                self._served.pop(name, None)

        threading.Thread(target=wait_and_serve, name="hogwild-serving", daemon=True).start()
        return Socket(store.address, most_bytes)


@final
class Wiring:
    """Of one worker in one run, or of `LEADER`: sends what it can to actors with which it is connected, and a thread
    connects it with those that it asks often.
    """

    def __init__(self, rank: int, run: int) -> None:
        self._rank, self._run = rank, run
        self._lock = threading.Lock()  # of what changes below; `ask` may read what is a moment old
        self._wires: dict[int, tuple[int, Wire]] = {}  # by shard, and the life in which its leader was
        self._wanted: SimpleQueue[tuple[int, View] | None] = SimpleQueue()
        self._connecting: set[int] = set()
        self._times: Counter[tuple[int, int]] = Counter()
        self._thread: threading.Thread | None = None
        self._over = False

    def ask(self, shard: int, view: View, method: str, arguments: tuple[Any, ...]) -> Awaited | None:
        """Send it. None: call the actor."""
        life, wire = self._wires.get(shard, NONE)
        if wire is not None and life == view.life and not wire.over:
            return wire.ask(method, arguments)
        if shard not in self._connecting and Spent.spend(CALL_S, WORTH_S):
            self._want(shard, view)
        return None

    def end(self) -> None:
        """The worker asks for no more."""
        self._wanted.put(None)
        with self._lock:
            self._over = True
            wires = list(self._wires.values())
        for _, wire in wires:
            wire.end()

    def _want(self, shard: int, view: View) -> None:
        with self._lock:
            if self._over or shard in self._connecting or self._times[shard, view.life] == MOST_TIMES:
                return
            self._times[shard, view.life] += 1
            self._connecting.add(shard)
            self._wanted.put((shard, view))
            if self._thread is None:
                self._thread = threading.Thread(target=self._connect_all, name="hogwild-wiring", daemon=True)
                self._thread.start()

    def _connect_all(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            shard, view = wanted
            wire = self._connected(view.actor) if has_gloo() else None
            with self._lock:
                self._connecting.discard(shard)
                _, before = self._wires.get(shard, NONE)
                if wire is not None:
                    self._wires[shard] = view.life, wire
                over = self._over
            if before is not None:
                before.give_up()
            if over and wire is not None:
                wire.end()

    def _connected(self, actor: Any) -> Wire | None:
        name = new_name(self._rank)
        who = "a shard with its copy" if self._rank == LEADER else f"worker {self._rank} with a shard"
        found = connected(name, actor.wire.remote(self._run, name), who)
        return None if found is None else Wire(found[0], found[1].most_bytes)
