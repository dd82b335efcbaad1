"""`hogwild compare`: which strategy wins on one's own data."""

from __future__ import annotations

from typing import Any

import click

from hogwild.cli.files import data_options
from hogwild.cli.modelling import model_options
from hogwild.cli.parallel import engine_options
from hogwild.cli.quantities import Finite
from hogwild.cli.sections import SectionedCommand
from hogwild.cli.talking import plain_errors

USUAL = "serial,hogwild,local-sgd,all-reduce,downpour"


@click.command("compare", cls=SectionedCommand, short_help="Race strategies under one budget: a table and a page.")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "--strategies",
    default=USUAL,
    show_default=True,
    metavar="NAME,...",
    help="Who takes part, with options in brackets.",
)
@click.option(
    "--budget",
    default="10epochs",
    show_default=True,
    metavar="AMOUNT",
    help="Of each run: 60s, 10min, 20epochs, 1e7examples, or 500MB sent.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="Runs of each, with seeds 0, 1, ...",
)
@click.option(
    "--scale", metavar="N,...", help="Run each with these numbers of workers.  [default: as many as the engine has]"
)
@click.option(
    "--holdout",
    type=Finite(min=0, max=1, max_open=True),
    default=0.1,
    show_default=True,
    metavar="X",
    help="Share of the examples that is held out.",
)
@click.option(
    "--out",
    default="hogwild-compare",
    show_default=True,
    metavar="DIR",
    help="For index.html, comparison.json and the runs. What is there is not run again.",
)
@model_options
@click.option("--positive", metavar="LABEL", help="Of more than two classes: this one against the rest.")
@click.option(
    "--features", type=click.IntRange(min=1), metavar="N", help="Number of features.  [default: as many as are seen]"
)
@data_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all that was found.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only (and what --json prints).")
@engine_options
@plain_errors
def compare_command(**options: Any) -> None:
    """Train the same linear model on your data with several strategies under one budget, and show which one wins.

    A table is printed, and DIR/index.html shows objective and held-out score against time, examples and bytes, how each
    strategy scales, how stale it was and who waited. The page needs no network.

    Each run is what `hogwild train` does with the same options. A strategy that diverges, or that the engine refuses,
    is shown as such, and the others go on. Ctrl-C ends it with what there is; the same command goes on from there, and
    with more --strategies, --seeds or --scale it adds those.

    \b
    Examples:
      hogwild compare train.svm.xz
      hogwild compare train.svm --strategies "serial,hogwild,local-sgd(period=50)" --budget 60s --loss logistic
      hogwild compare train.svm --strategies "all-reduce(minibatch=100, eta0=4),gossip" --engine simulated --workers 50
      hogwild compare train.svm --strategies hogwild,locked --scale 1,2,4 --out scaling
    """
    from hogwild.cli.comparing import run

    run(options)
