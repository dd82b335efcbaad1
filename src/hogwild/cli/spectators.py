"""How far the runs of several strategies are, on the standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import final

from hogwild.cli.progress import Count, counting, pace
from hogwild.cli.talking import say
from hogwild.comparison import AbstractSpectator, Run
from hogwild.history import Record
from hogwild.interfaces import Callback


@contextmanager
def seeing(total: int, *, quiet: bool, title: str) -> Iterator[AbstractSpectator | None]:
    """A bar on a terminal; else a line for each run that has ended."""
    if quiet:
        yield None
    elif not sys.stderr.isatty():
        yield _Lines(total)
    else:
        with counting(total, quiet=quiet, title=title, unit="runs") as count:
            yield _Bar(count)


@final
class _Bar(AbstractSpectator):
    def __init__(self, count: Count) -> None:
        self._count, self._name = count, ""

    def begins(self, name: str, seed: int, number: int, total: int) -> Sequence[Callback]:
        """Its figures are shown."""
        self._name = f"{name}, seed {seed}"
        self._count(self._name, 0)
        return [self._record]

    def ends(self, run: Run, known: bool) -> None:
        """One more."""
        self._count(_told(run), 1)

    def _record(self, record: Record) -> None:
        objective = "" if record.objective is None else f": objective {record.objective:.6g}"
        self._count(f"{self._name}{objective}, {pace(record)}", 0)


@final
class _Lines(AbstractSpectator):
    def __init__(self, total: int) -> None:
        self._ended, self._total = 0, total

    def begins(self, name: str, seed: int, number: int, total: int) -> Sequence[Callback]:
        """Nothing is said before it has ended."""
        return []

    def ends(self, run: Run, known: bool) -> None:
        """One line."""
        self._ended += 1
        say(f"{self._ended} of {self._total}  {_told(run)}{' (already there)' if known else ''}")


def _told(run: Run) -> str:
    objective = "" if run.objective is None else f", objective {run.objective:.6g}"
    problem = "" if run.outcome == "ended" else f": {run.outcome}, {run.why}"
    return f"{run.name}, seed {run.seed}{objective}{problem}"
