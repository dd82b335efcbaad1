"""Linear models: hinge, logistic, squared and other losses of p = w.x + b, with l2 and l1 penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.matrices import to_matrix
from hogwild.interfaces import AbstractModel
from hogwild.models.linear_survey import LinearSurvey, survey_linear
from hogwild.models.linear_task import LinearTask
from hogwild.models.linear_terms import Terms, find_terms
from hogwild.params import Params
from hogwild.rules.schedules import Schedule


@final
@dataclass(frozen=True)
class Linear(AbstractModel):
    """A linear model p = w.x + b that minimises

        l2/2 |w|^2 + l1 |w|_1 + sum_i s_i loss(p_i, y_i) / sum_i s_i        (s: sample weights, 1 by default)

    The intercept b is not penalised.

    Parameters
    ----------
    loss : a name of `LOSSES` ("hinge", "logistic", "squared", ...), or (name, parameter), e.g. ("huber", 0.5).
        Binary losses want labels -1 and +1, the others any finite number.
    l2, l1 : weights of the penalties, >= 0. Both positive: elastic net.
    fit_intercept : learn b? Its steps are scaled to those of a typical column, and it is never shared while it is
        being written (Niu et al. 2011, section 7).
    schedule : "auto" (default), "inverse", "constant", "backoff", "bottou", or a `Schedule`. Without an eta0 of its
        own, eta0 is found on a subsample: nothing needs tuning.
    average : judge and return a mean of the iterates instead of the last one. Iterate t, sampled at every merge from
        the middle of the first epoch on, has a weight of about t^3: polynomial-decay averaging (Shamir and Zhang
        2013). It is less noisy than the last iterate and forgets the first ones. "auto" (default): yes, unless l1 is
        positive, as a mean of sparse weights is not sparse. The published schemes (Racy, Locked, RoundRobin) keep no
        mean, and strategies whose workers have weights of their own neither: "auto" gives their last iterate, True is
        refused.

    Columns of very different scales are handled: steps are relaxed per column, so that the *path* is that of scaled
    columns while the objective stays that of the columns as given. Weights are always those of the given columns.

    Raises ValueError or TypeError for a hyper-parameter out of its range.
    """

    loss: str | tuple[str, float] = "hinge"
    l2: float = 1e-4
    l1: float = 0.0
    fit_intercept: bool = True
    schedule: str | Schedule = "auto"
    average: bool | str = "auto"

    def __post_init__(self) -> None:
        _ = self.terms

    @property
    def terms(self) -> Terms:
        """The hyper-parameters, checked and looked up."""
        return find_terms(self.loss, self.l2, self.l1, self.fit_intercept, self.schedule, self.average)

    def survey(self, examples: Examples, seed: int, start: Params | None) -> LinearSurvey:
        """Scales of columns and eta0, from a seeded subsample; ValueError if the labels do not fit the loss."""
        self._check_labels(examples)
        return survey_linear(self.terms, examples, seed, start)

    def init(self, survey: LinearSurvey) -> Params:
        """Zero weights: views "coef" (d,) and "intercept" (1,); state: examples seen so far, and the survey, so that
        training can go on as it began.
        """
        state = {"examples": np.zeros(1), "epochs": np.zeros(1), **survey.state()}
        return Params({"coef": (survey.n_features,), "intercept": (1,)}, survey.dtype, state)

    def bind(self, examples: Examples, survey: LinearSurvey) -> LinearTask:
        """The kernels on these examples."""
        if examples.whole is not None:  # the survey has seen only some of these labels
            self._check_labels(examples)
        return LinearTask(self.terms, examples, survey)

    def predict(self, params: Params, X: Any) -> NDArray[Any]:
        """p = X w + b, (n,): the margin for binary losses (positive: class +1).

        ValueError for rows that are not finite, or that have not as many features as those of the training.
        """
        rows, coef = to_matrix(X, "X"), params["coef"]
        if rows.shape[1] != coef.size:
            raise ValueError(f"X has {rows.shape[1]} features, but the model was trained with {coef.size}")
        with np.errstate(over="ignore", invalid="ignore"):
            p = np.asarray(rows @ coef + params["intercept"][0])
        if not np.isfinite(p).all():
            row = int(np.argmin(np.isfinite(p)))
            raise ValueError(f"the prediction for row {row} of X is {p[row]}: impute, drop or scale what it has")
        return p

    def _check_labels(self, examples: Examples) -> None:
        y, loss = examples.y, self.terms.loss
        if y is None:
            raise ValueError("training needs labels y")
        if loss.is_binary:
            known = (y == 1) | (y == -1)
            if not known.all():
                row = int(np.argmin(known))
                raise ValueError(
                    f"loss {loss.name!r} wants labels -1 and +1, but row {row} has {y[row]!r}; "
                    "LinearClassifier and `hogwild train` translate any labels"
                )
        elif y.dtype.kind not in "biuf":
            sentence = f"loss {loss.name!r} wants numbers as labels, but row 0 has {y[0]!r}"
            if y.dtype.kind != "O":
                raise ValueError(sentence)
            try:
                y.astype(np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError(sentence) from error
