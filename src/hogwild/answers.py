"""What requests are answered with: see `hogwild.requests`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, final

from hogwild.deltas import Vector
from hogwild.params import Params
from hogwild.rows import Keys


class Round(NamedTuple):
    """One turn of a strategy's loop."""

    number: int  # my rounds so far
    first: bool  # the first of a fresh start
    late: bool = False  # the sum of this round has been closed without me (quorum): listen, and catch up


@final
@dataclass(frozen=True, slots=True)
class Portion:
    """A small part of a pass over all examples, handed to whoever is free."""

    number: int
    first: int  # position in the pass, in examples
    count: int


class All(Enum):
    """`gradient(ALL)`: all examples of the pass, my part of them."""

    EXAMPLES = "all examples"


ALL = All.EXAMPLES


@final
@dataclass(frozen=True, slots=True)
class Reduced:
    """The answer to `all_reduce`. The sum is shared: read it, do not write it."""

    sum: Any  # Delta or vector, added in rank order; None if nobody gave anything
    count: int  # how many gave something


class Message(NamedTuple):
    """What a peer has put into my mailbox, or its weights (`get`)."""

    sender: int
    x: Any
    clock: int  # the sender's rounds


class Stamp(NamedTuple):
    """What a shard had been told when its weights were read."""

    shard: int
    version: int  # pushes applied
    others: int  # those of them that the reader has not sent itself
    cleared: int  # how often "accrued" had been cleared


class Versioned(NamedTuple):
    """Weights from the server."""

    values: Vector  # (weights,), or the rows of `keys`, one after another
    keys: Keys | None
    stamps: tuple[Stamp, ...]  # of each shard that was asked
    met: bool  # False: what was waited for can no longer happen

    @property
    def versions(self) -> tuple[int, ...]:
        """Pushes applied by each shard that was asked."""
        return tuple([stamp.version for stamp in self.stamps])

    def copy_to(self, params: Params) -> None:
        """Into my own weights."""
        params.weights[slice(None) if self.keys is None else params.positions(self.keys)] = self.values


class Ack(NamedTuple):
    """A push was applied, by all shards that it concerned."""

    versions: tuple[int, ...]
    staleness: int  # most pushes of others (steps, with `softsync`) in a shard that the sender's weights did not have
    late: bool  # a portion that came too late for its sum, and was dropped
