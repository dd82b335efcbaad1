"""Machines that are described: what an example and a message take, how unequal they are, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, final

from hogwild.engines import Fault, Link, Simulated, Speeds
from hogwild.limits import check_positive, is_number, is_whole
from hogwild.names import wrong_type


@final
@dataclass(frozen=True)
class Cluster:
    """So many machines as one likes, each with a worker or a shard of the server.

    latency_s, bandwidth_bytes_s, speeds, links, faults, shards : see `Simulated`. Links and faults of machines that a
                     smaller cluster has not are left out there
    example_s :      seconds that a machine takes to learn an example; "measured": as long as one core of this machine
    judge_s :        and to judge one after an epoch, which takes no time on `Simulated`
    price_per_hour : of a machine, in any currency; None: nobody asks

    Raises ValueError or TypeError for numbers that make no sense.
    """

    latency_s: float = 50e-6
    bandwidth_bytes_s: float = 1.25e9
    example_s: float | Literal["measured"] = "measured"
    judge_s: float = 0.0
    shards: int = 1
    speeds: Speeds = field(default_factory=Speeds)
    links: Mapping[tuple[str, int], Link] = field(default_factory=dict, hash=False)
    faults: Sequence[Fault] = ()
    price_per_hour: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.links, Mapping):
            raise wrong_type("links", self.links, "a dict such as {('worker', 3): Link(latency_s=0.1)}")
        if isinstance(self.faults, str) or not all(isinstance(each, Fault) for each in self.faults):
            raise wrong_type("faults", self.faults, "a list of faults such as Fault.kill(worker=3, at_s=1.5)")
        named = [_worker(host) for host in self.links] + [rank for each in self.faults for rank in each.workers]
        self.engine(1 + max(named, default=0))
        if not (is_number(self.judge_s) and 0 <= self.judge_s < math.inf):
            raise ValueError(f"judge_s={self.judge_s!r} must be a number of seconds of at least 0")
        if self.price_per_hour is not None:
            check_positive("price_per_hour", self.price_per_hour, ", or None")

    def engine(self, workers: int) -> Simulated:
        """So many of these machines, and those of the server."""
        return Simulated(
            workers,
            self.shards,
            self.latency_s,
            self.bandwidth_bytes_s,
            self.example_s,
            self.speeds,
            {host: link for host, link in self.links.items() if _worker(host) < workers},
            [each for fault in self.faults if (each := _among(fault, workers)) is not None],
        )


def _worker(host: Any) -> int:
    """The number of a host that is a worker; else 0, which is always there."""
    return host[1] if isinstance(host, tuple) and len(host) == 2 and host[0] == "worker" and is_whole(host[1]) else 0


def _among(fault: Fault, workers: int) -> Fault | None:
    """As far as it concerns these; None: not at all."""
    there = tuple(rank for rank in fault.workers if rank < workers)
    if there == fault.workers:
        return fault
    return replace(fault, workers=there) if there or fault.shards else None


PRESETS: dict[str, Cluster] = {
    "lan10g": Cluster(),
    "cloud": Cluster(
        150e-6, 0.625e9, speeds=Speeds(spread=0.05, jitter=0.1, straggle=0.005, straggle_factor=5.0), price_per_hour=0.2
    ),
    "wan": Cluster(20e-3, 12.5e6, speeds=Speeds(spread=0.3, jitter=0.1)),
}
"""lan10g: equal machines on one switch, 10 Gbit/s and 50 us. cloud: virtual machines of one zone, 5 Gbit/s and 150 us,
whose neighbours slow them down now and then. wan: unequal machines of several sites, 100 Mbit/s and 20 ms.
"""
