"""Bounded staleness: workers may run ahead of the slowest, but not far."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isinf
from typing import ClassVar, Literal, final

from hogwild.deltas import Change
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields, check_whole, is_number
from hogwild.rules.updates import Update, sgd


@final
@dataclass(frozen=True)
class BoundedStaleness(AbstractStrategy):
    """Stale synchronous parallel, SSP (Ho et al. 2013, section 3; "bounded delay" of Li et al. 2014, section 3.4).

    A worker's clock counts its periods. In a period that begins at clock c a worker

        waits until every worker in rounds has pushed c - staleness times at least, and takes the server's weights,
        makes `period` steps on them,
        and pushes what they have changed, divided by the number of workers: w += (1/P) sum_p change_p.

    So it sees all changes up to clock c - staleness of all workers, all of its own, and perhaps newer ones; the fastest
    is never more than staleness + 1 periods ahead of the slowest.

    staleness : 0 waits for the slowest in each period: the mean of all changes, as `LocalSGD`, but for reads that
        may be fresher. math.inf never waits: fully asynchronous. Li et al. found 8 the best.
    period, minibatch : steps between two pushes; examples of a step

    Differences from the papers: weights are fetched in each period, also where older ones would do (Ho et al. keep a
    cache), and the fetch waits for one's own push; changes are averaged, not added, so that a step size that is good
    for one worker is good for many.
    """

    needs = frozenset({"server"})
    answer: ClassVar[Literal["server"]] = "server"
    survives = frozenset({"lost worker", "lost shard", "lost message", "duplicate message", "slow worker"})
    staleness: int | float = 8
    period: int = 100
    minibatch: int = 1
    server: Update = field(default_factory=sgd, init=False, repr=False)  # changes are added under any rule

    def __post_init__(self) -> None:
        if not (is_number(self.staleness) and isinf(self.staleness) and self.staleness > 0):
            check_whole("staleness", self.staleness, 0, ", or math.inf")
        check_fields(self, "period", "minibatch")

    @property
    def agree(self) -> bool:
        return False

    async def work(self, me: Worker) -> None:
        async for round in me.rounds():
            oldest = None if isinf(self.staleness) else max(0, round.number - int(self.staleness))
            (await me.pull(clock=oldest)).copy_to(me.params)
            change = await me.steps(self.period, minibatch=self.minibatch, record=True)
            await me.push(Change(change.values / me.size, change.examples, change.steps))
