"""An observer, a strategy that it may watch, and what it must be told on any engine whose time is real."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from hogwild import AbstractObserver, AbstractStrategy, Stop, train
from hogwild.testing import problem

EASY = problem()


@dataclass
class Watcher(AbstractObserver):
    """Notes what it is told, and raises this when that `is_enough`, once."""

    raises: BaseException
    is_enough: Callable[[list], bool]
    told: list = field(default_factory=list)
    enough: int = 0  # so many were that

    def __call__(self, record):
        pass

    def status(self, status):
        self.told.append(status)
        if not self.enough and self.is_enough(self.told):
            self.enough = len(self.told)
            raise self.raises


def at_once(told):
    return True


def something_was_sent(told):
    """On a busy machine processes may not have begun when the first are told."""
    return len(told) > 1 and told[-1].sent_bytes > 0


@dataclass(frozen=True)
class Short(AbstractStrategy):
    """Short rounds, until somebody has had enough."""

    agree = True

    async def work(self, me):
        async for _ in me.rounds():
            await me.steps(1)
            await me.all_reduce(me.params.weights)


def run(engine, watcher, tol=None):
    """tol: are weights judged, so that workers meet at the end of each epoch?"""
    stop = Stop(epochs=1_000_000, tol=tol)
    return train(EASY.model, EASY.data, strategy=Short(), engine=engine, stop=stop, seed=0, callbacks=[watcher])


def observers_are_told_how_far_it_is(engine):
    watcher = Watcher(KeyboardInterrupt(), something_was_sent)
    found = run(engine, watcher)
    assert found.reason == "interrupted"
    before, after = watcher.told[0], watcher.told[watcher.enough - 1]  # of more, while all finish their round
    assert before.time_s < after.time_s
    assert before.examples <= after.examples <= found.history[-1].examples
    assert before.epoch <= after.epoch <= found.history[-1].epoch
    assert before.workers == after.workers == 2
    assert before.sent_bytes <= after.sent_bytes
    for told in watcher.told:
        assert 0 <= told.share <= 1
        assert told.sent_bytes <= found.history.traffic.sent_bytes
        assert (told.size, told.joined, told.objective, told.staleness) == (2, 0, None, None)


def what_they_raise_ends_the_run(engine):
    with pytest.raises(ZeroDivisionError, match="in an observer"):
        run(engine, Watcher(ZeroDivisionError("in an observer"), at_once))


def what_they_raise_ends_a_run_that_is_judged(engine):
    """Callbacks are waited for while workers meet."""
    with pytest.raises(ZeroDivisionError, match="in an observer"):
        run(engine, Watcher(ZeroDivisionError("in an observer"), at_once), tol=0)


CHECKS = [
    observers_are_told_how_far_it_is,
    what_they_raise_ends_the_run,
    what_they_raise_ends_a_run_that_is_judged,
]
