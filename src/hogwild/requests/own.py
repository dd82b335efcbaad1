"""What a worker asks of the engine where it is: rounds, and work with its memory and its data."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, final

from hogwild.answers import All, Portion
from hogwild.deltas import Delta
from hogwild.limits import check_positive, check_whole
from hogwild.memory import Sharing
from hogwild.requests.asking import ask
from hogwild.rows import Keys


@final
@dataclass(frozen=True, slots=True)
class NextRound:
    """May I go on? Answer: `Round`, or None when the budget is spent, training has converged or was stopped.

    May wait for all workers at the end of an epoch. Where workers agree on their rounds, the first that asks for round
    k fixes the answer for all.
    """

    __await__ = ask


@final
class Rounds:
    """`async for round in Rounds()`: asks for the next, until there is none."""

    def __aiter__(self) -> Rounds:
        return self

    def __anext__(self) -> _Next:
        return _NEXT


@final
class _Next:
    """What `async for` awaits. A coroutine for each round would cost more."""

    def __await__(self) -> Generator[Any, Any, Any]:
        round = yield NextRound()
        if round is None:
            raise StopAsyncIteration
        return round


_NEXT = _Next()


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
    __await__ = ask

    def __post_init__(self) -> None:
        check_whole("n", self.n)
        check_whole("minibatch", self.minibatch)
        if self.rate is not None:
            check_positive("rate", self.rate, ", or None for the model's schedule")


@final
@dataclass(frozen=True, slots=True)
class Gradient:
    """The sum of gradients at my weights. Answer: `Delta`.

    of :   over my next so many examples (fewer at the end of an epoch, also none), a `Portion`, or ALL that are left of
           the epoch, of which each worker that agrees on its rounds computes its part; of `Partitioned` data all of
           its own, once each if the epoch begins.
    keys : give only these rows, those that the examples touch (see `Upcoming`); the penalty on a row is then weighted
           by how rarely it is touched, so that it is right on average.
    """

    of: int | Portion | All = 1
    keys: Keys | None = None
    __await__ = ask

    def __post_init__(self) -> None:
        if not isinstance(self.of, (Portion, All)):
            check_whole("of", self.of)


@final
@dataclass(frozen=True, slots=True)
class Apply:
    """One step of the model's own rule on my weights: w -= rate(delta.moment) * delta.steps * mean gradient, then prox.

    Answer: None. NonFiniteError stops the run. A delta of no examples changes nothing.
    """

    delta: Delta
    __await__ = ask

    def __post_init__(self) -> None:
        if not isinstance(self.delta, Delta):
            raise TypeError(f"apply() wants the Delta of a gradient(), not {type(self.delta).__name__}")


@final
@dataclass(frozen=True, slots=True)
class Upcoming:
    """Which rows will my next `n` examples touch? Answer: `Keys`. Sets these examples aside: my next request for some
    gets these, and no others. Ask, pull, then compute.
    """

    n: int
    __await__ = ask

    def __post_init__(self) -> None:
        check_whole("n", self.n)


@final
@dataclass(frozen=True, slots=True)
class Share:
    """From now on my steps work on the memory that all workers share, in this manner. Answer: None.

    Once, before the first `Steps`, and the same for all workers.
    """

    how: Sharing
    __await__ = ask
