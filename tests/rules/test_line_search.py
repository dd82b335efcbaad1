"""A line search ends where the loss has fallen enough and the slope is flat enough, whatever the loss is like."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hogwild.rules.line_search import (
    CURVED,
    DECREASE,
    MOST_TRIALS,
    Search,
    Stage,
    advance,
    begin,
    resolution_of,
)


def searched(f, step, curvature=0.9, strong=False) -> tuple[Search, float, float]:
    """The search when it has ended, and what was found last. f(t) gives loss and slope."""
    search = begin(*f(0.0), step, curvature, strong)
    loss, slope = f(0.0)
    while search.stage is Stage.OPEN:
        assert search.step > search.low.step
        assert search.high is None or search.step < search.high.step
        loss, slope = f(search.step)
        search = advance(search, loss, slope)
    assert search.trials <= MOST_TRIALS
    return search, loss, slope


def quadratic(best, curvature):
    return lambda t: (curvature / 2 * (t - best) ** 2, curvature * (t - best))


sizes = st.floats(-3, 3).map(lambda x: 10.0**x)


waves = st.tuples(st.floats(0, 0.9), st.floats(0.1, 5), st.floats(0, 6.28))


@given(sizes, sizes, sizes, waves, st.booleans(), st.floats(0.01, 0.9))
def test_smooth_losses(best, scale, step, waves, strong, curvature):
    """A parabola with a wave on it, of any size, and any first step."""
    wiggle, frequency, phase = waves

    def f(t):
        u = t / best
        wave, bend = wiggle * np.sin(frequency * u + phase), wiggle * frequency * np.cos(frequency * u + phase)
        return scale * ((u - 1) ** 2 + wave), scale * (2 * (u - 1) + bend) / best

    loss_0, slope_0 = f(0.0)
    assume(slope_0 < -1e-3 * scale / best)
    search, loss, slope = searched(f, step * best, curvature, strong)
    assert search.stage is Stage.ACCEPTED
    assert loss <= loss_0 + DECREASE * search.step * slope_0
    if search.trials <= CURVED:
        assert slope >= curvature * slope_0, "the weak Wolfe condition"
        assert not strong or slope <= -curvature * slope_0


@given(sizes, sizes, st.floats(-2, 2).map(lambda x: 10.0**x))
def test_interpolation_is_exact_for_a_quadratic(best, curvature, first):
    search, _, slope = searched(quadratic(best, curvature), first * best, curvature=1e-3, strong=True)
    assert search.stage is Stage.ACCEPTED
    assert abs(slope) <= 1e-3 * curvature * best
    assert search.trials <= 4


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 1.9, 30.0])
def test_a_kink_is_bracketed(first):
    # As that of a hinge: no step has a small slope.
    search, loss, slope = searched(lambda t: (abs(t - 1), math.copysign(1.0, t - 1)), first)
    assert search.stage is Stage.ACCEPTED
    assert loss < 1
    assert slope == 1.0, "it is beyond the kink"


@given(st.lists(st.tuples(st.floats(0.1, 3), st.floats(-3, 3), st.floats(0.1, 5)), min_size=1, max_size=6), sizes)
def test_many_kinks(hinges, first):
    def f(t):
        slopes = [-a if t < at else b for at, a, b in hinges]
        return sum(slope * (t - at) for slope, (at, _, _) in zip(slopes, hinges, strict=True)), sum(slopes)

    hinges = [(at, abs(a) + 0.1, b) for at, a, b in hinges]
    search, loss, slope = searched(f, first)
    assert search.stage is Stage.ACCEPTED
    assert loss <= f(0.0)[0] + DECREASE * search.step * f(0.0)[1]
    assert slope >= 0.9 * f(0.0)[1] or search.trials > CURVED


def test_where_nothing_is_better_it_fails():
    search, _, _ = searched(lambda t: (1.0 + t, -1.0), 1.0)  # a gradient that is wrong
    assert search.stage is Stage.FAILED


def test_a_loss_without_a_lower_bound_is_left_after_many_trials():
    search, loss, _ = searched(lambda t: (-t, -1.0), 1.0)
    assert search.stage is Stage.ACCEPTED
    assert search.trials == CURVED + 1
    assert loss < -1e9


@pytest.mark.parametrize("slope", [0.0, 1.0, math.nan])
def test_no_search_without_a_way_down(slope):
    assert begin(1.0, slope, 1.0, 0.9).stage is Stage.FAILED


def test_what_rounding_hides_is_not_searched_for():
    assert begin(1.0, -1e-9, 1.0, 0.9).stage is Stage.OPEN
    assert begin(1.0, -1e-9, 1.0, 0.9, resolution=resolution_of(float(np.finfo(np.float32).eps))).stage is Stage.FAILED
    assert begin(1.0, -1e-16, 1.0, 0.9).stage is Stage.FAILED
    assert begin(1e-9, -1e-16, 1.0, 0.9).stage is Stage.OPEN, "relative to the loss"
    assert resolution_of(float(np.finfo(np.float64).eps)) == 2.0**-50


def test_a_loss_that_is_no_number_is_too_long():
    search = advance(begin(1.0, -1.0, 8.0, 0.9), math.nan, math.nan)
    assert (search.stage, search.step) == (Stage.OPEN, 4.0)
