"""What goes to one shard, and what it answers. Every message names its sender, its shard and its sequence number."""

from __future__ import annotations

from typing import Any, NamedTuple

from hogwild.answers import Stamp
from hogwild.deltas import Vector
from hogwild.rows import Keys

HEADER_BYTES = 64
"""What any message costs beside its arrays: ids, versions, counts. A round number of the right size."""

Sender = tuple[int, int]
"""(worker, seq): tells a message sent twice. Pushes and operations of one worker are numbered together."""

SEQS_OF_A_LIFE = 2**32
"""More messages than any process of a worker sends. The next one in its place, in its next life, begins with number
life * SEQS_OF_A_LIFE.
"""

WINDOW = 16
"""How many of a worker's messages a shard remembers, and so how many may be under way at once.

The largest number seen would not do: messages overtake each other, and one that was overtaken is not a duplicate. All
numbers ever seen would be exact, and grow for ever. A window is exact too as long as its sender lets no message run
ahead of an unacknowledged one by as much (`Client.full`): what is older has been acknowledged, so a copy of it is a
duplicate.
"""

KINDS = DELTA, CHANGE, VECTOR = "delta", "change", "vector"


class PushPart(NamedTuple):
    """The part of a push that concerns one shard."""

    shard: int
    worker: int
    seq: int
    others: int  # pushes of others in the weights that the sender last pulled from this shard
    cleared: int  # how often "accrued" had been cleared then
    kind: (
        str  # DELTA: a sum of gradients, the rule says what happens; CHANGE: is added to the weights; VECTOR: as that,
    )
    # unless the rule is elastic
    keys: Keys | None  # rows, counted from the shard's first; None: all
    values: Vector | None  # None: nothing for this shard, which still counts the push
    steps: int
    examples: int
    loss: float  # in one part of a push only: the shards' losses add up
    rate: float | None  # step size by the model's schedule
    portion: int | None
    coded: float = 1.0  # bytes of the values as sent, of one byte

    @property
    def n_bytes(self) -> int:
        """What it takes to send."""
        keys, values = self.keys, self.values
        if values is None:
            return HEADER_BYTES
        n_bytes = values.nbytes if self.coded == 1.0 else int(values.nbytes * self.coded)
        return HEADER_BYTES + n_bytes + (0 if keys is None else keys.nbytes)


class Applied(NamedTuple):
    """A shard's answer to a push: it is done, and will not be done again."""

    shard: int
    seq: int
    version: int  # pushes applied by now, this one included
    # Pushes of others since the sender's last pull, or steps where several pushes make one; 0 if this push held nothing
    # for this shard.
    staleness: int
    late: bool = False  # a portion that came too late for its sum, and was dropped
    value: float = 0.0  # of an operation

    @property
    def n_bytes(self) -> int:
        """What it takes to send."""
        return HEADER_BYTES


class PullPart(NamedTuple):
    """The part of a pull that concerns one shard; `Shard.ready` tells when it may be answered."""

    shard: int
    worker: int
    keys: Keys | None
    version: int | None
    clock: int | None
    acked: int | None  # the worker's newest message that all shards have acknowledged; None: there is none

    @property
    def n_bytes(self) -> int:
        """What it takes to send."""
        return HEADER_BYTES + (0 if self.keys is None else self.keys.nbytes)


class Pulled(NamedTuple):
    """A shard's answer to a pull."""

    values: Vector  # a copy
    stamp: Stamp

    @property
    def shard(self) -> int:
        """Whose."""
        return self.stamp.shard

    @property
    def n_bytes(self) -> int:
        """What it takes to send."""
        return HEADER_BYTES + self.values.nbytes


class OpPart(NamedTuple):
    """An operation on the named vectors, for one shard."""

    shard: int
    op: tuple[Any, ...]
    sender: Sender

    @property
    def n_bytes(self) -> int:
        """What it takes to send."""
        return HEADER_BYTES
