"""A model that keeps books: weight i counts how often example i was learnt. What went wrong can be read off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block
from hogwild.data.examples import Examples
from hogwild.deltas import Delta
from hogwild.interfaces import AbstractModel, AbstractTask, Tally
from hogwild.memory import InTurn, Memory, Replicas, Sharing
from hogwild.params import NonFiniteError, Params
from hogwild.requests import Steps
from hogwild.rows import Keys
from hogwild.rules.schedules import Moment


@final
@dataclass(frozen=True)
class Ledger(AbstractModel):
    """The gradient of example i is -1 at weight i, and a step of the model's rule takes the whole sum off the weights.

    The objective is the mean of (visits - goal)^2 / 2: when each example is learnt once an epoch, epoch k ends with
    (k - goal)^2 / 2, so that training is best after `goal` epochs.

    fails_after : the gradient is NaN after so many examples of the run; None: never
    """

    goal: float = 1e6
    fails_after: int | None = None

    def survey(self, examples: Examples, seed: int, start: Params | None) -> int:
        """How many examples there are."""
        return examples.n_examples

    def init(self, survey: int) -> Params:
        """Nothing was learnt: view "visits" (n,), float64."""
        return Params({"visits": (survey,)}, np.float64, {"examples": np.zeros(1), "epochs": np.zeros(1)})

    def bind(self, examples: Examples, survey: int) -> LedgerTask:
        """Ready to count."""
        return LedgerTask(survey, self.goal, self.fails_after)

    def predict(self, params: Params, X: Any) -> NDArray[Any]:
        """Zeros: nothing is learnt about rows that were not there."""
        return np.zeros(len(X))


@final
class LedgerTask(AbstractTask):
    """See `Ledger`."""

    def __init__(self, n: int, goal: float, fails_after: int | None) -> None:
        self._n, self._goal, self._fails_after = n, goal, fails_after

    def rows(self, blocks: Sequence[Block]) -> NDArray[np.int64]:
        """Which examples these are."""
        each = [(block.starts[:, None] + np.arange(block.chunk)).ravel() for block in blocks]
        rows = np.concatenate([np.zeros(0, np.int64), *each])
        return rows[rows < self._n]  # the last chunk may be short

    @property
    def averages(self) -> bool:
        return False

    def check(self, how: Sharing, *, apart: bool = False) -> None:
        """Any way of sharing will do."""

    def enter(self, params: Params) -> None:
        """Weights are counted as they are."""

    def steps(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        """One visit more for each row."""
        rows = self.rows(blocks)
        if isinstance(memory.how, InTurn) or (isinstance(memory.how, Replicas) and memory.how.ordered):
            rows = rows[memory.rank :: memory.size]  # all workers are given the same rows
        np.add.at(memory.shared, rows, self._number(moment))

    def gradient(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Keys | None) -> Delta:
        """-1 for each row; what is not among `keys` is lost."""
        rows = self.rows(blocks)
        values = np.zeros(self._n)
        np.subtract.at(values, rows, self._number(moment))
        loss = float(((params.weights[rows] - self._goal) ** 2).sum() / 2)
        return Delta(values if keys is None else values[keys], rows.size, min(1, rows.size), loss, moment, keys)

    def _number(self, moment: Moment) -> float:
        if self._fails_after is not None and moment.done >= self._fails_after:
            raise NonFiniteError(f"gradients became NaN or infinite in epoch {moment.epoch + 1}; use a smaller eta0")
        return 1.0

    def apply(self, params: Params, delta: Delta) -> None:
        """w -= values."""
        params.weights[slice(None) if delta.keys is None else params.positions(delta.keys)] -= delta.values

    @property
    def prox(self) -> None:
        """No penalty."""

    @property
    def scales(self) -> None:
        """All weights are of one scale."""

    def keys(self, blocks: Sequence[Block]) -> Keys:
        """The rows themselves."""
        return np.unique(self.rows(blocks))

    def answer(self, params: Params, memories: Sequence[Memory], moment: Moment) -> Params:
        """A copy."""
        answer = params.copy()
        answer.check_finite(f"in epoch {moment.epoch + 1}")
        answer.state["examples"][0], answer.state["epochs"][0] = moment.begun + moment.done, moment.epoch + 1
        return answer

    def tally(self, params: Params, block: Block) -> Tally:
        """Sums of (visits - goal)^2 / 2."""
        rows = self.rows([block])
        return Tally(float(((params.weights[rows] - self._goal) ** 2).sum() / 2), 0.0, float(rows.size))

    def objective(self, params: Params, total: Tally) -> float:
        """Their mean."""
        return total.loss / total.weight

    def score(self, total: Tally) -> float:
        """The higher the better."""
        return -total.loss / total.weight

    def rate(self, moment: Moment) -> float:
        """Always 1."""
        return 1.0
