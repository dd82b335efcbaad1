"""Panels as pictures that answer the mouse: Bokeh's, as JSON that a page embeds. Needs the extra `pages`."""

from __future__ import annotations

from typing import Any

import numpy as np

from hogwild.pages.palettes import Palette, style_of
from hogwild.pages.panels import Panel, label
from hogwild.pages.pictures import FEW_POINTS

HEIGHT, ROW, LEGEND_ROW = 380, 34, 22  # pixels
MANY = 10_000
TOOLS = "pan,box_zoom,wheel_zoom,reset,save"


def figure_json(panel: Panel, palette: Palette) -> dict[str, Any]:
    """For `Bokeh.embed.embed_item`."""
    from bokeh.embed import json_item

    return dict(json_item(_figure(panel, palette)))


def script() -> str:
    """The library itself, so that the page needs no network."""
    from bokeh.resources import Resources

    return str(Resources(mode="inline", components=["bokeh"], minified=True).js_raw[0])


def _figure(panel: Panel, palette: Palette) -> Any:
    from bokeh.plotting import figure

    names = [bar.name for bar in panel.bars]
    ranges: dict[str, Any] = {"y_range": names[::-1], "x_range": (0, 1)} if names else {}
    if panel.y_range is not None:
        ranges["y_range"] = panel.y_range
    made: Any = figure(
        height=HEIGHT + LEGEND_ROW * len(panel.lines) if not panel.bars else 90 + ROW * len(panel.bars),
        sizing_mode="stretch_width",
        x_axis_type="log" if panel.x_log else "linear",
        y_axis_type="log" if panel.y_log else "linear",
        tools=TOOLS,
        active_drag="box_zoom",
        toolbar_location="above",
        x_axis_label=panel.x_label,
        y_axis_label=panel.y_label,
        **ranges,
    )
    made.toolbar.logo = None
    _dress_axes(made, panel)
    _dress(made, palette)
    if panel.bars:
        colours = [style_of(palette, bar.look)[0] for bar in panel.bars]
        made.hbar(y=names, right=[bar.length for bar in panel.bars], height=0.7, color=colours)
    else:
        _lines(made, panel, palette)
    return made


def _lines(made: Any, panel: Panel, palette: Palette) -> None:
    from bokeh.models import HoverTool
    from bokeh.models.annotations import Legend, LegendItem

    items, drawn = [], []
    for line in panel.lines:
        colour, dashes = style_of(palette, line.look)
        look = {"color": colour, "line_dash": dashes, "line_width": 2, "name": line.name}
        x, y = np.asarray(line.x), np.asarray(line.y)  # arrays are embedded in few bytes
        parts = [made.line(x, y, **look)]
        drawn.append(parts[0])
        if len(line.x) <= FEW_POINTS:
            parts.append(made.scatter(x, y, color=colour, size=5))
        if line.low:
            parts.append(made.varea(x, np.asarray(line.low), np.asarray(line.high), fill_color=colour, fill_alpha=0.2))
        items.append(LegendItem(label=label(line.name), renderers=parts))
    legend = Legend(
        items=items,
        click_policy="hide",
        location="top_left",
        background_fill_alpha=0,
        border_line_alpha=0,
        label_text_color=palette.text,
        spacing=0,
    )
    made.add_layout(legend, "below")
    tips = [("", "$name"), (panel.x_label, "$snap_x{0.[000]a}"), (panel.y_label.split(" − ")[0], "$snap_y{%.5g}")]
    formatters: Any = {"$snap_y": "printf"}  # costs may be small
    made.add_tools(HoverTool(tooltips=tips, formatters=formatters, renderers=drawn, mode="mouse"))


def _dress_axes(made: Any, panel: Panel) -> None:
    """100k: room is scarce on a telephone."""
    from bokeh.models import NumeralTickFormatter

    if not panel.x_log:
        made.xaxis.formatter = NumeralTickFormatter(format="0.[0]a")
        made.xaxis.ticker.desired_num_ticks = 5
    if not panel.y_log and any(value >= MANY for line in panel.lines for value in line.y):
        made.yaxis.formatter = NumeralTickFormatter(format="0.[0]a")


def _dress(made: Any, palette: Palette) -> None:
    made.background_fill_color = made.border_fill_color = palette.back
    made.outline_line_color = None
    made.grid.grid_line_color = palette.grid
    for axis in made.axis:
        axis.axis_label_text_color = axis.major_label_text_color = palette.text
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = palette.text
        axis.axis_label_text_font_style = "normal"
