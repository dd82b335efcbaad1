"""What happens in the course of a run, written down as a generator that goes on at the end of each epoch."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.engines.ray.waiting import looks

from hogwild import AbstractStrategy, Stop, train
from hogwild.testing import problem

EASY = problem()
MOST_EPOCHS = 2_000


@dataclass(frozen=True)
class Averaging(AbstractStrategy):
    """Each process notes in a folder that its program has begun, and for whom."""

    notes: str
    agree = True
    survives = frozenset({"lost worker", "slow worker"})

    async def work(self, me):
        Path(self.notes, str(os.getpid())).write_text(str(me.rank))
        async for _ in me.rounds():
            await me.steps(5)
            mean = await me.all_reduce(me.params.weights)
            me.params.weights[:] = mean.sum / mean.count


def begun(notes: Path) -> int:
    """How many processes of workers have."""
    return len(list(notes.iterdir()))


def epochs(n: int) -> Iterator[None]:
    for _ in range(n):
        yield


def until(happens: Callable[[], bool]) -> Iterator[None]:
    """Epochs go by, more slowly, until this is so."""
    yield from looks(happens)


def run(engine, strategy, plot: Iterator[None], data=EASY.data):
    """Learn until the plot ends."""

    def go_on(record) -> None:
        try:
            next(plot)
        except StopIteration:
            raise KeyboardInterrupt from None

    stop = Stop(epochs=MOST_EPOCHS, tol=0, patience=MOST_EPOCHS)
    return train(EASY.model, data, strategy=strategy, engine=engine, stop=stop, seed=0, callbacks=[go_on])


def is_as_good(found, strategy, workers: int) -> bool:
    """Is the objective within one per cent of that without faults?"""
    from hogwild import Threads

    calm = train(EASY.model, EASY.data, strategy=strategy, engine=Threads(workers), stop=Stop(epochs=20, tol=0), seed=0)
    return found.history[-1].objective <= 1.01 * calm.history[-1].objective
