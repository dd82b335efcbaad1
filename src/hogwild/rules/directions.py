"""Directions of descent as numbers: by how much to multiply vectors that somebody else keeps, and adds up.

All that is needed of the vectors are their inner products. So a coordinator can run L-BFGS on vectors of any length
that are spread over many machines, and see none of them ("vector-free L-BFGS": Chen, Wang and Zhou 2014).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.limits import check_whole, is_number
from hogwild.names import find_made
from hogwild.rules.line_search import DECREASE

Array = NDArray[np.float64]


_NONE, _NO_PAIRS = np.zeros(0), np.zeros((0, 0))


class Products(NamedTuple):
    """Inner products of the gradient g and of k pairs, oldest first: s, what an accepted step has changed of the
    weights, and y, what it has changed of the gradient.
    """

    gg: float  # g.g
    gs: Array = _NONE  # (k,) g.s_i
    gy: Array = _NONE  # (k,) g.y_i
    sy: Array = _NO_PAIRS  # (k, k) s_i.y_j
    yy: Array = _NO_PAIRS  # (k, k) y_i.y_j
    step: float = 1.0  # of the newest pair: s = step * direction
    before: float = 0.0  # g.g before that step


def grown(matrix: Array, row: Array, column: Array) -> Array:
    """(k + 1, k + 1) a (k, k) matrix with one row (k + 1,) and one column (k,) more."""
    return np.block([[matrix, column[:, None]], [row[None, :]]])


class Direction(NamedTuple):
    """d = g * gradient + sum_i s[i] s_i + sum_i y[i] y_i."""

    g: float
    s: Array  # (k,)
    y: Array  # (k,)
    slope: float  # d.gradient: negative if d leads downhill
    first: float | None = None  # the step to try first; None: the rule has no opinion


class Method(NamedTuple):
    """How to find the next direction, with its numbers filled in.

    rule :      Products -> Direction
    memory :    how many pairs it wants
    curvature : how much of the slope may be left where a line search ends
    strong :    the same of a slope that points uphill
    """

    name: str
    rule: Callable[[Products], Direction]
    memory: int
    curvature: float
    strong: bool = False

    def __repr__(self) -> str:
        return f"{self.name.replace('-', '_')}({', '.join(map(repr, self.numbers))})"

    @property
    def numbers(self) -> tuple[float, ...]:
        """What the function of that name was given."""
        return (self.memory, self.curvature) if self.name == "lbfgs" else (self.curvature,)

    def direction(self, products: Products) -> Direction:
        """The next direction; that of steepest descent if the rule's does not lead downhill."""
        found = self.rule(products)
        return found if found.slope < 0 else _steepest(products)


# --------------------------------------------------------------------------------------------- the three methods


def lbfgs(memory: int = 10, curvature: float = 0.9) -> Method:
    """L-BFGS (Liu and Nocedal 1989; Nocedal and Wright 2006, alg. 7.4), d = -H g with the last `memory` pairs.

    H begins as s.y / y.y of the newest pair; the first direction of all is that of steepest descent.
    """
    check_whole("memory", memory)
    return Method("lbfgs", _two_loops, int(memory), _curvature(curvature))


def conjugate_gradient(curvature: float = 0.1) -> Method:
    """Nonlinear conjugate gradient, d = -g + beta d_before, with the beta of Polak and Ribiere where it is positive,
    else 0: "PR+" (Gilbert and Nocedal 1992). It wants line searches that are nearly exact.

        beta = g.(g - g_before) / g_before.g_before
    """
    return Method("conjugate-gradient", _polak_ribiere, 1, _curvature(curvature), strong=True)


def gradient_descent(curvature: float = 0.9) -> Method:
    """Steepest descent, d = -g: the baseline."""
    return Method("gradient-descent", _steepest, 0, _curvature(curvature))


def _two_loops(products: Products) -> Direction:
    gg, gs, gy, sy, yy, _, _ = products
    k = gs.size
    if k == 0:
        return _steepest(products)
    # The two loops, with every inner product written out: q = g - alpha y, and then r = gamma q + weight s.
    alpha, weight = np.zeros(k), np.zeros(k)
    for i in reversed(range(k)):
        alpha[i] = (gs[i] - sy[i] @ alpha) / sy[i, i]
    gamma = sy[-1, -1] / yy[-1, -1]
    for i in range(k):
        weight[i] = alpha[i] - (gamma * (gy[i] - yy[i] @ alpha) + weight @ sy[:, i]) / sy[i, i]
    slope = -gamma * (gg - alpha @ gy) - weight @ gs
    return Direction(float(-gamma), -weight, gamma * alpha, float(slope), 1.0)


def _polak_ribiere(products: Products) -> Direction:
    gg, gs, gy, _, _, step, before = products
    if gs.size == 0:
        return _steepest(products)
    beta = max(0.0, float(gy[-1]) / before) / step  # of s, which is step * d_before
    return Direction(-1.0, np.array([beta]), np.zeros(1), float(beta * gs[-1] - gg), step)


def _steepest(products: Products) -> Direction:
    k = products.gs.size
    return Direction(-1.0, np.zeros(k), np.zeros(k), -products.gg)


def _curvature(value: float) -> float:
    if not (is_number(value) and DECREASE < value < 1):  # else no step may meet both conditions of a search
        raise ValueError(f"curvature={value!r} must lie strictly between {DECREASE} and 1")
    return float(value)


METHODS: dict[str, Callable[..., Method]] = {
    "lbfgs": lbfgs,
    "conjugate-gradient": conjugate_gradient,
    "gradient-descent": gradient_descent,
}
"""The methods by name."""


def find_method(given: str | Method) -> Method:
    """The method itself, or the one of that name with its defaults; an error lists the names there are."""
    found: Method = find_made("method", given, METHODS, Method, "lbfgs(memory=5)")
    return found
