"""The architecture: a strategy is a small program that every worker runs, an engine answers it, a model is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block
from hogwild.data.examples import Examples
from hogwild.data.local import Local
from hogwild.deltas import Delta, Posted, Sent, Vector
from hogwild.history import History, Record
from hogwild.memory import Memory, Sharing
from hogwild.params import Params
from hogwild.requests import (
    All,
    Apply,
    Average,
    Get,
    Gradient,
    Inbox,
    OnServer,
    Portion,
    Pull,
    Push,
    Put,
    Reduce,
    Request,
    Rounds,
    Share,
    Start,
    Steps,
    Take,
    Upcoming,
)
from hogwild.rows import Keys
from hogwild.rules.schedules import Moment
from hogwild.rules.updates import Prox, Update
from hogwild.snapshots import Keeping
from hogwild.stopping import Stop

Callback = Callable[[Record], object]


class Unsupported(ValueError):
    """This engine, model and strategy cannot work together; the sentence says what would."""


@final
@dataclass
class Worker:
    """All that a strategy may touch. Every verb returns a request, to be awaited at once: `await me.steps(100)`.

    What a request means, what it answers and how it can fail stands with its class, in `hogwild.requests`.
    """

    rank: int
    size: int  # rank and size are stable for the whole run
    rng: np.random.Generator  # my own random stream
    params: Params  # the weights I train (those of all, after `share`), and their state
    data_share: float = 1.0  # my examples / those of all, if data stay with their workers; else 1 / size
    peers: Sequence[int] = ()  # the other ranks that are in this round, or (not agreed) in rounds() when it began
    leaves: bool = False  # I am told to go, and the others go on: for me there are no more rounds
    counts: Counter[str] = field(default_factory=Counter)  # what I count; summed over workers in `History.counts`
    made: list[Request] = field(default_factory=list, repr=False)  # requests not awaited yet: the engine looks

    def _make(self, request: Any) -> Any:
        self.made.append(request)
        return request

    def rounds(self) -> Rounds:
        """Rounds for as long as the engine's budget lasts: `async for round in me.rounds()`."""
        return Rounds()

    def steps(self, n: int, rate: float | None = None, *, minibatch: int = 1, record: bool = False) -> Steps:
        """Up to n steps in place, each on a minibatch of my data."""
        return self._make(Steps(n, rate, minibatch, record))

    def gradient(self, of: int | Portion | All = 1, keys: Keys | None = None) -> Gradient:
        """The sum of gradients over my next examples, a portion, or ALL."""
        return self._make(Gradient(of, keys))

    def apply(self, delta: Delta) -> Apply:
        """One step of the model's rule on my weights."""
        return self._make(Apply(delta))

    def upcoming(self, n: int) -> Upcoming:
        """Rows that my next n examples will touch."""
        return self._make(Upcoming(n))

    def take(self) -> Take:
        """The next portion of this round's pass."""
        return self._make(Take())

    def share(self, how: Sharing) -> Share:
        """Train the memory that all workers share."""
        return self._make(Share(how))

    def all_reduce(self, x: Delta | Vector | None = None, quorum: int | None = None) -> Reduce:
        """The sum of what all workers give, and how many gave."""
        return self._make(Reduce(x, quorum))

    def put(self, peer: int, x: Posted, mode: Literal["replace", "add", "queue"] = "replace") -> Put:
        """Put x into a peer's mailbox."""
        return self._make(Put(peer, x, mode))

    def inbox(self, senders: tuple[int, ...] | list[int] | None = None) -> Inbox:
        """What lies in my mailbox; or one message of each of the senders."""
        return self._make(Inbox(tuple(senders) if isinstance(senders, list) else senders))

    def get(self, peer: int) -> Get:
        """A peer's weights as they are now."""
        return self._make(Get(peer))

    def average(self, peer: int) -> Average:
        """My weights and a peer's become their mean."""
        return self._make(Average(peer))

    def pull(self, keys: Keys | None = None, *, version: int | None = None, clock: int | None = None) -> Pull:
        """Weights from the server."""
        return self._make(Pull(keys, version, clock))

    def push(self, x: Sent) -> Push:
        """Give x to the server, whose rule says what happens."""
        return self._make(Push(x))

    def on_server(self, *op: Any) -> OnServer:
        """An operation on the vectors of the server."""
        return self._make(OnServer(op))

    def start(self, request: Any) -> Start:
        """Begin a request that communicates; await the ticket later. Those under way may be done in any order."""
        if self.made and self.made[-1] is request:
            self.made.pop()
        else:  # made before others, which were forgotten, or by hand
            self.made[:] = [made for made in self.made if made is not request]
        return self._make(Start(request))


# ----------------------------------------------------------------------------------------------- the three axes


class AbstractStrategy(ABC):
    """How workers share what they learn: one coroutine, run by every worker, that awaits requests."""

    needs: frozenset[str] = frozenset()  # "share" memory, also in "turns" (`InTurn`, ordered `Replicas`), "server"
    # Whose weights are the result: "shared": those of all; "server": those of the server; "mine": those of the lowest
    # rank, judged as training goes on; "end": also of the lowest rank, but only when its program has ended.
    answer: ClassVar[Literal["shared", "server", "mine", "end"]] = "mine"
    least_workers: int = 1
    most_workers: ClassVar[int | None] = None  # None: any number
    compressible: ClassVar[bool] = True  # does it send gradients, changes, or weights to all? See `Compressed`
    server: Update | None = None  # what the server does with a push; None: there is none
    # Faults after which it ends, and with the right answer: "lost worker", "lost coordinator", "lost shard", "lost
    # message", "duplicate message", "slow worker". Where others are to happen, it is refused before it begins.
    survives: ClassVar[frozenset[str]] = frozenset()
    coordinator: ClassVar[int | None] = None  # the worker that the others depend on; None: there is none

    @property
    @abstractmethod
    def agree(self) -> bool:
        """Do all workers run the same rounds, on examples fixed beforehand? (Else each takes what comes next.)"""

    @abstractmethod
    async def work(self, me: Worker) -> None:
        """What one worker does."""


class Tally(NamedTuple):
    """Weighted sums over examples."""

    loss: float
    errors: float  # wrong classes, or squared residuals
    weight: float
    penalty: float = 0.0  # what a model pays example by example


class AbstractTask(ABC):
    """A model bound to the examples of one machine: the block-sized kernels. They release the GIL.

    Weights in training may have another form than the true ones of the result (scaled, centred): `enter` makes it,
    `answer` undoes it.
    """

    @property
    @abstractmethod
    def averages(self) -> bool:
        """Is the answer the mean of the iterates? Then every worker's memory gets a `mean`."""

    @abstractmethod
    def check(self, how: Sharing, *, apart: bool = False) -> None:
        """Unsupported if the model cannot be trained in this way of sharing. apart: do rows stay with workers?"""

    @abstractmethod
    def enter(self, params: Params) -> None:
        """Before the first step: bring true weights into the form that is trained, in place."""

    @abstractmethod
    def steps(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        """Steps on the examples of the blocks, in order. NonFiniteError if a prediction is not finite."""

    @abstractmethod
    def gradient(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Keys | None) -> Delta:
        """The sum of gradients over the blocks, one minibatch. NonFiniteError if it is not finite."""

    @abstractmethod
    def apply(self, params: Params, delta: Delta) -> None:
        """One step of the model's rule: w -= rate * delta.steps / delta.examples * delta.values, then prox; the rate is
        delta.limited(rate(delta.moment)).
        """

    @property
    @abstractmethod
    def prox(self) -> Prox | None:
        """What pays for the part of the penalty that is not in the gradient. None: there is no such part."""

    @property
    @abstractmethod
    def scales(self) -> Vector | None:
        """The scale of each weight, by which rules that know nothing of the model (a server's) must measure: they train
        u = w / scales with the gradient scales * g. None: all are 1.
        """

    @abstractmethod
    def keys(self, blocks: Sequence[Block]) -> Keys:
        """Rows of the parameters that learning these blocks touches; increasing."""

    @abstractmethod
    def answer(self, params: Params, memories: Sequence[Memory], moment: Moment) -> Params:
        """True weights, as a copy: to judge and to keep. `memories`: of the workers, for what they average or scale.
        NonFiniteError if they are not finite.
        """

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
        """Step size at that moment. A step on a `Delta` may be smaller: `delta.limited(rate)`."""


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
class Job:
    """What an engine is asked to run."""

    model: AbstractModel
    examples: Examples
    strategy: AbstractStrategy
    stop: Stop
    callbacks: Sequence[Callback]
    seed: int
    start: Params | None = None  # go on from these weights
    bounds: Sequence[int] | None = None  # worker p has rows bounds[p], ... bounds[p + 1] - 1; None: all go to anybody
    local: Local | None = None  # what workers open themselves (`AbstractEngine.opens`); there are no `examples` then
    keeping: Keeping | None = None  # its checkpoints; None: there are none


@final
@dataclass(frozen=True)
class Result:
    """What training gives: the best weights that were judged, and what happened on the way."""

    model: AbstractModel
    params: Params
    history: History
    reason: str  # why training ended, e.g. "converged"; see `hogwild.stopping.REASONS`

    def predict(self, X: Any) -> NDArray[Any]:
        """Predictions (n,) of the trained model for rows X (n, d)."""
        return self.model.predict(self.params, X)


class AbstractEngine(ABC):
    """Where workers run. The only room with side effects: threads, clocks, locks."""

    opens: ClassVar[bool] = False  # do workers open `Local` data themselves, where they run?

    @property
    @abstractmethod
    def can(self) -> frozenset[str]:
        """What strategies may need."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many workers there are."""

    @abstractmethod
    def run(self, job: Job) -> Result:
        """Run the strategy on every worker until the budget is spent."""
