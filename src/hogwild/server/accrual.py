"""The sum of gradients over a whole pass, portion by portion: the same bits whichever worker was first."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.deltas import Vector
from hogwild.rules.updates import At


class _Waiting(NamedTuple):
    at: At
    values: Vector | None
    loss: float


@final
class Accrual:
    """One shard's part of the sum: what Sandblaster calls "accrued" (Dean et al. 2012).

    The first result of a portion counts; copies of it, of backup workers, are duplicates. Results are added in the
    order of portion numbers: one that has to wait for its turn is kept meanwhile.

    The first reading closes the sum. A portion that comes after that, or that was computed with weights pulled before
    the last `clear`, is too late: it is dropped, and its sender told (`Applied.late`). Each pull carries how often the
    sum was cleared, and each push carries it back. So the order is: move the weights, clear, and only then let workers
    pull.
    """

    __slots__ = ("_closed", "_done", "_loss", "_total", "_turn", "_waiting", "cleared")

    def __init__(self, like: Vector) -> None:
        self.cleared = 0
        self._total = np.zeros_like(like)
        self._restart()

    def _restart(self) -> None:
        self._loss, self._closed = 0.0, False
        self._turn = 0  # all portions before this one have been added
        self._done: set[int] = set()  # others that have been added, at closing
        self._waiting: dict[int, _Waiting] = {}

    def clear(self) -> None:
        """Begin a new sum."""
        self.cleared += 1
        self._total[:] = 0
        self._restart()

    def add(self, portion: int, at: At, values: Vector | None, loss: float, cleared: int) -> bool:
        """The result of a portion; values None: nothing for this shard. False: too late, dropped."""
        # A number that is too large comes from before a crash of this shard, of weights that it no longer has.
        if cleared != self.cleared:
            return False
        if portion < self._turn or portion in self._waiting or portion in self._done:
            return True
        if self._closed:
            return False
        if portion == self._turn:
            self._include(_Waiting(at, values, loss))
            self._turn += 1
        else:
            # Copied, as what a message carries may be its sender's own array.
            self._waiting[portion] = _Waiting(at, None if values is None else values.copy(), loss)
        while self._turn in self._waiting:
            self._include(self._waiting.pop(self._turn))
            self._turn += 1
        return True

    def _include(self, result: _Waiting) -> None:
        self._loss += result.loss
        if result.values is not None:
            self._total[result.at] += result.values

    def _close(self) -> None:
        self._closed = True
        for portion in sorted(self._waiting):
            self._include(self._waiting.pop(portion))
            self._done.add(portion)

    @property
    def total(self) -> Vector:
        """(weights,) the sum. Closes it."""
        self._close()
        return self._total

    @property
    def loss(self) -> float:
        """The sum of losses that came with it. Closes it."""
        self._close()
        return self._loss

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All of it, as plain arrays."""
        arrays: dict[str, NDArray[Any]] = {
            "accrued.total": self._total.copy(),
            "accrued.counts": np.array([self.cleared, self._closed, self._turn], np.int64),
            "accrued.loss": np.array([self._loss]),
            "accrued.done": np.array(sorted(self._done), np.int64),
            "accrued.waiting": np.array(sorted(self._waiting), np.int64),
        }
        for portion, waiting in self._waiting.items():
            arrays[f"accrued.{portion}.loss"] = np.array([waiting.loss])
            if waiting.values is not None:
                arrays[f"accrued.{portion}.values"] = waiting.values.copy()
            if not isinstance(waiting.at, slice):
                arrays[f"accrued.{portion}.positions"] = waiting.at.copy()
        return arrays

    @classmethod
    def of_snapshot(cls, arrays: dict[str, NDArray[Any]]) -> Accrual:
        """What `snapshot` gave."""
        accrual = cls(arrays["accrued.total"])
        accrual._total[:] = arrays["accrued.total"]
        cleared, closed, accrual._turn = arrays["accrued.counts"].tolist()
        accrual.cleared, accrual._closed, accrual._loss = cleared, bool(closed), float(arrays["accrued.loss"][0])
        accrual._done = set(arrays["accrued.done"].tolist())
        for portion in arrays["accrued.waiting"].tolist():
            values, at = arrays.get(f"accrued.{portion}.values"), arrays.get(f"accrued.{portion}.positions")
            accrual._waiting[portion] = _Waiting(
                slice(None) if at is None else at.copy(),
                None if values is None else values.copy(),
                float(arrays[f"accrued.{portion}.loss"][0]),
            )
        return accrual
