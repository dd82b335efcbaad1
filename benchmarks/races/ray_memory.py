"""Does the memory of a long run on a cluster grow?"""

from __future__ import annotations

from collections import defaultdict
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any, final

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from hogwild.engines import Ray
from hogwild.history import Record
from hogwild.models.linear import Linear
from hogwild.stopping import Stop
from hogwild.strategies import Downpour
from hogwild.training import train
from hogwild.watching import AbstractObserver, Status

WORKERS, SHARDS = 2, 2
MINUTES, QUICK_MINUTES = 10.0, 0.3
FROM, PART = 0.2, 0.1  # of the run: where the comparison begins, and over how much a median is taken
MOST_GROWTH = 0.01
KINDS = {"ray::Deputy": "workers", "ray::ShardHost": "shards", "ray::Conductor": "conductor"}


@final
class _Memory(AbstractObserver):
    """Notes the resident memory of the run's processes, in bytes."""

    def __init__(self) -> None:
        self._processes: list[tuple[str, Any]] = []
        self.seen: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)  # seconds and bytes, by kind

    def __call__(self, record: Record) -> None:
        pass

    def status(self, status: Status) -> None:
        if not self._processes:
            driver = import_module("psutil").Process()  # Ray brings it, and says where it is when a cluster is there
            below = driver.children(recursive=True)
            titles = [(each, " ".join(each.cmdline())) for each in below]
            found = [(kind, each) for each, title in titles for name, kind in KINDS.items() if title.startswith(name)]
            self._processes = [("driver", driver), *found]
        total: defaultdict[str, float] = defaultdict(float)
        for kind, process in self._processes:
            total[kind] += process.memory_info().rss
        for kind, size in total.items():
            self.seen[kind].append((status.time_s, size))


def ray_memory(setting: Setting) -> Outcome:
    """Resident memory of driver, workers and shards, early in a long run and at its end."""
    minutes = QUICK_MINUTES if setting.quick else MINUTES
    outcome = Outcome(
        "Ray: memory of a long run",
        f"`Downpour` for {minutes:g} minutes, {WORKERS} workers and {SHARDS} shards, each a process. Resident memory, "
        f"the median of a tenth of the time: from minute {FROM * minutes:g} on, and at the end.",
        ("processes", "early, MB", "at the end, MB", "growth, %"),
    )
    if find_spec("ray") is None:
        outcome.notes.append("Ray is not installed: pip install 'hogwild[cluster]'.")
        return outcome
    memory, time_s = _Memory(), 60 * minutes
    train(
        Linear("hinge", l2=setting.l2, fit_intercept=False),
        setting.corpus(),
        strategy=Downpour(minibatch=64),
        engine=Ray(WORKERS, SHARDS),
        stop=Stop(epochs=1_000_000, tol=None, time_s=time_s),
        callbacks=[memory],
        seed=0,
    )
    grown = []
    for kind, seen in memory.seen.items():
        early, late = (
            median(size for when, size in seen if begin * time_s <= when <= (begin + PART) * time_s)
            for begin in (FROM, 1 - PART)
        )
        growth = late / early - 1
        grown.append(growth)
        outcome.rows.append((kind, f"{early / 1e6:.1f}", f"{late / 1e6:.1f}", f"{100 * growth:+.2f}"))
        outcome.figures[kind, "growth"] = growth
    most = max(grown)
    text = f"less than {100 * MOST_GROWTH:g} % of each between minute {FROM * minutes:g} and minute {minutes:g}"
    outcome.goals.append(Goal(text, f"{100 * most:+.2f} %", setting.judged(most < MOST_GROWTH)))
    return outcome
