"""How fast machines are: some always slower than others, all of them uneven, and now and then one gets stuck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.engines.plan import Faults
from hogwild.engines.virtual.agenda import Agenda
from hogwild.limits import is_number

MOST_SIGMA = 5.0  # of a lognormal: its middle 95 per cent then span a factor of 3e8
STREAM = 3  # of random numbers, among those of a run's seed
BATCH = 256  # draws at a time: drawing them one by one would take as long as a request


@final
@dataclass(frozen=True)
class Speeds:
    """How unequal the workers are. The default: not at all.

    spread   : workers differ for the whole run: log(speed) ~ N(., spread^2), scaled so that their mean speed is 1: what
               they can do together does not depend on it
    straggle : share of requests that take `straggle_factor` times as long; on average they then take
               1 + straggle * (straggle_factor - 1) times as long
    jitter   : requests differ, too: log(time) ~ N(-jitter^2 / 2, jitter^2), of mean 1

    ValueError for numbers that make no sense.
    """

    spread: float = 0.0
    straggle: float = 0.0
    straggle_factor: float = 10.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("spread", self.spread), ("jitter", self.jitter)):
            if not (is_number(value) and 0 <= value <= MOST_SIGMA):
                raise ValueError(f"{name}={value!r} must lie in [0, {MOST_SIGMA:g}]: it is the sigma of a lognormal")
        if not (is_number(self.straggle) and 0 <= self.straggle <= 1):
            raise ValueError(f"straggle={self.straggle!r} must lie in [0, 1]: it is the share of slow requests")
        if not (is_number(self.straggle_factor) and 1 <= self.straggle_factor < inf):
            raise ValueError(f"straggle_factor={self.straggle_factor!r} must be a finite number of at least 1")


@final
class Clocks:
    """How long the requests of each worker take, as multiples of what they take on a worker of speed 1.

    What is drawn for the k-th request of a worker depends on (seed, rank, k) alone: not on what others draw meanwhile,
    nor on what is drawn for. With a larger `straggle` the same requests are slow, and some more. Speeds are drawn for
    (seed, rank), and then scaled together.

    speeds : (size,) float64, of mean 1
    """

    def __init__(self, speeds: Speeds, size: int, seed: int) -> None:
        if not size >= 1:
            raise ValueError(f"size={size!r} must be at least 1")
        self._how = speeds
        self._key = np.random.SeedSequence([seed, STREAM]).generate_state(1, np.uint64)[0]
        logs = np.zeros(size)
        if speeds.spread > 0:
            logs[:] = [speeds.spread * self._stream(rank, 0).standard_normal() for rank in range(size)]
        unscaled = np.exp(logs)
        self.speeds: NDArray[np.float64] = unscaled / unscaled.mean()
        self._drawn: list[list[float]] = [[] for _ in range(size)]
        self._batches = [0] * size

    def draw(self, rank: int) -> float:
        """How many times as long the next request of this worker takes."""
        return (self._drawn[rank] or self._draw_batch(rank)).pop()

    def _draw_batch(self, rank: int) -> list[float]:
        how, time = self._how, 1.0 / float(self.speeds[rank])
        if how.jitter == 0 and how.straggle == 0:
            self._drawn[rank] = drawn = [time] * BATCH
            return drawn
        self._batches[rank] += 1
        stream = self._stream(rank, self._batches[rank])
        # Both are always drawn, so that neither depends on whether the other is wanted.
        noise, luck = stream.standard_normal(BATCH), stream.random(BATCH)
        times = time * np.exp(how.jitter * noise - how.jitter**2 / 2)
        times[luck < how.straggle] *= how.straggle_factor
        self._drawn[rank] = drawn = times.tolist()
        return drawn

    def _stream(self, rank: int, batch: int) -> np.random.Generator:
        """A generator that counts: nothing is stored between batches, and no two batches meet."""
        key, counter = np.array([self._key, rank], np.uint64), np.array([0, 0, batch, 0], np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))


def slowed(draw: Callable[[int], float], plan: Faults, agenda: Agenda) -> Callable[[int], float]:
    """As `draw`, but longer while a worker is slow."""
    slow = plan.of_kind("slow")

    def drawn(rank: int) -> float:
        times, now = draw(rank), agenda.now
        for fault in slow:
            if rank in fault.workers and fault.from_s <= now < fault.to_s:
                times *= fault.amount
        return times

    return drawn if slow else draw
