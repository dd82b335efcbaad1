"""ParzenASGD against gradient descent and SimuParallelSGD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, final

from hogwild import ALL, AllReduce, Alone, Linear, ParzenASGD, Simulated, Speeds, Stop, constant, rcv1_like
from hogwild.interfaces import AbstractStrategy
from hogwild.pages import Line, Panel
from science.races import in_ms, learn, optimum
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

EXAMPLE_S, L2, RATE, PERIOD = 1e-4, 1e-4, 4.0, 20
SPEEDS = Speeds(spread=0.1, straggle=0.05, straggle_factor=5)
BATCH, ALONE, PARZEN, OPEN = "batch", "SimuParallelSGD", "ParzenASGD", "ParzenASGD without its filter"
STRATEGIES: dict[str, AbstractStrategy] = {
    BATCH: AllReduce(ALL),
    ALONE: Alone(),
    PARZEN: ParzenASGD(period=PERIOD),
    OPEN: ParzenASGD(period=PERIOD, filter=False),
}
RATES = {BATCH: 32.0}  # its one step an epoch may be larger
LEAST_GAP = 1e-4  # that is drawn


@final
class _Run(NamedTuple):
    """The end of a run of so many epochs: virtual seconds, the objective of the mean, and states that came."""

    epochs: int
    time_s: float
    objective: float
    accepted: int
    rejected: int


_Runs = Mapping[str, Mapping[int, Sequence[_Run]]]  # strategy, workers


def _look(setting: Setting) -> Found:
    rows, features, sizes = (4_000, 300, (1, 16)) if setting.quick else (20_000, 2_000, (1, 4, 16, 64))
    lengths = (10,) if setting.quick else (1, 2, 3, 5, 10)
    examples = rcv1_like(rows, features, seed=setting.seed)
    best = optimum(Linear("logistic", l2=L2), examples)

    def run(name: str, size: int, epochs: int) -> _Run:
        model = Linear("logistic", l2=L2, average=False, schedule=constant(RATES.get(name, RATE)))
        engine = Simulated(size, example_s=EXAMPLE_S, speeds=SPEEDS)
        history = learn(model, examples, STRATEGIES[name], engine, Stop(epochs, tol=0), setting.seed).history
        last, counts = history[-1], history.counts
        assert last.objective is not None
        return _Run(epochs, last.time_s, last.objective, counts["accepted"], counts["rejected"])

    runs = {
        name: {
            size: [run(name, size, epochs) for epochs in lengths if size == sizes[-1] or epochs == 10] for size in sizes
        }
        for name in STRATEGIES
    }
    return Found(_findings(runs), [_decay(runs, best), _scaling(runs)])


def _findings(runs: _Runs) -> list[Finding]:
    most = max(runs[PARZEN])
    one, many = runs[PARZEN][1][-1], runs[PARZEN][most][-1]
    batch, alone, accepting = runs[BATCH][most][-1], runs[ALONE][most][-1], runs[OPEN][most][-1]
    share = many.accepted / (many.accepted + many.rejected)
    return [
        Finding(
            f"an epoch of ParzenASGD is {one.time_s / many.time_s:.0f} times as fast on {most} workers as on one, an "
            f"epoch of batch gradient descent {runs[BATCH][1][-1].time_s / batch.time_s:.0f} times",
            one.time_s / many.time_s > 0.7 * most,
        ),
        Finding(
            f"after {many.epochs} of them ParzenASGD is at an objective of {many.objective:.4f}, batch gradient "
            f"descent at {batch.objective:.4f}",
            many.objective < 0.95 * batch.objective,
        ),
        Finding(
            f"SimuParallelSGD, which sends nothing until the end, is at an objective of {alone.objective:.4f} after "
            f"{many.epochs} epochs on {most} workers, which take {in_ms(alone.time_s)} virtual ms, ParzenASGD at "
            f"{many.objective:.4f} after {in_ms(many.time_s)}: one mean at the end is as good, but who is slow "
            "delays it",
            abs(alone.objective / many.objective - 1) < 0.02 and many.time_s < alone.time_s,
            Advice("a convex problem, and a network that carries next to nothing", "`Alone()`"),
        ),
        Finding(
            f"of the states that come {share:.0%} lie ahead and are accepted; without the filter the objective is "
            f"{accepting.objective:.4f}",
            share < 0.5 and accepting.objective < 1.02 * many.objective,
        ),
    ]


def _decay(runs: _Runs, best: float) -> Exhibit:
    most = max(runs[PARZEN])
    lines = [
        Line(
            name,
            (k, 0),
            [each.time_s for each in of[most]],
            [max(each.objective / best - 1, LEAST_GAP) for each in of[most]],
        )
        for k, (name, of) in enumerate(runs.items())
    ]
    title = f"{most} workers: the objective against time"
    picture = Panel("decay", title, "", "virtual seconds", "above the optimum, relatively", False, True, lines)
    table = [
        [
            str(each.epochs),
            *(f"{of[most][k].objective:.4f} at {1e3 * of[most][k].time_s:.0f} ms" for of in runs.values()),
        ]
        for k, each in enumerate(runs[PARZEN][most])
    ]
    return Exhibit(picture, ("epochs", *runs), table)


def _scaling(runs: _Runs) -> Exhibit:
    lines = [
        Line(name, (k, 0), [float(size) for size in of], [of[1][-1].time_s / each[-1].time_s for each in of.values()])
        for k, (name, of) in enumerate(runs.items())
    ]
    title = "Speed-up against workers"
    picture = Panel("scaling", title, "", "workers", "times as fast as one", True, True, lines)
    table = [
        [
            str(size),
            *(f"{1e3 * of[size][-1].time_s:.0f}" for of in runs.values()),
            *(f"{of[size][-1].objective:.4f}" for of in runs.values()),
        ]
        for size in runs[PARZEN]
    ]
    head = ("workers", *(f"{name}, ms" for name in runs), *(f"{name}, objective" for name in runs))
    return Exhibit(picture, head, table)


PARZEN_ASGD = Study(
    "parzen-asgd",
    "ParzenASGD against batch gradient descent and SimuParallelSGD",
    "Keuper and Pfreundt, *Asynchronous parallel stochastic gradient descent*, 2015; SimuParallelSGD: Zinkevich et "
    "al., *Parallelized stochastic gradient descent*, NIPS 2010.",
    "k-means on up to 1,024 cores: asynchronous SGD with the Parzen-window filter scales nearly linearly, and "
    "converges faster than, or at least as fast as, SimuParallelSGD and batch gradient descent.",
    f"Logistic regression on synthetic text, {1e6 * EXAMPLE_S:.0f} us an example; every twentieth request takes five "
    f"times as long; steps of one example at a constant rate of {RATE:g}, a message every {PERIOD}; batch gradient "
    f"descent at {RATES[BATCH]:g}; simulated. The result is the mean of all workers, and each point a run of its own.",
    "Theirs is a problem with many optima, and this one, being convex, has one: for as many examples talking gains "
    "nothing over a mean at the end, and the filter, which rejects what lies to the side, nothing over none. What "
    "is gained is time: whoever is fast learns more, where the workers of SimuParallelSGD have equal shares.",
    _look,
)
