"""Types of options that are quantities with a spelling of their own."""

from __future__ import annotations

import re
from typing import Any, final

import click

UNITS = {"": 1.0, "b": 1.0, "bit": 0.125}
PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}


@final
class Bandwidth(click.ParamType):  # type: ignore[type-arg] # generic from click 8.2 on only
    """Bytes a second: 1.25e9, or with a unit, 1.25GB or 10Gbit."""

    name = "bandwidth"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"([\d.]+(?:e[+-]?\d+)?|inf)\s*([kmgt]?)(b|bit)?(?:/s)?", str(value).strip().lower())
        try:
            if found is None or (found[2] and not found[3]):
                raise ValueError
            return float(found[1]) * PREFIXES[found[2]] * UNITS[found[3] or ""]
        except ValueError:
            self.fail(f"{value!r} is not a number of bytes a second; write e.g. 1.25e9, 1.25GB or 10Gbit.", param, ctx)


@final
class ExampleSeconds(click.ParamType):  # type: ignore[type-arg]
    """Seconds, or "measured"."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "measured":
            return str(value)
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number of seconds nor 'measured'.", param, ctx)
