"""A model whose objectives are written down in advance, and strategies that behave and misbehave."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, final

import numpy as np

from hogwild.data import Examples
from hogwild.data.blocks import Block
from hogwild.deltas import Delta
from hogwild.interfaces import AbstractModel, AbstractStrategy, AbstractTask, Tally, Worker
from hogwild.memory import InTurn, Memory, Racy, Replicas, Sharing
from hogwild.params import Params
from hogwild.requests import Steps
from hogwild.rules.schedules import Moment
from hogwild.strategies import STRATEGIES

#: The strategies that learn by steps on the memory of all, and Serial.
LEARNERS = [name for name in STRATEGIES if name == "serial" or "share" in STRATEGIES[name]().needs]


def nothing(*_: Any) -> None:
    """What a hook does unless a test says otherwise."""


def _nothing_seen() -> dict[str, np.ndarray]:
    """The state that engines look for."""
    return {"examples": np.zeros(1), "epochs": np.zeros(1)}


@final
@dataclass(frozen=True)
class Scripted(AbstractModel):
    """Epoch k ends with objective `objectives[k]` and hold-out loss `losses[k]` (the last of each, from then on).

    The weights: how often each row was learnt, and the last epoch that was closed. Hooks are called with the rank
    before each block is learnt, and with the epoch before each block is judged.
    """

    objectives: tuple[float, ...] = (1.0,)
    losses: tuple[float, ...] = (1.0,)
    before_steps: Callable[[int], object] = nothing
    before_tally: Callable[[int], object] = nothing
    moments: list[tuple[Moment, float | None]] = field(default_factory=list)

    def survey(self, examples: Examples, seed: int, start: Params | None) -> Examples:
        return examples

    def init(self, survey: Examples) -> Params:
        return Params({"visits": (survey.n_examples,), "epoch": (1,)}, np.float64, _nothing_seen())

    def bind(self, examples: Examples, survey: Examples) -> "ScriptedTask":
        return ScriptedTask(self, examples.n_examples)

    def predict(self, params: Params, X: Any) -> np.ndarray:
        return np.zeros(len(X))


@final
class ScriptedTask(AbstractTask):
    """See `Scripted`."""

    def __init__(self, model: Scripted, n: int) -> None:
        self._model, self._n = model, n

    @property
    def averages(self) -> bool:
        return False

    def _rows(self, block: Block) -> np.ndarray:
        rows = (block.starts[:, None] + np.arange(block.chunk)).ravel()
        return rows[rows < self._n]

    def check(self, how: object, *, apart: bool = False) -> None:
        """Any way will do."""

    def enter(self, params: Params) -> None:
        """Nothing to prepare."""

    def steps(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        self._model.before_steps(memory.rank)
        self._model.moments.append((moment, request.rate))
        rows = np.concatenate([self._rows(block) for block in blocks])
        if isinstance(memory.how, InTurn) or (isinstance(memory.how, Replicas) and memory.how.ordered):
            rows = rows[memory.rank :: memory.size]  # all workers are given the same block
        memory.shared[rows] += 1

    def gradient(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Any) -> Delta:
        """-1 for each row that is learnt."""
        self._model.moments.append((moment, None))
        values = np.zeros_like(params.weights)
        for block in blocks:
            values[self._rows(block)] -= 1
        return Delta(values, int(-values.sum()), int(bool(blocks)), 0.0, moment)

    def apply(self, params: Params, delta: Delta) -> None:
        params.weights[:] -= delta.values

    @property
    def prox(self) -> None:
        """No penalty."""

    @property
    def scales(self) -> None:
        """All 1."""

    def keys(self, blocks: Sequence[Block]) -> np.ndarray:
        return np.unique(np.concatenate([self._rows(block) for block in blocks]))

    def answer(self, params: Params, memories: Sequence[Memory], moment: Moment) -> Params:
        params = params.copy()
        params["epoch"][0] = moment.epoch + 1
        params.state["epochs"][0] = moment.epoch + 1
        params.state["examples"][0] = moment.begun + moment.done
        return params

    def tally(self, params: Params, block: Block) -> Tally:
        epoch = int(params["epoch"][0])
        self._model.before_tally(epoch)
        rows = self._rows(block).size
        return Tally(self._now(self._model.losses, params) * rows, 0.0, float(rows))

    def objective(self, params: Params, total: Tally) -> float:
        return self._now(self._model.objectives, params)

    def _now(self, script: Sequence[float], params: Params) -> float:
        return script[min(int(params["epoch"][0]), len(script)) - 1]

    def score(self, total: Tally) -> float:
        return -total.loss

    def rate(self, moment: Moment) -> float:
        return 1.0 / (1.0 + moment.begun + moment.done)


@final
@dataclass(frozen=True)
class Program(AbstractStrategy):
    """Any program as a strategy."""

    program: Callable[[Worker], Awaitable[None]]
    agree: bool = False
    needs: ClassVar[frozenset[str]] = frozenset({"share", "turns"})
    answer: ClassVar[Literal["shared"]] = "shared"

    async def work(self, me: Worker) -> None:
        await self.program(me)


def plain(how: Sharing | None = Racy(), n: int = 8, rate: float | None = None) -> Callable[[Worker], Awaitable[None]]:  # noqa: B008
    """Blocks of n examples for as long as there are rounds."""

    async def work(me: Worker) -> None:
        if how is not None:
            await me.share(how)
        async for _ in me.rounds():
            await me.steps(n, rate)

    return work


def stumbling(how: Sharing, rank: int, round: int, act: Callable[[], object], n: int = 8):
    """`plain`, but worker `rank` does something before the steps of its round number `round`."""

    async def work(me: Worker) -> None:
        await me.share(how)
        async for r in me.rounds():
            if me.rank == rank and r.number == round and act() is StopAsyncIteration:
                return
            await me.steps(n)

    return work


def raise_(error: BaseException) -> Callable[..., None]:
    """A hook that raises."""

    def act(*_: Any) -> None:
        raise error

    return act


def leave() -> type[StopAsyncIteration]:
    """For `stumbling`: end the worker's program."""
    return StopAsyncIteration


def tiny(n: int = 100, d: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A small dense data set of two classes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)).astype(np.float32)
    return X, np.where(X @ np.arange(1, d + 1) + 0.3 * rng.normal(size=n) > 0, 1.0, -1.0)
