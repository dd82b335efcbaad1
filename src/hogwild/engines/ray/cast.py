"""The actors of a run. Those of one that has ended wait for the next: to start a process takes seconds."""

from __future__ import annotations

from types import TracebackType
from typing import Any, final

import ray

from hogwild.engines.ray.conductor import Conductor
from hogwild.engines.ray.deputy import Deputy

LEAST_THREADS = 64  # of a conductor, so that the next run may have more workers
FURTHER_THREADS = 8  # of it, beside three in which each worker may wait: for the driver


_resting: dict[tuple[object, ...], list[Any]] = {}  # by connection to a cluster, kind of actor, and what it was given


@final
class Cast:
    """A conductor and a deputy for each worker, for one run: `with Cast(2, cpus=1.0, stays=True) as cast`.

    stays :   do they wait for another run when this one has ended? They keep their cores.
    at_rest : set it then, with or without an error; who may still wait for somebody is killed
    """

    def __init__(self, size: int, cpus: float, *, stays: bool) -> None:
        context, self._stays = ray.get_runtime_context(), stays
        job = context.get_job_id(), context.get_node_id()  # the first job of each cluster has the same number
        for key in [key for key in _resting if key[0] != job]:  # of a cluster that we have left
            del _resting[key]
        for key in [key for key in _resting if key[1] is Deputy and key[2] != cpus]:  # they hold cores
            _end(_resting.pop(key))
        threads = max(LEAST_THREADS, 3 * size + FURTHER_THREADS)
        self._conductors = _resting.setdefault((job, Conductor, threads), [])
        self._deputies = deputies = _resting.setdefault((job, Deputy, cpus), [])
        self.conductor = self._conductors.pop() if self._conductors else _actor(Conductor, max_concurrency=threads)
        self.deputies = [deputies.pop() for _ in range(min(size, len(deputies)))]
        self.deputies += [
            _actor(Deputy, num_cpus=cpus, concurrency_groups={"mail": 1}) for _ in range(size - len(self.deputies))
        ]
        self.at_rest = False

    def __enter__(self) -> Cast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.at_rest and self._stays:
            self._deputies += self.deputies
            self._conductors.append(self.conductor)
        else:
            _end([*self.deputies, self.conductor])


def _end(actors: list[Any]) -> None:
    for actor in actors:
        ray.kill(actor)


def _actor(kind: type, **options: Any) -> Any:
    make: Any = ray.remote
    return make(**{"num_cpus": 0, **options})(kind).remote()
