"""A worker's end of the line to shards that are actors: all that a request concerns are asked at once.

The program waits for what it awaits in its own thread; what it has started is waited for in threads beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, final

import numpy as np

from hogwild.answers import Stamp, Versioned
from hogwild.deltas import Delta
from hogwild.engines.calls import Call
from hogwild.engines.line import Line
from hogwild.engines.ray.errors import Failure
from hogwild.engines.ray.hearing import told
from hogwild.engines.ray.linking import Linking
from hogwild.engines.ray.reaching import WORKERS, Posted, Reaching
from hogwild.engines.ray.terms import GoesOn, Parked, Standing, Terms, View
from hogwild.engines.ray.under_way import UnderWay
from hogwild.engines.ray.wiring import Wiring
from hogwild.engines.servers import NO_KEYS
from hogwild.engines.waits import Aborted, Failed
from hogwild.interfaces import AbstractTask
from hogwild.requests import OnServer, Pull, Push, Ticket
from hogwild.server import SEQS_OF_A_LIFE, Applied, Client, OpPart, Pulled, PullPart, PushPart, Ranges
from hogwild.traffic import Traffic

NO_WEIGHTS = np.zeros(0)
METHODS = {PushPart: "push", PullPart: "pull", OpPart: "operate"}
THREADS = 4  # that wait for what was started: shards answer at once
PATIENCE_S = 0.1  # between two looks whether the run is over


@final
class Server:
    """Answers `Pull`, `Push` and `OnServer`, awaited or started.

    conductor : who decides how long pulls wait, and hears of portions and of what fails beside the program
    linking :   by which the program asks the conductor
    heard :     takes what the conductor answers
    over :      is the run over?
    rounds :    that the program has begun
    """

    def __init__(
        self,
        rank: int,
        size: int,
        terms: Terms,
        task: AbstractTask,
        conductor: Any,
        linking: Linking,
        heard: Callable[[Any], Any],
        over: Callable[[], bool],
        rounds: Callable[[], int],
    ) -> None:
        self._rank, self._conductor, self._heard, self._over = rank, conductor, heard, over
        self._linking, self._rounds, self._run = linking, rounds, terms.run
        self.traffic, self._before = Traffic(), 0
        self._ranges = Ranges(terms.params.offsets, len(terms.shards))
        self._line = Line(Client(rank, self._ranges), task, size, self.traffic, self._send)
        wiring, patience_s = Wiring(rank, terms.run), terms.patience_s
        self._shards, self._backed = Reaching(terms.shards, WORKERS, self._look, patience_s, wiring), terms.backed
        self._lock = threading.RLock()  # of all below, and of the line
        self._outbox: list[Posted] = []
        self._numbers = 0  # of pulls
        self._parked: dict[int, tuple[Posted, list[Any]]] = {}  # pulls that were started and wait, and what is known
        self._known: dict[int, int] = {}  # those of which the conductor knows, and a number of the time it was told
        self._tellings = 0
        self._tickets: dict[Ticket, int] = {}  # those that are not done, and the number of the pull
        self._news = threading.Condition(self._lock)  # something is done
        self._closed = False
        self._pool = ThreadPoolExecutor(THREADS, "hogwild-started")
        self.under_way = UnderWay(rank, conductor, self._beside)  # pushes and operations that were started

    # ------------------------------------------------------------------------------------------------ the program

    def ask(self, request: Pull | Push | OnServer) -> Any:
        """The answer."""
        found: SimpleQueue[Any] = SimpleQueue()
        sent = self._begin(request, found.put)
        for each in sent:
            self._finish(each)
        answer = self._wait_for(found)
        if isinstance(answer, Failed):
            raise answer.error
        return self._given(answer)

    def standing(self) -> dict[str, Any]:
        """See `Line.standing`."""
        with self._lock:
            return self._line.standing()

    def go_on(self, goes_on: GoesOn) -> None:
        """The run goes on, and nothing is under way."""
        if goes_on.line is not None:
            self._line.resume(dict(goes_on.line))
        elif goes_on.standing is not None:
            self.take_over(0, goes_on.standing)

    def take_over(self, life: int, standing: Standing) -> None:
        """Take the place of a process that has died, which has sent messages of its own: see `Servers.admit`."""
        client = Client(self._rank, self._ranges, life * SEQS_OF_A_LIFE, pushes=standing.pushes)
        client.received(Versioned(NO_WEIGHTS, NO_KEYS, standing.stamps, True))
        self._before = client.pushes
        self._line.client = client
        self._numbers = client.seq  # the conductor tells them apart, too
        self.under_way.continue_from(client.seq)

    def start(self, request: Pull | Push | OnServer) -> Ticket:
        """Begin it; what it sends is on its way, or copied, when this returns."""
        ticket = Ticket(request)
        changes = not isinstance(request, Pull)
        if isinstance(request, Push) and (self._backed or self._line.full):  # it may be sent again, or later
            request = Push(request.x.copy())
        if changes:
            self.under_way.begins()
        try:
            with self._lock:
                sent = self._begin(request, partial(self._done, ticket, changes=changes))
                self._tickets[ticket] = sent[0].number if sent else 0
        except Exception:
            if changes:
                self.under_way.arrived()
            raise
        self._wait_beside(sent)
        return ticket

    def wait(self, ticket: Ticket) -> Any:
        """The answer to what was started."""
        with self._news:
            number = self._tickets.get(ticket, 0)
        waited = 0
        while not ticket.done:
            with self._news:
                while not ticket.done and (telling := self._known.get(number, waited)) == waited:
                    self._check()
                    self._news.wait(PATIENCE_S)
            if not ticket.done:
                self._linking.ask("ask", Parked(number), self.under_way.number())
                waited = telling
        return self._given(ticket.answer)

    def knows(self, ticket: Ticket) -> bool:
        """Was it started here?"""
        return ticket in self._tickets or (ticket.done and isinstance(ticket.request, Pull | Push | OnServer))

    def so_far(self) -> tuple[Traffic, int]:
        """A copy of what was sent, and how many pushes."""
        with self._lock:
            return Traffic() + self.traffic, self._line.client.pushes - self._before

    def resume(self, number: int, met: bool) -> None:
        """The conductor says that a pull which was started need not wait any longer."""
        with self._lock:
            sent, answers = self._parked.pop(number)
            self._known.pop(number, None)
            sent.call.met &= met
            self._beside(partial(self._fetch_beside, sent, answers))

    def drain(self) -> None:
        """Until all pushes and operations that were started have arrived."""
        self.under_way.wait(self._check, PATIENCE_S)

    def close(self) -> None:
        """Nothing is under way any more when this returns."""
        with self._lock:
            self._closed = True
        self.under_way.end()
        self._pool.shutdown()
        self._shards.end()

    def _check(self) -> None:
        if self._over():
            raise Aborted

    def _wait_for(self, found: SimpleQueue[Any]) -> Any:
        """Its own thread has put it there, unless it was held back: then another will."""
        while True:
            try:
                return found.get(timeout=PATIENCE_S)
            except Empty:
                self._check()

    def _given(self, answer: Any) -> Any:
        if isinstance(answer, Versioned):
            with self._lock:
                self._line.received(answer)
        return answer

    # ------------------------------------------------------------------------------------------------- what is sent

    def _begin(self, request: Pull | Push | OnServer, reply: Callable[[Any], None]) -> list[Posted]:
        """Ask the line; what it has sent."""
        if isinstance(request, Push) and isinstance(request.x, Delta) and request.x.portion is not None:
            known = self._conductor.sending.remote(self._rank, request.x.portion)
            reply = partial(self._pushed, request.x.portion, known, reply)
        with self._lock:
            self._line.ask(request, reply)
            return self._taken()

    def _pushed(self, portion: int, known: Any, reply: Callable[[Any], None], answer: Any) -> None:
        """The conductor must know it before the worker asks for another portion."""
        told(known)
        self._heard(self._conductor.pushed.remote(self._rank, portion, answer.late))
        reply(answer)

    def _send(self, call: Call, parts: list[Any]) -> None:
        method, number, sent, ask = METHODS[type(parts[0])], 0, self.traffic.sent, self._shards.ask
        if method == "pull":
            number = self._numbers = self._numbers + 1
        asked = []
        for part in parts:
            sent(part.n_bytes)
            asked.append(ask(part.shard, method, (*part, number)))
        self._outbox.append(Posted(call, parts, asked, number))

    def _taken(self) -> list[Posted]:
        sent, self._outbox = self._outbox, []
        return sent

    # -------------------------------------------------------------------------------------------- what is answered

    def _finish(self, sent: Posted) -> None:
        """In the thread of the program: wait for the answers, at the conductor if that takes longer."""
        answers = self._shards.answers(sent.asked)
        while (missing := self._missing(sent, answers)) is not None:
            sent.call.met &= self._linking.ask("ask", missing, self.under_way.number())
            answers = self._fetched(sent, answers)
        self._join(sent, answers)

    def _finish_beside(self, sent: Posted) -> None:
        """In a thread beside the program, which must not wait for long."""
        self._join_or_park(sent, self._shards.answers(sent.asked))

    def _fetch_beside(self, sent: Posted, answers: list[Any]) -> None:
        self._join_or_park(sent, self._fetched(sent, answers))

    def _join_or_park(self, sent: Posted, answers: list[Any]) -> None:
        missing = self._missing(sent, answers)
        if missing is None:
            self._join(sent, answers)
            return
        with self._lock:
            self._parked[sent.number] = sent, answers
        told(self._conductor.park.remote(self._rank, missing))
        with self._news:
            if sent.number in self._parked:  # it may have been released already
                self._tellings += 1
                self._known[sent.number] = self._tellings
                self._news.notify_all()

    def _missing(self, sent: Posted, answers: Sequence[Any]) -> Parked | None:
        """What to wait for, if shards cannot answer yet."""
        at = tuple(part.shard for part, answer in zip(sent.parts, answers, strict=True) if answer is None)
        request = sent.call.request
        return Parked(sent.number, request.version or request.clock or 0, at) if at else None

    def _fetched(self, sent: Posted, answers: Sequence[Any]) -> list[Any]:
        """The shards need not wait any longer. What a process does not know that has taken another's place is asked
        again, and may have to wait there.
        """
        found = list(answers)
        for method in ("fetch", "pull"):
            missing = [k for k, answer in enumerate(found) if answer is None]
            key, asked = (self._rank, sent.number), []
            for k in missing:
                before = sent.asked[k]
                asked.append(self._shards.ask(before.shard, method, key if method == "fetch" else before.arguments[0]))
            for k, answer in zip(missing, self._shards.answers(asked), strict=True):
                found[k] = answer
        return found

    def _look(self, shard: int, life: int, why: str, *, dead: bool) -> View:
        found: View = self._heard(self._conductor.shards.remote(self._run, "lost", shard, life, why, dead=dead))
        return found

    def _join(self, sent: Posted, answers: Sequence[Any]) -> None:
        """The answers of all shards become one; what was held back may now be sent."""
        call, kind = sent.call, type(sent.parts[0])
        if kind is PullPart:
            call.answers = [Pulled(values, Stamp._make(stamp)) for values, stamp in answers]
            if len(answers) == 1 and not answers[0][0].flags.writeable:  # as what came through the object store
                call.answers = [call.answers[0]._replace(values=answers[0][0].copy())]
        else:
            call.answers = [Applied._make(answer) for answer in answers] if kind is PushPart else list(answers)
        with self._lock:
            for answer in call.answers:
                self.traffic.sent(answer.n_bytes)
            call.join(call)
            more = self._taken()
        if more:
            self._wait_beside(more)

    # ------------------------------------------------------------------------------------------- beside the program

    def _wait_beside(self, sent: Sequence[Posted]) -> None:
        for each in sent:
            self._beside(partial(self._finish_beside, each))

    def _beside(self, act: Callable[[], None]) -> None:
        with self._lock:
            if not self._closed:
                self._pool.submit(self._guarded, act)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Nobody may ever wait for it: its errors end the run."""
        try:
            act()
        except Aborted:
            pass
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        told(self._conductor.fail.remote(self._rank, Failure.of(error), self._rounds()))

    def _done(self, ticket: Ticket, answer: Any, *, changes: bool) -> None:
        if isinstance(answer, Failed):
            answer.error.add_note(f"({type(ticket.request).__name__} that worker {self._rank} has started)")
            raise answer.error
        with self._news:
            ticket.answer = answer
            ticket.done = True  # now the program may look at the answer
            self._tickets.pop(ticket, None)
            self._news.notify_all()
        if changes:
            self.under_way.arrived()
