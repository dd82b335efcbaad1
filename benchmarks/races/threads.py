"""Several threads on one problem against their ceiling: as many runs that share nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product

from benchmarks.contenders import warm_up
from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting, hinge_objective
from benchmarks.timing import Spread, epochs_per_s, interleaved
from hogwild.data.examples import Examples
from hogwild.engines import Threads
from hogwild.interfaces import Result
from hogwild.models.linear import Linear
from hogwild.stopping import Stop
from hogwild.training import train

EPOCHS = 5
TIMED_EPOCHS = 9
ROUNDS = 3
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
        return epochs_per_s(_run(model, data, count, TIMED_EPOCHS, seed))

    contenders = {}
    for count in counts:
        contenders[f"hogwild {count}"] = partial(hogwild, count)
        contenders[f"ceiling {count}"] = partial(ceiling, model, data, count)
    speeds = interleaved(contenders, ROUNDS * setting.repeats)
    for count, seed in product(counts, range(setting.repeats)):
        weights = _run(model, data, count, EPOCHS, seed).params["coef"]
        objectives[count, seed] = hinge_objective(data, weights, setting.l2)
    outcome = Outcome(
        "threads on one problem",
        "Epochs per second, with `Serial` on one thread and `Hogwild()` on more, by the clock of `history` of runs of "
        f"{TIMED_EPOCHS} epochs; preparation and the first and the last epoch are left out. The ceiling is as many "
        "runs on one thread each, at the same time and independent of each other: the sum of their speeds. "
        f"{ROUNDS} rounds for each repeat, because a shared machine takes a core away now and then. Excess: objective "
        f"after {EPOCHS} epochs against one thread's with the same seed.",
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
    """Epochs per second of `count` runs at once, in one process, each on one thread and by itself."""
    with ThreadPoolExecutor(count) as pool:
        seeds = (1000 * number + seed for number in range(count))
        return sum(pool.map(lambda own: epochs_per_s(_run(model, data, 1, TIMED_EPOCHS, own)), seeds))


def _run(model: Linear, data: Examples, threads: int, epochs: int, seed: int) -> Result:
    return train(model, data, engine=Threads(threads), stop=Stop(epochs=epochs, tol=None), seed=seed)
