"""What boards show of a run."""

from __future__ import annotations

import math
from typing import final

from hogwild.history import Record
from hogwild.watching import Status

COLUMNS = ("objective", "holdout_loss", "holdout_score", "rate", "consensus", "sent_bytes", "time_s")
SEVERAL = "problem"


@final
class Figures:
    """Of one run after another: classifiers train one for each class. Those of the second are "problem-2/..."."""

    def __init__(self) -> None:
        self._problem, self._epoch, self._examples, self._time_s = 1, 0, 0, 0.0

    def of(self, record: Record) -> dict[str, float]:
        """At the end of an epoch; what is not known, or is no number, is left out."""
        if record.epoch <= self._epoch:
            self._another()
        found = {name: getattr(record, name) for name in COLUMNS}
        seconds = record.time_s - self._time_s
        if seconds > 0:
            found["examples_per_s"] = (record.examples - self._examples) / seconds
        self._epoch, self._examples, self._time_s = record.epoch, record.examples, record.time_s
        return self._named({name: float(value) for name, value in found.items() if value is not None})

    def between(self, status: Status) -> dict[str, float]:
        """While an epoch goes on."""
        if status.examples < self._examples:
            self._another()
        found = {"live/workers": float(status.workers), "live/sent_bytes": float(status.sent_bytes)}
        if status.staleness is not None:
            found["live/staleness"] = status.staleness
        return self._named(found)

    def _another(self) -> None:
        self._problem, self._epoch, self._examples, self._time_s = self._problem + 1, 0, 0, 0.0

    def _named(self, found: dict[str, float]) -> dict[str, float]:
        before = "" if self._problem == 1 else f"{SEVERAL}-{self._problem}/"
        return {before + name: value for name, value in found.items() if math.isfinite(value)}
