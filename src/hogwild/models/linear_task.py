"""A linear model on the examples of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

from hogwild.data.blocks import Block
from hogwild.data.examples import Examples
from hogwild.deltas import Delta, Vector
from hogwild.interfaces import AbstractTask, Tally, Unsupported
from hogwild.kernels.scoring import tally
from hogwild.memory import Memory, Replicas, Sharing
from hogwild.models.linear_binding import LinearBinding
from hogwild.models.linear_gradients import LinearGradients
from hogwild.models.linear_rows import linear_rows
from hogwild.models.linear_steps import LinearSteps
from hogwild.models.linear_survey import LinearSurvey
from hogwild.models.linear_terms import Terms
from hogwild.params import Params
from hogwild.requests import Steps
from hogwild.rows import Keys
from hogwild.rules.penalties import penalty
from hogwild.rules.schedules import Moment
from hogwild.rules.scores import r2, variance_of
from hogwild.rules.sums import inner
from hogwild.rules.updates import Prox


@final
class LinearTask(AbstractTask):
    """See `AbstractTask`. In training the intercept is that of *centred* columns. Coefficients are true ones, but for
    those of a vector that several workers train as `Replicas`, which may have a divisor (see `LinearSteps`).
    """

    def __init__(self, terms: Terms, examples: Examples, survey: LinearSurvey) -> None:
        rows = linear_rows(examples, survey.relax, survey.centre)
        curve = terms.schedule.curve(survey.eta0, terms.l2, examples.n_in_all)
        self._terms, self._survey = terms, survey
        self._binding = LinearBinding(terms, survey, rows, curve, examples.source, examples.whole)
        self._true_rows = rows
        if survey.centre.size:
            self._true_rows = linear_rows(examples, survey.relax, np.zeros_like(survey.centre))
        self._steps, self._gradients = LinearSteps(self._binding), LinearGradients(self._binding)

    def check(self, how: Sharing, *, apart: bool = False) -> None:
        """The published schemes keep no mean of iterates."""
        if self._terms.average is True and not isinstance(how, Replicas):
            raise Unsupported(f"average=True needs private copies, Hogwild(Replicas()), or Serial(); not {how}")

    @property
    def averages(self) -> bool:
        return self._terms.averages

    def rate(self, moment: Moment) -> float:
        """Step size at that moment."""
        return self._binding.rate(moment)

    # ------------------------------------------------------------------------------------------- true weights

    def enter(self, params: Params) -> None:
        """Centre the intercept; without one to be learnt, drop what an earlier run may have left."""
        if not self._terms.fit_intercept:
            params["intercept"][0] = 0
        if self._survey.centre.size:
            params["intercept"][0] += inner(params["coef"], self._survey.centre)

    def answer(self, params: Params, memories: Sequence[Memory], moment: Moment) -> Params:
        """Divided by the divisor, or the mean of the iterates if the workers keep one; the centring undone."""
        answer = params.copy()
        coef, divisor = answer["coef"], self._steps.divisor(memories, moment)
        if divisor != 1.0:
            coef /= coef.dtype.type(divisor)
        answer.check_finite(f"after {moment.begun + moment.done:.0f} examples, in epoch {moment.epoch + 1}")
        total = sum(float(memory.mass[0]) for memory in memories if memory.mean.size)
        if total > 0:
            answer.weights[:] = sum(memory.mean * (memory.mass[0] / total) for memory in memories if memory.mean.size)
        if self._survey.centre.size:
            answer["intercept"][0] -= inner(coef, self._survey.centre)
        answer.state["examples"][0], answer.state["epochs"][0] = moment.begun + moment.done, moment.epoch + 1
        return answer

    # ------------------------------------------------------------------------------------------------ learning

    def steps(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        """Steps with the kernel for the memory's way of sharing. Unsupported for a minibatch that it cannot take."""
        self._steps.run(memory, blocks, moment, request)

    def gradient(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Keys | None) -> Delta:
        """The true gradient, for the centred intercept."""
        return self._gradients.sum(params, blocks, moment, keys)

    def apply(self, params: Params, delta: Delta) -> None:
        """A step of SGD, relaxed per column and for the intercept."""
        self._gradients.apply(params, delta)

    @property
    def prox(self) -> Prox | None:
        """What l1 takes off the weights: l2 is part of the gradient."""
        return self._gradients.prox

    @property
    def scales(self) -> Vector | None:
        """Those of the columns, and of the intercept, whose steps are smaller."""
        return self._gradients.scales

    def keys(self, blocks: Sequence[Block]) -> Keys:
        """Columns that these rows have, and the intercept if one is learnt."""
        return self._gradients.keys(blocks)

    # ---------------------------------------------------------------------------------------------------- sums

    def tally(self, params: Params, block: Block) -> Tally:
        """Sums of loss, errors and weight over the block."""
        binary = self._terms.loss.is_binary
        code, parameter = self._terms.loss.code, self._terms.parameter
        return Tally(*tally(self._true_rows, block.starts, block.chunk, params.weights, code, parameter, binary))

    def objective(self, params: Params, total: Tally) -> float:
        """l2/2 |w|^2 + l1 |w|_1 + mean loss."""
        return penalty(params["coef"], self._terms.l2, self._terms.l1) + total.loss / total.weight

    def score(self, total: Tally) -> float:
        """Accuracy for binary losses, R^2 for the others."""
        if self._terms.loss.is_binary:
            return 1.0 - total.errors / total.weight
        rows, whole = self._binding.rows, self._binding.whole
        variance = variance_of(rows.targets, rows.weights) if whole is None else whole.variance
        return r2(total.errors / total.weight, variance)
