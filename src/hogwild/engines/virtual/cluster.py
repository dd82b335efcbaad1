"""The simulated run: all workers' programs in one thread, resumed in the order of virtual time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, final

from hogwild.engines.asking import LATER, Asking
from hogwild.engines.computing import Computing, Plan
from hogwild.engines.driving import Dead, Program
from hogwild.engines.hub import Hub
from hogwild.engines.resuming import attend_here
from hogwild.engines.servers import serving
from hogwild.engines.session import Session
from hogwild.engines.transport import AbstractTransport
from hogwild.engines.turn import Turn
from hogwild.engines.virtual.agenda import Agenda
from hogwild.engines.waits import Deadlock
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.requests import COMPUTE, Communicate, Compute, Gradient, Inbox, NextRound, Round, Steps, Take
from hogwild.traffic import Traffic

_POLLS = frozenset({Inbox, Steps, Gradient, Take})  # who asks these again and again, in no time, waits for something
HARDLY_A_POLL = 0.01  # other requests that take no time: a thousand messages may well be sent at one moment
MOST_POLLS = 100  # at one moment: then the worker goes on after the next event
IDLE_POLLS, MOST_IDLE = 10_000, 50  # where there is none: so many times so many, as it may do so for a good reason

Step = Callable[[], bool]
Ask = Callable[[int, int], Turn]


class Begin(Protocol):
    """See `Hub.round`."""

    def __call__(self, rank: int, number: int, *, fresh: bool) -> Round: ...


def _nothing_more() -> bool:
    return False


@final
class Cluster:
    """`run` drives all programs to their end, or until one fails.

    Arithmetic is real; only how long it takes is modelled: `example_s` seconds an example, times what `draw(rank)`
    says. A gradient sees the weights at the beginning of its time, steps change them at the end of theirs; on
    memory that workers share, steps see it as it was at their beginning and add their change at their end.
    """

    def __init__(
        self,
        session: Session,
        strategy: AbstractStrategy,
        agenda: Agenda,
        transport: AbstractTransport,
        traffic: Traffic,
        draw: Callable[[int], float],
        example_s: float,
        shards: int,
    ) -> None:
        self._session, self._strategy, self._agenda = session, strategy, agenda
        self._draw, self._example_s = draw, example_s
        size = len(session.params)
        self._traffic = traffic
        self.servers = servers = serving(session, shards, transport, traffic)
        self.hub = Hub(session, transport, servers)
        attend_here(session, self.hub, servers)
        self._computing = Computing(session)
        self._programs = [Program(strategy, worker) for worker in session.staff.workers]
        for program in self._programs:
            program.rounds = self.hub.begins(program.rank)
        self._fresh = [session.fresh] * size  # is the first round of each worker that of a fresh start?
        self._peers = session.members.peers
        self._step: Step = agenda.step
        self._turn: Ask = session.turn
        self._begin: Begin = self.hub.round
        self._more: Step = _nothing_more
        self._merges = "share" in strategy.needs and size > 1
        self._since = [0.0] * size  # when each worker began to wait
        self._asking = Asking(self.hub, size, self._go_on)
        self._met: set[int] = set()
        self._answered: list[tuple[int, Any]] = []  # who is to go on, now
        self._pollers: list[tuple[int, Any, Exception | None]] = []  # who waits by asking again and again

    def run(self) -> None:
        """Until all programs have ended. What one raises is kept by the session."""
        for program in self._programs:
            self._agenda.at(self._agenda.now, partial(self._resume, program, None))
        idle = 0
        try:
            while self._session.error is None:
                if self._answered:
                    self._resume_answered()
                    continue
                if self._step():
                    idle = 0
                    # A poller is given what it was answered before, may ask once more, and see that answer.
                    if self._pollers:
                        self._let_poll(1)
                    continue
                if not self.hub.running:
                    break
                if self._session.pausing and self._met and not self._pollers:
                    self._meet()  # nothing is under way that would be lost
                    continue
                if self._pollers and idle < MOST_IDLE:
                    idle += 1
                    self._let_poll(IDLE_POLLS)
                elif self.hub.release() or self._more():
                    idle = 0
                elif self._pollers:
                    who = self._pollers[0][0]
                    raise Deadlock(
                        f"worker {who} asks again and again, and nothing is under way that could change the answer"
                    )
                else:
                    raise self.hub.deadlock(self._met)
        finally:
            for rank, program in enumerate(self._programs):
                try:
                    program.close()
                except Exception as error:
                    self._session.fail(error, rank, program.rounds)  # unless one has failed before

    # ------------------------------------------------------------------------------------------ who comes and goes

    def obey(self, step: Step, turn: Ask, begin: Begin, more: Step) -> None:
        """Somebody else lets time go on (`step`), says whether a worker may begin a round (`turn`), is told of it
        (`begin`), and may have plans when nothing is under way any more (`more`).
        """
        self._step, self._turn, self._begin, self._more = step, turn, begin, more

    def kill(self, rank: int) -> None:
        """The worker's process dies: it is given no answer, and computes no further."""
        self._programs[rank].kill()
        self._asking.hang_up(rank)
        self._pollers = [poller for poller in self._pollers if poller[0] != rank]
        self._met.discard(rank)

    def start(self, worker: Worker, rounds: int) -> None:
        """A new process in place of a dead one, which begins with this round."""
        rank = worker.rank
        self._programs[rank], self._fresh[rank] = Program(self._strategy, worker), False
        self._programs[rank].rounds = rounds
        self.refresh()
        self._resume(self._programs[rank], None)

    def refresh(self) -> None:
        """Members have changed: perhaps all that are there have come to the end of the epoch."""
        self._look_at_meeting()

    # --------------------------------------------------------------------------------------------- one worker

    def _resume(self, program: Program, answer: Any, failure: Exception | None = None, polls: float = 0.0) -> None:
        """Give the worker its answer, or its failure, and answer what it asks, as long as that takes no time."""
        rank = program.rank
        try:
            while answer is not LATER:
                request = program.advance(answer) if failure is None else program.throw(failure)
                if request is None:
                    self._session.ended(rank)
                    self.hub.returned(rank)
                    self._look_at_meeting()
                    return
                answer, failure = None, None
                try:
                    answer = self._handle(rank, program, request)
                except Exception as error:
                    failure = error
                polls += 1.0 if type(request) in _POLLS else HARDLY_A_POLL
                if polls > MOST_POLLS and answer is not LATER:
                    self._pollers.append((rank, answer, failure))
                    return
        except Dead:
            pass
        except Exception as error:
            self._session.fail(error, rank, program.rounds)

    def _resume_answered(self) -> None:
        """In an order that the seed chooses: they go on at the same time."""
        answered, self._answered = self._answered, []
        if len(answered) > 1:
            self._agenda.shuffle(answered)
        for rank, answer in answered:
            self._resume(self._programs[rank], answer)

    def _let_poll(self, times: int) -> None:
        """Who asks again and again may look so many times more."""
        pollers, self._pollers = self._pollers, []
        for rank, answer, failure in pollers:
            self._resume(self._programs[rank], answer, failure, MOST_POLLS - times)

    def _handle(self, rank: int, program: Program, request: Any) -> Any:
        kind = type(request)
        if kind in COMPUTE:
            return self._compute(rank, program, request)
        if kind is NextRound:
            return self._next_round(rank, program)
        return self._communicate(rank, request)

    def _compute(self, rank: int, program: Program, request: Compute) -> Any:
        plan = self._computing.plan(rank, request)
        if plan.examples == 0:
            return plan.run()
        taken_s = plan.examples * self._example_s * self._draw(rank)
        self._traffic.busy(rank, taken_s)
        if not isinstance(request, Steps):
            finish = partial(self._resume, program, plan.run())
        elif self._merges:
            finish = partial(self._resume_merging, program, *self._change(plan))
        else:
            finish = partial(self._resume_running, program, plan)
        self._agenda.at(self._agenda.now + taken_s, finish)
        return LATER

    def _change(self, plan: Plan) -> tuple[Any, Any]:
        """What steps on the shared memory would change now; the memory is left as it was."""
        shared = self._session.params[0].weights
        before = shared.copy()
        answer = plan.run()
        change = shared - before
        shared[:] = before
        return change, answer

    def _resume_merging(self, program: Program, change: Any, answer: Any) -> None:
        self._session.params[0].weights += change
        self._resume(program, answer)

    def _resume_running(self, program: Program, plan: Plan) -> None:
        try:
            answer = plan.run()
        except Exception as error:
            self._resume(program, None, error)
        else:
            self._resume(program, answer)

    def _communicate(self, rank: int, request: Communicate) -> Any:
        answer = self._asking.ask(rank, request)
        if answer is LATER:
            self._since[rank] = self._agenda.now
        return answer

    def _go_on(self, rank: int, answer: Any) -> None:
        """The worker has waited, until now."""
        self._traffic.waiting(rank, self._agenda.now - self._since[rank])
        self._answered.append((rank, answer))

    # ------------------------------------------------------------------------------------------------ rounds

    def _next_round(self, rank: int, program: Program) -> Any:
        number = program.rounds
        turn = self._turn(rank, number)
        if turn is Turn.MEET:
            self._met.add(rank)
            self._since[rank] = self._agenda.now
            self._look_at_meeting()
            return LATER
        if turn is Turn.STOP:
            program.worker.leaves = self._session.members.is_gone(rank)
            self.hub.left(rank)
            self._look_at_meeting()
            return None
        program.rounds += 1
        program.worker.peers = self._peers(rank, number, program.worker.peers)
        return self._begin(rank, number, fresh=self._fresh[rank])

    def _look_at_meeting(self) -> None:
        """If everybody has come to the end of the epoch, judge, which takes no virtual time, and let them ask again."""
        session = self._session
        if not self._met:
            return
        if session.reason is not None and not session.agreed:
            self._meet_again()
        elif self._met >= session.members.in_rounds and not session.pausing:
            self._meet()

    def _meet(self) -> None:
        session = self._session
        session.close(self._met)
        session.judge(min(self._met))
        session.decide()
        self._meet_again()

    def _meet_again(self) -> None:
        """All that have met ask again for their next round."""
        met, self._met = self._met, set()
        for rank in sorted(met):
            self._traffic.waiting(rank, self._agenda.now - self._since[rank])
            self._agenda.at(self._agenda.now, partial(self._ask_again, rank, self._programs[rank]))

    def _ask_again(self, rank: int, program: Program) -> None:
        if program is not self._programs[rank]:  # it was killed
            return
        try:
            answer = self._next_round(rank, program)
        except Exception as error:
            self._session.fail(error, rank, program.rounds)
            return
        if answer is not LATER:
            self._resume(program, answer)
