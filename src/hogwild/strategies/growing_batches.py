"""Growing batches: asynchronous SGD on data that stay where they are, in rounds that become longer and longer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

import numpy as np

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields, check_shares, check_whole
from hogwild.names import wrong_type
from hogwild.requests import Ticket
from hogwild.rules.sample_sizes import PermissibleDelay, RoundRate, SampleSizes, examples_allowed, linear_size
from hogwild.rules.updates import sgd
from hogwild.strategies.own_changes import OwnChanges

ROUND = "growing batches"  # in `Params.state`: the worker's round, and the examples before the run that it belongs to


@final
@dataclass(frozen=True)
class GrowingBatches(AbstractStrategy):
    """Hogwild! over distributed local data sets (van Dijk, Nguyen, Nguyen et al. 2021, AISTATS, arXiv 2010.14763).

    In its round i worker c makes SGD steps on s_{i,c} = p_c s_i of its own examples and pushes their sum U_{i,c}, which
    the server adds: w += U_{i,c}. When the rounds i of all have come, the server broadcasts w. Meanwhile workers go on:

        on a broadcast, also within a round:  w_c = w + the changes of my own that are not in it

    With s_i growing linearly, K gradients take T = sqrt(2 K / a) rounds, and still converge as fast as SGD does.

    sizes :     examples of round i, of all workers together: `linear_size(a, b)`, `constant_size(n)`,
                `power_size(a, p)`, `per_log_size(a)`
    rate :      step size of a round: None (default), the model's schedule; `inverse_sqrt(eta0, beta)`, or
                `strongly_convex(mu, offset)`
    delay :     a worker waits before it is more than so many rounds ahead of the last broadcast (1, as in the paper's
                experiments; 0: nobody goes on before all have come), or `PermissibleDelay()`, the paper's tau
    weights :   p_c, one for each worker; None (default): its share of the data if they are `Partitioned`, else 1 / P
    minibatch : examples of a step; samples are rounded to whole minibatches, one at least
    block_examples : of a request: so often a worker looks for a broadcast

    `History.counts` has "rounds" (of all workers: P T), "gradients" (K) and "waits", how often a worker had to wait.

    Changes add up: P workers go P times as far as one while they do not hear of each other. Rates must be as small, or
    samples; a rate that falls allows longer samples.

    Differences from the paper: steps are on minibatches, too; who has heard of all others never waits, whatever tau
    says (else it would for ever); examples of a worker come without replacement, pass after pass. Training that goes on
    from earlier weights goes on in the round in which as many examples would have been learnt.
    """

    needs = frozenset({"server"})
    survives = frozenset({"lost worker", "lost shard", "lost message", "duplicate message", "slow worker"})
    server = sgd()  # changes are added whatever the rule
    answer: ClassVar[Literal["server"]] = "server"
    sizes: SampleSizes = field(default_factory=lambda: linear_size(10))
    rate: RoundRate | None = None
    delay: int | PermissibleDelay = 1
    weights: tuple[float, ...] | None = None
    minibatch: int = 1
    block_examples: int = 1024

    def __post_init__(self) -> None:
        check_fields(self, "minibatch", "block_examples")
        if not isinstance(self.sizes, SampleSizes):
            raise wrong_type("sizes", self.sizes, "a rule such as linear_size(10)")
        if not (self.rate is None or isinstance(self.rate, RoundRate)):
            raise wrong_type("rate", self.rate, "a rule such as inverse_sqrt(0.1), or None for the model's schedule")
        if not isinstance(self.delay, PermissibleDelay):
            check_whole("delay", self.delay, 0, ", or PermissibleDelay()")
        if self.weights is not None:
            check_shares("weights", self.weights, "worker")

    @property
    def agree(self) -> bool:
        return False

    async def work(self, me: Worker) -> None:
        share, ends, examples = self._share(me), [0], me.params.state.get("examples", np.zeros(1))
        begun = self.sizes.rounds(float(examples[0]))  # rounds of earlier runs
        kept, latest = me.params.state.get(ROUND), await me.pull()
        if kept is not None and kept[1] == examples[0]:  # I was lost, and am back with the state of another
            latest.copy_to(me.params)
        else:
            kept = me.params.state[ROUND] = np.array([begun, examples[0]])
        own, number = OwnChanges(latest), int(kept[0])
        heard = number  # the first round of which my weights do not have all
        broadcast: Ticket | None = None
        push: Ticket | None = None
        async for _ in me.rounds():
            while len(ends) < number + 2:
                ends.append(ends[-1] + self.sizes.size(len(ends) - 1))
            sample = self.minibatch * max(1, round(share * (ends[number + 1] - ends[number]) / self.minibatch))
            missing = sample - own.examples
            while True:
                first = ends[number + 1] - missing
                allowed = examples_allowed(self.delay, number - heard, first, ends[heard], missing)
                if broadcast is None or (allowed and not broadcast.done):
                    break
                me.counts["waits"] += not broadcast.done
                latest = await broadcast
                if push is not None and not own.is_even(latest):
                    await push
                    latest = (await me.pull())._replace(met=latest.met)
                me.params.weights[:] = own.added_to(latest)
                heard = heard + 1 if latest.met else number
                broadcast = await me.start(me.pull(clock=heard + 1 - begun)) if heard < number else None
            rate = None if self.rate is None else self.rate.rate(ends[number])
            steps = max(1, min(allowed, self.block_examples) // self.minibatch)
            change = await me.steps(steps, rate, minibatch=self.minibatch, record=True)
            me.counts["gradients"] += change.examples
            own.learn(change)
            if own.examples >= sample:
                if push is not None:
                    await push
                if broadcast is None:  # asked for before the last push of the round, it has nothing of the next one
                    broadcast = await me.start(me.pull(clock=heard + 1 - begun))
                push = await me.start(me.push(own.send()))
                number += 1
                kept[0] = number
                me.counts["rounds"] += 1
        if own.examples:
            await me.push(own.send())
            me.counts["rounds"] += 1

    def _share(self, me: Worker) -> float:
        if self.weights is None:
            return me.data_share
        if len(self.weights) != me.size:
            raise ValueError(f"weights has {len(self.weights)} numbers for {me.size} workers: give one for each")
        return self.weights[me.rank]
