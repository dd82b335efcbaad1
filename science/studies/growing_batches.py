"""Rounds of growing batches against gradients."""

from __future__ import annotations

import numpy as np

from hogwild import (
    GrowingBatches,
    Linear,
    Partitioned,
    SampleSizes,
    Simulated,
    Stop,
    constant_size,
    evenly,
    label_subsets,
    linear_size,
    rcv1_like,
    strongly_convex,
)
from hogwild.pages import Line, Panel
from science.races import learn
from science.study import Advice, Exhibit, Finding, Found, Setting, Study

WORKERS, L2 = 5, 1e-2
SIZES = {"constant": constant_size(15), "growing": linear_size(4.5)}
DATA = {"unbiased": evenly(), "biased": label_subsets(1)}


def _look(setting: Setting) -> Found:
    rows, budgets = (
        (3_000, (3_000, 6_000, 12_000)) if setting.quick else (20_000, (10_000, 20_000, 40_000, 80_000, 160_000))
    )
    examples = rcv1_like(rows, 500, seed=setting.seed)
    model = Linear("logistic", l2=L2)

    def run(sizes: SampleSizes, by: str, gradients: int) -> tuple[float, int, float]:
        """Rounds, gradients and the objective."""
        history = learn(
            model,
            Partitioned(examples, DATA[by]),
            strategy=GrowingBatches(sizes, strongly_convex(mu=L2, offset=2_000), minibatch=3),
            engine=Simulated(WORKERS),
            stop=Stop(epochs=-(-gradients // rows), examples=gradients, tol=0),
            seed=setting.seed,
        ).history
        objective = history[-1].objective
        assert objective is not None
        return history.counts["rounds"] / WORKERS, history.counts["gradients"], objective

    found = {
        (name, by): [run(sizes, by, gradients) for gradients in budgets] for name, sizes in SIZES.items() for by in DATA
    }
    slopes = {
        key: float(np.polyfit(np.log([k for _, k, _ in points]), np.log([t for t, _, _ in points]), 1)[0])
        for key, points in found.items()
    }
    most = {key: points[-1] for key, points in found.items()}
    fewer = most["constant", "biased"][0] / most["growing", "biased"][0]
    worse = max(most["growing", by][2] / most["constant", by][2] - 1 for by in DATA)
    skew = most["growing", "biased"][2] / most["growing", "unbiased"][2] - 1
    growing, constant = slopes["growing", "unbiased"], slopes["constant", "unbiased"]
    findings = [
        Finding(
            f"rounds grow as K^{growing:.2f} with K gradients where samples grow, and as K^{constant:.2f} where they "
            "do not",
            abs(growing - 0.5) < 0.1 and abs(constant - 1) < 0.1,
        ),
        Finding(
            f"for {most['growing', 'biased'][1]:,} gradients on data of one label for each worker growing samples need "
            f"{most['growing', 'biased'][0]:.0f} rounds, constant ones {fewer:.0f} times as many",
            fewer > 3,
            Advice("data that stay with their workers, and dear messages", "`GrowingBatches()`"),
        ),
        Finding(f"the objective is {max(0.0, worse):.2%} above that of constant samples at most", worse < 0.02),
        Finding(
            f"where each worker has one label only it is {max(0.0, skew):.2%} above that of a random partition",
            skew < 0.05,
        ),
    ]
    lines = [
        Line(
            f"{name}, {by}",
            (k, 0),
            [float(gradients) for _, gradients, _ in points],
            [rounds for rounds, _, _ in points],
        )
        for k, ((name, by), points) in enumerate(found.items())
    ]
    title = "Rounds against gradients"
    picture = Panel("rounds", title, "", "gradients, of all workers", "rounds", True, True, lines)
    table = [
        (f"{name}, {by}", f"{gradients:,}", f"{rounds:.0f}", f"{objective:.4f}")
        for (name, by), points in found.items()
        for rounds, gradients, objective in points
    ]
    return Found(findings, [Exhibit(picture, ("samples", "gradients", "rounds", "objective"), table)])


GROWING = Study(
    "growing-batches",
    "Growing samples need the square root of the rounds",
    "van Dijk, Nguyen, Nguyen et al., *Hogwild! over distributed local data sets with linearly increasing "
    "mini-batch sizes*, AISTATS 2021.",
    "If the samples of workers between two rounds grow, K gradients need O(sqrt(K)) rounds, for strongly convex "
    "problems, also where the data of workers are biased.",
    f"`GrowingBatches` on {WORKERS} simulated workers that keep their rows: random ones, or of one label each; "
    "logistic regression on synthetic text. [Growing batches](../growing-batches.md) has handwritten digits and "
    "nets, and problems that are not convex.",
    "They do not, for this problem.",
    _look,
)
