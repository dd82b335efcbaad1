"""What the conductor asks of workers by their connections with it: to show what they have, and to judge weights.

Both only read, so that it does no harm if one is asked twice: where a connection breaks the actor is asked again.
"""

from __future__ import annotations

import pickle
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block
from hogwild.engines.ray.answering import NOTHING, TO_WORKER, WORKER
from hogwild.engines.ray.batches import batch_of
from hogwild.engines.ray.mesh import Broken, Mesh
from hogwild.engines.ray.packing import packed, unpacked
from hogwild.engines.ray.plain import PLAIN
from hogwild.engines.ray.wiring import MOST_BYTES
from hogwild.params import Params

State = Mapping[str, NDArray[Any]]
Visited = tuple[Any, ...]  # the answer, alone in a tuple, or NOTHING
Visit = Callable[[], Visited]
"""Waits for the answer."""


@final
class Visits:
    """Of the worker at the other end of this connection. Called by any thread.

    To judge may take long, and gloo may wait for ever: a thread waits for the answers, which come in order, and is left
    behind by `close`.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._telling, self._told = threading.Lock(), -1  # the number of the weights that the worker has
        self._lock = threading.Lock()  # of the order, and of what follows
        self._over = False
        self._waiting: deque[SimpleQueue[Visited]] = deque()
        self._sent: SimpleQueue[tuple[Any, Any, Any] | None] = SimpleQueue()
        threading.Thread(target=self._hear, name="hogwild-visits", daemon=True).start()

    def show(self) -> Visit | None:
        """The answer is a `Shown`. None: it cannot be asked here."""
        return self._ask("show", ())

    def judge(self, number: int, params: Params, blocks: Sequence[Block]) -> Visit | None:
        """Weights of this number, which are sent once. The answer is what `rows_of` makes of tallies; None as above."""
        with self._telling:
            told = None if self._told == number else (params.weights, params.state)
            answer = self._ask("tally", (number, told, batch_of(blocks)))
            if answer is not None:
                self._told = number
        return answer

    def _ask(self, method: str, arguments: tuple[Any, ...]) -> Visit | None:
        data = packed((method, arguments), MOST_BYTES, PLAIN)
        if data is None:
            return None
        found = SimpleQueue[Visited]()
        into = np.empty(MOST_BYTES, np.uint8)  # new, as several may be under way
        try:
            with self._lock:
                if self._over:
                    return None
                receiving = self._mesh.receive(into, WORKER, TO_WORKER.answered)
                sending = self._mesh.send(data, WORKER, TO_WORKER.asked)
                self._waiting.append(found)
                self._sent.put((receiving, sending, into))
        except Broken:
            self.close()  # or the next answer would be taken for that to this
            return None
        return found.get

    def close(self) -> None:
        """The worker is not asked by this connection any more, and who waits for it waits no longer."""
        with self._lock:
            self._over = True
            self._sent.put(None)
            while self._waiting:
                self._waiting.popleft().put(NOTHING)

    def _hear(self) -> None:
        while (each := self._sent.get()) is not None:
            receiving, _, into = each
            try:
                self._mesh.finish(receiving)
                found: Visited = unpacked(into, PLAIN)
            except Broken:
                self.close()
                return
            except pickle.UnpicklingError:
                found = NOTHING
            with self._lock:
                if self._over:
                    return
                self._waiting.popleft().put(found)


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
