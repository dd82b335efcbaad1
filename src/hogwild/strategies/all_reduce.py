"""All-reduce: synchronous SGD, and full-batch gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_whole
from hogwild.requests import ALL, All


@final
@dataclass(frozen=True)
class AllReduce(AbstractStrategy):
    """Each round all workers compute the gradient of a minibatch each, and make the same step on the mean of all.

        g_p = sum of gradients over worker p's minibatch,   w -= rate * (sum_p g_p) / (sum_p examples)

    With P workers and minibatches of b it is serial SGD with minibatches of P b. It is the most consistent strategy and
    waits for the slowest worker in every round.

    minibatch : examples of each worker and round; ALL: its part of all examples, which is gradient descent (the
        baseline "BATCH" of Keuper and Pfreundt 2015).
    backups : the slowest so many workers of a round are not waited for, of a larger number: their gradients are
        dropped, and they catch up (Chen, Pan, Monga, Bengio and Jozefowicz 2016, "Revisiting distributed synchronous
        SGD").

    Differences from the paper on backup workers: a laggard is sent the sum that it missed and applies it, where theirs
    pulls from a parameter server; the examples that it would have learnt are left out.
    """

    minibatch: int | All = 1
    backups: int = 0
    least_workers: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.minibatch is not ALL:
            check_whole("minibatch", self.minibatch, otherwise=", or ALL")
        check_whole("backups", self.backups, 0)
        object.__setattr__(self, "least_workers", int(self.backups) + 1)

    answer: ClassVar[Literal["mine"]] = "mine"
    survives = frozenset({"lost worker", "lost message", "duplicate message", "slow worker"})

    @property
    def agree(self) -> bool:
        return True

    async def work(self, me: Worker) -> None:
        quorum = me.size - self.backups if self.backups else None
        async for round in me.rounds():
            mine = None if round.late else await me.gradient(self.minibatch)
            everybody = await me.all_reduce(mine, quorum)
            if everybody.sum is not None:
                await me.apply(everybody.sum)
