"""The same run on processes of a Ray cluster and on threads: what does it cost to be ready for more machines?"""

from __future__ import annotations

import time
from importlib.util import find_spec
from itertools import product

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import Spread, interleaved
from hogwild.engines import Ray, Threads
from hogwild.interfaces import AbstractEngine
from hogwild.models.linear import Linear
from hogwild.stopping import Stop
from hogwild.strategies import LocalSGD
from hogwild.training import train

WORKERS = 2
ROUND_S = 0.02  # at least, of steps and a mean
EPOCHS = 12
LONG = 200  # epochs: in longer runs processes get connected, where PyTorch is installed, and stay so ready for the next
CHUNK = 512  # rows: periods are rounded down to whole chunks, and an epoch shall be one round
SIZES = 1, 2  # times the rows of the setting: 800,000 are as many as RCV1 has
LEAST_SHARE = 0.8


def ray_threads(setting: Setting) -> Outcome:
    """Examples per second of local averaging, judged after each epoch or never, and how long it takes to begin."""
    outcome = Outcome(
        "Ray against threads",
        f"`LocalSGD`, {WORKERS} workers, an epoch a round, after which weights are judged or not. Examples per second "
        f"by the clock of `history`, the first and the last of {EPOCHS} epochs left out. Start-up: from the call of "
        "`train` to the end of the first epoch, less an epoch of those that follow; the first one starts the cluster "
        f"on this machine, the others find it. Between them a run of {LONG} epochs, after which processes that have "
        "PyTorch begin with connections.",
        ("rows", "judged", "round, ms", "Threads, millions/s", "Ray, millions/s", "share"),
    )
    if find_spec("ray") is None:
        outcome.notes.append("Ray is not installed: pip install 'hogwild[cluster]'.")
        return outcome
    model = Linear("hinge", l2=setting.l2, fit_intercept=False)
    corpora = {times: setting.corpus(times * setting.rows) for times in SIZES}
    engines: dict[str, AbstractEngine] = {"Threads": Threads(WORKERS), "Ray": Ray(WORKERS)}
    begins: dict[str, list[float]] = {name: [] for name in engines}

    def race(name: str, times: int, tol: float | None, seed: int, epochs: int = EPOCHS) -> float:
        data, stop, begun = corpora[times], Stop(epochs=epochs, tol=tol), time.perf_counter()
        strategy = LocalSGD(data.n_examples // WORKERS + CHUNK)
        found = train(model, data, strategy=strategy, engine=engines[name], stop=stop, seed=seed).history
        took_s = time.perf_counter() - begun
        epoch_s = (found[-2].time_s - found[0].time_s) / (epochs - 2)
        if times == SIZES[0] and tol is not None:
            begins[name].append(took_s - epochs * epoch_s)
        return data.n_examples / epoch_s

    for name in engines:
        race(name, SIZES[0], 0.0, 0)  # compile, start the cluster
        race(name, SIZES[0], None, 0, EPOCHS if setting.quick else LONG)
    runs = list(product(engines, SIZES, (0.0, None)))
    speeds = interleaved({str(run): lambda seed, run=run: race(*run, seed) for run in runs}, setting.repeats)
    shares = {}
    for times, tol in product(SIZES, (0.0, None)):
        here, there = (speeds[str((name, times, tol))] for name in engines)
        shares[times, tol] = share = there.over(here)
        n = corpora[times].n_examples
        round_ms = n / speeds[str(("Threads", times, None))].median * 1e3  # without judging
        row = (f"{n:,}", "never" if tol is None else "each round", f"{round_ms:.1f}")
        outcome.rows.append((*row, here.text(2, 1e-6), there.text(2, 1e-6), share.text(2)))
        outcome.figures[f"{n}", "never" if tol is None else "each round"] = share.median
    for name, (first, *others) in begins.items():
        outcome.notes.append(f"Start-up of {name}: {first:.2f} s the first time, then {Spread(tuple(others)).text(2)}.")
    largest = SIZES[-1]
    share, never = shares[largest, 0.0], speeds[str(("Threads", largest, None))]
    long = corpora[largest].n_examples / never.median >= ROUND_S
    reached = setting.judged(share.median >= LEAST_SHARE) if long else None
    text = (
        f"Ray: at least {LEAST_SHARE} of the examples per second of threads, in rounds of at least {ROUND_S * 1e3:g} "
        "ms of which each is judged"
    )
    outcome.goals.append(Goal(text, share.text(3), reached))
    return outcome
