"""A conformance suite for those who write a strategy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hogwild.engines import Simulated, Threads
from hogwild.interfaces import AbstractEngine, AbstractStrategy, Result, Unsupported
from hogwild.stopping import Stop
from hogwild.strategies import Serial
from hogwild.testing.probes import MakeEngine, must, raised, within
from hogwild.testing.problems import Problem, problem
from hogwild.training import train

ENDINGS = ("converged", "epochs", "ended by the strategy")
ENGINES: Mapping[str, MakeEngine] = {"Threads": Threads, "Simulated": Simulated}


class Outcome(NamedTuple):
    """What must be the same when a run is repeated; times only where they are virtual."""

    weights: bytes
    history: tuple[object, ...]


def in_small_blocks(strategy: AbstractStrategy, examples: int = 10) -> AbstractStrategy:
    """The same strategy, if it learns in large blocks, in small ones: one block of a small problem would be all of it,
    and all other workers would learn nothing.
    """
    if dataclasses.is_dataclass(strategy) and hasattr(strategy, "block_examples"):
        return dataclasses.replace(strategy, block_examples=examples)
    return strategy


def check_strategy(
    strategy: AbstractStrategy,
    *,
    on: Problem | None = None,
    workers: Sequence[int] = (1, 2, 5),
    tolerance: float = 0.05,
    repeats: bool | None = None,
    engines: Mapping[str, MakeEngine] | None = None,
) -> None:
    """Does this strategy keep the promises of a strategy? AssertionError with a sentence if not.

    It trains on a small problem, in a few seconds:

    * It ends by itself on every engine that has what it needs, with every number of workers that it takes, and what it
      has learnt is better than nothing. All others refuse it with `Unsupported`, and one engine at least runs it.
    * It repeats bit for bit when simulated, time included.
    * If its workers agree on their rounds, weights and objectives are equal bit for bit on all engines, whoever is
      fast; a strategy that does not promise that says `repeats=False` (AllReduce with backup workers).
    * If not, it comes as near to the optimum as `Serial`, but for `tolerance`, a share of what there was to gain.

    The problem has 200 examples: a strategy that asks for more at a time is tried with one worker that learns.

    on :      what to learn; None: `problem()`, a linear model whose optimum is known
    workers : how many to try it with
    repeats : equal bits everywhere? None: if workers agree and share no memory
    engines : by name, what makes an engine of so many workers; None: `Threads` and `Simulated`

    >>> from hogwild import AllReduce
    >>> from hogwild.testing import check_strategy
    >>> check_strategy(AllReduce(minibatch=4), workers=(1, 2))
    """
    task = problem() if on is None else on
    stop = Stop(epochs=task.epochs, tol=0)
    if repeats is None:
        repeats = strategy.agree and "share" not in strategy.needs
    serial = _gap(task, _train(task, Serial(), Threads(1), stop))
    what = type(strategy).__name__
    for size in workers:
        found: dict[str, Outcome] = {}
        ran = False
        for name, make_engine in (ENGINES if engines is None else engines).items():
            engine = make_engine(size)
            where = f"{what} on {name}({size})"
            result = _result(where, task, strategy, engine, stop)
            if result is None:
                continue
            ran = True
            _check_result(where, task, result)
            gap = _gap(task, result)
            must(gap < 1, f"{where} has learnt nothing: the objective is {gap:.3g} of what it was at the start")
            if not strategy.agree:
                must(
                    gap <= serial + tolerance,
                    f"{where} leaves {gap:.3g} of what there was to gain, Serial only {serial:.3g}",
                )
            timed = isinstance(engine, Simulated)
            if timed or repeats:
                again = _train(task, strategy, make_engine(size), stop)
                same = _outcome(again, timed=timed) == _outcome(result, timed=timed)
                must(same, f"{where} does not repeat bit for bit")
                found[name] = _outcome(result, timed=False)
        must(
            ran or not _may_run(strategy, size),
            f"no engine runs {what} with {size} workers: say so in `least_workers` or `most_workers`",
        )
        if repeats and len(set(found.values())) > 1:
            raise AssertionError(f"{what} with {size} workers gives other bits on {' than on '.join(found)}")


def _may_run(strategy: AbstractStrategy, size: int) -> bool:
    return strategy.least_workers <= size and (strategy.most_workers is None or size <= strategy.most_workers)


def _train(task: Problem, strategy: AbstractStrategy, engine: AbstractEngine, stop: Stop) -> Result:
    return within(lambda: train(task.model, task.data, strategy=strategy, engine=engine, stop=stop, seed=0))


def _result(where: str, task: Problem, strategy: AbstractStrategy, engine: AbstractEngine, stop: Stop) -> Result | None:
    """What it learns; None if it is refused, as it must be where something that it needs is missing."""
    if strategy.needs - engine.can or not _may_run(strategy, engine.size):
        raised(Unsupported, type(strategy).__name__, _train, task, strategy, engine, stop)
        return None
    try:
        return _train(task, strategy, engine, stop)
    except Unsupported:
        return None
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from error
    except Exception as error:
        notes = " ".join(getattr(error, "__notes__", ()))
        raise AssertionError(f"{where} raises {type(error).__name__}: {error} {notes}") from error


def _check_result(where: str, task: Problem, result: Result) -> None:
    history = result.history
    must(result.reason in ENDINGS, f"{where} ends for the reason {result.reason!r}")
    must(np.isfinite(result.params.weights).all(), f"{where} gives weights that are NaN or infinite")
    must(len(history) > 0, f"{where} has an empty history")
    examples = [record.examples for record in history]
    must(examples == sorted(examples) and examples[-1] > 0, f"{where} has seen {examples} examples")


def _gap(task: Problem, result: Result) -> float:
    """Of the weights that are the result: the best that were judged."""
    return task.gap(min(record.objective for record in result.history if record.objective is not None))


def _outcome(result: Result, *, timed: bool) -> Outcome:
    columns = result.history.as_dict()
    if not timed:
        del columns["time_s"], columns["sent_bytes"]  # portions go to whoever is free, and the rest is heard of late
    return Outcome(result.params.weights.tobytes(), tuple(tuple(column) for column in columns.values()))
