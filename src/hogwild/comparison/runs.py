"""One run of a comparison: what came of it, in numbers and words that can be written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

from hogwild.history import History, Record
from hogwild.traffic import Traffic, TrafficSummary

MIN_RECORDS = 2  # two halves
Outcome = Literal["ended", "diverged", "refused", "failed"]


@final
@dataclass(frozen=True)
class Run:
    """Of one contestant with one seed.

    outcome : "ended" as its budget said; "diverged": weights became NaN or infinite, or the objective ended above that
              of the first weights; "refused" by its engine; "failed": a process of a cluster died, and the run with it
    why :     a reason of `hogwild.stopping.REASONS`, or the sentence that says what went wrong
    wall_s :  how long `train` took, from call to return; of a run that went on from a checkpoint, this time
    strategy, engine, workers : what ran where
    """

    name: str
    group: str
    seed: int
    outcome: Outcome
    why: str
    history: History
    wall_s: float
    strategy: str
    engine: str
    workers: int

    @property
    def score(self) -> float | None:
        """On held-out examples, of the weights that `train` gives back."""
        best = self.history.best
        return None if best is None else best.holdout_score

    @property
    def objective(self) -> float | None:
        """The lowest that was found; None: none was."""
        return min((float(record.objective) for record in self.history if record.objective is not None), default=None)

    @property
    def last(self) -> Record | None:
        """Where it ended; None: before anything was recorded."""
        return self.history[-1] if len(self.history) else None

    @property
    def examples_per_s(self) -> float | None:
        """Of all workers together, while weights are judged, too."""
        last = self.last
        return None if last is None or last.time_s <= 0 else last.examples / last.time_s

    @property
    def pace(self) -> float | None:
        """Examples a second of all workers together in the second half of the run, when all are in their stride."""
        if len(self.history) < MIN_RECORDS:
            return None
        middle, last = self.history[(len(self.history) - 1) // 2], self.history[-1]
        seconds = last.time_s - middle.time_s
        return (last.examples - middle.examples) / seconds if seconds > 0 else None

    @property
    def traffic(self) -> TrafficSummary:
        """What was sent, and how long workers waited."""
        return (self.history.traffic or Traffic()).summary()

    def reached(self, objective: float) -> Record | None:
        """The first record with this objective or less; None: it never came there."""
        return next((each for each in self.history if each.objective is not None and each.objective <= objective), None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        traffic = self.history.traffic
        return vars(self) | {
            "history": self.history.as_dict(),
            "traffic": None if traffic is None else traffic.as_dict(),
            "counts": dict(self.history.counts),
        }

    @classmethod
    def of_dict(cls, stored: Mapping[str, Any]) -> Run:
        """What `as_dict` was made of."""
        values = dict(stored)
        history = History.of_dict(values["history"])
        traffic = values.pop("traffic")
        history.traffic = None if traffic is None else Traffic.of_dict(traffic)
        history.counts = Counter(values.pop("counts"))
        return cls(**{**values, "history": history})
