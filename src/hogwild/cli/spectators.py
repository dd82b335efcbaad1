"""How far the runs of several strategies are: for people, for programs, and for TensorBoard."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

from hogwild.cli.boarding import boards
from hogwild.cli.progress import Count, counting, pace
from hogwild.cli.talking import say, write_stdout
from hogwild.comparison import AbstractSpectator, Run
from hogwild.comparison.folder import file_name
from hogwild.history import Record
from hogwild.interfaces import Callback
from hogwild.wording import as_json


@contextmanager
def seeing(total: int, options: Mapping[str, Any], *, title: str) -> Iterator[AbstractSpectator]:
    """A bar on a terminal; else a line for each run that has ended. And what --tensorboard and --json-lines want."""
    others: list[AbstractSpectator] = [_JsonLines(total)] if options["json_lines"] else []
    with ExitStack() as stack:
        if options["tensorboard"] is not None:
            others.append(_Boards(options["tensorboard"], stack))
        if not options["quiet"] and sys.stderr.isatty():
            others.append(_Bar(stack.enter_context(counting(total, quiet=False, title=title, unit="runs"))))
        elif not options["quiet"]:
            others.append(_Lines(total))
        yield _All(others)


@final
class _All(AbstractSpectator):
    """Several that see the same."""

    def __init__(self, spectators: Sequence[AbstractSpectator]) -> None:
        self._spectators = spectators

    def begins(self, name: str, seed: int, number: int, total: int) -> Sequence[Callback]:
        """For each."""
        return [callback for each in self._spectators for callback in each.begins(name, seed, number, total)]

    def ends(self, run: Run, known: bool) -> None:
        """For each."""
        for each in self._spectators:
            each.ends(run, known)


@final
class _Boards(AbstractSpectator):
    """A board for each run, in a folder of its own; the stack closes the last one."""

    def __init__(self, folder: str, stack: ExitStack) -> None:
        self._folder, self._run = folder, ExitStack()
        stack.callback(lambda: self._run.close())

    def begins(self, name: str, seed: int, number: int, total: int) -> Sequence[Callback]:
        """Nothing is written before an epoch has ended."""
        return self._run.enter_context(boards(str(Path(self._folder) / file_name(name, seed))))

    def ends(self, run: Run, known: bool) -> None:
        """Its files are closed."""
        self._run.close()


@final
class _JsonLines(AbstractSpectator):
    """An object on a line of standard output: for each epoch, and for each run that has ended."""

    def __init__(self, total: int) -> None:
        self._number, self._total = 0, total

    def begins(self, name: str, seed: int, number: int, total: int) -> Sequence[Callback]:
        """Its records are written."""
        self._number += 1
        about = {"run": name, "seed": seed, "number": self._number, "of": self._total}

        def write(record: Record) -> None:
            self._write({**about, **as_json(asdict(record))})

        return [write]

    def ends(self, run: Run, known: bool) -> None:
        """What came of it."""
        told = {"run": run.name, "seed": run.seed, "outcome": run.outcome, "why": run.why, "known": known}
        self._write({**told, "objective": run.objective, "holdout_score": run.score})

    @staticmethod
    def _write(told: Mapping[str, Any]) -> None:
        write_stdout(json.dumps(told) + "\n")


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
