"""Contestants as they are typed: serial,local-sgd(period=50),downpour(rule=adagrad, rule-rate=0.1, eta0=0.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from hogwild.cli.modelling import schedule_of
from hogwild.cli.names import strategy_names
from hogwild.cli.parallel import STRATEGY_OPTIONS, check_strategy_options, with_options
from hogwild.cli.quantities import POSITIVE
from hogwild.names import find_name

if TYPE_CHECKING:
    from hogwild.comparison import Contestant
    from hogwild.models.linear import Linear

FORM = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:\((.*)\))?\s*", re.DOTALL)
EXAMPLE = "e.g. serial,local-sgd(period=50),all-reduce(minibatch=100, eta0=4)"


def contestants(text: str, model: Linear) -> dict[str, Contestant]:
    """By what was typed, without spaces. UsageError for what is no strategy, or has no such option.

    Besides the options of a strategy each may have an eta0 of its own.
    """
    found: dict[str, Contestant] = {}
    for spec in _split(text):
        name = re.sub(r"\s+", "", spec)
        if name in found:
            raise click.UsageError(f"--strategies has {name} twice")
        found[name] = _contestant(spec, model)
    if not found:
        raise click.UsageError(f"--strategies is empty: give some, {EXAMPLE}")
    return found


def _split(text: str) -> Iterator[str]:
    """At commas that are in no brackets."""
    depth, begun = 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            yield text[begun:place]
            begun = place + 1
    if depth:
        raise click.UsageError(f"--strategies {text!r}: brackets do not match; {EXAMPLE}")
    if text[begun:].strip() or begun:
        yield text[begun:]


def _contestant(spec: str, model: Linear) -> Contestant:
    from hogwild.comparison import Contestant
    from hogwild.strategies import ALIASES, find_strategy

    matched = FORM.fullmatch(spec)
    if matched is None:
        raise click.UsageError(f"--strategies: {spec.strip()!r} is no strategy; {EXAMPLE}")
    try:
        name = find_name("strategy", matched[1], [each for each in strategy_names() if each != "auto"])
    except ValueError as error:
        raise click.UsageError(f"--strategies: {error}") from error
    name = ALIASES.get(name, name)
    pairs = list(_pairs(spec, matched[2] or ""))
    given = dict(pairs)
    if len(given) < len(pairs):
        raise click.UsageError(f"--strategies: {spec.strip()}: an option is given twice")
    eta0 = given.pop("eta0", None)
    options = {"strategy": name, **dict.fromkeys(STRATEGY_OPTIONS), **given}
    try:
        check_strategy_options(options)
        strategy = with_options(find_strategy(name), options)
    except (ValueError, click.UsageError) as error:
        raise click.UsageError(f"--strategies: {spec.strip()}: {error}") from error
    if eta0 is None:
        return Contestant(strategy)
    schedule = model.schedule if isinstance(model.schedule, str) else model.schedule.name
    return Contestant(strategy, model=replace(model, schedule=schedule_of(schedule, eta0)))


def _pairs(spec: str, text: str) -> Iterator[tuple[str, Any]]:
    """Fields of the strategy and their values."""
    fields = {row.flag.removeprefix("--"): (field, row.kind) for field, row in STRATEGY_OPTIONS.items()}
    fields["eta0"] = ("eta0", POSITIVE)
    for pair in filter(None, (each.strip() for each in text.split(","))):
        key, equals, value = (part.strip() for part in pair.partition("="))
        flag = key.replace("_", "-")
        if flag not in fields:
            raise click.UsageError(
                f"--strategies: {spec.strip()}: {key!r} is not known; there are {', '.join(sorted(fields))}"
            )
        field, kind = fields[flag]
        if not equals and kind is not bool:
            raise click.UsageError(f"--strategies: {spec.strip()}: {key} wants a value: {key}=...")
        try:
            yield (
                field,
                click.BOOL.convert(value or "true", None, None) if kind is bool else kind.convert(value, None, None),
            )
        except click.BadParameter as error:
            raise click.UsageError(f"--strategies: {spec.strip()}: {key}: {error.message}") from error
