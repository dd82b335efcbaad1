"""What the conductor asks of workers by their connections with it: to show what they have, and to judge weights.

Both only read, so that it does no harm if one is asked twice: where a connection breaks the actor is asked again.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.engines.ray.answering import TO_WORKER
from hogwild.engines.ray.mesh import Broken, Mesh
from hogwild.engines.ray.packing import packed, unpacked
from hogwild.engines.ray.plain import PLAIN
from hogwild.engines.ray.wire import NOTHING, WORKER
from hogwild.engines.ray.wiring import MOST_BYTES
from hogwild.params import Params

LONG = timedelta(seconds=20)  # longer than to judge a batch: who is silent then is asked by its actor
State = Mapping[str, NDArray[Any]]
Visited = tuple[Any, ...]  # the answer, alone in a tuple, or NOTHING


@final
class Visits:
    """Of the worker at the other end of this connection. Called by any thread."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh, self._lock = mesh, threading.Lock()  # of the order

    def ask(self, method: str, arguments: tuple[Any, ...]) -> Callable[[], Visited] | None:
        """Send it; what is returned waits for the answer. None: it cannot be sent."""
        data = packed((method, arguments), MOST_BYTES, PLAIN)
        if data is None:
            return None
        mesh, into = self._mesh, np.empty(MOST_BYTES, np.uint8)  # several may be under way
        try:
            with self._lock:
                receiving = mesh.receive(into, WORKER, TO_WORKER.answered)
                sending = mesh.send(data, WORKER, TO_WORKER.asked)
        except Broken:
            return None

        def answer() -> Visited:
            try:
                mesh.finish(receiving, LONG)
                mesh.finish(sending, LONG)
                found: Visited = unpacked(into, PLAIN)
            except (Broken, pickle.UnpicklingError):
                return NOTHING
            return found

        return answer


Visitor = Callable[[int], Visits | None]
"""By which a worker can be asked, of this rank."""


def unconnected(rank: int) -> None:
    """Where all are asked by their actors."""


def is_like(state: State, other: State) -> bool:
    """Have both the same names, and arrays of one kind? Connections ask for no token, and kernels look at no sizes."""
    return state.keys() == other.keys() and all(
        array.shape == other[name].shape and array.dtype == other[name].dtype for name, array in state.items()
    )


def params_of(like: Params, weights: NDArray[Any], state: State) -> Params:
    """A copy of these, which are of one kind with others. ValueError if they are not."""
    params = like.copy()
    if not is_like({**state, "": weights}, {**params.state, "": params.weights}):
        raise ValueError("these weights are of another model")
    params.weights[:] = weights
    for name, array in state.items():
        params.state[name][...] = array
    return params
