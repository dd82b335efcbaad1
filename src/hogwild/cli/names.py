"""The names that options take, from the one table of each axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final, get_args, get_type_hints

import click

from hogwild.names import find_name
from hogwild.rules.losses import ALIASES, LOSSES
from hogwild.rules.schedules import SCHEDULES


@final
class NameOf(click.ParamType):  # type: ignore[type-arg] # generic from click 8.2 on only
    """One of some names. They are looked up when they are needed: their table may be slow to import."""

    def __init__(self, what: str, names: Callable[[], list[str]]) -> None:
        self.name = what
        self._names = names

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[{'|'.join(self._names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return find_name(self.name, str(value), self._names())
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def loss_names() -> list[str]:
    return [*LOSSES, *ALIASES]


def schedule_names() -> list[str]:
    return list(SCHEDULES)


def strategy_names() -> list[str]:
    from hogwild.strategies import ALIASES, STRATEGIES

    return ["auto", *STRATEGIES, *ALIASES]


def engine_names() -> list[str]:
    from hogwild.engines import ENGINES

    return list(ENGINES)


def rule_names() -> list[str]:
    from hogwild.rules.updates import UPDATES

    return list(UPDATES)


def method_names() -> list[str]:
    from hogwild.rules.directions import METHODS

    return list(METHODS)


def topology_names() -> list[str]:
    from hogwild.rules.topologies import TOPOLOGIES

    return list(TOPOLOGIES)


def codec_names() -> list[str]:
    from hogwild.rules.codecs import CODECS

    return list(CODECS)


def fetch_names() -> list[str]:
    from hogwild.strategies import Downpour

    return _choices(Downpour, "fetch")


def protocol_names() -> list[str]:
    from hogwild.strategies import Gossip

    return _choices(Gossip, "protocol")


def _choices(record: type, field: str) -> list[str]:
    """What a field may be, by its type."""
    return list(get_args(get_type_hints(record)[field]))
