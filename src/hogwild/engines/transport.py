"""How messages travel: the only thing that all that workers have in common needs to know of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

from hogwild.server.messages import HEADER_BYTES
from hogwild.traffic import Traffic

Host = tuple[str, int]  # ("worker", rank) or ("shard", number)
Deliver = Callable[[], None]


class AbstractTransport(ABC):
    """Delivers messages, at once or later, each once. Messages of one host to another arrive in order."""

    @abstractmethod
    def send(self, source: Host, target: Host, n_bytes: int, deliver: Deliver) -> None:
        """Call `deliver` when n_bytes from the source have reached the target."""

    @abstractmethod
    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Deliver) -> None:
        """Call `deliver` when these workers have summed n_bytes of each of them (an all-reduce)."""


@final
class Direct(AbstractTransport):
    """Within one memory: nothing takes time. What would have been sent is counted."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def send(self, source: Host, target: Host, n_bytes: int, deliver: Deliver) -> None:
        self._traffic.sent_bytes += n_bytes
        self._traffic.messages += 1
        deliver()

    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Deliver) -> None:
        self._traffic.sent_bytes += 2 * (len(ranks) - 1) * n_bytes
        self._traffic.messages += 2 * len(ranks) * max(0, len(ranks) - 1).bit_length()
        deliver()


__all__ = ["HEADER_BYTES", "AbstractTransport", "Deliver", "Direct", "Host"]
