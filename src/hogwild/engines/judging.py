"""How good the weights are at the end of an epoch: all workers judge blocks of examples until none are left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, final

from hogwild.data.blocks import Blocks
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


@final
class Judge:
    """Judges one set of weights: `work` from any thread, then `verdict` from one."""

    def __init__(self, task: AbstractTask, params: Params, parts: Sequence[Blocks]) -> None:
        self._task, self._params = task, params
        laid_out = [(True, block) for part in parts for block in part.pieces(part.training, JUDGED_EXAMPLES)]
        laid_out += [(False, block) for part in parts for block in part.pieces(part.holdout, JUDGED_EXAMPLES)]
        self._left = list(enumerate(laid_out))
        self._found: dict[int, tuple[bool, Tally]] = {}

    def work(self) -> None:
        """Judge blocks until none are left."""
        while True:
            try:
                number, (trained, block) = self._left.pop()  # of several workers, one gets it
            except IndexError:
                return
            self._found[number] = trained, self._task.tally(self._params, block)

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


def _total(tallies: Iterable[Tally]) -> Tally:
    loss, errors, weight = 0.0, 0.0, 0.0
    for tally in tallies:
        loss, errors, weight = loss + tally.loss, errors + tally.errors, weight + tally.weight
    return Tally(loss, errors, weight)
