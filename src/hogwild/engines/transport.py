"""How messages travel: the only thing that all that workers have in common needs to know of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

from hogwild.server.messages import HEADER_BYTES
from hogwild.traffic import Traffic

Host = tuple[str, int]  # ("worker", rank) or ("shard", number)
Act = Callable[[], object]


class AbstractTransport(ABC):
    """Delivers messages, at once or later, each once. Messages of one host to another arrive in order."""

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

    def send(self, source: Host, target: Host, n_bytes: int, deliver: Act) -> None:
        """Call `deliver` when n_bytes from the source have reached the target. To oneself: now, at no cost."""
        if source == target:
            deliver()
        else:
            self.at(self.carry(source, target, n_bytes), deliver)

    @abstractmethod
    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Act) -> None:
        """Call `deliver` when these workers have summed n_bytes of each of them (an all-reduce)."""


@final
class Direct(AbstractTransport):
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
        others = max(0, len(ranks) - 1)
        self._traffic.sent(2 * others * n_bytes, 2 * len(ranks) * others.bit_length())
        deliver()


__all__ = ["HEADER_BYTES", "AbstractTransport", "Act", "Direct", "Host"]
