"""Messages on the simulated network: they arrive when the links let them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nextafter
from typing import final

from hogwild.engines.transport import AbstractCarrier, Act, Host
from hogwild.engines.virtual.agenda import Agenda
from hogwild.engines.virtual.links import Links


@final
class Network(AbstractCarrier):
    """Delivers at the virtual time of arrival."""

    def __init__(self, agenda: Agenda, links: Links) -> None:
        self._agenda, self._links = agenda, links
        self._summed_s = -1.0, -1.0  # when the last sums are there that would all be there at the same time

    def carry(self, source: Host, target: Host, n_bytes: int) -> float:
        return self._links.arrival(source, target, n_bytes, self._agenda.now)

    def at(self, time_s: float, act: Act) -> None:
        self._agenda.at(time_s, act)

    @property
    def left(self) -> float:
        return self._links.left

    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Act) -> None:
        if not ranks:
            return
        hosts = [("worker", rank) for rank in ranks]
        arrival = self._links.all_reduce(hosts, n_bytes, self._agenda.now)
        first, last = self._summed_s
        if first <= arrival <= last:  # events at equal times run in any order; sums are there in order
            last = nextafter(last, inf)
        else:
            first = last = arrival
        self._summed_s = first, last
        self._agenda.at(last, deliver)
