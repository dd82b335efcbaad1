"""Runs for studies: when they are as good as the optimum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, final

from hogwild import NonFiniteError, Sandblaster, Simulated, Stop, train
from hogwild.history import Record
from hogwild.interfaces import AbstractEngine, AbstractModel, AbstractStrategy, Callback, Result

STAYS = 3  # epochs: who swings about the optimum passes it, too


def learn(
    model: AbstractModel,
    examples: Any,
    strategy: AbstractStrategy,
    engine: AbstractEngine,
    stop: Stop,
    seed: int,
    callbacks: Sequence[Callback] = (),
) -> Result:
    """`train`; but Ctrl-C ends the study, not only this run."""
    result = train(model, examples, strategy=strategy, engine=engine, stop=stop, callbacks=callbacks, seed=seed)
    if result.reason == "interrupted":
        raise KeyboardInterrupt
    return result


@final
class Race(NamedTuple):
    """records: one an epoch, until the target was kept; they end where weights were no longer finite. target: an
    objective.
    """

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

    def at(self, epoch: int) -> float:
        """The objective after that epoch; infinite if it has none."""
        return _objective(self.records[epoch - 1]) if epoch <= len(self.records) else math.inf

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
    """Until the target was kept, or so many epochs."""
    records: list[Record] = []

    def look(record: Record) -> None:
        records.append(record)
        if len(records) >= STAYS and _stays(records[-STAYS:], target):
            raise _There

    try:
        result = learn(model, examples, strategy, engine, Stop(epochs, tol=0), seed, [look])
    except _There:
        return Race(records, target, math.nan)
    except NonFiniteError:
        return Race([*records, Record(len(records) + 1, math.inf, 0, math.nan)], target, math.inf)
    traffic = result.history.traffic
    return Race(records, target, (traffic.summary().mean_staleness or 0.0) if traffic else 0.0)


def optimum(model: AbstractModel, examples: Any) -> float:
    """The best objective of a smooth model, by a hundred passes of L-BFGS."""
    best = learn(model, examples, Sandblaster(), Simulated(1), Stop(100, tol=0), 0)
    return min(_objective(record) for record in best.history)


def in_ms(time_s: float) -> str:
    """Milliseconds, in words if it is never."""
    return f"{1e3 * time_s:.0f}" if math.isfinite(time_s) else "not reached"


def in_words(objective: float) -> str:
    """An objective, in words if there is none."""
    return f"{objective:.4g}" if math.isfinite(objective) else "infinity"


@final
class _There(Exception):
    """The target was kept."""


def _stays(records: Sequence[Record], target: float) -> bool:
    return all(_objective(each) <= target for each in records)


def _objective(record: Record) -> float:
    return math.inf if record.objective is None else record.objective
