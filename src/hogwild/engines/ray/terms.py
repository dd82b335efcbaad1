"""What the actors of a run tell each other, beside requests and their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.answers import Reduced, Stamp
from hogwild.deltas import Vector
from hogwild.params import Params
from hogwild.rules.updates import Update
from hogwild.server.ranges import Span
from hogwild.server.seen import Life
from hogwild.snapshots.folder import Saved
from hogwild.traffic import Traffic


class ClusterError(OSError):
    """A cluster cannot do what a run needs: it has no room, other versions, or does not start. Says what to do."""


class ActorLost(ClusterError):
    """A process of a run on a cluster has died. Says which."""


@final
class Over(NamedTuple):
    """Instead of an answer: the run is over, and nobody is answered any more."""


@final
class View(NamedTuple):
    """Which actor leads a shard. life: how many have led it before."""

    life: int
    actor: Any


@final
class Reign(NamedTuple):
    """By whose word an actor leads a shard or has its copy: actors have several runs, and may hear late of another."""

    conductor: str  # the id of its actor
    run: int
    shard: int
    life: int


@final
class Standing(NamedTuple):
    """At the server's shards: of how many pushes the worker is taken to have sent, and what it finds there."""

    pushes: int
    stamps: tuple[Stamp, ...]


@final
class GoesOn(NamedTuple):
    """What a worker goes on from, beside its weights, state and random stream.

    number : of its first round
    mean, mass : of its iterates, see `Memory`
    place :  in its own rows, see `AbstractOwnRows.place`
    line :   what it has seen of the shards, see `Line.standing`
    standing : instead of that, if it was lost when the run was kept, and goes on where another was
    """

    number: int
    mean: Any
    mass: Any
    place: tuple[int, int] | None
    line: Mapping[str, Any] | None
    standing: Standing | None


@final
class Limits(NamedTuple):
    """Of a run, as asked for. size: how many workers; absent: which of them are not there at its beginning, and come
    later; for the others see `Ray`.
    """

    size: int
    restarts: int
    patience_s: float
    absent: frozenset[int] = frozenset()


@final
class Terms(NamedTuple):
    """What a worker begins with.

    survey :   what the model knows of the data
    params :   in the form that is trained
    averages : does it keep a mean of its iterates?
    first_pass : the number of the first pass over the data
    shards :   of the server, where they are now
    backed :   have they copies?
    patience_s : of the engine
    run :      number of this run of the conductor
    goes_on :  if the run does
    """

    survey: Any
    rng: np.random.Generator
    params: Params
    data_share: float
    needs: frozenset[str]
    averages: bool
    first_pass: int
    shards: Sequence[View]
    backed: bool
    patience_s: float
    run: int
    goes_on: GoesOn | None = None


@final
class Entry(NamedTuple):
    """With what a process begins that takes the place of another, or comes late. number: of its first round; sums: how
    many there were before it.
    """

    rng: np.random.Generator
    params: Params
    number: int
    standing: Standing | None
    sums: int


@final
class Sent(NamedTuple):
    """What a worker's process has sent without the conductor. life: how many processes it had before; pushes: how many
    of them it has sent, each counted once.
    """

    life: int
    traffic: Traffic
    pushes: int


@final
class Summed(NamedTuple):
    """A sum, and from which number on workers make them among themselves, if that is known."""

    reduced: Reduced
    begins: int | None


@final
class Shown(NamedTuple):
    """What a worker has itself."""

    weights: Vector
    state: dict[str, NDArray[Any]]
    mean: Vector
    mass: NDArray[np.float64]


@final
class Judged(NamedTuple):
    """Weights that are judged: the number of their epoch in the run, so that each process copies them once."""

    number: int
    params: Params


Key = tuple[int, int]
"""A pull that waits: the worker's rank, and its number for it."""


@final
class Range(NamedTuple):
    """What a shard begins with.

    weights, scales : of its range; see `Shard`
    survey :  what the model knows of the data, for the penalty that it pays
    conductor : to be told when a pull that has waited can be answered
    saved :   where the run goes on
    """

    reign: Reign
    span: Span
    weights: Vector
    scales: Vector | None
    rule: Update
    size: int
    survey: Any
    conductor: Any
    saved: Saved | None = None


@final
class Counted(NamedTuple):
    """What a shard has applied. pushes: how many; numbers: how many numbers each process of a worker has used for its
    pushes and operations, as far as this shard knows.
    """

    pushes: int
    numbers: dict[Life, int]


@final
class Parked(NamedTuple):
    """A request to the conductor: wait until these shards can answer a pull. Answer: is what it waits for met?

    number :   the worker's, for this pull
    distance : how far in the future lies what it waits for
    shards :   that it has not heard of yet; none: of all that it was told before under this number
    """

    number: int
    distance: int = 0
    shards: tuple[int, ...] = ()


@final
class Released(NamedTuple):
    """A pull that was started and has waited at shards need not wait any longer. met: has it come to what it waited
    for?
    """

    number: int
    met: bool
