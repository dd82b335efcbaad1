"""The threads of one run: each drives one worker's program, and asks the council what it cannot answer itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from queue import Empty, SimpleQueue
from typing import Any, final

from hogwild.engines.computing import Computing
from hogwild.engines.council import Council
from hogwild.engines.driving import Program
from hogwild.engines.resuming import attend_here
from hogwild.engines.servers import serving
from hogwild.engines.session import Session
from hogwild.engines.transport import Direct
from hogwild.engines.waits import Aborted, Deadlock
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.requests import COMPUTE, NextRound
from hogwild.traffic import Traffic


@final
class Crew:
    """All methods are called by the main thread; the others work."""

    def __init__(self, session: Session, strategy: AbstractStrategy, shards: int) -> None:
        self._session, self._strategy = session, strategy
        self.traffic = Traffic()
        transport = Direct(self.traffic)
        servers = serving(session, shards, transport, self.traffic)
        self._council = Council(session, transport, servers)
        attend_here(session, self._council.hub, servers)
        self._computing = Computing(session)
        self._members: list[_Member] = []
        self._bell: SimpleQueue[None] = SimpleQueue()  # rung whenever a worker's program has ended

    # ------------------------------------------------------------------------------------------- the main thread

    def start(self) -> None:
        """Start a thread for each worker."""
        for worker in self._session.staff.workers:
            self._members.append(_Member(self, worker, self._bell))
            self._members[-1].thread.start()

    def wait(self, look: Callable[[], None] = lambda: None) -> None:
        """Until all workers have ended. The main thread does nothing else but `look` now and then, so that Ctrl-C
        reaches it at once.

        Not with Thread.join: interrupted, it takes a running thread for one that has ended (Python 3.11 and 3.12). Not
        with an Event: interrupted at the wrong moment, it stays locked for ever, and who sets it waits for ever.
        """
        for member in self._members:
            self._await_end(member, inf, look)
        for member in self._members:
            member.thread.join()

    def _await_end(self, member: _Member, patience_s: float, look: Callable[[], None] = lambda: None) -> bool:
        """Wait until its program has ended. False: it has not in all that time."""
        late = time.monotonic() + patience_s
        while not member.ended and time.monotonic() < late:
            # With a time-out, because not every way to interrupt a program wakes a thread that waits for good.
            with suppress(Empty):
                self._bell.get(timeout=0.1)
            look()
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
        complete = len(self._members) == self._session.size and self._members[-1].thread.ident is not None
        if self._session.agreed and complete:
            self._session.stop("interrupted", now=False)
        else:
            self._end_now()

    def _end_now(self) -> None:
        self._session.stop("interrupted")
        self._council.abort()

    # --------------------------------------------------------------------------------------------- a worker's thread

    def drive(self, worker: Worker) -> None:
        """Run one worker's program and answer its requests, in this thread."""
        rank, council = worker.rank, self._council
        program: Program | None = None

        def answer(request: Any) -> Any:
            kind = type(request)
            if kind in COMPUTE:
                found = self._computing.plan(rank, request).run()
                council.computed(rank)
                return found
            if kind is not NextRound:
                return council.communicate(rank, request)
            assert program is not None
            turn = council.next_round(rank, program.rounds, worker.peers)
            if turn is None:
                return None
            program.rounds += 1
            round, worker.peers = turn
            return round

        try:
            program = Program(self._strategy, worker)
            program.rounds = council.hub.begins(rank)
            if program.run(answer, lambda: council.aborted):
                council.returned(rank)
        except Aborted:
            pass
        except Deadlock as error:
            self._session.fail(error, None)
            council.abort()
        except BaseException as error:
            self._session.fail(error, rank, 0 if program is None else program.rounds)
            council.abort()


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
