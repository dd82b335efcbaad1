"""eta0, found by trying: short runs on a subsample, each on a clone that starts from zero weights."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hogwild.kernels.linear import Copies, Pace, steps_alone
from hogwild.kernels.moments import norms2
from hogwild.kernels.rows import Rows
from hogwild.kernels.scoring import tally
from hogwild.models.linear_terms import Terms
from hogwild.rules.penalties import penalty

SEARCH_ROWS, REFINE_ROWS = 1_024, 8_192  # (Bottou's sgd searches on 1,000)
LARGEST_RATE, SMALLEST_RATE = 10.0, 0.001  # for rows of norm 1


def find_eta0(
    terms: Terms, rows: Rows, n_features: int, intercept: float, cap: float, rng: np.random.Generator
) -> float:
    """The constant step size whose single pass over some of `rows`, in random order, ends with the lowest objective.

    A bracket search after Bottou's sgd 2: r / (mean row norm^2), r from 10 down to 0.001 by halves, on 1,024 rows.
    What is best there is too large for a longer run, so it is halved again as long as that is better on 8,192 rows.
    Never more than `cap`.
    """
    starts = rng.permutation(rows.targets.size).astype(np.int64)
    scale = 1.0 / (float(norms2(rows).mean()) + intercept or 1.0)
    rates = [LARGEST_RATE * scale / 2**k for k in range(1 + math.floor(math.log2(LARGEST_RATE / SMALLEST_RATE)))]
    tried = [min(cap, rates[0]), *(rate for rate in rates[1:] if rate < cap)]
    w = np.zeros(n_features + 1, rows.values.dtype)
    outcomes = [_one_pass(terms, rows, starts[:SEARCH_ROWS], w, intercept, rate) for rate in tried]
    best = tried[int(np.argmin(outcomes))]
    outcome = _one_pass(terms, rows, starts[:REFINE_ROWS], w, intercept, best)
    while best > rates[-1]:
        smaller = _one_pass(terms, rows, starts[:REFINE_ROWS], w, intercept, best / 2)
        if smaller > outcome:
            break
        best, outcome = best / 2, smaller
    return best


def _one_pass(
    terms: Terms, rows: Rows, starts: NDArray[np.int64], w: NDArray[np.floating], intercept: float, rate: float
) -> float:
    """The objective on the rows after one pass over them from w = 0; infinite if it is no number."""
    w[:] = 0
    none = np.zeros(0, w.dtype)
    code, parameter = terms.loss.code, terms.parameter
    pace = Pace(code, parameter, rate, 0.0, intercept, terms.l2, terms.l1, terms.smoothness)
    steps_alone(rows, starts, 1, 512, pace, 1.0, Copies(w, none, none, none, np.zeros(1)))
    loss, _, weight = tally(rows, starts, 1, w, code, parameter, terms.loss.is_binary)
    objective = loss / max(weight, 1e-30) + penalty(w[:-1], terms.l2, terms.l1)
    return objective if math.isfinite(objective) else math.inf
