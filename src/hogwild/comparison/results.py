"""What a comparison has found."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, final

import numpy as np

from hogwild.comparison.budgets import spell_budget
from hogwild.comparison.runs import Run
from hogwild.data.examples import Examples
from hogwild.data.statistics import Statistics, describe
from hogwild.pages import frame, machine, versions
from hogwild.stopping import Stop
from hogwild.wording import as_json

TARGETS = (0.1, 0.01, 0.001)
"""How far from the lowest objective of all with the same seed, as shares of the way to it from the first weights."""


@final
class Spread(NamedTuple):
    """Of a figure over seeds. spread: the standard deviation; None for a single one. n: how many seeds have it."""

    mean: float
    spread: float | None
    n: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """None if no run has the figure."""
        found = [float(value) for value in values if value is not None]
        if not found:
            return None
        return cls(statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else None, len(found))


@final
@dataclass(frozen=True)
class Row:
    """A contestant in figures, over its runs; None: it has none.

    objective :      the lowest of a run
    holdout_loss, holdout_score : at the weights that `train` gives back, those with the lowest loss there
    time_s :         when that was, after the run had begun (virtual seconds, if simulated)
    targets :        seconds until the objective had come so near to the lowest, see `Comparison.target`; n says how
                     many runs have come there
    examples_per_s : of all workers together, judging included
    pace :           the same of the second half of each run, when all have connected
    predicted :      what described machines say of that
    staleness :      how stale pushes were on average, in rounds or versions
    waiting :        share of their time that workers waited; on `Simulated` only
    """

    name: str
    workers: int
    runs: int
    ended: int
    outcomes: tuple[str, ...]
    objective: Spread | None
    holdout_loss: Spread | None
    holdout_score: Spread | None
    time_s: Spread | None
    targets: dict[float, Spread | None]
    examples: Spread | None
    examples_per_s: Spread | None
    pace: Spread | None
    predicted: Spread | None
    sent_bytes: Spread | None
    staleness: Spread | None
    waiting: Spread | None


@final
@dataclass(frozen=True)
class Comparison:
    """The runs, in the order in which they were made, and what they have in common.

    start : the objective of the first weights; interrupted: there were to be more runs
    predicted : examples a second by contestant, see `compare`
    """

    runs: tuple[Run, ...]
    budget: Stop
    model: str
    examples: Examples = field(repr=False)
    start: float
    command: str | None = None
    interrupted: bool = False
    predicted: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def data(self) -> Statistics:
        """What the examples look like. It is found out when it is asked for first, as that takes a few passes."""
        return describe(self.examples)

    @property
    def source(self) -> str:
        """Where the examples come from."""
        return self.examples.source

    @property
    def names(self) -> list[str]:
        """Of the contestants, in the order in which they were given."""
        return list(dict.fromkeys(run.name for run in self.runs))

    @property
    def seeds(self) -> list[int]:
        """Of the runs."""
        return list(dict.fromkeys(run.seed for run in self.runs))

    def of(self, name: str) -> list[Run]:
        """All runs of a contestant. KeyError if there is none of that name."""
        found = [run for run in self.runs if run.name == name]
        if not found:
            raise KeyError(name)
        return found

    def lowest(self, seed: int) -> float | None:
        """The lowest objective of all runs with this seed that have ended, which have the same examples held out; None:
        there is none.
        """
        found = (run.objective for run in self.runs if run.seed == seed and run.outcome == "ended")
        return min((each for each in found if each is not None), default=None)

    def target(self, seed: int, share: float) -> float:
        """The objective to reach: with share=0.01 it is 1 % of the way from the lowest one with this seed back to that
        of the first weights. Minus infinity if there is no lowest one.
        """
        lowest = self.lowest(seed)
        return float("-inf") if lowest is None else lowest + share * (self.start - lowest)

    def rows(self) -> list[Row]:
        """Contestants, and those last who have no objective. First comes who is nearest to the lowest objective of each
        seed, over those seeds that all have ended with: with another one other examples are held out.
        """
        return list(self._rows)

    @cached_property
    def _rows(self) -> tuple[Row, ...]:
        above = self._leads(lambda run: run.objective)
        return tuple(self._row(name, self.of(name)) for name in sorted(above, key=lambda name: above[name]))

    def best_scored(self) -> str | None:
        """Who has the best score on held-out examples, compared in the same way; None: nobody has one."""
        behind = self._leads(lambda run: None if run.score is None else -run.score)
        best = min(behind, key=lambda name: behind[name], default=None)
        return None if best is None or behind[best] == math.inf else best

    def _leads(self, value: Callable[[Run], float | None]) -> dict[str, float]:
        """How far the values of each contestant are above the lowest of their seeds, on average; infinite: none."""
        by_seed: dict[int, dict[str, float]] = {}
        for run in self.runs:
            if run.outcome == "ended" and (found := value(run)) is not None:
                by_seed.setdefault(run.seed, {})[run.name] = found
        have_one = {name for values in by_seed.values() for name in values}
        common = [values for values in by_seed.values() if len(values) == len(have_one)] or list(by_seed.values())
        gaps = {
            name: [values[name] - min(values.values()) for values in common if name in values] for name in self.names
        }
        return {name: statistics.fmean(found) if found else math.inf for name, found in gaps.items()}

    @cached_property
    def has_two_labels(self) -> bool:
        """Is the score on held-out examples an accuracy?"""
        y = self.examples.y
        return y is not None and np.unique(y).size <= 2

    def _row(self, name: str, runs: Sequence[Run]) -> Row:
        ended = [run for run in runs if run.outcome == "ended"]
        best = [record for run in ended if (record := run.history.best) is not None]
        last = [record for run in ended if (record := run.last) is not None]
        traffic = [run.traffic for run in ended]
        utilisation = [each.utilisation for each in traffic]
        return Row(
            name,
            runs[0].workers,
            len(runs),
            len(ended),
            tuple(dict.fromkeys(run.outcome for run in runs)),
            Spread.of(run.objective for run in ended),
            Spread.of(record.holdout_loss for record in best),
            Spread.of(record.holdout_score for record in best),
            Spread.of(record.time_s for record in best),
            {share: Spread.of(self._hit_s(run, share) for run in ended) for share in TARGETS},
            Spread.of(record.examples for record in last),
            Spread.of(run.examples_per_s for run in ended),
            Spread.of(run.pace for run in ended),
            Spread.of([self.predicted.get(name)]),
            Spread.of(each.sent_bytes for each in traffic),
            Spread.of(each.mean_staleness for each in traffic),
            Spread.of(None if share is None else 1.0 - share for share in utilisation),
        )

    def _hit_s(self, run: Run, share: float) -> float | None:
        hit = run.reached(self.target(run.seed, share))
        return None if hit is None else hit.time_s

    @property
    def problems(self) -> dict[str, str]:
        """What went wrong, by contestant: in how many runs, and the sentence that the first of them says."""
        wrong = {name: [run for run in self.of(name) if run.outcome != "ended"] for name in self.names}
        return {
            name: f"{runs[0].outcome} ({len(runs)} of {len(self.of(name))} runs): {runs[0].why}"
            for name, runs in wrong.items()
            if runs
        }

    @property
    def is_virtual(self) -> bool:
        """Are all times those of a virtual clock?"""
        clocks = [run.traffic.virtual_s is not None for run in self.runs if len(run.history)]
        return bool(clocks) and all(clocks)

    def table(self) -> Any:
        """A `pandas.DataFrame`, a row for each contestant: means over its runs, and "..._spread" for the standard
        deviations. ImportError without pandas.
        """
        return frame(map(_flat, self.rows()), "name")

    def as_dict(self) -> dict[str, Any]:
        """For JSON: everything."""
        found: dict[str, Any] = as_json(
            {
                "budget": spell_budget(self.budget),
                "model": self.model,
                "source": self.source,
                "command": self.command,
                "interrupted": self.interrupted,
                "start": self.start,
                "data": asdict(self.data),
                "holdout": self.budget.holdout,
                "seeds": self.seeds,
                "machine": machine(),
                "versions": versions(),
                "problems": self.problems,
            }
        )
        rows = [as_json(_plain(row)) for row in self.rows()]
        return found | {"rows": rows, "runs": [run.as_dict() for run in self.runs]}

    def plot(self, path: str | os.PathLike[str] | None = None, *, x: str = "time_s", y: str = "objective") -> Any:
        """The Matplotlib `Figure` of y against x, a line for each contestant with a band from the lowest to the highest
        of its seeds; also written to `path` (.png, .svg, .pdf). ValueError if there is nothing to draw, ImportError
        without Matplotlib.
        """
        from hogwild.comparison.panels import curves
        from hogwild.pages import plot

        panel = curves(self, x, y)
        if not panel.lines:
            raise ValueError(f"there is nothing to draw: no run has a {y} and {x}")
        return plot(panel, path)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write one page that needs no network, whole or not at all. ImportError without the extra `pages`, OSError if
        it cannot be written.
        """
        from hogwild.comparison.sheet import sheet
        from hogwild.pages import write_page

        write_page(sheet(self), path)


def _plain(row: Row) -> dict[str, Any]:
    """Spreads as objects."""
    found = vars(row) | {"targets": {str(share): each for share, each in row.targets.items()}}
    return {name: _spelled(value) for name, value in found.items()}


def _spelled(value: Any) -> Any:
    if isinstance(value, Spread):
        return value._asdict()
    return {name: _spelled(each) for name, each in value.items()} if isinstance(value, dict) else value


def _flat(row: Row) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in vars(row).items():
        if name == "targets":
            for share, each in value.items():
                flat |= _columns(f"time_to_{100 * share:g}%_s", each)
        elif name == "outcomes":
            flat[name] = ", ".join(value)
        elif isinstance(value, str | int):
            flat[name] = value
        else:
            flat |= _columns(name, value)
    return flat


def _columns(name: str, spread: Spread | None) -> dict[str, float | None]:
    return {name: None if spread is None else spread.mean, f"{name}_spread": None if spread is None else spread.spread}
