"""`hogwild train`: from files to a model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hogwild.cli.files import check_writable, data_options, read_data
from hogwild.cli.names import LOSS_NAMES, SCHEDULE_NAMES, StrategyName
from hogwild.cli.progress import waiting, watching
from hogwild.cli.talking import INTERRUPTED, plain_errors, say, table, write_json, write_stdout

if TYPE_CHECKING:
    from hogwild.cli.fitting import Fitted
    from hogwild.data import Examples
    from hogwild.history import History, Record

REASONS = {
    "converged": "converged",
    "ended by the strategy": "ended by the strategy",
    "epochs": "all epochs used",
    "time": "time limit reached",
    "interrupted": "interrupted: the best model so far",
}


@click.command("train")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--out", required=True, metavar="MODEL", help="The model file to write, e.g. model.safetensors.")
@click.option(
    "--loss", default="hinge", show_default=True, type=click.Choice(LOSS_NAMES), metavar="NAME", help="See above."
)
@click.option("--epsilon", type=float, metavar="X", help="Of huber and the epsilon-insensitive losses.  [default: 0.1]")
@click.option("--quantile", type=float, metavar="X", help="Of the loss quantile.  [default: 0.5]")
@click.option("--l2", type=float, metavar="X", help="Penalty l2/2 |w|^2.  [default: 0.0001]")
@click.option(
    "--C",
    "c",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Instead of --l2, as in LIBLINEAR: l2 = 1 / (C n).",
)
@click.option(
    "--l1", type=float, metavar="X", default=0.0, show_default=True, help="Penalty l1 |w|_1; with --l2: elastic net."
)
@click.option("--no-intercept", is_flag=True, help="Learn no intercept.")
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Let each class weigh the same.")
@click.option(
    "--epochs", type=click.IntRange(min=1), metavar="N", default=100, show_default=True, help="At most so many passes."
)
@click.option(
    "--tol",
    type=click.FloatRange(min=0),
    metavar="X",
    default=1e-3,
    show_default=True,
    help="Stop when two epochs improve the objective by less (relatively); 0: run all epochs.",
)
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Stop after that.")
@click.option("--early-stopping", is_flag=True, help="Hold examples out, and stop by the loss on those.")
@click.option(
    "--validation-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="X",
    help="How many to hold out; implies --early-stopping.  [default: 0.1]",
)
@click.option(
    "--schedule", type=click.Choice(SCHEDULE_NAMES), default="auto", show_default=True, help="How step sizes fall."
)
@click.option("--eta0", type=float, metavar="X", help="The first step size.  [default: found on a subsample]")
@click.option(
    "--average/--no-average",
    default=None,
    help="Keep a mean of the iterates or the last.  [default: mean, unless --l1]",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Worker threads.  [default: one a core]")
@click.option("--strategy", type=StrategyName(), default="auto", show_default=True, help="How threads share weights.")
@click.option("--deterministic", is_flag=True, help="The same bits each time (with --seed), also with many threads.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of all random numbers.")
@click.option(
    "--features", type=click.IntRange(min=1), metavar="N", help="Number of features.  [default: as many as are seen]"
)
@data_options
@click.option("--plot", metavar="PNG", help="Also write a picture of the objective against time (.png, .svg, .pdf).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object about the run.")
@click.option("-v", "--verbose", is_flag=True, help="A line an epoch instead of the progress bar.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only (and what --json prints).")
@plain_errors
def train_command(**options: Any) -> None:
    """Train a linear model on svmlight files (.gz, .bz2, .xz too), .npz archives, or '-' for standard input.

    The loss says what is learned. hinge, squared_hinge, perceptron, logistic, modified_huber: two classes (any two
    labels), or more, one against the rest. squared, huber, epsilon_insensitive, squared_epsilon_insensitive,
    quantile: numbers. Nothing needs tuning or scaling: the step size is found on a subsample.

    Ctrl-C stops early and writes the best model so far.

    \b
    Examples:
      hogwild train train.svm.xz --out model.safetensors
      hogwild train day1.svm day2.svm --loss logistic --C 1 --threads 4 --out model.safetensors
      hogwild train houses.npz --loss huber --epsilon 0.5 --plot loss.png --out model.safetensors
      zcat train.svm.gz | hogwild train - --json -q --out model.safetensors
    """
    _check_places(options["out"], options["plot"])
    from hogwild.checkpoint import save_model
    from hogwild.cli.fitting import build, fit, targets, with_c
    from hogwild.cli.interrupts import Interrupts

    estimator = build(options)
    begun = time.perf_counter()
    with waiting(f"reading {len(options['files'])} file{'s' * (len(options['files']) > 1)}", quiet=options["quiet"]):
        examples = read_data(options["files"], options["zero_based"], options["no_cache"], options["features"])
    read_s = time.perf_counter() - begun
    y = targets(estimator, examples)
    if options["c"] is not None:
        with_c(estimator, options["c"], examples.n_examples)
    if not options["quiet"]:
        say(f"{examples.source}: {examples.n_examples:,} x {examples.n_features:,}, read in {read_s:.2f} s")
    with Interrupts() as interrupts:
        with watching(_most_epochs(estimator, y), quiet=options["quiet"], verbose=options["verbose"]) as watches:
            fitted = fit(estimator, examples, y, watches, interrupts)
        save_model(fitted.estimator, options["out"])
        facts = _facts(fitted, examples, read_s, options["out"])
        if options["plot"] is not None:
            _plot(fitted.estimator, options["plot"])
        if options["as_json"]:
            write_json(facts)
        elif not options["quiet"]:
            write_stdout(_summary(facts))
    if interrupts.noted:
        if not options["quiet"]:
            say(f"hogwild: interrupted; the best model so far is in {options['out']}")
        raise SystemExit(INTERRUPTED)


def _check_places(out: str, plot: str | None) -> None:
    """What can be known to fail after training fails before it."""
    if out == "-":
        raise click.UsageError("--out needs the name of a file: a model is written whole, never to a pipe")
    check_writable(out)
    if plot is not None:
        from hogwild.report import check_picture

        check_picture(plot)
        check_writable(plot)


def _most_epochs(estimator: Any, y: Any) -> int:
    """Epochs of all problems together."""
    import numpy as np

    from hogwild.estimators import LinearClassifier

    classes = np.unique(y).size if isinstance(estimator, LinearClassifier) else 2
    return int(estimator.max_epochs * (classes if classes > 2 else 1))


def _plot(estimator: Any, path: str) -> None:
    from hogwild.checkpoint import histories
    from hogwild.cli.measures import spell
    from hogwild.report import plot_histories

    runs = histories(estimator)
    if not any(_judged(run) for run in runs):  # Ctrl-C came before the end of the first epoch was judged
        return
    names = ["training"] if len(runs) == 1 else [f"class {spell(label)}" for label in estimator.classes_]
    plot_histories(dict(zip(names, runs, strict=False)), path, title=f"hogwild train --loss {estimator.loss}")


def _facts(fitted: Fitted, examples: Examples, read_s: float, out: str) -> dict[str, Any]:
    """What --json prints."""
    import numpy as np

    from hogwild.checkpoint import histories
    from hogwild.estimators import LinearClassifier
    from hogwild.estimators.common import plan

    estimator = fitted.estimator
    runs = histories(estimator)
    kept = [min(_judged(run), key=_criterion) for run in runs if _judged(run)]
    holdouts = [record.holdout_score for record in kept if record.holdout_score is not None]
    seen = sum(run[-1].examples for run in runs if len(run))
    return {
        "model": out,
        "loss": estimator.loss if isinstance(estimator.loss, str) else list(estimator.loss),
        "l2": float(estimator.l2),
        "l1": float(estimator.l1),
        "examples": examples.n_examples,
        "features": examples.n_features,
        "classes": estimator.classes_.tolist() if isinstance(estimator, LinearClassifier) else None,
        "trained_problems": len(runs),
        "threads": plan(estimator, examples)[2].size,
        "epochs": int(estimator.n_iter_),
        "stop_reason": "interrupted" if fitted.interrupted else estimator.stop_reason_,
        "eta0": float(estimator.eta0_),
        "objective": float(np.mean([record.objective for record in kept])) if kept else None,
        "holdout_score": float(np.mean(holdouts)) if holdouts else None,
        "nonzero_weights": int(np.count_nonzero(estimator.coef_)),
        "read_s": read_s,
        "train_s": fitted.seconds,
        "examples_per_s": seen / max(fitted.seconds, 1e-9),
        "history": [run.as_dict() for run in runs],
    }


def _judged(run: History) -> list[Record]:
    return [record for record in run if record.objective is not None]


def _criterion(record: Record) -> float:
    """What the weights were chosen by that were kept."""
    chosen = record.objective if record.holdout_loss is None else record.holdout_loss
    assert chosen is not None  # the record was judged
    return chosen


def _summary(facts: dict[str, Any]) -> str:
    classes = facts["classes"]
    size = Path(facts["model"]).stat().st_size
    rows = [
        ("loss", f"{facts['loss']}, l2 {facts['l2']:.6g}" + (f", l1 {facts['l1']:g}" if facts["l1"] else "")),
        ("epochs", f"{facts['epochs']} ({REASONS[facts['stop_reason']]})"),
        ("time", f"{facts['train_s']:.3f} s on {facts['threads']} thread{'s' * (facts['threads'] > 1)}"),
        ("speed", f"{facts['examples_per_s']:,.0f} examples/s"),
        ("objective", "not known" if facts["objective"] is None else f"{facts['objective']:.6g}"),
        ("weights", f"{facts['nonzero_weights']:,} not zero"),
        ("model", f"{facts['model']} ({size:,} bytes)"),
    ]
    if facts["holdout_score"] is not None:
        name = "held-out R^2" if classes is None else "held-out accuracy"
        rows.insert(5, (name, f"{facts['holdout_score']:.4f}"))
    if classes is not None and len(classes) > 2:
        done = facts["trained_problems"]
        text = f"{len(classes)}, one against the rest" + (f"; {done} trained" if done < len(classes) else "")
        rows.insert(1, ("classes", text))
    return table(rows)
