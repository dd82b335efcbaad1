"""Gossip and elastic averaging against all-reduce."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hogwild import AllReduce, ElasticAveraging, Gossip, Linear, Simulated, Speeds, constant, rcv1_like
from hogwild.interfaces import AbstractStrategy
from hogwild.pages import Line, Panel
from hogwild.wording import in_short
from science.races import STAYS, Race, in_ms, optimum, race
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

MINIBATCH, EXAMPLE_S, L2 = 10, 1e-4, 1e-4
SPEEDS = Speeds(spread=0.1, straggle=0.05, straggle_factor=5)
TOGETHER, ELASTIC = "all-reduce", "elastic averaging"
PULL, PAIRS, PUSH = "pull gossip", "pair gossip", "push gossip"
STRATEGIES: dict[str, AbstractStrategy] = {
    TOGETHER: AllReduce(MINIBATCH),
    ELASTIC: ElasticAveraging(period=1, minibatch=MINIBATCH),
    PULL: Gossip("pull", period=1, minibatch=MINIBATCH),
    PAIRS: Gossip("ad-psgd", period=1, minibatch=MINIBATCH),
    PUSH: Gossip("sgp", period=1, minibatch=MINIBATCH),
}
ASYNCHRONOUS = (ELASTIC, PULL, PAIRS)
RATES = (0.5, 2.0, 8.0)  # times the number of workers
LARGE = 2.0
FEW = 32

_Races = Mapping[str, Mapping[int, Mapping[float, Race]]]  # strategy, workers, rate


def _look(setting: Setting) -> Found:
    rows, features, near, epochs = (8_000, 2_000, 0.03, 10) if setting.quick else (20_000, 2_000, 0.02, 20)
    sizes = (FEW, 128) if setting.quick else (4, 8, 16, FEW, 64, 128)
    examples = rcv1_like(rows, features, seed=setting.seed)
    best = optimum(Linear("logistic", l2=L2), examples)

    def run(strategy: AbstractStrategy, size: int, rate: float) -> Race:
        model = Linear("logistic", l2=L2, average=False, schedule=constant(rate * size))
        engine = Simulated(size, example_s=EXAMPLE_S, speeds=SPEEDS)
        found = race(model, examples, strategy, engine, epochs=epochs, seed=setting.seed)
        return found._replace(target=(1 + near) * best)  # which has not ended it

    names = [name for name in STRATEGIES if not setting.quick or name in (TOGETHER, ELASTIC, PULL)]
    rates = (LARGE,) if setting.quick else RATES
    races = {name: {k: {rate: run(STRATEGIES[name], k, rate) for rate in rates} for k in sizes} for name in names}
    return Found(_findings(races, near, epochs), [_times(races, near), _ends(races, best, epochs)])


def _findings(races: _Races, near: float, epochs: int) -> list[Finding]:
    there = {name: _best(of[FEW]) for name, of in races.items()}
    quick = min((name for name in ASYNCHRONOUS if name in races), key=lambda name: there[name])
    most = max(races[TOGETHER])
    ends = {name: of[most][LARGE].objective for name, of in races.items()}
    others = {name: ends[name] for name in ASYNCHRONOUS if name in races}
    return [
        Finding(
            f"virtual ms until {FEW} workers are within {near:.0%} of the optimum, each strategy at its best rate: "
            f"{', '.join(f'{name} {in_ms(time_s)}' for name, time_s in there.items())}",
            there[quick] < 0.7 * there[TOGETHER],
            Advice(f"{FEW} workers, some of them slow now and then", f"`{in_short(STRATEGIES[quick])}`"),
        ),
        Finding(
            f"the objective of {most} workers after {epochs} epochs at a rate of {LARGE:g} times their number: "
            f"all-reduce {ends[TOGETHER]:.4f}, {', '.join(f'{name} {end:.4f}' for name, end in others.items())}",
            ends[TOGETHER] < ends[ELASTIC] and ends[TOGETHER] < 1.01 * min(others.values()),
            Advice(f"{most} workers, and rates that grow with their number", "`AllReduce(minibatch=...)`"),
        ),
    ]


def _times(races: _Races, near: float) -> Exhibit:
    lines = []
    for k, (name, of) in enumerate(races.items()):
        found = {size: _best(by_rate) for size, by_rate in of.items() if math.isfinite(_best(by_rate))}
        lines.append(Line(name, (k, 0), [float(size) for size in found], list(found.values())))
    title = f"Time to within {near:.0%} of the optimum, at the best rate"
    picture = Panel("time", title, "", "workers", "virtual seconds", True, True, lines)
    table = [[str(size), *(in_ms(_best(of[size])) for of in races.values())] for size in races[TOGETHER]]
    return Exhibit(picture, ("workers", *(f"{name}, ms" for name in races)), table)


def _ends(races: _Races, best: float, epochs: int) -> Exhibit:
    lines = [
        Line(name, (k, 0), list(map(float, of)), [max(each[LARGE].objective / best - 1, 1e-4) for each in of.values()])
        for k, (name, of) in enumerate(races.items())
    ]
    title = f"The objective after {epochs} epochs, at a rate of {LARGE:g} times the number of workers"
    picture = Panel("end", title, "", "workers", "above the optimum, relatively", True, True, lines)
    table = [
        [str(size), f"{rate * size:g}", *(f"{of[size][rate].objective:.4f}" for of in races.values())]
        for size in races[TOGETHER]
        for rate in races[TOGETHER][size]
    ]
    return Exhibit(picture, ("workers", "rate", *races), table)


def _best(by_rate: Mapping[float, Race]) -> float:
    return min(each.time_s for each in by_rate.values())


GOSSIP = Study(
    "gossip",
    "Gossip and elastic averaging against all-reduce, on 4 to 128 workers",
    "Jin, Yuan, Iandola and Keutzer, *How to scale distributed deep learning?*, 2016.",
    "ResNets on ImageNet: up to about 32 workers elastic averaging and gossip without locks converge faster than "
    "all-reduce when step sizes are large; with about 100 synchronous all-reduce reaches the higher accuracy.",
    f"Logistic regression on synthetic text, minibatches of {MINIBATCH} on each worker, {1e6 * EXAMPLE_S:.0f} us an "
    "example; of all requests every twentieth takes five times as long; weights are exchanged after each step; "
    f"simulated. Rates are constant, {RATES[0]:g}, {RATES[1]:g} and {RATES[2]:g} times the number of workers; "
    f"weights are looked at after each epoch, and must be there for {STAYS}.",
    "The problem is convex and small, and yet the picture is theirs: who waits for nobody is faster; and the mean "
    "of all gradients stands the largest rates, as its noise is the least. Smaller rates bring all of them to the "
    "optimum.",
    _look,
)
