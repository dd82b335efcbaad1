"""Who waits long for the others in a sum says so: then it may be visited, and it is known if all wait for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, final

from hogwild.engines.ray.hearing import told

LONG_S = 0.05  # a call of the conductor, which takes a millisecond, is little against it


@final
class _Wait:
    def __init__(self, number: int, keep: Callable[[], None]) -> None:
        self.number, self.keep = number, keep
        self.told = False


@final
class Lingering:
    """Of one worker. A thread looks now and then, so that short waits cost nothing."""

    def __init__(self, rank: int, conductor: Any, under_way: Callable[[], int]) -> None:
        self._rank, self._conductor, self._under_way = rank, conductor, under_way
        self._wait: _Wait | None = None
        self._changing, self._over = threading.Lock(), threading.Event()
        threading.Thread(target=self._look, name="hogwild-lingering", daemon=True).start()

    def waits(self, number: int, keep: Callable[[], None]) -> None:
        """The program waits in this sum. `keep` is called before others are let in, who may change what it gives."""
        self._wait = _Wait(number, keep)

    def goes_on(self) -> None:
        """It waits no longer. The conductor knows when this returns."""
        with self._changing:
            wait, self._wait = self._wait, None
        if wait is not None and wait.told:
            told(self._conductor.goes_on.remote(self._rank))

    def end(self) -> None:
        """The program has ended."""
        self._over.set()

    def _look(self) -> None:
        seen: _Wait | None = None
        while not self._over.wait(LONG_S):
            wait = self._wait
            if wait is not None and wait is seen and not wait.told:
                with self._changing:
                    if self._wait is wait:
                        wait.keep()
                        wait.told = True
                        told(self._conductor.lingers.remote(self._rank, wait.number, self._under_way()))
            seen = wait
