"""All-reduce of two workers of `Ray` against torch.distributed's gloo, called directly in two processes."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from benchmarks.child import run_child
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import Spread, interleaved, ms
from hogwild.data import check_examples
from hogwild.engines import Ray
from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.models.linear import Linear
from hogwild.stopping import Stop
from hogwild.training import train

MEGABYTES = (1, 10, 100)
LEAST_RATE = 0.9
OURS, BARE = "hogwild, Ray(workers=2)", "torch.distributed, gloo"


@final
@dataclass(frozen=True)
class Adds(AbstractStrategy):
    """Sums vectors of these sizes so many times, once the workers are connected; counts nanoseconds of the median."""

    times: int
    sizes: tuple[int, ...]
    agree: ClassVar[bool] = True

    async def work(self, me: Worker) -> None:
        connected = 0.0
        while connected < me.size:
            here = any(thread.name == "hogwild-summing" for thread in threading.enumerate())
            connected = float((await me.all_reduce(np.array([float(here)]))).sum[0])
        for size in self.sizes:
            x, taken = np.ones(size, np.float32), []
            for _ in range(self.times):
                begun = time.perf_counter()
                await me.all_reduce(x)
                taken.append(time.perf_counter() - begun)
            if me.rank == 0:
                me.counts[str(size)] = round(statistics.median(taken) * 1e9)


def ray_sums(setting: Setting) -> Outcome:
    """Milliseconds for one sum of 1, 10 and 100 MB of float32, and how the rates compare."""
    times = 2 if setting.quick else 20
    sizes = {megabytes: megabytes * 250_000 for megabytes in MEGABYTES}
    outcome = Outcome(
        "sums over two processes",
        f"Two workers on this machine sum vectors of float32, {times} times each, as often as there are rounds: by "
        "`await me.all_reduce(x)`, which gives a new vector, and by torch.distributed.all_reduce, which adds in place. "
        "Starting processes and connecting them is not included. Medians (least and most of the rounds).",
        ("MB", f"{OURS}, ms", f"{BARE}, ms", "rate of ours / theirs"),
    )
    missing = [name for name in ("ray", "torch") if find_spec(name) is None]
    if missing:
        outcome.notes.append(f"Not run: {' and '.join(missing)} not installed, pip install 'hogwild[cluster,nets]'.")
        return outcome
    found: dict[tuple[str, int], list[float]] = {}

    def ours(repeat: int) -> float:
        data = check_examples(np.ones((4, 1), np.float32), np.array([-1.0, 1.0, -1.0, 1.0]))
        strategy = Adds(times, tuple(sizes.values()))
        result = train(Linear(), data, strategy=strategy, engine=Ray(2), stop=Stop(epochs=1, tol=None), seed=repeat)
        return keep(OURS, {size: result.history.counts[str(size)] / 1e9 for size in sizes.values()})

    def bare(_: int) -> float:
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
            more = (str(Path(folder, "meeting")), str(times), *map(str, sizes.values()))
            first, _ = pool.map(lambda rank: run_child("gloo_sums", str(rank), *more), (0, 1))
            return keep(BARE, {size: first[str(size)] for size in sizes.values()})

    def keep(name: str, seconds: dict[int, float]) -> float:
        for size, each in seconds.items():
            found.setdefault((name, size), []).append(each)
        return sum(seconds.values())

    interleaved({OURS: ours, BARE: bare}, setting.repeats)
    for megabytes, size in sizes.items():
        mine, theirs = (Spread(tuple(found[name, size])) for name in (OURS, BARE))
        rate = theirs.over(mine)
        outcome.rows.append((str(megabytes), ms(mine), ms(theirs), rate.text(2)))
        outcome.figures[OURS, f"{megabytes} MB against gloo"] = rate.median
        text = f"{megabytes} MB: at least {LEAST_RATE:g} of the rate of torch.distributed's gloo"
        outcome.goals.append(Goal(text, f"{rate.median:.2f} x", setting.judged(rate.median >= LEAST_RATE)))
    return outcome
