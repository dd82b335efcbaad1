"""What workers do with minibatches, for each way of sharing the weights.

All of them learn through two functions: `slope(minibatch)` leaves the minibatch's gradient in a private vector, and
`descend(minibatch)` takes it off the weights that were bound. Whoever waits for others leaves when the run is stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from hogwild.memory import ARRIVED, PHASE, STOP, TURN, Memory

LISTEN_S = 0.05  # who waits looks so often whether the run was told to stop


class Minibatch(NamedTuple):
    """Rows to learn with one step."""

    rows: Any  # (n,), int64 tensor
    offset: int  # rows of the request before it
    n: int


class Learning(NamedTuple):
    """How a worker learns a minibatch, on the weights that its replica is bound to."""

    slope: Callable[[Minibatch], None]
    descend: Callable[[Minibatch], None]

    def both(self, minibatches: Sequence[Minibatch]) -> None:
        """One step after another."""
        for minibatch in minibatches:
            self.slope(minibatch)
            self.descend(minibatch)


def on_copies(learn: Learning, minibatches: Sequence[Minibatch], every: int, memory: Memory) -> None:
    """On a private copy, whose changes are added to the shared vector after every `every` minibatches, unlocked.

    See `hogwild.kernels.merging.merge` for what may be lost, and why that is right. The replica is bound to `mine`.
    """
    shared, mine, base = memory.shared, memory.mine, memory.base
    mine[:] = shared
    base[:] = mine
    for first in range(0, len(minibatches), every):
        learn.both(minibatches[first : first + every])
        np.subtract(mine, base, out=base)
        np.add(shared, base, out=shared)
        mine[:] = shared
        base[:] = mine


def in_order(learn: Learning, minibatches: Sequence[Minibatch], every: int, memory: Memory, queue: Queue) -> None:
    """`on_copies` with merges at fixed points, in rank order: repeatable bit for bit.

    All workers are given the same minibatches; of each stretch of size * every, worker `rank` learns the rank-th part.
    `deltas` (size, weights) holds what each has changed; each adds up its own slice of the vector.
    """
    shared, mine, deltas, rank = memory.shared, memory.mine, memory.deltas, memory.rank
    own = slice(shared.size * rank // memory.size, shared.size * (rank + 1) // memory.size)
    mine[:] = shared
    for first in range(0, len(minibatches), memory.size * every):
        stretch = minibatches[first : first + memory.size * every]
        learn.both(stretch[rank * every : (rank + 1) * every])
        np.subtract(mine, shared, out=deltas[rank])
        if not queue.meet(memory):
            return
        for delta in deltas:
            shared[own] += delta[own]
        if not queue.meet(memory):
            return
        mine[:] = shared


def locked(learn: Learning, minibatches: Sequence[Minibatch], memory: Memory, queue: Queue) -> None:
    """One at a time: a minibatch reads and writes all weights, so that one lock, the last, stands for all."""
    for minibatch in minibatches:
        if not queue.lock(memory):
            return
        try:
            learn.slope(minibatch)
            learn.descend(minibatch)
        finally:
            queue.unlock(memory)


def in_turn(learn: Learning, minibatches: Sequence[Minibatch], done: int, memory: Memory, queue: Queue) -> None:
    """Gradients at once, on the weights as they are; updates one after another, in the order of the minibatches.

    All workers are given the same minibatches and take every size-th. The turn counts examples of the run, `done` of
    them before the first minibatch.
    """
    for minibatch in minibatches[memory.rank :: memory.size]:
        learn.slope(minibatch)
        turn = done + minibatch.offset
        if not queue.wait(memory, turn):
            return
        learn.descend(minibatch)
        queue.pass_on(memory, turn + minibatch.n)


@final
class Queue:
    """Where workers of one memory wait for each other, asleep. What waits gives False if the run was told to stop.

    The cells mean what they mean in `kernels.atomics`. But a minibatch takes a thousand times as long as a row of a
    linear model, and a thread that spins for so long takes a core from those who compute.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()

    def _until(self, memory: Memory, holds: Callable[[], bool]) -> bool:
        while not holds():
            if memory.control[STOP]:
                return False
            self._changed.wait(LISTEN_S)
        return True

    def meet(self, memory: Memory) -> bool:
        """Wait for all workers."""
        control = memory.control
        with self._changed:
            phase = control[PHASE]
            control[ARRIVED] += 1
            if control[ARRIVED] < memory.size:
                return self._until(memory, lambda: bool(control[PHASE] != phase))
            control[ARRIVED] = 0
            control[PHASE] += 1
            self._changed.notify_all()
            return not control[STOP]

    def lock(self, memory: Memory) -> bool:
        """Wait for the lock, and take it."""
        with self._changed:
            free = self._until(memory, lambda: not memory.locks[-1])
            if free:
                memory.locks[-1] = 1
            return free

    def unlock(self, memory: Memory) -> None:
        """Give the lock back."""
        with self._changed:
            memory.locks[-1] = 0
            self._changed.notify()

    def wait(self, memory: Memory, turn: int) -> bool:
        """Wait for that turn."""
        with self._changed:
            return self._until(memory, lambda: bool(memory.control[TURN] == turn))

    def pass_on(self, memory: Memory, turn: int) -> None:
        """It is that turn now."""
        with self._changed:
            memory.control[TURN] = turn
            self._changed.notify_all()
