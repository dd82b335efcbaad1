"""Several threads of one worker, which train its weights at once: Hogwild! within a worker of any strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import repeat
from math import lcm
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar, final

import numpy as np

from hogwild.data.blocks import Block, count_rows, pieces
from hogwild.deltas import Delta, total
from hogwild.interfaces import AbstractTask, Tally
from hogwild.memory import CONTROL_CELLS, Memory, Replicas
from hogwild.params import Params
from hogwild.requests import Steps
from hogwild.rows import Keys
from hogwild.rules.schedules import Moment

PIECES = 4  # of a request, for each thread, if they are not too small: so all finish together
PIECE_ROWS = 2_048
GRADIENT_ROWS = 512  # fewer are not worth another thread

Given = TypeVar("Given")
Found = TypeVar("Found")
Piece = tuple[int, list[Block]]


class Learner(Protocol):
    """Who learns: an `AbstractTask`, or several threads at once."""

    def steps(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None: ...
    def gradient(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Keys | None) -> Delta: ...


@final
class Hands:
    """`threads` threads for what one worker computes, on n rows in all.

    They make steps as `Hogwild(Replicas())` does: each on a copy, whose changes are added to the worker's weights
    without locks. So the same seed does not give the same bits. Gradients and tallies are sums, and do.
    """

    def __init__(self, task: AbstractTask, memory: Memory, n: int, threads: int) -> None:
        self._task, self._n, self._threads = task, n, threads
        self._pool = ThreadPoolExecutor(threads, "hogwild-hand")
        control = np.zeros(CONTROL_CELLS, np.int64)
        weights = memory.shared
        self._memories = [Memory(k, threads, weights, control, Replicas(), true=True) for k in range(threads)]
        for each in self._memories:
            each.mine, each.base = np.empty_like(weights), np.empty_like(weights)
            each.mean = np.zeros_like(memory.mean)
        first = self._memories[0]
        first.mean[:], first.mass[:] = memory.mean, memory.mass  # of a run that goes on

    def steps(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        """See `AbstractTask.steps`; in no order. `memory` is the one that this began with."""
        left: SimpleQueue[Piece] = SimpleQueue()
        for piece in (found := self._cut(blocks, request.minibatch)):
            left.put(piece)

        def work(mine: Memory) -> None:
            try:
                while True:
                    before, piece = left.get_nowait()
                    self._task.steps(mine, piece, moment._replace(done=moment.done + before), request)
            except Empty:
                pass

        for k, mine in enumerate(self._memories):
            # What is never shared is the first one's; it is the same for all when they begin.
            mine.state = {name: array.copy() for name, array in memory.state.items()} if k else memory.state
        if len(found) > 1:
            self._all(work, self._memories)
        else:
            work(self._memories[0])
        if memory.mean.size:
            masses = [mine.mass[0] for mine in self._memories]
            memory.mass[0] = sum(masses)
            if memory.mass[0]:
                memory.mean[:] = np.average([mine.mean for mine in self._memories], axis=0, weights=masses)

    def gradient(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Keys | None) -> Delta:
        """See `AbstractTask.gradient`."""
        rows = sum(count_rows(block, self._n) for block in blocks)
        parts = min(self._threads, rows // GRADIENT_ROWS)
        if parts < 2:
            return self._task.gradient(params, blocks, moment, keys)
        found = pieces(blocks, self._n, 1, parts)
        own = [params, *(params.beside() for _ in found[1:])]
        whole = total(self._all(lambda k: self._task.gradient(own[k], found[k][1], moment, keys), range(len(found))))
        return replace(whole, steps=1)

    def tally(self, params: Params, blocks: Sequence[Block]) -> list[Tally]:
        """Of each of the blocks."""
        return list(self._pool.map(self._task.tally, repeat(params), blocks))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _cut(self, blocks: Sequence[Block], minibatch: int) -> list[Piece]:
        """Minibatches stay whole, and chunks if there are enough."""
        rows = sum(count_rows(block, self._n) for block in blocks)
        unit = lcm(minibatch, max((block.chunk for block in blocks), default=1))
        unit = unit if unit * self._threads <= rows else minibatch
        parts = max(min(PIECES * self._threads, rows // PIECE_ROWS), min(self._threads, rows // unit))
        return pieces(blocks, self._n, unit, max(1, parts))

    def _all(self, act: Callable[[Given], Found], of: Sequence[Given]) -> list[Found]:
        """All have ended when this returns, or raises what the first of them has raised."""
        begun = [self._pool.submit(act, each) for each in of]
        errors = [one.exception() for one in begun]
        for error in errors:
            if error is not None:
                raise error
        return [one.result() for one in begun]
