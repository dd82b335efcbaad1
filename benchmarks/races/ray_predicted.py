"""What a simulated cluster with the numbers of this machine says of a run on Ray, and what that takes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from benchmarks.outcome import Goal, Outcome
from benchmarks.setting import Setting
from benchmarks.timing import interleaved
from hogwild.data.examples import Examples
from hogwild.engines import Ray, Simulated
from hogwild.history import History
from hogwild.interfaces import AbstractEngine
from hogwild.models.linear import Linear
from hogwild.stopping import Stop
from hogwild.strategies import LocalSGD
from hogwild.training import train

WORKERS = 2
EPOCHS, PROBE_EPOCHS = 24, 16
PROBED = 12, 4  # rounds of a worker in an epoch: of two probes
PREDICTED = 8, 2  # and of the runs that are predicted
FASTEST_S = 1e-9  # of an example, where a probe is only noise
MOST_TIME, MOST_LOSS = 0.25, 0.02


class _Task(NamedTuple):
    data: Examples
    model: Linear

    def run(self, engine: AbstractEngine, rounds: int, epochs: int, tol: float | None, seed: int) -> History:
        """So many rounds of a worker in each epoch."""
        strategy, stop = LocalSGD(-(-self.data.n_examples // (WORKERS * rounds))), Stop(epochs=epochs, tol=tol)
        return train(self.model, self.data, strategy=strategy, engine=engine, stop=stop, seed=seed).history

    def epoch_s(self, engine: AbstractEngine, rounds: int, epochs: int, seed: int) -> float:
        """Seconds of an epoch after which nobody judges the weights; the first one is left out."""
        history = self.run(engine, rounds, epochs, None, seed)
        return (history[-1].time_s - history[0].time_s) / (epochs - 1)

    def calibrated(self, seed: int) -> Simulated:
        """Two probes say what an example takes, and a round beside: of two workers that is twice the latency."""
        many, few = (self.epoch_s(Ray(WORKERS), rounds, PROBE_EPOCHS, seed) for rounds in PROBED)
        round_s = max(0.0, (many - few) / (PROBED[0] - PROBED[1]))
        example_s = (few - PROBED[1] * round_s) / (self.data.n_examples / WORKERS)
        latency_s, example_s = round_s / 2, max(FASTEST_S, example_s)
        return Simulated(WORKERS, latency_s=latency_s, bandwidth_bytes_s=np.inf, example_s=example_s)


def ray_predicted(setting: Setting) -> Outcome:
    """Time and loss curve of local averaging, by `Simulated` and on Ray."""
    outcome = Outcome(
        "Ray as predicted by a simulated cluster",
        f"`LocalSGD`, {WORKERS} workers. Two runs on Ray, of {PROBE_EPOCHS} epochs with {PROBED[0]} and {PROBED[1]} "
        "rounds each, tell `Simulated` what an example takes on this machine, and a round beside. It predicts runs of "
        f"{EPOCHS} epochs with other rounds: time of an epoch after which weights are not judged, the first left out. "
        "Loss: the largest difference of the objective after any epoch.",
        ("rounds of an epoch", "Ray, ms", "predicted, ms", "predicted / Ray", "loss, %"),
    )
    if find_spec("ray") is None:
        outcome.notes.append("Ray is not installed: pip install 'hogwild[cluster]'.")
        return outcome
    task = _Task(setting.corpus(), Linear("hinge", l2=setting.l2, fit_intercept=False))
    task.epoch_s(Ray(WORKERS), PROBED[0], 2, 0)  # compile, start the cluster
    for rounds in PREDICTED:
        found = interleaved(
            {
                "predicted": lambda seed, rounds=rounds: task.epoch_s(task.calibrated(seed), rounds, EPOCHS, seed),
                "Ray": lambda seed, rounds=rounds: task.epoch_s(Ray(WORKERS), rounds, EPOCHS, seed),
            },
            setting.repeats,
        )
        there, here = (
            np.array([record.objective for record in task.run(engine, rounds, EPOCHS, 0, 0)], np.float64)
            for engine in (Ray(WORKERS), Simulated(WORKERS))
        )
        loss = float(np.max(np.abs(here - there) / there))
        share = found["predicted"].over(found["Ray"])
        outcome.rows.append(
            (
                str(rounds),
                found["Ray"].text(1, 1e3),
                found["predicted"].text(1, 1e3),
                share.text(3),
                f"{100 * loss:.2g}",
            )
        )
        name = f"{rounds} rounds"
        outcome.figures |= {(name, "predicted / Ray"): share.median, (name, "loss"): loss}
        reached = setting.judged(abs(share.median - 1.0) <= MOST_TIME and loss <= MOST_LOSS)
        text = f"{name} of an epoch: time within {MOST_TIME:.0%}, loss curve within {MOST_LOSS:.0%}"
        outcome.goals.append(Goal(text, f"{share.text(3)} of the time, {100 * loss:.2g} % of the loss", reached))
    return outcome
