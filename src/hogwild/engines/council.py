"""Where workers that really run at once ask: each in a thread of its own, in which it waits for the answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, final

from hogwild.engines.asking import LATER, Asking
from hogwild.engines.hub import Hub, Told, unheard
from hogwild.engines.session import Session
from hogwild.engines.transport import AbstractTransport
from hogwild.engines.turn import Turn
from hogwild.engines.waits import Aborted
from hogwild.requests import Round
from hogwild.traffic import Traffic

_AGAIN, _ABORT = object(), object()  # what a worker that waits may be woken with, beside an answer
Begun = Callable[[int], None]


def unwatched(rank: int) -> None:
    """Where nobody comes later."""


@final
class Council:
    """Of each worker one thread at a time may be in here. `told`: see `Hub`; `begun(rank)` is called when a worker
    begins a round, at rest.
    """

    def __init__(
        self,
        session: Session,
        transport: AbstractTransport,
        traffic: Traffic,
        shards: int,
        told: Told = unheard,
        begun: Begun = unwatched,
    ) -> None:
        size = session.size
        self._session, self._begun = session, begun
        self._hub = Hub(session, transport, traffic, shards, self._at_rest, told)
        self.lock = threading.RLock()  # of the hub, and of all below
        if session.server_params is not None:
            session.server_params = partial(self._locked, session.server_params)
        self._slots: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(size)]
        self._asking = Asking(self._hub, size, self._wake)
        self._blocked: set[int] = set()
        # What others want of a worker at rest.
        self._visits: list[list[Callable[[], None]]] = [[] for _ in range(size)]
        self._met: set[int] = set()  # who has come to the end of the epoch
        self._judging = 0  # how many still judge
        self.aborted = False

    def abort(self) -> None:
        """Whoever waits here waits no longer, but is told that it is over: `Aborted`."""
        with self.lock:
            self.aborted = True
        for slot in self._slots:
            slot.put(_ABORT)

    def _locked(self, read: Callable[[], Any]) -> Any:
        with self.lock:
            return read()

    # ---------------------------------------------------------------------------------------------- a worker's thread

    def communicate(self, rank: int, request: Any) -> Any:
        """The answer to a request; Deadlock if it will never come."""
        with self.lock:
            self._let_in(rank)
            answer = self._asking.ask(rank, request)
            if answer is not LATER:
                return answer
            slot = self._block(rank)
        return self._woken(slot.get())

    def computed(self, rank: int) -> None:
        """The worker has computed something, and is at rest."""
        if self._visits[rank]:
            with self.lock:
                self._let_in(rank)

    def next_round(self, rank: int, number: int, known: Sequence[int]) -> tuple[Round, Sequence[int]] | None:
        """The worker's round of that number and its peers there (`known`: those of its last one); None: the end."""
        while True:
            turn = self._session.turn(rank, number)
            if turn is Turn.MEET:
                self._meet(rank)
                continue
            with self.lock:
                self._let_in(rank)
                if turn is Turn.STOP:
                    self._hub.left(rank)
                    self._look_at_meeting()
                    return None
                peers = self._session.members.peers(rank, number, known)
                round = self._hub.round(rank, number, fresh=self._session.fresh)
                self._begun(rank)
                return round, peers

    def returned(self, rank: int) -> None:
        """The worker's program has ended."""
        self._session.ended(rank)
        with self.lock:
            self._let_in(rank)
            self._hub.returned(rank)
            self._look_at_meeting()
            self._look_for_deadlock()

    # ------------------------------------------------------------------------------------------- who comes and goes

    def lost(self, rank: int) -> int:
        """The worker is dead: nobody waits for it, and if its thread waits here it is told that it is over. How many
        portions are handed out again? Deadlock if all others wait for what it alone could do.
        """
        with self.lock:
            slot, self._slots[rank] = self._slots[rank], SimpleQueue()
            slot.put(_ABORT)
            self._asking.hang_up(rank)
            self._blocked.discard(rank)
            self._met.discard(rank)
            again = self._hub.lost(rank)
            self._let_in(rank)
            self._look_at_meeting()
            self._look_for_deadlock()
            return again

    def admit(self, rank: int, like: int, life: int) -> int:
        """Another process takes the place of a dead one, and begins with the round that it is told, where `like` is."""
        with self.lock:
            number = self._hub.number_of(like)
            self._hub.admit(rank, like, number, life)
            return number

    def when_at_rest(self, rank: int, act: Callable[[], None]) -> None:
        """Call `act` when this worker does not compute, or is dead."""
        with self.lock:
            self._at_rest(rank, act)

    @property
    def deserted(self) -> bool:
        """Has every worker ended, or died?"""
        return not self._hub.running

    # ------------------------------------------------------------------------------------------------------- waiting

    def _wake(self, rank: int, answer: Any) -> None:
        """The worker waits, or is about to: this is its answer."""
        self._blocked.discard(rank)
        self._slots[rank].put(answer)

    def _at_rest(self, rank: int, act: Callable[[], None]) -> None:
        """Call `act` when this worker's thread does not compute: now, or when it next makes a request."""
        if rank == self._asking.rank or rank in self._blocked or rank not in self._hub.running:
            act()
        else:
            self._visits[rank].append(act)

    def _let_in(self, rank: int) -> None:
        visits = self._visits[rank]
        while visits:
            visits.pop(0)()

    def _block(self, rank: int) -> SimpleQueue[Any]:
        """The worker is about to wait, here; if all do, nobody is left to wake them."""
        if self.aborted:
            raise Aborted
        self._blocked.add(rank)
        self._look_for_deadlock()
        return self._slots[rank]

    def _look_for_deadlock(self) -> None:
        # What is released may have been started, and wake nobody.
        while self._hub.running and self._blocked >= self._hub.running:
            if not self._hub.release():
                raise self._hub.deadlock(self._met)

    @staticmethod
    def _woken(answer: Any) -> Any:
        if answer is _ABORT:
            raise Aborted
        return answer

    # ------------------------------------------------------------------------------------------------------- meetings

    def _meet(self, rank: int) -> None:
        """Wait for all that are in rounds; then all judge, and the last of them decides how it goes on."""
        with self.lock:
            self._let_in(rank)
            self._met.add(rank)
            slot = self._slots[rank] if self._look_at_meeting() else self._block(rank)
        if self._woken(slot.get()) is _AGAIN:
            return
        self._session.judge(rank)
        with self.lock:
            self._judging -= 1
            if self._judging == 0:
                self._session.decide()
                self._meet_again()
        self._woken(slot.get())

    def _look_at_meeting(self) -> bool:
        """Is everybody here? Then it begins. If the run was stopped meanwhile it does not take place."""
        session = self._session
        if not self._met or self._judging:
            return False
        if session.reason is not None and not session.agreed:
            self._meet_again()
            return True
        if self._met >= session.members.in_rounds:
            session.close()
            self._judging = len(self._met)
            for each in self._met:
                self._wake(each, None)
            return True
        return False

    def _meet_again(self) -> None:
        """All that have met ask again for their next round."""
        for each in self._met:
            self._wake(each, _AGAIN)
        self._met.clear()
