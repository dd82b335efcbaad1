"""train(): a model, a strategy and an engine meet."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

from hogwild.data.agreement import opened
from hogwild.data.given import examples_of
from hogwild.data.local import Local, elsewhere
from hogwild.data.partitioned import Partitioned, place
from hogwild.engines import Threads, find_engine, start_of
from hogwild.interfaces import AbstractEngine, AbstractModel, AbstractStrategy, Callback, Job, Result
from hogwild.limits import check_whole
from hogwild.names import wrong_type
from hogwild.params import Params
from hogwild.resuming import ended, find_saved, with_keeping
from hogwild.snapshots import Checkpoint
from hogwild.stopping import Stop
from hogwild.strategies import find_strategy, usual_strategy


def train(
    model: AbstractModel,
    data: Any,
    *,
    strategy: str | AbstractStrategy | None = None,
    engine: str | AbstractEngine | None = None,
    stop: Stop | None = None,
    callbacks: Sequence[Callback] = (),
    seed: int | None = None,
    start: Params | None = None,
    checkpoint: Checkpoint | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> Result:
    """Train a model on data; who shares what, and where it runs, are two independent choices.

    Parameters
    ----------
    model : what is learned, e.g. `Linear(loss="hinge", l2=1e-5)`.
    data : `Examples`, (X, y), (X, y, sample_weight), or the name of a file or a list of names (see `hogwild.read`); or
        `Partitioned(data, by=...)` of these: data that stay with their workers; or `Local(parts)`: data that each
        worker opens itself, where it runs.
    strategy : e.g. `LocalSGD(period=100)`, or one of the names in `hogwild.STRATEGIES`; default `Hogwild()`; on
        `Ray`, which shares no memory, `LocalSGD()`; and `Serial()` on an engine of one worker.
    engine : e.g. `Simulated(200)`, or one of the names in `hogwild.ENGINES`; default `Threads()`: all cores of this
        machine.
    stop : `Stop(epochs=100, time_s=None, tol=1e-3, patience=2, holdout=0.0)`.
    callbacks : each is called with the `Record` of every epoch, in a worker's thread (the last one perhaps in yours).
                What one raises ends training and is raised here; KeyboardInterrupt ends it as Ctrl-C does.
    seed : of all random numbers; the same seed gives the same bits on one worker, and on several with
        `Hogwild(Replicas(ordered=True))`. None: a fresh one.
    start : weights to go on from (`Result.params`); step sizes go on falling where they were.
    checkpoint : `Checkpoint("runs/7", every_s=60.0)`: write down where the run is, so that it can go on if its process
        dies.
    resume : "runs/7": go on from the newest checkpoint there, and keep on writing them. All else must be given as it
        was, but for the seed; the engine may be another one with as many workers. A run that has ended gives its result
        again.

    Returns a `Result`: the best weights that were judged, the history, and why training ended.

    Raises ValueError or TypeError for bad data or hyper-parameters, Unsupported for axes that do not fit together,
    NonFiniteError when weights become NaN or infinite, DataError for a bad file, CheckpointError for checkpoints that
    cannot be written or read.

    >>> from hogwild import Linear, train
    >>> result = train(Linear("squared", l2=0.0), ([[0.0], [1.0], [2.0]] * 50, [1.0, 3.0, 5.0] * 50), seed=0)
    >>> [round(float(p)) for p in result.predict([[10.0]])]
    [21]
    """
    where = Threads() if engine is None else find_engine(engine)
    if strategy is None:
        strategy = usual_strategy(where.size, where.can)
    how = find_strategy(strategy)
    stop = Stop() if stop is None else stop
    _check_kinds(model, stop, callbacks, start)
    saved = find_saved(resume, seed, start)
    if saved is not None:
        seed, start = int(saved.manifest.about["seed"]), start_of(saved)
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    check_whole("seed", seed, 0, ", or None")
    local, bounds = None, None
    if isinstance(data, Local) and where.opens:
        data.check_size(where.size)
        examples, local = elsewhere(), data
    elif isinstance(data, Local):
        examples, bounds = opened(data, where.size, platform.node())
    elif isinstance(data, Partitioned):
        examples, bounds = place(data, where.size, seed)
    else:
        examples = examples_of(data)
    job = Job(model, examples, how, stop, tuple(callbacks), seed, start, bounds, local)
    job = with_keeping(job, where, checkpoint, saved)
    try:
        return ended(job) or where.run(job)
    except SystemError as error:
        if _is_interruption(error):
            raise KeyboardInterrupt from error
        raise


def _check_kinds(model: Any, stop: Any, callbacks: Any, start: Any) -> None:
    """TypeError for an argument that is nothing of its kind."""
    if not isinstance(model, AbstractModel):
        raise wrong_type("model", model, 'a model such as Linear("hinge")')
    if not isinstance(stop, Stop):
        raise wrong_type("stop", stop, "a Stop such as Stop(epochs=5)")
    if not (isinstance(callbacks, Sequence) and all(map(callable, callbacks))):
        raise wrong_type("callbacks", callbacks, "a list of functions that take a Record")
    if not (start is None or isinstance(start, Params)):
        raise wrong_type("start", start, "the `params` of a Result")


def _is_interruption(error: BaseException | None) -> bool:
    """Ctrl-C while Numba loads a kernel surfaces as a SystemError that was caused by a KeyboardInterrupt."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
