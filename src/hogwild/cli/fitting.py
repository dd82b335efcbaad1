"""Training from the command line: options become an estimator, and Ctrl-C a model of the best weights so far."""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from hogwild.cli.files import labels
from hogwild.cli.flags import wrong_usage
from hogwild.cli.interrupts import Interrupts
from hogwild.cli.modelling import model_fields
from hogwild.cli.parallel import STRATEGY_OPTIONS, axes, with_options
from hogwild.cli.progress import Watch
from hogwild.data import DataError, Examples
from hogwild.engines import Simulated, Threads
from hogwild.estimators import LinearClassifier, LinearRegressor
from hogwild.estimators.common import plan
from hogwild.rules.losses import find_loss

if TYPE_CHECKING:
    from hogwild.checkpoint import Estimator


class Fitted(NamedTuple):
    """A trained estimator, the wall time of its `fit`, and whether Ctrl-C ended it."""

    estimator: Estimator
    seconds: float
    interrupted: bool


def fit(
    estimator: Estimator, examples: Examples, y: NDArray[Any], watches: Sequence[Watch], interrupts: Interrupts
) -> Fitted:
    """Train on examples with the labels y; after that `interrupts` holds, so that the model can be written in peace.

    KeyboardInterrupt if Ctrl-C came before there were any weights to keep.
    """
    estimator.set_params(callbacks=[*watches, lambda record: interrupts.remind()])
    begun, interrupted = time.perf_counter(), False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the summary says why training ended
            estimator.fit(examples.X, y, sample_weight=examples.sample_weight)
        interrupts.hold()
    except KeyboardInterrupt:
        interrupts.hold()
        if not hasattr(estimator, "coef_"):
            raise
        interrupted = True
    seconds = time.perf_counter() - begun
    estimator.set_params(callbacks=None)
    return Fitted(estimator, seconds, interrupted)


def build(options: dict[str, Any]) -> Estimator:
    """The estimator that the options of `hogwild train` ask for; UsageError if they are at odds or out of range."""
    with wrong_usage():
        estimator = _build(options)
        plan(estimator)  # a wrong parameter is found before the data are read
    return estimator


def _build(options: dict[str, Any]) -> Estimator:
    rule = find_loss(options["loss"])
    strategy, engine = axes(options)
    threads = -1 if options["threads"] is None else options["threads"]
    common: dict[str, Any] = {
        **model_fields(options),
        "max_epochs": options["epochs"],
        "tol": options["tol"],
        "early_stopping": options["early_stopping"] or options["validation_fraction"] is not None,
        "validation_fraction": 0.1 if options["validation_fraction"] is None else options["validation_fraction"],
        "strategy": strategy,
        "engine": engine,
        "n_jobs": threads if engine is None else None,
        "deterministic": options["deterministic"],
        # Drawn here, so that a run can be told exactly, and run again.
        "random_state": secrets.randbelow(2**31) if options["seed"] is None else options["seed"],
        "time_limit_s": options["time_limit"],
    }
    if rule.is_binary:
        return LinearClassifier(class_weight=options["class_weight"], **common)
    if options["class_weight"] is not None:
        raise click.UsageError(f"--class-weight is for classifiers, and {rule.name} is a loss for numbers")
    return LinearRegressor(**common)


def is_virtual(estimator: Estimator) -> bool:
    """Are its times those of a virtual clock?"""
    return isinstance(plan(estimator)[2], Simulated)


def settle(estimator: Estimator, options: dict[str, Any], examples: Examples) -> None:
    """What "auto" stands for with these examples gets its options: before the data were read nobody knew."""
    if options["strategy"] == "auto" and any(options[name] is not None for name in STRATEGY_OPTIONS):
        _, strategy, engine = plan(estimator, examples)
        estimator.set_params(strategy=with_options(strategy, options), engine=engine, n_jobs=None)


def threads_of(estimator: Estimator, examples: Examples) -> int | None:
    """How many threads will train on these examples; None if workers are none."""
    engine = plan(estimator, examples)[2]
    return engine.size if isinstance(engine, Threads) else None


def targets(estimator: Estimator, examples: Examples) -> NDArray[Any]:
    """Labels fit for the estimator: classes (integers where they are whole) or numbers; else DataError."""
    y = labels(examples)
    loss = find_loss(estimator.loss if isinstance(estimator.loss, str) else estimator.loss[0]).name
    if not isinstance(estimator, LinearClassifier):
        if y.dtype.kind not in "biuf":
            raise DataError(f"{examples.source} has labels that are not numbers, as loss {loss} needs; use e.g. hinge")
        return y.astype(np.float64)
    y = class_labels(examples, loss)
    first = y[0]
    if (y == first).all():
        raise DataError(
            f"{examples.source}: all {y.size:,} labels are {first}, and a classifier needs examples of two classes; "
            "add some, or use a loss for numbers such as squared"
        )
    return y


def class_labels(examples: Examples, loss: str) -> NDArray[Any]:
    """Labels of classes: integers where they are whole; DataError for other numbers."""
    y = labels(examples)
    if y.dtype.kind == "f":
        broken = y != np.trunc(y)
        if broken.any():
            row = int(np.argmax(broken))
            raise DataError(
                f"{examples.source} has the label {y[row]:g} in example {row + 1}, and loss {loss} is for classes; "
                "use whole numbers as labels, or a loss for numbers such as squared"
            )
        if np.abs(y).max() < 2**53:
            y = y.astype(np.int64)
    return y
