"""Gradients of a linear model, and the step that follows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block, joined
from hogwild.deltas import Delta, Vector
from hogwild.kernels.gradients import Rarity, columns_of, gradient_of_keys, gradient_sum
from hogwild.kernels.merging import soften
from hogwild.kernels.rows import DenseRows
from hogwild.kernels.updates import EVERYWHERE, descend
from hogwild.models.linear_binding import LinearBinding
from hogwild.params import Params
from hogwild.rows import Keys
from hogwild.rules.schedules import Moment
from hogwild.rules.updates import ALL, At, Prox


@final
class LinearGradients:
    """Sums of gradients at weights in the form that is trained (centred columns, but no divisor), from any thread.

    A gradient is the true one. That steps are relaxed per column, and smaller for the intercept, is the business of
    `apply` and `prox`.
    """

    def __init__(self, binding: LinearBinding) -> None:
        terms, survey = binding.terms, binding.survey
        self._binding = binding
        self._loss = (terms.loss.code, terms.parameter)
        d = survey.n_features
        # (d + 1,) step of each weight, as a fraction of the step size; and what l1 takes off it in a step of size 1.
        self._factors = np.append(survey.relax if survey.relax.size else np.ones(d, survey.dtype), binding.intercept)
        self._factors = self._factors.astype(survey.dtype)
        self._cuts = np.append(terms.l1 * self._factors[:-1], 0).astype(survey.dtype)
        self.prox: Prox | None = self._soften if terms.l1 > 0.0 else None
        # A step of `factors` times the gradient is a plain one for u = w / sqrt(factors). An intercept that is not
        # learnt has factor 0, and no gradient.
        positive = np.where(self._factors > 0, self._factors, self._factors.dtype.type(1))
        self.scales: Vector | None = None if (positive == 1).all() else np.sqrt(positive)
        self._spare: list[NDArray[np.float64]] = []  # vectors of zeros: each call borrows one
        self._rarity: Rarity | None = None

    def sum(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Keys | None) -> Delta:
        """See `AbstractTask.gradient`. ValueError for keys that are no rows of the parameters."""
        binding, w = self._binding, params.weights
        if binding.terms.average is True:
            raise binding.keeps_no_mean()
        starts, chunk = block = joined(blocks, binding.n_examples)
        scratch = self._borrow()
        if keys is None:
            values = np.empty(w.size, w.dtype)
            what = (self._loss, binding.terms.l2, binding.terms.fit_intercept, scratch, values)
            seen, loss, nothing = gradient_sum(binding.rows, starts, chunk, w, *what)
        else:
            keys = np.asarray(keys, np.int64)
            values = np.empty(keys.size, w.dtype)
            rarity = self._rare()._replace(rate=binding.rate(moment))
            place = (binding.terms.fit_intercept, scratch, keys, values)
            seen, loss, nothing = gradient_of_keys(binding.rows, starts, chunk, w, self._loss, rarity, *place)
            if seen < 0:
                raise self._no_rows(w)
        self._spare.append(scratch)
        if nothing != 0.0:
            raise binding.not_finite("gradients", moment, [block])
        return Delta(values, seen, 1 if seen else 0, loss, moment, keys, curvature=binding.curvature(block))

    def apply(self, params: Params, delta: Delta) -> None:
        """See `AbstractTask.apply`."""
        if delta.examples == 0:
            return
        rate = delta.limited(self._binding.rate(delta.moment)) * delta.steps
        weights, keys, values = params.weights, delta.keys, delta.values
        size = weights.size if keys is None else keys.size
        if values.shape != (size,):
            raise ValueError(f"{values.size} values of a gradient do not fit {size} weights")
        if values.dtype != weights.dtype or not values.flags.c_contiguous:  # a kernel is compiled for one kind
            with np.errstate(over="ignore"):  # what becomes infinite is found below
                values = np.ascontiguousarray(values, weights.dtype)
        if size == 0:
            return
        bad = descend(weights, EVERYWHERE if keys is None else keys, values, self._factors, rate / delta.examples)
        if bad < 0:
            raise self._no_rows(weights)
        if self.prox is not None:
            at = ALL if keys is None else keys
            some = weights[at]  # a view, or a copy of these rows
            self.prox(some, at, rate, delta.examples)
            if keys is not None:
                weights[keys] = some
            bad = some.size - np.count_nonzero(np.isfinite(some))
        if bad:
            params.check_finite(
                f"after a step on the gradient of {delta.examples} examples, in epoch {delta.moment.epoch + 1}"
            )

    @staticmethod
    def _no_rows(weights: Vector) -> ValueError:
        return ValueError(f"keys must be rows of the parameters, 0 to {weights.size - 1}")

    def _soften(self, values: Vector, positions: At, rate: float | Vector, examples: int) -> None:
        """values = soft(values, rate * l1 * step factor), in place; never of the intercept.

        Positions in an array pay l1 / P(so many examples have column j), as l2 in `gradient_of_keys`.
        """
        cuts = self._cuts[positions]
        if not isinstance(positions, slice):
            cuts = cuts / -np.expm1(examples * self._rare().absent[positions]).astype(cuts.dtype)
        if isinstance(rate, np.ndarray):
            cuts, rate = cuts * rate, 1.0
        soften(values, cuts, rate)

    def keys(self, blocks: Sequence[Block]) -> Keys:
        """See `AbstractTask.keys`."""
        binding = self._binding
        d = binding.survey.n_features
        own = [d] if binding.terms.fit_intercept else []
        starts, chunk = joined(blocks, binding.n_examples)
        if not starts.size:
            return np.zeros(0, np.int64)
        if isinstance(binding.rows, DenseRows):
            return np.arange(d + len(own))
        scratch = self._borrow()
        columns = columns_of(binding.rows, starts, chunk, scratch)
        self._spare.append(scratch)
        columns.sort()
        return np.append(columns, np.array(own, np.int64))

    def _borrow(self) -> NDArray[np.float64]:
        try:
            return self._spare.pop()
        except IndexError:
            return np.zeros(self._binding.survey.n_features + 1)

    def _rare(self) -> Rarity:
        """How rare columns are, which costs one pass over the data: only for those who want to know."""
        if self._rarity is None:
            binding = self._binding
            with np.errstate(divide="ignore"):
                absent = np.log1p(-binding.counts / binding.n_examples)
            self._rarity = Rarity(np.append(absent, -math.inf), binding.terms.l2, 0.0)
        return self._rarity
