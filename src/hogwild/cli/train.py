"""`hogwild train`: from files to a model."""

from __future__ import annotations

import time
from typing import Any

import click

from hogwild.cli.checkpoints import checkpoint_options, remember, settled
from hogwild.cli.files import check_writable, data_options, read_data
from hogwild.cli.modelling import l2_of, model_options
from hogwild.cli.parallel import parallel_options
from hogwild.cli.progress import waiting, watching
from hogwild.cli.quantities import FRACTION, NOT_NEGATIVE, POSITIVE
from hogwild.cli.sections import SectionedCommand
from hogwild.cli.talking import INTERRUPTED, plain_errors, say, write_json, write_stdout


@click.command("train", cls=SectionedCommand, short_help="Train a model on files of examples or ratings.")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--out", metavar="MODEL", help="The model file to write, e.g. model.safetensors.  [required]")
@click.option(
    "--model",
    type=click.Choice(["linear", "mf"]),
    default="linear",
    show_default=True,
    help="mf: matrix factorization of ratings.",
)
@click.option(
    "--rank", type=click.IntRange(min=1), metavar="N", help="Of mf: numbers of a user and an item.  [default: 50]"
)
@click.option(
    "--repeated",
    type=click.Choice(["error", "mean", "last"]),
    help="Of mf: several ratings of one item by one user.  [default: error]",
)
@model_options
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Let each class weigh the same.")
@click.option(
    "--epochs", type=click.IntRange(min=1), metavar="N", default=100, show_default=True, help="At most so many passes."
)
@click.option(
    "--tol",
    type=NOT_NEGATIVE,
    metavar="X",
    default=1e-3,
    show_default=True,
    help="Stop when two epochs improve the objective by less (relatively); 0: run all epochs.",
)
@click.option(
    "--time-limit",
    type=POSITIVE,
    metavar="SECONDS",
    help="Stop after that (virtual seconds, if simulated).",
)
@click.option("--early-stopping", is_flag=True, help="Hold examples out, and stop by the loss on those.")
@click.option(
    "--validation-fraction",
    type=FRACTION,
    metavar="X",
    help="How many to hold out; implies --early-stopping.  [default: 0.1]",
)
@click.option("--deterministic", is_flag=True, help="The same bits each time (with --seed), also with many threads.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Of all random numbers.  [default: a fresh one, which is told]",
)
@click.option(
    "--features", type=click.IntRange(min=1), metavar="N", help="Number of features.  [default: as many as are seen]"
)
@data_options
@click.option("--plot", metavar="PNG", help="Also write a picture of the objective against time (.png, .svg, .pdf).")
@click.option(
    "--tensorboard", metavar="DIR", help="Also write what `tensorboard --logdir DIR` shows, while training goes on."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object about the run.")
@click.option("-v", "--verbose", is_flag=True, help="A line an epoch instead of the progress bar.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only (and what --json prints).")
@checkpoint_options
@parallel_options
@plain_errors
@click.pass_context
def train_command(ctx: click.Context, /, **options: Any) -> None:
    """Train a linear model on svmlight files (.gz, .bz2, .xz too), .npz archives, or '-' for standard input.

    The loss says what is learned. hinge, squared_hinge, perceptron, logistic, modified_huber: two classes (any two
    labels), or more, one against the rest. squared, huber, epsilon_insensitive, squared_epsilon_insensitive,
    quantile: numbers. Nothing needs tuning or scaling: the step size is found on a subsample.

    With --model mf files hold ratings: a user, an item and a rating in each line (.csv, .tsv, MovieLens .zip). --l2 is
    0.08 then, --eta0 0.05, --epochs 25, and all epochs are run unless --tol or
    --early-stopping is given.

    Ctrl-C stops early and writes the best model so far.

    With --engine simulated, workers are machines of a cluster on a virtual clock: what they learn is real, how long it
    takes is modelled, all times are virtual seconds, and the same seed gives the same bits.

    \b
    Examples:
      hogwild train train.svm.xz --out model.safetensors
      hogwild train day1.svm day2.svm --loss logistic --C 1 --threads 4 --out model.safetensors
      hogwild train houses.npz --loss huber --epsilon 0.5 --plot loss.png --out model.safetensors
      zcat train.svm.gz | hogwild train - --json -q --out model.safetensors
      hogwild train train.svm --strategy downpour --minibatch 100 --engine simulated --workers 200 --out MODEL
      hogwild train ml-latest-small.zip --model mf --rank 100 --early-stopping --out films.safetensors
      hogwild train day1.svm --checkpoint runs/7 --out MODEL; and when that has died: hogwild train --resume runs/7
    """
    options = settled(ctx, options)
    _check_places(options["out"], options["plot"])
    if options["model"] == "mf":
        from hogwild.cli.factoring import train_factors

        train_factors(ctx, options)
        return
    if options["rank"] is not None:
        raise click.UsageError("--rank goes with --model mf")
    if options["repeated"] is not None:
        raise click.UsageError("--repeated goes with --model mf")
    from hogwild.checkpoint import save_model
    from hogwild.cli.boarding import boards
    from hogwild.cli.costs import advice
    from hogwild.cli.fitting import build, fit, is_virtual, settle, targets, threads_of
    from hogwild.cli.interrupts import Interrupts
    from hogwild.cli.summary import facts, summary

    estimator = build(options)
    begun = time.perf_counter()
    with waiting(f"reading {len(options['files'])} file{'s' * (len(options['files']) > 1)}", quiet=options["quiet"]):
        examples = read_data(options["files"], options["zero_based"], options["no_cache"], options["features"])
    read_s = time.perf_counter() - begun
    y = targets(estimator, examples)
    if options["c"] is not None:
        estimator.set_params(l2=l2_of(options["c"], examples.n_examples))
    settle(estimator, options, examples)
    if options["checkpoint"] is not None:
        remember(estimator, options, threads_of(estimator, examples))
    if not options["quiet"]:
        say(f"{examples.source}: {examples.n_examples:,} x {examples.n_features:,}, read in {read_s:.2f} s")
    how = {"quiet": options["quiet"], "verbose": options["verbose"], "virtual": is_virtual(estimator)}
    with Interrupts() as interrupts:
        with watching(_most_epochs(estimator, y), **how) as watches, boards(options["tensorboard"]) as boarded:
            fitted = fit(estimator, examples, y, [*watches, *boarded], interrupts)
        save_model(fitted.estimator, options["out"])
        found = facts(fitted, examples, options, read_s)
        if options["plot"] is not None:
            _plot(fitted.estimator, options["plot"])
        if options["as_json"]:
            write_json(found)
        elif not options["quiet"]:
            write_stdout(summary(fitted, found))
        if not options["quiet"] and (hint := advice(fitted.estimator)) is not None:
            say(f"hogwild: {hint}")
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
        from hogwild.cli.flags import wrong_usage
        from hogwild.report import check_picture

        with wrong_usage():
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
    from hogwild.cli.fitting import is_virtual
    from hogwild.cli.measures import spell
    from hogwild.report import plot_histories

    runs = histories(estimator)
    if not any(run.judged for run in runs):  # Ctrl-C came before the end of the first epoch was judged
        return
    names = ["training"] if len(runs) == 1 else [f"class {spell(label)}" for label in estimator.classes_]
    title = f"hogwild train --loss {estimator.loss}" + (" (virtual time)" if is_virtual(estimator) else "")
    plot_histories(dict(zip(names, runs, strict=False)), path, title=title)
