"""The architecture on one screen: a strategy is a small program that every worker runs, an engine answers its
requests, a model is what the workers train.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.history import History, Record
from hogwild.memory import Memory, Sharing
from hogwild.params import Params


class Unsupported(ValueError):
    """This engine, model and strategy cannot work together; the sentence says what would."""


# ------------------------------------------------------------------------------------------------- requests


def _ask(request: Any) -> Generator[Any, Any, Any]:
    """`await request` hands the request to the engine and returns its answer. Nothing else ever yields."""
    return (yield request)


@final
@dataclass(frozen=True)
class NextRound:
    """May I go on? Answer: `Round`, or None when the budget is spent, training has converged or was stopped.

    May wait for all workers (at the end of an epoch).
    """

    __await__ = _ask


@final
@dataclass(frozen=True)
class Steps:
    """Up to `n` minibatch steps in place, on the next examples of the epoch. Answer: None.

    The engine hands out examples dynamically and gives fewer near the end of an epoch, also none. `rate` overrides
    the model's schedule.
    """

    n: int
    rate: float | None = None
    __await__ = _ask

    def __post_init__(self) -> None:
        if not (isinstance(self.n, int | np.integer) and self.n >= 1):
            raise ValueError(f"steps() wants a whole number of at least 1, not {self.n!r}")


@final
@dataclass(frozen=True)
class Share:
    """From now on my steps work on the memory that all workers share, in this manner. Answer: None.

    Once, before the first `Steps`, and the same for all workers.
    """

    how: Sharing
    __await__ = _ask


Request = NextRound | Steps | Share
"""The closed list: all that a strategy may await, and all that an engine must answer."""


class Round(NamedTuple):
    """One turn of a strategy's loop."""

    number: int  # my rounds so far
    first: bool  # the first of a fresh start


@final
class Rounds:
    """`async for round in me.rounds()`: goes on until the engine says that it is enough."""

    def __aiter__(self) -> Rounds:
        return self

    async def __anext__(self) -> Round:
        round = await NextRound()
        if round is None:
            raise StopAsyncIteration
        return round


@final
@dataclass(frozen=True)
class Worker:
    """All that a strategy may touch. Every verb returns an awaitable request."""

    rank: int
    size: int
    rng: np.random.Generator  # my own random stream
    params: Params  # the weights I train

    def rounds(self) -> Rounds:
        """Rounds for as long as the engine's budget lasts: `async for round in me.rounds()`."""
        return Rounds()

    def steps(self, n: int, rate: float | None = None) -> Steps:
        """Learn from up to n minibatches of my data."""
        return Steps(n, rate)

    def share(self, how: Sharing) -> Share:
        """Train the memory that all workers share."""
        return Share(how)


# ----------------------------------------------------------------------------------------------- the three axes


class AbstractStrategy(ABC):
    """How workers share what they learn: one coroutine, run by every worker, that awaits requests."""

    needs: ClassVar[frozenset[str]] = frozenset()  # what the engine must be able to do, e.g. {"share"}
    most_workers: ClassVar[int | None] = None  # None: any number

    @property
    @abstractmethod
    def agree(self) -> bool:
        """Do all workers run the same rounds, on the same examples? (Else each takes what comes next.)"""

    @abstractmethod
    async def work(self, me: Worker) -> None:
        """What one worker does."""


class Block(NamedTuple):
    """Examples handed to a worker: rows start, start + 1, ... start + chunk - 1 for each of `starts`."""

    starts: NDArray[np.int64]
    chunk: int


class Moment(NamedTuple):
    """When in the run a block is learnt: enough for any schedule."""

    epoch: int  # 0, 1, ...
    begun: float  # examples before this epoch, in all runs of these weights
    done: int  # examples of this epoch that were handed out before this block


class Tally(NamedTuple):
    """Weighted sums over examples."""

    loss: float
    errors: float  # wrong classes, or squared residuals
    weight: float


class AbstractTask(ABC):
    """A model bound to the examples of one machine: the block-sized kernels. They release the GIL."""

    @property
    @abstractmethod
    def averages(self) -> bool:
        """Is the answer the mean of the iterates? Then every worker's memory gets a `mean`."""

    @abstractmethod
    def check(self, how: Sharing) -> None:
        """Unsupported if the model cannot be trained in this way of sharing."""

    @abstractmethod
    def open_epoch(self, params: Params, moment: Moment) -> None:
        """Before an epoch's first step: bring the weights into the form that the kernels train."""

    @abstractmethod
    def steps(self, memory: Memory, block: Block, moment: Moment, rate: float | None) -> None:
        """One step for each example of the block. NonFiniteError if a prediction is not finite."""

    @abstractmethod
    def close_epoch(self, params: Params, memories: Sequence[Memory], moment: Moment) -> Params:
        """After an epoch's last step (all workers rest): true weights in `params`; returns those to judge and keep."""

    @abstractmethod
    def tally(self, params: Params, block: Block) -> Tally:
        """Sums over the block, with true weights."""

    @abstractmethod
    def objective(self, params: Params, total: Tally) -> float:
        """The objective that training minimises, from the sums over all training examples."""

    @abstractmethod
    def score(self, total: Tally) -> float:
        """What users call good, from the sums over hold-out examples: accuracy, or R^2. Higher is better."""

    @abstractmethod
    def rate(self, moment: Moment) -> float:
        """Step size at that moment."""


class AbstractModel(ABC):
    """What is learned: hyper-parameters, and no weights."""

    @abstractmethod
    def survey(self, examples: Examples, seed: int, start: Params | None) -> Any:
        """What must be known of the data before training: step size, scales of columns."""

    @abstractmethod
    def init(self, survey: Any) -> Params:
        """Weights to begin with."""

    @abstractmethod
    def bind(self, examples: Examples, survey: Any) -> AbstractTask:
        """The model on these examples, ready for its kernels. The examples are not copied and never written."""

    @abstractmethod
    def predict(self, params: Params, X: Any) -> NDArray[Any]:
        """Predictions (n,) for checked rows X (n, d)."""


@final
@dataclass(frozen=True)
class Stop:
    """When training ends: whichever of these comes first. Weights are judged after each epoch."""

    epochs: int = 100
    time_s: float | None = None
    # Relative improvement of the criterion (the objective, or the hold-out loss) that counts as one. 0: never stop for
    # it. None: judge nothing, which saves a pass over the data each epoch, and return the last weights.
    tol: float | None = 1e-3
    patience: int = 2  # epochs without such an improvement before stopping
    holdout: float = 0.0  # this share of the examples is kept out, and its loss is the criterion

    def __post_init__(self) -> None:
        if not (isinstance(self.epochs, int | np.integer) and self.epochs >= 1):
            raise ValueError(f"epochs={self.epochs!r} must be a whole number of at least 1")
        if self.time_s is not None and not (isinstance(self.time_s, Real) and self.time_s > 0):
            raise ValueError(f"time_s={self.time_s!r} must be a positive number of seconds, or None")
        if self.tol is not None and not (isinstance(self.tol, Real) and self.tol >= 0):
            raise ValueError(f"tol={self.tol!r} must be a number of at least 0, or None to judge nothing")
        if not (isinstance(self.patience, int | np.integer) and self.patience >= 1):
            raise ValueError(f"patience={self.patience!r} must be at least 1")
        if not (isinstance(self.holdout, Real) and 0 <= self.holdout < 1):
            raise ValueError(f"holdout={self.holdout!r} must lie in [0, 1)")
        if self.holdout > 0 and self.tol is None:
            raise ValueError("a hold-out is there to be judged: give tol a number, or 0 to run all epochs")


Callback = Callable[[Record], object]


@final
@dataclass(frozen=True)
class Job:
    """What an engine is asked to run."""

    model: AbstractModel
    examples: Examples
    strategy: AbstractStrategy
    stop: Stop
    callbacks: Sequence[Callback]
    seed: int
    start: Params | None = None  # go on from these weights


@final
@dataclass(frozen=True)
class Result:
    """What training gives: the best weights that were judged, and what happened on the way."""

    model: AbstractModel
    params: Params
    history: History
    reason: str  # why training ended: "converged", "epochs", "time", "interrupted", "ended by the strategy"

    def predict(self, X: Any) -> NDArray[Any]:
        """Predictions (n,) of the trained model for rows X (n, d)."""
        return self.model.predict(self.params, X)


class AbstractEngine(ABC):
    """Where workers run. The only room with side effects: threads, clocks, locks."""

    can: ClassVar[frozenset[str]]  # what strategies may need

    @property
    @abstractmethod
    def size(self) -> int:
        """How many workers there are."""

    @abstractmethod
    def run(self, job: Job) -> Result:
        """Run the strategy on every worker until the budget is spent."""
