"""Workers are actors of a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from hogwild.engines.checks import check_job
from hogwild.interfaces import AbstractEngine, Job, Result
from hogwild.limits import check_fields


@final
@dataclass(frozen=True)
class Ray(AbstractEngine):
    """Each worker is an actor of a Ray cluster, a process of its own on any of its machines."""

    workers: int = 2
    shards: int = 1
    address: str | None = None
    can: ClassVar[frozenset[str]] = frozenset({"server"})

    def __post_init__(self) -> None:
        check_fields(self, "workers", "shards")

    @property
    def size(self) -> int:
        return int(self.workers)

    def run(self, job: Job) -> Result:
        """Run the strategy on every worker; Unsupported if it cannot run here."""
        check_job(job, self)
        from hogwild.engines.ray.cast import Cast
        from hogwild.engines.ray.driver import Driver

        with Cast(self.size) as cast:
            return Driver(job, cast, int(self.shards)).run()
