"""What a simulation of growing clusters has found."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, final

from hogwild.comparison import Comparison, Run
from hogwild.simulation.cluster import Cluster
from hogwild.wording import as_json

HOUR_S = 3600.0
WORTH = 0.5  # of what a worker would do alone: less, and it is not worth its price


@final
@dataclass(frozen=True)
class Size:
    """A strategy on a cluster of one size; means over its runs that have ended. None: there is none of that.

    machines :   workers, and those of the server
    time_s :     virtual seconds until the target was reached, judging not included; None: not by all runs
    epoch_s :    of an epoch
    objective :  the lowest that was found
    speed_up :   the time of whatever strategy is fastest on the smallest cluster that reaches the target / `time_s`
    efficiency : speed_up x the workers of that / workers
    cost :       of the machines until the target was reached, see `Cluster.price_per_hour`
    waiting :    share of their time that workers waited
    weak :       seconds of an epoch of its smallest cluster / of this one, where data grow with the cluster: 1 is ideal
    """

    strategy: str
    workers: int
    machines: int
    time_s: float | None
    epoch_s: float | None
    objective: float | None
    speed_up: float | None
    efficiency: float | None
    cost: float | None
    waiting: float | None
    weak: float | None


@final
@dataclass(frozen=True)
class Scaling:
    """All runs of a simulation.

    runs :    with the same data for all; `grown`, by workers: with data that grow with the cluster, to those
    target :  see `simulate`; served : the strategies that have a server, whose shards are machines, too
    """

    runs: Comparison
    cluster: Cluster
    target: float
    served: frozenset[str]
    grown: Mapping[int, Comparison]
    stopped: bool = False

    @property
    def interrupted(self) -> bool:
        """Were there to be more runs?"""
        return self.stopped or any(each.interrupted for each in self.grown.values())

    @property
    def problems(self) -> dict[str, str]:
        """What went wrong, by strategy and size."""
        return {name: text for each in (*self.grown.values(), self.runs) for name, text in each.problems.items()}

    @property
    def strategies(self) -> list[str]:
        """In the order in which they were given."""
        return list(dict.fromkeys(run.group for run in self.runs.runs))

    def rows(self) -> list[Size]:
        """By strategy, and then by size."""
        return list(self._rows)

    @cached_property
    def _rows(self) -> tuple[Size, ...]:
        known = [row for name in self.strategies for row in self._of(name)]
        least = min((row.workers for row in known if row.time_s), default=1)
        base_s = min((row.time_s for row in known if row.workers == least and row.time_s), default=None)
        found = []
        for row in known:
            up = base_s / row.time_s if base_s and row.time_s else None
            found.append(replace(row, speed_up=up, efficiency=None if up is None else up * least / row.workers))
        return tuple(found)

    def _of(self, name: str) -> list[Size]:
        sizes: dict[int, list[Run]] = {}
        for run in self.runs.runs:
            if run.group == name:
                sizes.setdefault(run.workers, []).append(run)
        weak = self._weak(name)
        return [replace(self._size(name, n, sizes[n]), weak=weak.get(n)) for n in sorted(sizes)]

    def _size(self, name: str, workers: int, runs: list[Run]) -> Size:
        ended = [run for run in runs if run.outcome == "ended"]
        machines = workers + (self.cluster.shards if name in self.served else 0)
        times = [self._hit_s(run) for run in runs]
        time_s, price = _mean(times) if None not in times else None, self.cluster.price_per_hour
        shares = [run.traffic.utilisation for run in ended]
        return Size(
            name,
            workers,
            machines,
            time_s,
            _mean(_epoch_s(run) for run in ended),
            _mean(run.objective for run in ended),
            None,
            None,
            None if price is None or time_s is None else price * machines * time_s / HOUR_S,
            _mean(None if share is None else 1.0 - share for share in shares),
            None,
        )

    def _hit_s(self, run: Run) -> float | None:
        hit = run.reached(self.runs.target(run.seed, self.target)) if run.outcome == "ended" else None
        return None if hit is None else hit.time_s

    def _weak(self, name: str) -> dict[int, float]:
        epochs = {
            size: _mean(
                _epoch_s(run)
                for run in found.runs
                if run.group == name and run.workers == size and run.outcome == "ended"
            )
            for size, found in self.grown.items()
        }
        known = {size: seconds for size, seconds in epochs.items() if seconds}
        return {size: known[min(known)] / seconds for size, seconds in known.items()}

    def fastest(self, name: str) -> Size | None:
        """At which size the strategy reaches the target first; None: at none."""
        return min((row for row in self._known(name)), key=lambda row: row.time_s or 0.0, default=None)

    def worth(self, name: str) -> Size | None:
        """The largest cluster on which each worker still does half of what the best does on the smallest one."""
        good = [row for row in self._known(name) if row.efficiency is not None and row.efficiency >= WORTH]
        return max(good, key=lambda row: row.workers, default=None)

    def _known(self, name: str) -> list[Size]:
        return [row for row in self._rows if row.strategy == name and row.time_s is not None]

    def table(self) -> Any:
        """A `pandas.DataFrame`, a row for each strategy and size. ImportError without pandas."""
        from hogwild.pages import frame

        return frame(map(asdict, self.rows()), ["strategy", "workers"])

    def as_dict(self) -> dict[str, Any]:
        """For JSON: everything."""
        return {
            "cluster": as_json(self.cluster),
            "target": self.target,
            "rows": [as_json(asdict(row)) for row in self.rows()],
            "fastest": {name: None if (row := self.fastest(name)) is None else row.workers for name in self.strategies},
            "worth": {name: None if (row := self.worth(name)) is None else row.workers for name in self.strategies},
            "interrupted": self.interrupted,
            "strong": self.runs.as_dict(),
            "weak": {str(size): found.as_dict() for size, found in self.grown.items()},
        }

    def plot(self, path: str | os.PathLike[str] | None = None, *, what: str = "time_s") -> Any:
        """The Matplotlib `Figure` of time_s, speed_up, efficiency, cost, waiting or weak against workers, a line for
        each strategy; also written to `path` (.png, .svg, .pdf). ValueError if there is nothing to draw,
        ImportError without Matplotlib.
        """
        from hogwild.pages import plot
        from hogwild.simulation.sheet import against_workers

        panel = against_workers(self, what)
        if not panel.lines:
            raise ValueError(f"there is nothing to draw: no strategy has a {what} at two sizes")
        return plot(panel, path)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write one page that needs no network, whole or not at all. ImportError without the extra `pages`, OSError if
        it cannot be written.
        """
        from hogwild.pages import write_page
        from hogwild.simulation.sheet import sheet

        write_page(sheet(self), path)


def _epoch_s(run: Run) -> float | None:
    last = run.last
    return None if last is None or not last.epoch else last.time_s / last.epoch


def _mean(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.fmean(found) if found else None
