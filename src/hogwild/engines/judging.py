"""How good the weights are at the end of an epoch: all workers judge blocks of examples until none are left."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections import deque
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


Tallier = Callable[[int, Sequence[Block]], Callable[[], Sequence[Tally]]]
"""Blocks for the worker of this rank, which may begin with them; what is returned waits for the tallies."""


class AbstractJudges(ABC):
    """Where blocks are tallied: with the workers, which have the examples.

    part :  what the workers take at once, together, of all that is left; the less, the better they finish together, and
            the more, the less often they must be asked. 0: a block each
    ahead : how many batches a worker is given before it has finished the first of them; 1: the next one when it has
    """

    part: ClassVar[float] = 0.0
    ahead: ClassVar[int] = 1

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
        return lambda rank, blocks: lambda: [task.tally(params, block) for block in blocks]

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
        self._task, self._params, self._apart, self._ahead = task, params, apart, judges.ahead
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
        self._begun: dict[int, _Begun] = {}

    def begin(self, ranks: Iterable[int]) -> None:
        """Before these work: ask each to begin, where it must be asked (`AbstractJudges.ahead`). From one thread."""
        if self._ahead > 1:
            for rank in ranks:
                self._begun[rank] = begun = _Begun()
                self._give(self._queues[rank if self._apart else 0], rank, begun)

    def work(self, rank: int) -> None:
        """Judge blocks until none are left: where they are apart, one's own first, then those of workers that are not
        asked, as their programs have ended.
        """
        for ahead in range(len(self._queues)):
            owner = (rank + ahead) % len(self._queues)
            self._work(self._queues[owner], owner if self._apart else rank)

    def _work(self, queue: _Queue, rank: int) -> None:
        begun = self._begun.pop(rank, None) or _Begun()
        while True:
            while len(begun.batches) < self._ahead and self._give(queue, rank, begun):
                pass
            if not begun.batches:
                return
            batch, tallies = begun.batches.popleft()
            for each, tally in zip(batch, tallies(), strict=True):
                self._found[each.number] = each.trained, tally

    def _give(self, queue: _Queue, rank: int, begun: _Begun) -> bool:
        """The next blocks; False if none are left."""
        found = queue.next(begun.round)
        if found is None:
            return False
        begun.round, batch = found
        begun.batches.append((batch, self._tally(rank, [each.block for each in batch])))
        return True

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
class _Begun:
    """What a worker has been given, the first to be waited for, and of which round of its queue the last is."""

    def __init__(self) -> None:
        self.batches: deque[tuple[list[_Numbered], Callable[[], Sequence[Tally]]]] = deque()
        self.round = -1


@final
class _Queue:
    """Blocks for `size` workers: ever fewer at a time, so that they finish together (factoring, Hummel et al. 1992).

    part : see `AbstractJudges`
    """

    def __init__(self, left: list[_Numbered], part: float, size: int) -> None:
        self._lock = threading.Lock()
        self._rounds: list[list[list[_Numbered]]] = []  # batches of the same size, one for each worker
        while left:
            n = max(1, math.ceil(part * len(left) / size))
            taken, left = left[: n * size], left[n * size :]
            self._rounds.append([taken[first : first + n] for first in range(0, len(taken), n)])
        self._first = 0  # round that has any left

    def next(self, last: int) -> tuple[int, list[_Numbered]] | None:
        """For a worker whose last batch was of this round: one of the next, or of those that others have left; and of
        which. None if none are left.
        """
        rounds = self._rounds
        with self._lock:
            while self._first < len(rounds) and not rounds[self._first]:
                self._first += 1
            ahead = (number for number in range(max(last + 1, self._first), len(rounds)) if rounds[number])
            number = next(ahead, self._first)
            return None if number == len(rounds) else (number, rounds[number].pop())


def _total(tallies: Iterable[Tally]) -> Tally:
    loss, errors, weight, penalty = 0.0, 0.0, 0.0, 0.0
    for tally in tallies:
        loss, errors, weight = loss + tally.loss, errors + tally.errors, weight + tally.weight
        penalty += tally.penalty
    return Tally(loss, errors, weight, penalty)
