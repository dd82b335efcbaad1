"""The names that options take, from the one table of each axis."""

from __future__ import annotations

from typing import Any, final

import click

from hogwild.rules.losses import ALIASES, LOSSES
from hogwild.rules.schedules import SCHEDULES

LOSS_NAMES = [*LOSSES, *ALIASES]
SCHEDULE_NAMES = list(SCHEDULES)


@final
class StrategyName(click.ParamType):  # type: ignore[type-arg] # generic from click 8.2 on only
    """The name of a strategy, or "auto". The table is looked up when it is needed: it is slow to import."""

    name = "strategy"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[{'|'.join(_strategy_names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "auto" and value not in _strategy_names():
            self.fail(f"{value!r} is not one of {', '.join(_strategy_names())}.", param, ctx)
        return str(value)


def _strategy_names() -> list[str]:
    from hogwild.strategies import STRATEGIES

    return ["auto", *STRATEGIES]
