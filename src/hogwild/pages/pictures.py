"""Panels as pictures that need nothing to be looked at. Needs the extra `plots` (Matplotlib)."""

from __future__ import annotations

import io
import os
from typing import Any

from hogwild.pages.palettes import LIGHT, Palette, style_of
from hogwild.pages.panels import Panel, label
from hogwild.report import check_picture, matplotlib_classes, write_figure

FEW_POINTS = 30  # on a line: then each has a mark
INCHES, ROW_INCHES = (7.6, 4.2), 0.4


def plot(panel: Panel, path: str | os.PathLike[str] | None = None) -> Any:
    """The Matplotlib `Figure` of a panel, by day; also written to `path` (.png, .svg, .pdf). ImportError without
    Matplotlib, ValueError for a name that does not say which format.
    """
    if path is not None:
        check_picture(path)
    figure = draw(panel, LIGHT)
    figure.axes[0].set_title(panel.title, loc="left", color=LIGHT.text, fontsize=13)
    if path is not None:
        write_figure(figure, path)
    return figure


def svg(panel: Panel, palette: Palette) -> bytes:
    """The same as a drawing without a date, so that the same panel gives the same bytes."""
    file = io.BytesIO()
    draw(panel, palette).savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    return file.getvalue()


def draw(panel: Panel, palette: Palette) -> Any:
    """As a Matplotlib `Figure`, without its title."""
    figure_class, canvas_class = matplotlib_classes()
    size = (INCHES[0], 1.0 + ROW_INCHES * len(panel.bars)) if panel.bars else INCHES
    figure = figure_class(figsize=size, dpi=100, layout="constrained", facecolor=palette.back)
    canvas_class(figure)
    axes = figure.add_subplot()
    axes.set_facecolor(palette.back)
    if panel.bars:
        _draw_bars(axes, panel, palette)
    else:
        _draw_lines(axes, panel, palette)
    axes.set_xlabel(panel.x_label, color=palette.text, fontsize=11)
    axes.set_ylabel(panel.y_label, color=palette.text, fontsize=11)
    axes.tick_params(colors=palette.text, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(palette.text)
    axes.grid(color=palette.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure


def _draw_lines(axes: Any, panel: Panel, palette: Palette) -> None:
    drawn: list[Any] = []
    for line in panel.lines:
        colour, dashes = style_of(palette, line.look)
        marker = "o" if len(line.x) <= FEW_POINTS else None
        drawn += axes.plot(line.x, line.y, color=colour, linestyle=dashes, marker=marker, markersize=4)
        if line.low:
            axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.2, linewidth=0)
    if panel.x_log:
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0)
        if all(float(x).is_integer() for line in panel.lines for x in line.x):  # threads, epochs
            axes.xaxis.get_major_locator().set_params(integer=True)
    if panel.y_log:
        axes.set_yscale("log")
    if panel.y_range is not None:
        axes.set_ylim(*panel.y_range)
    names = [_plain(line.name) for line in panel.lines]
    place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
    axes.legend(drawn, names, fontsize=9, frameon=False, labelcolor=palette.text, **place)


def _plain(name: str) -> str:
    """Not as mathematics."""
    return label(name).replace("$", r"\$")


def _draw_bars(axes: Any, panel: Panel, palette: Palette) -> None:
    colours = [style_of(palette, bar.look)[0] for bar in panel.bars]
    axes.barh([_plain(bar.name) for bar in panel.bars], [bar.length for bar in panel.bars], color=colours)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
