"""Step sizes: how large a step is after t examples.

Every schedule is one formula with some of its parts switched off:

    rate(t, epoch) = eta0 * beta^epoch / (1 + decay * eta0 * t)^power
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from hogwild.limits import check_positive, is_number
from hogwild.names import find_name
from hogwild.rules.losses import Loss

# Without strong convexity to lean on, rates that fall as 1/t forget to move: t^-0.75 is Bottou's choice for averaging.
GENTLE_POWER = 0.75
# Where the shrinkage does not telescope, the rate is constant for some examples: as long as it falls by at most this.
STEADY = 1.1


class Moment(NamedTuple):
    """When in the run a block is learnt: enough for any schedule."""

    epoch: int  # 0, 1, ...
    begun: float  # examples before this run, or before its workers last met: of all runs of these weights
    done: int  # examples that were handed out since then, before this block


class Curve(NamedTuple):
    """A schedule with all its numbers known."""

    eta0: float
    decay: float
    power: float
    beta: float

    def rate(self, examples: float, epoch: int) -> float:
        """Step size after `examples` examples, in epoch number `epoch` (from 0)."""
        return self.eta0 * self.beta**epoch / (1.0 + self.decay * self.eta0 * examples) ** self.power

    def steady(self, examples: float, count: int) -> list[int]:
        """Where to cut the next `count` examples so that the rate falls by at most a factor STEADY in each piece.

        Increasing offsets, the last of them `count`.
        """
        growth = self.decay * self.eta0
        if growth == 0.0:
            return [count]
        start = 1.0 + growth * examples
        pieces = math.ceil(math.log((start + growth * count) / start) * self.power / math.log(STEADY))
        if pieces <= 1:
            return [count]
        ends = (start * (STEADY ** (k / self.power) - 1.0) / growth for k in range(1, pieces))
        return sorted({min(count, max(1, round(end))) for end in ends} | {count})

    def telescopes(self, l2: float) -> bool:
        """Is prod_s (1 - rate_s l2) = 1 / (1 + l2 eta0 t)? Then the shrinkage of l2 costs nothing."""
        return self.decay == l2 > 0 and self.power == 1.0 and self.beta == 1.0


class Schedule(NamedTuple):
    """A step-size rule. `eta0=None` means that training finds it on a subsample."""

    name: str
    eta0: float | None = None
    beta: float = 1.0  # factor after each epoch
    decays: bool = False  # does the rate fall with the number of examples, as fast as l2 says?
    least_fall: bool = False  # and a little in any case?
    power: float = 1.0

    def curve(self, eta0: float, l2: float, n_examples: int) -> Curve:
        """The schedule for a penalty l2 and epochs of n_examples."""
        decay, power = (l2 if self.decays else 0.0), self.power
        if self.least_fall and l2 * eta0 * n_examples < 1.0:
            decay, power = 1.0 / (eta0 * n_examples), min(power, GENTLE_POWER)
        return Curve(eta0, decay, power, self.beta)


def constant(eta0: float | None = None) -> Schedule:
    """The same step size for ever."""
    return Schedule("constant", eta0)


def backoff(eta0: float | None = None, beta: float = 0.9) -> Schedule:
    """Constant within an epoch, times `beta` after each (Niu et al. 2011, section 5; their experiments: 0.9)."""
    return Schedule("backoff", eta0, beta=beta)


def inverse(eta0: float | None = None, power: float = 1.0) -> Schedule:
    """eta0 / (1 + l2 eta0 t)^power (Bottou's sgd 2; power 0.75 is what his averaged SGD uses).

    With power 1 the shrinkage of l2 telescopes: prod_s (1 - rate_s l2) = 1 / (1 + l2 eta0 t).
    """
    return Schedule("inverse", eta0, decays=True, power=power)


def auto(eta0: float | None = None, power: float = 1.0) -> Schedule:
    """`inverse`; but where l2 is so small that the rate would not fall to a half in the first epoch of n examples,
    eta0 / (1 + t / n)^0.75. The default.

    Small sets of dense rows would otherwise end in the noise of too large steps; large sets are not touched by it.
    """
    return Schedule("auto", eta0, decays=True, least_fall=True, power=power)


def bottou() -> Schedule:
    """1 / (l2 (t + t0)), t0 from the expected size of the weights (Bottou's sgd 1; scikit-learn's "optimal").

    The same curve as `inverse` with eta0 = 1 / (l2 t0): nothing is searched.
    """
    return Schedule("bottou", None, decays=True)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "auto": auto,
    "constant": constant,
    "backoff": backoff,
    "inverse": inverse,
    "bottou": bottou,
}


def find_schedule(given: str | Schedule) -> Schedule:
    """The schedule itself, or the one of that name with its defaults; ValueError says what there is or is wrong."""
    if isinstance(given, str):
        return SCHEDULES[find_name("schedule", given, SCHEDULES)]()
    if not isinstance(given, Schedule):
        raise TypeError(f"schedule must be a name or a Schedule such as inverse(eta0=0.5), not {given!r}")
    if given.eta0 is not None:
        check_positive("eta0", given.eta0, ", or None to have it found")
    for name, value in (("beta", given.beta), ("power", given.power)):
        if not (is_number(value) and 0 < value <= 1):
            raise ValueError(f"{name}={value!r} must lie in (0, 1]")
    return given


def typical_weight_rate(loss: Loss, parameter: float, l2: float) -> float:
    """eta0 of `bottou`: a first step that moves a weight by its typical size, (1 / l2)^(1/4).

    eta0 = typw / max(1, |slope(-typw)|): the slope's *size* guards against losses that are steep far from the
    margin. (A version with the signed slope, which is never above 1, guards against nothing.)
    """
    typical = math.sqrt(1.0 / math.sqrt(l2))
    return typical / max(1.0, abs(loss.slope(-typical, 1.0, parameter)))
