"""Connections between all workers of a run, by torch.distributed's gloo, on the address of the cluster only."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

CLOSING = 1 << 16  # a kind of messages that nobody sends
INSTANT = timedelta(milliseconds=1)
CONNECT = timedelta(seconds=60)  # who is not there then has died
# Of waiting: a worker may compute for days before it comes, and one that dies is noticed otherwise.
FOREVER = timedelta(days=3650)


class Broken(ConnectionError):
    """The connection to a worker is lost. Says to which."""


@final
class Store:
    """Where workers find each other. The first makes it, at an address of its own, and tells the others which."""

    def __init__(self, host: str, port: int | None = None) -> None:
        distributed = import_module("torch.distributed")
        options: dict[str, Any] = {"is_master": port is None, "timeout": CONNECT, "wait_for_workers": False}
        if port is None:
            # Left to itself it listens on all addresses.
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listening = socket.create_server((host, 0), family=family)
            port = listening.getsockname()[1]
            options["master_listen_fd"] = listening.detach()
        self.address = (host, port)
        self.made = distributed.TCPStore(host, port, None, **options)


@final
class Mesh:
    """Messages of bytes from each worker to each. Those of one kind arrive in the order in which they were sent.

    Not a default group of torch's: the process stays for other runs, of other sizes. Needs all workers to be made at
    the same time. RuntimeError if one of them does not come. `name`: of this one, if the store serves several.
    """

    def __init__(self, store: Store, host: str, rank: int, size: int, name: str = "") -> None:
        torch, distributed = import_module("torch"), import_module("torch.distributed")
        options = distributed.ProcessGroupGloo._Options()
        options._devices, options._timeout = [_device(host)], CONNECT
        self._store, self._tensor = store, torch.from_numpy
        self._gloo = distributed.ProcessGroupGloo(distributed.PrefixStore(name, store.made), rank, size, options)
        self._peers = [peer for peer in range(size) if peer != rank]

    def send(self, data: Bytes, peer: int, kind: int) -> Any:
        """Begin to send these bytes, which must not change until `finish`."""
        return self._begin(self._gloo.send, data, peer, kind)

    def receive(self, data: Bytes, peer: int, kind: int) -> Any:
        """Begin to receive at most so many bytes: they are there after `finish`."""
        return self._begin(self._gloo.recv, data, peer, kind)

    def _begin(self, move: Any, data: Bytes, peer: int, kind: int) -> Any:
        try:
            return peer, move([self._tensor(data)], peer, kind), data
        except RuntimeError as error:
            raise _broken(peer, error) from error

    def close(self) -> None:
        """Break all connections: who waits for this worker waits no longer."""
        for peer in self._peers:
            with suppress(RuntimeError, Broken):  # gloo closes a connection when a wait runs out, and says so
                self._begin(self._gloo.recv, np.empty(1, np.uint8), peer, CLOSING)[1].wait(INSTANT)

    @staticmethod
    def finish(begun: Any, patience: timedelta = FOREVER) -> None:
        """Wait until it was sent, or received. `Broken` if it cannot be, or not in this time."""
        peer, work, _ = begun
        try:
            work.wait(patience)
        except RuntimeError as error:
            raise _broken(peer, error) from error


@cache
def _device(host: str) -> Any:
    """A thread that moves all messages of this process."""
    return import_module("torch.distributed").ProcessGroupGloo.create_device(hostname=host)


def _broken(peer: int, error: RuntimeError) -> Broken:
    return Broken(f"the connection to worker {peer} is lost: {' '.join(str(error).split())}")
