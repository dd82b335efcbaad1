"""What becomes of gradients before a shard makes a step of them: corrected, weighed, gathered (`hogwild.rules.server`).

Only shards whose rule wants any of this have an `Inflow`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.deltas import Vector
from hogwild.rules.pushes import Pushes
from hogwild.rules.updates import ALL, At

ADAPTIVE_DECAY, ADAPTIVE_EPS = 0.95, 1e-7  # Zheng et al. 2017


class Gradient(NamedTuple):
    """What a step is made of: see `PushPart`. `values` belong to the weights at `at`."""

    values: Vector
    at: At
    rate: float
    steps: int
    examples: int


class _Sight(NamedTuple):
    """What a worker was given by one of its pulls."""

    updates: int  # how old the weights were
    weights: Vector | None  # kept where gradients are corrected


@final
class Inflow:
    """One shard's.

    weights : those of the shard; they change under its hands
    workers : how many there are in the run
    """

    __slots__ = ("_count", "_first", "_gathered", "_how", "_sights", "_squares", "_weights", "many", "updates")

    def __init__(self, how: Pushes, weights: Vector, workers: int) -> None:
        self._how, self._weights = how, weights
        self.many = how.gathered(workers)  # gradients make a step
        self.updates = 0  # steps made
        self._first = _Sight(0, weights.copy() if how.compensation else None)  # what all begin with
        # Of each worker: by the number of others' pushes that it had then seen, which its pushes carry.
        self._sights: defaultdict[int, dict[int, _Sight]] = defaultdict(dict)
        self._squares = np.zeros_like(weights) if how.adaptive else None
        self._gathered: Gradient | None = None  # the sum of `_count` gradients, which together are one of more examples
        self._count = 0

    def pulled(self, worker: int, others: int, values: Vector, at: At) -> None:
        """The worker is given these weights."""
        kept = None
        if self._how.compensation and isinstance(at, slice):
            kept = values.copy()
        elif self._how.compensation:
            kept = self._latest(worker).copy()
            kept[at] = values
        self._sights[worker][others] = _Sight(self.updates, kept)

    def admitted(self, worker: int, others: int) -> None:
        """The worker is new, or back: it is taken to begin with the weights as they are now."""
        self._sights[worker] = {others: _Sight(self.updates, self._weights.copy() if self._how.compensation else None)}

    def _latest(self, worker: int) -> Vector:
        """All weights that the worker was given, as far as it has ever asked for them."""
        sights = self._sights[worker]
        found = (sights[max(sights)] if sights else self._first).weights
        return self._weights if found is None else found  # there are some, where gradients are corrected

    def _sight(self, worker: int, others: int) -> _Sight:
        """What the worker computed with. It will not compute with older ones again; for a push that a newer one has
        overtaken, the oldest that is still known must do.
        """
        sights = self._sights[worker]
        for older in [key for key in sights if key < others]:
            del sights[older]
        return sights.get(others) or (sights[min(sights)] if others and sights else self._first)

    def behind(self, worker: int, others: int) -> int:
        """How many updates old are the weights with which the worker computed?"""
        return self.updates - self._sight(worker, others).updates

    def take(self, worker: int, others: int, gradient: Gradient) -> Gradient | None:
        """What is to be made a step of now; None: nothing yet."""
        sight = self._sight(worker, others)
        late = max(1, self.updates - sight.updates)
        factor = late**-self._how.damping
        if sight.weights is not None:
            gradient = self._corrected(gradient, sight.weights)
        if self.many == 1:
            self.updates += 1
            return gradient._replace(rate=gradient.rate * factor)
        self._gather(gradient, factor)
        if self._count < self.many:
            return None
        together, self._gathered, self._count = self._gathered, None, 0
        self.updates += 1
        return together

    def _gather(self, gradient: Gradient, factor: float) -> None:
        values, before = np.zeros_like(self._weights), self._gathered
        values[gradient.at] = gradient.values
        if factor != 1.0:
            values *= values.dtype.type(factor)
        if before is None:
            self._gathered = gradient._replace(values=values, at=ALL)
        else:
            self._gathered = Gradient(
                before.values + values,
                ALL,
                min(before.rate, gradient.rate),
                max(before.steps, gradient.steps),
                before.examples + gradient.examples,
            )
        self._count += 1

    def _corrected(self, gradient: Gradient, then: Vector) -> Gradient:
        """g + lambda g * g * (w - w_then), of the mean gradient g."""
        at, examples = gradient.at, gradient.examples
        mean = gradient.values / gradient.values.dtype.type(examples)
        square = mean * mean
        strength: Any = self._how.compensation
        if self._squares is not None:
            kept = self._squares[at] * ADAPTIVE_DECAY + square * (1.0 - ADAPTIVE_DECAY)
            self._squares[at] = kept
            strength = strength / np.sqrt(kept + ADAPTIVE_EPS)
        moved = self._weights[at] - then[at]
        return gradient._replace(values=gradient.values + examples * strength * square * moved)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All of it, as plain arrays."""
        arrays: dict[str, NDArray[Any]] = {"inflow.updates": np.array([self.updates], np.int64)}
        if self._first.weights is not None:
            arrays["inflow.first"] = self._first.weights.copy()
        if self._squares is not None:
            arrays["inflow.squares"] = self._squares.copy()
        sights = [
            (worker, others, one) for worker in sorted(self._sights) for others, one in self._sights[worker].items()
        ]
        arrays["inflow.sights"] = np.array([(*at, one.updates) for *at, one in sights], np.int64).reshape(-1, 3)
        for number, (_, _, one) in enumerate(sights):
            if one.weights is not None:
                arrays[f"inflow.sight.{number}"] = one.weights.copy()
        if self._gathered is not None:
            values, _, rate, steps, examples = self._gathered
            arrays["inflow.gathered"], arrays["inflow.rate"] = values.copy(), np.array([rate])
            arrays["inflow.counts"] = np.array([self._count, steps, examples], np.int64)
        return arrays

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Become what `snapshot` was taken of."""
        self.updates = int(arrays["inflow.updates"][0])
        if "inflow.first" in arrays:
            self._first = _Sight(0, arrays["inflow.first"].copy())
        if self._squares is not None:
            self._squares[:] = arrays["inflow.squares"]
        self._sights.clear()
        for number, (worker, others, updates) in enumerate(arrays["inflow.sights"].tolist()):
            weights = arrays.get(f"inflow.sight.{number}")
            self._sights[worker][others] = _Sight(updates, None if weights is None else weights.copy())
        self._gathered, self._count = None, 0
        if "inflow.gathered" in arrays:
            self._count, steps, examples = arrays["inflow.counts"].tolist()
            values, rate = arrays["inflow.gathered"].copy(), float(arrays["inflow.rate"][0])
            self._gathered = Gradient(values, ALL, rate, steps, examples)
