"""LinearRegressor: least squares, Huber, quantile and support vector regression behind scikit-learn's interface."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import assert_all_finite, check_consistent_length, column_or_1d

from hogwild.estimators.common import (
    ATTRIBUTES,
    PARAMETERS,
    Callbacks,
    check_features,
    learn,
    loss_names,
    scores,
    warn_if_unfinished,
)
from hogwild.interfaces import AbstractEngine, AbstractStrategy, Result
from hogwild.params import Params
from hogwild.rules.schedules import Schedule
from hogwild.snapshots import Checkpoint

EXAMPLE = '; or (name, parameter), e.g. ("huber", 0.5), ("quantile", 0.9)'


@final
class LinearRegressor(RegressorMixin, BaseEstimator):
    __doc__ = (
        """Linear regression (least squares, Huber, quantile, support vector regression) by SGD on n_jobs cores.

    Minimises  l2/2 |w|^2 + l1 |w|_1 + mean loss(w.x + b, y). `X` is sparse (any scipy format, int32 or int64
    indices) or dense, float32 or float64, and never written.
"""
        + PARAMETERS.format(loss="squared", losses=loss_names(False), example=EXAMPLE, class_weight="")
        + ATTRIBUTES.format(shape="(n_features,)", intercept="(1,)", classes="", most="", history="")
    )

    def __init__(
        self,
        loss: str | tuple[str, float] = "squared",
        *,
        l2: float = 1e-4,
        l1: float = 0.0,
        fit_intercept: bool = True,
        max_epochs: int = 100,
        tol: float | None = 1e-3,
        schedule: str | Schedule = "auto",
        average: bool | str = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        strategy: str | AbstractStrategy = "auto",
        engine: str | AbstractEngine | None = None,
        callbacks: Callbacks = None,
        n_jobs: int | None = None,
        deterministic: bool = False,
        random_state: Any = None,
        verbose: int = 0,
        time_limit_s: float | None = None,
        checkpoint: Checkpoint | None = None,
        resume: bool = False,
    ) -> None:
        self.loss = loss
        self.l2 = l2
        self.l1 = l1
        self.fit_intercept = fit_intercept
        self.max_epochs = max_epochs
        self.tol = tol
        self.schedule = schedule
        self.average = average
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.strategy = strategy
        self.engine = engine
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.deterministic = deterministic
        self.random_state = random_state
        self.verbose = verbose
        self.time_limit_s = time_limit_s
        self.checkpoint = checkpoint
        self.resume = resume

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on X (n, d) and targets y (n,), finite numbers; sample_weight (n,) >= 0. Errors as LinearClassifier."""
        start = self._params if self.warm_start and hasattr(self, "_params") else None
        result = self._train(X, y, sample_weight, start, None)
        warn_if_unfinished(self, [result])
        return self

    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """One epoch over these examples, going on from the weights there are."""
        self._train(X, y, sample_weight, getattr(self, "_params", None), 1)
        return self

    def _train(self, X: Any, y: Any, sample_weight: Any, start: Params | None, epochs: int | None) -> Result:
        if y is None:
            raise ValueError("LinearRegressor requires y to be passed, but the target y is None")
        examples = check_features(self, X, sample_weight, reset=start is None)
        targets = np.asarray(column_or_1d(y, warn=True), np.float64)
        assert_all_finite(targets, input_name="y")
        check_consistent_length(examples.X, targets)
        examples = replace(examples, y=targets)
        result = learn(self, examples, start, epochs)
        self.n_features_in_ = examples.n_features
        self._params = result.params
        self.coef_ = result.params["coef"].copy()
        self.intercept_ = result.params["intercept"].copy()
        self.n_iter_ = len(result.history)
        self.history_ = result.history
        self.stop_reason_ = result.reason
        self.eta0_ = float(result.params.state["eta0"][0])
        if result.reason == "interrupted":
            raise KeyboardInterrupt
        return result

    def predict(self, X: Any) -> NDArray[Any]:
        """w.x + b, (n,)."""
        return scores(self, X)[:, 0]
