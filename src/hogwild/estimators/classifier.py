"""LinearClassifier: SVM, logistic regression and their kin behind scikit-learn's interface."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_consistent_length, column_or_1d

from hogwild.data.examples import Examples
from hogwild.estimators.common import (
    ATTRIBUTES,
    PARAMETERS,
    Callbacks,
    check_features,
    learn,
    loss_names,
    scores,
    spent,
    warn_if_unfinished,
)
from hogwild.history import History
from hogwild.interfaces import AbstractEngine, AbstractStrategy, Result
from hogwild.models.linear import Linear
from hogwild.params import Params
from hogwild.rules.schedules import Schedule
from hogwild.snapshots import Checkpoint
from hogwild.stopping import REASONS


@final
class LinearClassifier(ClassifierMixin, BaseEstimator):
    __doc__ = (
        """Linear classifier (SVM, logistic regression, ...) trained by SGD on as many cores as `n_jobs` says.

    Minimises  l2/2 |w|^2 + l1 |w|_1 + mean loss(w.x + b, y)  with y in {-1, +1}; several classes one against the
    rest. `X` is sparse (any scipy format, int32 or int64 indices) or dense, float32 or float64, and never written.
"""
        + PARAMETERS.format(
            loss="hinge",
            losses=loss_names(True),
            example="",
            class_weight="""    class_weight : dict, "balanced" or None, default=None
        Factors on the weights of each class's examples.
""",
        )
        + ATTRIBUTES.format(
            shape="(1, n_features), or (n_classes, n_features) for more than two classes",
            intercept="(1,) or (n_classes,)",
            classes="    classes_ : ndarray, (n_classes,)\n",
            most=" (of the class that took most)",
            history=", or a list of one for each class when there are more than two",
        )
    )

    def __init__(
        self,
        loss: str | tuple[str, float] = "hinge",
        *,
        l2: float = 1e-4,
        l1: float = 0.0,
        fit_intercept: bool = True,
        max_epochs: int = 100,
        tol: float | None = 1e-3,
        schedule: str | Schedule = "auto",
        average: bool | str = "auto",
        class_weight: dict[Any, float] | str | None = None,
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
        self.class_weight = class_weight
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

    classes_: NDArray[Any]
    coef_: NDArray[Any]
    intercept_: NDArray[Any]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on X (n, d) and labels y (n,) of any kind; sample_weight (n,) >= 0.

        Raises ValueError or TypeError with one sentence for bad data or parameters, NonFiniteError if weights become
        NaN or infinite; warns ConvergenceWarning when max_epochs was too few for tol.
        """
        start = self._params if self.warm_start and hasattr(self, "_params") else None
        examples, y = self._check(X, y, sample_weight, reset=start is None)
        classes = np.unique(y)
        if classes.size < 2:
            raise ValueError(
                f"This solver needs samples of at least 2 classes in the data, but the data contains only one class: "
                f"{classes.tolist()[0]!r}"
            )
        if start is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(f"warm_start=True wants the classes {self.classes_.tolist()} of the last fit again")
        warn_if_unfinished(self, self._train(examples, y, classes, start, None))
        return self

    def partial_fit(
        self, X: Any, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """One epoch over these examples, going on from the weights there are.

        classes : all labels that will ever come; needed at the first call.
        """
        first = not hasattr(self, "_params")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        examples, y = self._check(X, y, sample_weight, reset=first)
        known = self.classes_ if classes is None else np.unique(np.asarray(classes))
        if known.size < 2:
            raise ValueError(f"classes={known.tolist()} must have at least two members")
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(
                f"`classes={known.tolist()}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_.tolist()}"
            )
        strange = ~np.isin(y, known)
        if strange.any():
            raise ValueError(f"y has the label {y[strange].tolist()[0]!r}, which is not in classes={known.tolist()}")
        self._train(examples, y, known, None if first else self._params, 1)
        return self

    def _check(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Examples, NDArray[Any]]:
        if y is None:
            raise ValueError("LinearClassifier requires y to be passed, but the target y is None")
        examples = check_features(self, X, sample_weight, reset)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_consistent_length(examples.X, y)
        check_classification_targets(y)
        return examples, y

    def _train(
        self,
        examples: Examples,
        y: NDArray[Any],
        classes: NDArray[Any],
        start: list[Params] | None,
        epochs: int | None,
    ) -> list[Result]:
        """Train class after class; every one of them on all threads."""
        weight = self._weights(y, classes, examples)
        positives = classes[1:] if classes.size == 2 else classes
        begun = time.perf_counter()
        results: list[Result] = []
        for position, positive in enumerate(positives):
            signs = np.where(y == positive, np.float32(1), np.float32(-1))
            one = replace(examples, y=signs, sample_weight=weight)
            # After Ctrl-C there may be weights for the first classes only.
            known = start[position] if start and position < len(start) else None
            name = None if positives.size == 1 else f"class-{position}"
            results.append(learn(self, one, known, epochs, spent(results, time.perf_counter() - begun), name))
            if results[-1].reason == "interrupted":
                break
        self.classes_ = classes
        self._keep(results, start or [], positives.size, examples.n_features)
        if self.stop_reason_ == "interrupted":
            raise KeyboardInterrupt
        return results

    def _keep(self, results: list[Result], start: list[Params], problems: int, n_features: int) -> None:
        self.n_features_in_ = n_features
        # Classes that Ctrl-C kept from being trained keep the weights they had.
        self._params = [result.params for result in results] + start[len(results) :]
        self.coef_ = np.zeros((problems, n_features), self._params[0].weights.dtype)
        # A class that never had any is never predicted.
        self.intercept_ = np.full(problems, -np.finfo(self.coef_.dtype).max, self.coef_.dtype)
        for k, params in enumerate(self._params):
            self.coef_[k], self.intercept_[k] = params["coef"], params["intercept"][0]
        histories = [result.history for result in results]
        histories += [History() for _ in start[len(results) :]]
        self.n_iter_ = max(map(len, histories))
        self.history_: History | list[History] = histories[0] if problems == 1 else histories
        self.stop_reason_ = max((result.reason for result in results), key=list(REASONS).index)
        self.eta0_ = float(self._params[0].state["eta0"][0])

    def _weights(self, y: NDArray[Any], classes: NDArray[Any], examples: Examples) -> NDArray[np.float32] | None:
        if self.class_weight is None:
            return examples.sample_weight
        codes = np.searchsorted(classes, y)
        present = np.unique(codes)
        factors = np.ones(classes.size)
        factors[present] = compute_class_weight(self.class_weight, classes=classes[present], y=y)
        weight = factors[codes].astype(np.float32)
        return weight if examples.sample_weight is None else weight * examples.sample_weight

    def decision_function(self, X: Any) -> NDArray[Any]:
        """w.x + b: (n,) for two classes (positive: classes_[1]), else (n, n_classes)."""
        found = scores(self, X)
        return found[:, 0] if found.shape[1] == 1 else found

    def predict(self, X: Any) -> NDArray[Any]:
        """The label of each row, (n,)."""
        found = scores(self, X)
        best = (found[:, 0] > 0).astype(np.intp) if found.shape[1] == 1 else found.argmax(axis=1)
        return self.classes_[best]

    @available_if(lambda self: _probability(self))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probabilities, (n, n_classes), for the losses that have them.

        logistic: 1 / (1 + exp(-p)). modified_huber: (clip(p, -1, 1) + 1) / 2 (Zhang 2002). Several classes are
        normalised to sum 1.
        """
        found = scores(self, X).astype(np.float64)
        if Linear(self.loss).terms.loss.name == "logistic":
            with np.errstate(over="ignore"):
                positive = 1.0 / (1.0 + np.exp(-found))
        else:
            positive = (np.clip(found, -1.0, 1.0) + 1.0) / 2.0
        if positive.shape[1] == 1:
            return np.hstack([1.0 - positive, positive])
        total = positive.sum(axis=1, keepdims=True)
        even = np.full_like(positive, 1.0 / positive.shape[1])
        return np.divide(positive, total, out=even, where=total > 0)

    @available_if(lambda self: _probability(self))  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """log(predict_proba(X))."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


def _probability(estimator: Any) -> bool:
    """For `available_if`: AttributeError, as scikit-learn wants it, for losses without probabilities."""
    if Linear(estimator.loss).terms.loss.name not in ("logistic", "modified_huber"):
        raise AttributeError(f"probabilities are not available for loss={estimator.loss!r}; use loss='logistic'")
    return True
