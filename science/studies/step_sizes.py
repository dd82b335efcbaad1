"""The two numbers that SGD needs: the penalty and the first step size."""

from __future__ import annotations

import math

from hogwild import auto, bottou, inverse
from hogwild.pages import Line, Panel
from science.solvers import SOLVERS, exact, objective, sgd
from science.study import Advice, Exhibit, Finding, Found, Setting, Study
from science.text import Text, text

L2 = 1e-4
PENALTIES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
RATES = tuple(2.0**k for k in range(-10, 7))
PASSES = (1, 10)
MOST_GAP = 10.0  # that is drawn: beyond there is nothing to see


def _look(setting: Setting) -> Found:
    data = text(setting)
    rates, tuned = _of_rates(data, 1e-3 if setting.quick else L2, setting)
    penalties, harder = _of_penalties(data, setting)
    return Found([*tuned, *harder], [rates, penalties], data.about)


def _of_rates(data: Text, l2: float, setting: Setting) -> tuple[Exhibit, list[Finding]]:
    """Gaps of many first step sizes, and of those that are found."""
    best = objective(exact(data.train, l2), data.train, l2)

    def gap(schedule: object, passes: int) -> float:
        found = sgd(schedule=schedule)(data.train, l2, passes, setting.seed)
        return objective(found, data.train, l2) / best - 1

    gaps = {passes: [gap(inverse(eta0), passes) for eta0 in RATES] for passes in PASSES}
    searched = {passes: gap(auto(), passes) for passes in PASSES}
    typical = {passes: gap(bottou(), passes) for passes in PASSES}
    once, often = PASSES
    good = [eta0 for eta0, found in zip(RATES, gaps[often], strict=True) if found < 2 * min(gaps[often])]
    findings = [
        Finding(
            f"after {often} passes any first step size from {min(good):g} to {max(good):g} is within twice the gap of "
            f"the best; after one pass the worst of these is {_worst(gaps[once], good):.0%} above the optimum and the "
            f"best {min(gaps[once]):.0%}",
            max(good) / min(good) >= 4,
        ),
        Finding(
            f"the step size that is searched on a subsample is {searched[once]:.1%} above the optimum after one pass "
            f"and {searched[often]:.2%} after {often}, the best of the grid {min(gaps[once]):.1%} and "
            f"{min(gaps[often]):.2%}, and t0 from the typical weight (`bottou()`) {typical[once]:.1%} and "
            f"{typical[often]:.2%}",
            searched[often] < max(3 * min(gaps[often]), 0.01),
            Advice("you do not know the first step size", "nothing: it is searched (`auto()`)"),
        ),
    ]
    lines = [
        Line(f"{passes} pass{'es' * (passes > 1)}", (k, 0), list(RATES), [min(each, MOST_GAP) for each in found])
        for k, (passes, found) in enumerate(gaps.items())
    ]
    title = "The objective against the first step size"
    picture = Panel("rate", title, "", "eta0 = 1 / (l2 t0)", "above the optimum, relatively", True, True, lines)
    table = [
        [f"{eta0:g}", f"{1 / (l2 * eta0):,.0f}", *(_gap(found[place]) for found in gaps.values())]
        for place, eta0 in enumerate(RATES)
    ]
    return Exhibit(picture, ("eta0", "t0", *(line.name for line in lines)), table), findings


def _of_penalties(data: Text, setting: Setting) -> tuple[Exhibit, list[Finding]]:
    """Test errors and gaps against the penalty."""
    names = {"averaged SGD": 10, "L-BFGS": 20}
    gaps: dict[str, list[float]] = {name: [] for name in names}
    errors: dict[str, list[float]] = {name: [] for name in (*names, "the optimum")}
    for l2 in PENALTIES:
        optimum = exact(data.train, l2)
        best = objective(optimum, data.train, l2)
        errors["the optimum"].append(data.error(optimum))
        for name, passes in names.items():
            found = SOLVERS[name](data.train, l2, passes, setting.seed)
            gaps[name].append(objective(found, data.train, l2) / best - 1)
            errors[name].append(data.error(found))
    harder = gaps["L-BFGS"][-1] / gaps["L-BFGS"][1]
    differences = [
        100 * (ours - known) for ours, known in zip(errors["averaged SGD"], errors["the optimum"], strict=True)
    ]
    findings = [
        Finding(
            f"the smaller the penalty (the larger C), the harder the problem: after {names['L-BFGS']} passes L-BFGS is "
            f"{_gap(gaps['L-BFGS'][1])} above the optimum with l2 = {PENALTIES[1]:g} and {_gap(gaps['L-BFGS'][-1])} "
            f"with {PENALTIES[-1]:g}, averaged SGD after {names['averaged SGD']} {_gap(gaps['averaged SGD'][1])} and "
            f"{_gap(gaps['averaged SGD'][-1])}",
            harder > 1 and gaps["averaged SGD"][-1] > gaps["averaged SGD"][1],
        ),
        Finding(
            f"the test error does not suffer: SGD's lies between {-min(differences):.1f} points below and "
            f"{max(0.0, *differences):.1f} above the optimum's, below it where the penalty is too small",
            max(differences) < 2,
        ),
    ]
    lines = [
        Line(name, (k, 0), list(PENALTIES), [100 * each for each in found])
        for k, (name, found) in enumerate(errors.items())
    ]
    picture = Panel("penalty", "Test error against the penalty", "", "l2 = 1 / (C n)", "% wrong", True, lines=lines)
    table = [
        [
            f"{l2:g}",
            *(f"{found[place]:.2%}" for found in errors.values()),
            *(_gap(found[place]) for found in gaps.values()),
        ]
        for place, l2 in enumerate(PENALTIES)
    ]
    head = ("l2", *(f"{name}, wrong" for name in errors), *(f"{name}, gap" for name in gaps))
    return Exhibit(picture, head, table), findings


def _worst(gaps: list[float], rates: list[float]) -> float:
    return max(gap for eta0, gap in zip(RATES, gaps, strict=True) if eta0 in rates)


def _gap(gap: float) -> str:
    return f"{gap:.1e}" if math.isfinite(gap) else "diverges"


STEP_SIZES = Study(
    "step-sizes",
    "The penalty, and the first step size of SGD",
    "The lectures on large-scale support vector machines of Stanford's CS246 (Leskovec), and Bottou, *Stochastic "
    "gradient descent tricks*, 2012.",
    "The step size eta0 / (1 + l2 eta0 t) has one number to choose, eta0, or t0 = 1 / (l2 eta0). Take the one that "
    "does best on a small subsample: the best one does not depend on the size of the set. The larger C, the longer "
    "solvers take.",
    "The linear SVM of [SGD against solvers](sgd-against-solvers.md), SGD with `inverse(eta0)`, without averages.",
    "They do not. With a penalty that is too small SGD predicts better than the optimum, as it is not there yet: to "
    "stop early is a penalty, too.",
    _look,
)
