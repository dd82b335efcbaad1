"""The actors of a run. Those of one that ended well wait for the next: to start a process takes seconds."""

from __future__ import annotations

from types import TracebackType
from typing import Any, final

import ray

from hogwild.engines.ray.conductor import FURTHER_THREADS, Conductor
from hogwild.engines.ray.deputy import Deputy

_resting: dict[tuple[str, int], list[Cast]] = {}  # by cluster, and number of workers


@final
class Cast:
    """A conductor and its deputies, for one run: `with Cast.of(2) as cast`."""

    def __init__(self, size: int) -> None:
        threads = 2 * size + FURTHER_THREADS
        self.conductor: Any = _actor(Conductor, max_concurrency=threads)
        self.deputies = [_actor(Deputy, concurrency_groups={"mail": 1}) for _ in range(size)]
        self.at_rest = False  # has the run ended, so that they may have another?

    @classmethod
    def of(cls, size: int) -> Cast:
        """One that rests, or another one."""
        resting = _resting.get(_key(size))
        cast = resting.pop() if resting else cls(size)
        cast.at_rest = False
        return cast

    def __enter__(self) -> Cast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.at_rest:
            _resting.setdefault(_key(len(self.deputies)), []).append(self)
        else:  # some of them may still be waiting for others
            for actor in (*self.deputies, self.conductor):
                ray.kill(actor)


def _key(size: int) -> tuple[str, int]:
    return ray.get_runtime_context().get_job_id(), size


def _actor(kind: type, **options: Any) -> Any:
    make: Any = ray.remote
    return make(num_cpus=0, **options)(kind).remote()
