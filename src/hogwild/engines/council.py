"""Where workers that really run at once ask: each in a thread of its own, in which it waits for the answer."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, final

from hogwild.engines.asking import LATER, Asking
from hogwild.engines.collectives import not_come
from hogwild.engines.hub import Hub, Told, unheard
from hogwild.engines.servers import AbstractServers
from hogwild.engines.session import Session
from hogwild.engines.transport import AbstractTransport
from hogwild.engines.turn import Turn
from hogwild.engines.waits import Aborted
from hogwild.requests import Round

_AGAIN, _ABORT = object(), object()  # what a worker that waits may be woken with, beside an answer
Begun = Callable[[int], None]


def unwatched(rank: int) -> None:
    """Where nobody comes later."""


class AbstractSums(ABC):
    """Sums that workers make among themselves, of which the council knows only who waits long."""

    @abstractmethod
    def come(self, ranks: Sequence[int]) -> Sequence[int]:
        """To how many such sums these workers have come. Called while all of them wait."""


@final
class Council:
    """Of each worker one thread at a time may be in here. `told`: see `Hub`; `begun(rank)` is called when a worker
    begins a round, at rest; `sums`: of workers among themselves.
    """

    def __init__(
        self,
        session: Session,
        transport: AbstractTransport,
        servers: AbstractServers | None,
        told: Told = unheard,
        begun: Begun = unwatched,
        sums: AbstractSums | None = None,
    ) -> None:
        size = session.size
        self._session, self._begun = session, begun
        self.hub = Hub(session, transport, servers, self._at_rest, told)
        self.lock = threading.RLock()  # of the hub, and of all below
        if session.server_params is not None:
            session.server_params = partial(self._locked, session.server_params)
        self._slots: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(size)]
        self._asking = Asking(self.hub, size, self._wake)
        self._blocked: set[int] = set()
        # What others want of a worker at rest.
        self._visits: list[list[Callable[[], None]]] = [[] for _ in range(size)]
        self._sums = sums
        self._lingering: dict[int, int] = {}  # who waits in which of the sums that workers make among themselves
        self._met: set[int] = set()  # who has come to the end of the epoch
        self._judging = 0  # how many still judge
        self._closing = False  # is it looked at what they have? Who has died may be found out then
        # What workers have sent elsewhere that may still change something here, and what of it has arrived: numbers.
        self._sent, self._arrived = [0] * size, [0] * size
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
                    self.hub.left(rank)
                    self._look_at_meeting()
                    return None
                peers = self._session.members.peers(rank, number, known)
                round = self.hub.round(rank, number, fresh=self._session.fresh)
                self._begun(rank)
                return round, peers

    def returned(self, rank: int) -> None:
        """The worker's program has ended."""
        self._session.ended(rank)
        with self.lock:
            self._let_in(rank)
            self.hub.returned(rank)
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
            self._lingering.pop(rank, None)
            self._arrived[rank] = self._sent[rank]
            again = self.hub.lost(rank)
            self._let_in(rank)
            self._look_at_meeting()
            self._look_for_deadlock()
            return again

    def admit(self, rank: int, like: int) -> int:
        """Another process takes the place of a dead one, and begins with the round that it is told, where `like` is."""
        with self.lock:
            number = self.hub.number_of(like)
            self.hub.admit(rank, like, number)
            return number

    def when_at_rest(self, rank: int, act: Callable[[], None]) -> None:
        """Call `act` when this worker does not compute, or is dead."""
        with self.lock:
            self._at_rest(rank, act)

    @property
    def deserted(self) -> bool:
        """Has every worker ended, or died?"""
        return not self.hub.running

    def sent(self, rank: int, number: int) -> None:
        """The worker has things under way to elsewhere, up to this number: it may wait, not for ever. 0: none."""
        with self.lock:
            if number:
                self._sent[rank] = max(number, self._sent[rank])
            elif self._arrived[rank] < self._sent[rank]:
                self._arrived[rank] = self._sent[rank]
                self._look_at_meeting()

    def arrived(self, rank: int, number: int) -> None:
        """They have arrived, up to this number."""
        with self.lock:
            self._arrived[rank] = max(number, self._arrived[rank])
            self._look_at_meeting()
            self._look_for_deadlock()

    # -------------------------------------------------------------------------------- sums that workers make themselves

    def lingers(self, rank: int, number: int) -> None:
        """The worker waits for others in the sum of this number, and may be visited; Deadlock if nobody can come."""
        with self.lock:
            self._let_in(rank)
            self._lingering[rank] = number
            self._block(rank)

    def goes_on(self, rank: int) -> None:
        """All that the worker has waited for there have come, or will not. If the run is over it may not be known."""
        with self.lock:
            self._lingering.pop(rank, None)
            self._blocked.discard(rank)

    # ------------------------------------------------------------------------------------------------------- waiting

    def _wake(self, rank: int, answer: Any) -> None:
        """The worker waits, or is about to: this is its answer."""
        self._blocked.discard(rank)
        self._slots[rank].put(answer)

    def _at_rest(self, rank: int, act: Callable[[], None]) -> None:
        """Call `act` when this worker's thread does not compute: now, or when it next makes a request."""
        if rank == self._asking.rank or rank in self._blocked or rank not in self.hub.running:
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
        slot = self._slots[rank]  # before: see `_meet`
        self._look_for_deadlock()
        return slot

    def _look_for_deadlock(self) -> None:
        # What is released may have been started, and wake nobody.
        if self._under_way() or self._closing:
            return
        while self.hub.running and self._blocked >= self.hub.running:
            missing = self._missing()
            if not all(missing.values()):
                return  # who waits there is about to go on
            if self._session.pausing and self._met:
                self._begin_meeting()  # who waits within a round begins it anew, if the run goes on from there
                return
            if not self.hub.release():
                elsewhere = {rank: not_come(self._lingering[rank], those) for rank, those in missing.items()}
                raise self.hub.deadlock(self._met, elsewhere)

    def _under_way(self) -> bool:
        """Have workers sent elsewhere what has not arrived?"""
        return any(self._sent[rank] > self._arrived[rank] for rank in self.hub.running)

    def _missing(self) -> dict[int, list[int]]:
        """For whom those wait who are in a sum among workers."""
        if self._sums is None or not self._lingering:
            return {}
        running = sorted(self.hub.running)
        come = dict(zip(running, self._sums.come(running), strict=True))
        return {rank: [other for other in running if come[other] <= number] for rank, number in self._lingering.items()}

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
            slot = self._slots[rank]  # before it is looked: this very worker may be found dead, and its place taken
            if not self._look_at_meeting():
                slot = self._block(rank)
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
        if not self._met or self._judging or self._closing:
            return False
        if session.reason is not None and not session.agreed:
            self._meet_again()
            return True
        if self._met >= session.members.in_rounds and not (session.pausing and self._under_way()):
            self._begin_meeting()
            return True
        return False

    def _begin_meeting(self) -> None:
        self._closing = True
        try:
            self._session.close(frozenset(self._met))
        finally:
            self._closing = False
        # Those that are still there. Before their threads wake: each would keep the next one from asking.
        self._session.begin_judging(self._met)
        self._judging = len(self._met)
        for each in self._met:
            self._wake(each, None)

    def _meet_again(self) -> None:
        """All that have met ask again for their next round."""
        for each in self._met:
            self._wake(each, _AGAIN)
        self._met.clear()
