"""Messages that may be lost, doubled and delayed: what becomes of each is drawn when it is sent.

A sender that will have no answer sends again when it would have noticed: as much later than the message would have
arrived as `retry_s` says, twice as long each time, up to 32 times.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import expm1, inf, log
from random import Random
from typing import final

import numpy as np

from hogwild.engines.plan import Faults
from hogwild.engines.transport import Act, Host
from hogwild.engines.virtual.agenda import Agenda
from hogwild.engines.virtual.links import Links
from hogwild.traffic import FaultReport

STREAM = 4  # of random numbers, among those of a run's seed
MOST_DOUBLINGS = 5  # of the time that a sender waits


class Unreachable(RuntimeError):
    """A message that never arrives: two hosts are cut off from each other for good."""


@final
class Letter:
    """What is sent until it gets there.

    arrived : called when it has arrived; twice, if it was doubled
    again :   called when the sender notices that it was lost; None: it is sent again
    """

    __slots__ = ("again", "arrived", "life", "n_bytes", "since_s", "source", "target", "tries")

    def __init__(self, source: Host, target: Host, n_bytes: int, arrived: Act, again: Act | None = None) -> None:
        self.source, self.target, self.n_bytes, self.arrived, self.again = source, target, n_bytes, arrived, again
        self.tries, self.since_s, self.life = 0, -1.0, -1


@final
class Mail:
    """Hosts that are dead neither send nor receive; what they had sent before still arrives."""

    def __init__(
        self, agenda: Agenda, links: Links, plan: Faults, retry_s: float, lease_s: float, seed: int, report: FaultReport
    ) -> None:
        self._agenda, self._links, self.retry_s, self.lease_s, self.report = agenda, links, retry_s, lease_s, report
        key = np.random.SeedSequence([seed, STREAM]).generate_state(1, np.uint64)[0]
        self._draw = Random(int(key)).random
        self._lose, self._double, self._delay = (_together(plan, kind) for kind in ("lose", "duplicate", "reorder"))
        self._late_s = max((fault.by_s for fault in plan.of_kind("reorder")), default=0.0)
        self._cuts = [
            (fault.from_s, fault.to_s, _hosts(fault.workers, fault.shards)) for fault in plan.of_kind("partition")
        ]
        self._slow = [fault for fault in plan.of_kind("slow") if fault.shards]
        self._lives: dict[Host, int] = {}  # how often each host has died
        self._dead: set[Host] = set()

    # -------------------------------------------------------------------------------------------------------- hosts

    def die(self, host: Host) -> None:
        """The host is dead."""
        self._lives[host] = self._lives.get(host, 0) + 1
        self._dead.add(host)

    def rise(self, host: Host) -> None:
        """Another process has taken its place."""
        self._dead.discard(host)

    def is_dead(self, host: Host) -> bool:
        """Is nobody there?"""
        return host in self._dead

    def healed_s(self, source: Host, target: Host) -> float:
        """When the two can reach each other again; now if they are not cut off, infinite if they never can."""
        time_s = now = self._agenda.now
        for begin, end, hosts in self._cuts:
            if begin <= now < end and (source in hosts) != (target in hosts):
                time_s = max(time_s, end)
        return time_s

    # ----------------------------------------------------------------------------------------------------- messages

    def transmit(self, letter: Letter) -> None:
        """Send it, once more if it was lost before. From a host that has died since: no more."""
        now, life = self._agenda.now, self._lives.get(letter.source, 0)
        if letter.tries == 0:
            letter.since_s, letter.life = now, life
        if letter.life != life or letter.source in self._dead:
            return
        if self._slow:
            self._slow_down()
        letter.tries += 1
        self.report.sent_again += letter.tries > 1
        arrival_s = self._links.arrival(letter.source, letter.target, letter.n_bytes, now)
        # All are drawn in any case, so that with a larger share the same messages are lost, and some more.
        lost, delayed, doubled = self._draw() < self._lose, self._draw() < self._delay, self._draw() < self._double
        if lost or self.healed_s(letter.source, letter.target) > now:
            self._miss(letter, arrival_s)
            return
        self._agenda.at(arrival_s + (self._late_s if delayed else 0.0), partial(self._arrive, letter))
        if doubled:
            arrival_s = self._links.arrival(letter.source, letter.target, letter.n_bytes, now)
            self._agenda.at(arrival_s, partial(self._arrive_again, letter))

    def _arrive(self, letter: Letter) -> None:
        if letter.target in self._dead:
            self.miss(letter)
        else:
            letter.arrived()

    def miss(self, letter: Letter) -> None:
        """It has arrived where nobody wants it: as if it had not."""
        self._miss(letter, self._agenda.now)

    def _arrive_again(self, letter: Letter) -> None:
        if letter.target not in self._dead:
            letter.arrived()

    def _miss(self, letter: Letter, arrival_s: float) -> None:
        """It is lost; its sender will notice."""
        self.report.lost_messages += 1
        healed_s = self.healed_s(letter.source, letter.target)
        if healed_s == inf and arrival_s - letter.since_s > self.lease_s:
            raise never(letter.source, letter.target, letter.since_s)
        again_s = arrival_s + self.retry_s * 2.0 ** min(letter.tries - 1, MOST_DOUBLINGS)
        if self._agenda.now < healed_s < inf:  # soon after it is healed, however long it lasts
            again_s = min(again_s, max(healed_s, arrival_s) + self.retry_s)
        self._agenda.at(again_s, letter.again or partial(self.transmit, letter))

    def _slow_down(self) -> None:
        """Links are as slow now as the plan says."""
        times: dict[Host, float] = {}
        for fault in self._slow:
            host, slow = ("shard", fault.shards[0]), fault.from_s <= self._agenda.now < fault.to_s
            times[host] = times.get(host, 1.0) * (fault.amount if slow else 1.0)
        for host, factor in times.items():
            self._links.slow(host, factor)

    def stage_s(self, messages: int) -> float:
        """How much longer a stage takes that ends when all of so many messages have arrived: it waits for the one that
        is lost most often. P(at most k times) = (1 - p^(k+1))^messages.
        """
        luck = self._draw()
        if not self._lose or not luck:
            return 0.0
        times = int(log(-expm1(log(luck) / messages)) / log(self._lose))
        self.report.lost_messages += times
        self.report.sent_again += times
        return self.retry_s * (2.0**times - 1.0)


def never(source: Host, target: Host, since_s: float) -> Unreachable:
    """The error for two hosts that cannot reach each other any more."""
    return Unreachable(
        f"{source[0]} {source[1]} cannot reach {target[0]} {target[1]} since {since_s:.6g} s: a partition stands "
        "between them for good; let it end, Fault.partition(..., to_s=...)"
    )


def _together(plan: Faults, kind: str) -> float:
    """The share of messages that one fault of this kind or another befalls."""
    spared = 1.0
    for fault in plan.of_kind(kind):
        spared *= 1.0 - fault.amount
    return 1.0 - spared


def _hosts(workers: Iterable[int], shards: Iterable[int]) -> set[Host]:
    return {("worker", rank) for rank in workers} | {("shard", number) for number in shards}
