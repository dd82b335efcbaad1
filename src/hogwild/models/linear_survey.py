"""What a linear model must know of the data before its first step: scales of columns, and a step size.

Everything comes from a seeded subsample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.local import SURVEYED_EXAMPLES
from hogwild.kernels.moments import column_moments
from hogwild.models.linear_rows import linear_rows, value_dtype
from hogwild.models.linear_terms import Terms
from hogwild.models.step_size import find_eta0
from hogwild.params import Params
from hogwild.rules.schedules import typical_weight_rate
from hogwild.rules.sums import inner

# Columns are relaxed only when their scales (root mean square of the nonzeros) are uneven: when they typically differ
# by this factor, or a common one is LARGEST_UNEVEN times as large as most. Sparse text and one-hot columns then stay
# as they are, and keep the fast path; for dense columns relaxing costs nothing.
TYPICAL_UNEVEN_SPARSE, TYPICAL_UNEVEN_DENSE = 5.0, 1.5
LARGEST_UNEVEN = 20.0


@final
@dataclass(frozen=True)
class LinearSurvey:
    """`relax` (d,): the step factor of each column, or (0,) for 1; `centre` (d,): what dense kernels subtract."""

    n_features: int
    dtype: np.dtype
    eta0: float
    intercept: float  # step of the intercept, if one is learnt, as a fraction of the step size
    relax: NDArray[np.floating]
    centre: NDArray[np.floating]

    def state(self) -> dict[str, NDArray[Any]]:
        """As arrays, for `Params.state`."""
        numbers = {"eta0": np.array([self.eta0]), "intercept_step": np.array([self.intercept])}
        return {**numbers, "relax": self.relax, "centre": self.centre}


def survey_linear(terms: Terms, examples: Examples, seed: int, start: Params | None) -> LinearSurvey:
    """Survey the data; weights to go on from bring their survey with them."""
    d, dtype = examples.n_features, value_dtype(examples)
    if start is not None:
        return _known(terms, start, examples)
    rng = np.random.default_rng([seed, 2])
    sample = _sample(examples, SURVEYED_EXAMPLES, rng)
    centre = np.zeros(0 if examples.is_sparse else d, dtype)
    if terms.fit_intercept and not examples.is_sparse:
        with np.errstate(over="ignore", invalid="ignore"):  # columns that are too large are refused below
            centre[:] = sample.X.mean(axis=0, dtype=np.float64)
    rows = linear_rows(sample, np.zeros(0, dtype), centre)
    counts, squares = column_moments(rows, d)
    # Squares of scales and their inverses, the step factors, must be numbers of this dtype, with exponents to spare.
    least, most = float(np.finfo(dtype).tiny) ** 0.9, float(np.finfo(dtype).max) ** 0.9
    _refuse(~(squares / np.maximum(counts, 1) <= most), "large", sample)
    if centre.size:
        # What is left of a constant column is rounding, which must not pass for its scale.
        precision = 4.0 * np.finfo(dtype).eps + sample.n_examples * np.finfo(np.float64).eps
        rounding = precision * np.abs(centre.astype(np.float64))
        squares[squares <= counts * rounding**2] = 0.0
    uneven = TYPICAL_UNEVEN_SPARSE if examples.is_sparse else TYPICAL_UNEVEN_DENSE
    factors = _relax(counts, squares, uneven)
    small = (squares > 0) & (squares < counts * least)
    if factors.size or (small == (squares > 0)).all():  # else it has no steps of its own, and does no harm
        _refuse(small, "small", sample)
    relax = factors.astype(dtype)
    rows = linear_rows(sample, relax, centre)
    intercept = _intercept_step(squares, relax, sample.n_examples)
    eta0 = terms.schedule.eta0
    if eta0 is None:
        cap = 1.0 / terms.l2 if terms.l2 > 0 else math.inf  # a larger step would shrink weights to beyond 0
        if terms.schedule.name == "bottou":
            eta0 = min(cap, typical_weight_rate(terms.loss, terms.parameter, terms.l2))
        else:
            eta0 = find_eta0(terms, rows, d, intercept if terms.fit_intercept else 0.0, cap, rng)
    return LinearSurvey(d, dtype, eta0, intercept, _bounded(relax, terms.l2 * eta0), centre)


def _sample(examples: Examples, most: int, rng: np.random.Generator) -> Examples:
    n, weight = examples.n_examples, examples.sample_weight
    if n <= most:
        return examples
    chosen = np.unique(rng.integers(0, n, most))
    if weight is not None:  # examples without weight say nothing
        present = np.flatnonzero(weight > 0)
        chosen = present if present.size <= most else np.unique(rng.choice(present, most))
        weight = weight[chosen]
    y = None if examples.y is None else examples.y[chosen]
    return replace(examples, X=examples.X[chosen], y=y, sample_weight=weight)


def _relax(counts: NDArray[np.int64], squares: NDArray[np.float64], uneven: float) -> NDArray[np.float64]:
    """1 / scale^2 of each column if scales are uneven, else nothing. Columns not seen get the typical scale."""
    seen = (counts > 0) & (squares > 0)
    if not seen.any():
        return np.zeros(0)
    logs = 0.5 * np.log(squares[seen] / counts[seen])
    typical = float(np.average(logs, weights=counts[seen]))
    spread = math.sqrt(float(np.average((logs - typical) ** 2, weights=counts[seen])))
    largest = float((logs - np.median(logs))[counts[seen] >= 0.001 * counts.max()].max())
    if spread <= math.log(uneven) and largest <= math.log(LARGEST_UNEVEN):
        return np.zeros(0)
    relax = np.full(counts.size, math.exp(-2 * typical))
    with np.errstate(over="ignore"):  # what has no factor is too small
        relax[seen] = np.exp(-2 * logs)
    return relax


def _bounded(relax: NDArray[np.floating], shrinkage: float) -> NDArray[np.floating]:
    """Factors so small that no step shrinks a weight to beyond 0, where l2 is part of the gradient. (Columns whose
    penalty weighs more than their values need no larger ones.)
    """
    return np.minimum(relax.astype(np.float64), 1.0 / shrinkage).astype(relax.dtype) if shrinkage > 0 else relax


def _refuse(bad: NDArray[np.bool_], what: str, sample: Examples) -> None:
    """ValueError if the squares of some columns are numbers that the dtype of X cannot hold."""
    if bad.any():
        column, dtype = int(np.argmax(bad)), value_dtype(sample)
        raise ValueError(
            f"column {column} (counted from 0) of {sample.source} has numbers up to "
            f"{abs(sample.X[:, [column]]).max():.2g}, too {what} to be learnt in {dtype}: multiply that column by a "
            f"power of 10, or drop it{', or give X as float64' if dtype == np.float32 else ''}"
        )


def _intercept_step(squares: NDArray[np.float64], relax: NDArray[np.floating], n: int) -> float:
    """Second moment of the typical column: the intercept then moves like a column, and not 100 times faster."""
    moments = squares / n * (relax if relax.size else 1.0)
    total = float(moments.sum())
    return inner(moments / total, moments) if total > 0 else 1.0


def _known(terms: Terms, start: Params, examples: Examples) -> LinearSurvey:
    """The survey that came with the weights; the rows may now be sparse where they were dense, or the reverse."""
    d, dtype, state = examples.n_features, value_dtype(examples), start.state
    if set(start.views) != {"coef", "intercept"} or not {"eta0", "intercept_step", "relax", "centre"} <= set(state):
        raise ValueError("the weights to start from are not those of a Linear model: give the `params` of its Result")
    if start["coef"].shape != (d,):
        raise ValueError(f"the weights to start from have {start['coef'].size} features, but {examples.source} has {d}")
    centre = np.zeros(0 if examples.is_sparse else d, dtype)
    if terms.fit_intercept and centre.size == state["centre"].size:
        centre[:] = state["centre"]
    eta0 = float(state["eta0"][0]) if terms.schedule.eta0 is None else terms.schedule.eta0
    relax = _bounded(state["relax"].astype(dtype), terms.l2 * eta0)
    return LinearSurvey(d, dtype, eta0, float(state["intercept_step"][0]), relax, centre)
