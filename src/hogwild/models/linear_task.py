"""A linear model on the examples of one machine: which kernel runs for which way of sharing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.interfaces import AbstractTask, Block, Moment, Tally, Unsupported
from hogwild.kernels.linear import Copies, Pace, steps_alone, steps_in_order, steps_replicas
from hogwild.kernels.moments import column_moments
from hogwild.kernels.published import steps_in_turn, steps_locked, steps_racy
from hogwild.kernels.rows import DenseRows
from hogwild.kernels.scoring import tally
from hogwild.memory import InTurn, Locking, Memory, Racy, Replicas, Sharing
from hogwild.models.linear_rows import linear_rows
from hogwild.models.linear_survey import LinearSurvey
from hogwild.models.linear_terms import Terms
from hogwild.params import NonFiniteError, Params
from hogwild.rules.penalties import penalty
from hogwild.rules.sums import inner

AVERAGING_STARTS = 0.5  # epochs: the first iterates say nothing
# Between two merges at least this many nonzeros are learnt for each weight that is merged: a merge then costs a few per
# cent. Where weights are few, copies merge more often than `every_examples`, for less staleness at the same price; but
# not more often than every LEAST_INTERVAL rows, when the cost is in handing the cache lines over.
NONZEROS_PER_WEIGHT = 6
LEAST_INTERVAL = 256
INTERVALS_PER_EPOCH = 16  # but at least these, for each worker: copies of a small set should not be alone for long


@final
class LinearTask(AbstractTask):
    """See `AbstractTask`. While an epoch is open the shared vector holds divisor * coef, where l2 telescopes, and
    the intercept of *centred* columns; `close_epoch` makes both true again.
    """

    def __init__(self, terms: Terms, examples: Examples, survey: LinearSurvey) -> None:
        self._terms, self._survey = terms, survey
        self._rows = linear_rows(examples, survey.relax, survey.centre)
        self._true_rows = self._rows
        if survey.centre.size:
            self._true_rows = linear_rows(examples, survey.relax, np.zeros_like(survey.centre))
        self._loss = terms.loss
        self._source = examples.source
        self._curve = terms.schedule.curve(survey.eta0, terms.l2, examples.n_examples)
        self._given_rates: bool | None = None  # does the strategy bring its own step sizes?
        self._decays: NDArray[np.floating] | None = None

    def check(self, how: Sharing) -> None:
        """The published schemes keep no mean of iterates."""
        if self._terms.average is True and not isinstance(how, Replicas):
            raise Unsupported(f"average=True needs private copies, Hogwild(Replicas()), or Serial(); not {how}")

    @property
    def averages(self) -> bool:
        return self._terms.averages

    # ------------------------------------------------------------------------------------------------- pace

    def _telescopes(self, how: Sharing | None) -> bool:
        """Is the shrinkage of l2 the same for all columns and the divisor of one formula? Not where it is paid
        feature by feature, as the published schemes do.
        """
        even = self._survey.relax.size == 0 and not self._given_rates
        return even and self._curve.telescopes(self._terms.l2) and (how is None or isinstance(how, Replicas))

    def rate(self, moment: Moment) -> float:
        """Step size at that moment."""
        return self._curve.rate(moment.begun + moment.done, moment.epoch)

    def _pace(self, how: Sharing | None, moment: Moment, rate: float | None) -> tuple[Pace, float]:
        """The pace of a block, and the divisor at its start."""
        terms = self._terms
        code, parameter = self._loss.code, terms.parameter
        step = self._survey.intercept if terms.fit_intercept else 0.0
        if self._telescopes(how):
            # The schedule is self-similar: an epoch begins anew with its own eta0 and true weights.
            gain = self.rate(moment._replace(done=0))
            growth = terms.l2 * gain
            pace = Pace(code, parameter, gain, growth, step, 0.0, terms.l1, terms.smoothness)
            return pace, 1.0 + growth * moment.done
        gain = self.rate(moment) if rate is None else rate
        pace = Pace(code, parameter, gain, 0.0, step, terms.l2, terms.l1, terms.smoothness)
        return pace, 1.0

    # ------------------------------------------------------------------------------------------------ epochs

    def open_epoch(self, params: Params, moment: Moment) -> None:
        """Centre the intercept; without one to be learnt, drop what an earlier run may have left."""
        if not self._terms.fit_intercept:
            params["intercept"][0] = 0
        if self._survey.centre.size:
            params["intercept"][0] += inner(params["coef"], self._survey.centre)

    def close_epoch(self, params: Params, memories: Sequence[Memory], moment: Moment) -> Params:
        """Divide by the divisor, undo the centring; the answer is the mean of the iterates if that is asked for."""
        coef = params["coef"]
        if self._telescopes(memories[0].how):
            coef /= coef.dtype.type(1.0 + self._terms.l2 * self.rate(moment._replace(done=0)) * moment.done)
        params.check_finite(f"after {moment.begun + moment.done:.0f} examples, in epoch {moment.epoch + 1}")
        answer = params
        total = sum(float(memory.mass[0]) for memory in memories if memory.mean.size)
        if total > 0:
            answer = params.copy()
            answer.weights[:] = sum(memory.mean * (memory.mass[0] / total) for memory in memories)
        for each in (params, answer) if answer is not params else (params,):
            if self._survey.centre.size:
                each["intercept"][0] -= inner(each["coef"], self._survey.centre)
        for each in (params, answer):
            each.state["examples"][0], each.state["epochs"][0] = moment.begun + moment.done, moment.epoch + 1
        return answer

    # ------------------------------------------------------------------------------------------------- steps

    def steps(self, memory: Memory, block: Block, moment: Moment, rate: float | None) -> None:
        """One step an example, with the kernel for the memory's way of sharing."""
        if self._given_rates is None:
            self._given_rates = rate is not None
        elif self._given_rates != (rate is not None):
            raise Unsupported("a strategy must give a rate in all of its steps() or in none")
        for starts in self._pieces(memory.how, block, moment, rate):
            piece = Block(starts, block.chunk)
            if not np.isfinite(self._run(memory, piece, moment, rate)):
                raise NonFiniteError(
                    f"predictions became NaN or infinite in epoch {moment.epoch + 1}, in a block of {starts.size} x "
                    f"{block.chunk} rows of {self._source} that begins with row {starts[0]}; use a smaller eta0, a "
                    "larger l2, or scale the data"
                )
            moment = moment._replace(done=moment.done + self._count(starts, block.chunk))

    def _pieces(self, how: Sharing | None, block: Block, moment: Moment, rate: float | None) -> list[NDArray[np.int64]]:
        """The block, cut where the rate has to change: a kernel falls with t only where l2 telescopes."""
        if rate is not None or self._telescopes(how):
            return [block.starts]
        count = self._count(block.starts, block.chunk)
        cuts = sorted({-(-end // block.chunk) for end in self._curve.steady(moment.begun + moment.done, count)})
        return np.split(block.starts, [cut for cut in cuts if cut < block.starts.size])

    def _count(self, starts: NDArray[np.int64], chunk: int) -> int:
        return int(np.minimum(chunk, self._rows.targets.size - starts).sum())

    def _run(self, memory: Memory, block: Block, moment: Moment, rate: float | None) -> float:
        """The sum of predictions, which is finite if all are."""
        how = memory.how
        pace, divisor = self._pace(how, moment, rate)
        rows, starts, chunk = self._rows, block.starts, block.chunk
        if isinstance(how, Racy):
            return float(steps_racy(rows, starts, chunk, pace, memory.shared, self._decay()))
        if isinstance(how, Locking):
            shared = (memory.shared, self._decay(), memory.locks, memory.control)
            return float(steps_locked(rows, starts, chunk, pace, *shared))
        if isinstance(how, InTurn):
            place = (moment.done, memory.rank, memory.size, memory.control)
            return float(steps_in_turn(rows, starts, chunk, pace, memory.shared, self._decay(), *place))
        return self._steps_on_copies(memory, block, moment, pace, divisor)

    def _steps_on_copies(self, memory: Memory, block: Block, moment: Moment, pace: Pace, divisor: float) -> float:
        how = memory.how if isinstance(memory.how, Replicas) else Replicas()
        n = self._rows.targets.size
        cheap = max(LEAST_INTERVAL, NONZEROS_PER_WEIGHT * memory.shared.size * n // max(1, self._rows.values.size))
        interval = min(how.every_examples, cheap, n // (INTERVALS_PER_EPOCH * memory.size))
        every = max(1, interval // block.chunk)
        late = moment.epoch > 0 or moment.done >= AVERAGING_STARTS * self._rows.targets.size
        mean = memory.mean if late else memory.mean[:0]
        copies = Copies(memory.shared, memory.mine, memory.base, mean, memory.mass)
        rows, starts, chunk = self._rows, block.starts, block.chunk
        if memory.how is None or memory.size == 1:
            return float(steps_alone(rows, starts, chunk, every, pace, divisor, copies))
        if how.ordered:
            place = (memory.deltas, memory.rank, memory.control)
            return float(steps_in_order(rows, starts, chunk, every, pace, divisor, copies, *place))
        return float(steps_replicas(rows, starts, chunk, every, pace, divisor, copies))

    def _decay(self) -> NDArray[np.floating]:
        """n / d_u: how much more than its share of the penalty an example pays on feature u."""
        if self._decays is None:
            n, d = self._rows.targets.size, self._survey.n_features
            # A dense row has all features, also where it is 0.
            counts = np.full(d, n) if isinstance(self._rows, DenseRows) else column_moments(self._rows, d)[0]
            self._decays = (n / np.maximum(counts, 1)).astype(self._rows.values.dtype)
        return self._decays

    # ------------------------------------------------------------------------------------------------- sums

    def tally(self, params: Params, block: Block) -> Tally:
        """Sums of loss, errors and weight over the block."""
        binary = self._loss.is_binary
        code, parameter = self._loss.code, self._terms.parameter
        return Tally(*tally(self._true_rows, block.starts, block.chunk, params.weights, code, parameter, binary))

    def objective(self, params: Params, total: Tally) -> float:
        """l2/2 |w|^2 + l1 |w|_1 + mean loss."""
        return penalty(params["coef"], self._terms.l2, self._terms.l1) + total.loss / total.weight

    def score(self, total: Tally) -> float:
        """Accuracy for binary losses, R^2 for the others."""
        if self._loss.is_binary:
            return 1.0 - total.errors / total.weight
        mean = np.average(self._rows.targets, weights=self._rows.weights)
        variance = float(np.average((self._rows.targets - mean) ** 2, weights=self._rows.weights))
        return 1.0 - total.errors / total.weight / variance if variance > 0 else 0.0
