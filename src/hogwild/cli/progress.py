"""What is seen while a model is trained: a bar on a terminal, a line an epoch on demand, else nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, final

from hogwild.cli.talking import say
from hogwild.history import Record
from hogwild.traffic import in_bytes
from hogwild.watching import AbstractObserver, Status

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Watch = Callable[[Record], object]


class Count(Protocol):
    """See `counting`."""

    def __call__(self, text: str, more: int = 1) -> None: ...


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
        with _bar(quiet=quiet, title="training", unit="epochs", total=epochs, first="finding the step size") as bar:
            yield [] if bar is None else [EpochsBar(*bar, virtual=virtual)]


@final
class EpochsBar(AbstractObserver):
    """A bar that also moves between the ends of epochs."""

    def __init__(self, progress: Progress, task: TaskID, *, virtual: bool) -> None:
        self._progress, self._task, self._virtual = progress, task, virtual
        self._epochs, self._losses = 0, ""  # so far, of all problems; and what the last of them has shown

    def __call__(self, record: Record) -> None:
        self._epochs, self._losses = self._epochs + 1, _losses(record)
        self._progress.update(self._task, completed=self._epochs, figures=_figures(record, self._virtual))

    def status(self, status: Status) -> None:
        figures = "  ".join(filter(None, [self._losses, pace(status), *_cluster(status)]))
        self._progress.update(self._task, completed=self._epochs + status.share, figures=figures)


@contextmanager
def counting(total: int, *, quiet: bool, title: str, unit: str) -> Iterator[Count]:
    """A function that counts one more on a bar (or as many as it is told), and shows a text beside it; on a terminal
    only.
    """
    with _bar(quiet=quiet, title=title, unit=unit, total=total) as bar:

        def count(text: str, more: int = 1) -> None:
            if bar is not None:
                bar[0].update(bar[1], advance=more, figures=text)

        yield count


@contextmanager
def _bar(
    *, quiet: bool, title: str, unit: str, total: int, first: str = ""
) -> Iterator[tuple[Progress, TaskID] | None]:
    """On a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield None
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
        yield progress, progress.add_task(title, total=total, figures=first)


@contextmanager
def waiting(text: str, *, quiet: bool) -> Iterator[None]:
    """A spinner beside a text, for what takes an unknown time; on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def pace(seen: Record | Status) -> str:
    """Examples a second, for people."""
    speed = seen.examples / max(seen.time_s, 1e-9)
    return f"{speed / 1e6:.2f} M examples/s" if speed >= 1e6 else f"{speed:,.0f} examples/s"


def _cluster(status: Status) -> Iterator[str]:
    """What is sent, and by whom, if anything is."""
    if status.sent_bytes:
        yield f"{in_bytes(int(status.sent_bytes / max(status.time_s, 1e-9)))}/s"
    if status.staleness is not None:
        yield f"staleness {status.staleness:.2g}"
    if status.workers < status.size or status.joined:
        yield f"{status.workers} of {status.size} workers"
    if status.joined:
        yield f"{status.joined} joined"


def _losses(record: Record) -> str:
    losses = (("objective", record.objective), ("hold-out loss", record.holdout_loss))
    return "  ".join(f"{name} {value:.6g}" for name, value in losses if value is not None)


def _figures(record: Record, virtual: bool) -> str:
    tempo = f"{record.time_s:.4g} virtual s" if virtual else pace(record)
    return "  ".join(filter(None, [_losses(record), tempo, f"rate {record.rate:.3g}"]))


def _say(record: Record, virtual: bool) -> None:
    time = "" if virtual else f"  {record.time_s:.3f} s"
    say(f"epoch {record.epoch}{time}  {_figures(record, virtual)}")
