"""Waiting time against bounded delay."""

from __future__ import annotations

import math
from typing import NamedTuple

from hogwild import BoundedStaleness, Linear, Simulated, Speeds, Stop, auto, rcv1_like
from hogwild.history import History
from hogwild.pages import Line, Panel
from science.races import learn
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

WORKERS, PERIOD = 16, 20
BOUNDS = (0, 1, 2, 4, 8, 16, 32, math.inf)
SPEEDS = Speeds(straggle=0.05, straggle_factor=20)
UNBOUNDED_AT = 64.0  # where infinity is drawn
NEVER_AT = 0.5  # and 0


class _Run(NamedTuple):
    bound: float
    epoch_s: float
    waiting: float
    objective: float


def _look(setting: Setting) -> Found:
    rows, features, epochs = (2_000, 300, 2) if setting.quick else (40_000, 300, 4)
    examples = rcv1_like(rows, features, seed=setting.seed)
    model = Linear("logistic", l2=1e-4, schedule=auto(4.0))
    engine = Simulated(WORKERS, speeds=SPEEDS, latency_s=1e-6)

    def run(bound: float) -> _Run:
        history: History = learn(
            model,
            examples,
            strategy=BoundedStaleness(bound, period=PERIOD),
            engine=engine,
            stop=Stop(epochs=epochs, tol=0),
            seed=setting.seed,
        ).history
        last, traffic = history[-1], history.traffic
        assert traffic is not None
        assert traffic.utilisation is not None
        assert last.objective is not None
        return _Run(bound, last.time_s / epochs, 1 - traffic.utilisation, last.objective)

    runs = {bound: run(bound) for bound in BOUNDS}
    lockstep, eight, free = runs[0], runs[8], runs[math.inf]
    falls = all(
        later.waiting <= before.waiting + 0.02
        for before, later in zip(list(runs.values()), list(runs.values())[1:], strict=False)
    )
    gained = (lockstep.epoch_s - eight.epoch_s) / (lockstep.epoch_s - free.epoch_s)
    worse = max(each.objective for each in runs.values()) / min(each.objective for each in runs.values()) - 1
    findings = [
        Finding(
            f"workers wait less, the staler they may be: {lockstep.waiting:.0%} of the time in lockstep, "
            f"{free.waiting:.0%} without a bound",
            falls and free.waiting < lockstep.waiting,
        ),
        Finding(
            f"a bound of 8 periods saves {gained:.0%} of the time that no bound at all saves: an epoch takes "
            f"{1e3 * eight.epoch_s:.2f} virtual ms, {1e3 * lockstep.epoch_s:.2f} in lockstep and "
            f"{1e3 * free.epoch_s:.2f} without a bound",
            gained > 0.6,
            Advice("workers that are slow now and then", f"`BoundedStaleness(8, period={PERIOD})`"),
        ),
        Finding(f"the objectives after {epochs} epochs differ by {worse:.2%} at most", worse < 0.01),
    ]
    places = [NEVER_AT if each.bound == 0 else min(each.bound, UNBOUNDED_AT) for each in runs.values()]
    picture = Panel(
        "waiting",
        "Waiting against the bound on staleness",
        "",
        f"periods that a worker may be ahead (0 at {NEVER_AT:g}, no bound at {UNBOUNDED_AT:g})",
        "share of the time",
        True,
        lines=[Line("waiting", (0, 0), places, [each.waiting for each in runs.values()])],
    )
    table = [
        (f"{each.bound:g}", f"{1e3 * each.epoch_s:.2f}", f"{each.waiting:.0%}", f"{each.objective:.4f}")
        for each in runs.values()
    ]
    return Found(
        findings, [Exhibit(picture, ("bound, periods", "virtual ms of an epoch", "waiting", "objective"), table)]
    )


BOUNDED_STALENESS = Study(
    "bounded-staleness",
    "Waiting time against staleness",
    "Li et al., *Scaling distributed machine learning with the parameter server*, OSDI 2014, and Ho et al., *More "
    "effective distributed ML via a stale synchronous parallel parameter server*, NIPS 2013.",
    "Sparse logistic regression on 1,000 machines: in lockstep they are idle for half of the time, with a delay of "
    "16 for 1.7 %. A larger delay wants more iterations; 8 was the best to reach the same objective.",
    f"`BoundedStaleness` on {WORKERS} simulated workers, of whose requests every twentieth takes twenty times as "
    f"long, {PERIOD} steps in a period; logistic regression on synthetic text in the shape of RCV1.",
    "Most of what there is to gain is there at 8. The price of a larger bound is not seen here: workers make many "
    "steps on their own, and the server takes means of what they changed, which late changes hardly harm. They wait "
    "longer than theirs: without a bound, too, for the weights that they fetch in each period.",
    _look,
)
