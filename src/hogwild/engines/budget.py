"""What a job says of its epochs: which is the last, and what happens at their ends."""

from __future__ import annotations

from typing import final

from hogwild.interfaces import Job
from hogwild.params import Params

SMALL_EPOCH = 65_536  # examples for each worker: two of the blocks that strategies ask for


@final
class Budget:
    """Of `size` workers, which begin with these weights.

    before : epochs in earlier runs of them; epochs are numbered through all runs
    begun :  examples in those
    judged : are weights judged at the end of each epoch?
    meets :  do workers wait for each other there?
    """

    def __init__(self, job: Job, size: int, first: Params) -> None:
        strategy, self._stop = job.strategy, job.stop
        self.before, self.begun = _count(first, "epochs"), float(_count(first, "examples"))
        self.judged = job.stop.tol is not None and strategy.answer != "end"
        self.meets = self.judged and (strategy.answer == "shared" or strategy.agree)
        self._small = job.examples.n_in_all < SMALL_EPOCH * size

    def is_last(self, epoch: int) -> bool:
        """Are there no more epochs after this one?"""
        return epoch - self.before + 1 >= self._stop.epochs

    def hurried(self, epoch: int) -> bool:
        """Must the epoch be shared out evenly? Where workers wait for each other at its end, or end with it, or it
        is so small that one of them could take it all.
        """
        return self._small or self.meets or self.is_last(epoch)


def _count(params: Params, name: str) -> int:
    counts = params.state.get(name)
    return 0 if counts is None else int(counts[0])
