"""The conductor's view of what the workers have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, final

import ray

from hogwild.answers import Reduced
from hogwild.engines.council import AbstractSums
from hogwild.engines.mirrors import AbstractMirrors
from hogwild.engines.ray.errors import LOST, said
from hogwild.engines.ray.terms import Shown
from hogwild.engines.ray.visits import Visitor, is_like, unconnected
from hogwild.engines.waits import Aborted
from hogwild.params import Params


@final
class Mirrors(AbstractMirrors):
    """What workers have is asked of their actors. `find_lost(rank, deputy, why)`: this one has died; does the run go
    on?
    """

    def __init__(self, find_lost: Callable[[int, Any, str], bool]) -> None:
        self._find_lost = find_lost
        self.visitor: Visitor = unconnected
        self.deputies: list[Any] = []
        self.params: list[Params] = []
        self.memories: list[Any] = []
        self._told: list[Any] = []  # what workers were told, not awaited yet

    def bring(self, rank: int) -> bool:
        return bool(self.bring_all([rank]))

    def bring_all(self, ranks: Collection[int]) -> Sequence[int]:
        deputies = [(rank, self.deputies[rank]) for rank in ranks]
        asked = [(rank, deputy, self._begin(rank, deputy)) for rank, deputy in deputies]
        return [rank for rank, deputy, shown in asked if self._take(rank, deputy, shown)]

    def _begin(self, rank: int, deputy: Any) -> Callable[[], Shown]:
        """Ask it; what is returned waits for what it shows."""
        visits = self.visitor(rank)
        answer = None if visits is None else visits.show()
        asked = deputy.show.remote() if answer is None else None

        def shown() -> Shown:
            if answer is not None:
                for found in answer():
                    if isinstance(found, Shown) and is_like(found.state, self.params[rank].state):
                        return found
            last: Shown = ray.get(deputy.show.remote() if asked is None else asked)
            return last

        return shown

    def _take(self, rank: int, deputy: Any, asked: Callable[[], Shown]) -> bool:
        try:
            shown = asked()
        except LOST as error:
            if self._find_lost(rank, deputy, said(error)):
                return False
            raise Aborted from error
        params, memory = self.params[rank], self.memories[rank]
        params.weights[:] = shown.weights
        params.state.update({name: array.copy() for name, array in shown.state.items()})
        memory.mean[:], memory.mass[:] = shown.mean, shown.mass
        return True

    def give(self, rank: int) -> None:
        deputy = self.deputies[rank]
        try:
            ray.get(deputy.become.remote(self.params[rank].weights))
        except LOST as error:
            self._find_lost(rank, deputy, said(error))

    def break_off(self, dead: Callable[[int], bool]) -> None:
        """Nobody waits for the dead in sums that workers make among themselves."""
        self._told += [deputy.break_off.remote() for rank, deputy in enumerate(self.deputies) if not dead(rank)]

    def stop(self, dead: Callable[[int], bool]) -> None:
        """The run is over: who computes would not ask for long."""
        self._told += [deputy.stop.remote() for rank, deputy in enumerate(self.deputies) if not dead(rank)]

    def end(self) -> None:
        """All have heard what they were told: not in the next run."""
        for answer in self._told:
            with suppress(ray.exceptions.RayActorError):
                ray.get(answer)

    def sealed(self, rank: int, number: int, is_dead: Callable[[int], bool]) -> Reduced | None:
        """This sum, if another than this worker has it; none of them makes it now with others."""
        others = [each for other, each in enumerate(self.deputies) if other != rank and not is_dead(other)]
        found = None
        for asked in [deputy.seal.remote(number) for deputy in others]:
            with suppress(*LOST):
                found = ray.get(asked) or found
        return found


@final
class Arrivals(AbstractSums):
    """In how many sums the workers have come, who are asked."""

    def __init__(self, deputies: Sequence[Any]) -> None:
        self._deputies = deputies

    def come(self, ranks: Sequence[int]) -> Sequence[int]:
        found = []
        for asked in [self._deputies[rank].sums.remote() for rank in ranks]:
            try:
                found.append(ray.get(asked))
            except LOST:  # for whom nobody will wait when that is known here
                found.append(sys.maxsize)
        return found
