"""What the pictures of a comparison show, whoever draws them: lines and bars, as numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate

from hogwild.comparison.results import Comparison
from hogwild.comparison.runs import Run
from hogwild.pages import Bar, Line, Look, Panel
from hogwild.report import FALLS, LABELS, WIDE_GAPS

LEAST = 0.2  # of its mean: so far down the band of a line goes that has no lowest value on a logarithmic axis
NEVER_STALE = 0.5  # where 0 is on a logarithmic axis
WIDE = 50.0  # from this ratio of the largest to the smallest x on, a linear axis would hide what comes first
X_LABELS = {
    "time_s": "time (s)",
    "examples": "examples learned, by all workers",
    "sent_bytes": "bytes sent, by all workers",
}


Points = list[tuple[float, float]]


def panels(comparison: Comparison) -> list[Panel]:
    """All for which there is something to show."""
    found = [curves(comparison, x, "objective") for x in X_LABELS]
    found += [curves(comparison, "time_s", y) for y in ("holdout_score", "holdout_loss")]
    found += [_scaling(comparison), _staleness(comparison), _waiting(comparison)]
    return [panel for panel in found if any(len(line.x) for line in panel.lines) or panel.bars]


def curves(comparison: Comparison, x: str, y: str) -> Panel:
    """A column of the histories against another; see `hogwild.History`. ValueError for what cannot be drawn."""
    if x not in X_LABELS:
        raise ValueError(f"x={x!r} cannot be drawn; use one of {', '.join(X_LABELS)}")
    if y not in LABELS:
        raise ValueError(f"y={y!r} cannot be drawn; use one of {', '.join(LABELS)}")
    first = comparison.start if y == "objective" else None
    look = looks(comparison)
    found = {name: {run.seed: _points(run, x, y, first) for run in _drawn(comparison.of(name))} for name in look}
    floors = _floors(found, _diverged(comparison))
    if x == "sent_bytes":
        found = {name: runs for name, runs in found.items() if any(p and p[-1][0] > 0 for p in runs.values())}
    gaps = {
        name: {seed: [(place, value - floors[seed]) for place, value in points] for seed, points in runs.items()}
        for name, runs in found.items()
    }
    above = [gap for runs in gaps.values() for points in runs.values() for _, gap in points if gap > 0]
    y_log = y in FALLS and len(above) > 2 and max(above) > WIDE_GAPS * min(above)
    places = [place for runs in found.values() for points in runs.values() for place, _ in points if place > 0]
    x_log = bool(places) and max(places) > WIDE * min(places)
    drawn = gaps if y_log else found
    lines = [_mean(name, look[name], list(runs.values()), y_log=y_log, x_log=x_log) for name, runs in drawn.items()]
    y_label = f"{LABELS[y]} − the lowest" if y_log else LABELS[y]
    virtual = "virtual " if comparison.is_virtual and x == "time_s" else ""
    title = f"{_TITLES[y]} against {virtual}{_AGAINST[x]}"
    lines = [line for line in lines if line.x]
    seen = _y_range(comparison, lines, y_log=y_log)
    return Panel(f"{y}-{x}", title, "", virtual + X_LABELS[x], y_label, x_log, y_log, lines, y_range=seen)


def _drawn(runs: Sequence[Run]) -> list[Run]:
    """Those that have ended; of who has none, all that have learned anything."""
    return [run for run in runs if run.outcome == "ended"] or [run for run in runs if len(run.history)]


def _diverged(comparison: Comparison) -> set[str]:
    """Contestants of which all runs have."""
    ended = {run.name for run in comparison.runs if run.outcome == "ended"}
    return {run.name for run in comparison.runs if run.outcome == "diverged"} - ended


def looks(comparison: Comparison) -> dict[str, Look]:
    """Of each contestant: those of one group have one colour, and sizes differ in their dashes."""
    groups: dict[str, list[str]] = {}
    for run in comparison.runs:
        names = groups.setdefault(run.group, [])
        if run.name not in names:
            names.append(run.name)
    return {name: (k, size) for k, names in enumerate(groups.values()) for size, name in enumerate(names)}


def _y_range(comparison: Comparison, lines: Sequence[Line], *, y_log: bool) -> tuple[float, float] | None:
    """Where those are who have not diverged: the others leave the picture, or nothing could be seen in it."""
    diverged = _diverged(comparison)
    kept = [value for line in lines if line.name not in diverged for value in (*line.y, *line.low, *line.high)]
    if not kept or not any(line.name in diverged for line in lines):
        return None
    low, high = min(kept), max(kept)
    return (low / 2, high * 2) if y_log else (low - 0.1 * (high - low), high + 0.1 * (high - low))


_TITLES = {
    "objective": "Objective",
    "holdout_loss": "Loss on held-out examples",
    "holdout_score": "Score on held-out examples",
    "consensus": "How far workers are apart",
    "rate": "Step size",
}
_AGAINST = {"time_s": "time", "examples": "examples", "sent_bytes": "bytes"}


def _points(run: Run, x: str, y: str, first: float | None) -> Points:
    """Where there are both."""
    found = [] if first is None else [(0.0, first)]
    for record in run.history:
        place, value = getattr(record, x), getattr(record, y)
        if place is not None and value is not None:
            found.append((float(place), float(value)))
    return found


def _floors(found: Mapping[str, Mapping[int, Points]], diverged: Collection[str]) -> dict[int, float]:
    """The lowest value of each seed: runs with the same seed have the same examples held out. Of those who have not
    diverged, if there are any.
    """
    floors: dict[int, float] = {}
    for among in ({name: runs for name, runs in found.items() if name not in diverged}, found):
        lowest: dict[int, float] = {}
        for runs in among.values():
            for seed, points in runs.items():
                lowest[seed] = min([lowest.get(seed, math.inf), *(value for _, value in points)])
        floors = lowest | floors
    return floors


def _mean(name: str, look: Look, runs: Sequence[Points], *, y_log: bool, x_log: bool) -> Line:
    """Point by point, as far as all runs go. On a logarithmic axis only what is positive has a place."""
    there = [points for points in runs if points]
    found = []
    for each in zip(*there, strict=False):
        values = [value for _, value in each]
        x, y = sum(place for place, _ in each) / len(each), sum(values) / len(values)
        if (x > 0 or not x_log) and (y > 0 or not y_log):
            low = max(min(values), LEAST * y) if y_log else min(values)
            found.append((x, y, low, max(values)))
    xs, ys, lows, highs = ([point[k] for point in found] for k in range(4))
    return Line(name, look, xs, ys, lows, highs) if len(there) > 1 else Line(name, look, xs, ys)


def _scaling(comparison: Comparison) -> Panel:
    """Examples a second against the number of workers, where one strategy was run with several."""
    rows = {row.name: row for row in comparison.rows()}
    groups: dict[str, list[tuple[float, float, float, float]]] = {}
    look = looks(comparison)
    first: dict[str, Look] = {}
    for name in comparison.names:
        runs = comparison.of(name)
        speeds = [run.examples_per_s for run in runs if run.outcome == "ended"]
        known = [speed for speed in speeds if speed is not None]
        mean = rows[name].examples_per_s
        if mean is not None:
            point = (float(runs[0].workers), mean.mean, min(known), max(known))
            groups.setdefault(runs[0].group, []).append(point)
            first.setdefault(runs[0].group, look[name])
    lines = []
    for group, points in groups.items():
        if len(points) > 1:
            x, y, low, high = (list(column) for column in zip(*sorted(points), strict=True))
            lines.append(Line(group, (first[group][0], 0), x, y, low, high))
    x_log = any(line.x[-1] > WIDE * line.x[0] for line in lines)
    note = "More workers are worth it as long as the line rises."
    return Panel("scaling", "Scaling", note, "workers", "examples per second", x_log, lines=lines)


def _staleness(comparison: Comparison) -> Panel:
    lines = []
    for name, look in looks(comparison).items():
        counts: Counter[int] = sum(
            (run.history.traffic.staleness for run in comparison.of(name) if run.history.traffic is not None), Counter()
        )
        total = counts.total()
        if total:
            behind = sorted(counts)
            shares = [count / total for count in accumulate(counts[b] for b in behind)]
            lines.append(Line(name, look, [max(b, NEVER_STALE) for b in behind], shares))
    x_log = any(line.x[-1] > WIDE for line in lines)
    note = f"Of so many pushes the weights were at most so many versions behind; 0 stands at {NEVER_STALE}."
    title = "Staleness, cumulative"
    return Panel("staleness", title, note, "versions behind", "share of pushes", x_log, lines=lines)


def _waiting(comparison: Comparison) -> Panel:
    look = looks(comparison)
    rows = [Bar(row.name, look[row.name], row.waiting.mean) for row in comparison.rows() if row.waiting]
    note = "Share of their time that workers waited for others, or for messages."
    return Panel("waiting", "Waiting", note, "share of the time", "", bars=rows)
