"""A comparison in words: the columns of its table, and who has won."""

from __future__ import annotations

from collections.abc import Callable

from hogwild.comparison.results import TARGETS, Comparison, Row, Spread
from hogwild.pages import NONE, Column, Table
from hogwild.traffic import in_bytes

TEN = 9.5  # from here on .1g would say 1e+01


def table(comparison: Comparison) -> Table:
    """A row for each contestant."""
    kind = "virtual " if comparison.is_virtual else ""
    form = _score_form(comparison)
    columns: list[Column[Row]] = [
        Column("", lambda row: row.name),
        Column("workers", lambda row: f"{row.workers:,}"),
        Column("objective", lambda row: spell(row.objective, "{:.5g}")),
        Column("held-out score", lambda row: spell(row.holdout_score, form)),
        *(Column(f"{kind}s to {100 * share:g} %", _hit(share)) for share in TARGETS),
        Column("examples", lambda row: _amount(row.examples)),
        Column("examples/s", lambda row: _amount(row.examples_per_s)),
        Column("steady", lambda row: NONE if row.predicted is None else _amount(row.pace)),
        Column("predicted", _predicted),
        Column("sent", _sent),
        Column("staleness", lambda row: spell(row.staleness, "{:.3g}")),
        Column("waiting", lambda row: spell(row.waiting, "{:.1%}")),
        Column("runs", lambda row: f"{row.ended} of {row.runs}" if row.ended < row.runs else str(row.runs)),
    ]
    return Table.of(columns, comparison.rows())


def _sent(row: Row) -> str:
    return in_bytes(round(row.sent_bytes.mean)) if row.sent_bytes is not None and row.sent_bytes.mean else NONE


def _predicted(row: Row) -> str:
    if row.predicted is None:
        return NONE
    share = "" if row.pace is None else f" ({row.predicted.mean / row.pace.mean:.2f})"
    return _amount(row.predicted) + share


def _hit(share: float) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        found = row.targets.get(share)
        if found is None:
            return NONE
        return spell(found, "{:.3g}") + (f" ({found.n} of {row.runs})" if found.n < row.runs else "")

    return text


def _score_form(comparison: Comparison) -> str:
    """Accuracies are shares, and R^2 is none."""
    return "{:.2%}" if comparison.has_two_labels else "{:.4g}"


def spell(spread: Spread | None, form: str) -> str:
    """E.g. "0.1234 ± 0.0012"."""
    if spread is None:
        return NONE
    mean = form.format(spread.mean)
    return mean if spread.spread is None else f"{mean} ± {_error(spread.spread, form)}"


def _amount(spread: Spread | None) -> str:
    return NONE if spread is None else in_short_form(spread.mean)


def in_short_form(number: float) -> str:
    """E.g. 2.93 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= 0.9995 * size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def _error(value: float, form: str) -> str:
    return form.format(value) if "%" in form else f"{value:.1g}" if value < TEN else f"{value:.0f}"


def sentences(comparison: Comparison) -> list[str]:
    """Who has won, and by what."""
    rows = [row for row in comparison.rows() if row.objective is not None]
    if not rows:
        return ["No run has come to an end: see below why."]
    unit = "virtual s" if comparison.is_virtual else "s"
    first = rows[0]
    found = [f"Lowest objective: {first.name}, {spell(first.objective, '{:.5g}')}."]
    for share in TARGETS:
        there = [(hit, row.name) for row in rows if (hit := row.targets[share]) is not None]
        most = max((hit.n for hit, _ in there), default=0)
        for hit, name in sorted((each for each in there if each[0].n == most), key=lambda each: each[0].mean)[:1]:
            found.append(
                f"First within {100 * share:g} % of the way down to it: {name}, after {spell(hit, '{:.3g}')} {unit}."
            )
    best = comparison.best_scored()
    if best is not None:
        (score,) = (row.holdout_score for row in rows if row.name == best)
        found.append(f"Best score on held-out examples: {best}, {spell(score, _score_form(comparison))}.")
    return found
