"""compare(): one run after another, so that each has the machine for itself."""

from __future__ import annotations

import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np

from hogwild.comparison.budgets import find_budget
from hogwild.comparison.contestants import Entry, entries
from hogwild.comparison.folder import Folder
from hogwild.comparison.predicting import Machines, predicted_pace
from hogwild.comparison.results import Comparison
from hogwild.comparison.runs import Outcome, Run
from hogwild.data.examples import Examples
from hogwild.data.fingerprint import fingerprint
from hogwild.data.partitioned import Partitioned, loaded
from hogwild.data.split import rows_in_order
from hogwild.engines import ActorLost, Deadlock, Simulated, Threads, find_engine, first_objective, history_of
from hogwild.history import History, Record
from hogwild.interfaces import AbstractEngine, AbstractModel, Callback, Unsupported
from hogwild.limits import check_whole, is_whole
from hogwild.names import wrong_type
from hogwild.params import NonFiniteError
from hogwild.snapshots import Checkpoint
from hogwild.snapshots import Folder as Snapshots
from hogwild.stopping import Stop
from hogwild.training import train
from hogwild.wording import in_short, shown

WARM_UP_ROWS = 2_048
WARM_UP = Stop(epochs=1, tol=0.0, time_s=30.0)
# Between two, of runs on threads. Those on `Ray` want a directory that all machines share, and simulated ones know no
# seconds but virtual ones: to rest in these would make them other runs.
CHECKPOINT_S = 60.0


class AbstractSpectator(ABC):
    """Sees a comparison while it goes on."""

    @abstractmethod
    def begins(self, name: str, seed: int, number: int, total: int) -> Sequence[Callback]:
        """The run of this number, from 0, is about to begin. Its callbacks, see `train`."""

    @abstractmethod
    def ends(self, run: Run, known: bool) -> None:
        """It has ended; `known`: it was found in the folder."""


@final
class _Nobody(AbstractSpectator):
    def begins(self, name: str, seed: int, number: int, total: int) -> Sequence[Callback]:
        """Nobody sees it."""
        return ()

    def ends(self, run: Run, known: bool) -> None:
        """Nobody sees it."""


def compare(
    model: AbstractModel,
    data: Any,
    strategies: Sequence[Any] | Mapping[str, Any],
    *,
    engine: str | AbstractEngine | None = None,
    budget: str | Stop = "10 epochs",
    seeds: int | Sequence[int] = 3,
    holdout: float = 0.1,
    workers: Sequence[int] = (),
    folder: str | os.PathLike[str] | None = None,
    spectator: AbstractSpectator | None = None,
    command: str | None = None,
    machines: Machines | None = None,
) -> Comparison:
    """Train a model with each strategy under one budget, on the same data with the same hold-out, and compare.

    Parameters
    ----------
    model, data, engine : as for `train`. A strategy for fewer workers than the engine has (serial) gets so many.
    strategies : a list of names, strategies and `Contestant`s, or a dict of them by the names they are to have
    budget :     what each run may use: "60s", "20 epochs", "1e7 examples" or "500MB" sent; or a `Stop`. Under a budget
                 of bytes no run has more than 100 epochs, as some strategies send nothing. Nothing else ends a run
    seeds :      each strategy is run with so many seeds, 0, 1, ...; or with these. With the same seed all have the same
                 examples held out
    holdout :    the share of the examples that is held out; a `Stop` has its own
    workers :    run each strategy with these numbers of workers, to see how it scales; none: with those of the engine
    folder :     write each run there when it has ended, and do not repeat those that are there: an interrupted
                 comparison goes on, and more strategies and seeds can be added to one. A run on
                 `Threads` goes on from its last checkpoint, of which there is one a minute; others begin again
    spectator :  sees how far it is
    command :    that users would have to give to repeat this, for the page
    machines :   a `Cluster` that describes the machines of the engine (see `calibrate`): what it says of the pace of
                 each contestant is shown beside what was measured. Of data that are not `Partitioned`

    A run is what `train` with the same arguments and `tol=0` does; before the first one each contestant learns a few
    examples, which is not counted, so that no time contains the compiling of kernels or the starting of processes.

    What goes wrong with one strategy is told in its `Run`, and the others go on: it is refused by its engine, diverges,
    a process of a cluster dies, or the budget ends before it has learned anything. Ctrl-C ends the comparison with the
    runs that have ended. Objectives are compared: models of contestants may differ in how they learn, not in what.

    Raises ValueError or TypeError for arguments that are none, DataError for bad data (runs that have ended are in the
    folder), and ValueError for a folder with runs of another comparison.
    """
    where = Threads() if engine is None else find_engine(engine)
    if not isinstance(model, AbstractModel):
        raise wrong_type("model", model, 'a model such as Linear("hinge")')
    field = entries(strategies, model, where, workers)
    stop, chosen = find_budget(budget, holdout), _seeds(seeds)
    if stop.tol is None:
        raise ValueError("budget: runs that judge nothing (tol=None) cannot be compared: give tol=0")
    examples, given = loaded(data)
    by = f", {shown(data.by)}" if isinstance(data, Partitioned) else ""
    kept = Folder(folder, fingerprint(examples, None) + by, stop)
    watcher = _Nobody() if spectator is None else spectator
    plan = [(seed, entry) for seed in chosen for entry in field]
    known = [kept.find(entry, seed) for seed, entry in plan]
    runs = list(known)
    warm: set[str] = set()
    start = first_objective(model, examples, stop.holdout, chosen[0])
    interrupted = False
    try:
        for number, (seed, entry) in enumerate(plan):
            callbacks = watcher.begins(entry.name, seed, number, len(plan))
            run = known[number]
            if run is None:
                if entry.name not in warm:
                    _warm_up(entry, examples)
                    warm.add(entry.name)
                unfinished = kept.begin(entry, seed) if isinstance(entry.engine, Threads) else None
                run = runs[number] = _run(entry, given, stop, seed, callbacks, start, unfinished)
                kept.keep(entry, run)
            watcher.ends(run, known[number] is not None)
    except KeyboardInterrupt:
        interrupted = True
    found = [run for run in runs if run is not None]
    if interrupted and not found:
        raise KeyboardInterrupt
    predicted: dict[str, float] = {}
    ended = {run.name for run in found if run.outcome == "ended"}
    if machines is not None and given is examples and not interrupted:
        try:
            for each in field:
                pace = predicted_pace(each, examples, machines, stop.holdout, chosen[0]) if each.name in ended else None
                if pace is not None:
                    predicted[each.name] = pace
        except KeyboardInterrupt:
            interrupted = True
    return Comparison(tuple(found), stop, in_short(model), examples, start, command, interrupted, predicted)


def _seeds(given: int | Sequence[int]) -> list[int]:
    if is_whole(given):
        check_whole("seeds", given)
        return list(range(int(given)))
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise wrong_type("seeds", given, "how many, or a list of them")
    for seed in given:
        check_whole("seed", seed, 0)
    if len(set(given)) < len(given):
        raise ValueError(f"seeds={given!r} has one twice: all runs with it would be the same")
    return [int(seed) for seed in given]


def _warm_up(entry: Entry, examples: Examples) -> None:
    """Kernels are compiled and processes started before the first run. What goes wrong here will go wrong there, too,
    where it is told.
    """
    if isinstance(entry.engine, Simulated) and not isinstance(entry.engine.example_s, str):
        return
    n = examples.n_examples
    few = rows_in_order(examples, np.unique(np.linspace(0, n - 1, min(n, WARM_UP_ROWS)).astype(np.int64)))
    _attempt(entry, few, WARM_UP, 0, (), None)


def _run(
    entry: Entry,
    data: Any,
    stop: Stop,
    seed: int,
    callbacks: Sequence[Callback],
    start: float,
    unfinished: Path | None,
) -> Run:
    """KeyboardInterrupt if that has ended it. unfinished: where its checkpoints are; it goes on if there are any."""
    begun = time.perf_counter()
    outcome, why, history = _attempt(entry, data, stop, seed, callbacks, unfinished)
    run = Run(
        entry.name,
        entry.group,
        seed,
        outcome,
        why,
        history,
        time.perf_counter() - begun,
        in_short(entry.strategy),
        in_short(entry.engine),
        entry.engine.size,
    )
    if outcome != "ended":
        return run
    if not any(record.examples for record in history):
        return replace(
            run, outcome="failed", why=f"the budget ({why}) ended it before it had learned anything: give more"
        )
    last = history.judged[-1].objective
    if last is not None and not last <= start:
        why = f"the objective ended at {last:.4g}, above {start:.4g} of the first weights"
        return replace(run, outcome="diverged", why=why, history=_finite(history))
    return run


def _finite(history: History) -> History:
    """Without figures that are no numbers: they can neither be drawn nor written."""
    names = ("objective", "holdout_loss", "holdout_score", "consensus")
    found = History(traffic=history.traffic, counts=history.counts)
    for record in history:
        lost = [name for name in names if (value := getattr(record, name)) is not None and not math.isfinite(value)]
        gone: dict[str, Any] = dict.fromkeys(lost)
        found.records.append(replace(record, **gone))
    return found


def _attempt(
    entry: Entry, data: Any, stop: Stop, seed: int, callbacks: Sequence[Callback], unfinished: Path | None
) -> tuple[Outcome, str, History]:
    """`train`, and what came of it."""
    records: list[Record] = []
    checkpoint, resume = None, None
    if unfinished is not None:
        checkpoint = Checkpoint(unfinished, every_s=CHECKPOINT_S)
        before = Snapshots(checkpoint.place)
        if not before.is_empty():
            resume = unfinished
            records += history_of(before.newest())
    try:
        result = train(
            entry.model,
            data,
            strategy=entry.strategy,
            engine=entry.engine,
            stop=stop,
            callbacks=[records.append, *callbacks],
            seed=seed,
            checkpoint=checkpoint,
            resume=resume,
        )
    except Unsupported as error:
        return "refused", str(error), History()
    except NonFiniteError as error:
        return "diverged", str(error), _finite(History(records))
    except (ActorLost, Deadlock) as error:
        return "failed", str(error), _finite(History(records))
    if result.reason == "interrupted":
        raise KeyboardInterrupt
    return "ended", result.reason, result.history
