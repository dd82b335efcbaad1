"""The same run on processes of a Ray cluster and on threads: what does it cost to be ready for more machines?"""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.util import find_spec

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import Spread, interleaved
from hogwild.engines import Ray, Threads
from hogwild.interfaces import AbstractEngine, Stop
from hogwild.models.linear import Linear
from hogwild.strategies import LocalSGD
from hogwild.training import train

WORKERS = 2
ROUND_S = 0.02  # at least: rounds that are shorter are made of more rows
EPOCHS = 12
LONG = 200  # epochs: in longer runs processes get connected, where PyTorch is installed, and stay so ready for the next
CHUNK = 512  # rows: periods are rounded down to whole chunks, and an epoch shall be one round
LEAST_SHARE = 0.8


def ray_threads(setting: Setting) -> Outcome:
    """Examples per second of local averaging, judged after each epoch, and how long it takes to begin."""
    outcome = Outcome(
        "Ray against threads",
        f"`LocalSGD`, {WORKERS} workers, an epoch a round; weights are judged after each. Examples per second by the "
        f"clock of `history`, the first and the last of {EPOCHS} epochs left out. Start-up: from the call of `train` "
        "to the end of the first epoch, less an epoch of those that follow; the first one starts the cluster on this "
        f"machine, the others find it. Between them a run of {LONG} epochs, after which processes that have PyTorch "
        "begin with connections.",
        ("engine", "examples per s, millions", "round, ms", "first start-up, s", "start-up, s"),
    )
    if find_spec("ray") is None:
        outcome.notes.append("Ray is not installed: pip install 'hogwild[cluster]'.")
        return outcome
    data, model = setting.corpus(), Linear("hinge", l2=setting.l2, fit_intercept=False)
    stop, n = Stop(epochs=EPOCHS, tol=0), data.n_examples
    strategy = LocalSGD(n // WORKERS + CHUNK)
    begins: dict[str, list[float]] = {}

    def race(engine: AbstractEngine, seed: int) -> float:
        begun = time.perf_counter()
        found = train(model, data, strategy=strategy, engine=engine, stop=stop, seed=seed).history
        took_s = time.perf_counter() - begun
        epoch_s = (found[-2].time_s - found[0].time_s) / (EPOCHS - 2)
        begins.setdefault(type(engine).__name__, []).append(took_s - EPOCHS * epoch_s)
        return n / epoch_s

    engines: tuple[AbstractEngine, ...] = (Threads(WORKERS), Ray(WORKERS))
    for engine in engines:
        race(engine, 0)  # compile, start the cluster
        longer = stop if setting.quick else replace(stop, epochs=LONG)
        train(model, data, strategy=strategy, engine=engine, stop=longer, seed=0)
    speeds = interleaved(
        {type(engine).__name__: lambda seed, engine=engine: race(engine, seed) for engine in engines}, setting.repeats
    )
    for name, speed in speeds.items():
        first, *others = begins[name]
        round_ms = n / speed.median * 1e3
        row = (name, speed.text(2, 1e-6), f"{round_ms:.1f}", f"{first:.2f}", Spread(tuple(others)).text(2))
        outcome.rows.append(row)
        outcome.figures |= {(name, "examples per s"): speed.median, (name, "start-up"): Spread(tuple(others)).median}
    share = speeds["Ray"].over(speeds["Threads"])
    long = n / speeds["Threads"].median >= ROUND_S
    reached = setting.judged(share.median >= LEAST_SHARE) if long else None
    text = (
        f"Ray: at least {LEAST_SHARE} of the examples per second of threads, in rounds of at least {ROUND_S * 1e3:g} ms"
    )
    outcome.goals.append(Goal(text, share.text(3), reached))
    return outcome
