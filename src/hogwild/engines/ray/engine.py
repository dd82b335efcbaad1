"""Workers are actors of a Ray cluster: processes on any of its machines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, final

from hogwild.engines.checks import check_job, check_least
from hogwild.engines.threads import available_cores
from hogwild.interfaces import AbstractEngine, AbstractStrategy, Job, Result
from hogwild.limits import check_bool, check_fields, check_positive, check_whole, is_number, is_whole
from hogwild.names import wrong_type

if TYPE_CHECKING:
    from hogwild.engines.ray.cluster import Cluster


@final
@dataclass(frozen=True)
class Ray(AbstractEngine):
    """Each worker is an actor of a Ray cluster (Moritz et al. 2018), a process on any of its machines. Needs the extra
    `cluster`.

    workers : how many
    least :   so many of them are enough to begin; the others join when the cluster has room for them. None: all
    shards :  into how many parts the parameter server cuts the weights, for strategies that have one
    address : of the cluster: "auto" for one that runs on this machine, "host:port", or "ray://host:port". None: the one
              that this process has joined, else the environment's RAY_ADDRESS, else a local one is started, which
              listens on 127.0.0.1 only, asks for a token and ends with this process. "local": in any case that.
    threads : of each worker, which then trains its weights with all of them at once, without locks, as `Hogwild` does
    cpus, gpus : cores and graphics processors for each worker, as Ray counts them. None: a core for each thread
    resources : others that each worker needs, by the names that the cluster's hosts give them: {"disk": 1}
    runtime_env : what Ray makes ready for each process: {"env_vars": {...}, "pip": [...], "working_dir": ...}
    restarts : so many processes of workers that die in a run are replaced, and so many of shards and copies
    patience_s : a process that gives no sign of life for so long is ended, as its host hangs or cannot be reached; and
              so long the others wait for another in its place, if nobody else has its rows
    unauthenticated : join also a cluster that lets in everybody who reaches it
    backups : has each shard a copy in another process, on another machine where there is one? None: if the cluster has
              more than one machine

    The data are sent to each machine once; `Local` data are opened by the workers, and sent nowhere. Each
    shard of the server is an actor that workers talk to directly, spread over the machines. In longer runs they sum
    among themselves, if PyTorch is installed there. What else they ask of each other goes through one more actor, the
    conductor, then by connections, too. Memory is not shared between workers: see `Unsupported`. With `threads` the
    same seed does not give the same bits.

    A worker whose process dies is not waited for, what it had begun to learn goes to others, and another process takes
    its place as soon as the cluster has room for one, with the weights of one of the others: if the strategy survives
    that (`AbstractStrategy.survives`), else the run ends with `ActorLost`. `History.traffic.faults` counts.

    With `backups` a push is acknowledged, and a pull answered, when the copy knows all that the answer was made of. So
    the death of a shard's process, or of its machine, loses nothing that a worker was told: the copy takes its place,
    workers ask again what was not answered, which is applied once, and another copy is made meanwhile. When both die
    the run ends with `ActorLost`.

    Ctrl-C ends training and keeps the best model so far. What a worker raises is raised here, with the traceback of its
    process as the cause. Workers that wait for each other for ever raise `Deadlock`. Processes stay for the next run of
    this one.

    Raises ImportError if Ray is missing or too old, ConnectionError if there is no cluster at the address or it does
    not let us in, ClusterError if its versions differ or it has too little, TypeError for a model or strategy that
    cannot be sent to another process.
    """

    workers: int = 2
    shards: int = 1
    address: str | None = None
    threads: int = 1
    cpus: float | None = None
    gpus: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict, hash=False)
    runtime_env: Mapping[str, Any] = field(default_factory=dict, hash=False)
    restarts: int = 10
    patience_s: float = 60.0
    unauthenticated: bool = False
    backups: bool | None = None
    least: int | None = None
    can: ClassVar[frozenset[str]] = frozenset({"server"})
    opens: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self, "workers", "shards", "threads")
        if self.cpus is not None:
            check_positive("cpus", self.cpus, ", or None for one a thread")
        check_whole("restarts", self.restarts, 0)
        check_positive("patience_s", self.patience_s)
        check_bool("unauthenticated", self.unauthenticated)
        if self.backups is not None and not isinstance(self.backups, bool):
            raise wrong_type("backups", self.backups, "True, False or None")
        if self.least is not None and not (is_whole(self.least) and 1 <= self.least <= self.workers):
            raise ValueError(
                f"least={self.least!r} must be a whole number from 1 to workers={self.workers!r}, or None for all"
            )
        if not (is_number(self.gpus) and 0 <= self.gpus < math.inf):
            raise ValueError(f"gpus={self.gpus!r} must be a number of at least 0")
        for name in ("resources", "runtime_env"):
            if not isinstance(getattr(self, name), Mapping):
                raise wrong_type(name, getattr(self, name), "a dict")
        for name, amount in self.resources.items():
            if name in ("CPU", "GPU"):
                raise ValueError(f"resources has {name!r}: give {name.lower()}s={amount!r} instead")
            check_positive(f"resources[{name!r}]", amount)

    @property
    def size(self) -> int:
        return int(self.workers)

    def run(self, job: Job) -> Result:
        """Run the strategy on every worker; Unsupported if it cannot run here."""
        check_job(job, self)
        least = self.size if self.least is None else int(self.least)
        check_least(job, least, self.size)
        from hogwild.engines.ray.cluster import joined

        cpus = float(self.threads) if self.cpus is None else self.cpus
        apiece = {"CPU": cpus, **({"GPU": self.gpus} if self.gpus else {}), **self.resources}
        wanted = {name: least * amount for name, amount in apiece.items()}
        cores = max(available_cores(), math.ceil(self.size * cpus))  # of a cluster of our own: workers may share a core
        with joined(self.address, cpus=cores, unauthenticated=self.unauthenticated) as cluster:
            cluster.check_resources(wanted, apiece)
            from hogwild.engines.ray.cast import Cast
            from hogwild.engines.ray.driver import Driver
            from hogwild.engines.ray.pulse import Pulse

            shards = 0 if job.strategy.server is None else int(self.shards)
            backed = shards > 0 and self._backed(job.strategy, cluster)
            with (
                Cast(self.size, shards, apiece, self.runtime_env, stays=cluster.local, backed=backed) as cast,
                Pulse(self.patience_s, cast.conductor) as pulse,
            ):
                return Driver(job, cast, int(self.restarts), int(self.threads), pulse, least).run()

    def _backed(self, strategy: AbstractStrategy, cluster: Cluster) -> bool:
        """Shall each shard have a copy? Not if the run would end with a shard in any case."""
        wanted = cluster.n_hosts > 1 if self.backups is None else bool(self.backups)
        return wanted and "lost shard" in strategy.survives
