"""Weights as one flat vector with named views, and the state that goes with them but is no weight."""

from __future__ import annotations

from copy import copy
from functools import cached_property
from math import prod
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.rows import Keys, Rows


class NonFiniteError(FloatingPointError):
    """Weights or predictions became NaN or infinite: training has stopped."""


@final
class Params:
    """What is learned: `weights`, one contiguous vector, and `state`, named arrays of other kinds.

    `views` names the parts of the vector and gives their shapes, in order: {"coef": (d,), "intercept": (1,)}.
    `params["coef"]` is a writable view. State (counts, step sizes, accumulators) is never averaged or measured with
    the weights by accident.
    """

    def __init__(
        self,
        views: dict[str, tuple[int, ...]],
        dtype: np.dtype | type = np.float32,
        state: dict[str, NDArray[Any]] | None = None,
    ) -> None:
        self.views = dict(views)
        self._weights: NDArray[np.floating] = np.zeros(sum(map(prod, views.values())), dtype)
        self.state: dict[str, NDArray[Any]] = dict(state or {})
        self._local: set[str] = set()

    @property
    def weights(self) -> NDArray[np.floating]:
        """The vector itself. Engines, shards and replicas hold on to it: write into it, `weights[:] = ...`."""
        return self._weights

    @weights.setter
    def weights(self, value: NDArray[np.floating]) -> None:
        if value is not self._weights:  # it is the same after `weights += ...`
            raise AttributeError("the vector of weights cannot be exchanged for another: write weights[:] = ...")

    def __getitem__(self, name: str) -> NDArray[np.floating]:
        start = 0
        for view, shape in self.views.items():
            if view == name:
                return self.weights[start : start + prod(shape)].reshape(shape)
            start += prod(shape)
        raise KeyError(f"no view {name!r}; there are {', '.join(self.views)}")

    @property
    def offsets(self) -> NDArray[np.int64]:
        """(rows + 1,) where each row begins in `weights`. A row is what travels alone: one entry of the first axis of a
        view. Rows are numbered through all views.
        """
        widths = [np.full(shape[0] if shape else 1, prod(shape[1:]), np.int64) for shape in self.views.values()]
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(widths))])

    @cached_property
    def rows(self) -> Rows:
        """The rows of `offsets`, for whoever looks up many."""
        return Rows(self.offsets)

    def positions(self, keys: Keys) -> NDArray[np.int64]:
        """Where the weights of these rows are in `weights`, one row after another."""
        return self.rows.positions(keys)

    def local(self, name: str, begin: NDArray[Any]) -> NDArray[Any]:
        """`state[name]`, which is `begin` at first, as state that belongs to one worker and one run: no copy has it, so
        that it is neither in the result nor given to another.
        """
        self._local.add(name)
        return self.state.setdefault(name, begin)

    @property
    def own(self) -> frozenset[str]:
        """The names of such state."""
        return frozenset(self._local)

    def _lasting(self) -> dict[str, NDArray[Any]]:
        return {name: array.copy() for name, array in self.state.items() if name not in self._local}

    def copy(self) -> Params:
        """An independent copy of weights and state."""
        other = Params(self.views, self.weights.dtype, self._lasting())
        other.weights[:] = self.weights
        return other

    def beside(self) -> Params:
        """The same vector, with a state of its own: for workers that share the weights and nothing else."""
        other = copy(self)
        other.state, other._local = self._lasting(), set()
        return other

    def check_finite(self, when: str) -> None:
        """NonFiniteError that names the first view with a NaN or infinity in it, and `when` it was found."""
        if np.isfinite(self.weights).all():
            return
        for name in self.views:
            bad = np.flatnonzero(~np.isfinite(self[name].ravel()))
            if bad.size:
                raise NonFiniteError(
                    f"{bad.size} of {self[name].size} weights in {name!r} are NaN or infinite (the first is number "
                    f"{bad[0]}) {when}; use a smaller eta0, a larger l2, or scale the data"
                )
