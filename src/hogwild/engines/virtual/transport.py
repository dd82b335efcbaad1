"""Messages on the simulated network: they arrive when the links let them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nextafter
from typing import final

from hogwild.engines.transport import AbstractTransport, Act, Host
from hogwild.engines.virtual.agenda import Agenda
from hogwild.engines.virtual.links import Links


@final
class Network(AbstractTransport):
    """Delivers at the virtual time of arrival."""

    def __init__(self, agenda: Agenda, links: Links) -> None:
        self._agenda, self._links = agenda, links
        self._summed_s = -1.0  # when the last sum is there

    def carry(self, source: Host, target: Host, n_bytes: int) -> float:
        return self._links.arrival(source, target, n_bytes, self._agenda.now)

    def at(self, time_s: float, act: Act) -> None:
        self._agenda.at(time_s, act)

    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Act) -> None:
        if not ranks:
            return
        hosts = [("worker", rank) for rank in ranks]
        arrival = self._links.all_reduce(hosts, n_bytes, self._agenda.now)
        if arrival == self._summed_s:  # events at equal times run in any order; sums are there in order
            arrival = nextafter(arrival, inf)
        self._summed_s = arrival
        self._agenda.at(arrival, deliver)

    @property
    def sent(self) -> tuple[int, int]:
        """Bytes and messages so far."""
        return self._links.sent
