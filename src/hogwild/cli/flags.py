"""Errors of parameters in the words of the command line: what is `latency_s=-1.0` there was typed as `--latency -1`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

QUOTES = "'\""
PARAMETER = re.compile(r"""\b([a-z]\w*)(?:=('[^']*'|"[^"]*"|[^\s:;,]+))?""")


@contextmanager
def wrong_usage() -> Iterator[None]:
    """A ValueError of what is made from options becomes a UsageError that names them."""
    try:
        yield
    except ValueError as error:
        parameters = click.get_current_context().command.params
        flags = {str(each.name): each.opts[0] for each in parameters if isinstance(each, click.Option)}
        raise click.UsageError(in_flags(str(error), flags)) from error


def in_flags(sentence: str, flags: Mapping[str, str]) -> str:
    """Parameters as flags, where they have one: `name=value`, and names that cannot be mere words, as `push_every`."""

    def flag(found: re.Match[str]) -> str:
        name, value = found[1], found[2]
        if name not in flags or (value is None and "_" not in name):
            return found[0]
        return flags[name] if value in (None, "True") else f"{flags[name]} {value.strip(QUOTES)}"

    return PARAMETER.sub(flag, sentence)
