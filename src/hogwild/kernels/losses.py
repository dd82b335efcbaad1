"""The losses inside kernels: an integer code picks one, so that one compiled kernel serves all.

A compiled function as an argument would cost about 150 ms per loss and process; a branch on a code costs nothing.
A test holds both chains to the table in `rules.losses`.
"""

from __future__ import annotations

import math

from numba import njit

from hogwild.kernels.compiling import INNER, inner
from hogwild.rules import losses

_hinge, _hinge_slope = inner(losses.hinge), inner(losses.hinge_slope)
_squared_hinge, _squared_hinge_slope = inner(losses.squared_hinge), inner(losses.squared_hinge_slope)
_perceptron, _perceptron_slope = inner(losses.perceptron), inner(losses.perceptron_slope)
_logistic, _logistic_slope = inner(losses.logistic), inner(losses.logistic_slope)
_modified_huber, _modified_huber_slope = inner(losses.modified_huber), inner(losses.modified_huber_slope)
_squared, _squared_slope = inner(losses.squared), inner(losses.squared_slope)
_huber, _huber_slope = inner(losses.huber), inner(losses.huber_slope)
_epsilon, _epsilon_slope = inner(losses.epsilon_insensitive), inner(losses.epsilon_insensitive_slope)
_squared_epsilon = inner(losses.squared_epsilon_insensitive)
_squared_epsilon_slope = inner(losses.squared_epsilon_insensitive_slope)
_quantile, _quantile_slope = inner(losses.quantile), inner(losses.quantile_slope)


@njit(**INNER)
def loss_value(code: int, p: float, y: float, a: float) -> float:
    """The value of loss number `code` at prediction p, target y, parameter a (float64)."""
    if code == 0:
        return _hinge(p, y, a)
    if code == 1:
        return _squared_hinge(p, y, a)
    if code == 2:
        return _perceptron(p, y, a)
    if code == 3:
        return _logistic(p, y, a)
    if code == 4:
        return _modified_huber(p, y, a)
    if code == 5:
        return _squared(p, y, a)
    if code == 6:
        return _huber(p, y, a)
    if code == 7:
        return _epsilon(p, y, a)
    if code == 8:
        return _squared_epsilon(p, y, a)
    if code == 9:
        return _quantile(p, y, a)
    return math.nan


@njit(**INNER)
def _other_slope(code: int, p: float, y: float, a: float) -> float:
    if code == 1:
        return _squared_hinge_slope(p, y, a)
    if code == 2:
        return _perceptron_slope(p, y, a)
    if code == 3:
        return _logistic_slope(p, y, a)
    if code == 4:
        return _modified_huber_slope(p, y, a)
    if code == 5:
        return _squared_slope(p, y, a)
    if code == 6:
        return _huber_slope(p, y, a)
    if code == 7:
        return _epsilon_slope(p, y, a)
    if code == 8:
        return _squared_epsilon_slope(p, y, a)
    if code == 9:
        return _quantile_slope(p, y, a)
    return math.nan


@njit(**INNER)
def loss_slope(code: int, p: float, y: float, a: float) -> float:
    """+dloss/dp of loss number `code` at prediction p, target y, parameter a (float64)."""
    # The chain is too long to be compiled into the loop that asks. Hinge, the cheapest, would spend 5 per cent of an
    # epoch on the call.
    if code == 0:
        return _hinge_slope(p, y, a)
    return _other_slope(code, p, y, a)
