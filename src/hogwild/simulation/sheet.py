"""A simulation of growing clusters in words, as a table and as a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, final

from hogwild.comparison.budgets import spell_budget
from hogwild.comparison.panels import curves
from hogwild.comparison.sheet import about_data
from hogwild.pages import NONE, Column, Line, Page, Panel, Table
from hogwild.simulation.results import WORTH, Scaling, Size
from hogwild.traffic import in_bytes
from hogwild.wording import in_short

MOST_CURVES = 12


@final
class _Picture(NamedTuple):
    title: str
    label: str
    note: str
    ideal: Callable[[float, float], float] | None  # of workers, and of those of the smallest cluster
    logarithmic: bool


PICTURES = {
    "time_s": _Picture("Time to the target", "virtual s", "The lower, the better.", None, True),
    "speed_up": _Picture(
        "Speed-up",
        "times as fast as the smallest cluster",
        "“ideal”: as many times as there are workers.",
        lambda n, first: n / first,
        True,
    ),
    "efficiency": _Picture(
        "Efficiency",
        "of what a worker does on the smallest",
        f"Below {WORTH:g} a machine does not do half of what it is paid for.",
        None,
        False,
    ),
    "cost": _Picture("Cost until the target", "price", "Of all machines, the server's included.", None, True),
    "waiting": _Picture("Waiting", "share of the time", "Of workers: for others, or for messages.", None, False),
    "weak": _Picture(
        "Data that grow with the cluster",
        "of the speed of the smallest",
        "Examples a second and worker: 1 is ideal.",
        None,
        False,
    ),
}
"""What is drawn against the number of workers, by field of `Size`."""


def against_workers(scaling: Scaling, what: str) -> Panel:
    """A line for each strategy that has the figure at two sizes or more. ValueError for a figure that is not drawn."""
    if what not in PICTURES:
        raise ValueError(f"what={what!r} cannot be drawn; use one of {', '.join(PICTURES)}")
    picture = PICTURES[what]
    lines, sizes = [], {row.workers for row in scaling.rows()}
    for number, name in enumerate(scaling.strategies):
        points = [(row.workers, getattr(row, what)) for row in scaling.rows() if row.strategy == name]
        known = [(float(n), float(value)) for n, value in points if value is not None]
        known = [point for point in known if point[1] > 0 or not picture.logarithmic]
        if len(known) > 1:
            lines.append(Line(name, (number, 0), [n for n, _ in known], [value for _, value in known]))
    if picture.ideal is not None and lines:
        ends = [float(min(sizes)), float(max(sizes))]
        lines.append(
            Line("ideal", (len(scaling.strategies), 2), ends, [picture.ideal(n, ends[0]) for n in ends], [], [])
        )
    return Panel(
        what,
        picture.title,
        picture.note,
        "workers",
        picture.label,
        max(sizes, default=1) > 4 * min(sizes, default=1),
        picture.logarithmic,
        lines,
    )


def panels(scaling: Scaling) -> list[Panel]:
    """All for which there is something to show."""
    found = [panel for what in PICTURES if (panel := against_workers(scaling, what)).lines]
    best = [f"{name} x {row.workers}" for name in scaling.strategies if (row := scaling.fastest(name)) is not None]
    runs = tuple(run for run in scaling.runs.runs if run.name in best[:MOST_CURVES])
    if runs:
        each = curves(replace(scaling.runs, runs=runs), "time_s", "objective")
        found.append(each._replace(note="Of each strategy: the size that reaches the target first."))
    return found


def table(scaling: Scaling) -> Table:
    """A row for each strategy and size."""
    target = f"{100 * scaling.target:g} %"
    columns: list[Column[Size]] = [
        Column("", lambda row: row.strategy),
        Column("workers", lambda row: f"{row.workers:,}"),
        Column("machines", lambda row: f"{row.machines:,}" if row.machines != row.workers else NONE),
        Column("objective", lambda row: _spell(row.objective, "{:.5g}")),
        Column("s of an epoch", lambda row: _spell(row.epoch_s, "{:.3g}")),
        Column(f"s to {target}", lambda row: _spell(row.time_s, "{:.3g}")),
        Column("speed-up", lambda row: _spell(row.speed_up, "{:.3g}")),
        Column("efficiency", lambda row: _spell(row.efficiency, "{:.1%}")),
        Column("waiting", lambda row: _spell(row.waiting, "{:.0%}")),
        Column("cost", lambda row: _spell(row.cost, "{:.3g}")),
        Column("grown data", lambda row: _spell(row.weak, "{:.0%}")),
    ]
    return Table.of(columns, scaling.rows())


def _spell(value: float | None, form: str) -> str:
    return NONE if value is None else form.format(value)


def sentences(scaling: Scaling) -> list[str]:
    """How many machines are worth it."""
    found = []
    reached = [row for name in scaling.strategies if (row := scaling.fastest(name)) is not None]
    if not reached:
        return [
            f"No run has come within {100 * scaling.target:g} % of the lowest objective that all runs of it came to."
        ]
    first = min(reached, key=lambda row: row.time_s or 0.0)
    found.append(
        f"First at the target: {first.strategy} on {_workers(first.workers)}, after {first.time_s:.3g} virtual s."
    )
    cheap = min((row for row in scaling.rows() if row.cost is not None), key=lambda row: row.cost or 0.0, default=None)
    if cheap is not None:
        found.append(f"Cheapest: {cheap.strategy} on {_workers(cheap.workers)}, for {cheap.cost:.3g}.")
    found += [text for name in scaling.strategies if (text := _worth(scaling, name))]
    return found


def _worth(scaling: Scaling, name: str) -> str | None:
    """Where several sizes were tried."""
    fastest, worth = scaling.fastest(name), scaling.worth(name)
    sizes = [row.workers for row in scaling.rows() if row.strategy == name]
    if len(sizes) < 2:
        return None
    if fastest is None:
        return f"{name} does not reach the target."
    if worth is None:
        text = "no number of workers is worth it"
    elif worth.workers == max(sizes):
        text = f"all {_workers(worth.workers)} that were tried are worth it"
    else:
        text = f"{_workers(worth.workers)} {'is' if worth.workers == 1 else 'are'} worth it"
    if fastest.workers == min(sizes):
        return f"{name}: {text}; more do not make it faster than {_workers(fastest.workers)}."
    base = min(row.workers for row in scaling.rows() if row.time_s is not None)
    up = "" if fastest.speed_up is None else f", at {fastest.speed_up:.3g} times the speed of the best {base:,}"
    return f"{name}: {text}; {_workers(fastest.workers)} are fastest{up}."


def _workers(count: int) -> str:
    return f"{count:,} worker{'s' * (count != 1)}"


def sheet(scaling: Scaling) -> Page:
    """What the page says."""
    runs = scaling.runs
    return Page(
        f"Simulated clusters on {runs.source}",
        f"Each run: {spell_budget(runs.budget)}. What is learned is real; times are those of a virtual clock, for "
        "machines as described below.",
        "This simulation was interrupted: there were to be more runs." if scaling.interrupted else None,
        sentences(scaling),
        table(scaling),
        f"“s to {100 * scaling.target:g} %”: virtual seconds until the objective had come down to the lowest of all "
        f"runs with the same seed, plus {100 * scaling.target:g} % of the way back to {runs.start:.5g}, that of the "
        "first weights. Speed-up and efficiency are those against the fastest strategy on the smallest cluster that "
        f"gets there; machines are worth it as long as each does {WORTH:.0%} of what it does there.",
        scaling.problems,
        panels(scaling),
        "Each point is the mean over seeds.",
        _about(scaling),
    )


def _about(scaling: Scaling) -> dict[str, str]:
    runs, cluster = scaling.runs, scaling.cluster
    command = {} if runs.command is None else {"command": runs.command}
    links = {}
    if cluster.links:
        each = [f"{kind} {number}: {in_short(link)}" for (kind, number), link in cluster.links.items()]
        links["other links"] = ", ".join(each)
    price = {} if cluster.price_per_hour is None else {"price of a machine": f"{cluster.price_per_hour:g} per hour"}
    return {
        **command,
        "network": f"latency {cluster.latency_s * 1e6:,.4g} us, {in_bytes(round(cluster.bandwidth_bytes_s))}/s"
        if cluster.bandwidth_bytes_s < float("inf")
        else f"latency {cluster.latency_s * 1e6:,.4g} us, no limit of bytes",
        "an example": "as long as here, found out in each run"
        if isinstance(cluster.example_s, str)
        else f"{cluster.example_s * 1e6:,.4g} us on a machine",
        "shards of a server": f"{cluster.shards:,}",
        "speeds": in_short(cluster.speeds),
        **links,
        "faults": ", ".join(map(repr, cluster.faults)) or "none",
        **price,
        **about_data(runs.source, runs.data),
        "model": runs.model,
        "budget of a run": spell_budget(runs.budget),
        "seeds": ", ".join(map(str, runs.seeds)),
    }
