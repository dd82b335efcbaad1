"""Data that stay with their workers: each walks through its own rows, at its own pace, pass after pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import final

import numpy as np

from hogwild.data.blocks import Block, Blocks, Owned
from hogwild.data.examples import Examples


def parts_of(examples: Examples, holdout: float, seed: int, bounds: Sequence[int] | None) -> Sequence[Blocks]:
    """The rows of all; or, with `bounds`, those of each worker, of which the same share is held out: worker p has the
    rows bounds[p], ... bounds[p + 1] - 1, or, if they are where the worker is, rows 0, 1, ... of its own. One worker
    has all rows in any case.
    """
    if bounds is None or len(bounds) <= 2:
        return (Blocks(examples, holdout, seed),)
    spans: Iterable[tuple[int, int]] = pairwise(bounds)
    if examples.whole is not None:
        spans = ((0, end - first) for first, end in spans)
    return tuple(Blocks(examples, holdout, seed, Owned(rank, *span)) for rank, span in enumerate(spans))


class AbstractOwnRows(ABC):
    """What one worker learns next of its own rows."""

    @abstractmethod
    def show(self, count: int) -> list[Block]:
        """The next so many rows, which remain the next."""

    @abstractmethod
    def take(self, count: int) -> list[Block]:
        """The next so many rows."""

    @abstractmethod
    def take_apart(self, count: int) -> list[Block]:
        """The same, one by one: workers that wait for each other within a block must all have as many chunks."""

    @abstractmethod
    def begin_pass(self) -> None:
        """The next row is the first of a pass: what is left of this one is left out."""

    @property
    @abstractmethod
    def place(self) -> tuple[int, int]:
        """The pass, and how many of its rows have been taken."""

    @abstractmethod
    def go_to(self, place: tuple[int, int]) -> None:
        """Go on there."""


@final
class RowsElsewhere(AbstractOwnRows):
    """They are where the worker is, and it knows itself which come next. `place` is where it began."""

    def __init__(self) -> None:
        self._place = 0, 0

    def show(self, count: int) -> list[Block]:
        """None here."""
        return []

    def take(self, count: int) -> list[Block]:
        """None here."""
        return []

    def take_apart(self, count: int) -> list[Block]:
        """None here."""
        return []

    def begin_pass(self) -> None:
        """It does."""

    @property
    def place(self) -> tuple[int, int]:
        """Where it began."""
        return self._place

    def go_to(self, place: tuple[int, int]) -> None:
        """It begins there."""
        self._place = place


@final
class OwnRows(AbstractOwnRows):
    """Rows that are here: all of them in a fresh random order, then in another one, ..."""

    def __init__(self, blocks: Blocks, first_pass: int) -> None:
        self._blocks, self._pass, self._next = blocks, first_pass, 0

    def show(self, count: int) -> list[Block]:
        """The next so many rows, which remain the next."""
        place = self._pass, self._next
        blocks = self.take(count)
        self._pass, self._next = place
        return blocks

    def take(self, count: int) -> list[Block]:
        """The next so many rows."""
        blocks: list[Block] = []
        while count > 0:
            if self._next == self._blocks.n_training:
                self._pass, self._next = self._pass + 1, 0
            end = min(self._blocks.n_training, self._next + count)
            blocks += self._blocks.cut(self._blocks.order(self._pass), self._next, end)
            count -= end - self._next
            self._next = end
        return blocks

    def take_apart(self, count: int) -> list[Block]:
        """The same, one by one: workers that wait for each other within a block must all have as many chunks."""
        chunks = [(block.starts[:, None] + np.arange(block.chunk)).ravel() for block in self.take(count)]
        rows = np.concatenate([np.zeros(0, np.int64), *chunks])
        return [Block(rows[rows < self._blocks.end], 1)]

    def begin_pass(self) -> None:
        """The next row is the first of a pass: what is left of this one is left out."""
        if self._next:
            self._pass, self._next = self._pass + 1, 0

    @property
    def place(self) -> tuple[int, int]:
        """The pass, and how many of its rows have been taken."""
        return self._pass, self._next

    def go_to(self, place: tuple[int, int]) -> None:
        """Go on there."""
        self._pass, self._next = place
