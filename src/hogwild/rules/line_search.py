"""How far to go along a direction: a search that is told the loss and the slope at one step after another.

It is for those to whom a trial is expensive (a pass over all examples) and gives both numbers. The state is explicit,
and small enough to be sent: nothing else is remembered between two trials.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import NamedTuple

DECREASE = 1e-4  # this much of what the slope promises must come true
LONGEST, SHORTEST = 10.0, 2.0  # a step that was too short is made so many times as long
MARGIN = 0.01  # interpolation keeps away from both ends by this part of the interval
INTERPOLATED = 4  # so many trials; then bisection, which also ends at a kink
CURVED = 10  # so many trials insist on the slope; then any decrease will do
MOST_TRIALS = 20
ROUNDING = 2.0**-50  # of a sum of losses in float64, as a share of it
AVERAGED = 32.0  # errors of predictions, of which there are many, cancel out so far at least


class Trial(NamedTuple):
    """What was found at one step."""

    step: float
    loss: float
    slope: float  # derivative of the loss along the direction


class Stage(Enum):
    """How a search stands."""

    OPEN = "evaluate at `step`"
    ACCEPTED = "the last trial is good enough"
    FAILED = "no step improves the loss"


class Search(NamedTuple):
    """One line search.

    A step t is accepted if it meets the weak Wolfe conditions, for f(t) the loss at x + t d:

        f(t) <= f(0) + 1e-4 t f'(0)     and     f'(t) >= curvature f'(0)

    strong : also f'(t) <= -curvature f'(0), for methods that want a nearly exact search
    """

    start: Trial  # at step 0
    step: float  # the one to be evaluated next
    curvature: float
    strong: bool
    resolution: float
    low: Trial  # the longest that is too short
    high: Trial | None = None  # the shortest that is too long
    trials: int = 0
    stage: Stage = Stage.OPEN


def resolution_of(eps: float) -> float:
    """The smallest relative change of the loss that is no rounding, of predictions in floats of this precision."""
    return max(ROUNDING, eps / AVERAGED)


def begin(
    loss: float, slope: float, step: float, curvature: float, strong: bool = False, resolution: float = ROUNDING
) -> Search:
    """A search from a point with this loss, along a direction with this slope, whose first trial is `step`.

    resolution : where the slope promises no larger change of the loss, as a share of it, there is nothing to be found
    """
    start = Trial(0.0, loss, slope)
    return _if_any(Search(start, step, curvature, strong, resolution, start))


def advance(search: Search, loss: float, slope: float) -> Search:
    """What was found at `search.step`: accept it, or say where to look next.

    Bracketing as of Lewis and Overton (2013, for functions with kinks), which ends for any loss that is bounded from
    below, also for that of a hinge. Differences: the first few trials interpolate (a cubic through both ends, exact for
    a quadratic loss) where theirs bisect and double; after many trials the decrease alone is enough.
    """
    start, low, high, trials = search.start, search.low, search.high, search.trials + 1
    trial = Trial(search.step, loss, slope)
    steepest = -search.curvature * start.slope
    too_long = not loss <= start.loss + DECREASE * trial.step * start.slope  # a loss that is no number is
    insists = trials <= CURVED
    if too_long or (insists and search.strong and slope > steepest):
        high = trial
    elif insists and slope < -steepest:
        low = trial
    else:
        return search._replace(trials=trials, stage=Stage.ACCEPTED)
    if high is None:
        step = _extrapolate(search.low, low)
    else:
        step = _interpolate(low, high) if trials <= INTERPOLATED else (low.step + high.step) / 2
    return _if_any(search._replace(low=low, high=high, trials=trials, step=step))


def _if_any(search: Search) -> Search:
    """FAILED if what is left promises nothing that could be seen."""
    start, high, step = search.start, search.high, search.step
    promised = -step * start.slope
    visible = search.resolution * abs(start.loss) < promised < math.inf
    narrow = high is not None and not search.low.step < step < high.step
    hopeless = narrow or not visible or search.trials >= MOST_TRIALS
    return search._replace(stage=Stage.FAILED) if hopeless else search


def _extrapolate(before: Trial, last: Trial) -> float:
    """Where the slope would vanish if it went on changing as it does; within limits."""
    bend = last.slope - before.slope
    ahead = last.step - (last.step - before.step) * last.slope / bend if bend > 0 else math.inf
    return min(max(ahead, SHORTEST * last.step), LONGEST * last.step)


def _interpolate(low: Trial, high: Trial) -> float:
    """The minimum of the cubic with these losses and slopes (Nocedal and Wright 2006, eq. 3.59); not too near an end.
    The middle where there is none.
    """
    width = high.step - low.step
    bend = low.slope + high.slope - 3 * (high.loss - low.loss) / width
    square = bend * bend - low.slope * high.slope
    if not 0 <= square < math.inf:
        return low.step + width / 2
    root = math.sqrt(square)
    rest = high.slope - low.slope + 2 * root
    if not rest > 0:
        return low.step + width / 2
    at = 1 - (high.slope + root - bend) / rest
    return low.step + width * min(max(at, MARGIN), 1 - MARGIN)
