"""What happened while training: one record an epoch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, final

from hogwild.traffic import Traffic


@final
@dataclass(frozen=True)
class Record:
    """The state of training at the end of an epoch (or at the moment it was stopped).

    With `Stop(tol=None)` workers do not wait for each other at the end of an epoch: its record is then of the moment
    when the last of its examples were handed out.
    """

    epoch: int  # epochs begun: the last one may have been stopped halfway
    time_s: float  # since training began
    examples: int  # seen so far by all workers
    rate: float  # step size now
    objective: float | None = None  # penalty + mean loss over the training examples; None: not computed
    holdout_loss: float | None = None  # mean loss over the held-out examples
    # Accuracy over the held-out examples, or 1 - their mean squared error / the variance of all targets.
    holdout_score: float | None = None
    # sqrt(mean |w_p - their mean|^2) over workers with weights of their own, of which one's are judged, as trained.
    consensus: float | None = None
    sent_bytes: int | None = None  # by all workers so far, and what they were answered; None: not measured

    @property
    def criterion(self) -> float:
        """Loss on held-out examples, or else the objective: the lower, the better. Infinite: not judged."""
        found = self.objective if self.holdout_loss is None else self.holdout_loss
        return math.inf if found is None else found


@final
@dataclass
class History:
    """The records of a run, in order."""

    records: list[Record] = field(default_factory=list)
    traffic: Traffic | None = None  # what was sent; who waited for how long is measured on `Simulated` only
    counts: Counter[str] = field(default_factory=Counter)  # what the strategy counted (`Worker.counts`), of all workers

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]

    @property
    def judged(self) -> list[Record]:
        """The records with an objective."""
        return [record for record in self.records if record.objective is not None]

    @property
    def best(self) -> Record | None:
        """That of the weights which `train` gives back; None: none were judged."""
        return min(self.judged, key=lambda record: record.criterion, default=None)

    def as_dict(self) -> dict[str, list[Any]]:
        """Columns: {"epoch": [...], "time_s": [...], ...}; feeds `pandas.DataFrame` or JSON."""
        rows = [asdict(record) for record in self.records]
        return {name: [row[name] for row in rows] for name in Record.__dataclass_fields__}

    @classmethod
    def of_dict(cls, columns: Mapping[str, list[Any]]) -> History:
        """The records that `as_dict` was made of."""
        unknown = {"sent_bytes": [None] * len(columns["epoch"])}  # older versions have not written it down
        rows = zip(*({**unknown, **columns}[name] for name in Record.__dataclass_fields__), strict=True)
        return cls([Record(*row) for row in rows])

    def plot(self, path: str | Path | None = None) -> Any:
        """Objective against time; returns the matplotlib Figure, and writes it when `path` is given."""
        from hogwild.report import plot_histories

        return plot_histories({"training": self}, path)
