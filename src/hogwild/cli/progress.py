"""What is seen while a model is trained: a bar on a terminal, a line an epoch on demand, else nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hogwild.cli.talking import say

if TYPE_CHECKING:
    from hogwild.history import Record

Watch = Callable[["Record"], None]


@contextmanager
def watching(epochs: int, *, quiet: bool, verbose: bool, virtual: bool = False) -> Iterator[list[Watch]]:
    """The callbacks for a run of at most so many epochs. They are called from a worker's thread.

    virtual: the time of records is that of a virtual clock, so that it says nothing of the pace of this machine.
    """
    if quiet:
        yield []
    elif verbose:
        yield [lambda record: _say(record, virtual)]
    else:
        with counting(epochs, quiet=quiet, title="training", unit="epochs", first="finding the step size") as count:
            yield [lambda record: count(_figures(record, virtual))]


@contextmanager
def counting(total: int, *, quiet: bool, title: str, unit: str, first: str = "") -> Iterator[Callable[[str], None]]:
    """A function that counts one more on a bar, and shows a text beside it; on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(f"{unit}  {{task.fields[figures]}}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total, figures=first)
        yield lambda text: progress.update(task, advance=1, figures=text)


@contextmanager
def waiting(text: str, *, quiet: bool) -> Iterator[None]:
    """A spinner beside a text, for what takes an unknown time; on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def pace(record: Record) -> str:
    """Examples a second, for people."""
    speed = record.examples / max(record.time_s, 1e-9)
    return f"{speed / 1e6:.2f} M examples/s" if speed >= 1e6 else f"{speed:,.0f} examples/s"


def _figures(record: Record, virtual: bool) -> str:
    losses = [
        f"{name} {value:.6g}"
        for name, value in (("objective", record.objective), ("hold-out loss", record.holdout_loss))
        if value is not None
    ]
    tempo = f"{record.time_s:.4g} virtual s" if virtual else pace(record)
    return "  ".join([*losses, tempo, f"rate {record.rate:.3g}"])


def _say(record: Record, virtual: bool) -> None:
    time = "" if virtual else f"  {record.time_s:.3f} s"
    say(f"epoch {record.epoch}{time}  {_figures(record, virtual)}")
