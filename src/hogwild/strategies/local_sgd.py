"""Local SGD: train alone for a while, then average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields


@final
@dataclass(frozen=True)
class LocalSGD(AbstractStrategy):
    """Workers make `period` steps each on weights of their own, then all continue from the mean (Stich 2019, alg. 1).

        w_p -= rate * mean gradient of a minibatch,  period times;   w_p = (1/P) sum_q w_q

    It sends 1/period of what `AllReduce` sends. With period 1 it is `AllReduce`. Longer periods let the workers drift
    apart: the objective suffers where their examples differ.

    period : steps between two averages
    minibatch : examples of a step

    Differences from the paper: rates follow the model's schedule, and examples are drawn without replacement, a fresh
    share of them for each worker in each epoch.
    """

    survives = frozenset({"lost worker", "lost message", "duplicate message", "slow worker"})
    period: int = 1000
    minibatch: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "period", "minibatch")

    @property
    def agree(self) -> bool:
        return True

    async def work(self, me: Worker) -> None:
        async for _ in me.rounds():
            await me.steps(self.period, minibatch=self.minibatch)
            everybody = await me.all_reduce(me.params.weights)
            me.params.weights[:] = everybody.sum / everybody.count
