"""The two numbers that SGD needs: the penalty and the first step size."""

from __future__ import annotations

import math

from hogwild import Examples, NonFiniteError, Schedule, auto, bottou, inverse
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

    def gap(schedule: Schedule, passes: int, examples: Examples = data.train, optimum: float = best) -> float:
        try:
            found = sgd(schedule=schedule)(examples, l2, passes, setting.seed)
        except NonFiniteError:
            return math.inf
        return objective(found, examples, l2) / optimum - 1

    gaps = {passes: [gap(inverse(eta0), passes) for eta0 in RATES] for passes in PASSES}
    searched = {passes: gap(auto(), passes) for passes in PASSES}
    typical = {passes: gap(bottou(), passes) for passes in PASSES}
    once, often = PASSES
    good = [eta0 for eta0, found in zip(RATES, gaps[often], strict=True) if found < 2 * min(gaps[often])]
    few = data.first(data.train.n_examples // 4).train
    few_best = objective(exact(few, l2), few, l2)
    sizes = {
        "a quarter of the rows": RATES[_least([gap(inverse(eta0), once, few, few_best) for eta0 in RATES])],
        "all": RATES[_least(gaps[once])],
    }
    findings = [
        Finding(
            f"after {often} passes any first step size from {min(good):g} to {max(good):g} is within twice the gap of "
            "the best one",
            max(good) / min(good) >= 4,
        ),
        Finding(
            f"after one pass the best of the grid is {sizes['a quarter of the rows']:g} for a quarter of the rows, and "
            f"{sizes['all']:g} for all",
            0.25 <= sizes["a quarter of the rows"] / sizes["all"] <= 4,
        ),
        Finding(
            "above the optimum after one pass, with the first step size that is searched on a subsample: "
            f"{searched[once]:.1%}; with t0 from the typical weight (`bottou()`): {typical[once]:.1%}; with the best "
            f"one of the grid: {min(gaps[once]):.1%}. After {often} passes: {searched[often]:.2%}, "
            f"{typical[often]:.2%}, {min(gaps[often]):.2%}",
            all(found[once] < 2 * min(gaps[once]) and found[often] < 0.01 for found in (searched, typical)),
            Advice("a first step size that you do not know", "nothing: it is searched (`auto()`)"),
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
    hard, easy = PENALTIES[-1], PENALTIES[1]
    differences = [
        100 * (ours - known) for ours, known in zip(errors["averaged SGD"], errors["the optimum"], strict=True)
    ]
    findings = [
        Finding(
            "the smaller the penalty (the larger C), the harder the problem: how far above the optimum with l2 = "
            f"{easy:g} and with {hard:g}: L-BFGS after {names['L-BFGS']} passes {_gap(gaps['L-BFGS'][1])} and "
            f"{_gap(gaps['L-BFGS'][-1])}, averaged SGD after {names['averaged SGD']} "
            f"{_gap(gaps['averaged SGD'][1])} and {_gap(gaps['averaged SGD'][-1])}",
            all(found[-1] > found[1] + 0.01 for found in gaps.values()),
        ),
        Finding(
            f"the test error of averaged SGD is at most {max(0.0, *differences):.1f} points above the optimum's with "
            f"any penalty; with the smallest it is {errors['averaged SGD'][-1]:.2%}, the optimum's "
            f"{errors['the optimum'][-1]:.2%}",
            max(differences) < 2 if setting.quick else max(differences) < 0.5 and differences[-1] < 0,
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


def _least(gaps: list[float]) -> int:
    return gaps.index(min(gaps))


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
    "Where the penalty is too small the optimum predicts worse than what is on its way there: to stop early is a "
    "penalty, too.",
    _look,
)
