"""What a server does about gradients that are stale, or many, before its rule makes a step: numbers only."""

from __future__ import annotations

from typing import NamedTuple


class Pushes(NamedTuple):
    """The default: each push is a step, as it is. `hogwild.rules.server` says what the others do, and why.

    damping :      a step that is tau updates late has rate / tau^damping
    compensation : lambda of the delay compensation
    adaptive :     is lambda divided by the root of the mean square of gradients?
    splits :       n of n-softsync; None: each push is a step
    elastic :      beta, how far vectors draw the weights, of all workers together; None: they are added
    """

    damping: float = 0.0
    compensation: float = 0.0
    adaptive: bool = False
    splits: int | None = None
    elastic: float | None = None

    @property
    def is_plain(self) -> bool:
        """Are gradients taken as they come?"""
        return self.damping == 0 and self.compensation == 0 and self.splits is None

    def gathered(self, workers: int) -> int:
        """How many gradients of so many workers make a step: floor(workers / n). ValueError for more splits than
        workers.
        """
        if self.splits is not None and self.splits > workers:
            raise ValueError(f"softsync with splits={self.splits} is more than the {workers} workers there are")
        return 1 if self.splits is None else workers // self.splits

    def pull_of_one(self, workers: int) -> float | None:
        """How far one of so many workers draws the weights: beta / workers."""
        return None if self.elastic is None else self.elastic / workers
