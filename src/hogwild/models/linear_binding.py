"""A linear model bound to examples: what its steps and its gradients both need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block
from hogwild.data.examples import Whole
from hogwild.interfaces import Unsupported
from hogwild.kernels.moments import norms2, sum_of_rows
from hogwild.kernels.rows import Rows
from hogwild.models.linear_rows import column_counts
from hogwild.models.linear_survey import LinearSurvey
from hogwild.models.linear_terms import Terms
from hogwild.params import NonFiniteError
from hogwild.rules.schedules import Curve, Moment


@final
@dataclass(frozen=True)
class LinearBinding:
    """`rows` are those that are trained: dense ones are centred. `source` names the examples in messages."""

    terms: Terms
    survey: LinearSurvey
    rows: Rows
    curve: Curve
    source: str
    whole: Whole | None = None

    @property
    def n_examples(self) -> int:
        """Rows that are here."""
        return self.rows.targets.size

    @property
    def size_in_all(self) -> tuple[int, int]:
        """Examples of the run, wherever they are, and how many numbers their rows have."""
        if self.whole is not None:
            return self.whole.n_examples, self.whole.stored
        return self.n_examples, self.rows.values.size

    @property
    def intercept(self) -> float:
        """Step of the intercept, as a fraction of the step size; 0 if none is learnt."""
        return self.survey.intercept if self.terms.fit_intercept else 0.0

    def rate(self, moment: Moment) -> float:
        """Step size at that moment."""
        return self.curve.rate(moment.begun + moment.done, moment.epoch)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(d,) how many examples have each feature, at least 1. One pass over the data, for those who need it."""
        return column_counts(self.rows, self.survey.n_features)

    @cached_property
    def curvatures(self) -> NDArray[np.float64]:
        """(n,) largest second derivative of the loss of each row along its gradient, in the metric of the steps. One
        pass over the data, for those who need it.
        """
        return self.terms.smoothness * self.rows.weights * (norms2(self.rows) + self.intercept)

    def curvature(self, block: Block) -> float:
        """What limits a step on these rows: see `Delta.curvature`; 0 for no limit."""
        return float(sum_of_rows(self.curvatures, *block)) if self.terms.smoothness else 0.0

    def keeps_no_mean(self) -> Unsupported:
        """The error for those who asked for a mean of iterates that nobody would keep."""
        return Unsupported(
            "average=True needs steps() on one vector: use Serial() or Hogwild(), or leave average out for the last "
            "iterate"
        )

    def not_finite(self, what: str, moment: Moment, blocks: Sequence[Block]) -> NonFiniteError:
        """The error that says where `what` went wrong."""
        many = sum(block.starts.size for block in blocks) * blocks[0].chunk
        rows = f"{many:,} row" + "s" * (many > 1)
        return NonFiniteError(
            f"{what} became NaN or infinite in epoch {moment.epoch + 1}, in a block of {rows} of {self.source} that "
            f"begins with row {blocks[0].starts[0]} (counted from 0); use a smaller eta0 (with a server: a smaller "
            "rate of its rule), a larger l2, or scale the data"
        )
