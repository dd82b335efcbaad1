"""Types of options that are quantities, with ranges or a spelling of their own."""

from __future__ import annotations

import math
from typing import Any, final

import click

from hogwild.quantities import WANTED_BANDWIDTH, bytes_per_second


@final
class Finite(click.FloatRange):
    """A number in a range. NaN and infinity are in none, while click's own lets them pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(click.FloatRange.convert(self, value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


POSITIVE, NOT_NEGATIVE, SHARE = Finite(min=0, min_open=True), Finite(min=0), Finite(min=0, max=1)
FRACTION = Finite(min=0, max=1, min_open=True, max_open=True)


@final
class Bandwidth(click.ParamType):  # type: ignore[type-arg] # generic from click 8.2 on only
    """Bytes a second: 1.25e9, or with a unit, 1.25GB or 10Gbit."""

    name = "bandwidth"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = bytes_per_second(str(value))
        if found is None:
            self.fail(f"{value!r} is not {WANTED_BANDWIDTH}.", param, ctx)
        return found


@final
class ExampleSeconds(click.ParamType):  # type: ignore[type-arg]
    """Seconds, or "measured"."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "measured":
            return str(value)
        try:
            float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number of seconds nor 'measured'.", param, ctx)
        return POSITIVE.convert(value, param, ctx)


@final
class CountOrInf(click.ParamType):  # type: ignore[type-arg]
    """A whole number of at least 0, or "inf"."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        if str(value).strip().lower() == "inf":
            return math.inf
        try:
            return click.IntRange(min=0).convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither a whole number of at least 0 nor 'inf'.", param, ctx)
