"""The losses of a linear model, in one table that feeds kernels, estimators, command line, docs and tests.

Every loss is a pair of scalar functions of (prediction p, target y, parameter a): its value and its slope,
+dloss/dp. `LOSSES[name].code` is the integer by which the compiled kernels know it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from hogwild.names import find_name

Scalar = Callable[[float, float, float], float]


def hinge(p: float, y: float, a: float) -> float:
    return max(0.0, 1.0 - y * p)


def hinge_slope(p: float, y: float, a: float) -> float:
    return -y if y * p < 1.0 else 0.0


def squared_hinge(p: float, y: float, a: float) -> float:
    return max(0.0, 1.0 - y * p) ** 2


def squared_hinge_slope(p: float, y: float, a: float) -> float:
    return -2.0 * y * max(0.0, 1.0 - y * p)


def perceptron(p: float, y: float, a: float) -> float:
    return max(0.0, -y * p)


def perceptron_slope(p: float, y: float, a: float) -> float:
    # At p = 0 the subgradient -y is taken, else training from zero weights would never start.
    return -y if y * p <= 0.0 else 0.0


def logistic(p: float, y: float, a: float) -> float:
    z = y * p
    # exp() of a large positive argument overflows: use the side on which its argument is negative.
    return math.log1p(math.exp(-z)) if z > 0.0 else math.log1p(math.exp(z)) - z


def logistic_slope(p: float, y: float, a: float) -> float:
    z = y * p
    if z > 0.0:
        e = math.exp(-z)
        return -y * e / (1.0 + e)
    return -y / (1.0 + math.exp(z))


def modified_huber(p: float, y: float, a: float) -> float:
    z = y * p
    return max(0.0, 1.0 - z) ** 2 if z >= -1.0 else -4.0 * z


def modified_huber_slope(p: float, y: float, a: float) -> float:
    z = y * p
    return -2.0 * y * max(0.0, 1.0 - z) if z >= -1.0 else -4.0 * y


def squared(p: float, y: float, a: float) -> float:
    return 0.5 * (p - y) * (p - y)


def squared_slope(p: float, y: float, a: float) -> float:
    return p - y


def huber(p: float, y: float, a: float) -> float:
    r = abs(p - y)
    return 0.5 * r * r if r <= a else a * (r - 0.5 * a)


def huber_slope(p: float, y: float, a: float) -> float:
    return min(a, max(-a, p - y))


def epsilon_insensitive(p: float, y: float, a: float) -> float:
    return max(0.0, abs(p - y) - a)


def epsilon_insensitive_slope(p: float, y: float, a: float) -> float:
    r = p - y
    return 1.0 if r > a else (-1.0 if r < -a else 0.0)


def squared_epsilon_insensitive(p: float, y: float, a: float) -> float:
    return max(0.0, abs(p - y) - a) ** 2


def squared_epsilon_insensitive_slope(p: float, y: float, a: float) -> float:
    r = p - y
    return 2.0 * (r - a) if r > a else (2.0 * (r + a) if r < -a else 0.0)


def quantile(p: float, y: float, a: float) -> float:
    r = y - p
    return a * r if r > 0.0 else (a - 1.0) * r


def quantile_slope(p: float, y: float, a: float) -> float:
    r = y - p
    return -a if r > 0.0 else (1.0 - a if r < 0.0 else 0.0)


@final
@dataclass(frozen=True)
class Loss:
    """One loss: two scalar functions and what users and the step size need to know of it.

    `smoothness` is the Lipschitz constant of the slope (`math.inf` where the loss has a kink) and
    `steepest` the largest |slope| (`math.inf` where it is unbounded); a step size above 1 / (smoothness |x|^2)
    can make a loss with unbounded slope diverge. `parameter` names what `a` is, with its default.
    """

    name: str
    code: int
    value: Scalar
    slope: Scalar
    domain: str  # "binary": y in {-1, +1}; "real": any finite y
    smoothness: float
    steepest: float
    formula: str
    parameter: str | None = None
    default: float = 0.0

    @property
    def is_binary(self) -> bool:
        return self.domain == "binary"


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("hinge", 0, hinge, hinge_slope, "binary", math.inf, 1.0, "max(0, 1 - y p)"),
        Loss("squared_hinge", 1, squared_hinge, squared_hinge_slope, "binary", 2.0, math.inf,
             "max(0, 1 - y p)^2"),
        Loss("perceptron", 2, perceptron, perceptron_slope, "binary", math.inf, 1.0, "max(0, -y p)"),
        Loss("logistic", 3, logistic, logistic_slope, "binary", 0.25, 1.0, "log(1 + exp(-y p))"),
        Loss("modified_huber", 4, modified_huber, modified_huber_slope, "binary", 2.0, 4.0,
             "max(0, 1 - y p)^2 if y p >= -1 else -4 y p"),
        Loss("squared", 5, squared, squared_slope, "real", 1.0, math.inf, "(p - y)^2 / 2"),
        Loss("huber", 6, huber, huber_slope, "real", 1.0, math.inf,
             "r^2 / 2 if r <= epsilon else epsilon (r - epsilon / 2), r = |p - y|", "epsilon", 0.1),
        Loss("epsilon_insensitive", 7, epsilon_insensitive, epsilon_insensitive_slope, "real", math.inf, 1.0,
             "max(0, |p - y| - epsilon)", "epsilon", 0.1),
        Loss("squared_epsilon_insensitive", 8, squared_epsilon_insensitive, squared_epsilon_insensitive_slope,
             "real", 2.0, math.inf, "max(0, |p - y| - epsilon)^2", "epsilon", 0.1),
        Loss("quantile", 9, quantile, quantile_slope, "real", math.inf, 1.0,
             "q (y - p) if y > p else (1 - q) (p - y)", "quantile", 0.5),
    )
}  # fmt: skip

ALIASES: dict[str, str] = {"log_loss": "logistic", "log": "logistic", "squared_error": "squared"}
"""scikit-learn's names for losses that have another one here."""


def find_loss(name: str) -> Loss:
    """The loss of that name, or of scikit-learn's name for it; ValueError lists the names there are."""
    found = find_name("loss", name, [*LOSSES, *ALIASES])
    return LOSSES[ALIASES.get(found, found)]
