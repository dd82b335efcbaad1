"""The options of `hogwild train` about checkpoints, and the command that a directory of checkpoints remembers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, final

import click

from hogwild.cli.quantities import POSITIVE

if TYPE_CHECKING:
    from hogwild.checkpoint import Estimator

COMMAND = "command.json"
FORMAT = "hogwild-train"
# How a command talks may be said anew; what it does may not.
MANNERS = ("quiet", "verbose", "as_json", "tensorboard")
EVERY_S = 60.0


@final
class CheckpointOption(click.Option):
    """In a section of its own."""

    section = "Checkpoints"


def checkpoint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options `checkpoint`, `checkpoint_every` and `resume`."""
    rows = (
        ("--checkpoint", "DIR", str, "Write down again and again where training is: a directory, or scheme://..."),
        ("--checkpoint-every", "SECONDS", POSITIVE, f"Between two of these.  [default: {EVERY_S:g}]"),
        ("--resume", "DIR", str, "Go on with the command of this --checkpoint; takes nothing else."),
    )
    for flag, metavar, kind, text in reversed(rows):
        command = click.option(flag, cls=CheckpointOption, metavar=metavar, type=kind, help=text)(command)
    return command


def settled(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    """The options of the command that is to go on, if one is; else those that are given. UsageError if that is not
    enough, or too much.
    """
    if options["resume"] is not None:
        return _remembered(ctx, options)
    for parameter in ctx.command.get_params(ctx):
        if parameter.name in ("files", "out") and not options[parameter.name]:
            raise click.MissingParameter(ctx=ctx, param=parameter)
    if options["checkpoint"] is None:
        if options["checkpoint_every"] is not None:
            raise click.UsageError("--checkpoint-every goes with --checkpoint DIR")
    elif "-" in options["files"]:
        raise click.UsageError("--checkpoint needs files that can be read again, not '-'")
    return options


def _remembered(ctx: click.Context, options: dict[str, Any]) -> dict[str, Any]:
    given = [
        parameter
        for parameter in ctx.command.get_params(ctx)
        if parameter.name not in ("resume", *MANNERS)
        and ctx.get_parameter_source(str(parameter.name)) is click.core.ParameterSource.COMMANDLINE
        and options.get(str(parameter.name))
    ]
    if given:
        name = given[0].opts[0] if isinstance(given[0], click.Option) else "FILE"
        raise click.UsageError(f"--resume goes on with what was asked for: leave {name} out")
    from hogwild.snapshots.settings import place_of

    place = place_of(options["resume"])
    found = {**_read(place), **{name: options[name] for name in MANNERS}, "resume": options["resume"]}
    if found.keys() != options.keys():
        strange = ", ".join(sorted(found.keys() ^ options.keys()))
        raise ValueError(f"{place}/{COMMAND} was written by another version of hogwild ({strange}): use that one")
    return {**found, "checkpoint": place}


def _read(place: str) -> dict[str, Any]:
    from hogwild.snapshots.stores import find_store

    try:
        stored = json.loads(find_store(place).read(COMMAND))
        if stored["format"] != FORMAT:
            raise ValueError
        return dict(stored["options"])
    except FileNotFoundError:
        raise ValueError(
            f"{place} has no {COMMAND}: give a directory that `hogwild train --checkpoint` wrote"
        ) from None
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{place}/{COMMAND} is damaged, or not of hogwild: use another directory") from error


def remember(estimator: Estimator, options: Mapping[str, Any], workers: int | None) -> None:
    """Before training: the estimator writes checkpoints, and their directory knows the whole command. ValueError if
    another one is there.

    workers : threads, so that as many go on, perhaps on another machine; None if the options say it
    """
    from hogwild.snapshots import Checkpoint, Folder
    from hogwild.snapshots.stores import find_store

    every_s = options["checkpoint_every"] or EVERY_S
    checkpoint = Checkpoint(options["checkpoint"], every_s=every_s)
    estimator.set_params(checkpoint=checkpoint, resume=True)
    if options["resume"] is not None:
        return
    place = checkpoint.place
    folder, store = Folder(place), find_store(place)
    folder.prepare()
    if COMMAND in store.sizes() or not folder.is_empty():
        raise ValueError(f"{place} has checkpoints already: go on with --resume {place}, or give another directory")
    stored = {**options, "seed": estimator.random_state, "checkpoint": place}
    for name in ("out", "plot"):
        stored[name] = None if stored[name] is None else os.path.abspath(stored[name])
    stored["files"] = [os.path.abspath(file) for file in stored["files"]]
    if workers is not None:
        stored["threads"] = workers
    for name in ("resume", *MANNERS):
        del stored[name]
    store.write(COMMAND, json.dumps({"format": FORMAT, "options": stored}, indent=1).encode())
