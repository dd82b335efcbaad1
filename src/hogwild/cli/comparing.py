"""What `hogwild compare` does."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import click
import numpy as np

from hogwild.cli.files import read_data
from hogwild.cli.fitting import class_labels
from hogwild.cli.flags import wrong_usage
from hogwild.cli.modelling import l2_of, model_fields
from hogwild.cli.parallel import engine_of
from hogwild.cli.progress import Count, counting, pace, waiting
from hogwild.cli.specs import contestants
from hogwild.cli.talking import INTERRUPTED, fail, say, write_json, write_stdout
from hogwild.comparison import AbstractSpectator, Comparison, Run, compare, find_budget
from hogwild.comparison.contestants import entries
from hogwild.comparison.words import cells, sentences
from hogwild.data import DataError, Examples
from hogwild.data.atomic import saving
from hogwild.engines import Threads
from hogwild.history import Record
from hogwild.interfaces import Callback
from hogwild.models.linear import Linear


def run(options: Mapping[str, Any]) -> None:
    """The whole command."""
    quiet, out = bool(options["quiet"]), Path(options["out"])
    with wrong_usage():
        model = Linear(**model_fields(options))
        engine = engine_of(options) or Threads(-1 if options["threads"] is None else options["threads"])
        budget = find_budget(options["budget"], options["holdout"])
    field = contestants(options["strategies"], model)
    sizes = _sizes(options)
    pages = find_spec("bokeh") is not None and find_spec("matplotlib") is not None
    if not pages and not quiet:
        say("hogwild: the page needs Bokeh and Matplotlib: pip install 'hogwild[pages]'; there will be none")
    with waiting(f"reading {len(options['files'])} file{'s' * (len(options['files']) > 1)}", quiet=quiet):
        examples = read_data(options["files"], options["zero_based"], options["no_cache"], options["features"])
    examples = _fit_for(model, examples, options["positive"])
    if options["c"] is not None:
        l2 = l2_of(options["c"], examples.n_examples)
        model = replace(model, l2=l2)
        field = {
            name: each if each.model is None else replace(each, model=replace(each.model, l2=l2))  # type: ignore[type-var]
            for name, each in field.items()
        }
    out.mkdir(parents=True, exist_ok=True)
    total = len(entries(field, model, engine, sizes)) * int(options["seeds"])
    with _seeing(total, quiet=quiet) as spectator:
        found = compare(
            model,
            examples,
            field,
            engine=engine,
            budget=budget,
            seeds=int(options["seeds"]),
            workers=sizes,
            folder=out,
            spectator=spectator,
            command=shlex.join(["hogwild", *sys.argv[1:]]),
        )
    _write(found, out, options, pages=pages)
    if found.interrupted:
        raise SystemExit(INTERRUPTED)
    if not any(each.outcome == "ended" for each in found.runs):
        name, problem = next(iter(found.problems.items()))
        fail(f"no run has ended as it should: {name} {problem}")


def _write(found: Comparison, out: Path, options: Mapping[str, Any], *, pages: bool) -> None:
    everything = found.as_dict()
    with saving(out / "comparison.json") as file:
        file.write(json.dumps(everything, indent=1, allow_nan=False).encode())
    if pages:
        found.to_html(out / "index.html")
    if options["as_json"]:
        write_json(everything)
    elif not options["quiet"]:
        write_stdout(_text(found))
    if not options["quiet"]:
        if pages:
            say(f"page: {out / 'index.html'}")
        if found.interrupted:
            say("hogwild: interrupted; the same command goes on from here")


def _text(found: Comparison) -> str:
    """The table, who has won, and what went wrong."""
    columns, rows = cells(found), found.rows()
    table = [[column.heading for column in columns], *([column.text(row) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            f"{text:<{width}}" if k == 0 else f"{text:>{width}}"
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    ]
    problems = [f"{name} {problem}" for name, problem in found.problems.items()]
    return "\n".join([*(line.rstrip() for line in lines), "", *sentences(found), *problems]) + "\n"


def _fit_for(model: Linear, examples: Examples, positive: str | None) -> Examples:
    """With labels as the model wants them: -1 and 1 for two classes."""
    loss = model.terms.loss
    if not loss.is_binary:
        if positive is not None:
            raise click.UsageError(f"--positive is for classes, and {loss.name} is a loss for numbers")
        return examples
    y = class_labels(examples, loss.name)
    classes = np.unique(y)
    if positive is not None:
        found = [each for each in classes if str(each) == positive]
        if not found:
            raise DataError(f"{examples.source} has no label {positive!r}, as --positive says")
        chosen = found[0]
    elif classes.size == 1:
        raise DataError(f"{examples.source}: all labels are {classes[0]}, and two classes are needed: add examples")
    elif classes.size == 2:
        chosen = classes[1]
    else:
        shown = ", ".join(map(str, classes[:5])) + (", ..." if classes.size > 5 else "")
        raise DataError(
            f"{examples.source} has {classes.size} classes ({shown}), and runs of two are compared: say which is "
            "--positive, against the rest"
        )
    return replace(examples, y=np.where(y == chosen, 1, -1).astype(np.int64))


def _sizes(options: Mapping[str, Any]) -> list[int]:
    text = options["scale"]
    if text is None:
        return []
    flag = "threads" if options["engine"] == "threads" else "workers"
    if options[flag] is not None:
        raise click.UsageError(f"--scale and --{flag} exclude each other: both say how many workers there are")
    try:
        found = [int(each) for each in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1 or len(set(found)) < len(found):
        raise click.UsageError(f"--scale {text!r} must be different numbers of workers, e.g. 1,2,4")
    return found


# ------------------------------------------------------------------------------------------------------- progress


@contextmanager
def _seeing(total: int, *, quiet: bool) -> Iterator[AbstractSpectator | None]:
    """A bar on a terminal; else a line for each run that has ended."""
    if quiet:
        yield None
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        with counting(total, quiet=quiet, title="comparing", unit="runs") as count:
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
    def begins(self, name: str, seed: int, number: int, total: int) -> Sequence[Callback]:
        """Nothing is said before it has ended."""
        self._place = f"{number + 1} of {total}"
        return []

    def ends(self, run: Run, known: bool) -> None:
        """One line."""
        say(f"{self._place}  {_told(run)}{' (already there)' if known else ''}")


def _told(run: Run) -> str:
    objective = "" if run.objective is None else f", objective {run.objective:.6g}"
    problem = "" if run.outcome == "ended" else f": {run.outcome}, {run.why}"
    return f"{run.name}, seed {run.seed}{objective}{problem}"
