"""What a simulated cluster, calibrated here, says of runs on Ray, and what those do."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import Spread
from hogwild.comparison import Contestant, compare
from hogwild.engines import Ray
from hogwild.models.linear import Linear
from hogwild.simulation import calibrate
from hogwild.strategies import AllReduce, Downpour, Gossip, LocalSGD

WORKERS = 2
BUDGET, QUICK_BUDGET = "6s", "0.5s"
SUMS = "sums"  # what a round of theirs takes is what was calibrated
MOST_TIME = 0.25


def _contestants(rows: int) -> dict[str, Contestant]:
    def period(rounds: int) -> int:
        return -(-rows // (WORKERS * rounds))

    return {
        f"{SUMS}: LocalSGD, 2 rounds of an epoch": Contestant(LocalSGD(period(2))),
        f"{SUMS}: LocalSGD, 8 rounds of an epoch": Contestant(LocalSGD(period(8))),
        f"{SUMS}: LocalSGD, 64 rounds of an epoch": Contestant(LocalSGD(period(64))),
        f"{SUMS}: AllReduce, 32 rounds of an epoch": Contestant(AllReduce(minibatch=period(32))),
        "Gossip, 64 rounds of an epoch": Contestant(Gossip(period=period(64))),
        "Downpour, 64 rounds of an epoch": Contestant(Downpour(minibatch=period(64))),
    }


def ray_predicted(setting: Setting) -> Outcome:
    """Examples a second, as `hogwild compare --engine ray --predict` shows them."""
    outcome = Outcome(
        "Ray as predicted by a simulated cluster",
        f"{WORKERS} workers. `calibrate(model, data, engine=Ray({WORKERS}))` finds, by runs of `LocalSGD` with 4 and "
        "12 rounds of an epoch, what an example, a message and a byte take, and what judging takes. `compare` then "
        f"shows the pace of runs of {BUDGET} on Ray in their second half beside that of the simulated cluster.",
        ("", "Ray, M examples/s", "predicted / Ray"),
    )
    if find_spec("ray") is None:
        outcome.notes.append("Ray is not installed: pip install 'hogwild[cluster]'.")
        return outcome
    examples, model, engine = setting.corpus(), Linear("hinge", l2=setting.l2), Ray(WORKERS)
    field = _contestants(examples.n_examples)
    budget = QUICK_BUDGET if setting.quick else BUDGET
    paces: dict[str, list[float]] = {name: [] for name in field}
    shares: dict[str, list[float]] = {name: [] for name in field}
    for seed in range(setting.repeats):
        machines = calibrate(model, examples, engine=engine, seed=seed)
        found = compare(model, examples, field, engine=engine, budget=budget, seeds=[seed], machines=machines)
        for row in found.rows():
            if row.pace is not None and row.predicted is not None:
                paces[row.name].append(row.pace.mean)
                shares[row.name].append(row.predicted.mean / row.pace.mean)
    for name in field:
        if not shares[name]:
            outcome.notes.append(f"{name}: no run was long enough.")
            continue
        share = Spread(tuple(shares[name]))
        outcome.rows.append((name, Spread(tuple(paces[name])).text(3, 1e-6), share.text(2)))
        outcome.figures[name, "predicted / Ray"] = share.median
        if name.startswith(SUMS):
            reached = setting.judged(abs(share.median - 1.0) <= MOST_TIME)
            outcome.goals.append(Goal(f"{name}: within {MOST_TIME:.0%}", share.text(2), reached))
    return outcome
