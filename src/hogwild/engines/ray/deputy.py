"""The actor of one worker: it drives the worker's program and computes; all else it asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.agreement import Common, Part
from hogwild.data.blocks import Block
from hogwild.data.examples import Examples
from hogwild.deltas import Vector
from hogwild.engines.computing import Computing
from hogwild.engines.driving import Program
from hogwild.engines.hands import Hands
from hogwild.engines.keeper import worker_file
from hogwild.engines.ray.batches import blocks_of, rows_of
from hogwild.engines.ray.errors import Failure
from hogwild.engines.ray.groups import PULSE, in_group
from hogwild.engines.ray.hearing import heard, told
from hogwild.engines.ray.keeping import Kept, worker_part
from hogwild.engines.ray.linking import Linking
from hogwild.engines.ray.logs import Forwarding
from hogwild.engines.ray.offers import Way
from hogwild.engines.ray.opening import OwnPart
from hogwild.engines.ray.place import Place
from hogwild.engines.ray.resting import AbstractActor
from hogwild.engines.ray.seats import ConductorProxy, seat_of
from hogwild.engines.ray.server import Server
from hogwild.engines.ray.started import Started
from hogwild.engines.ray.sums import Sums
from hogwild.engines.ray.terms import Entry, Judged, Sent, Shown, Terms
from hogwild.engines.ray.visits import params_of
from hogwild.engines.servers import SERVED
from hogwild.engines.waits import Aborted
from hogwild.interfaces import Job, Tally, Worker
from hogwild.params import Params
from hogwild.requests import COMPUTE, NextRound, Reduce, Reduced, Start, Wait
from hogwild.snapshots.folder import Written
from hogwild.traffic import Traffic
from hogwild.watching import EVERY_S

_mail = in_group("mail")


@final
class Deputy(AbstractActor):
    """`drive` runs in a thread of its own, so that the weights can be shown meanwhile."""

    # Threads: for what others ask while the program goes on, to write checkpoints, and to give signs of life.
    groups: ClassVar = {"mail": 1, "disk": 1, PULSE: 1}

    def __init__(self) -> None:
        self._begun, self._logs = threading.Event(), Forwarding()
        self._hands: Hands | None = None  # more than one
        self._started: Started | None = None
        self._failure: Failure | None = None

    def open(self, rank: int, size: int, job: Job) -> Part | Failure:
        """Before a run: open this worker's part of `Local` data, and tell what it is."""
        try:
            self._part: OwnPart | None = OwnPart(rank, size, job)
            return self._part.told()
        except Exception as error:
            return Failure.of(error)

    def sample(self, common: Common) -> Examples:
        """Rows of its part, for the survey."""
        assert self._part is not None
        return self._part.sample(common)

    def check(self, common: Common) -> Failure | None:
        """Can the model learn from its part?"""
        assert self._part is not None
        try:
            self._part.check(common)
        except Exception as error:
            return Failure.of(error)
        return None

    def begin(
        self, rank: int, size: int, job: Job, conductor: Any, threads: int, life: int, common: Common | None
    ) -> None:
        """A run.

        threads : that compute here
        life :   so many processes of this worker have died in it; if it comes late, one more
        common : what all have agreed on who have opened their parts
        """
        self._rank, self._size, self._job, self._life = rank, size, job, life
        self._conductor = ConductorProxy(conductor, size, life) if life else conductor
        self._logs.begin(f"worker {rank} of {size}: ", partial(conductor.news.remote, "log"))
        try:
            self._prepare(told(conductor.terms.remote(rank)), threads, common)
        except Exception as error:
            if not life:
                raise
            self._failure = Failure.of(error)  # nobody waits for this call: `drive` tells it, and who asks for a tally
        self._begun.set()

    def _prepare(self, terms: Terms, threads: int, common: Common | None) -> None:
        rank, size, conductor = self._rank, self._size, self._conductor
        self._linking = linking = Linking(rank, seat_of(rank, self._life, size), conductor, terms.run, self._visited)
        self._place = place = self._find_place(terms, common)
        self._worker = Worker(rank, size, terms.rng, place.params[rank], terms.data_share)
        self._goes_on, self._kept = terms.goes_on, Kept(worker_file(rank))
        self._hands = Hands(place.task, place.memories[rank], place.n_examples, threads) if threads > 1 else None
        self._computing = Computing(place, self._hands)
        self._sums = Sums(rank, size, conductor, linking, terms.run, self._under_way)
        self._over = False
        self._next_report_s = time.monotonic() + EVERY_S
        self._judged: Judged | None = None
        self._judging = threading.Lock()  # it may be asked by a connection, too
        self._server: Server | None = None
        if terms.shards:
            over, rounds = lambda: self._over, lambda: self._program.rounds
            self._server = Server(rank, size, terms, place.task, conductor, linking, heard, over, rounds)
            if terms.goes_on is not None:
                self._server.go_on(terms.goes_on)
        self._started = Started(rank, conductor, linking, self._server, self._under_way)

    def _find_place(self, terms: Terms, common: Common | None) -> Place:
        """With the rows of this worker, if it has its own; who takes the place of another has not opened them yet."""
        rank, size, job, linking = self._rank, self._size, self._job, self._linking
        if common is None:
            return Place(rank, size, job, terms, linking)
        part = OwnPart(rank, size, job) if self._life else self._part
        self._part = None
        assert part is not None
        settled = part.settled(common)
        return part.named(lambda: Place(rank, size, job, terms, linking, settled))

    def end(self) -> None:
        """See `AbstractActor`."""
        self._logs.end()
        if self._hands is not None:
            self._hands.close()
        if self._started is not None:
            self._started.end()

    def drive(self) -> None:
        """Run the program until it ends."""
        rank, conductor = self._rank, self._conductor
        program: Program | None = None
        if self._failure is not None:
            told(conductor.fail.remote(rank, self._failure, 0))
            return
        try:
            first = self._enter() if self._life else 0 if self._goes_on is None else self._goes_on.number
            program = self._program = Program(self._job.strategy, self._worker)
            program.rounds = first
            if program.run(self._answer, lambda: self._over):
                self._place.asked.settle()
                if self._server is not None:
                    self._server.drain()
                told(conductor.ended.remote(rank))
                self._sums.leave(Way.GONE)
        except Aborted:
            pass
        except BaseException as error:
            told(conductor.fail.remote(rank, Failure.of(error), 0 if program is None else program.rounds))
        self._sums.end()
        self._linking.end()
        if self._server is not None:
            self._server.close()
        told(conductor.counted.remote(rank, self._worker.counts, self._sent()))

    def _sent(self) -> Sent:
        """So far."""
        traffic, pushes = (Traffic(), 0) if self._server is None else self._server.so_far()
        traffic.sent(*self._sums.sent)
        return Sent(self._life, traffic, pushes)

    def _enter(self) -> int:
        """Take the place of a dead process; the number of the first round."""
        entry: Entry = heard(self._conductor.enter.remote(self._rank, self._life))
        worker, params = self._worker, entry.params.copy()
        worker.rng = entry.rng
        worker.params.weights[:] = params.weights
        worker.params.state.update(params.state)
        if self._server is not None and entry.standing is not None:
            self._server.take_over(self._life, entry.standing)
        self._sums.go_on(entry.sums)
        return entry.number

    def _answer(self, request: Any) -> Any:
        kind, server, started = type(request), self._server, self._started
        assert started is not None  # the run was prepared
        if kind in COMPUTE:
            return self._computing.plan(self._rank, request).run()
        self._place.asked.settle()
        if kind is NextRound:
            return self._next_round()
        if server is not None:
            if kind is Wait and server.knows(request.ticket):
                return server.wait(request.ticket)
            if kind in SERVED:
                return server.ask(request)
            if kind is Start and type(request.request) in SERVED:
                started.listen()
                return server.start(request.request)
        if kind is Start:
            if isinstance(request.request, Reduce):
                self._sums.leave(Way.ELSEWHERE)
            return started.start(request.request)
        if kind is Wait and started.knows(request.ticket):
            return started.wait(request.ticket)
        if kind is Wait and request.ticket.done:
            return request.ticket.answer
        if kind is Reduce:
            return self._sums.ask(request)
        return self._linking.ask("ask", request, self._under_way())

    def _under_way(self) -> int:
        return 0 if self._server is None else self._server.under_way.number()

    def _next_round(self) -> Any:
        examples, done = self._place.asked, self._program.rounds
        turn = self._linking.ask("turn", done, self._worker.peers, self._under_way(), examples.wanted)
        if turn is None:
            return None
        self._program.rounds += 1
        if time.monotonic() >= self._next_report_s:
            self._next_report_s = time.monotonic() + EVERY_S
            self._conductor.so_far.remote(self._rank, self._sent())
        round, self._worker.peers, *given = turn
        examples.begin_round(*given)
        return round

    # ------------------------------------------------------------------------------------------------ while it waits

    @_mail
    def stop(self) -> None:
        """The run is over: the program is asked for no more requests."""
        self._over = True
        self._sums.leave(Way.ELSEWHERE)
        self._sums.break_off()

    @_mail
    def break_off(self) -> None:
        """See `Sums.break_off`."""
        if self._begun.is_set():
            self._sums.break_off()

    @_mail
    def sums(self) -> int:
        """To how many sums that workers make among themselves has it come?"""
        return self._sums.come

    @_mail
    def seal(self, number: int) -> Reduced | None:
        """See `Sums.seal`."""
        return self._sums.seal(number)

    @_mail
    def show(self) -> Shown:
        """What this worker has. Only while it waits for an answer."""
        params, memory = self._worker.params, self._place.memories[self._rank]
        return Shown(params.weights, params.state, memory.mean, memory.mass)

    @_mail
    def keep(self) -> None:
        """For a checkpoint, of what this worker has. Only while it waits for an answer."""
        place, server = self._place.supply.place, self._server
        traffic, line = self._sent().traffic.as_dict(), None if server is None else server.standing()
        memory = self._place.memories[self._rank]
        self._kept.keep(worker_part(self._worker, memory, place=place, line=line, traffic=traffic))

    @in_group("disk")
    def write(self, place: str, number: int) -> Written | str:
        """See `Kept.write`."""
        return self._kept.write(place, number)

    @_mail
    def become(self, weights: Vector) -> None:
        """Its weights become these. Only while it waits for an answer."""
        self._worker.params.weights[:] = weights

    @_mail
    def tally(self, judged: Judged, blocks: Sequence[Block]) -> list[Tally] | Failure:
        """Judge weights on these examples. While it waits for an answer, or when its program has ended; on its own
        rows, at any time.
        """
        self._begun.wait()
        if self._failure is not None:
            return self._failure
        try:
            with self._judging:
                if self._judged is None or self._judged.number != judged.number:
                    # What came through the object store cannot be written, and kernels would be compiled for that.
                    self._judged = judged._replace(params=judged.params.copy())
                return self._tally(self._judged.params, blocks)
        except Exception as error:
            return Failure.of(error)

    def _tally(self, params: Params, blocks: Sequence[Block]) -> list[Tally]:
        if self._hands is not None:
            return self._hands.tally(params, blocks)
        return [self._place.task.tally(params, block) for block in blocks]

    def _visited(self, method: str, arguments: tuple[Any, ...]) -> Shown | NDArray[np.float64]:
        """`show` and `tally`, asked by a connection. With what is judged weights come, unless they are here already."""
        if method == "show":
            return self.show()
        number, given, batch = arguments
        place = self._place
        with self._judging:
            if given is not None:
                self._judged = Judged(number, params_of(place.params[self._rank], *given))
            if self._judged is None or self._judged.number != number:
                raise ValueError(f"nobody has said what is judged in epoch {number}")
            return rows_of(self._tally(self._judged.params, blocks_of(batch, place.n_examples)))
