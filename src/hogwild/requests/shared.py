"""What a worker asks of all that the workers have in common: each other, the server, what was started."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Literal, final

import numpy as np

from hogwild.deltas import Change, Coded, Delta, PartialState, Posted, Sent, Vector
from hogwild.limits import check_whole
from hogwild.requests.asking import ask
from hogwild.rows import Keys

# ------------------------------------------------------------------------------------------------------- everybody


@final
@dataclass(frozen=True, slots=True)
class Reduce:
    """The sum of what all give, in rank order. Answer: `Reduced`, the same for all.

    Waits for all workers that have not returned or died, or until `quorum` of them have given something: who comes
    later is told the sum without having added to it. x: `Delta`, vector (as it is now; perhaps `Coded`), or None to
    listen (for all of them: a barrier). A sum of deltas is one of larger minibatches: its `steps` is the most of them,
    not their sum. My k-th Reduce belongs to the k-th of each other worker. ValueError if shapes differ, or the quorum
    is larger than the run.
    """

    x: Delta | Coded | Vector | None = None
    quorum: int | None = None
    __await__ = ask

    def __post_init__(self) -> None:
        if self.quorum is not None:
            check_whole("quorum", self.quorum)
        _check_sent("all_reduce()", self.x, Delta, Coded, NoneType)


# ------------------------------------------------------------------------------------------------- from one to one


@final
@dataclass(frozen=True, slots=True)
class Put:
    """Put x into the peer's mailbox, which has a slot for each sender. Answer: True, when it has left: who puts more
    than the link carries waits. False if nobody is there (where workers agree on rounds: if it was not there in this
    one), and nothing was sent. x is copied.

    x: `Delta`, `Change`, vector, or a `PartialState`, which cannot be added.
    mode: "replace" what lies in the slot, "add" to it (nothing is lost), or "queue" behind it. On a network that loses
    messages the last two are sent again until they are there; the first is news, and lost if it is lost or overtaken.
    """

    peer: int
    x: Posted
    mode: Literal["replace", "add", "queue"] = "replace"
    __await__ = ask

    def __post_init__(self) -> None:
        _check_sent("put()", self.x, Delta, Change, PartialState)
        if self.mode not in ("replace", "add", "queue"):
            raise ValueError(f'put(mode={self.mode!r}) must be "replace", "add" or "queue"')


@final
@dataclass(frozen=True, slots=True)
class Inbox:
    """What lies in my mailbox. Answer: a list of `Message` in rank order of the senders.

    senders : None: all there is, at once. Else it waits until there is a message at least of each of them that is still
        running, and takes one of each, the oldest; all others stay.
    """

    senders: tuple[int, ...] | None = None
    __await__ = ask

    def __post_init__(self) -> None:
        if not isinstance(self.senders, tuple | NoneType):
            raise TypeError(f"inbox({self.senders!r}) must name the senders to wait for, such as inbox((1,))")


@final
@dataclass(frozen=True, slots=True)
class Get:
    """A peer's weights as they are now. Answer: `Message`; None if the peer is dead, or dies meanwhile."""

    peer: int
    __await__ = ask


@final
@dataclass(frozen=True, slots=True)
class Average:
    """My weights and the peer's both become their mean, in one act, also while the peer computes.

    Answer: True; False if the peer is dead, or dies meanwhile: then perhaps nothing has changed.
    """

    peer: int
    __await__ = ask


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
    __await__ = ask


@final
@dataclass(frozen=True, slots=True)
class Push:
    """Send x to the server. Answer: `Ack`, when all shards concerned have applied it.

    x: a `Delta`, of which the server's rule says what it does to the weights; or a `Change`, which is added to them, as
    is a vector, unless the rule is `elastic`. A delta of a portion is kept in "accrued" instead (see `OnServer`). One
    sent twice counts once. ValueError for a wrong shape, NonFiniteError for a NaN in it.
    """

    x: Sent
    __await__ = ask

    def __post_init__(self) -> None:
        _check_sent("push()", self.x, Delta, Change, Coded)


@final
@dataclass(frozen=True, slots=True)
class OnServer:
    """One operation on the named vectors of the shards. Answer: float (0 for those that give no number).

    ("copy", to, of), ("scale", x, a), ("axpy", y, a, x, ...): y += a x, then the next a and x, ("dot", x, y), and
    ("units", x, a): x_i *= scale_i^a with the scales of the model (`AbstractTask.scales`). "weights" and "accrued"
    exist; "copy" makes others. "accrued" is the sum of the deltas of portions, added in the order of their numbers, of
    each portion the first; ("loss",): the sum of their losses. Reading either closes the sum, what comes later is
    dropped (`Ack.late`), until ("clear",) begins another. ValueError for a vector that is not there.
    """

    op: tuple[Any, ...]
    __await__ = ask


# ------------------------------------------------------------------------------------------------------- meanwhile


@final
class Ticket:
    """A request under way: `done` tells, `await` waits. Holds the answer then."""

    __slots__ = ("answer", "done", "request")

    def __init__(self, request: Any) -> None:
        self.request, self.done, self.answer = request, False, None

    def __await__(self) -> Generator[Any, Any, Any]:
        return ask(Wait(self))


@final
@dataclass(frozen=True, slots=True)
class Start:
    """Begin a request that communicates, and go on at once. Answer: `Ticket`. What it sends is copied first."""

    request: Reduce | Put | Inbox | Get | Pull | Push | OnServer
    __await__ = ask

    def __post_init__(self) -> None:
        if not isinstance(self.request, _STARTED):
            raise TypeError(f"start() wants a request that communicates, not {self.request!r}")


_STARTED = (Reduce, Put, Inbox, Get, Pull, Push, OnServer)


@final
@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for what was started (`await ticket`). Answer: the answer to its request."""

    ticket: Ticket = field(repr=False)
    __await__ = ask


# ------------------------------------------------------------------------------------------------- pass by pass


@final
@dataclass(frozen=True, slots=True)
class Take:
    """The next portion of this round's pass over all examples. Answer: `Portion`, or None when all have been pushed.

    The first to ask in a round opens its pass. Near the end a few copies are handed out of each portion that others
    still compute; of two pushes of one portion the first counts. Who can be of no more help waits for the end. Portions
    of a lost worker go to others. Who comes rounds later than others is told None. Unsupported for `Partitioned` data,
    which stay with their workers.
    """

    __await__ = ask


def _check_sent(verb: str, x: Any, *kinds: type) -> None:
    """TypeError or ValueError unless x is one of these, or a vector of floating-point numbers."""
    if isinstance(x, np.ndarray):
        if x.ndim != 1 or x.dtype.kind != "f":
            raise ValueError(
                f"{verb} of an array of shape {x.shape} and dtype {x.dtype}: give a vector of floating-point numbers, "
                "such as me.params.weights"
            )
    elif not isinstance(x, kinds):
        allowed = ", ".join([f"a {kind.__name__}" for kind in kinds if kind not in (NoneType, Coded)])
        raise TypeError(f"{verb} wants {allowed} or a vector (a NumPy array), not {type(x).__name__}")
