"""Downpour against Sandblaster against plain SGD."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hogwild import (
    Downpour,
    Linear,
    Sandblaster,
    Serial,
    Simulated,
    Speeds,
    adagrad,
    auto,
    constant,
    rcv1_like,
    sgd,
)
from hogwild.interfaces import AbstractStrategy
from hogwild.pages import Line, Panel
from science.races import STAYS, Race, in_ms, optimum, race
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

MINIBATCH, EXAMPLE_S, SHARDS = 10, 1e-4, 16
RATE, LOW_RATE = 1.0, 0.1
FIXED, SLOW, LARGE, SMALL, BATCH, PLAIN = (
    "Downpour, fixed rate",
    "Downpour, low rate",
    "Downpour, Adagrad(0.3)",
    "Downpour, Adagrad(0.1)",
    "Sandblaster",
    "plain SGD",
)

_Races = Mapping[str, Mapping[int, Race]]


def _look(setting: Setting) -> Found:
    rows, features, l2, near = (4_000, 300, 1e-3, 0.03) if setting.quick else (20_000, 2_000, 1e-4, 0.01)
    sizes = (1, 10) if setting.quick else (1, 10, 30, 100, 300, 1000, 2000)
    examples = rcv1_like(rows, features, seed=setting.seed)
    target = (1 + near) * optimum(Linear("logistic", l2=l2), examples)

    def run(strategy: AbstractStrategy, size: int, rate: float | None, epochs: int) -> Race:
        model = Linear("logistic", l2=l2, average=False, schedule=auto() if rate is None else constant(rate))
        engine = Simulated(size, SHARDS, example_s=EXAMPLE_S, speeds=Speeds(spread=0.2, jitter=0.2))
        return race(model, examples, strategy, engine, epochs=epochs, seed=setting.seed, target=target)

    contenders: dict[str, tuple[AbstractStrategy, float | None]] = {
        FIXED: (Downpour(MINIBATCH, server=sgd()), RATE),
        SLOW: (Downpour(MINIBATCH, server=sgd()), LOW_RATE),
        LARGE: (Downpour(MINIBATCH, server=adagrad(0.3)), LOW_RATE),
        SMALL: (Downpour(MINIBATCH, server=adagrad(0.1)), LOW_RATE),
        BATCH: (Sandblaster(), None),
    }
    left_out = {SLOW, SMALL} if setting.quick else set()
    races = {PLAIN: {1: run(Serial(), 1, None, 20)}}
    for name, (strategy, rate) in contenders.items():
        if name not in left_out:
            races[name] = {size: run(strategy, size, rate, 30 if name == BATCH else 15) for size in sizes}
    return Found(_findings(races, near), [_scaling(races, sizes, near)])


def _findings(races: _Races, near: float) -> list[Finding]:
    batch, plain = races[BATCH], races[PLAIN][1].time_s
    few = 10
    downpour = [name for name in races if name.startswith("Downpour")]
    asynchronous = {size: min(races[name][size].time_s for name in downpour) for size in batch}
    adaptive = {size: min(races[name][size].time_s for name in (LARGE, SMALL) if name in races) for size in batch}
    found = [
        Finding(
            f"virtual ms until the objective is within {near:.0%} of the optimum, with {few} workers: Downpour with "
            f"the better rate of Adagrad {in_ms(adaptive[few])}, Sandblaster {in_ms(batch[few].time_s)}; plain SGD on "
            f"one {in_ms(plain)}",
            adaptive[few] < 0.8 * min(plain, batch[few].time_s),
            Advice("replicas by the tens, and a server", "`Downpour(server=adagrad(rate))`, its rate tuned"),
        )
    ]
    if (most := max(batch)) == few:
        return found
    return [
        *found,
        Finding(
            f"virtual ms until it is within {near:.0%} of the optimum, with 100 workers: Downpour "
            f"{in_ms(asynchronous[100])}, Sandblaster {in_ms(batch[100].time_s)}; with {most:,}: Downpour "
            f"{in_ms(asynchronous[most])}, Sandblaster {in_ms(batch[most].time_s)}",
            asynchronous[100] < 0.8 * batch[100].time_s and batch[most].time_s < asynchronous[most],
            Advice("thousands of workers, and a smooth objective", "`Sandblaster()`"),
        ),
    ]


def _scaling(races: _Races, sizes: Sequence[int], near: float) -> Exhibit:
    lines = []
    for k, (name, of) in enumerate(races.items()):
        there = {size: each.time_s for size, each in of.items() if math.isfinite(each.time_s)}
        if name == PLAIN:
            there = {size: each for each in there.values() for size in sizes}  # a level to compare with
        lines.append(Line(name, (k, 0), [float(size) for size in there], list(there.values())))
    title = f"Time to within {near:.0%} of the optimum"
    picture = Panel("time", title, "", "replicas", "virtual seconds", True, True, lines)
    table = [[f"{size:,}", *(in_ms(of[size].time_s) if size in of else "" for of in races.values())] for size in sizes]
    return Exhibit(picture, ("replicas", *(f"{name}, ms" for name in races)), table)


DOWNPOUR = Study(
    "downpour",
    "Downpour, Sandblaster and plain SGD, with 1 to 2,000 replicas",
    "Dean et al., *Large scale distributed deep networks*, NIPS 2012.",
    "A speech net to a given accuracy: Downpour with Adagrad on 200 replicas was the fastest below about 2,000 cores; "
    "Sandblaster, L-BFGS on 2,000 replicas, comes near, and would win only with about 30,000 cores. Downpour with a "
    "fixed rate and 20 replicas is slower than both.",
    f"Logistic regression on synthetic text, minibatches of {MINIBATCH}, {1e6 * EXAMPLE_S:.0f} us an example on one "
    f"worker, workers of uneven speed, a server of {SHARDS} shards, all simulated. Weights are looked at after each "
    f"epoch, and must be there for {STAYS}.",
    "The order is theirs. Batches pass earlier here, as the data are smaller: 1,000 replicas have twenty examples "
    "each, so that gradients are about an epoch old. A convex problem is also kinder to L-BFGS than a net is.",
    _look,
)
