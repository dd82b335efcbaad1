"""Weights are judged where the examples are: by the processes of the workers, which wait meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any, final

import ray

from hogwild.data.blocks import Block
from hogwild.engines.judging import AbstractJudges, Tallier
from hogwild.engines.ray.answering import NOTHING
from hogwild.engines.ray.batches import tallies_of
from hogwild.engines.ray.errors import LOST, Failure, said
from hogwild.engines.ray.groups import PULSE
from hogwild.engines.ray.terms import ActorLost, Judged
from hogwild.engines.ray.visits import Visit, Visited, Visitor, Visits, unconnected
from hogwild.engines.waits import Aborted
from hogwild.interfaces import AbstractTask, Tally
from hogwild.params import Params


@final
class _Judging:
    """Weights that are judged, which go to each process once, for all blocks."""

    def __init__(self, judged: Judged) -> None:
        self._judged, self._sent = judged, None
        self._lock = threading.Lock()

    def sent(self) -> Any:
        """Where they lie in the object store."""
        with self._lock:
            if self._sent is None:
                self._sent = ray.put(self._judged)
            return self._sent

    def ask(self, visits: Visits, blocks: Sequence[Block]) -> Visit:
        """Ask a worker by this connection for tallies."""
        answer = visits.judge(*self._judged, blocks)
        if answer is None:
            return nothing

        def tallies() -> Visited:
            found = [tallies_of(each, len(blocks)) for each in answer()]
            return NOTHING if None in found else tuple(found)

        return tallies


def nothing() -> Visited:
    """The answer where nobody is asked by a connection."""
    return NOTHING


@final
class Judges(AbstractJudges):
    """The actors of the workers, by rank. `find_lost(rank, deputy, why)`: this one has died; does the run go on?
    `is_dead(rank)`: has nobody taken its place? `apart`: does each have rows that no other has? Then others wait for
    `patience_s` for another process that has those of one that has died.
    """

    # Measured with two workers, 49 blocks each half a millisecond: a batch more costs one, and with all at once, 1.0,
    # one waits for the other.
    part, ahead = 0.9, 2

    def __init__(
        self,
        deputies: list[Any],
        find_lost: Callable[[int, Any, str], bool],
        is_dead: Callable[[int], bool],
        patience_s: float,
        *,
        apart: bool,
    ) -> None:
        self._patience_s = patience_s
        self.visitor: Visitor = unconnected
        self._deputies, self._find_lost, self._is_dead, self._apart = deputies, find_lost, is_dead, apart
        self._changed = threading.Condition()  # of the deputies
        self._over = False
        self._numbers = count()

    def replace(self, rank: int, deputy: Any) -> None:
        """Another process takes the place of one that has died."""
        with self._changed:
            self._deputies[rank] = deputy
            self._changed.notify_all()

    def abort(self) -> None:
        """The run is over: nobody waits for another process any more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def tallier(self, task: AbstractTask, params: Params) -> Tallier:
        judged = _Judging(Judged(next(self._numbers), params))
        return partial(self._by_owner if self._apart else self._by_anybody, judged)

    def _visit(self, judged: _Judging, rank: int, blocks: Sequence[Block]) -> Visit:
        """Ask this worker by its connection, if it has one."""
        visits = self.visitor(rank)
        return nothing if visits is None else judged.ask(visits, blocks)

    def _by_anybody(self, judged: _Judging, rank: int, blocks: Sequence[Block]) -> Callable[[], Sequence[Tally]]:
        """By another, if this worker has died."""
        first, dead = self._deputies[rank], self._is_dead(rank)
        answer = nothing if dead else self._visit(judged, rank, blocks)
        asked = self._begin(first, judged, blocks) if answer is nothing and not dead else None

        def wait() -> Sequence[Tally]:
            found: Sequence[Tally] | None = next(iter(answer()), None)
            if found is None and not dead:
                found = self._found(rank, first, self._begin(first, judged, blocks) if asked is None else asked)
            size = len(self._deputies)
            for other in ((rank + k) % size for k in range(1, size)):
                if found is None and not self._is_dead(other):
                    deputy = self._deputies[other]
                    found = self._found(other, deputy, self._begin(deputy, judged, blocks))
            if found is None:
                raise Aborted
            return found

        return wait

    def _by_owner(self, judged: _Judging, rank: int, blocks: Sequence[Block]) -> Callable[[], Sequence[Tally]]:
        """By another process of this worker, if the one that we know has died: it opens the same rows."""
        deputy = self._deputies[rank]
        answer = self._visit(judged, rank, blocks)
        asked = self._begin(deputy, judged, blocks) if answer is nothing else None

        def wait() -> Sequence[Tally]:
            known, found = deputy, next(iter(answer()), None)
            if found is None:
                found = self._found(rank, deputy, self._begin(deputy, judged, blocks) if asked is None else asked)
            while found is None:
                known = self._other(rank, known)
                found = self._found(rank, known, self._begin(known, judged, blocks))
            return found

        return wait

    def _other(self, rank: int, known: Any) -> Any:
        """The process of this worker that is not the one that we know."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._over or self._deputies[rank] is not known, self._patience_s):
                raise self._missing(rank)
            if self._deputies[rank] is known:
                raise Aborted
            return self._deputies[rank]

    def _begin(self, deputy: Any, judged: _Judging, blocks: Sequence[Block]) -> Any:
        return deputy.tally.remote(judged.sent(), blocks)

    def _found(self, rank: int, deputy: Any, asked: Any) -> Sequence[Tally] | None:
        """None: it has died, and the run goes on."""
        try:
            if self._is_dead(rank):  # another process is still to begin, and there may be no room for it
                begun = deputy.__ray_ready__.options(concurrency_group=PULSE).remote()
                ray.get(begun, timeout=self._patience_s)
            found: list[Tally] | Failure = ray.get(asked)
        except ray.exceptions.GetTimeoutError as error:
            raise self._missing(rank) from error
        except LOST as error:
            if not self._find_lost(rank, deputy, said(error)):
                raise Aborted from error
            return None
        if isinstance(found, Failure):
            raise found.again()
        return found

    def _missing(self, rank: int) -> ActorLost:
        return ActorLost(
            f"worker {rank} has died, and no other process has taken its place in {self._patience_s:g} s (`patience_s` "
            "of the engine): nobody else has its rows, on which weights are to be judged"
        )

    def together(self, work: Callable[[int], None]) -> None:
        with ThreadPoolExecutor(len(self._deputies)) as pool:
            list(pool.map(work, range(len(self._deputies))))


def judges_lost() -> ActorLost:
    """Nobody is left who could judge."""
    return ActorLost(
        "the processes of workers have died before they had judged the last weights, and the run with them"
    )
