"""What the workers of one run on one machine have in common: memory, epochs, the verdict when to stop.

At the end of an epoch all workers meet, judge the weights together, and hear whether to go on. Where nothing is judged
one epoch flows into the next, and only the end of the last is a meeting.
"""

from __future__ import annotations

import threading
import time
from typing import final

import numpy as np

from hogwild.data.blocks import Blocks
from hogwild.engines.handout import Handout
from hogwild.engines.judging import Judge, Verdict
from hogwild.history import History, Record
from hogwild.interfaces import Job, Moment, Result, Unsupported
from hogwild.memory import ARRIVED, CONTROL_CELLS, PHASE, STOP, TURN, Locking, Memory, Replicas, Sharing
from hogwild.params import Params


@final
class Session:
    """The shared half of `Threads`: every public method may be called from any worker's thread."""

    def __init__(self, job: Job, size: int) -> None:
        self._began = time.perf_counter()
        self._job, self._size = job, size
        self._blocks = Blocks(job.examples, job.stop.holdout, job.seed)
        survey = job.model.survey(job.examples, job.seed, job.start)
        self._task = job.model.bind(job.examples, survey)
        self.fresh = job.start is None
        self.params = job.model.init(survey) if job.start is None else job.start.copy()
        self._before = self._count("epochs")  # in earlier runs of these weights
        self._examples, self._epoch = 0, 0  # before this epoch, in this run
        self._control = np.zeros(CONTROL_CELLS, np.int64)
        self._memories = [Memory(rank, size, self.params.weights, self._control) for rank in range(size)]
        if self._task.averages:
            for memory in self._memories:
                memory.mean = np.zeros_like(self.params.weights)
        self._lock, self._turning = threading.Lock(), threading.Lock()
        self._verdicts: dict[int, bool] = {}
        self._reason: str | None = None
        self._error: BaseException | None = None
        # All workers meet twice at the end of an epoch; one of them acts while the others wait.
        self._all_done = threading.Barrier(size, self._close_stretch)
        self._all_judged = threading.Barrier(size, self._decide)
        self._history = History()
        self._answer = self.params
        self._best: tuple[float, Params] | None = None  # (criterion, weights)
        self._stale = 0
        self._judge: Judge | None = None
        self._open_stretch(float(self._count("examples")))

    def _count(self, name: str) -> int:
        counts = self.params.state.get(name)
        return 0 if counts is None else int(counts[0])

    # ------------------------------------------------------------------------------------------ requests

    def share(self, rank: int, how: Sharing) -> None:
        """Give the worker what this way of sharing needs."""
        if not isinstance(how, Sharing):
            raise TypeError(f"share() wants Replicas, Racy, Locking or InTurn, not {how!r}")
        self._task.check(how)
        memory, weights = self._memories[rank], self.params.weights
        if isinstance(how, Replicas) and self._size > 1:
            memory.mine, memory.base = np.empty_like(weights), np.empty_like(weights)
        with self._lock:
            others = {each.how for each in self._memories if each.how is not None}
            if others - {how}:
                raise Unsupported(f"all workers must share in the same way, not {how} and {others.pop()}")
            memory.how = how
            # What follows is one array for all.
            if isinstance(how, Replicas) and how.ordered and not memory.deltas.size:
                deltas = np.zeros((self._size, weights.size), weights.dtype)
                for each in self._memories:
                    each.deltas = deltas
            elif isinstance(how, Locking) and not memory.locks.size:
                locks = np.zeros(weights.size, np.uint32)
                for each in self._memories:
                    each.locks = locks

    def steps(self, rank: int, n: int, rate: float | None) -> None:
        """Let the worker learn the next n examples or so."""
        memory = self._memories[rank]
        if memory.how is None and self._size > 1:
            raise Unsupported("on Threads with several workers a strategy must share() before its first steps()")
        block, moment = self._handout.take(rank, n)
        if block.starts.size:
            self._task.steps(memory, block, moment, rate)

    def next_round(self, rank: int, index: int) -> bool:
        """May the worker begin its round number `index`? At the end of an epoch, waits for the others."""
        while self._goes_on(index):
            handout = self._handout
            if handout.left(rank):
                return True
            if handout.meets:
                return self._meet()
            with self._turning:
                if self._handout is handout:  # nobody was faster
                    self._flow_on()
        return False

    def leave(self) -> None:
        """The worker's program has ended; if that was its own idea, the run ends with it, for all."""
        if self._reason is None:
            self._control[STOP] = 1  # others may wait for it inside a kernel
            self._stop("ended by the strategy")

    def fail(self, rank: int, rounds: int, error: BaseException) -> None:
        """The worker raised an error: stop the others, and raise it from `result`."""
        with self._lock:
            if self._error is None:
                error.add_note(f"(in worker {rank} of {self._size}, round {rounds}, epoch {self._epoch + 1})")
                self._error = error
        self._control[STOP] = 1
        self._stop("failed")

    def interrupt(self, *, complete: bool) -> None:
        """End the run now; `result` gives what there is.

        Workers that agree on their rounds finish the one they are in, and meet where they would have met: whoever left
        earlier would leave the others waiting, and half of a merge behind. Unless not all have been started
        (`complete`).
        """
        self._reason = "interrupted"  # even if it ended by itself at the same moment: the caller must know
        if not (self._job.strategy.agree and complete):
            self._control[STOP] = 1
            self._stop("interrupted")

    # ------------------------------------------------------------------------------------------- the result

    def result(self) -> Result:
        """After all workers have returned: the best weights that were judged; raises what a worker raised."""
        if self._error is not None:
            raise self._error
        try:
            if self._open:  # stopped within an epoch
                self._close_stretch()
            if not self._recorded and (self._handout.examples > 0 or not self._history.records):
                self._judge_some()
                self._record()
        except KeyboardInterrupt:
            self._reason = "interrupted"  # what was judged before must do
        params = self._answer if self._best is None else self._best[1]
        return Result(self._job.model, params, self._history, str(self._reason))

    # --------------------------------------------------------------------------------------------- stopping

    def _goes_on(self, index: int) -> bool:
        if not self._job.strategy.agree:
            if self._late():
                self._stop("time")
            return self._reason is None
        # Agreed rounds: the first worker that asks fixes the verdict on a round for all.
        with self._lock:
            go_on = self._verdicts.setdefault(index, self._reason is None and not self._late())
            self._verdicts.pop(index - 2, None)
            if not go_on and self._reason is None:
                self._reason = "time"
        return go_on

    def _late(self) -> bool:
        limit = self._job.stop.time_s
        return limit is not None and time.perf_counter() - self._began > limit

    def _stop(self, reason: str) -> None:
        with self._lock:
            self._reason = self._reason or reason
        self._all_done.abort()
        self._all_judged.abort()

    # ----------------------------------------------------------------------------------------------- epochs

    def _meet(self) -> bool:
        """End the epoch with all others: judge the weights, and hear whether to go on."""
        try:
            self._all_done.wait()
            self._judge_some()
            self._all_judged.wait()
        except threading.BrokenBarrierError:
            return False  # stopped or failed meanwhile
        return self._goes_on_after_epoch

    def _flow_on(self) -> None:
        """The epoch's examples have been handed out, and nothing is judged: nobody waits for the last to be learnt."""
        self._tell(self._record())
        self._epoch += 1
        self._open_epoch(self._handout.moment)

    def _open_stretch(self, begun: float) -> None:
        """Before the first epoch, or when all workers have met."""
        moment = Moment(self._before + self._epoch, begun, 0)
        self._control[[TURN, ARRIVED, PHASE]] = 0  # never STOP
        self._task.open_epoch(self.params, moment)
        self._open = True
        self._open_epoch(moment)

    def _open_epoch(self, moment: Moment) -> None:
        stop, agreed = self._job.stop, self._job.strategy.agree
        meets = stop.tol is not None or agreed or self._epoch + 1 >= stop.epochs
        moment = moment._replace(epoch=self._before + self._epoch)
        self._handout = Handout(self._blocks, moment, self._size, agreed=agreed, meets=meets)
        self._recorded = False

    def _close_stretch(self) -> None:
        """All workers rest: make the weights true, and lay out what is to be judged."""
        self._answer = self._task.close_epoch(self.params, self._memories, self._handout.moment)
        self._judge = None if self._job.stop.tol is None else Judge(self._task, self._answer, self._blocks)
        self._open = False

    def _judge_some(self) -> None:
        if self._judge is not None:
            self._judge.work()

    def _record(self) -> Record:
        """Write the record of the epoch; keep its weights if they are the best so far."""
        verdict = Verdict() if self._judge is None else self._judge.verdict()
        self._examples += self._handout.examples
        self._recorded = True
        time_s = time.perf_counter() - self._began
        record = Record(self._epoch + 1, time_s, self._examples, self._task.rate(self._handout.moment), *verdict)
        self._history.records.append(record)
        if verdict.criterion is not None:
            self._compare(verdict.criterion)
        return record

    def _tell(self, record: Record) -> None:
        for callback in self._job.callbacks:
            callback(record)

    def _compare(self, criterion: float) -> None:
        if self._best is not None:
            best, tol = self._best[0], self._job.stop.tol or 0.0
            self._stale = 0 if best - criterion > tol * abs(best) else self._stale + 1
        if self._best is None or criterion < self._best[0]:
            self._best = (criterion, self._answer.copy())

    def _decide(self) -> None:
        """All blocks are judged: record, tell the callbacks, and open the next epoch or stop."""
        self._tell(self._record())
        stop = self._job.stop
        if self._reason is None and stop.tol and self._stale >= stop.patience:
            self._reason = "converged"
        elif self._reason is None and self._epoch + 1 >= stop.epochs:
            self._reason = "epochs"
        self._goes_on_after_epoch = self._reason is None  # one answer for all, whenever they ask
        if self._goes_on_after_epoch:
            self._epoch += 1
            moment = self._handout.moment
            self._open_stretch(moment.begun + moment.done)
