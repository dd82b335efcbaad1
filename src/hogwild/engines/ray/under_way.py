"""Pushes and operations that a worker has started: which have not arrived yet, and what the conductor knows of that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, final

SOON_S = 0.02


@final
class UnderWay:
    """Called by any thread.

    The conductor hears of them with each question of the program (`number`), as it waits for them before it says that
    nobody will ever go on: see `Council.sent`. That they have arrived it hears with the next question; only if none
    comes soon, as the program waits for an answer, by a call.

    beside : does something in a thread beside the program
    """

    def __init__(self, rank: int, conductor: Any, beside: Callable[[Callable[[], None]], None]) -> None:
        self._rank, self._conductor, self._beside = rank, conductor, beside
        self._changed = threading.Condition()  # of all below
        self._begun, self._open = 0, 0
        self._told = False  # does the conductor know of some that have not arrived?
        self._times = 0  # that it was told how far they are
        self._telling = False  # will a thread call it?
        self._over = False

    def continue_from(self, number: int) -> None:
        """Those of a process before this one, which the conductor tells apart, had numbers up to this one."""
        self._begun = number

    def begins(self) -> None:
        """One was started."""
        with self._changed:
            self._begun += 1
            self._open += 1

    def arrived(self) -> None:
        """One of them has, or was never sent."""
        with self._changed:
            self._open -= 1
            self._changed.notify_all()
            if self._open or not self._told or self._telling:
                return
            self._telling = True
        self._beside(self._tell)

    def number(self) -> int:
        """For the conductor, which is told now: the number of the last, if not all have arrived."""
        with self._changed:
            self._told = self._open > 0
            self._times += 1
            return self._begun if self._open else 0

    def wait(self, check: Callable[[], None], patience_s: float) -> None:
        """Until all have arrived; `check` is called now and then, and raises if that will not be."""
        with self._changed:
            while self._open:
                check()
                self._changed.wait(patience_s)

    def end(self) -> None:
        """The run is over: nobody is told."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _tell(self) -> None:
        with self._changed:
            while not self._over and self._told and not self._open:
                times = self._times
                self._changed.wait_for(lambda: self._over, SOON_S)
                if times == self._times:
                    break
            self._telling = False
            if self._over or self._open or not self._told:
                return
            self._told = False
            begun = self._begun
        self._conductor.arrived.remote(self._rank, begun)
