"""Stochastic against conventional solvers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, final

from hogwild.pages import Line, Panel
from science.solvers import SOLVERS, exact, fit, objective
from science.study import Advice, Exhibit, Finding, Found, Setting, Study
from science.text import Text, text

# How near to the optimum, relatively: as good as it for most uses, and as exact as anybody wants.
L2, USEFUL, EXACTLY = 1e-4, 0.02, 1e-5
PASSES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200)
FEWER = {"SGD": 50, "averaged SGD": 50, "LIBLINEAR": 50}  # passes that these are given at most
STOCHASTIC = ("SGD", "averaged SGD")
BATCH = ("gradient descent", "conjugate gradient", "L-BFGS")
LEAST_GAP = 1e-7  # is drawn: weights are float32
HALVINGS = 6  # of the rows
NEVER = 10**9  # passes


@final
class _Point(NamedTuple):
    passes: int
    time_s: float
    gap: float
    error: float


_Runs = Mapping[str, Sequence[_Point]]


def _look(setting: Setting) -> Found:
    data, l2 = text(setting), 1e-3 if setting.quick else L2
    optimum = exact(data.train, l2)
    best, known = objective(optimum, data.train, l2), data.error(optimum)
    runs: dict[str, list[_Point]] = {name: [] for name in SOLVERS}
    for name, solve in SOLVERS.items():
        solve(data.train, l2, 1, setting.seed)  # compiles
        for passes in (each for each in PASSES if each <= FEWER.get(name, PASSES[-1])):
            weights, time_s = fit(solve, data.train, l2, passes, setting.seed, 1 if setting.quick else 5)
            gap = objective(weights, data.train, l2) / best - 1
            runs[name].append(_Point(passes, time_s, gap, data.error(weights)))
    halved, finding = _with_fewer_rows(data, l2, setting)
    return Found([*_findings(runs, known, full=not setting.quick), finding], [*_exhibits(runs), halved], data.about)


def _findings(runs: _Runs, known: float, *, full: bool) -> list[Finding]:
    useful = {name: _there(points, USEFUL) for name, points in runs.items()}
    exactly = {name: _there(points, EXACTLY) for name, points in runs.items()}
    sgd, averaged = useful["SGD"], useful["averaged SGD"]
    batch = min(useful[name].passes for name in BATCH)
    found = [
        Finding(
            f"passes over the data until the objective is within {USEFUL:.0%} of the optimum: "
            + _each(useful, _number),
            max(sgd.passes, averaged.passes) < batch,
        ),
        Finding(
            f"the test error is then {sgd.error:.2%} with SGD and {averaged.error:.2%} with averaged SGD; it is "
            f"{known:.2%} at the optimum",
            max(sgd.error, averaged.error) < (known + 0.003 if full else 1.25 * known),
        ),
        Finding(
            f"passes over the data until the objective is within {EXACTLY:.3%}: {_each(exactly, _number)}",
            max(exactly["LIBLINEAR"].passes, exactly["L-BFGS"].passes)
            < min(exactly[name].passes for name in STOCHASTIC),
            Advice("the exact optimum of a linear model", "`Sandblaster()`; on one core LIBLINEAR"),
        ),
    ]
    if full:
        faster = min(useful[name].time_s for name in BATCH) / averaged.time_s
        found.append(
            Finding(
                f"milliseconds until the objective is within {USEFUL:.0%} of the optimum: "
                f"{_each(useful, lambda point: f'{1e3 * point.time_s:.0f}')}; averaged SGD is {faster:.1f} times as "
                "fast as the best of the batch methods",
                faster > 1,
                Advice("one core, and a linear model that predicts well", "`Serial()`, averaged"),
            )
        )
    return found


def _with_fewer_rows(data: Text, l2: float, setting: Setting) -> tuple[Exhibit, Finding]:
    """Test errors of one pass, of ten and of the optimum."""
    sizes = [data.train.n_examples >> k for k in reversed(range(HALVINGS))]
    errors: dict[str, list[float]] = {"SGD, 1 pass": [], "averaged SGD, 10 passes": [], "the optimum": []}
    for size in sizes:
        part = data.first(size)
        for name, weights in zip(
            errors,
            (
                SOLVERS["SGD"](part.train, l2, 1, setting.seed),
                SOLVERS["averaged SGD"](part.train, l2, 10, setting.seed),
                exact(part.train, l2),
            ),
            strict=True,
        ):
            errors[name].append(part.error(weights))
    lines = [
        Line(name, (k, 0), [float(size) for size in sizes], [100 * each for each in found])
        for k, (name, found) in enumerate(errors.items())
    ]
    title = "Test error against the number of rows"
    picture = Panel("rows", title, "", "rows to learn from", "% wrong", True, lines=lines)
    table = [[f"{size:,}", *(f"{found[place]:.2%}" for found in errors.values())] for place, size in enumerate(sizes)]
    once, quarter = errors["SGD, 1 pass"][-1], errors["the optimum"][-3]
    finding = Finding(
        f"one pass of SGD over all {sizes[-1]:,} rows is {once:.2%} wrong, the optimum for a quarter of them "
        f"{quarter:.2%}: more rows are worth more than a better optimum",
        once < quarter,
        Advice("more rows than there is time for", "one pass over all, not many over a sample"),
    )
    return Exhibit(picture, ("rows", *errors), table), finding


def _exhibits(runs: _Runs) -> list[Exhibit]:
    """The objective and the test error against time."""

    def lines(value: Callable[[_Point], float]) -> list[Line]:
        return [
            Line(name, (k, 0), [point.time_s for point in points], [value(point) for point in points])
            for k, (name, points) in enumerate(runs.items())
        ]

    def table(cell: Callable[[_Point], str]) -> list[list[str]]:
        return [
            [str(passes), *("".join(cell(p) for p in points if p.passes == passes) for points in runs.values())]
            for passes in PASSES
        ]

    gaps = lines(lambda point: max(point.gap, LEAST_GAP))
    errors = lines(lambda point: 100 * point.error)
    low = min(min(line.y) for line in errors)
    gap, error = "Objective against time", "Test error against time"
    above = "above the optimum, relatively"
    return [
        Exhibit(
            Panel("gap", gap, "", "seconds", above, True, True, gaps),
            ("passes", *runs),
            table(lambda point: f"{point.gap:.0e} in {1e3 * point.time_s:.0f} ms"),
        ),
        Exhibit(
            Panel("error", error, "", "seconds", "% wrong", True, lines=errors, y_range=(low - 0.3, low + 5)),
            ("passes", *runs),
            table(lambda point: f"{point.error:.2%}"),
        ),
    ]


def _there(points: Sequence[_Point], gap: float) -> _Point:
    """When the gap was first as small; never: a point at infinity."""
    return next((each for each in points if each.gap <= gap), points[-1]._replace(passes=NEVER, time_s=math.inf))


def _number(point: _Point) -> str:
    return "not reached" if point.passes == NEVER else str(point.passes)


def _each(points: Mapping[str, _Point], text: Callable[[_Point], str]) -> str:
    return ", ".join(f"{name} {text(point)}" for name, point in points.items())


SGD_AGAINST_SOLVERS = Study(
    "sgd-against-solvers",
    "SGD is useful long before conventional solvers",
    "The lectures on large-scale support vector machines of Stanford's CS246 (Leskovec), with Bottou's experiments: "
    "*Large-scale machine learning with stochastic gradient descent*, COMPSTAT 2010.",
    "RCV1, hinge loss: SVMLight takes 23,642 s for a test error of 6.02 %, SVMPerf 66 s for 6.03 %, SGD 1 to 2 s for "
    "6.02 %. SGD is at an objective that is good enough long before the others, and conventional solvers pass it only "
    "where accuracy no longer helps the test error. Many simple steps are better than a few complicated ones, and more "
    "data better than more accuracy.",
    f"Linear SVM with the squared hinge, which is smooth, so that all can solve it; l2 = {L2:g}, no intercept; one "
    "core. SGD is `Serial()`; gradient descent, conjugate gradient and L-BFGS are `Sandblaster(...)` on one worker; "
    "LIBLINEAR is scikit-learn's `LinearSVC`, dual coordinate descent. Each point is a run of its own with as many "
    "passes, of which SGD and LIBLINEAR are given 50 at most, all included but reading the file: the median of 5.",
    "They have forty times the rows, of which a step of SGD still uses one, and a step of the others all. And "
    "LIBLINEAR's dual coordinate descent (Hsieh et al. 2008) is younger than the solvers of the lecture, and itself "
    "stochastic: it goes through the rows in random order, and each step uses one. So it is as good as SGD after as "
    "many passes, and exact soon after.",
    _look,
)
