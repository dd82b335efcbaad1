"""The threads of one run: each drives one worker's program, and asks the hub for what it cannot answer by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from typing import Any, final

from hogwild.engines.asking import LATER, Asking
from hogwild.engines.computing import Computing
from hogwild.engines.driving import Program
from hogwild.engines.hub import Hub
from hogwild.engines.session import Session, Turn
from hogwild.engines.transport import Direct
from hogwild.engines.waits import Deadlock
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.requests import COMPUTE, NextRound, Round
from hogwild.traffic import Traffic

_AGAIN, _ABORT = object(), object()  # what a worker that waits may be woken with, beside an answer


class _Aborted(Exception):
    """Another worker has failed, or the run was interrupted."""


@final
class Crew:
    """All methods are called by the main thread; the others work."""

    def __init__(self, session: Session, strategy: AbstractStrategy, shards: int) -> None:
        self._session, self._strategy, self._size = session, strategy, len(session.params)
        self.traffic = Traffic()
        self._hub = Hub(session, Direct(self.traffic), self.traffic, shards, self._at_rest)
        self._computing = Computing(session)
        self._lock = threading.RLock()  # of the hub, and of all below
        if session.server_params is not None:
            session.server_params = partial(self._locked, session.server_params)
        self._slots: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(self._size)]
        self._asking = Asking(self._hub, self._size, self._wake)
        self._blocked: set[int] = set()
        # What others want of a worker at rest.
        self._visits: list[list[Callable[[], None]]] = [[] for _ in range(self._size)]
        self._met: set[int] = set()  # who has come to the end of the epoch
        self._judging = 0  # how many still judge
        self._aborted = False
        self._members: list[_Member] = []
        self._bell: SimpleQueue[None] = SimpleQueue()  # rung whenever a worker's program has ended

    # ------------------------------------------------------------------------------------------- the main thread

    def start(self) -> None:
        """Start a thread for each worker."""
        for worker in self._session.workers():
            self._members.append(_Member(self, worker, self._bell))
            self._members[-1].thread.start()

    def wait(self) -> None:
        """Until all workers have ended. The main thread does nothing else, so that Ctrl-C reaches it at once.

        Not with Thread.join: interrupted, it takes a running thread for one that has ended (Python 3.11 and 3.12). Not
        with an Event: interrupted at the wrong moment, it stays locked for ever, and who sets it waits for ever.
        """
        for member in self._members:
            self._await_end(member, inf)
        for member in self._members:
            member.thread.join()

    def _await_end(self, member: _Member, patience_s: float) -> bool:
        """Wait until its program has ended. False: it has not in all that time."""
        late = time.monotonic() + patience_s
        while not member.ended and time.monotonic() < late:
            # With a time-out, because not every way to interrupt a program wakes a thread that waits for good.
            with suppress(Empty):
                self._bell.get(timeout=0.1)
        return member.ended

    def wait_whatever_comes(self) -> None:
        """Workers have been told to stop, and do within milliseconds: an impatient second Ctrl-C must not lose them."""
        members = self._members
        while True:
            try:
                if members and not members[-1].thread.is_alive() and not self._await_end(members[-1], 1.0):
                    members.pop()  # could not be started; one that was interrupted while it started has ended by now
                return self.wait()
            except KeyboardInterrupt:
                self._end_now()  # agreed workers finish their round, unless they wait for each other for ever

    def interrupt(self) -> None:
        """End the run now.

        Workers that agree on their rounds finish the one they are in: whoever left earlier would leave the others
        waiting, and half of a merge behind. Unless not all have been started.
        """
        complete = len(self._members) == self._size and self._members[-1].thread.ident is not None
        if self._session.agreed and complete:
            self._session.stop("interrupted", now=False)
        else:
            self._end_now()

    def _end_now(self) -> None:
        self._session.stop("interrupted")
        self._abort()

    # --------------------------------------------------------------------------------------------- a worker's thread

    def drive(self, worker: Worker) -> None:
        """Run one worker's program and answer its requests, in this thread."""
        rank, program = worker.rank, None
        try:
            program = Program(self._strategy, worker)
            with closing(program):
                request = program.advance(None)
                while request is not None:
                    if self._aborted:  # who never waits would not be told otherwise
                        return
                    kind = type(request)
                    try:
                        if kind in COMPUTE:
                            answer = self._compute(rank, request)
                        elif kind is NextRound:
                            answer = self._next_round(worker, program.rounds)
                            program.rounds += answer is not None
                        else:
                            answer = self._communicate(rank, request)
                    except (_Aborted, Deadlock):
                        raise
                    except Exception as error:
                        request = program.throw(error)
                    else:
                        request = program.advance(answer)
            self._session.ended(rank)
            self._returned(rank)
        except _Aborted:
            pass
        except Deadlock as error:
            self._session.fail(error, None)
            self._abort()
        except BaseException as error:
            self._session.fail(error, rank, 0 if program is None else program.rounds)
            self._abort()

    def _compute(self, rank: int, request: Any) -> Any:
        answer = self._computing.plan(rank, request).run()
        if self._visits[rank]:
            with self._lock:
                self._let_in(rank)
        return answer

    def _locked(self, read: Callable[[], Any]) -> Any:
        with self._lock:
            return read()

    def _communicate(self, rank: int, request: Any) -> Any:
        with self._lock:
            self._let_in(rank)
            answer = self._asking.ask(rank, request)
            if answer is not LATER:
                return answer
            self._block(rank)
        return self._woken(self._slots[rank].get())

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

    def _block(self, rank: int) -> None:
        """The worker is about to wait; if all do, nobody is left to wake them."""
        if self._aborted:
            raise _Aborted
        self._blocked.add(rank)
        self._look_for_deadlock()

    def _look_for_deadlock(self) -> None:
        # What is released may have been started, and wake nobody.
        while self._hub.running and self._blocked >= self._hub.running:
            if not self._hub.release():
                raise self._hub.deadlock(self._met)

    @staticmethod
    def _woken(answer: Any) -> Any:
        if answer is _ABORT:
            raise _Aborted
        return answer

    def _abort(self) -> None:
        with self._lock:
            self._aborted = True
        for slot in self._slots:
            slot.put(_ABORT)

    def _returned(self, rank: int) -> None:
        with self._lock:
            self._let_in(rank)
            self._hub.returned(rank)
            self._look_at_meeting()
            self._look_for_deadlock()

    # ---------------------------------------------------------------------------------------------------- rounds

    def _next_round(self, worker: Worker, number: int) -> Round | None:
        rank = worker.rank
        while True:
            turn = self._session.turn(rank, number)
            if turn is Turn.MEET:
                self._meet(rank)
                continue
            with self._lock:
                self._let_in(rank)
                if turn is Turn.STOP:
                    self._hub.left(rank)
                    self._look_at_meeting()
                    return None
                worker.peers = self._session.members.peers(rank, number, worker.peers)
                return self._hub.round(rank, number, fresh=self._session.fresh)

    def _meet(self, rank: int) -> None:
        """Wait for all that are in rounds; then all judge, and the last of them decides how it goes on."""
        with self._lock:
            self._let_in(rank)
            self._met.add(rank)
            if not self._look_at_meeting():
                self._block(rank)
        if self._woken(self._slots[rank].get()) is _AGAIN:
            return
        self._session.judge()
        with self._lock:
            self._judging -= 1
            if self._judging == 0:
                self._session.decide()
                self._meet_again()
        self._woken(self._slots[rank].get())

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


@final
class _Member:
    """A worker's thread, and whether its program has ended."""

    def __init__(self, crew: Crew, worker: Worker, bell: SimpleQueue[None]) -> None:
        self.ended = False
        self._crew, self._worker, self._bell = crew, worker, bell
        self.thread = threading.Thread(target=self._run, name=f"hogwild-{worker.rank}")

    def _run(self) -> None:
        try:
            self._crew.drive(self._worker)
        finally:
            self.ended = True
            self._bell.put(None)
