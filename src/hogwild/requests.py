"""The closed list of requests: all that a strategy may await, and all that an engine must answer.

Each says here, and only here, what it means, what it answers, in which order things happen and how it can fail.
Requests of one worker are answered one after another. A request carries a whole block of work or a whole vector:
asking costs microseconds.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal, final, get_args

from hogwild.answers import ALL, Ack, All, Message, Portion, Reduced, Round, Versioned
from hogwild.deltas import Change, Delta, Keys, Sent, Vector
from hogwild.limits import check_whole
from hogwild.memory import Sharing


def _ask(request: Any) -> Generator[Any, Any, Any]:
    """`await request` hands the request to the engine and returns its answer. Nothing else ever yields."""
    return (yield request)


@final
class Ticket:
    """A request under way: `done` tells, `await` waits. Holds the answer then."""

    __slots__ = ("answer", "done", "request")

    def __init__(self, request: Any) -> None:
        self.request, self.done, self.answer = request, False, None

    def __await__(self) -> Generator[Any, Any, Any]:
        return _ask(Wait(self))


# ------------------------------------------------------------------------------------------------ rounds and steps


@final
@dataclass(frozen=True, slots=True)
class NextRound:
    """May I go on? Answer: `Round`, or None when the budget is spent, training has converged or was stopped.

    May wait for all workers at the end of an epoch. Where workers agree on their rounds, the first that asks for round
    k fixes the answer for all.
    """

    __await__ = _ask


@final
@dataclass(frozen=True, slots=True)
class Steps:
    """Up to `n` steps in place, each on the mean gradient of `minibatch` examples, the next ones of the epoch.

    Answer: None, or a `Change` with `record`. The engine hands out fewer examples near the end of an epoch, also none.
    `rate` overrides the model's schedule, in all steps of a run or in none. NonFiniteError stops the run.
    """

    n: int
    rate: float | None = None
    minibatch: int = 1
    record: bool = False
    __await__ = _ask

    def __post_init__(self) -> None:
        check_whole("n", self.n)
        check_whole("minibatch", self.minibatch)


@final
@dataclass(frozen=True, slots=True)
class Gradient:
    """The sum of gradients at my weights. Answer: `Delta`.

    of :   over my next so many examples (fewer at the end of an epoch, also none), a `Portion`, or ALL: a full pass, of
           which each worker that agrees on its rounds computes its part.
    keys : give only these rows, those that the examples touch (see `Upcoming`); the penalty on a row is then weighted
           by how rarely it is touched, so that it is right on average.
    """

    of: int | Portion | All = 1
    keys: Keys | None = None
    __await__ = _ask

    def __post_init__(self) -> None:
        if not isinstance(self.of, Portion | All):
            check_whole("of", self.of)


@final
@dataclass(frozen=True, slots=True)
class Apply:
    """One step of the model's own rule on my weights: w -= rate(delta.moment) * delta.steps * mean gradient, then prox.

    Answer: None. NonFiniteError stops the run. A delta of no examples changes nothing.
    """

    delta: Delta
    __await__ = _ask


@final
@dataclass(frozen=True, slots=True)
class Upcoming:
    """Which rows will my next `n` examples touch? Answer: `Keys`. Hands nothing out: ask, pull, then compute."""

    n: int
    __await__ = _ask

    def __post_init__(self) -> None:
        check_whole("n", self.n)


@final
@dataclass(frozen=True, slots=True)
class Take:
    """The next portion of this round's pass over all examples. Answer: `Portion`, or None when all have been pushed.

    The first to ask in a round opens its pass. Near the end copies of unfinished portions are handed out; of two pushes
    of one portion the first counts. Portions of a lost worker go to others.
    """

    __await__ = _ask


# ------------------------------------------------------------------------------------------------------ one memory


@final
@dataclass(frozen=True, slots=True)
class Share:
    """From now on my steps work on the memory that all workers share, in this manner. Answer: None.

    Once, before the first `Steps`, and the same for all workers.
    """

    how: Sharing
    __await__ = _ask


# ------------------------------------------------------------------------------------------------------- everybody


@final
@dataclass(frozen=True, slots=True)
class Reduce:
    """The sum of what all give, in rank order. Answer: `Reduced`, the same for all.

    Waits for all workers that have not returned, or until `quorum` of them have given something: who comes later is
    told the sum without having added to it. x: `Delta`, vector, or None to listen (for all of them: a barrier). A sum
    of deltas is one of larger minibatches: its `steps` is the most of them, not their sum. My k-th Reduce belongs to
    the k-th of each other worker. ValueError if shapes differ, or the quorum is larger than the run.
    """

    x: Delta | Vector | None = None
    quorum: int | None = None
    __await__ = _ask

    def __post_init__(self) -> None:
        if self.quorum is not None:
            check_whole("quorum", self.quorum)


# ------------------------------------------------------------------------------------------------- from one to one


@final
@dataclass(frozen=True, slots=True)
class Put:
    """Put x into the peer's mailbox, which has a slot for each sender. Answer: False if nobody is there, and nothing
    was sent; else True, when it is on its way (x is copied).

    mode: "replace" what lies in the slot, "add" to it (nothing is lost), or "queue" behind it.
    """

    peer: int
    x: Sent
    mode: Literal["replace", "add", "queue"] = "replace"
    __await__ = _ask


@final
@dataclass(frozen=True, slots=True)
class Inbox:
    """Empty my mailbox. Answer: a list of `Message` in rank order of the senders.

    Waits until there is one message at least of each of `senders` that is still running; takes one of each of them from
    a queue, and leaves the rest there.
    """

    senders: tuple[int, ...] = ()
    __await__ = _ask


@final
@dataclass(frozen=True, slots=True)
class Get:
    """A peer's weights as they are now. Answer: `Message`."""

    peer: int
    __await__ = _ask


@final
@dataclass(frozen=True, slots=True)
class Average:
    """My weights and the peer's both become their mean, in one act, also while the peer computes. Answer: None."""

    peer: int
    __await__ = _ask


# --------------------------------------------------------------------------------------------- the parameter server


@final
@dataclass(frozen=True, slots=True)
class Pull:
    """Weights from the server; `keys`: only these rows. Answer: `Versioned`.

    version : wait until each shard has applied so many pushes
    clock :   wait until each worker that is still in rounds() has pushed so often
    Each shard answers for itself: what is read from two shards may be of different moments. A worker always sees its
    own acknowledged pushes.
    """

    keys: Keys | None = None
    version: int | None = None
    clock: int | None = None
    __await__ = _ask


@final
@dataclass(frozen=True, slots=True)
class Push:
    """Send x to the server, whose rule says what it does to the weights. Answer: `Ack`, when all shards concerned have
    applied it. One sent twice is applied once. ValueError for a wrong shape, NonFiniteError for a NaN in it.
    """

    x: Sent
    __await__ = _ask


@final
@dataclass(frozen=True, slots=True)
class OnServer:
    """One operation on the named vectors of the shards. Answer: float (0 for those that give no number).

    ("copy", to, of), ("scale", x, a), ("axpy", y, a, x): y += a x, ("dot", x, y), ("loss",): the sum of losses that
    came with what was accrued. "weights" and "accrued" exist; "copy" makes others.
    """

    op: tuple[Any, ...]
    __await__ = _ask


# ------------------------------------------------------------------------------------------------------- meanwhile


@final
@dataclass(frozen=True, slots=True)
class Start:
    """Begin a request that communicates, and go on at once. Answer: `Ticket`. What it sends is copied first."""

    request: Reduce | Put | Inbox | Get | Pull | Push | OnServer
    __await__ = _ask

    def __post_init__(self) -> None:
        if not isinstance(self.request, Reduce | Put | Inbox | Get | Pull | Push | OnServer):
            raise TypeError(f"start() wants a request that communicates, not {self.request!r}")


@final
@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for what was started (`await ticket`). Answer: the answer to its request."""

    ticket: Ticket = field(repr=False)
    __await__ = _ask


Compute = Steps | Gradient | Apply | Upcoming | Share
"""Answered where the worker is, with its memory and its data."""

Communicate = Reduce | Put | Inbox | Get | Average | Pull | Push | OnServer | Take | Start | Wait
"""Answered by what the workers have in common."""

Request = NextRound | Compute | Communicate

#: The same as sets of classes: looking up a type is ten times as fast as asking a union.
COMPUTE: frozenset[type] = frozenset(get_args(Compute))
COMMUNICATE: frozenset[type] = frozenset(get_args(Communicate))
REQUESTS: frozenset[type] = COMPUTE | COMMUNICATE | {NextRound}

__all__ = [
    "ALL",
    "COMMUNICATE",
    "COMPUTE",
    "REQUESTS",
    "Ack",
    "All",
    "Apply",
    "Average",
    "Change",
    "Communicate",
    "Compute",
    "Delta",
    "Get",
    "Gradient",
    "Inbox",
    "Keys",
    "Message",
    "NextRound",
    "OnServer",
    "Portion",
    "Pull",
    "Push",
    "Put",
    "Reduce",
    "Reduced",
    "Request",
    "Round",
    "Share",
    "Start",
    "Steps",
    "Take",
    "Ticket",
    "Upcoming",
    "Vector",
    "Versioned",
    "Wait",
]
