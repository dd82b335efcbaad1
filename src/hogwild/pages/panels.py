"""Pictures as numbers, whoever draws them: lines and bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

MOST_LETTERS = 40

Look = tuple[int, int]


@final
class Line(NamedTuple):
    """Means over seeds, and from where to where single runs go. Empty `low` and `high`: there is no band.

    look : numbers of its colour and of its dashes: see `looks`
    """

    name: str
    look: Look
    x: list[float]
    y: list[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@final
class Bar(NamedTuple):
    """From 0 to 1."""

    name: str
    look: Look
    length: float


@final
class Panel(NamedTuple):
    """A picture, of lines or of bars. y_range: what is to be seen of it; None: all."""

    key: str
    title: str
    note: str
    x_label: str
    y_label: str
    x_log: bool = False
    y_log: bool = False
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    y_range: tuple[float, float] | None = None


def label(name: str) -> str:
    """For a legend, in which there is little room."""
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"
