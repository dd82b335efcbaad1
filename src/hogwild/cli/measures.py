"""How good a trained estimator is on given examples: the objective it was trained for, and what people ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.checkpoint import Estimator
from hogwild.cli.files import labels
from hogwild.data import DataError, Examples
from hogwild.estimators import LinearClassifier
from hogwild.kernels.scoring import tally
from hogwild.models.linear import Linear
from hogwild.models.linear_rows import linear_rows
from hogwild.rules.penalties import penalty


class Problem(NamedTuple):
    """One of the problems that a model solves: its only one, or one class against the rest."""

    label: Any  # of the positive class; None for regression
    coef: NDArray[np.floating]
    intercept: float
    targets: NDArray[np.floating]


def evaluate(estimator: Estimator, examples: Examples) -> dict[str, Any]:
    """Examples, mean loss and objective; accuracy and error, or squared and absolute errors and R^2.

    With several classes, mean loss and objective are the means of the one-against-the-rest problems'. Sample
    weights of the examples count, class weights of the training do not. R^2 is None if the labels are all equal.
    """
    y = labels(examples)
    each = [_loss(estimator, examples, problem) for problem in problems(estimator, examples)]
    predicted = estimator.predict(examples.X)
    weight = examples.sample_weight
    figures: dict[str, Any] = {"examples": examples.n_examples}
    if isinstance(estimator, LinearClassifier):
        accuracy = float(np.average(predicted == y, weights=weight))
        figures |= {"accuracy": accuracy, "error": 1.0 - accuracy}
    else:
        residuals = predicted - y.astype(np.float64)
        squared = float(np.average(residuals**2, weights=weight))
        spread = float(np.average((y - np.average(y, weights=weight)) ** 2, weights=weight))
        figures |= {
            "r2": 1.0 - squared / spread if spread > 0 else None,
            "mean_squared_error": squared,
            "mean_absolute_error": float(np.average(np.abs(residuals), weights=weight)),
        }
    return figures | {
        "mean_loss": float(np.mean([loss for loss, _ in each])),
        "objective": float(np.mean([objective for _, objective in each])),
    }


def problems(estimator: Estimator, examples: Examples) -> Iterator[Problem]:
    """The problems that were trained, with the targets of these examples: -1 and +1, or y.

    DataError for a label that a model of two classes does not know.
    """
    y = labels(examples)
    coef, intercept = np.atleast_2d(estimator.coef_), estimator.intercept_
    if not isinstance(estimator, LinearClassifier):
        yield Problem(None, coef[0], float(intercept[0]), numbers(examples))
        return
    classes = estimator.classes_
    binary = classes.size == 2
    strange = ~np.isin(y, classes)
    if binary and strange.any():
        row = int(np.argmax(strange))
        raise DataError(
            f"{examples.source} has the label {spell(y[row])} in example {row + 1}, but the model knows only "
            f"{spell(classes[0])} and {spell(classes[1])}; label the data as those it was trained on"
        )
    for k in range(coef.shape[0]):
        label = classes[1] if binary else classes[k]
        yield Problem(label, coef[k], float(intercept[k]), np.where(y == label, 1.0, -1.0))


def numbers(examples: Examples) -> NDArray[np.float64]:
    """y as numbers, for regression."""
    try:
        return labels(examples).astype(np.float64)
    except ValueError:
        raise DataError(
            f"{examples.source} has labels that are not numbers, and this is a model for numbers; "
            "use the loss of a classifier, such as hinge"
        ) from None


def spell(label: Any) -> str:
    """A label as people write it: whole numbers without a decimal point."""
    value = label.item() if isinstance(label, np.generic) else label
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    return str(value)


def _loss(estimator: Estimator, examples: Examples, problem: Problem) -> tuple[float, float]:
    """Mean loss and objective of a problem, by the kernel that training itself is judged with."""
    model = Linear(estimator.loss, estimator.l2, estimator.l1)
    dtype = examples.X.dtype
    centre = np.zeros(0 if examples.is_sparse else examples.n_features, dtype)
    rows = linear_rows(replace(examples, y=problem.targets), np.zeros(0, dtype), centre)
    weights = np.append(problem.coef, problem.intercept).astype(dtype)
    starts = np.arange(examples.n_examples, dtype=np.int64)
    code, parameter, binary = model.terms.loss.code, model.terms.parameter, model.terms.loss.is_binary
    loss, _, weight = tally(rows, starts, 1, weights, code, parameter, binary)
    mean = loss / weight
    return mean, penalty(problem.coef, estimator.l2, estimator.l1) + mean
