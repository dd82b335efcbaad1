"""Runs that never were."""

from hogwild import Stop, check_examples
from hogwild.comparison import Comparison, Run
from hogwild.history import History, Record
from hogwild.traffic import Traffic

DATA = check_examples([[1.0, 0.0], [0.0, 2.0]], [1, -1])


def run_of(
    name, seed=0, objectives=(0.5,), *, holdout=None, score=None, step_s=1.0, outcome="ended", why="epochs", **options
):
    """A record a second, unless `step_s` says otherwise, of 100 examples and 10 bytes each."""
    records = [
        Record(
            k,
            step_s * k,
            100 * k,
            0.1,
            objective,
            None if holdout is None else holdout[k - 1],
            score,
            sent_bytes=options.get("sent_bytes", 0) * k,
        )
        for k, objective in enumerate(objectives, start=1)
    ]
    traffic = options.get("traffic", Traffic())
    workers = options.get("workers", 1)
    group = options.get("group", name)
    return Run(name, group, seed, outcome, why, History(records, traffic), 1.0, "Serial()", "Threads()", workers)


def comparison_of(*runs, start=1.0, **options):
    return Comparison(runs, Stop(epochs=3, tol=0.0), "Linear()", DATA, start, **options)
