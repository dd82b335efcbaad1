"""Gossip: workers talk to a few peers at a time, and there is nothing in the middle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, final, get_args

import numpy as np

from hogwild.deltas import Vector
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields
from hogwild.names import find_name
from hogwild.rules.topologies import Place, Topology, bipartite, exponential, find_topology, random, ring

Protocol = Literal["sgp", "gosgd", "d-psgd", "ad-psgd", "pull"]
LEAST_MASS = 0.5  # who has no more left has given itself away, and listens first


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
    protocol: Protocol = "sgp"
    topology: Topology | None = None
    period: int = 100
    minibatch: int = 1
    survives: frozenset[str] = field(init=False, repr=False, compare=False)  # type: ignore[misc]  # by protocol

    def __post_init__(self) -> None:
        check_fields(self, "period", "minibatch")
        object.__setattr__(self, "protocol", find_name("protocol", self.protocol, get_args(Protocol)))
        # Who waits for nobody has old weights where a worker is very slow, and these count in the mean at the end.
        late = {"slow worker"} if self.agree else set()
        object.__setattr__(self, "survives", frozenset({"lost worker", "lost message", "duplicate message"} | late))
        if self.topology is not None:
            object.__setattr__(self, "topology", find_topology(self.topology))  # a name will do
        if self.protocol == "d-psgd" and not self._graph.symmetric:
            raise ValueError(f'protocol="d-psgd" wants a symmetric topology such as ring(), not {self.topology!r}')

    @property
    def _graph(self) -> Topology:
        usual = {"gosgd": random(), "d-psgd": ring(), "ad-psgd": bipartite(), "pull": random()}
        return usual.get(self.protocol, exponential()) if self.topology is None else self.topology

    @property
    def agree(self) -> bool:
        return self.protocol in ("sgp", "d-psgd")

    async def work(self, me: Worker) -> None:
        if me.rank == 0:
            self._graph.check(me.size)
        mass = me.params.local("mass", np.ones(1, me.params.weights.dtype))
        async for round in me.rounds():
            if self.protocol == "ad-psgd":
                await self._meet(me, round.number)
                continue
            before = me.params.weights.copy()
            await me.steps(self.period, minibatch=self.minibatch)
            place = Place(self._graph, round.number, me.rank, me.peers)
            if self.protocol == "d-psgd":
                await self._mix(me, place)
            elif self.protocol == "pull":
                await self._pull(me, place)
            else:
                await self._push(me, place, before, mass)
        if not self.agree:
            await me.all_reduce()  # now nobody changes my weights any more, nor sends a share of his
        mine = np.append(me.params.weights * mass, mass)
        for message in () if self.agree else await me.inbox():
            mine += message.x
        mass[:] = mine[-1:]
        everybody = (await me.all_reduce(mine)).sum
        me.params.weights[:] = everybody[:-1] / everybody[-1]

    async def _push(self, me: Worker, place: Place, before: Vector, mass: Vector) -> None:
        z, waits = me.params.weights, self.protocol == "sgp"
        peers = place.peers if waits or mass[0] > LEAST_MASS else ()
        x = before * mass + (z - before) if waits else z * mass
        share = np.append(x, mass) / (1 + len(peers))
        kept = share.copy()
        for peer in peers:
            if not await me.put(peer, share, "queue" if waits else "add"):
                kept += share
        for message in await me.inbox(place.senders if waits else None):
            kept += message.x
        mass[:] = kept[-1:]
        z[:] = kept[:-1] / mass

    async def _mix(self, me: Worker, place: Place) -> None:
        w, taken = me.params.weights, place.metropolis
        for peer in taken:
            await me.put(peer, w, "queue")
        messages = await me.inbox(tuple(taken))
        w += sum((taken[message.sender] * (message.x - w) for message in messages), np.zeros_like(w))

    async def _meet(self, me: Worker, number: int) -> None:
        delta = await me.gradient(self.minibatch)
        exchange, remainder = divmod(number, self.period)
        if remainder == self.period - 1:
            for peer in Place(self._graph, exchange, me.rank, me.peers).peers:
                if me.rank < peer or not self._graph.symmetric:
                    await me.average(peer)
        await me.apply(delta)

    async def _pull(self, me: Worker, place: Place) -> None:
        w, answers = me.params.weights, [await me.get(peer) for peer in place.peers]
        others = [answer.x for answer in answers if answer is not None]  # None: it is dead
        w[:] = sum(others, w) / (1 + len(others))
