"""`hogwild compare`: which strategy wins on one's own data."""

from __future__ import annotations

from typing import Any

import click

from hogwild.cli.contests import contest_options
from hogwild.cli.parallel import engine_options
from hogwild.cli.sections import SectionedCommand
from hogwild.cli.talking import plain_errors

USUAL = "serial,hogwild,local-sgd,all-reduce,downpour"


@click.command("compare", cls=SectionedCommand, short_help="Race strategies under one budget: a table and a page.")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "--scale", metavar="N,...", help="Run each with these numbers of workers.  [default: as many as the engine has]"
)
@click.option(
    "--predict", metavar="NAME|FILE", help="Show beside each pace what a described cluster says of it, see simulate."
)
@contest_options(strategies=USUAL, seeds=3, out="hogwild-compare", kept="comparison.json")
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
