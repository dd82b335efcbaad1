"""Small strategies that look at an engine from inside.

What they find they say by raising in `work`: wherever a worker runs, its error must come out of the engine.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import check_examples
from hogwild.engines.faults import SURVIVES
from hogwild.interfaces import (
    AbstractEngine,
    AbstractModel,
    AbstractStrategy,
    Callback,
    Job,
    Result,
    Worker,
)
from hogwild.params import Params
from hogwild.rules.updates import Update
from hogwild.stopping import Stop
from hogwild.testing.ledger import Ledger

MakeEngine = Callable[[int], AbstractEngine]
Work = Callable[[Worker], Awaitable[None]]
T = TypeVar("T")

N_EXAMPLES = 24
PATIENCE_S = 60.0  # a run of a few milliseconds that takes so long hangs
BUDGET = Stop(epochs=1, tol=None)


class Hangs(AssertionError):
    """Something that must end has not."""


def must(holds: object, sentence: str) -> None:
    """AssertionError with the sentence, unless it holds. (`assert` would be silent under python -O.)"""
    if not holds:
        raise AssertionError(sentence)


def same(found: Any, expected: Any, what: str) -> None:
    """AssertionError unless all numbers are equal, bit for bit."""
    must(np.array_equal(found, expected), f"{what}: found {_shown(found)}, expected {_shown(expected)}")


def near(found: Any, expected: Any, what: str, tolerance: float = 1e-9) -> None:
    """AssertionError unless all numbers are equal up to rounding: differences relative to the largest number."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    close = found.shape == expected.shape and bool((np.abs(found - expected) <= tolerance * scale).all())
    must(close, f"{what}: found {_shown(found)}, expected {_shown(expected)}")


def _shown(value: Any) -> str:
    return np.array2string(np.asarray(value), threshold=8) if isinstance(value, np.ndarray) else repr(value)


def raised(
    kind: type[BaseException], sentence: str, action: Callable[..., object], *arguments: Any, **options: Any
) -> BaseException:
    """The error that action(*arguments, **options) raises. AssertionError unless it is of this kind, and `sentence`, a
    regular expression, is found in it.
    """
    try:
        outcome = action(*arguments, **options)
    except kind as error:
        must(re.search(sentence, str(error)), f"{kind.__name__} must say {sentence!r}, but says {str(error)!r}")
        return error
    except Hangs:
        raise
    except Exception as error:
        raise AssertionError(f"{kind.__name__} was expected, not {type(error).__name__}: {error}") from error
    raise AssertionError(f"{kind.__name__} was expected, but it ended with {outcome!r}")


def within(action: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """What the action returns or raises. `Hangs` if it does neither for so long; it is then left to itself."""
    outcome: list[T] = []
    errors: list[BaseException] = []

    def act() -> None:
        try:
            outcome.append(action())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=act, name="hogwild-testing", daemon=True)
    thread.start()
    thread.join(patience_s)
    if thread.is_alive():
        raise Hangs(f"the run has not ended after {patience_s:g} s")
    if errors:
        raise errors[0]
    return outcome[0]


class Probe(NamedTuple):
    """What a probing strategy is like beside its program."""

    agree: bool = True
    needs: Collection[str] = ()
    server: Update | None = None
    answer: str = "end"
    survives: frozenset[str] = frozenset(SURVIVES)

    def strategy(self, work: Callable[[Worker], Any]) -> AbstractStrategy:
        """A strategy with this program."""
        members = {**self._asdict(), "needs": frozenset(self.needs), "work": lambda self, me: work(me)}
        return type("Probe", (AbstractStrategy,), members)()


def served(rule: Update, **how: Any) -> Probe:
    """A probe with a parameter server."""
    return Probe(**{"agree": False, "needs": {"server"}, "server": rule, "answer": "server", **how})


class Trial(NamedTuple):
    """A run, but for its engine and its program."""

    probe: Probe = Probe()
    model: AbstractModel = Ledger()
    stop: Stop = BUDGET
    callbacks: Sequence[Callback] = ()
    start: Params | None = None
    n_examples: int = N_EXAMPLES
    seed: int = 0

    def run(self, engine: AbstractEngine, work: Callable[[Worker], Any]) -> Result:
        """Run this program; AssertionError if it does not end."""
        return self.run_strategy(engine, self.probe.strategy(work))

    def run_strategy(self, engine: AbstractEngine, strategy: AbstractStrategy) -> Result:
        """Run this strategy instead."""
        n = self.n_examples
        examples = check_examples(np.ones((n, 1)), np.zeros(n))
        job = Job(self.model, examples, strategy, self.stop, self.callbacks, self.seed, self.start)
        return within(lambda: engine.run(job))


def look(engine: AbstractEngine, work: Work, **trial: Any) -> Result:
    """Run a program on the engine: see `Trial` for what else can be chosen."""
    return Trial(**trial).run(engine, work)


# ------------------------------------------------------------------------------------------------- inside programs


def vector(me: Worker, value: float = 0.0) -> NDArray[Any]:
    """A vector like the weights, full of `value`."""
    return np.full_like(me.params.weights, value)


async def together(me: Worker, value: float) -> NDArray[np.float64]:
    """What each worker gives, by rank: the same for all."""
    mine = vector(me)
    mine[me.rank] = value
    everybody = await me.all_reduce(mine)
    return np.asarray(everybody.sum[: me.size], np.float64)


async def settled(me: Worker) -> None:
    """Until all that was sent before has arrived: messages of one worker to another arrive in order."""
    for peer in range(me.size):
        if peer != me.rank:
            await me.get(peer)
    await me.all_reduce()
