"""Runs on simulated clusters: when they are as good as the optimum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, final

from hogwild import NonFiniteError, Sandblaster, Simulated, Stop, train
from hogwild.history import Record
from hogwild.interfaces import AbstractModel, AbstractStrategy

STAYS = 3  # epochs: who swings about the optimum passes it, too


@final
class Race(NamedTuple):
    """records: one an epoch, until the target; none if weights were no longer finite. target: an objective."""

    records: list[Record]
    target: float
    staleness: float

    @property
    def time_s(self) -> float:
        """Virtual seconds until the target was reached, and kept for STAYS epochs; infinite: never."""
        for first in range(len(self.records) - STAYS + 1):
            if _stays(self.records[first : first + STAYS], self.target):
                return self.records[first].time_s
        return math.inf

    @property
    def objective(self) -> float:
        """At the end; infinite if there is none."""
        return _objective(self.records[-1]) if self.records else math.inf


def race(
    model: AbstractModel,
    examples: Any,
    strategy: AbstractStrategy,
    engine: Simulated,
    *,
    epochs: int,
    seed: int,
    target: float = -math.inf,
) -> Race:
    """Until the target or so many epochs."""
    records: list[Record] = []

    def look(record: Record) -> None:
        records.append(record)
        if len(records) >= STAYS and _stays(records[-STAYS:], target):
            raise KeyboardInterrupt  # which ends a run

    try:
        result = train(
            model, examples, strategy=strategy, engine=engine, stop=Stop(epochs, tol=0), callbacks=[look], seed=seed
        )
    except NonFiniteError:
        return Race([], target, math.nan)
    traffic = result.history.traffic
    return Race(records, target, (traffic.summary().mean_staleness or 0.0) if traffic else 0.0)


def optimum(model: AbstractModel, examples: Any) -> float:
    """The best objective of a smooth model, by a hundred passes of L-BFGS."""
    best = train(model, examples, strategy=Sandblaster(), engine=Simulated(1), stop=Stop(100, tol=0), seed=0)
    return min(_objective(record) for record in best.history)


def _stays(records: Sequence[Record], target: float) -> bool:
    return all(_objective(each) <= target for each in records)


def _objective(record: Record) -> float:
    return math.inf if record.objective is None else record.objective
