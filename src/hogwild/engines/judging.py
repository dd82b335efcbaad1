"""How good the weights are at the end of an epoch: all workers judge blocks of examples until none are left."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, NamedTuple, final

from hogwild.data.blocks import Block, Blocks
from hogwild.interfaces import AbstractTask, Tally
from hogwild.params import Params

JUDGED_EXAMPLES = 8_192  # rows that a worker judges at a time


class Verdict(NamedTuple):
    """What was found; None where nothing was looked at."""

    objective: float | None = None
    holdout_loss: float | None = None
    holdout_score: float | None = None

    @property
    def criterion(self) -> float | None:
        """What stopping and the choice of the best weights go by."""
        return self.objective if self.holdout_loss is None else self.holdout_loss


Tallier = Callable[[int, Sequence[Block]], Sequence[Tally]]  # of blocks, by the worker of this rank


class AbstractJudges(ABC):
    """Where blocks are tallied: with the workers, which have the examples.

    part : what the workers take at once, together, of all that is left; the less, the better they finish together, and
           the more, the less often they must be asked. 0: a block each
    """

    part: ClassVar[float] = 0.0

    @abstractmethod
    def tallier(self, task: AbstractTask, params: Params) -> Tallier:
        """Weights are about to be judged. `task` is what the engine has itself."""

    @abstractmethod
    def together(self, work: Callable[[int], None]) -> None:
        """All programs have ended: let the workers do this, each by its rank."""


@final
class JudgesHere(AbstractJudges):
    """Workers of this process: it does not matter whose thread it is."""

    def tallier(self, task: AbstractTask, params: Params) -> Tallier:
        return lambda rank, blocks: [task.tally(params, block) for block in blocks]

    def together(self, work: Callable[[int], None]) -> None:
        work(0)


JUDGES_HERE = JudgesHere()


@final
class Judge:
    """Judges one set of weights: `work` from any thread, for one of `size` workers, then `verdict` from one.

    apart : are the rows of each part where the worker is? Then nobody else can judge them.
    """

    def __init__(
        self,
        task: AbstractTask,
        params: Params,
        parts: Sequence[Blocks],
        size: int,
        judges: AbstractJudges,
        *,
        apart: bool = False,
    ) -> None:
        self._task, self._params, self._apart = task, params, apart
        self._tally = judges.tallier(task, params)
        laid_out = [
            (owner, trained, block)
            for trained in (True, False)
            for owner, part in enumerate(parts)
            for block in part.pieces(part.training if trained else part.holdout, JUDGED_EXAMPLES)
        ]
        numbered = [_Numbered(number, *each) for number, each in enumerate(laid_out)]
        if apart:
            queues = [[each for each in numbered if each.owner == owner] for owner in range(len(parts))]
        else:
            queues = [numbered]
        self._queues = [_Queue(queue, 1.0 if apart else judges.part, 1 if apart else size) for queue in queues]
        self._found: dict[int, tuple[bool, Tally]] = {}

    def work(self, rank: int) -> None:
        """Judge blocks until none are left: where they are apart, one's own first, then those of workers that are not
        asked, as their programs have ended.
        """
        for ahead in range(len(self._queues)):
            owner = (rank + ahead) % len(self._queues)
            while batch := self._queues[owner].next():
                tallies = self._tally(owner if self._apart else rank, [each.block for each in batch])
                for each, tally in zip(batch, tallies, strict=True):
                    self._found[each.number] = each.trained, tally

    def verdict(self) -> Verdict:
        """ValueError if all examples that count weigh nothing."""
        # In the order of the blocks, whoever judged them: sums of floats depend on their order.
        found = [self._found[number] for number in sorted(self._found)]
        train, held = (_total(tally for trained, tally in found if trained == kind) for kind in (True, False))
        if train.weight == 0:
            raise ValueError("the training examples that are not held out all have weight 0; hold out fewer")
        objective = self._task.objective(self._params, train)
        if all(trained for trained, _ in found):
            return Verdict(objective)
        if held.weight == 0:
            raise ValueError("the held-out examples all have weight 0; hold out more, or others (seed)")
        return Verdict(objective, held.loss / held.weight, self._task.score(held))


@final
class Best:
    """The best weights that were judged."""

    def __init__(self, tol: float) -> None:
        self.params: Params | None = None
        self._tol = tol
        self.criterion, self.stale = math.inf, 0  # of the best, and how often in a row none was better

    def compare(self, criterion: float, params: Params) -> int:
        """How often in a row weights have now not been better than the best before, by the tolerance?"""
        best = self.criterion
        if self.params is not None:
            self.stale = 0 if best - criterion > self._tol * abs(best) else self.stale + 1
        if self.params is None or criterion < best:
            self.criterion, self.params = criterion, params
        return self.stale


class _Numbered(NamedTuple):
    """A block, and its place in the order in which tallies are added up."""

    number: int
    owner: int
    trained: bool
    block: Block


@final
class _Queue:
    """Blocks for `size` workers: ever fewer at a time, so that they finish together (factoring, Hummel et al. 1992).

    part : see `AbstractJudges`
    """

    def __init__(self, left: list[_Numbered], part: float, size: int) -> None:
        self._left, self._part, self._size = left, part, size
        self._lock = threading.Lock()
        self._taken = 0  # batches
        self._batch = 1  # blocks in each of the next `size` of them

    def next(self) -> list[_Numbered]:
        """For one worker; empty if none are left."""
        with self._lock:
            if self._taken % self._size == 0:
                self._batch = max(1, math.ceil(self._part * len(self._left) / self._size))
            self._taken += 1
            kept = max(0, len(self._left) - self._batch)
            self._left, batch = self._left[:kept], self._left[kept:]
            return batch


def _total(tallies: Iterable[Tally]) -> Tally:
    loss, errors, weight = 0.0, 0.0, 0.0
    for tally in tallies:
        loss, errors, weight = loss + tally.loss, errors + tally.errors, weight + tally.weight
    return Tally(loss, errors, weight)
