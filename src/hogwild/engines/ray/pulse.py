"""Who gives no sign for long is ended, so that nobody waits for it: its host hangs, or the network has cut it off. Ray
itself looks at hosts only, and by its usual settings notices such a one after a minute. Who is dead is found out by
those that wait for it, and of shards by `signs`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, final

import ray

from hogwild.engines.ray.errors import LOST
from hogwild.engines.ray.groups import PULSE

LOG = logging.getLogger("hogwild")
BEATS = 4  # in a row that somebody must miss: the driver itself may have been away


@final
class _Watched:
    def __init__(self, name: str, started: bool) -> None:
        self.name, self.asked = name, None
        self.missed = 0 if started else -1  # beats; -1: has given no sign yet


@final
class Pulse:
    """In the driver: `watch` actors, which are asked for a sign in a thread, and killed when there is none for
    `patience_s`. What waits for them is told of their death, as of any other; `conductor` hears why.
    """

    def __init__(self, patience_s: float, conductor: Any) -> None:
        self.patience_s, self._conductor = patience_s, conductor
        self._watched: dict[Any, _Watched] = {}
        self._silent: dict[Any, str] = {}
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name="hogwild-pulse", daemon=True)

    def watch(self, actor: Any, name: str, *, started: bool = False) -> None:
        """It has a thread for that, in the group `PULSE`. Who has not `started` yet has time for it."""
        with self._lock:
            self._watched[actor] = _Watched(name, started)

    def forget(self, actor: Any) -> None:
        """It has died, or ended."""
        with self._lock:
            self._watched.pop(actor, None)

    def why(self, actor: Any, otherwise: str) -> str:
        """Why it has died, if it was killed here."""
        with self._lock:
            return self._silent.get(actor, otherwise)

    def __enter__(self) -> Pulse:
        try:
            self._thread.start()
            return self
        except BaseException:  # Ctrl-C comes where `start` waits, too, and then nobody calls `__exit__`
            self._over.set()
            raise

    def __exit__(self, *_: object) -> None:
        """Nobody is killed any more when this returns."""
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self.patience_s / BEATS):
            with self._lock:
                watched = dict(self._watched)
            self._look(watched)

    def _look(self, watched: Mapping[Any, _Watched]) -> None:
        asked = {each.asked: each for each in watched.values() if each.asked is not None}
        answered = set(ray.wait(list(asked), num_returns=len(asked), timeout=0)[0]) if asked else set()
        for actor, each in watched.items():
            if each.asked is None or each.asked in answered:
                each.missed = each.missed if each.asked is None else 0
                each.asked = actor.__ray_ready__.options(concurrency_group=PULSE).remote()
            elif each.missed >= 0:
                each.missed += 1
                if each.missed == BEATS:
                    self._kill(actor, each.name)

    def _kill(self, actor: Any, name: str) -> None:
        why = f"it has given no sign for {self.patience_s:g} s (`patience_s` of the engine)"
        with self._lock:
            if self._watched.pop(actor, None) is None or self._over.is_set():
                return
            self._silent[actor] = why
        LOG.warning("%s is ended: %s", name, why)
        with suppress(*LOST, ray.exceptions.GetTimeoutError):  # who finds it dead must know why, if anybody is there
            ray.get(self._conductor.ending.remote(actor, why), timeout=self.patience_s)
        ray.kill(actor)
