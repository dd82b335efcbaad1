"""A request of a worker to several shards, and who carries it there and its answers back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, final

from hogwild.engines.waits import Reply

Act = Callable[[], object]
Join = Callable[["Call"], None]


def _nothing(call: Call) -> None:
    """One answer is all there is."""


@final
class Call:
    """A request under way: messages to shards have been sent, and their answers come back one by one.

    join : makes one of them all; due when the last has come
    """

    __slots__ = ("answers", "join", "last_s", "met", "missing", "rank", "reply", "request")

    def __init__(self, rank: int, request: Any, reply: Reply, missing: int, join: Join = _nothing) -> None:
        self.rank, self.request, self.reply, self.missing, self.join = rank, request, reply, missing, join
        self.answers: list[Any] = []
        self.met, self.last_s = True, 0.0  # was all that it waited for met? when does the last answer come?


class AbstractCalls(ABC):
    """Carries what workers ask of shards; each shard's answer is taken once."""

    @abstractmethod
    def send(self, call: Call, parts: list[Any], act: Callable[[Any, Call], None]) -> None:
        """Each part to its shard, where `act(part, call)` happens: once, or again for a part that was sent again."""

    @abstractmethod
    def answer(self, call: Call, part: Any, answer: Any) -> None:
        """A shard's answer to this part goes back; `call.join(call)` when the last has come."""

    @abstractmethod
    def lost(self, rank: int) -> None:
        """The worker is dead: nobody hears what it is answered."""
