"""How gossiping workers mix their weights with those of their peers, and the table of these protocols."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import numpy as np

from hogwild.deltas import Vector
from hogwild.interfaces import Worker
from hogwild.rules.topologies import Place, Topology, bipartite, exponential, random, ring

Name = Literal["sgp", "gosgd", "d-psgd", "ad-psgd", "pull"]
LEAST_MASS = 0.5  # who has no more left has given itself away, and listens first


class Protocol(NamedTuple):
    """One of them, filled in.

    mix :      of (worker, its place in the graph, its mass, its weights before its steps)
    usual :    the topology unless another is given
    agree :    do workers wait for each other, exchange by exchange?
    between :  do they mix between a gradient and the step that it leads to, and not after steps?
    two_ways : must everybody hear from whom it sends to?
    """

    mix: Callable[[Worker, Place, Vector, Vector], Awaitable[None]]
    usual: Callable[[], Topology]
    agree: bool = False
    between: bool = False
    two_ways: bool = False


async def _push(me: Worker, place: Place, mass: Vector, before: Vector) -> None:
    """What the steps change counts whole, whatever my mass: x += z - before."""
    z = me.params.weights
    kept = await _send(me, place.peers, before * mass + (z - before), mass, "queue")
    await _take(me, place.senders, kept, mass)


async def _push_unwaited(me: Worker, place: Place, mass: Vector, before: Vector) -> None:
    peers = place.peers if mass[0] > LEAST_MASS else ()
    kept = await _send(me, peers, me.params.weights * mass, mass, "add")
    await _take(me, None, kept, mass)


async def _send(me: Worker, peers: tuple[int, ...], x: Vector, mass: Vector, mode: Literal["queue", "add"]) -> Vector:
    """An equal share of x and of my mass to each peer; what I keep, with the shares of those who are gone."""
    share = np.append(x, mass) / (1 + len(peers))
    kept = share.copy()
    for peer in peers:
        if not await me.put(peer, share, mode):
            kept += share
    return kept


async def _take(me: Worker, senders: tuple[int, ...] | None, kept: Vector, mass: Vector) -> None:
    """Add what has come."""
    for message in await me.inbox(senders):
        kept += message.x
    mass[:] = kept[-1:]
    me.params.weights[:] = kept[:-1] / mass


async def _mix(me: Worker, place: Place, mass: Vector, before: Vector) -> None:
    w, taken = me.params.weights, place.metropolis
    for peer in taken:
        await me.put(peer, w, "queue")
    messages = await me.inbox(tuple(taken))
    w += sum((taken[message.sender] * (message.x - w) for message in messages), np.zeros_like(w))


async def _meet(me: Worker, place: Place, mass: Vector, before: Vector) -> None:
    for peer in place.peers:
        if me.rank < peer or not place.two_ways:  # of a pair one asks
            await me.average(peer)


async def _pull(me: Worker, place: Place, mass: Vector, before: Vector) -> None:
    w, answers = me.params.weights, [await me.get(peer) for peer in place.peers]
    others = [answer.x for answer in answers if answer is not None]  # None: it is dead
    w[:] = sum(others, w) / (1 + len(others))


PROTOCOLS: dict[Name, Protocol] = {
    "sgp": Protocol(_push, exponential, agree=True),
    "gosgd": Protocol(_push_unwaited, random),
    "d-psgd": Protocol(_mix, ring, agree=True, two_ways=True),
    "ad-psgd": Protocol(_meet, bipartite, between=True),
    "pull": Protocol(_pull, random),
}
"""The protocols by name."""
