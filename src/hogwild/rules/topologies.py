"""Who talks to whom, round by round: pure functions of the round, for any number of workers."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, final

import numpy as np

from hogwild.limits import check_whole, is_whole
from hogwild.names import find_name, wrong_type

Ranks = tuple[int, ...]
Edges = Callable[[tuple[Any, ...], int, int, int], Ranks]


class Topology(NamedTuple):
    """A graph with its numbers filled in.

    outgoing, incoming : of (numbers, round, rank, size): to whom `rank` sends in this round, and from whom it hears;
        `rank` itself does not count. `incoming` is the same function where everybody hears from whom it sends to.
    """

    name: str
    outgoing: Edges
    incoming: Edges
    numbers: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.numbers))})"

    @property
    def symmetric(self) -> bool:
        """Does everybody hear from whom it sends to, in the same round?"""
        return self.outgoing is self.incoming

    @property
    def of_ranks(self) -> bool:
        """Is it a graph of certain ranks? The others are of places: who is gone leaves no gap."""
        return self.outgoing is _edges

    def peers(self, round: int, rank: int, size: int) -> Ranks:
        """To whom `rank` sends in this round, in increasing order; perhaps nobody."""
        return _others(self.outgoing(self.numbers, round, rank, size), rank)

    def senders(self, round: int, rank: int, size: int) -> Ranks:
        """From whom `rank` hears in this round, in increasing order; perhaps nobody."""
        return _others(self.incoming(self.numbers, round, rank, size), rank)

    @lru_cache(maxsize=8)  # each of the workers asks  # noqa: B019
    def check(self, size: int) -> None:
        """ValueError unless what any of `size` workers learns reaches all others in time."""
        if self.of_ranks and max(map(max, self.numbers), default=0) >= size:
            raise ValueError(f"{self!r} names worker {max(map(max, self.numbers))}: ranks are 0 to {size - 1}")
        sent: list[set[int]] = [set() for _ in range(size)]
        heard: list[set[int]] = [set() for _ in range(size)]
        rounds = 0
        while rounds < 2 * size:  # time enough for graphs that go round all peers in turn
            for round in range(rounds, max(1, 2 * rounds)):
                for rank in range(size):
                    for peer in self.peers(round, rank, size):
                        sent[rank].add(peer)
                        heard[peer].add(rank)
            rounds = max(1, 2 * rounds)
            if len(_reached(sent)) == len(_reached(heard)) == size:
                return
        for ways, sentence in (
            (sent, "what worker 0 learns never reaches worker {}"),
            (heard, "worker 0 never hears of worker {}"),
        ):
            missing = set(range(size)) - _reached(ways)
            if missing:
                raise ValueError(f"{self!r} does not connect {size} workers: {sentence.format(min(missing))}")


def _reached(ways: list[set[int]]) -> set[int]:
    """Who can be reached from 0."""
    found, new = {0}, [0]
    while new:
        more = ways[new.pop()] - found
        found |= more
        new += more
    return found


@final
class Place:
    """One worker's place in the graph of a round, in which only those count that are there.

    live : the other ranks that are there, in increasing order
    """

    __slots__ = ("_graph", "_me", "_ranks", "_round")

    def __init__(self, graph: Topology, round: int, rank: int, live: Sequence[int]) -> None:
        at = bisect(live, rank)
        # Mostly all are there, and ranks are places.
        complete = max(rank, live[-1] if live else 0) == len(live)
        self._ranks: Sequence[int] = range(len(live) + 1) if complete else (*live[:at], rank, *live[at:])
        self._graph, self._round, self._me = graph, round, rank if graph.of_ranks else at

    @property
    def two_ways(self) -> bool:
        """Do I hear from whom I send to?"""
        return self._graph.symmetric

    @property
    def peers(self) -> Ranks:
        """To whom I send."""
        return self._there(self._graph.peers(self._round, self._me, len(self._ranks)))

    @property
    def senders(self) -> Ranks:
        """Who sends to me."""
        return self._there(self._graph.senders(self._round, self._me, len(self._ranks)))

    def _there(self, found: Ranks) -> Ranks:
        """Their ranks, of those that are there."""
        ranks = self._ranks
        return tuple([each for each in found if each in ranks] if self._graph.of_ranks else [ranks[at] for at in found])

    @property
    def metropolis(self) -> dict[int, float]:
        """How much I take of each of my peers: see `metropolis`. What I would take of who is gone stays mine."""
        taken = metropolis(self._graph, self._round, self._me, len(self._ranks))
        if self._graph.of_ranks:
            return {rank: weight for rank, weight in taken.items() if rank in self._ranks}
        return {self._ranks[at]: weight for at, weight in taken.items()}


def _others(ranks: Iterable[int], rank: int) -> Ranks:
    return tuple(sorted(set(ranks) - {rank}))


# ----------------------------------------------------------------------------------------------------------- graphs


def ring() -> Topology:
    """Two neighbours, the next lower and the next higher rank."""
    return Topology("ring", _ring, _ring)


def _ring(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    return (rank - 1) % size, (rank + 1) % size


def exponential() -> Topology:
    """One peer a round, at distance 2^(round mod ceil(log2 size)) (Assran et al. 2019, appendix A). Directed. After
    ceil(log2 size) rounds everybody has heard of everybody.
    """
    return Topology("exponential", _exponential, _exponential_back)


def _exponential(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    return ((rank + _distance(round, size)) % size,)


def _exponential_back(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    return ((rank - _distance(round, size)) % size,)


def _distance(round: int, size: int) -> int:
    return int(1 << (round % max(1, (size - 1).bit_length())))


def hypercube() -> Topology:
    """One peer a round, whose rank differs in one bit, all bits in turn. Symmetric. Where the number of workers is no
    power of two, a rank without such a peer rests in that round.
    """
    return Topology("hypercube", _hypercube, _hypercube)


def _hypercube(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    peer = rank ^ _distance(round, size)
    return (peer,) if peer < size else ()


def bipartite() -> Topology:
    """One peer a round, each even rank in turn with each odd one. Symmetric. Half of the workers ask and the others are
    asked, so that no circle of them can wait for each other (Lian et al. 2018, section 4). Where their number is odd,
    one rests in each round.
    """
    return Topology("bipartite", _bipartite, _bipartite)


def _bipartite(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    pairs = (size + 1) // 2
    if rank % 2:
        return (2 * ((rank // 2 - round) % pairs),)
    peer = 2 * ((rank // 2 + round) % pairs) + 1
    return (peer,) if peer < size else ()


def random(seed: int = 0) -> Topology:
    """One peer a round: the next in a random circle of all ranks, another circle each round. Directed."""
    check_whole("seed", seed, 0)
    return Topology("random", _random, _random_back, (int(seed),))


def _random(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    circle, places = _circle(*numbers, round, size)
    return (circle[(places[rank] + 1) % size],)


def _random_back(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    circle, places = _circle(*numbers, round, size)
    return (circle[places[rank] - 1],)


@lru_cache(maxsize=8)  # all workers ask for those of the same few rounds
def _circle(seed: int, round: int, size: int) -> tuple[list[int], list[int]]:
    """The ranks in their order, and where each stands in it."""
    circle = np.random.default_rng([seed, round]).permutation(size)
    return circle.tolist(), np.argsort(circle).tolist()


def complete() -> Topology:
    """Everybody sends to everybody in each round."""
    return Topology("complete", _complete, _complete)


def _complete(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    return tuple(range(size))


def edges(*pairs: tuple[int, int]) -> Topology:
    """A graph of your own: `edges((0, 1), (1, 2))`. Symmetric, and the same in each round."""
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(is_whole(rank) and rank >= 0 for rank in pair)):
            raise ValueError(f"edges({pair!r}) must be pairs of ranks, such as edges((0, 1), (1, 2))")
    return Topology("edges", _edges, _edges, tuple((int(a), int(b)) for a, b in pairs))


def _edges(numbers: tuple[Any, ...], round: int, rank: int, size: int) -> Ranks:
    return tuple(b if a == rank else a for a, b in numbers if rank in (a, b))


TOPOLOGIES: dict[str, Callable[[], Topology]] = {
    "ring": ring,
    "exponential": exponential,
    "hypercube": hypercube,
    "bipartite": bipartite,
    "random": random,
    "complete": complete,
}
"""Those that need no numbers, by name."""


def find_topology(given: str | Topology) -> Topology:
    """The topology itself, or the one of that name; an error lists the names there are."""
    if isinstance(given, Topology):
        return given
    if not isinstance(given, str):
        raise wrong_type("topology", given, "a name or a Topology such as ring()")
    return TOPOLOGIES[find_name("topology", given, TOPOLOGIES)]()


# ----------------------------------------------------------------------------------------------------------- mixing


def metropolis(topology: Topology, round: int, rank: int, size: int) -> dict[int, float]:
    """How much a worker takes of each of its peers in a symmetric graph: 1 / (1 + the larger number of peers of the
    two), and the rest is its own. Rows and columns of W add to 1, so that the mean stays what it is (Xiao and Boyd
    2004).
    """
    mine = topology.peers(round, rank, size)
    return {peer: 1.0 / (1 + max(len(mine), len(topology.peers(round, peer, size)))) for peer in mine}
