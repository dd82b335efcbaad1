"""What the workers of one run have in common, on any engine: weights, data, epochs, the verdict when to stop.

Epochs are counted in examples, however they were learnt. Where weights are judged that all workers train together,
workers meet at the end of an epoch; else one epoch flows into the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import final

import numpy as np

from hogwild.engines.budget import Budget
from hogwild.engines.course import Course
from hogwild.engines.ending import ended_part
from hogwild.engines.judging import JUDGES_HERE, AbstractJudges, Best, Judge, Verdict
from hogwild.engines.keeper import Keeper
from hogwild.engines.members import Members
from hogwild.engines.mirrors import ALL_HERE, AbstractMirrors
from hogwild.engines.own_rows import parts_of
from hogwild.engines.resuming import Resumed, go_on
from hogwild.engines.staff import Staff
from hogwild.engines.supply import Supply
from hogwild.engines.turn import Turn
from hogwild.history import History, Record
from hogwild.interfaces import Job, Result
from hogwild.memory import CONTROL_CELLS, STOP, Memory
from hogwild.params import Params
from hogwild.rules.schedules import Moment
from hogwild.rules.sums import consensus_distance
from hogwild.stopping import GOES_ON


@final
class Session:
    """The shared half of an engine. Methods may be called from any worker's thread, unless they say otherwise.

    `clock` gives seconds: real ones, or virtual ones.
    """

    def __init__(
        self,
        job: Job,
        size: int,
        clock: Callable[[], float],
        mirrors: AbstractMirrors = ALL_HERE,
        judges: AbstractJudges = JUDGES_HERE,
        keeper: Keeper | None = None,
    ) -> None:
        self._clock, self._began = clock, clock()
        self._job, self.size = job, size
        self.mirrors, self._judges = mirrors, judges  # of the weights below
        self.keeper = keeper
        parts = parts_of(job.examples, job.stop.holdout, job.seed, job.bounds)
        self._apart = job.examples.whole is not None  # are the rows where the workers are? Those here are a sample
        self.survey = survey = job.model.survey(replace(job.examples, whole=None), job.seed, job.start)
        self.task = job.model.bind(job.examples, survey)
        saved = None if job.keeping is None else job.keeping.saved
        self.resumed = None if saved is None else Resumed.of(saved)
        self._before_s = 0.0 if saved is None else float(saved.manifest.progress["time_s"])
        self.fresh = job.start is None
        first = job.model.init(survey) if job.start is None else job.start.copy()
        self.start = job.start  # whoever goes on must be given it, too
        self.budget = budget = Budget(job, size, first)
        self.task.enter(first)
        self.needs = job.strategy.needs
        shares = self.shares = "share" in self.needs  # the same weights for all
        self.params = [first, *(first.beside() if shares else first.copy() for _ in range(size - 1))]
        self.control = np.zeros(CONTROL_CELLS, np.int64)
        self.memories = [
            Memory(rank, size, mine.weights, self.control, state=mine.state) for rank, mine in enumerate(self.params)
        ]
        if self.task.averages and (shares or size == 1) and job.strategy.answer != "server":
            for memory in self.memories:
                memory.mean = np.zeros_like(first.weights)
        self.server_params: Callable[[], Params] | None = None  # as they are now; the engine that has a server sets it
        self.sharing, self._lock, self._turning = threading.Lock(), threading.Lock(), threading.RLock()
        self.rule = job.strategy.server  # of the server, if there is one
        self.agreed, self._granted = job.strategy.agree, -1  # the last round that was granted
        self.members = Members(size, agreed=self.agreed)
        self.reason: str | None = None
        self._error: BaseException | None = None
        self._judge: Judge | None = None
        self.course = Course(first, Moment(0, budget.begun, 0), Best(job.stop.tol or 0.0))
        self._consensus: float | None = None  # how far apart workers' own weights are, which they may be training
        begin = Moment(budget.before, budget.begun, 0)
        self.supply = Supply(parts, begin, size, agreed=self.agreed, hurried=budget.hurried, apart=self._apart)
        self.staff = Staff(job.seed, self.params, self.memories, self.supply.share, shares=shares)
        if self.resumed is not None:
            go_on(self, self.resumed)

    @property
    def history(self) -> History:
        """What has happened so far."""
        return self.course.history

    @property
    def elapsed_s(self) -> float:
        """Since the run began; not while it did not run."""
        return self._clock() - self._began + self._before_s

    # ---------------------------------------------------------------------------------------------------- rounds

    def turn(self, rank: int, index: int) -> Turn:
        """May the worker begin its round number `index`?"""
        if self.course.due and rank == self.members.lowest:
            self._catch_up(rank)
        while self._goes_on(index):
            handout = self.supply.handout(rank)
            if self.supply.has(rank) or (self.agreed and self._was_begun(index, handout.moment.epoch)):
                if self.agreed:
                    self._begin(index, handout.moment.epoch)
                return Turn.MEET if self.keeper is not None and self.keeper.holds(index) else Turn.GO
            if self.budget.meets:
                return Turn.MEET
            with self._turning:
                if self.supply.handout(rank) is handout:  # nobody was faster
                    self._flow_on(rank, handout.moment, index)
        return Turn.STOP

    def _begin(self, index: int, epoch: int) -> None:
        with self._lock:
            self.course.begun[epoch] = max(index, self.course.begun.get(epoch, -1))

    def _was_begun(self, index: int, epoch: int) -> bool:
        """Agreed: where one has gone all go, though the others may have left them nothing to learn there."""
        return index <= self.course.begun.get(epoch, -1)

    def ended(self, rank: int) -> None:
        """A worker's program has ended; if that was its own idea, the run ends with it, for all."""
        if self.reason is None and not self.members.is_gone(rank):
            self.stop("ended by the strategy")

    def fail(self, error: BaseException, rank: int | None, rounds: int = 0) -> None:
        """The worker raised an error (None: all together): it is raised again from `result`."""
        with self._lock:
            if self._error is None:
                if rank is not None:
                    epoch = self.supply.handout(rank).moment.epoch - self.budget.before + 1
                    error.add_note(f"(in worker {rank} of {self.size}, round {rounds}, epoch {epoch})")
                self._error = error
        self.stop("failed")

    @property
    def error(self) -> BaseException | None:
        """That `result` raises."""
        return self._error

    def stop(self, reason: str, *, now: bool = True) -> None:
        """End the run. now: workers that wait inside kernels stop waiting; else agreed workers finish their round."""
        with self._lock:
            if reason == "interrupted":
                self.reason = reason  # even if it ended by itself at the same moment: the caller must know
            self.reason = self.reason or reason
        if now:
            self.control[STOP] = 1

    def _learned(self) -> float:
        return self.supply.moment.done - self.budget.begun

    def _goes_on(self, index: int) -> bool:
        # Agreed rounds: the first worker that asks for a round fixes the verdict for all.
        with self._lock:
            if self.agreed and index <= self._granted:
                return True
            if self.reason is None:
                self.reason = self._job.stop.used_up(self.elapsed_s, self._learned, self.course.sent_bytes)
            if self.reason is None:
                self._granted = index
                if self.keeper is not None:
                    self.keeper.look(index)
            return self.reason is None

    # ---------------------------------------------------------------------------------------------------- epochs

    def _flow_on(self, rank: int, moment: Moment, index: int) -> None:
        """The epoch's examples have been handed out, and nobody waits for the last of them to be learnt."""
        if self.budget.is_last(moment.epoch):
            with self._lock:
                self._granted, self.reason = index - 1, self.reason or "epochs"
            return
        following = moment._replace(epoch=moment.epoch + 1)
        if self.agreed:
            self.supply.open_for(rank, following)
            if moment.done <= self.course.recorded:
                return  # others came first
        if self.budget.judged and self._job.strategy.answer == "mine" and rank != self.members.lowest:
            self.supply.open(following)
            self.course.due.append(moment)  # whose weights these are, it may be changing them now
            return
        self._catch_up(rank)
        if self.budget.judged:
            self._lay_out(moment)
        if self.size > 1 and not self.agreed:
            self.supply.open(following)  # others need not wait until this is judged
        self.judge(rank, alone=True)
        self._tell(self._record(moment))
        if self.size == 1 and not self.agreed:
            self.supply.open(following)

    def _catch_up(self, rank: int | None) -> None:
        """Judge what others could not: called by the worker whose weights count, and (None) when all have returned.

        Of several epochs only the last: the weights at the end of the others nobody knows any more.
        """
        with self._turning:
            if self.course.due:
                *missed, moment = self.course.due
                self.course.due = []
                for each in missed:
                    self._tell(self._record(each))
                self._lay_out(moment)
                self.judge(rank, alone=True)
                self._tell(self._record(moment))

    @property
    def pausing(self) -> bool:
        """Do workers that meet rest for a checkpoint?"""
        return self.keeper is not None and self.keeper.pausing

    def close(self, met: Collection[int]) -> None:
        """All workers in rounds have met and rest, or wait for those: lay out what is to be judged. Called by one."""
        if self.keeper is not None and self.keeper.pausing:
            self.keeper.take(met)
        else:
            self._lay_out(self._met_at())

    def _met_at(self) -> Moment:
        return self.supply.handout(self.members.lowest).moment

    def begin_judging(self, ranks: Collection[int]) -> None:
        """These are about to judge, where they must be asked. Called by one."""
        if self._judge is not None:
            self._judge.begin(ranks)

    def judge(self, rank: int | None, *, alone: bool = False) -> None:
        """A worker judges some of what was laid out, until nothing is left. None: all do; their programs have ended.
        alone: nobody helps it, unless others must, who have the rows.
        """
        if self._judge is not None and (rank is None or (alone and self._apart)):
            self._judges.together(self._judge.work)
        elif self._judge is not None and rank is not None:
            self._judge.work(rank)

    def decide(self) -> None:
        """Everything was judged: record, tell the callbacks, and open the next epoch or stop. Called by one worker."""
        if self.keeper is not None and self.keeper.release():
            return
        moment = self._met_at()
        self._tell(self._record(moment))
        if self.reason is None and self.budget.is_last(moment.epoch):
            self.stop("epochs", now=False)
        self.supply.open(moment._replace(epoch=moment.epoch + 1))
        self._granted = -1  # the next round was asked for too early

    def _lay_out(self, moment: Moment) -> None:
        there: tuple[int, ...] = ()
        self._consensus = None
        if self._job.strategy.answer not in ("shared", "server") and self.size > 1:
            # All at once, as it may take time.
            there = tuple(self.mirrors.bring_all(self.members.counted))
            self._consensus = consensus_distance([self.params[rank].weights for rank in there])
        self.course.answer, self.course.answered = self._true(moment, there), moment
        if self._job.stop.tol is not None:
            self._judge = Judge(
                self.task, self.course.answer, self.supply.parts, self.size, self._judges, apart=self._apart
            )

    def _true(self, moment: Moment, brought: Collection[int] = ()) -> Params:
        """A copy of the weights that are the answer now; those of some workers have just been brought."""
        kind, rank = self._job.strategy.answer, self.members.lowest
        while kind in ("mine", "end") and rank not in brought and not self.mirrors.bring(rank):
            rank = self.members.lowest
        params, memories = self.params[rank], [self.memories[rank]]
        if kind == "server" and self.server_params is not None:
            params, memories = self.server_params(), []
        elif kind == "shared":
            params, memories = self.params[0], self.memories
        return self.task.answer(params, memories, moment)

    def _record(self, moment: Moment) -> Record:
        """Write the record of an epoch; keep its weights if they are the best so far."""
        verdict = Verdict() if self._judge is None else self._judge.verdict()
        self._judge = None
        self.course.recorded = moment.done
        epoch = moment.epoch - self.budget.before + 1
        apart = self._consensus if verdict.criterion is not None else None
        rate, sent = self.task.rate(moment), self.course.sent_bytes()
        record = Record(epoch, self.elapsed_s, moment.done, rate, *verdict, apart, sent)
        self.history.records.append(record)
        if self.keeper is not None:
            self.keeper.epoch_ended(len(self.history))
        if verdict.criterion is not None:
            stale, stop = self.course.best.compare(verdict.criterion, self.course.answer), self._job.stop
            if self.reason is None and stop.tol and stale >= stop.patience:
                self.stop("converged", now=False)
        return record

    def _tell(self, record: Record) -> None:
        for callback in self._job.callbacks:
            try:
                callback(record)
            except KeyboardInterrupt:  # as Ctrl-C: agreed workers finish their round
                self.stop("interrupted", now=not self.agreed)

    # ------------------------------------------------------------------------------------------------ the result

    def result(self) -> Result:
        """After all workers have returned: the best weights that were judged; raises what a worker raised."""
        if self.keeper is not None:
            self.keeper.wait()
        if self._error is not None:
            raise self._error
        self.history.counts = self.staff.counts
        if self.course.earlier is not None and self.history.traffic is not None:
            self.history.traffic = self.course.earlier + self.history.traffic
        try:
            self._catch_up(None)
            moment = self.supply.moment
            if moment.done > self.course.recorded or self._job.strategy.answer == "end":
                self._lay_out(moment)
                self.judge(None)
                record = self._record(moment)
                if self.reason != "interrupted":  # then nobody waits for news
                    self._tell(record)
            elif self.budget.judged and self._changed_since():
                self.history.records.pop()
                self._lay_out(self.course.answered)
                self.judge(None)
                self._record(self.course.answered)
            elif self.course.best.params is None and self.course.answered.done < moment.done:
                # Stopped between two epochs, of which none was judged: the answer is still to be made.
                last = self.budget.before + self.history[-1].epoch - 1
                self.course.answer = self._true(moment._replace(epoch=last))
        except KeyboardInterrupt:
            self.reason = "interrupted"  # what was judged before must do
        params = self.course.answer if self.course.best.params is None else self.course.best.params
        if self.keeper is not None and self.reason not in GOES_ON:
            self.keeper.end(ended_part(params, self.history, str(self.reason)))
        return Result(self._job.model, params, self.history, str(self.reason))

    def _changed_since(self) -> bool:
        """Have the weights that are the answer changed after they were judged? Programs may end with a mean."""
        if self._job.strategy.answer != "mine" or self.reason == "interrupted" or not len(self.history):
            return False
        return not np.array_equal(self._true(self.course.answered).weights, self.course.answer.weights)
