"""How messages travel: the only thing that all that workers have in common needs to know of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, final

from hogwild.engines.calls import AbstractCalls, Act, Call
from hogwild.server.messages import HEADER_BYTES
from hogwild.traffic import Traffic

Host = tuple[str, int]  # ("worker", rank) or ("shard", number)


def nothing() -> None:
    """What happens when a message is lost that nobody waits for."""


def exchanged(workers: int, n_bytes: int) -> tuple[int, int]:
    """Bytes and messages that an all-reduce takes, of so many bytes of each worker."""
    others = max(0, workers - 1)
    return 2 * others * n_bytes, 2 * workers * others.bit_length()


class AbstractTransport(ABC):
    """Delivers messages, at once or later."""

    @abstractmethod
    def send(self, source: Host, target: Host, n_bytes: int, deliver: Act, lost: Act = nothing) -> None:
        """Call `deliver` when n_bytes from the source have reached the target: once, and in the order they were sent.
        `lost` instead, when one of the two is lost before. To oneself: now, at no cost.
        """

    @abstractmethod
    def post(self, source: Host, target: Host, n_bytes: int, deliver: Act, lost: Act = nothing) -> None:
        """As `send`, of news that nobody asks for again: what does not arrive, or after newer ones, is lost."""

    @abstractmethod
    def when_left(self, act: Act) -> None:
        """Call `act` when all bytes of what was sent last have left their source."""

    @abstractmethod
    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Act) -> None:
        """Call `deliver` when these workers have summed n_bytes of each of them (an all-reduce)."""

    @abstractmethod
    def calls(self, workers: int, shards: int) -> AbstractCalls:
        """What carries requests of so many workers to so many shards."""


class AbstractCarrier(AbstractTransport):
    """Where no message is lost: when it arrives is known when it is sent."""

    @abstractmethod
    def carry(self, source: Host, target: Host, n_bytes: int) -> float:
        """Send n_bytes now; when will all of them have reached the target? Any time is the same where none passes."""

    @property
    @abstractmethod
    def left(self) -> float:
        """When will all bytes of what was carried last have left their source?"""

    @abstractmethod
    def at(self, time_s: float, act: Act) -> None:
        """Call `act` at this time, which `carry` or `left` has given."""

    def send(self, source: Host, target: Host, n_bytes: int, deliver: Act, lost: Act = nothing) -> None:
        if source == target:
            deliver()
        else:
            self.at(self.carry(source, target, n_bytes), deliver)

    def post(self, source: Host, target: Host, n_bytes: int, deliver: Act, lost: Act = nothing) -> None:
        self.send(source, target, n_bytes, deliver)

    def when_left(self, act: Act) -> None:
        self.at(self.left, act)

    def calls(self, workers: int, shards: int) -> AbstractCalls:
        return PromptCalls(self, workers, shards)


@final
class PromptCalls(AbstractCalls):
    """Requests to shards where no message is lost: each goes once, and the last answer is known when it is sent."""

    def __init__(self, carrier: AbstractCarrier, workers: int, shards: int) -> None:
        self._carry, self._at = carrier.carry, carrier.at
        self._workers: list[Host] = [("worker", rank) for rank in range(workers)]
        self._shards: list[Host] = [("shard", number) for number in range(shards)]

    def send(self, call: Call, parts: list[Any], act: Callable[[Any, Call], None]) -> None:
        carry, at, hosts, me = self._carry, self._at, self._shards, self._workers[call.rank]
        for part in parts:
            at(carry(me, hosts[part.shard], part.n_bytes), partial(act, part, call))

    def answer(self, call: Call, part: Any, answer: Any) -> None:
        call.answers.append(answer)
        arrival_s = self._carry(self._shards[answer.shard], self._workers[call.rank], answer.n_bytes)
        if arrival_s > call.last_s:
            call.last_s = arrival_s
        call.missing -= 1
        if not call.missing:
            self._at(call.last_s, partial(call.join, call))

    def lost(self, rank: int) -> None:
        """Where messages are not lost, workers are not either."""


@final
class Direct(AbstractCarrier):
    """Within one memory: nothing takes time. What would have been sent is counted."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def carry(self, source: Host, target: Host, n_bytes: int) -> float:
        self._traffic.sent(n_bytes)
        return 0.0

    @property
    def left(self) -> float:
        return 0.0

    def at(self, time_s: float, act: Act) -> None:
        act()

    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Act) -> None:
        self._traffic.sent(*exchanged(len(ranks), n_bytes))
        deliver()


__all__ = ["HEADER_BYTES", "AbstractCarrier", "AbstractTransport", "Act", "Direct", "Host", "exchanged", "nothing"]
