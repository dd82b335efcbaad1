"""One end of a connection between a worker and the conductor, where messages are answered."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np

from hogwild.engines.ray.mesh import Broken, Mesh
from hogwild.engines.ray.packing import packed, unpacked
from hogwild.engines.ray.plain import PLAIN
from hogwild.engines.ray.wire import ANSWERED, ASKED, NOTHING, SHARD, WORKER, question
from hogwild.engines.ray.wiring import MOST_BYTES

Answer = Callable[[str, tuple[Any, ...]], Any]


@final
class Way(NamedTuple):
    """Who asks, and the kinds of its messages and of their answers."""

    asks: int
    asked: int
    answered: int


TO_CONDUCTOR = Way(WORKER, ASKED, ANSWERED)
TO_WORKER = Way(SHARD, 2, 3)


def answer_all(mesh: Mesh, way: Way, answer: Answer) -> None:
    """Until who asks ends, or is out of reach; then the connection is broken."""
    into, sending = np.empty(MOST_BYTES, np.uint8), None
    try:
        receiving = mesh.receive(into, way.asks, way.asked)
        while True:
            mesh.finish(receiving)
            asked = question(unpacked(into, PLAIN))
            if asked is None:
                return
            receiving = mesh.receive(into, way.asks, way.asked)  # before it is sent: gloo need not ask whether it may
            data = packed(_answered(answer, *asked), MOST_BYTES, PLAIN)
            if data is None:
                data = packed(NOTHING, MOST_BYTES, PLAIN)
                assert data is not None
            if sending is not None:
                mesh.finish(sending)
            sending = mesh.send(data, way.asks, way.answered)
    except (Broken, pickle.UnpicklingError):  # actors are called then
        return
    finally:
        mesh.close()


def _answered(answer: Answer, method: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return (answer(method, arguments),)
    except Exception:  # which is raised again when the actor is called
        return NOTHING
