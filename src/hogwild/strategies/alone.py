"""Alone: no communication at all, but for one average at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields


@final
@dataclass(frozen=True)
class Alone(AbstractStrategy):
    """One-shot averaging: SimuParallelSGD (Zinkevich, Weimer, Smola and Li 2010, alg. 3). Workers train on weights of
    their own until the end; the result is their mean.

    What costs nothing to send is the headroom of every other strategy: none can be faster. How good the mean is depends
    on the problem: the variance of the workers' noise is divided by their number, their bias is not.

    Weights are judged once, at the end, because only then is there an average: it runs until epochs or time are spent.
    With one worker it is `Serial`. Weights count by the rounds behind them: those of a worker that left early count
    less.

    block_examples : examples of a request; minibatch : of a step

    Differences from the paper: step sizes follow the model's schedule, not one constant; and workers get a fresh random
    share of the examples in each epoch, where theirs keep the share that they drew at the beginning.
    """

    answer: ClassVar[Literal["end"]] = "end"
    compressible: ClassVar[bool] = False  # what is lost of a message that is sent once is never sent later
    survives = frozenset({"lost worker", "lost message", "duplicate message", "slow worker"})
    block_examples: int = 32_768
    minibatch: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "block_examples", "minibatch")

    @property
    def agree(self) -> bool:
        return True

    async def work(self, me: Worker) -> None:
        steps, rounds, weights = max(1, self.block_examples // (self.minibatch * me.size)), 1, me.params.weights
        async for round in me.rounds():
            await me.steps(steps, minibatch=self.minibatch)
            rounds = round.number + 1
        everybody = await me.all_reduce(np.append(weights * rounds, weights.dtype.type(rounds)))
        weights[:] = everybody.sum[:-1] / everybody.sum[-1]
