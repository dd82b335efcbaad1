"""Weights are judged where the examples are: by the processes of the workers, which wait meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, final

import ray

from hogwild.data.blocks import Block
from hogwild.engines.judging import AbstractJudges, Tallier
from hogwild.engines.ray.errors import Failure
from hogwild.engines.ray.terms import Judged
from hogwild.engines.waits import Aborted
from hogwild.interfaces import AbstractTask, Tally
from hogwild.params import Params


@final
class Judges(AbstractJudges):
    """The actors of the workers, by rank. `find_lost(rank, why)`: one has died; does the run go on? `is_dead(rank)`:
    has nobody taken its place?
    """

    part = 0.75

    def __init__(
        self, deputies: list[Any], find_lost: Callable[[int, str], bool], is_dead: Callable[[int], bool]
    ) -> None:
        self._deputies, self._find_lost, self._is_dead = deputies, find_lost, is_dead
        self._numbers = count()

    def tallier(self, task: AbstractTask, params: Params) -> Tallier:
        judged = ray.put(Judged(next(self._numbers), params))  # once, for all blocks

        def tally(rank: int, blocks: Sequence[Block]) -> Sequence[Tally]:
            """By another, if this worker has died."""
            size = len(self._deputies)
            for other in ((rank + k) % size for k in range(size)):
                if self._is_dead(other):
                    continue
                try:
                    found: list[Tally] | Failure = ray.get(self._deputies[other].tally.remote(judged, blocks))
                except ray.exceptions.RayActorError as error:
                    if not self._find_lost(other, str(error)):
                        break
                    continue
                if isinstance(found, Failure):
                    raise found.again()
                return found
            raise Aborted

        return tally

    def together(self, work: Callable[[int], None]) -> None:
        with ThreadPoolExecutor(len(self._deputies)) as pool:
            list(pool.map(work, range(len(self._deputies))))
