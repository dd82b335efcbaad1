"""The published forms of parallel SGD, for comparison with the default."""

from __future__ import annotations

from functools import partial

from benchmarks.contenders import warm_up
from benchmarks.outcome import Outcome
from benchmarks.setting import Setting, hinge_objective
from benchmarks.timing import Spread, epochs_per_s, interleaved
from hogwild.data.examples import Examples
from hogwild.engines import Threads
from hogwild.interfaces import AbstractStrategy, Result
from hogwild.memory import Racy, Replicas
from hogwild.models.linear import Linear
from hogwild.stopping import Stop
from hogwild.strategies import Hogwild, Locked, RoundRobin, Serial
from hogwild.training import train

EPOCHS = 5
ROWS_SHARE = 10  # a tenth of the rows: some of these are slow


def published(setting: Setting) -> Outcome:
    """Epochs per second and objective of every strategy on all cores."""
    rows = max(1000, setting.rows // ROWS_SHARE)
    data, cores = setting.corpus(rows), setting.cores
    model = Linear("hinge", l2=setting.l2, fit_intercept=False)
    warm_up(setting, [1, cores])
    programs: dict[str, tuple[AbstractStrategy, int]] = {
        "Serial(), 1 thread": (Serial(), 1),
        f"Hogwild(), {cores} threads": (Hogwild(), cores),
        f"Hogwild(Replicas(ordered=True)), {cores} threads": (Hogwild(Replicas(ordered=True)), cores),
        f"Hogwild(Racy()), {cores} threads": (Hogwild(Racy()), cores),
        f"Locked(), {cores} threads": (Locked(), cores),
        f"RoundRobin(), {cores} threads": (RoundRobin(), cores),
    }
    objectives: dict[tuple[str, int], float] = {}

    def fit(name: str, examples: Examples, seed: int) -> Result:
        strategy, count = programs[name]
        stop = Stop(epochs=EPOCHS, tol=None)
        return train(model, examples, strategy=strategy, engine=Threads(count), stop=stop, seed=seed)

    def speed(name: str, seed: int) -> float:
        result = fit(name, data, seed)
        objectives[name, seed] = hinge_objective(data, result.params["coef"], setting.l2)
        return epochs_per_s(result)

    for name in programs:
        fit(name, setting.corpus(1000), 0)  # compiles
    speeds = interleaved({name: partial(speed, name) for name in programs}, setting.repeats)
    outcome = Outcome(
        "the default strategy and the published forms",
        f"{rows:,} rows. `Racy`: one shared vector, no locks (Niu et al. 2011, as published); `Locked`: every variable "
        "of an example locked (their AIG); `RoundRobin`: updates applied in turn (Langford et al. 2009). These three "
        f"pay the penalty feature by feature, as the paper does. Excess: objective after {EPOCHS} epochs against "
        "Serial's.",
        ("strategy", "epochs per s", "against Serial", "excess, %"),
    )
    serial = "Serial(), 1 thread"
    for name, spread in speeds.items():
        excess = Spread(tuple(objectives[name, seed] / objectives[serial, seed] - 1 for seed in range(setting.repeats)))
        gain = spread.over(speeds[serial])
        outcome.rows.append((name, spread.text(1), gain.text(2, unit=" x"), excess.text(2, 100)))
        outcome.figures[name, "epochs per s"] = spread.median
    return outcome
