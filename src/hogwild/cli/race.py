"""The race behind `hogwild demo`: the same model by several threads, by one, and by scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hogwild.checkpoint import save_model
from hogwild.cli.files import check_writable, labels
from hogwild.cli.fitting import fit
from hogwild.cli.interrupts import Interrupts
from hogwild.cli.measures import evaluate
from hogwild.cli.progress import counting, watching
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

Contestant = Callable[[int], Any]  # from a number of epochs to an unfitted classifier with scikit-learn's interface
Tell = Callable[[str], None]


class Lap(NamedTuple):
    """One whole training of some epochs, and what came out."""

    seconds: float  # wall time of `fit`, in which nothing is judged
    objective: float
    accuracy: float  # on the held-out examples


def race(rows: int | None, threads: int | None, epochs: int, l2: float, out: str, quiet: bool) -> bool:
    """Run the demo (`rows` None: on the real RCV1). Returns whether Ctrl-C ended it, with the model written."""
    folder = Path(out)
    model_path, picture_path = folder / "model.safetensors", folder / "loss.png"
    check_picture(picture_path)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (model_path, picture_path):
        check_writable(path)
    tell: Tell = (lambda text: None) if quiet else say
    training, test = _data(rows, tell)
    size = plan(LinearClassifier(n_jobs=-1 if threads is None else threads))[2].size
    contestants = {_name(size): _ours(size, l2), _name(1): _ours(1, l2), PEER: _theirs(l2)}
    tell("Compiling the kernels, so that no time below contains it (some seconds, the first time only) ...")
    _warm_up(contestants)
    tell(f"Training on {size} thread{'s' * (size > 1)}: hinge loss, l2 = {l2:g}, {epochs} epochs ...")
    with Interrupts() as interrupts:
        estimator = _ours(size, l2)(epochs).set_params(tol=0)
        with watching(epochs, quiet=quiet, verbose=False) as watches:
            fit(estimator, training, labels(training), watches, interrupts)
        save_model(estimator, model_path)
    tell(f"model:   {model_path}")
    if interrupts.noted:
        tell("hogwild: interrupted; that is the best model so far")
        return True
    tell(f"Racing {', '.join(contestants)}: {LAPS} laps of 1 to {epochs} epochs in turn ...")
    results = _laps(contestants, epochs, training, test, quiet)
    what = f"SVM on {training.n_examples:,} documents"
    title = f"{what} of RCV1" if rows is None else f"{what} (synthetic, RCV1-shaped)"
    curves = {name: _history(laps, training.n_examples) for name, laps in results.items()}
    plot_histories(curves, picture_path, title=title)
    tell(f"picture: {picture_path}")
    _show({name: laps[-1] for name, laps in results.items()}, epochs * training.n_examples, test.n_examples)
    return False


def _name(size: int) -> str:
    return f"hogwild, {size} thread{'s' * (size > 1)}"


def _ours(size: int, l2: float) -> Contestant:
    # By name, because "auto" would leave threads out that have too little to do, in the warm-up of all places.
    strategy = "hogwild" if size > 1 else "serial"
    return lambda epochs: LinearClassifier(
        "hinge", l2=l2, max_epochs=epochs, tol=None, n_jobs=size, strategy=strategy, random_state=SEED
    )


def _theirs(l2: float) -> Contestant:
    """The same problem, and scikit-learn's own defaults for all else."""
    from sklearn.linear_model import SGDClassifier

    return lambda epochs: SGDClassifier(loss="hinge", alpha=l2, max_iter=epochs, tol=None, random_state=SEED)


def _data(rows: int | None, tell: Tell) -> tuple[Examples, Examples]:
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


def _warm_up(contestants: dict[str, Contestant]) -> None:
    few = rcv1_like(WARM_UP_ROWS, WARM_UP_FEATURES, seed=SEED)
    for contestant in contestants.values():
        _judged(contestant(1).fit(few.X, labels(few)), few)


def _laps(
    contestants: dict[str, Contestant], epochs: int, training: Examples, test: Examples, quiet: bool
) -> dict[str, list[Lap]]:
    """For each contestant and each number of epochs the lap of median time."""
    laps: dict[str, list[list[Lap]]] = {name: [[] for _ in range(epochs)] for name in contestants}
    total = LAPS * epochs * len(contestants)
    with counting(total, quiet=quiet, title="racing", unit="laps") as count:
        for _ in range(LAPS):
            for k in range(epochs):
                for name, contestant in contestants.items():
                    laps[name][k].append(_lap(contestant(k + 1), training, test))
                    count(name)
    return {
        name: [sorted(each, key=lambda lap: lap.seconds)[LAPS // 2] for each in columns]
        for name, columns in laps.items()
    }


def _lap(classifier: Any, training: Examples, test: Examples) -> Lap:
    begun = time.perf_counter()
    classifier.fit(training.X, labels(training))
    seconds = time.perf_counter() - begun
    return Lap(seconds, _judged(classifier, training)["objective"], _judged(classifier, test)["accuracy"])


def _judged(classifier: Any, on: Examples) -> dict[str, Any]:
    """Anybody's weights by the same ruler."""
    if isinstance(classifier, LinearClassifier):
        return evaluate(classifier, on)
    judge = LinearClassifier("hinge", l2=classifier.alpha)
    judge.coef_, judge.intercept_ = classifier.coef_.astype(np.float32), classifier.intercept_.astype(np.float32)
    judge.classes_, judge.n_features_in_ = classifier.classes_, classifier.n_features_in_
    return evaluate(judge, on)


def _history(laps: list[Lap], n_examples: int) -> History:
    """As a curve to draw: every point is a whole `fit` of so many epochs."""
    return History(
        [
            Record(k, lap.seconds, k * n_examples, rate=0.0, objective=lap.objective)
            for k, lap in enumerate(laps, start=1)
        ]
    )


def _show(laps: dict[str, Lap], seen: int, n_test: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from sklearn import __version__ as peer_version

    name, ours = next(iter(laps.items()))
    caption = (
        f"Seconds: wall time of fit, the median of {LAPS} laps in turn. Accuracy: on {n_test:,} held-out documents. "
        f"Speed-up: of {name}, over each. {PEER}: SGDClassifier of scikit-learn {peer_version}."
    )
    table = Table(caption=caption, box=box.SIMPLE_HEAD, caption_justify="left")
    table.add_column("", no_wrap=True)
    for heading in ("seconds", "examples/s", "objective", "accuracy", "speed-up"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, lap in laps.items():
        table.add_row(
            name,
            f"{lap.seconds:.3f}",
            f"{seen / lap.seconds:,.0f}",
            f"{lap.objective:.5f}",
            f"{100 * lap.accuracy:.2f} %",
            f"{lap.seconds / ours.seconds:.2f} x",
        )
    Console().print(table)
