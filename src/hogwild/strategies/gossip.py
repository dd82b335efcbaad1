"""Gossip: workers talk to a few peers at a time, and there is nothing in the middle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

import numpy as np

from hogwild.deltas import Vector
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields
from hogwild.names import find_name
from hogwild.rules.topologies import Place, Topology, find_topology
from hogwild.strategies.protocols import PROTOCOLS, Name, Protocol


@final
@dataclass(frozen=True)
class Gossip(AbstractStrategy):
    """After every `period` steps of SGD on weights of their own, workers mix these with those of a few peers. At the
    end all take the mean. `Record.consensus` tells how far apart they are.

    protocol : how they mix
        "sgp" (default): stochastic gradient push (Assran et al. 2019, alg. 1). Of its weights x and its mass m, which
            begins with 1, a worker keeps a share and sends as much to each of its peers, waits for what is sent to it,
            adds that, and trains x / m. For any graph: nothing is lost, the masses add up to the number of workers.
        "gosgd": the same in GoSGD's form: nobody waits, what has come is added, and what the steps change counts m
            times (Blot et al. 2016, alg. 4). Who has half a mass left, or less, does not send.
        "d-psgd": all wait for their peers; w_i = sum_j W_ij w_j with W symmetric, so that the mean is kept (Lian et
            al. 2017, alg. 1)
        "ad-psgd": a gradient is computed, the worker and its peer both become their mean in one act, the gradient is
            applied (Lian et al. 2018, alg. 1); nobody waits for who is slow. Of a pair the lower rank asks.
        "pull": w = the mean of w and of the weights of its peers as they are now (Jin et al. 2016). The mean of all
            is not kept.
    topology : who talks to whom: a `Topology` or its name. Default: exponential(); for gosgd and pull random(); for
        d-psgd, which wants a symmetric one, ring(); for ad-psgd bipartite().
    period, minibatch : steps between two exchanges; examples of a step

    Differences from the papers: peers that have ended are left out of the graph; in "ad-psgd" the mean waits until the
    peer's step is done; "gosgd" and "pull" talk every `period` steps, not with probability 1 / period.
    """

    answer: ClassVar[Literal["mine"]] = "mine"
    compressible: ClassVar[bool] = False
    protocol: Name = "sgp"
    topology: Topology | None = None
    period: int = 100
    minibatch: int = 1
    survives: frozenset[str] = field(init=False, repr=False, compare=False)  # type: ignore[misc]  # by protocol

    def __post_init__(self) -> None:
        check_fields(self, "period", "minibatch")
        object.__setattr__(self, "protocol", find_name("protocol", self.protocol, PROTOCOLS))
        # Who waits for nobody has old weights where a worker is very slow, and these count in the mean at the end.
        late = {"slow worker"} if self.agree else set()
        object.__setattr__(self, "survives", frozenset({"lost worker", "lost message", "duplicate message"} | late))
        if self.topology is not None:
            object.__setattr__(self, "topology", find_topology(self.topology))  # a name will do
        if self._protocol.two_ways and not self._graph.symmetric:
            raise ValueError(
                f'protocol="{self.protocol}" wants a symmetric topology such as ring(), not {self.topology!r}'
            )

    @property
    def _graph(self) -> Topology:
        return self._protocol.usual() if self.topology is None else self.topology

    @property
    def _protocol(self) -> Protocol:
        return PROTOCOLS[self.protocol]

    @property
    def agree(self) -> bool:
        return self._protocol.agree

    async def work(self, me: Worker) -> None:
        self._graph.check(me.size)
        mass = me.params.local("mass", np.ones(1, me.params.weights.dtype))
        async for round in me.rounds():
            if self._protocol.between:
                await self._step(me, round.number, mass)
                continue
            before = me.params.weights.copy()
            await me.steps(self.period, minibatch=self.minibatch)
            await self._protocol.mix(me, Place(self._graph, round.number, me.rank, me.peers), mass, before)
        if not self.agree:
            await me.all_reduce()  # now nobody changes my weights any more, nor sends a share of his
        mine = np.append(me.params.weights * mass, mass)
        for message in () if self.agree else await me.inbox():
            mine += message.x
        mass[:] = mine[-1:]
        # Who goes before the others do would count as much as they, with weights of long ago.
        everybody = (await me.all_reduce(None if me.leaves else mine)).sum
        me.params.weights[:] = everybody[:-1] / everybody[-1]

    async def _step(self, me: Worker, number: int, mass: Vector) -> None:
        """A gradient, perhaps an exchange, and the step: rounds are steps."""
        delta = await me.gradient(self.minibatch)
        exchange, step = divmod(number, self.period)
        if step == self.period - 1:
            await self._protocol.mix(me, Place(self._graph, exchange, me.rank, me.peers), mass, me.params.weights)
        await me.apply(delta)
