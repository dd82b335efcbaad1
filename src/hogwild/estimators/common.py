"""What all estimators share: the documentation of parameters, and the way from parameters to train()."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.validation import validate_data

from hogwild.data.examples import Examples, check_examples
from hogwild.engines import Ray, Simulated, Threads, find_engine
from hogwild.history import Record
from hogwild.interfaces import AbstractEngine, AbstractModel, AbstractStrategy, Result
from hogwild.limits import is_whole
from hogwild.memory import Replicas
from hogwild.models.linear import Linear
from hogwild.names import wrong_type
from hogwild.params import Params
from hogwild.rules.losses import LOSSES
from hogwild.snapshots import Checkpoint, Folder
from hogwild.stopping import Stop
from hogwild.strategies import AllReduce, Alone, Hogwild, LocalSGD, Serial, find_strategy, usual_strategy
from hogwild.training import train

# A thread more is worth its while if it has so many nonzeros to learn in an epoch: to wake it and to meet the others
# takes as long as 100,000, and to merge its weights a few times in an epoch as long as a part of 64 for each weight.
NONZEROS_PER_THREAD = 100_000
WORK_PER_WEIGHT = 64

Callbacks = Sequence[Callable[[Record], object]] | None

PARAMETERS = """
    Parameters
    ----------
    loss : str or (str, float), default={loss!r}
        One of {losses}{example}.
        scikit-learn's names "log_loss" and "squared_error" are understood.
    l2, l1 : float, default=1e-4 and 0
        Weights of the penalties in  l2/2 |w|^2 + l1 |w|_1 + mean loss. SGDClassifier's alpha and l1_ratio are
        l2 = alpha (1 - l1_ratio), l1 = alpha l1_ratio; LIBLINEAR's C is l2 = 1 / (C n).
    fit_intercept : bool, default=True
    max_epochs : int, default=100
        The most passes over the data.
    tol : float or None, default=1e-3
        Stop when the objective (with early_stopping: the hold-out loss) has not improved by this relative amount for
        two epochs. 0: run all epochs. None: run all epochs and compute no objective.
    schedule : str or Schedule, default="auto"
        Step sizes: "auto", "inverse", "constant", "backoff", "bottou", or e.g. `inverse(eta0=0.5)`. Without an eta0
        of its own it is found on a subsample; nothing needs tuning and nothing needs scaling.
    average : bool or "auto", default="auto"
        Return a mean of the iterates (polynomial-decay averaging), which is less noisy than the last one. "auto":
        yes, unless l1 > 0; `partial_fit` then does without.
{class_weight}    early_stopping : bool, default=False
        Hold out `validation_fraction` of the examples; stop by their loss, and keep the weights that were best there.
    validation_fraction : float, default=0.1
    warm_start : bool, default=False
        `fit` goes on from the weights of the last one.
    strategy : str or AbstractStrategy, default="auto"
        "auto" is "serial" for one worker, "hogwild" for several, and "local-sgd" for several on a cluster; else a name
        in `hogwild.STRATEGIES`, or e.g. `LocalSGD(period=100)`.
    engine : str, AbstractEngine or None, default=None
        Where workers run. None or "threads": `n_jobs` threads. Else an engine, e.g. `Simulated(200)`, a cluster of 200
        machines on a virtual clock, or the name of one with its defaults, see `hogwild.ENGINES`: it says itself how
        many workers there are, and n_jobs must then be left at None.
    callbacks : sequence of callables, default=None
        Each is called with a `hogwild.Record` at the end of every epoch, in a worker's thread.
    n_jobs : int, default=None
        Threads: None is 1 and -1 is one a core, as everywhere in scikit-learn. All of them work on one binary problem;
        with strategy="auto" no more than there is work for. Not to be given together with an engine of its own size.
    deterministic : bool, default=False
        The same bits each time with several threads too (replicas merge in rank order at fixed points). Costs the
        waiting for the slowest thread at each merge: about 20 per cent of an epoch over 400,000 documents on two cores,
        more on small sets and on busy machines. What is simulated repeats in any case.
    random_state : int >= 0, RandomState or None, default=None
    verbose : int, default=0
        1: a line an epoch.
    time_limit_s : float, default=None
        Stop after so many seconds (virtual ones, if simulated) and keep what there is.
    checkpoint : Checkpoint, default=None
        `fit` writes down again and again where it is, e.g. `Checkpoint("runs/7", every_s=60.0)`; of several classes
        each in a directory of its own, "class-0", ... . random_state must be a number to go on from there.
    resume : bool, default=False
        `fit` goes on from the newest of these checkpoints, if there is one. All else must be as it was.
"""

ATTRIBUTES = """
    Attributes
    ----------
    coef_ : ndarray, {shape}
    intercept_ : ndarray, {intercept}
{classes}    n_iter_ : int
        Epochs run{most}.
    history_ : History{history}
        Time, examples, rate, objective and hold-out figures of each epoch; `history_.plot()`. `history_.traffic`:
        what was sent and how stale it was, and, on `Simulated` only, how long workers were busy and waited.
    stop_reason_ : str
        "converged", "epochs", "time" or "interrupted".
    eta0_ : float
        The first step size.

    Ctrl-C during `fit` sets all attributes from the best weights so far, and then raises KeyboardInterrupt as usual.
    Weights are read and written by all threads without locks: see `hogwild.Hogwild`.
"""


def loss_names(binary: bool) -> str:
    """The names of the binary losses, or of the others, for documentation."""
    return ", ".join(f'"{loss.name}"' for loss in LOSSES.values() if loss.is_binary == binary)


def plan(estimator: Any, examples: Examples | None = None) -> tuple[Linear, AbstractStrategy, AbstractEngine]:
    """The three axes of a linear estimator, from its parameters and the data (None: any amount of work).

    ValueError or TypeError names a wrong parameter.
    """
    e, threads = estimator, None
    model = Linear(e.loss, e.l2, e.l1, e.fit_intercept, e.schedule, e.average)
    if examples is not None:
        nonzeros = examples.X.nnz if examples.is_sparse else examples.X.size
        threads = nonzeros // max(NONZEROS_PER_THREAD, WORK_PER_WEIGHT * examples.n_features)
    return model, *axes(e, threads)


def axes(estimator: Any, threads: int | None) -> tuple[AbstractStrategy, AbstractEngine]:
    """Strategy and engine, from an estimator's parameters. threads: for which there is work; None: for any number.

    ValueError or TypeError names a wrong parameter.
    """
    e = estimator
    engine, strategy = _engine(e), e.strategy
    free = e.engine is None or e.engine == "threads"  # to leave threads out that have nothing to do
    if isinstance(strategy, str):
        if strategy == "auto" and threads is not None and free:
            engine = Threads(min(engine.size, max(1, threads)))
        if e.deterministic and strategy in ("auto", "hogwild") and isinstance(engine, Threads):
            strategy = "hogwild-ordered"
        elif strategy == "auto":
            strategy = usual_strategy(engine.size, engine.can)
    strategy = find_strategy(strategy)
    if isinstance(strategy, Serial) and free:
        engine = Threads(1)
    if e.deterministic:
        _check_repeats(strategy, engine)
    return strategy, engine


def _engine(estimator: Any) -> AbstractEngine:
    given, jobs = estimator.engine, estimator.n_jobs
    if given is None or given == "threads":
        jobs = 1 if jobs is None else jobs
        if not is_whole(jobs) or jobs == 0:
            raise ValueError(f"n_jobs={jobs!r} has no meaning: use a positive number, or -1 for one thread a core")
        return Threads(int(jobs))
    engine = find_engine(given)
    if jobs is not None:
        name = f"{type(engine).__name__}({engine.size})"
        raise ValueError(
            f"n_jobs={jobs!r} and engine={name} exclude each other: an engine knows how many workers it has; "
            "leave n_jobs at None"
        )
    return engine


def _check_repeats(strategy: AbstractStrategy, engine: AbstractEngine) -> None:
    """ValueError if the same seed could give other bits."""
    if isinstance(engine, Simulated):
        if isinstance(engine.example_s, str):
            raise ValueError(
                f"deterministic=True cannot be kept by example_s={engine.example_s!r}: no two measurements are equal; "
                "give example_s a number"
            )
    elif engine.size > 1 and not _repeats(strategy):
        name = f"{type(strategy).__name__}()"
        raise ValueError(f"deterministic=True cannot be kept by {name}: use strategy='hogwild'")
    elif isinstance(engine, Ray) and engine.threads > 1:
        raise ValueError(f"deterministic=True cannot be kept by threads={engine.threads} in a worker: give it one")


def _repeats(strategy: AbstractStrategy) -> bool:
    """Does it repeat where many workers really run at once?"""
    if isinstance(strategy, Hogwild):
        return isinstance(strategy.how, Replicas) and strategy.how.ordered
    if isinstance(strategy, AllReduce):
        return strategy.backups == 0  # else it depends on who is slow
    return isinstance(strategy, Alone | LocalSGD)


def _seed(random_state: Any) -> int | None:
    if random_state is None or isinstance(random_state, int | np.integer):
        return None if random_state is None else int(random_state)
    return int(random_state.randint(np.iinfo(np.int32).max))


def learn(
    estimator: Any,
    examples: Examples,
    start: Params | None,
    epochs: int | None = None,
    spent_s: float = 0.0,
    name: str | None = None,
) -> Result:
    """One binary or regression problem. `epochs` is given by partial_fit, which does not judge.

    `spent_s`: of the time limit, by the problems before this one, see `spent`. `name`: of this problem, of several.
    """
    model, strategy, engine = plan(estimator, examples)
    if model.terms.loss.is_binary != is_classifier(estimator):
        other = "LinearClassifier" if model.terms.loss.is_binary else "LinearRegressor"
        raise ValueError(f"loss={estimator.loss!r} is not for {type(estimator).__name__}; use {other}")
    if epochs is not None:
        # The batches of a stream are no epochs: rates must not depend on how it is cut.
        model = replace(
            model,
            average=False if model.average == "auto" else model.average,
            schedule="inverse" if model.schedule == "auto" else model.schedule,
        )
    return run(estimator, model, strategy, engine, examples, start, epochs, spent_s, name)


def run(
    estimator: Any,
    model: AbstractModel,
    strategy: AbstractStrategy,
    engine: AbstractEngine,
    examples: Examples,
    start: Params | None,
    epochs: int | None = None,
    spent_s: float = 0.0,
    name: str | None = None,
) -> Result:
    """`train`, with the estimator's parameters for all but the three axes. Otherwise as `learn`."""
    holdout = estimator.validation_fraction if estimator.early_stopping and epochs is None else 0.0
    if estimator.early_stopping and not 0 < estimator.validation_fraction < 1:
        raise ValueError(f"validation_fraction={estimator.validation_fraction} must lie strictly between 0 and 1")
    tol = estimator.tol if epochs is None else None
    if holdout > 0 and tol is None:
        tol = 0.0  # to keep the weights that were best on the hold-out
    limit = estimator.time_limit_s
    if limit is not None and limit > 0:
        limit = max(1e-9, limit - spent_s)
    stop = Stop(epochs or estimator.max_epochs, limit, tol, holdout=holdout)
    say = partial(_say, isinstance(engine, Simulated))
    callbacks = [*(estimator.callbacks or ()), *([say] if estimator.verbose else ())]
    seed = _seed(estimator.random_state)
    checkpoint, resume = _checkpoints(estimator, name) if epochs is None else (None, None)
    return train(
        model,
        examples,
        strategy=strategy,
        engine=engine,
        stop=stop,
        callbacks=callbacks,
        seed=seed,
        start=start if resume is None else None,
        checkpoint=checkpoint,
        resume=resume,
    )


def _checkpoints(estimator: Any, name: str | None) -> tuple[Checkpoint | None, str | None]:
    """Where to write them, and from where to go on, if there is anything."""
    checkpoint = estimator.checkpoint
    if checkpoint is None:
        if estimator.resume:
            raise ValueError('resume=True needs to know from where: give checkpoint=Checkpoint("runs/7"), too')
        return None, None
    if not isinstance(checkpoint, Checkpoint):
        raise wrong_type("checkpoint", checkpoint, 'a Checkpoint such as Checkpoint("runs/7"), or None')
    if name is not None:
        checkpoint = replace(checkpoint, path=f"{checkpoint.place}/{name}")
    goes_on = estimator.resume and not Folder(checkpoint.place).is_empty()
    return checkpoint, checkpoint.place if goes_on else None


def spent(results: Sequence[Result], wall_s: float) -> float:
    """Seconds that these took by the clock that time limits are measured with: the wall's, or a virtual one."""
    traffics = [result.history.traffic for result in results]
    virtual_s = [traffic.virtual_s for traffic in traffics if traffic is not None and traffic.virtual_s is not None]
    return sum(virtual_s) if virtual_s else wall_s


def _say(simulated: bool, record: Record) -> None:
    objective = "" if record.objective is None else f"  objective {record.objective:.6g}"
    holdout = "" if record.holdout_loss is None else f"  hold-out loss {record.holdout_loss:.6g}"
    time = f"{record.time_s:8.4g} virtual s" if simulated else f"{record.time_s:8.3f} s"
    print(f"epoch {record.epoch:3d}  {time}  rate {record.rate:.3g}{objective}{holdout}")


def warn_if_unfinished(estimator: Any, results: Sequence[Result]) -> None:
    """As scikit-learn does: when the epochs ran out before the tolerance was met."""
    if estimator.tol and any(result.reason == "epochs" for result in results):
        warnings.warn(
            f"max_epochs={estimator.max_epochs} was reached before the objective settled to tol={estimator.tol}; "
            "raise max_epochs or tol",
            ConvergenceWarning,
            stacklevel=3,
        )


def check_features(estimator: Any, X: Any, sample_weight: ArrayLike | None, reset: bool) -> Examples:
    """X and sample_weight through scikit-learn's checks (names and number of features), then through ours."""
    kinds: list[Any] = [np.float32, np.float64]
    X = validate_data(
        estimator,
        X,
        accept_sparse="csr",
        accept_large_sparse=True,
        dtype=kinds,
        order="C",
        ensure_all_finite=False,  # our own check does that, and names the place
        reset=reset,
    )
    if sample_weight is not None:
        weight = np.asarray(sample_weight, np.float32)
        sample_weight = np.full(X.shape[0], weight) if weight.ndim == 0 else weight
    return check_examples(X, None, sample_weight)


def scores(estimator: Any, X: Any) -> NDArray[Any]:
    """X coef_.T + intercept_, (n, 1) or (n, n_classes); NotFittedError before fit."""
    if not hasattr(estimator, "coef_"):
        raise NotFittedError(f"This {type(estimator).__name__} instance is not fitted yet: call fit first.")
    examples = check_features(estimator, X, None, reset=False)
    return np.asarray(examples.X @ np.atleast_2d(estimator.coef_).T + estimator.intercept_)
