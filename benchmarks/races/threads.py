"""Several threads on one problem against their ceiling: as many runs that share nothing."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np

from benchmarks.contenders import warm_up
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting, hinge_objective
from benchmarks.timing import Spread, epochs_per_s, interleaved
from hogwild.data.blocks import Blocks
from hogwild.data.examples import Examples
from hogwild.engines import Threads
from hogwild.interfaces import Stop
from hogwild.kernels.linear import Copies, Pace, steps_alone
from hogwild.models.linear import Linear
from hogwild.models.linear_rows import linear_rows
from hogwild.training import train

EPOCHS = 5
BLOCK_EXAMPLES = 16_384  # as the strategies ask for
LEAST_SHARE = 0.93
MOST_EXCESS = 0.001


def threads(setting: Setting) -> Outcome:
    """Epochs per second and objective for 1, 2, ... threads."""
    data = setting.corpus()
    model = Linear("hinge", l2=setting.l2, fit_intercept=False)
    counts = setting.threads
    warm_up(setting, counts)
    objectives: dict[tuple[int, int], float] = {}

    def hogwild(count: int, seed: int) -> float:
        result = train(model, data, engine=Threads(count), stop=Stop(epochs=EPOCHS, tol=None), seed=seed)
        objectives[count, seed] = hinge_objective(data, result.params["coef"], setting.l2)
        return epochs_per_s(result)

    contenders = {}
    for count in counts:
        contenders[f"hogwild {count}"] = partial(hogwild, count)
        contenders[f"ceiling {count}"] = partial(ceiling, model, data, count)
    speeds = interleaved(contenders, setting.repeats)
    outcome = Outcome(
        "threads on one problem",
        "Epochs per second, with `Serial` on one thread and `Hogwild()` on more, by the clock of `history`; "
        f"preparation and the first and the last of {EPOCHS} epochs are left out. The ceiling is as many threads, each "
        "with the same kernel on a private vector that it never merges, handed the same blocks from one counter, and "
        f"without meeting at the end of epochs. Excess: objective after {EPOCHS} epochs against one thread's with the "
        "same seed.",
        ("threads", "epochs per s", "speed-up", "ceiling, epochs per s", "share of the ceiling", "excess, %"),
    )
    for count in counts:
        speed, most = speeds[f"hogwild {count}"], speeds[f"ceiling {count}"]
        share, gain = speed.over(most), speed.over(speeds["hogwild 1"])
        excess = Spread(tuple(objectives[count, seed] / objectives[1, seed] - 1 for seed in range(setting.repeats)))
        row = (str(count), speed.text(1), gain.text(2, unit=" x"), most.text(1), share.text(3), excess.text(3, 100))
        outcome.rows.append(row)
        outcome.figures[f"{count} threads", "epochs per s"] = speed.median
        outcome.figures[f"{count} threads", "ceiling"] = most.median
        if count == 1:
            continue
        reached = setting.judged(share.median >= LEAST_SHARE)
        outcome.goals.append(
            Goal(f"{count} threads: at least {LEAST_SHARE} of the ceiling", f"{share.median:.3f}", reached)
        )
        reached = setting.judged(excess.median <= MOST_EXCESS)
        text = f"{count} threads: objective after {EPOCHS} epochs within 0.1 % of one thread's"
        outcome.goals.append(Goal(text, f"{100 * excess.median:+.3f} %", reached))
    return outcome


def ceiling(model: Linear, data: Examples, count: int, seed: int) -> float:
    """Epochs per second of `count` threads that share nothing but the counter of blocks."""
    none = np.zeros(0, np.float32)
    rows = linear_rows(data, none, none)
    blocks = Blocks(data, 0.0, seed)
    eta0 = float(model.survey(data, seed, None).eta0)
    pace = Pace(model.terms.loss.code, 0.0, eta0, model.l2 * eta0, 0.0, 0.0, 0.0)
    # Each thread learns as many rows as in a run of its own.
    order = np.concatenate([blocks.order(epoch) for epoch in range(EPOCHS * count)])
    per_block = min(max(1, BLOCK_EXAMPLES // blocks.chunk), blocks.training.size)
    firsts = iter(range(0, order.size, per_block))
    times: dict[int, float] = {}  # when each block was handed out, by its first chunk
    lock = threading.Lock()

    def run() -> None:
        weights, seen = np.zeros(data.n_features + 1, np.float32), 0
        copies = Copies(weights, none, none, none, np.zeros(1))
        while True:
            with lock:
                first = next(firsts, None)
                if first is None:
                    return
                times[first] = time.perf_counter()
            starts = order[first : first + per_block]
            every = max(1, 2048 // blocks.chunk)
            steps_alone(rows, starts, blocks.chunk, every, pace, 1.0 + pace.growth * seen, copies)
            seen += blocks.rows(starts)

    workers = [threading.Thread(target=run) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # As the clock of `history`: without the first epoch, which updates more often, and without the last.
    begin, end = (min(first for first in times if first >= k * order.size // EPOCHS) for k in (1, EPOCHS - 1))
    return (end - begin) / blocks.training.size / (times[end] - times[begin])
