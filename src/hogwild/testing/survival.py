"""Does a strategy survive what it says? Random plans of faults, and the same run without them."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import final

from hogwild.engines import Simulated
from hogwild.engines.plan import Faults
from hogwild.interfaces import AbstractStrategy, Result
from hogwild.models.linear import Linear
from hogwild.rules.sample_sizes import constant_size
from hogwild.rules.schedules import constant
from hogwild.rules.updates import Update, sgd
from hogwild.stopping import Stop
from hogwild.testing.plans import random_plan
from hogwild.testing.probes import must
from hogwild.testing.problems import Problem, problem
from hogwild.traffic import FaultReport
from hogwild.training import train

LEARNT = 3e-4  # of what there was to gain: so little may be left without faults
MOST_EPOCHS = 240


@cache
def _easy() -> Problem:
    """One that small constant steps solve, however they are shared out."""
    task = problem(n=120, d=4, l2=0.1)
    return task._replace(model=Linear("squared", l2=0.1, schedule=constant(0.03)), epochs=60)


def in_small_steps(strategy: AbstractStrategy) -> AbstractStrategy:
    """The same strategy, with settings that suit a problem of a hundred examples."""
    if not dataclasses.is_dataclass(strategy):
        return strategy
    now = {each.name: getattr(strategy, each.name) for each in dataclasses.fields(strategy) if each.init}
    small: dict[str, object] = {
        "period": 5,
        "sizes": constant_size(10),
        "minibatch": 1 if "share" in strategy.needs else 4,  # published schemes take single examples
        "block_examples": 10,
    }
    changed = {name: value for name, value in small.items() if isinstance(now.get(name), type(value))}
    if isinstance(rule := now.get("server"), Update):  # what it does about stale gradients is what is to be tried
        changed["server"] = sgd()._replace(pushes=rule.pushes)
    if isinstance(inner := now.get("strategy"), AbstractStrategy):
        changed["strategy"] = in_small_steps(inner)
    return dataclasses.replace(strategy, **changed)


@final
class Survival:
    """One strategy on one small cluster: `check(seed)` for as many seeds as there is time.

    strategy :  of the table, or your own
    on :        what to learn, in as many epochs as it takes: what a fault costs must not be what was still to be
                learnt; None: ridge regression with a constant rate
    tolerance : how much worse the objective may be than that of the same run without faults, relatively

    >>> from hogwild import LocalSGD
    >>> from hogwild.testing import Survival
    >>> Survival(LocalSGD(period=5)).check(seed=0)
    """

    def __init__(
        self,
        strategy: AbstractStrategy,
        *,
        on: Problem | None = None,
        workers: int = 5,
        shards: int = 2,
        tolerance: float = 0.01,
    ) -> None:
        self.strategy, self.tolerance = strategy, tolerance
        self.task = _easy() if on is None else on
        self.workers = 1 if "turns" in strategy.needs else min(workers, strategy.most_workers or workers)
        self._shards = shards
        self.epochs = self.task.epochs
        calm = self._run(Faults(), 0)
        while self.task.gap(best_objective(calm)) > LEARNT and self.epochs < MOST_EPOCHS:
            self.epochs *= 2
            calm = self._run(Faults(), 0)
        self.objective = best_objective(calm)
        self.horizon_s = calm.history[-1].time_s

    def plan(self, seed: int) -> Faults:
        """The plan of this seed: of what the strategy survives, within the time of the run without faults."""
        return random_plan(seed, self.workers, self._shards, self.horizon_s, self.strategy.survives)

    def check(self, seed: int) -> None:
        """`check_plan` of the plan of this seed, and the seed is named."""
        try:
            self.check_plan(self.plan(seed), seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error

    def check_plan(self, plan: Faults, seed: int) -> FaultReport:
        """What went wrong, and was survived. AssertionError, with the plan, unless the run ends, its answer is right,
        no acknowledged push is lost and none applied twice.
        """
        where = f"{self.strategy!r} does not survive {plan!r}"
        try:
            result = self._run(plan, seed)
        except Exception as error:
            raise AssertionError(f"{where}: it raises {type(error).__name__}: {error}") from error
        traffic = result.history.traffic
        report = FaultReport() if traffic is None or traffic.faults is None else traffic.faults
        sums = f"pushes {report.pushes}, acknowledged {report.acknowledged}, applied {report.applied}"
        must(adds_up(report), f"{where}: pushes were lost, or applied twice: {sums}")
        worse = best_objective(result) / self.objective - 1.0
        must(worse <= self.tolerance, f"{where}: its objective is {worse:.2%} worse than without")
        return report

    def _run(self, plan: Faults, seed: int) -> Result:
        engine = Simulated(self.workers, shards=self._shards, faults=plan)
        stop = Stop(epochs=self.epochs, tol=0)
        return train(self.task.model, self.task.data, strategy=self.strategy, engine=engine, stop=stop, seed=seed)


def adds_up(report: FaultReport) -> bool:
    """Was each acknowledged push applied by each shard, and none twice?"""
    if report.workers_lost:  # who died may not have been told
        return all(report.acknowledged <= applied <= report.pushes for applied in report.applied)
    return all(report.acknowledged == applied == report.pushes for applied in report.applied)


def best_objective(result: Result) -> float:
    """Of the weights that are the result: the best that were judged."""
    return min(record.objective for record in result.history if record.objective is not None)
