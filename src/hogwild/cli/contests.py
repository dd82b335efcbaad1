"""What `hogwild compare` and `hogwild simulate` have in common: one model, several strategies, the same data."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, final

import click

from hogwild.cli.files import data_options, read_data
from hogwild.cli.modelling import l2_of, model_fields, model_options
from hogwild.cli.quantities import Finite

if TYPE_CHECKING:
    from hogwild.comparison import Contestant, Run
    from hogwild.data import Examples
    from hogwild.models.linear import Linear
    from hogwild.pages import Table
    from hogwild.simulation import Cluster
    from hogwild.stopping import Stop

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@final
class Contest(NamedTuple):
    """Who learns what. `field`: contestants, by what was typed."""

    model: Linear
    field: dict[str, Contestant]
    budget: Stop
    examples: Examples


def contest_options(*, strategies: str, seeds: int, out: str, kept: str) -> Decorator:
    """Decorator: the options that `find_contest` reads, and those that say where results go; with these defaults.
    kept : what is in the folder
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(_options(strategies, seeds, out, kept)):
            command = option(command)
        return command

    return decorate


def _options(strategies: str, seeds: int, out: str, kept: str) -> list[Decorator]:
    return [
        click.option(
            "--strategies",
            default=strategies,
            show_default=True,
            metavar="NAME,...",
            help="Who takes part, with options in brackets.",
        ),
        click.option(
            "--budget",
            default="10epochs",
            show_default=True,
            metavar="AMOUNT",
            help="Of each run: 60s, 10min, 20epochs, 1e7examples, or 500MB sent.",
        ),
        click.option(
            "--seeds",
            type=click.IntRange(min=1),
            default=seeds,
            show_default=True,
            metavar="N",
            help="Runs of each, with seeds 0, 1, ...",
        ),
        click.option(
            "--holdout",
            type=Finite(min=0, max=1, max_open=True),
            default=0.1,
            show_default=True,
            metavar="X",
            help="Share of the examples that is held out.",
        ),
        click.option(
            "--out",
            default=out,
            show_default=True,
            metavar="DIR",
            help=f"For index.html, {kept} and the runs. What is there is not run again.",
        ),
        model_options,
        click.option("--positive", metavar="LABEL", help="Of more than two classes: this one against the rest."),
        click.option(
            "--features",
            type=click.IntRange(min=1),
            metavar="N",
            help="Number of features.  [default: as many as are seen]",
        ),
        data_options,
        click.option(
            "--tensorboard", metavar="DIR", help="Also write what `tensorboard --logdir DIR` shows, while runs go on."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all that was found."),
        click.option(
            "--json-lines",
            is_flag=True,
            help="Print, instead of the table, a JSON object on a line for each epoch and for each run, as they end.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Print errors only (and what --json prints)."),
    ]


def find_contest(options: Mapping[str, Any]) -> Contest:
    """Of these options, with the examples read. UsageError for options that make no sense, and what `read` raises."""
    from hogwild.cli.flags import wrong_usage
    from hogwild.cli.progress import waiting
    from hogwild.cli.specs import contestants
    from hogwild.comparison import find_budget
    from hogwild.models.linear import Linear

    if options["as_json"] and options["json_lines"]:
        raise click.UsageError("--json and --json-lines exclude each other")
    with wrong_usage():
        model = Linear(**model_fields(options))
        budget = find_budget(options["budget"], options["holdout"])
    field = contestants(options["strategies"], model)
    several = "s" * (len(options["files"]) > 1)
    with waiting(f"reading {len(options['files'])} file{several}", quiet=bool(options["quiet"])):
        examples = read_data(options["files"], options["zero_based"], options["no_cache"], options["features"])
    examples = _fit_for(model, examples, options["positive"])
    if options["c"] is not None:
        l2 = l2_of(options["c"], examples.n_examples)
        model = replace(model, l2=l2)
        field = {
            name: each if each.model is None else replace(each, model=replace(each.model, l2=l2))  # type: ignore[type-var]
            for name, each in field.items()
        }
    return Contest(model, field, budget, examples)


def has_pages() -> bool:
    """Are the libraries there that pages need?"""
    from importlib.util import find_spec

    return find_spec("bokeh") is not None and find_spec("matplotlib") is not None


def warn_of_pages(options: Mapping[str, Any]) -> None:
    """Before anything runs it is said if there will be none."""
    from hogwild.cli.talking import say

    if not (has_pages() or options["quiet"]):
        say("hogwild: the page needs Bokeh and Matplotlib: pip install 'hogwild[pages]'; there will be none")


class _Found(Protocol):
    """A `Comparison`, or a `Scaling`."""

    @property
    def interrupted(self) -> bool: ...
    @property
    def problems(self) -> Mapping[str, str]: ...
    def as_dict(self) -> dict[str, Any]: ...
    def to_html(self, path: str | os.PathLike[str]) -> None: ...


def deliver(
    found: _Found, runs: Sequence[Run], name: str, table: Table, sentences: Sequence[str], options: Mapping[str, Any]
) -> None:
    """All that was found into the folder, as JSON of this name and as a page; for people the table, what it says and
    what went wrong. Ends the program if Ctrl-C came, or if none of the runs has ended as it should.
    """
    from hogwild.cli.talking import INTERRUPTED, fail, say, write_json, write_stdout
    from hogwild.data.atomic import saving

    out, quiet, everything = Path(options["out"]), bool(options["quiet"]), found.as_dict()
    problems = [f"{who} {problem}" for who, problem in found.problems.items()]
    with saving(out / name) as file:
        file.write(json.dumps(everything, indent=1, allow_nan=False).encode())
    pages = has_pages()
    if pages:
        found.to_html(out / "index.html")
    if options["as_json"]:
        write_json(everything)
    elif not (quiet or options["json_lines"]):
        write_stdout("\n".join([*table.lines(), "", *sentences, *problems]) + "\n")
    if not quiet:
        if pages:
            say(f"page: {out / 'index.html'}")
        if found.interrupted:
            say("hogwild: interrupted; the same command goes on from here")
    if found.interrupted:
        raise SystemExit(INTERRUPTED)
    if not any(run.outcome == "ended" for run in runs):
        fail(f"no run has ended as it should: {problems[0]}")


def named_cluster(given: str) -> Cluster:
    """UsageError for a name that is none; what is wrong with a file is an error as that of other files."""
    from hogwild.cli.flags import wrong_usage
    from hogwild.simulation.described import find_cluster, is_cluster_file, read_cluster

    if is_cluster_file(given):
        return read_cluster(given)
    with wrong_usage():
        return find_cluster(given)


def numbers_of_workers(flag: str, text: str) -> list[int]:
    """UsageError unless they are."""
    try:
        found = [int(each) for each in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1 or len(set(found)) < len(found):
        raise click.UsageError(f"{flag} {text!r} must be different numbers of workers, e.g. 1,2,4")
    return found


def _fit_for(model: Linear, examples: Examples, positive: str | None) -> Examples:
    """With labels as the model wants them: -1 and 1 for two classes."""
    import numpy as np

    from hogwild.cli.fitting import class_labels
    from hogwild.data import DataError

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
