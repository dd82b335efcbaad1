"""The race behind `hogwild demo`: the same model by several threads, by one, and by scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.checkpoint import save_model
from hogwild.cli.files import check_writable, labels
from hogwild.cli.fitting import fit
from hogwild.cli.interrupts import Interrupts
from hogwild.cli.measures import evaluate
from hogwild.cli.progress import watching
from hogwild.cli.talking import say
from hogwild.data import Examples, holdout, rcv1_like
from hogwild.estimators import LinearClassifier
from hogwild.estimators.common import plan
from hogwild.history import History, Record
from hogwild.report import check_picture, plot_histories

SEED = 0
LAPS = 3  # of every contestant, in turn: one alone would say too much about what else the machine was doing
WARM_UP_ROWS, WARM_UP_FEATURES = 2_000, 500
PEER = "scikit-learn SGD"


class Lap(NamedTuple):
    """One contestant's training, once."""

    name: str
    seconds: float  # wall time of the whole fit
    examples: int  # seen, all epochs together
    objective: float
    accuracy: float  # on the held-out examples
    history: History


def race(rows: int | None, threads: int | None, epochs: int, l2: float, out: str, quiet: bool) -> bool:
    """Run the demo (`rows` None: on the real RCV1). Returns whether Ctrl-C ended it, with the model written."""
    folder = Path(out)
    model_path, picture_path = folder / "model.safetensors", folder / "loss.png"
    check_picture(picture_path)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (model_path, picture_path):
        check_writable(path)
    tell: Callable[[str], None] = (lambda text: None) if quiet else say
    training, test = _data(rows, tell)
    settings: dict[str, Any] = {"loss": "hinge", "l2": l2, "max_epochs": epochs, "tol": 0, "random_state": SEED}
    size = plan(LinearClassifier(n_jobs=-1 if threads is None else threads))[2].size
    tell("Compiling the kernels, so that no time below contains it (some seconds, the first time only) ...")
    for n_jobs in {1, size}:
        _warm_up(_contestant(n_jobs, settings))
    tell(f"Training: hinge loss, l2 = {l2:g}, {epochs} epochs each; {LAPS} laps.")
    name = _threads(size)
    with Interrupts() as interrupts:
        estimator = _contestant(size, settings)
        with watching(epochs, quiet=quiet, verbose=False, title=name) as watches:
            fitted = fit(estimator, training, labels(training), watches, interrupts)
        save_model(estimator, model_path)
    tell(f"model:   {model_path}")
    if interrupts.noted:
        tell("hogwild: interrupted; that is the best model so far")
        return True
    laps = [_lap(name, estimator, fitted.seconds, training, test)]
    for number in range(1, LAPS + 1):
        if number > 1:
            laps.append(_run(name, size, settings, training, test, quiet))
        if size > 1:
            laps.append(_run(_threads(1), 1, settings, training, test, quiet))
        laps.append(_scikit_learn(settings, training, test, quiet))
    medians = [_median([lap for lap in laps if lap.name == name]) for name in dict.fromkeys(lap.name for lap in laps)]
    what = f"SVM on {training.n_examples:,} documents"
    title = f"{what} of RCV1" if rows is None else f"{what} (synthetic, RCV1-shaped)"
    plot_histories({lap.name: lap.history for lap in medians}, picture_path, title=title)
    tell(f"picture: {picture_path}")
    _show(medians, test.n_examples)
    return False


def _threads(size: int) -> str:
    return f"hogwild, {size} thread{'s' * (size > 1)}"


def _data(rows: int | None, tell: Callable[[str], None]) -> tuple[Examples, Examples]:
    if rows is None:
        from hogwild.cli.rcv1 import fetch

        tell("Fetching RCV1 (Lewis et al. 2004) with scikit-learn; the first time it downloads 0.7 GB ...")
        examples = fetch()
    else:
        tell(f"Making {rows:,} SYNTHETIC documents in the shape of RCV1 ...")
        examples = rcv1_like(rows, seed=SEED)
    training, test = holdout(examples, 0.1, seed=SEED)
    tell(
        f"{training.n_examples:,} documents x {training.n_features:,} words to learn from "
        f"({training.nnz:,} nonzeros), {test.n_examples:,} held out."
    )
    return training, test


def _contestant(n_jobs: int, settings: dict[str, Any]) -> LinearClassifier:
    # By name, because "auto" would leave threads out that have too little to do, in the warm-up of all places.
    return LinearClassifier(n_jobs=n_jobs, strategy="hogwild" if n_jobs > 1 else "serial", **settings)


def _warm_up(estimator: LinearClassifier) -> None:
    few = rcv1_like(WARM_UP_ROWS, WARM_UP_FEATURES, seed=SEED)
    evaluate(estimator.fit(few.X, labels(few)), few)


def _run(name: str, n_jobs: int, settings: dict[str, Any], training: Examples, test: Examples, quiet: bool) -> Lap:
    with watching(settings["max_epochs"], quiet=quiet, verbose=False, title=name) as watches:
        estimator = _contestant(n_jobs, settings).set_params(callbacks=watches)
        begun = time.perf_counter()
        estimator.fit(training.X, labels(training))
        seconds = time.perf_counter() - begun
    return _lap(name, estimator, seconds, training, test)


def _lap(name: str, estimator: LinearClassifier, seconds: float, training: Examples, test: Examples) -> Lap:
    history = estimator.history_
    assert isinstance(history, History)  # of two classes
    objective = evaluate(estimator, training)["objective"]
    return Lap(name, seconds, history[-1].examples, objective, evaluate(estimator, test)["accuracy"], history)


def _scikit_learn(settings: dict[str, Any], training: Examples, test: Examples, quiet: bool) -> Lap:
    """SGDClassifier: the same problem and number of epochs, its own defaults for all else.

    Epoch by epoch with partial_fit, whose steps and speed are those of fit, so that there is a curve to draw; only
    partial_fit is timed, not the judging in between.
    """
    from sklearn.linear_model import SGDClassifier

    epochs, l2 = settings["max_epochs"], settings["l2"]
    peer = SGDClassifier(loss="hinge", alpha=l2, max_iter=epochs, tol=None, fit_intercept=True, random_state=SEED)
    judge = LinearClassifier(loss="hinge", l2=l2)
    history, seconds, objective = History(), 0.0, float("nan")
    with watching(epochs, quiet=quiet, verbose=False, title=PEER) as watches:
        for epoch in range(1, epochs + 1):
            begun = time.perf_counter()
            peer.partial_fit(training.X, training.y, classes=np.array([-1, 1]))
            seconds += time.perf_counter() - begun
            objective = _judged(judge, peer.coef_, peer.intercept_, training)["objective"]
            rate = 1.0 / (l2**0.25 + l2 * (peer.t_ - 1.0))  # of its schedule "optimal"
            history.records.append(Record(epoch, seconds, epoch * training.n_examples, rate, objective))
            for watch in watches:
                watch(history[-1])
    accuracy = _judged(judge, peer.coef_, peer.intercept_, test)["accuracy"]
    return Lap(PEER, seconds, epochs * training.n_examples, objective, accuracy, history)


def _judged(judge: LinearClassifier, coef: NDArray[Any], intercept: NDArray[Any], on: Examples) -> dict[str, Any]:
    """A peer's weights by the same ruler."""
    judge.coef_, judge.intercept_ = coef.astype(np.float32), intercept.astype(np.float32)
    judge.classes_, judge.n_features_in_ = np.array([-1, 1]), coef.shape[1]
    return evaluate(judge, on)


def _median(laps: list[Lap]) -> Lap:
    return sorted(laps, key=lambda lap: lap.seconds)[len(laps) // 2]


def _show(laps: list[Lap], n_test: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from sklearn import __version__ as peer_version

    ours = laps[0]
    caption = (
        f"Each the median of {LAPS} laps in turn. Accuracy on {n_test:,} held-out documents; speed-up of {ours.name}, "
        f"over each. {PEER}: SGDClassifier of scikit-learn {peer_version}."
    )
    table = Table(caption=caption, box=box.SIMPLE_HEAD, caption_justify="left")
    table.add_column("", no_wrap=True)
    for heading in ("seconds", "examples/s", "objective", "accuracy", "speed-up"):
        table.add_column(heading, justify="right", no_wrap=True)
    for lap in laps:
        table.add_row(
            lap.name,
            f"{lap.seconds:.3f}",
            f"{lap.examples / lap.seconds:,.0f}",
            f"{lap.objective:.5f}",
            f"{100 * lap.accuracy:.2f} %",
            f"{lap.seconds / ours.seconds:.2f} x",
        )
    Console().print(table)
