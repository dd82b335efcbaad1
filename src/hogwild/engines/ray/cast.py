"""The actors of a run. Those of one that has ended wait for the next: to start a process takes seconds."""

from __future__ import annotations

from types import TracebackType
from typing import Any, final

import ray

from hogwild.engines.ray.conductor import Conductor
from hogwild.engines.ray.deputy import Deputy

LEAST_THREADS = 64  # of a conductor, so that the next run may have more workers
FURTHER_THREADS = 8  # of it, beside two in which each worker may wait: for the driver


class _Resting:
    """Those of one cluster that wait for a run."""

    def __init__(self) -> None:
        self.deputies: list[Any] = []
        self.conductors: dict[int, list[Any]] = {}  # by their number of threads


_resting: dict[str, _Resting] = {}  # by cluster


@final
class Cast:
    """A conductor and a deputy for each worker, for one run: `with Cast(2) as cast`.

    at_rest : set it when the run has ended, with or without an error; who may still wait for somebody is killed
    """

    def __init__(self, size: int) -> None:
        self._resting = _resting.setdefault(ray.get_runtime_context().get_job_id(), _Resting())
        self._threads = max(LEAST_THREADS, 2 * size + FURTHER_THREADS)
        conductors, deputies = self._resting.conductors.get(self._threads, []), self._resting.deputies
        self.conductor: Any = conductors.pop() if conductors else _actor(Conductor, max_concurrency=self._threads)
        self.deputies = [deputies.pop() for _ in range(min(size, len(deputies)))]
        self.deputies += [_actor(Deputy, concurrency_groups={"mail": 1}) for _ in range(size - len(self.deputies))]
        self.at_rest = False

    def __enter__(self) -> Cast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.at_rest:
            self._resting.deputies += self.deputies
            self._resting.conductors.setdefault(self._threads, []).append(self.conductor)
        else:
            for actor in (*self.deputies, self.conductor):
                ray.kill(actor)


def _actor(kind: type, **options: Any) -> Any:
    make: Any = ray.remote
    return make(num_cpus=0, **options)(kind).remote()
