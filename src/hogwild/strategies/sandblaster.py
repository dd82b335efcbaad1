"""Sandblaster: a coordinator moves vectors that lie on the shards, workers evaluate them portion by portion."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Literal, final

import numpy as np

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.rules.directions import Method, find_method, lbfgs
from hogwild.rules.updates import sgd
from hogwild.strategies.coordinator import POINTS, Coordinator


class News(IntEnum):
    """What the coordinator tells the others."""

    GO = 0  # the point is there: evaluate it
    LEFT = 1  # I go through no more rounds: whoever does needs another coordinator
    DONE = 2  # no step is better: the server holds the answer


@final
@dataclass(frozen=True)
class Sandblaster(AbstractStrategy):
    """Batch methods on many machines: L-BFGS with a sharded parameter server (Dean et al. 2012, section 4.2).

    A round is a pass over all examples at one point: it gives the objective there and its gradient. Workers pull the
    point, and take small portions of the pass as they are free; each pushes the sum of gradients of a portion to the
    shards, which add them up. Near the end copies of unfinished portions are handed out, and the first result counts.
    Then the coordinator, the lowest rank, looks how much the objective has fallen along the direction that it searches,
    and says what the next round evaluates: another step along it, or the first along a new direction. For that it needs
    numbers alone: points, gradients and directions are vectors with names on the shards, which tell inner products.

    method : `lbfgs(memory=10)`, `conjugate_gradient()`, `gradient_descent()`, or a name of these

    There is no step size to tune, and columns of uneven scale are measured in the units of the model. It wants an
    objective that is smooth and the same each time: a network without dropout, and no l1. At the kinks of a hinge it
    may end early. It ends by itself where no step improves the objective.

    If the coordinator is lost, the next rank goes on from the last accepted point, with an empty history. Weights are
    judged when all workers have come to the end of a pass; where they are not judged (`Stop(tol=None)`), nobody waits
    for those that still compute copies, unless it is the coordinator.

    `History.counts`: "evaluations" (passes), "accepted steps", "restarts" (by steepest descent), "late portions".

    Differences from the paper, which does not say which line search: here that of `hogwild.rules.line_search`.
    Directions are found from inner products alone (Chen, Wang and Zhou 2014). The coordinator is one of the workers. A
    push holds one portion, where theirs hold a few.
    """

    needs = frozenset({"server"})
    answer: ClassVar[Literal["server"]] = "server"
    server = sgd()  # there must be one: it is never asked, as gradients of portions are only added up
    coordinator: ClassVar[int | None] = 0
    compressible: ClassVar[bool] = False  # sums of portions must be exact
    survives = frozenset(
        {"lost worker", "lost coordinator", "lost shard", "lost message", "duplicate message", "slow worker"}
    )
    method: Method = field(default_factory=lbfgs)

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", find_method(self.method))  # a name will do

    @property
    def agree(self) -> bool:
        return True

    async def work(self, me: Worker) -> None:
        news, known = News.LEFT, me.params.local("sandblaster", np.array([-1, -1, 0]))
        leader, slot, heard = int(known[0]), None if known[1] < 0 else int(known[1]), bool(known[2])
        kept = me.params.local("coordinator", np.zeros(0))
        mind = Coordinator.unpacked(me, self.method, kept) if kept.size else None  # of the leader alone
        async for round in me.rounds():
            live = (me.rank, *me.peers)
            # Who led and leaves says so in this sum, after what it still does; of one that died the sum says nothing.
            chosen = leader if leader >= 0 else min(live)
            # Late: somebody has led already. And who joins now may be the lowest, but must first hear what is going on.
            if chosen != me.rank or round.late or not (heard or round.number == 0):
                mind = None
            elif mind is None:
                mind = Coordinator(me, self.method, slot)
            if mind is not None:
                await mind.move()
            go = (await me.all_reduce(None if mind is None else mind.message(News.GO), quorum=1)).sum
            heard, told = True, int(News.LEFT)
            if go is not None:
                leader, slot, told = map(int, go)
            known[:] = leader if told == News.GO else -1, -1 if slot is None else slot, heard
            if told == News.DONE:
                return
            if told == News.LEFT:  # or lost
                leader = -1
                continue
            if leader != me.rank:
                mind = None
            (await me.pull()).copy_to(me.params)
            while (portion := await me.take()) is not None:
                ack = await me.push(await me.gradient(portion))
                me.counts["late portions"] += ack.late
            if mind is not None and not await mind.conclude():
                news = News.DONE
                break
            me.params.state["coordinator"] = np.zeros(0) if mind is None else mind.packed()
        end = await me.all_reduce(None if mind is None else mind.message(news), quorum=1)
        if end.sum is None and slot is not None:  # the leader was lost in the last round, and perhaps left a trial
            await me.on_server("copy", "weights", POINTS[slot])
