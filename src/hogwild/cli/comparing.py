"""What `hogwild compare` does."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hogwild.cli.contests import deliver, find_contest, named_cluster, numbers_of_workers, warn_of_pages
from hogwild.cli.flags import wrong_usage
from hogwild.cli.parallel import engine_of
from hogwild.cli.progress import waiting
from hogwild.cli.spectators import seeing
from hogwild.comparison import compare
from hogwild.comparison.contestants import entries
from hogwild.comparison.words import sentences, table
from hogwild.engines import Threads
from hogwild.simulation.calibrating import measured


def run(options: Mapping[str, Any]) -> None:
    """The whole command."""
    quiet, out = bool(options["quiet"]), Path(options["out"])
    with wrong_usage():
        engine = engine_of(options) or Threads(-1 if options["threads"] is None else options["threads"])
    machines = None if options["predict"] is None else named_cluster(options["predict"])
    sizes = _sizes(options)
    warn_of_pages(options)
    model, field, budget, examples = find_contest(options)
    if machines is not None:
        with waiting("calibrating", quiet=quiet):
            machines = measured(machines, model, examples)
    out.mkdir(parents=True, exist_ok=True)
    total = len(entries(field, model, engine, sizes)) * int(options["seeds"])
    with seeing(total, options, title="comparing") as spectator:
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
            machines=machines,
        )
    deliver(found, found.runs, "comparison.json", table(found), sentences(found), options)


def _sizes(options: Mapping[str, Any]) -> list[int]:
    text = options["scale"]
    if text is None:
        return []
    flag = "threads" if options["engine"] == "threads" else "workers"
    if options[flag] is not None:
        raise click.UsageError(f"--scale and --{flag} exclude each other: both say how many workers there are")
    return numbers_of_workers("--scale", text)
