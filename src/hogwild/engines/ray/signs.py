"""Are the shards and their copies still there? Who asks them would notice; but nobody may ask for long. Who is there
and gives no sign is another question: see `pulse`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, final

import ray

from hogwild.engines.ray.errors import said

EVERY_S = 1.0


@final
class Signs:
    """A thread that asks each actor for a sign of life, once a second; who does not answer may be busy.

    actors : those that should be there now, and what they are called
    died : called for one that is dead for sure
    """

    def __init__(self, actors: Callable[[], dict[Any, Any]], died: Callable[[Any, str], object]) -> None:
        self._actors, self._died = actors, died
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="hogwild-signs", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Nobody is found dead any more when this returns."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        asked: dict[Any, Any] = {}  # who was asked, by the answer that is still to come
        while not self._over.wait(EVERY_S):
            waiting = set(asked.values())
            asked |= {actor.node.remote(): who for who, actor in self._actors().items() if who not in waiting}
            answered = ray.wait(list(asked), num_returns=len(asked), timeout=EVERY_S)[0] if asked else []
            for answer in answered:
                who = asked.pop(answer)
                try:
                    ray.get(answer)
                except ray.exceptions.ActorDiedError as error:
                    self._died(who, said(error))
                except ray.exceptions.RayActorError:
                    continue  # it may come back
