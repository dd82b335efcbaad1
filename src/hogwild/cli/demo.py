"""`hogwild demo`: the race against one thread and against scikit-learn, on text-shaped data."""

from __future__ import annotations

import click

from hogwild.cli.quantities import POSITIVE
from hogwild.cli.talking import INTERRUPTED, plain_errors


@click.command("demo", short_help="Race one thread and scikit-learn on synthetic text.")
@click.option("--rows", type=click.IntRange(min=1000), default=200_000, show_default=True, help="Synthetic documents.")
@click.option("--rcv1", is_flag=True, help="The real RCV1 instead (804,414 news stories; a download of 0.7 GB).")
@click.option("--threads", type=click.IntRange(min=1), help="Worker threads.  [default: one a core]")
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True, help="Passes of every contestant.")
@click.option("--l2", type=POSITIVE, default=1e-5, show_default=True, help="Penalty.")
@click.option("--out", default="hogwild-demo", show_default=True, metavar="DIR", help="For the model and the picture.")
@click.option("-q", "--quiet", is_flag=True, help="Print the table only.")
@plain_errors
def demo_command(rows: int, rcv1: bool, threads: int | None, epochs: int, l2: float, out: str, quiet: bool) -> None:
    """Train an SVM on 200,000 documents x 47,236 words, and race it.

    The documents are SYNTHETIC, in the shape of RCV1 (Lewis et al. 2004), and need no network; a tenth is held out.
    The same model is then trained on one thread, and by scikit-learn's SGDClassifier: same loss, penalty, data
    (float32) and number of epochs; nobody judges the loss while the clock runs. The model and a picture of loss
    against time are left in DIR.

    \b
    Examples:
      hogwild demo
      hogwild demo --rows 800000 --threads 2
      hogwild demo --rcv1
    """
    from hogwild.cli.race import race

    if race(rows if not rcv1 else None, threads, epochs, l2, out, quiet):
        raise SystemExit(INTERRUPTED)
