"""Fair clocks: contenders run in turn, A B C A B C ..., and ratios compare runs of the same round."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from hogwild.interfaces import Result

REST_S = 0.1  # before each run: threads of a BLAS spin for tens of ms after its last call, in the time of who is next


@final
@dataclass(frozen=True)
class Spread:
    """The figures of all repeats, in order."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def over(self, other: Spread) -> Spread:
        """Ratios, repeat by repeat: what slows a whole round down falls out of them."""
        return Spread(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def text(self, digits: int = 1, factor: float = 1.0, unit: str = "") -> str:
        """'median (min..max)', each times `factor`."""
        middle, low, high = (x * factor for x in (self.median, min(self.values), max(self.values)))
        return f"{middle:.{digits}f}{unit} ({low:.{digits}f}..{high:.{digits}f})"


def ms(spread: Spread) -> str:
    """Seconds as milliseconds, in as many digits as mean something."""
    return spread.text(digits=2 if spread.median < 0.001 else 1 if spread.median < 0.1 else 0, factor=1e3)


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def interleaved(contenders: Mapping[str, Callable[[int], float]], repeats: int) -> dict[str, Spread]:
    """Call every contender once a round with the round's number (its seed); each returns what it measured."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for repeat in range(repeats):
        for name, contender in contenders.items():
            gc.collect()
            time.sleep(REST_S)
            found[name].append(contender(repeat))
    return {name: Spread(tuple(values)) for name, values in found.items()}


def per_epoch_s(fit: Callable[[int], object], more: int) -> float:
    """Seconds an epoch costs: (time of more + 1 epochs - time of 1) / more. Preparation falls out."""
    one = seconds(lambda: fit(1))
    return (seconds(lambda: fit(more + 1)) - one) / more


def epochs_per_s(result: Result) -> float:
    """Speed by the clock of the history, without the first epoch and the last, after which weights may be judged."""
    history = result.history
    return (len(history) - 2) / (history[-2].time_s - history[0].time_s)
