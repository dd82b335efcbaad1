"""What described machines say of a run on real ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from hogwild.comparison.contestants import Entry
from hogwild.data.examples import Examples
from hogwild.engines import Deadlock, Simulated
from hogwild.interfaces import Unsupported
from hogwild.params import NonFiniteError
from hogwild.stopping import Stop
from hogwild.training import train

EPOCHS = 4


class Machines(Protocol):
    """See `hogwild.Cluster`."""

    @property
    def judge_s(self) -> float: ...
    def engine(self, workers: int) -> Simulated: ...


def predicted_pace(entry: Entry, examples: Examples, machines: Machines, holdout: float, seed: int) -> float | None:
    """Examples a second, judging included, of this contestant on so many such machines: see `Run.pace`. None: it cannot
    be simulated, diverges, or is simulated anyway.
    """
    if isinstance(entry.engine, Simulated):
        return None
    size, stop = entry.engine.size, Stop(epochs=EPOCHS, tol=0.0, holdout=holdout)
    engine = machines.engine(size)
    if hasattr(entry.engine, "shards"):
        engine = replace(engine, shards=entry.engine.shards)
    try:
        result = train(entry.model, examples, strategy=entry.strategy, engine=engine, stop=stop, seed=seed)
    except (Unsupported, NonFiniteError, Deadlock):
        return None
    if result.reason == "interrupted":
        raise KeyboardInterrupt
    history, last = result.history, result.history[-1]
    seconds = last.time_s + len(history.judged) * examples.n_examples * machines.judge_s / size
    return last.examples / seconds if seconds > 0 else None
