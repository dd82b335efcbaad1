"""Workers are actors of a Ray cluster: processes on any of its machines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from hogwild.engines.checks import check_job
from hogwild.engines.threads import available_cores
from hogwild.interfaces import AbstractEngine, Job, Result
from hogwild.limits import check_bool, check_fields, check_positive


@final
@dataclass(frozen=True)
class Ray(AbstractEngine):
    """Each worker is an actor of a Ray cluster (Moritz et al. 2018), a process on any of its machines. Needs the extra
    `cluster`.

    workers : how many
    shards :  into how many parts the parameter server cuts the weights, for strategies that have one
    address : of the cluster: "auto" for one that runs on this machine, "host:port", or "ray://host:port". None: the one
              that this process has joined, else the environment's RAY_ADDRESS, else a local one is started, which
              listens on 127.0.0.1 only, asks for a token and ends with this process. "local": in any case that.
    cpus :    cores for each worker, as Ray counts them; a worker computes with one
    unauthenticated : join also a cluster that lets in everybody who reaches it

    The data are sent to each machine once. What workers ask of each other and of the server goes through one more
    actor, the conductor, and takes about a millisecond. Memory is not shared: see `Unsupported`.

    Ctrl-C ends training and keeps the best model so far. What a worker raises is raised here, with the traceback of its
    process as the cause; a process that dies ends the run with `ActorLost`. Workers that wait for each other for ever
    raise `Deadlock`. Processes stay for the next run of this one.

    Raises ImportError if Ray is missing or too old, ConnectionError if there is no cluster at the address or it does
    not let us in, RuntimeError if its versions differ or it has too little, TypeError for a model or strategy that
    cannot be sent to another process.
    """

    workers: int = 2
    shards: int = 1
    address: str | None = None
    cpus: float = 1.0
    unauthenticated: bool = False
    can: ClassVar[frozenset[str]] = frozenset({"server"})

    def __post_init__(self) -> None:
        check_fields(self, "workers", "shards")
        check_positive("cpus", self.cpus)
        check_bool("unauthenticated", self.unauthenticated)

    @property
    def size(self) -> int:
        return int(self.workers)

    def run(self, job: Job) -> Result:
        """Run the strategy on every worker; Unsupported if it cannot run here."""
        check_job(job, self)
        from hogwild.engines.ray.cluster import joined

        wanted = self.size * self.cpus
        cores = max(available_cores(), math.ceil(wanted))  # of a cluster of our own: workers may share a core
        with joined(self.address, cpus=cores, unauthenticated=self.unauthenticated) as cluster:
            cluster.check_resources({"CPU": wanted}, {"CPU": self.cpus})
            from hogwild.engines.ray.cast import Cast
            from hogwild.engines.ray.driver import Driver

            shards = 0 if job.strategy.server is None else int(self.shards)
            with Cast(self.size, shards, self.cpus, stays=cluster.local) as cast:
                return Driver(job, cast).run()
