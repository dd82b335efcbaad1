"""Colours of pictures, by day and by night."""

from __future__ import annotations

from typing import NamedTuple, final

from hogwild.report import COLOURS

DASHES = ("solid", "dashed", "dotted", "dashdot")


@final
class Palette(NamedTuple):
    """lines: Okabe and Ito's colours, which the colour-blind can tell apart, as far as they can be seen there."""

    name: str
    text: str
    grid: str
    back: str
    lines: tuple[str, ...]


LIGHT = Palette(
    "light",
    "#1a1a1a",
    "#dddddd",
    "#ffffff",
    COLOURS,
)
DARK = Palette(
    "dark",
    "#e6e6e6",
    "#3a3f44",
    "#16191c",
    ("#56B4E9", "#FF8A3D", "#2CC99A", "#E59CC6", "#F5C04A", "#8FA8FF", "#FFFFFF"),
)


def style_of(palette: Palette, look: tuple[int, int]) -> tuple[str, str]:
    """Colour and dashes of a line: the dashes also change when the colours have been used up."""
    colour, dashes = look
    more, place = divmod(colour, len(palette.lines))
    return palette.lines[place], DASHES[(dashes + more) % len(DASHES)]
