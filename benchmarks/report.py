"""Outcomes as tables on the terminal, and as sections of RESULTS.md."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.outcome import Outcome
from benchmarks.setting import Setting

INTRODUCTION = """# Results

Written by `make bench`; do not edit. Contenders run in turn (A B C A B C ...) in one process on one machine; figures
are medians over the repeats (min..max in brackets), and ratios are medians of the ratios of each round. Kernels are
compiled before the clock starts, except where compilation is what is measured. Data are SYNTHETIC unless they are
named: `hogwild.data.rcv1_like`, RCV1-shaped, Zipfian words, unit rows, float32. Hinge loss, lambda = 1e-5 and no
intercept unless said otherwise. Objectives are computed by one NumPy function in float64 from the weights that each
program returned.
"""


def show(outcome: Outcome, console: Console) -> None:
    """Print the table of one race."""
    table = Table(title=outcome.title, title_justify="left", title_style="bold")
    for number, column in enumerate(outcome.columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    for row in outcome.rows:
        table.add_row(*row)
    console.print()
    console.print(table)
    for goal in outcome.goals:
        style = {True: "green", False: "red", None: "yellow"}[goal.reached]
        console.print(f"[{style}]{goal.verdict}[/]: {goal.text}; measured {goal.measured}", highlight=False)
    for note in outcome.notes:
        console.print(note, style="dim", highlight=False)


def section(outcome: Outcome, name: str, setting: Setting, busy: str) -> str:
    """One race as Markdown; `busy`: the load of the machine before it."""
    today = datetime.now(UTC).date().isoformat()
    lines = [f"## {name}: {outcome.title}", "", outcome.setting, ""]
    if outcome.rows:
        lines.append("| " + " | ".join(outcome.columns) + " |")
        lines.append("|---|" + "---:|" * (len(outcome.columns) - 1))
        lines += ["| " + " | ".join(row) + " |" for row in outcome.rows] + [""]
    lines += [f"- Goal: {goal.text}. Measured {goal.measured}: **{goal.verdict}**." for goal in outcome.goals]
    lines += [f"- {note}" for note in outcome.notes]
    size = "quick run, figures mean nothing" if setting.quick else f"--rows {setting.rows}"
    lines += ["", f"({today}, {size}, {setting.repeats} repeats, load before the race {busy})", ""]
    return "\n".join(lines)


def write(path: Path, sections: dict[str, str], order: list[str]) -> None:
    """Write the report; sections of races that did not run are kept if they are of the same machine and versions."""
    head = INTRODUCTION + "\n" + "\n".join(f"- {key}: {value}" for key, value in machine().items()) + "\n"
    kept: dict[str, str] = {}
    if path.exists():
        old, *parts = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if old.strip() == head.strip():
            kept = {part[3:].split(":", 1)[0]: part for part in parts}
    everything = {**kept, **sections}
    body = [everything[name].strip() + "\n" for name in order if name in everything]
    path.write_text("\n".join([head, *body]), encoding="utf-8")
