"""How workers get connected while they go on: importing torch takes seconds."""

from __future__ import annotations

import logging
import threading
from typing import Any, final

import ray

from hogwild.engines.ray.importing import has_gloo
from hogwild.engines.ray.mesh import Mesh, Store

ENDING_S = 2.0  # programs end one after another
logger = logging.getLogger(__name__)


@final
class Connecting:
    """Begins when it is made, in a thread of its own. `mesh` is there when all workers are connected; if one of them
    has no torch, or asks for no sums, it will never be.
    """

    def __init__(self, rank: int, size: int, conductor: Any, run: int) -> None:
        self.mesh: Mesh | None = None
        self._over = threading.Event()
        self._rank, self._size, self._conductor, self._run = rank, size, conductor, run
        threading.Thread(target=self._connect, name="hogwild-connecting", daemon=True).start()

    def end(self) -> None:
        """The program has ended: nobody asks for sums any more."""
        self._over.set()

    def _connect(self) -> None:
        if not has_gloo():
            return
        try:
            host = ray.util.get_node_ip_address()
            store = Store(host) if self._rank == 0 else None
            address = ray.get(
                self._conductor.meet.remote(self._rank, self._run, None if store is None else store.address)
            )
            if address is not None:
                self.mesh = Mesh(store or Store(*address), host, self._rank, self._size)
        except (RuntimeError, OSError, ray.exceptions.RayActorError) as error:
            if self._over.wait(ENDING_S):  # others had gone already
                return
            logger.warning("worker %d is not connected with the others, sums take longer: %s", self._rank, error)
