"""Pictures of what happened while training. Needs the extra `plots` (Matplotlib)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol

from hogwild.data.atomic import saving

# Okabe and Ito's colours, which the colour-blind can tell apart, darkest first; and a marker each, for print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# From this ratio of the largest to the smallest gap on, a linear axis would show a flat line.
WIDE_GAPS = 30.0
LABELS = {
    "objective": "objective (penalty + mean loss)",
    "holdout_loss": "mean loss on held-out examples",
    "holdout_score": "score on held-out examples",
    "consensus": "consensus distance of workers' weights",
    "rate": "step size",
}
FALLS = ("objective", "holdout_loss")  # what training makes smaller, so that a gap to the lowest has a meaning


class Columns(Protocol):
    """What can be drawn: a `History`, or anything with its `as_dict`."""

    def as_dict(self) -> dict[str, list[Any]]: ...


def plot_histories(
    histories: Mapping[str, Columns],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
    y: str = "objective",
) -> Any:
    """Draw runs against time, one curve each with a marker at every epoch, and return the Matplotlib `Figure`.

    histories: name of each run -> its `History`.
    path:      also write the picture there, whole or not at all; the suffix says in which format (.png, .svg, .pdf).
    title:     above the picture.
    y:         a column of the histories: "objective", "holdout_loss", "holdout_score" or "rate". Losses that fall
               by orders of magnitude are drawn as their gap to the lowest of all runs, on a logarithmic axis.

    Raises ImportError without Matplotlib, ValueError if there is nothing to draw or the format is unknown, and
    OSError, with one sentence, if the file cannot be written. No global state of Matplotlib is touched.
    """
    figure_class, canvas_class = matplotlib_classes()
    if path is not None:
        check_picture(path)
    if y not in LABELS:
        raise ValueError(f"y={y!r} cannot be drawn; use one of {', '.join(LABELS)}")
    curves = {name: _curve(history, y) for name, history in histories.items()}
    if not any(times for times, _ in curves.values()):
        raise ValueError(f"there is nothing to draw: no epoch of {', '.join(map(repr, curves)) or 'no run'} has a {y}")
    figure = figure_class(figsize=(8, 5), dpi=100, layout="constrained")
    canvas_class(figure)
    axes = figure.add_subplot()
    lowest = min(value for _, values in curves.values() for value in values)
    gaps = y in FALLS and _are_wide(curves, lowest)
    for (name, (times, values)), colour, marker in zip(curves.items(), cycle(COLOURS), cycle(MARKERS), strict=False):
        if gaps:  # the lowest point itself has no place on a logarithmic axis
            times = [time for time, value in zip(times, values, strict=True) if value > lowest]
            values = [value - lowest for value in values if value > lowest]
        axes.plot(times, values, color=colour, marker=marker, markersize=5, linewidth=1.8, label=name)
    _dress(axes, title, f"{y.replace('_', ' ')} − {lowest:.6g} (the lowest)" if gaps else LABELS[y], gaps)
    if path is not None:
        write_figure(figure, path)
    return figure


def matplotlib_classes() -> tuple[Any, Any]:
    """`Figure` and the canvas that draws it, without any state of Matplotlib's own. ImportError if it is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need Matplotlib: pip install 'hogwild[plots]'") from error
    return Figure, FigureCanvasAgg


def _curve(history: Columns, y: str) -> tuple[list[float], list[float]]:
    """Times and values of the epochs that have one."""
    columns = history.as_dict()
    points = [(t, v) for t, v in zip(columns["time_s"], columns[y], strict=True) if v is not None]
    return [t for t, _ in points], [v for _, v in points]


def _are_wide(curves: Mapping[str, tuple[list[float], list[float]]], lowest: float) -> bool:
    gaps = [value - lowest for _, values in curves.values() for value in values if value > lowest]
    return len(gaps) > 2 and max(gaps) > WIDE_GAPS * min(gaps)


def _dress(axes: Any, title: str | None, label: str, logarithmic: bool) -> None:
    axes.set_xlabel("time (s)", fontsize=12)
    axes.set_ylabel(label, fontsize=12)
    axes.set_xlim(left=0)
    axes.tick_params(labelsize=11)
    if logarithmic:
        axes.set_yscale("log")
    if title is not None:
        axes.set_title(title, fontsize=13, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(fontsize=11, frameon=False)


def check_picture(path: str | os.PathLike[str]) -> None:
    """ImportError without Matplotlib, ValueError if the suffix of `path` names no format of pictures."""
    _, canvas_class = matplotlib_classes()
    if _format(path) not in canvas_class.get_supported_filetypes():
        raise ValueError(f"{path} must have a name that ends in .png, .svg or .pdf")


def _format(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix.lower().removeprefix(".")


def write_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Whole or not at all. OSError, with one sentence, if that fails."""
    with saving(path) as file:
        figure.savefig(file, format=_format(path))
