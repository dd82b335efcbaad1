"""ParzenASGD: states are thrown at random peers, who believe those that lie ahead of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from hogwild.deltas import PartialState, Vector
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_bool, check_fields, is_number
from hogwild.requests import Ticket
from hogwild.rules.parzen import Interval, lies_ahead


@final
@dataclass(frozen=True)
class ParzenASGD(AbstractStrategy):
    """Asynchronous SGD with one-sided messages and a Parzen-window filter (Keuper and Pfreundt 2015, alg. 2).

    After its steps, which take it from w to w + d, a worker looks at the states x that others have left in its mailbox,
    one of each sender, the newest; accepts those that lie ahead, |w + d - x|^2 < |w - x|^2; and goes to

        w + d + attraction (mean of w and the accepted x - w).

    Then it writes its own state into the mailbox of one random peer, and waits for nothing. `counts` has the numbers of
    states "sent", "accepted" and "rejected". At the end all take the mean of their states, weighed by how many examples
    each has learnt.

    period : steps between two messages, at least. Where the network cannot carry so many, there will be more: about
        one message is to wait in the send queue (Keuper and Pfreundt 2015b).
    minibatch : examples of a step
    attraction : how far to go towards the others. 1: to their mean.
    blocks : the weights are cut into so many blocks. A message holds one of them, drawn at random (partial states), and
        each block is judged by itself.
    filter : False accepts every state

    Differences from the paper, whose result is the state of one worker: its step size multiplies the attraction, too,
    which then fades with the step sizes; mailboxes have one slot for each sender and never hold half of a state. Its
    baselines are here `AllReduce(ALL)` ("batch") and `Alone()` ("simu-parallel-sgd").
    """

    answer: ClassVar[Literal["mine"]] = "mine"
    # Not a slow worker: who waits for nobody has old weights where one is very slow, and these count at the end.
    survives = frozenset({"lost worker", "lost message", "duplicate message"})
    compressible: ClassVar[bool] = False
    period: int = 100
    minibatch: int = 1
    attraction: float = 0.5
    blocks: int = 1
    filter: bool = True

    def __post_init__(self) -> None:
        check_fields(self, "period", "minibatch", "blocks")
        if not (is_number(self.attraction) and 0 < self.attraction <= 1):
            raise ValueError(f"attraction={self.attraction!r} must lie in (0, 1]: 1 goes to the mean of all")
        check_bool("filter", self.filter)

    @property
    def agree(self) -> bool:
        return False

    async def work(self, me: Worker) -> None:
        interval = Interval(self.period, self.period, gain=self.period / 4)
        under_way: list[Ticket] = []
        learnt = me.params.local("learnt", np.ones(1))  # examples; one, so that somebody has
        async for _ in me.rounds():
            steps = max(1, round(interval.steps))
            change = await me.steps(steps, minibatch=self.minibatch, record=True)
            learnt += change.examples
            await self._listen(me, change.values)
            if me.peers:
                peer = me.peers[int(me.rng.integers(len(me.peers)))]
                under_way.append(await me.start(me.put(peer, self._state(me))))
                me.counts["sent"] += 1
            under_way = [ticket for ticket in under_way if not ticket.done]
            interval = interval.adapted(len(under_way))
        everybody = (await me.all_reduce(np.append(me.params.weights * learnt, learnt))).sum  # in float64
        me.params.weights[:] = everybody[:-1] / everybody[-1]

    def _state(self, me: Worker) -> PartialState:
        """One block of my weights."""
        params, rows = me.params, me.params.rows.n_rows
        blocks = min(self.blocks, rows)
        if blocks == 1:
            return PartialState(params.weights)
        number = int(me.rng.integers(blocks))
        keys = np.arange(number * rows // blocks, (number + 1) * rows // blocks)
        return PartialState(params.weights[params.positions(keys)], keys)

    async def _listen(self, me: Worker, d: Vector) -> None:
        w, messages = me.params.weights, await me.inbox()
        if not messages:
            return
        before, total, count = w - d, np.zeros_like(w), np.ones_like(w)
        for message in messages:
            at = slice(None) if message.x.keys is None else me.params.positions(message.x.keys)
            accepted = not self.filter or lies_ahead(before[at], w[at], message.x.values)
            me.counts["accepted" if accepted else "rejected"] += 1
            if accepted:
                total[at] += message.x.values - before[at]
                count[at] += 1
        w += self.attraction * (total / count)
