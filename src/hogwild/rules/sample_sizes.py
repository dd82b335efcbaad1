"""How many examples are learnt between two communications, how large steps are meanwhile, and how late what one hears
may be: the three sequences of Hogwild! with growing sample sizes (van Dijk, Nguyen, Nguyen et al. 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, count
from typing import final

from hogwild.limits import check_positive, check_whole, is_number

MOST_EXAMPLES = 2.0**53  # numbers of examples up to here are exact in float64
LARGEST_POWER = 3.0


# ------------------------------------------------------------------------------------------------------------ sizes


@final
@dataclass(frozen=True)
class SampleSizes:
    """Examples of round i = 0, 1, ..., of all workers together, with j = i + 1:

    s_i = a j^power + b, or a j / ln(j + 1) + b with `per_log`; rounded up, and at least 1
    """

    a: float = 0.0
    b: float = 0.0
    power: float = 1.0
    per_log: bool = False

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            value = getattr(self, name)
            if not (is_number(value) and 0 <= value <= MOST_EXAMPLES):
                raise ValueError(f"{name}={value!r} must be a number of examples from 0 to 2^53")
        if not (is_number(self.power) and 0 < self.power <= LARGEST_POWER):
            raise ValueError(f"power={self.power!r} must lie in (0, {LARGEST_POWER:g}]")

    def size(self, i: int) -> int:
        """s_i."""
        j = i + 1
        growth = j / math.log(j + 1) if self.per_log else j**self.power
        return max(1, math.ceil(self.a * growth + self.b))

    def rounds(self, examples: float) -> int:
        """How many whole rounds so many examples are."""
        return next(i for i, end in enumerate(accumulate(map(self.size, count()))) if end > examples)


def constant_size(n: int) -> SampleSizes:
    """As many in each round: s_i = n."""
    check_whole("n", n)
    return SampleSizes(b=float(n))


def linear_size(a: float, b: float = 0.0) -> SampleSizes:
    """s_i = a (i + 1) + b: T rounds are about a T^2 / 2 examples, so that K examples take sqrt(2 K / a) rounds."""
    check_positive("a", a)
    return SampleSizes(float(a), b)


def per_log_size(a: float) -> SampleSizes:
    """s_i = a (i + 1) / ln(i + 2): what `PermissibleDelay` allows for ever (for a small enough)."""
    check_positive("a", a)
    return SampleSizes(float(a), per_log=True)


def power_size(a: float, power: float) -> SampleSizes:
    """s_i = a (i + 1)^power, power in (0, 3]."""
    check_positive("a", a)
    return SampleSizes(float(a), power=power)


# ------------------------------------------------------------------------------------------------------------ rates


@final
@dataclass(frozen=True)
class RoundRate:
    """Step size of a round before which `before` examples were to be learnt: eta0 / (1 + beta before^power)."""

    eta0: float
    beta: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        check_positive("eta0", self.eta0)
        if not (is_number(self.beta) and 0 <= self.beta < math.inf):
            raise ValueError(f"beta={self.beta!r} must be a number of at least 0")
        if not (is_number(self.power) and 0 < self.power <= 1):
            raise ValueError(f"power={self.power!r} must lie in (0, 1]")

    def rate(self, before: float) -> float:
        """Step size for the mean gradient of a minibatch."""
        return float(self.eta0 / (1.0 + self.beta * before**self.power))


def inverse_sqrt(eta0: float, beta: float = 0.01) -> RoundRate:
    """eta0 / (1 + beta sqrt(before)): for problems that are not strongly convex; beta is that of the authors' code."""
    return RoundRate(eta0, beta, 0.5)


def strongly_convex(mu: float, offset: float, alpha: float = 12.0) -> RoundRate:
    """alpha / (mu (before + offset)), for an objective that is strongly convex with modulus mu: E|w - w*|^2 = O(1/t).

    offset : examples; the first rate is alpha / (mu offset), which must be small enough for the steepest examples
    alpha :  the theory wants 12 at least
    """
    check_positive("mu", mu)
    check_positive("offset", offset)
    check_positive("alpha", alpha)
    return RoundRate(alpha / (mu * offset), 1.0 / offset, 1.0)


# ------------------------------------------------------------------------------------------------------------ delays


@final
@dataclass(frozen=True)
class PermissibleDelay:
    """How many of x examples a worker need not have heard of: tau(x) = scale sqrt(x / ln x (1 - 1 / ln x)), and below
    x = e^2 what it is there. The paper's has scale 1; the order of convergence is the same for any.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive("scale", self.scale)

    def tau(self, x: float) -> float:
        """In examples."""
        log = math.log(max(x, math.e**2))
        return self.scale * math.sqrt(max(x, math.e**2) / log * (1.0 - 1.0 / log))


def examples_allowed(delay: int | PermissibleDelay, behind: int, first: int, known: int, wanted: int) -> int:
    """How many of the next `wanted` examples a worker may learn before it must hear of others.

    delay :  rounds, or examples as a function of all examples so far
    behind : rounds of its own since the last of which it has heard from all; 0: it waits for nobody
    first :  examples that are learnt by all before its next one, as far as sizes tell
    known :  examples of all rounds of which it has heard from all

    Example x may be learnt if x - known < tau(x - 1), and the first that may not ends it. tau is concave: from one that
    may on there is but one place where it falls behind, which is found by halving.
    """
    if behind == 0:
        return wanted
    if not isinstance(delay, PermissibleDelay):
        return wanted if behind <= delay else 0
    low, high = 0, wanted if first - known < delay.tau(first - 1) else 0
    while low < high:
        middle = (low + high) // 2
        x = first + middle
        if x - known < delay.tau(x - 1):
            low = middle + 1
        else:
            high = middle
    return low
