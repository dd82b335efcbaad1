"""The hyper-parameters of a linear model, checked, and with names looked up."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hogwild.limits import is_number
from hogwild.rules.losses import Loss, find_loss
from hogwild.rules.schedules import Schedule, find_schedule

ABSURD = 1e10  # no weight could differ from 0


class Terms(NamedTuple):
    """What surveys, tasks and searches need to know of a model; see `Linear` for the meaning."""

    loss: Loss
    parameter: float  # of the loss; 0 for losses that have none
    l2: float
    l1: float
    fit_intercept: bool
    schedule: Schedule
    average: bool | str  # True, False or "auto"

    @property
    def smoothness(self) -> float:
        """What limits the steps of single rows: 0 for losses with a modest slope, and where the user gave eta0."""
        return self.loss.smoothness if self.loss.steepest > 1.0 and self.schedule.eta0 is None else 0.0

    @property
    def averages(self) -> bool:
        """Is the answer the mean of the iterates, where they are kept?"""
        return self.l1 == 0 if self.average == "auto" else bool(self.average)


def find_terms(
    loss: str | tuple[str, float],
    l2: float,
    l1: float,
    fit_intercept: bool,
    schedule: str | Schedule,
    average: bool | str,
) -> Terms:
    """Check and look up; ValueError or TypeError names what is wrong."""
    if isinstance(loss, str):
        rule = find_loss(loss)
        parameter = rule.default
    elif isinstance(loss, tuple) and len(loss) == 2:
        rule = find_loss(loss[0])
        parameter = _parameter(rule, loss[1])
    else:
        raise TypeError(f"loss={loss!r} must be a name such as 'hinge', or (name, parameter) such as ('huber', 0.5)")
    for name, value in (("l2", l2), ("l1", l1)):
        if not (is_number(value) and math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}={value!r} must be a finite number of at least 0")
        if value > ABSURD:
            raise ValueError(f"{name}={value!r} is absurdly large: no weight could differ from 0")
    if not (isinstance(average, bool | np.bool_) or average == "auto"):
        raise ValueError(f'average={average!r} must be True, False or "auto"')
    if not isinstance(fit_intercept, bool | np.bool_):
        raise ValueError(f"fit_intercept={fit_intercept!r} must be True or False")
    curve = find_schedule(schedule)
    if curve.name == "bottou" and l2 == 0:
        raise ValueError('schedule="bottou" divides by l2: give l2 > 0, or use schedule="inverse"')
    known = "auto" if isinstance(average, str) else bool(average)
    return Terms(rule, parameter, float(l2), float(l1), bool(fit_intercept), curve, known)


def _parameter(rule: Loss, given: object) -> float:
    if rule.parameter is None:
        raise ValueError(f"loss {rule.name!r} has no parameter; write loss={rule.name!r}")
    if not is_number(given):
        raise TypeError(f"{rule.parameter}={given!r} must be a number")
    value = float(given)
    if rule.name == "quantile" and not 0 < value < 1:
        raise ValueError(f"quantile={value} must lie strictly between 0 and 1")
    if not (math.isfinite(value) and (value > 0 or (value == 0 and rule.name != "huber"))):
        raise ValueError(f"{rule.parameter}={value} must be a positive number for loss {rule.name!r}")
    return value
