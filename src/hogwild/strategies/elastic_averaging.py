"""Elastic averaging: workers explore on their own, tied to a common centre by springs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

import numpy as np

from hogwild.deltas import Change
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_bool, check_fields, is_number
from hogwild.rules.server import elastic
from hogwild.rules.updates import Update


@final
@dataclass(frozen=True)
class ElasticAveraging(AbstractStrategy):
    """EASGD, and EAMSGD with momentum (Zhang, Choromanska and LeCun 2015, alg. 1 and 2).

    The server holds the centre c, the result. After every `period` steps of SGD on weights x of its own, a worker
    takes the centre and both move towards each other, with alpha = beta / P for P workers:

        x -= alpha (x - c),    c += alpha (x - c)

    period, minibatch : steps between two such moves (tau; 10 in the paper); examples of a step
    beta : how strongly all workers together draw the centre; 0.9 in the paper. More lets them explore less.
    momentum : delta of Nesterov's momentum on the workers (0.99 in the paper's EAMSGD, with small steps):
        v = delta v - rate grad(x + delta v), x += v. Each step is then a request of its own.
    synchronous : workers move at the same time, from the same centre: c = (1 - beta) c + beta mean(x), section 3.1.
        Else each when it is ready, and its own move is seen by nobody else before the next.

    Differences from the paper: the asynchronous centre is drawn by the server, from where it is when the weights of a
    worker arrive, so that it never overshoots; the worker's own move is from the centre that it was sent.
    """

    needs = frozenset({"server"})
    answer: ClassVar[Literal["server"]] = "server"
    survives = frozenset({"lost worker", "lost shard", "lost message", "duplicate message", "slow worker"})
    period: int = 10
    beta: float = 0.9
    momentum: float = 0.0
    synchronous: bool = False
    minibatch: int = 1
    server: Update = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_fields(self, "period", "minibatch")
        check_bool("synchronous", self.synchronous)
        object.__setattr__(self, "server", elastic(self.beta))
        if not (is_number(self.momentum) and 0 <= self.momentum < 1):
            raise ValueError(f"momentum={self.momentum!r} must lie in [0, 1)")

    @property
    def agree(self) -> bool:
        return self.synchronous

    async def work(self, me: Worker) -> None:
        alpha, x = self.beta / me.size, me.params.weights
        async for round in me.rounds():
            await self._train(me)
            centre = (await me.pull(clock=round.number if self.synchronous else None)).values
            force = alpha * (x - centre)
            if self.synchronous:
                await me.all_reduce()  # all have the same centre, before any of them moves it
                await me.push(Change(force, 0, 0))
            else:
                await me.push(x)
            x -= force

    async def _train(self, me: Worker) -> None:
        if not self.momentum:
            await me.steps(self.period, minibatch=self.minibatch)
            return
        x = me.params.weights
        velocity = me.params.local("velocity", np.zeros_like(x))
        for _ in range(self.period):
            before = x.copy()
            x += self.momentum * velocity
            made = await me.steps(1, minibatch=self.minibatch, record=True)
            if made.examples == 0:  # others have taken the last of the epoch
                x[:] = before
                return
            velocity[:] = x - before
