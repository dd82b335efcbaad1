"""One sum after another among workers, in a thread that can be left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, final

from hogwild.engines.ray.direct import Direct
from hogwild.engines.ray.hearing import told
from hogwild.engines.ray.mesh import Broken
from hogwild.requests import Reduced

LONG_S = 0.05  # a call of the conductor, which takes a millisecond, is little against it
Answer = tuple[bool, Reduced | None] | BaseException


@final
class Summing:
    """Of one worker.

    When a connection breaks, gloo tells who waits for a message that has not begun to move, but never who waits for
    one of which a part has: `Pair::signalException` of its TCP transport knows of no others. So the program does not
    wait for gloo but for a thread that does, and `break_off` leaves that thread behind.

    A program that waits for long tells the conductor: then the worker may be visited, and it is known if all wait for
    ever.
    """

    def __init__(self, direct: Direct, rank: int, conductor: Any, under_way: Callable[[], int]) -> None:
        self._direct, self._rank, self._conductor, self._under_way = direct, rank, conductor, under_way
        self._begun: SimpleQueue[SimpleQueue[Answer] | None] = SimpleQueue()
        # Never held while somebody is asked: `break_off` comes in the thread in which the conductor is answered.
        self._lock = threading.Lock()
        self._broken = False
        self._answer: SimpleQueue[Answer] | None = None  # of the sum that the program is in
        self._changing = threading.Lock()  # of what follows, and of what the conductor knows of it
        self._hears, self._lingers = False, False  # it waits for the others, and the conductor knows
        threading.Thread(target=self._make_all, name="hogwild-summing", daemon=True).start()

    def make(self, number: int) -> tuple[bool, Reduced | None]:
        """Are the others in the sum for which the worker has sent its frame? It, unless it cannot be made here.
        `Broken` if a connection is.
        """
        answer: SimpleQueue[Answer] = SimpleQueue()
        with self._lock:
            if self._broken:
                raise _broken_off()
            self._answer = answer
        with self._changing:
            self._hears = True
        self._begun.put(answer)
        try:
            found = answer.get(timeout=LONG_S)
        except Empty:
            self._linger(number)
            found = answer.get()
        self._goes_on()
        if isinstance(found, BaseException):
            raise found
        return found

    def break_off(self) -> None:
        """No sum is made any more, and nobody waits here: the program gets `Broken`. From any thread."""
        self._direct.close()  # first: what is left behind sends nothing that the program may be changing
        with self._lock:
            self._broken = True
            if self._answer is not None:
                self._answer.put(_broken_off())

    def end(self) -> None:
        """The program has ended."""
        self._begun.put(None)

    def _make_all(self) -> None:
        while (answer := self._begun.get()) is not None:
            try:
                answer.put(self._make())
            except Exception as error:
                answer.put(error)

    def _make(self) -> tuple[bool, Reduced | None]:
        together = self._direct.hear()
        self._goes_on()
        return together, self._direct.total() if together else None

    def _linger(self, number: int) -> None:
        with self._changing:
            if self._hears:
                self._direct.keep()  # those that are let in may change what the worker gives
                self._lingers = True
                told(self._conductor.lingers.remote(self._rank, number, self._under_way()))

    def _goes_on(self) -> None:
        """It waits for the others no longer. The conductor knows when this returns."""
        with self._changing:
            lingers, self._hears, self._lingers = self._lingers, False, False
        if lingers:
            told(self._conductor.goes_on.remote(self._rank))


def _broken_off() -> Broken:
    return Broken("a worker is lost: sums are made without connections from now on")
