"""The actor that knows how far the run is: rounds, examples, verdicts, and what workers have in common.

Each of the others calls it in a thread of its own, and waits there as workers of `Threads` do.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, final

import ray

from hogwild.engines.council import Council
from hogwild.engines.keeper import keeper_of
from hogwild.engines.ray.asking import Ahead
from hogwild.engines.ray.away import Hosts, serving
from hogwild.engines.ray.enquiries import Enquiries
from hogwild.engines.ray.errors import Failure
from hogwild.engines.ray.judges import Judges, judges_lost
from hogwild.engines.ray.keeping import Apart, terms_of
from hogwild.engines.ray.links import Links
from hogwild.engines.ray.logs import Forwarding
from hogwild.engines.ray.membership import Membership, rows_lost
from hogwild.engines.ray.mirrors import Arrivals, Mirrors
from hogwild.engines.ray.news import News
from hogwild.engines.ray.opening import Opened
from hogwild.engines.ray.reasons import Reasons
from hogwild.engines.ray.rendezvous import Address, Rendezvous
from hogwild.engines.ray.reports import Reports
from hogwild.engines.ray.resting import AbstractActor
from hogwild.engines.ray.seats import seat_of, seated
from hogwild.engines.ray.terms import Entry, Limits, Over, Parked, Released, Sent, Summed, Terms
from hogwild.engines.ray.tickets import Starting, Tickets
from hogwild.engines.resuming import attend
from hogwild.engines.session import Session
from hogwild.engines.supply import Taken
from hogwild.engines.transport import Direct
from hogwild.engines.waits import Aborted, Deadlock, Failed
from hogwild.interfaces import Job, Result
from hogwild.requests import Reduce, Reduced
from hogwild.traffic import Traffic
from hogwild.watching import Status

_RUNS = count(1)  # of this process


@seated
@final
class Conductor(AbstractActor):
    """One for each run. All methods but `result` are short, or wait for others."""

    _membership: Membership  # with `rank_of`, see `seated`

    def __init__(self) -> None:
        self._run, self._logs, self._reasons = 0, Forwarding(), Reasons()

    def begin(self, job: Job, limits: Limits, hosts: Hosts, sent: Sequence[Any], opened: Opened | None) -> int:
        """A run; its number. `hosts`: of the server, if there is one. `sent`: where
        the job lies in the object store. `opened`: if workers have their own data.
        """
        self._run = next(_RUNS)
        size, restarts, self._patience_s, absent = limits
        self._news = News()
        self._logs.begin("", self._news.log)
        callbacks = (self._news.tell,) if job.callbacks else ()
        self._mirrors = Mirrors(self._find_lost)
        apart, is_dead = opened is not None and size > 1, lambda rank: self._membership.is_dead(rank)
        self._judges = judges = Judges(self._mirrors.deputies, self._find_lost, is_dead, self._patience_s, apart=apart)
        if opened is not None:
            job = opened.surveyed(job)
            sent = [ray.put(job)] if hosts.shards else ()  # the shards, too, know no more than the sample
        job = replace(job, callbacks=callbacks)
        clock = time.perf_counter
        self._session = session = Session(job, size, clock, self._mirrors, judges, keeper_of(job, clock))
        self._mirrors.params, self._mirrors.memories = session.params, session.memories
        session.history.traffic = traffic = Traffic()
        self._reports = Reports(session, job, traffic)
        self._away = away = serving(session, job.strategy, hosts, self._run, limits, self._reasons, sent)
        self._rendezvous, self._tickets = Rendezvous(size), Tickets(size)
        self._membership = membership = Membership(session, traffic, job.strategy, restarts, away)
        arrivals, told = Arrivals(self._mirrors.deputies), self._tickets.told
        self._council = Council(session, Direct(traffic), away, told, membership.begun, arrivals)
        links = Links(self, lambda rank: seat_of(rank, membership.life(rank), size))
        self._starting, self._links = Starting(self._council, self._tickets, self._rendezvous), links
        self._mirrors.visitor = judges.visitor = links.visits
        membership.sit_in(self._council, self._rendezvous, absent)
        about = self._council, traffic, self._fail, self._tickets.released
        self._enquiries = None if away is None else Enquiries(away, *about)
        posts = None if away is None else away.posts
        attend(session, self._council.hub, Apart(self._mirrors.deputies, posts, self._find_lost))
        self._has_own_rows = job.bounds is not None
        self._trace: str | None = None  # of the first error of a worker, in its process
        return self._run

    def end(self) -> None:
        """See `AbstractActor`."""
        self._logs.end()

    def know(self, deputies: Sequence[Any]) -> None:
        """The actors of the workers, by rank."""
        self._mirrors.deputies[:] = deputies

    # ------------------------------------------------------------------------------------------- who comes and goes

    def lost(self, rank: int, life: int, why: str) -> bool:
        """The process of a worker has died. Does the run go on without it?"""
        self._links.lost(seat_of(rank, life, self._session.size))  # first: who has the lock may wait for it
        with self._council.lock:
            self._rendezvous.end()
            if life == self._membership.life(rank):
                self._tickets.lost(rank)
                self._reports.lost(rank)
        try:
            goes_on = self._membership.lost(rank, life, why)
        except Exception as error:  # who is missing may be found out while others are asked for what they have
            self._fail(error)
            return False
        self._mirrors.break_off(self._membership.is_dead)
        return goes_on

    def _find_lost(self, rank: int, deputy: Any, why: str) -> bool:
        """The same, as found out here of this actor; if it is late to hear of it another has taken its place."""
        with self._council.lock:
            if self._membership.is_dead(rank) or self._mirrors.deputies[rank] != deputy:
                return True
            life = self._membership.life(rank)
        return self.lost(rank, life, self._reasons.of(deputy, why))

    def ending(self, actor: Any, why: str) -> None:
        """The driver is about to end this actor."""
        self._reasons.tell(actor, why)

    def replace(self, rank: int, deputy: Any) -> None:
        """Another process for a worker that has died; it will ask to be let in."""
        self._judges.replace(rank, deputy)

    def enter(self, rank: int, life: int) -> Entry | Any:
        """With what a process begins that takes the place of another, when the others let it in."""
        return self._answer(self._membership.enter, rank, life)

    def close(self) -> set[int] | None:
        """If the programs of all that were let in have ended, nobody is let in any more: who is missing then?"""
        with self._council.lock:
            if not (self._council.deserted or self._council.aborted):
                return None
            missing = self._membership.close()
        if missing and self._session.error is None and self._has_own_rows:
            self._fail(rows_lost(missing))
        return missing

    def terms(self, rank: int) -> Terms:
        """What this worker begins with."""
        hub = None if self._membership.life(rank) else self._council.hub
        return terms_of(self._session, hub, rank, self._away, self._patience_s, self._run)

    # -------------------------------------------------------------------------------------------- what workers ask

    def ask(self, rank: int, request: Any, sent: int) -> Any:
        """The answer to a request that communicates. sent: see `Council.sent`."""
        return self._answer(self._council.communicate, rank, request, sent=sent)

    def turn(self, rank: int, number: int, known: Sequence[int], sent: int, wanted: Ahead | None) -> Any:
        """See `Council.next_round`; and what the worker is likely to want then, if it can be put back."""
        found = self._answer(self._council.next_round, rank, number, known, sent=sent)
        if wanted is None or type(found) is not tuple:  # what failed is one, too, but a named one
            return found
        given = self._answer(self._supplied, "take_ahead", rank, *wanted[:2], together=wanted[2])
        return (*found, given) if type(given) is tuple else found

    def supply(self, rank: int, what: str, *arguments: Any, **options: Any) -> Taken | Any:
        """Examples: see the method of `Supply` of that name."""
        return self._answer(self._supplied, what, rank, *arguments, **options)

    def _supplied(self, what: str, rank: int, *arguments: Any, **options: Any) -> Any:
        self._council.computed(rank)
        return getattr(self._session.supply, what)(rank, *arguments, **options)

    def _answer(self, find: Callable[..., Any], *arguments: Any, sent: int | None = None, **options: Any) -> Any:
        if self._council.aborted:
            return Over()
        if sent is not None:
            self._council.sent(arguments[0], sent)
        try:
            return find(*arguments, **options)
        except Aborted:
            return Over()
        except Deadlock as error:
            self._fail(error)
            return Over()
        except Exception as error:
            return Failed(error)

    def links(self, run: int, what: str, *arguments: Any) -> Any:
        """See the method of `Links` of that name."""
        return getattr(self._links, what)(*arguments) if run == self._run else Over()

    # ------------------------------------------------------------------------------------- sums of workers themselves

    def sum(self, rank: int, request: Reduce, sent: int, *, connected: bool) -> Any:
        """The sum, and where workers begin to make them among themselves: to which this one is `connected`."""
        with self._council.lock:
            self._rendezvous.comes(rank, connected=connected, waits=request.quorum is None)
        found = self._answer(self._council.communicate, rank, request, sent=sent)
        if isinstance(found, Reduced):
            return Summed(found, self._rendezvous.begins)
        with self._council.lock:
            self._rendezvous.failed(rank)
        return found

    def meet(self, rank: int, run: int, address: Address | None) -> Address | None:
        """Where workers find each other, when all can; None if that will not be in this run."""
        with self._council.lock:
            if run != self._run:
                return None
            answer = self._rendezvous.meets(rank, address)
        return answer.get()

    def broken(self, rank: int, number: int) -> Any:
        """A connection of this worker has broken in this sum: the sum, if another has it. Nobody makes it any more."""
        return self._answer(self._found_elsewhere, rank, number)

    def _found_elsewhere(self, rank: int, number: int) -> Reduced | None:
        self._council.computed(rank)
        return self._mirrors.sealed(rank, number, self._membership.is_dead)

    def lingers(self, rank: int, number: int, sent: int) -> None:
        """The worker waits for others in such a sum, for long."""
        self._answer(self._council.lingers, rank, number, sent=sent)

    def goes_on(self, rank: int) -> None:
        """It does no longer."""
        self._council.goes_on(rank)

    # ---------------------------------------------------------------------------------------------- what was started

    def start(self, rank: int, number: int, request: Any) -> Any:
        """Begin a request. Its answer is told by `done`, and to who waits for it."""
        return self._answer(self._starting.begin, rank, number, request)

    def wait(self, rank: int, number: int, sent: int) -> Any:
        """The answer to what was started."""
        return self._answer(self._starting.wait, rank, number, sent=sent)

    def done(self, rank: int) -> tuple[int, Any] | Released | None:
        """The next thing that this worker has started and that is done; None when the run is over."""
        return self._tickets.next(rank)

    # ------------------------------------------------------------------------------- what workers ask of the shards

    def park(self, rank: int, parked: Parked) -> None:
        """See `Enquiries.park`."""
        if self._enquiries is not None:
            self._enquiries.park(rank, parked)

    def shards(self, run: int, what: str, *arguments: Any, **options: Any) -> Any:
        """See the method of `Enquiries` of that name."""
        if run != self._run or self._enquiries is None:
            return Over()
        return getattr(self._enquiries, what)(*arguments, **options)

    def sending(self, rank: int, portion: int) -> None:
        """The worker pushes a portion."""
        with self._council.lock:
            self._council.hub.portions.sent(rank, portion)

    def pushed(self, rank: int, portion: int, late: bool) -> Any:
        """It was acknowledged."""
        with self._council.lock:
            return self._answer(self._council.hub.portions.pushed, rank, portion, late=late)

    def arrived(self, rank: int, number: int) -> None:
        """Pushes and operations that the worker has started have arrived, up to this number."""
        self._answer(self._council.arrived, rank, number)

    # -------------------------------------------------------------------------------------------------- how it ends

    def ended(self, rank: int) -> None:
        """The worker's program has ended."""
        self._answer(self._council.returned, rank)

    def counted(self, rank: int, counts: Counter[str], sent: Sent) -> None:
        """The worker is no longer there, however it has ended: what it has counted."""
        self._session.staff.counted(rank, counts)
        self._reports.end(rank, sent)

    def so_far(self, rank: int, sent: Sent) -> None:
        """The worker goes on, and has sent so much without the conductor."""
        self._reports.so_far(rank, sent)

    def status(self) -> Status:
        """How far the run is."""
        return self._reports.status()

    def raised(self) -> None:
        """Who watches the run has failed: what was raised stays with the driver."""
        self._fail(RuntimeError("a callback has failed"))

    def fail(self, rank: int, failure: Failure, rounds: int) -> None:
        """The worker has failed."""
        self._trace = self._trace or failure.trace
        self._fail(failure.error, rank, rounds)

    def _fail(self, error: BaseException, rank: int | None = None, rounds: int = 0) -> None:
        self._session.fail(error, rank, rounds)
        self._abort()

    def _abort(self) -> None:
        self._council.abort()
        self._membership.close()
        self._judges.abort()
        self._mirrors.stop(self._membership.is_dead)

    def interrupt(self, *, now: bool) -> None:
        """Ctrl-C. Workers that agree on their rounds finish the one they are in, unless it must be `now`."""
        now = now or not self._session.agreed
        self._session.stop("interrupted", now=now)
        if now:
            self._news.heard(KeyboardInterrupt())
            self._abort()

    def result(self) -> Result | Failure:
        """After all workers have ended."""
        if self._enquiries is not None:
            self._enquiries.end()
        try:
            self._session.history.traffic = self._reports.total(self._away)
            return self._session.result()
        except Aborted:  # processes have died meanwhile
            return Failure.of(self._session.error or judges_lost(), self._trace)
        except BaseException as error:
            return Failure.of(error, self._trace)
        finally:
            self._mirrors.end()
            self._links.end()
            self._rendezvous.end()
            self._news.end()
            self._tickets.end()

    # --------------------------------------------------------------------------------------------------- the driver

    def news(self, what: str, *arguments: Any) -> Any:
        """See the method of `News` of that name."""
        return getattr(self._news, what)(*arguments)
