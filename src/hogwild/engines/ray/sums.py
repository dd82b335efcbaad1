"""The sums that one worker asks for: at first through the conductor; among workers, when all of them are connected."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, final

from hogwild.deltas import size_in_bytes
from hogwild.engines.ray.connecting import Connecting
from hogwild.engines.ray.direct import Direct
from hogwild.engines.ray.hearing import heard
from hogwild.engines.ray.importing import Spent
from hogwild.engines.ray.linking import Linking
from hogwild.engines.ray.mesh import Broken
from hogwild.engines.ray.offers import Way
from hogwild.engines.ray.summing import Summing
from hogwild.engines.ray.terms import Summed
from hogwild.requests import Reduce, Reduced

WORTH_S = 0.2  # workers that sum wait for each other, and the import is in the background
SUM_S, BYTE_S = 1e-3, 9e-9  # what a sum through the conductor takes, measured with two workers on one machine


@final
class Sums:
    """Of one run. All workers change at the same sum, of which the conductor tells them in time.

    To each sum among workers each sends all others one frame, also who does not come: so nobody waits for who does
    something else, or has ended. Who must go through the conductor, as sums of a quorum and those that were started,
    says that in its next frame, and then all go through it until the end of the run. So they do when a connection
    breaks, as when a process dies: who has the sum already gives it to those who have not.

    come : to how many sums among workers, with those before
    sent : bytes and messages of those that this worker has counted for all
    """

    def __init__(
        self, rank: int, size: int, conductor: Any, linking: Linking, run: int, under_way: Callable[[], int]
    ) -> None:
        self._rank, self._size, self._conductor, self._run = rank, size, conductor, run
        self._linking = linking
        self._under_way = under_way  # to shards: see `Council.sent`
        self._connecting: Connecting | None = None
        self._direct: Direct | None = None
        self._summing: Summing | None = None
        self._left: Way | None = None  # no frames come after the one that said so
        self._sending = threading.Lock()  # of frames: the end of the run may come at any time
        self._number = 0  # of the next sum
        self._sealing = threading.Lock()  # of the two that follow
        self._last: tuple[int, Reduced] | None = None  # number and result of the last sum among workers
        self._sealed = False  # none of them is finished any more
        self.come = 0
        self.sent = (0, 0)

    def go_on(self, number: int) -> None:
        """There were so many before this worker came."""
        self._number = number

    def ask(self, request: Reduce) -> Reduced:
        """See `Collectives.give`: the same sum, to the bit."""
        if request.quorum is not None:
            self.leave(Way.ELSEWHERE)
        direct, summing = self._direct, self._summing
        if direct is None or summing is None:
            return self._through_conductor(request)
        try:
            found = self._among_workers(request, direct, summing)
        except Broken:
            found = self._apart(summing)
        if found is not None:
            self._number += 1
            return found
        try:
            return self._through_conductor(request)
        except Exception:
            self.leave(Way.ELSEWHERE)  # the program may try again, and the others are in this sum
            raise

    def _among_workers(self, request: Reduce, direct: Direct, summing: Summing) -> Reduced | None:
        """None if it is to go through the conductor."""
        direct.prepare(request.x)
        with self._sending:
            if self._left is not None:
                return None
            direct.send()
            self.come += 1
        together, found = summing.make(self._number)
        if not together:
            self._left = Way.ELSEWHERE  # one of the others has
            return None
        self.sent = direct.sent
        with self._sealing:
            if self._sealed:
                return None
            self._last = None if found is None else (self._number, found)
        return found

    def _apart(self, summing: Summing) -> Reduced | None:
        """A connection has broken in this sum. It, if another worker has it; no worker makes sums with others now."""
        with self._sending:
            self._left, self._direct = Way.ELSEWHERE, None
        summing.break_off()
        found: Reduced | None = heard(self._conductor.broken.remote(self._rank, self._number))
        return found

    def break_off(self) -> None:
        """A worker is lost. Nobody waits for it here any more: if its host was cut off, no connection says so."""
        if self._summing is not None:
            self._summing.break_off()

    def seal(self, number: int) -> Reduced | None:
        """This sum, if this worker has it; else it does not make it with others any more."""
        with self._sealing:
            self._sealed = True
            found = None if self._last is None or self._last[0] != number else self._last[1]
        self.break_off()
        return found

    def _through_conductor(self, request: Reduce) -> Reduced:
        worth = Spent.spend(SUM_S + BYTE_S * size_in_bytes(request.x), WORTH_S)
        if self._connecting is None and self._size > 1 and worth:
            self._connecting = Connecting(self._rank, self._size, self._conductor, self._run)
        mesh = None if self._connecting is None else self._connecting.mesh
        connected = mesh is not None and self._left is None
        summed: Summed = self._linking.ask("sum", request, self._under_way(), connected=connected)
        self._number += 1
        if mesh is not None and summed.begins == self._number:
            self._begin(Direct(mesh, self._rank, self._size))
        return summed.reduced

    def _begin(self, direct: Direct) -> None:
        with self._sending:
            self._summing = Summing(direct, self._rank, self._conductor, self._under_way)
            self._direct, self.come = direct, self._number
            if self._left is not None:
                self._tell(direct, self._left)

    def leave(self, way: Way) -> None:
        """To the next sum, and all that follow, this worker does not come among the others. From any thread."""
        with self._sending:
            if self._left is None:
                self._left = way
                if self._direct is not None:
                    self._tell(self._direct, way)

    def _tell(self, direct: Direct, way: Way) -> None:
        direct.tell(way)
        self.come += 1

    def end(self) -> None:
        """The program has ended."""
        if self._connecting is not None:
            self._connecting.end()
        if self._summing is not None:
            self._summing.end()
