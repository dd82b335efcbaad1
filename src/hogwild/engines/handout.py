"""Which examples a worker learns next: dynamically from one counter, or the same fixed sequence for all."""

from __future__ import annotations

import threading
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Blocks
from hogwild.interfaces import Block, Moment

# Towards a meeting workers get ever smaller blocks, down to this part of what they ask for, so that they finish
# together: a worker that the machine took away for a while costs the others little.
SMALLEST_PART = 8


@final
class Handout:
    """The chunks of one epoch, which begins at `moment`.

    `agreed`: every worker walks through all of them; else each chunk goes to one. `meets`: workers wait for each other
    at its end.
    """

    def __init__(self, blocks: Blocks, moment: Moment, size: int, *, agreed: bool, meets: bool = True) -> None:
        self._blocks, self._size, self._agreed = blocks, size, agreed
        self.meets, self._moment = meets, moment
        self._order: NDArray[np.int64] = blocks.order(moment.epoch)
        self._lock = threading.Lock()
        self._next, self._examples = 0, 0
        self._cursors = [(0, 0)] * size  # agreed: (chunks, rows) that each worker has walked through

    def left(self, rank: int) -> bool:
        """Is there anything left for this worker in this epoch?"""
        return (self._cursors[rank][0] if self._agreed else self._next) < self._order.size

    @property
    def examples(self) -> int:
        """Examples handed out in this epoch (agreed: by the worker that is furthest)."""
        return max(rows for _, rows in self._cursors) if self._agreed else self._examples

    @property
    def moment(self) -> Moment:
        """Now: what was handed out is done."""
        return self._after(self.examples)

    def _after(self, examples: int) -> Moment:
        return self._moment._replace(done=self._moment.done + examples)

    def take(self, rank: int, examples: int) -> tuple[Block, Moment]:
        """About `examples` examples (none at the end of the epoch), and the moment at which they are learnt.

        Agreed: size * examples, the same for each worker, who share them out among themselves.
        """
        wanted = max(1, examples // self._blocks.chunk)
        if self._agreed:
            first, before = self._cursors[rank]
            starts = self._order[first : first + wanted * self._size]
            self._cursors[rank] = (first + starts.size, before + self._blocks.rows(starts))
            return Block(starts, self._blocks.chunk), self._after(before)
        with self._lock:
            first, before = self._next, self._examples
            if self.meets:
                fair = (self._order.size - first) // (2 * self._size)
                wanted = min(wanted, max(fair, wanted // SMALLEST_PART, 1))
            starts = self._order[first : first + wanted]
            self._next += starts.size
            self._examples += self._blocks.rows(starts)
            return Block(starts, self._blocks.chunk), self._after(before)
