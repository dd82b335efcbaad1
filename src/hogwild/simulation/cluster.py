"""Machines that are described: what an example and a message take, how unequal they are, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, final

from hogwild.engines import Fault, Link, Simulated, Speeds
from hogwild.limits import check_positive, is_number


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
        self.engine(1)
        if not (is_number(self.judge_s) and 0 <= self.judge_s < math.inf):
            raise ValueError(f"judge_s={self.judge_s!r} must be a number of seconds of at least 0")
        if self.price_per_hour is not None:
            check_positive("price_per_hour", self.price_per_hour, ", or None")

    def engine(self, workers: int) -> Simulated:
        """So many of these machines, and those of the server."""
        there = {"worker": workers, "shard": self.shards}
        return Simulated(
            workers,
            self.shards,
            self.latency_s,
            self.bandwidth_bytes_s,
            self.example_s,
            self.speeds,
            {host: link for host, link in self.links.items() if host[1] < there.get(host[0], math.inf)},
            [each for each in self.faults if max(each.workers, default=0) < workers],
        )


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
