"""What travels between workers: a sum of gradients, a change of weights, or plain weights (a vector)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.rows import Keys
from hogwild.rules.schedules import Moment

Vector = NDArray[np.floating]  # (weights,), as `Params.weights`


@final
@dataclass(frozen=True, eq=False)
class Delta:
    """A sum of gradients over examples: what `gradient` gives. `a + b` accrues.

    values :   sum over the examples of the gradient of (loss + l2/2 |w|^2), in the weights' dtype; (weights,), or with
               `keys` only the values of these rows, one row after another
    examples : how many examples; may be 0 when an epoch has ended, and then all values are 0
    steps :    how many minibatches: `values * steps / examples` is the sum of their mean gradients, what accrued steps
               of SGD take off the weights
    loss :     sum of (loss + l2/2 |w|^2), of which `values` is the gradient, at the weights they were computed with
    moment :   when in the run it was computed: what step-size schedules want to know
    keys :     None: all rows
    portion :  number of the portion, if it was computed of one
    curvature : sum over the examples of the largest second derivative of their loss, in the metric of the model's
               steps: what `limited` wants; 0: no limit
    coded_bytes : what the values take to send; None: as they are
    """

    values: Vector
    examples: int
    steps: int
    loss: float
    moment: Moment
    keys: Keys | None = None
    portion: int | None = None
    curvature: float = 0.0
    coded_bytes: int | None = None

    def __add__(self, other: Delta) -> Delta:
        return total((self, other))

    def limited(self, rate: float, others: int = 0) -> float:
        """`rate`, or less where this step, with as many of `others` that it knows nothing of, would overshoot:
        (1 + others) * rate * steps / examples * curvature is at most 1.
        """
        return min(rate, self.examples / ((1 + others) * self.steps * self.curvature)) if self.curvature > 0 else rate

    def of_portion(self, number: int) -> Delta:
        """The same, as the result of that portion."""
        twin = object.__new__(Delta)  # as in `copy`
        twin.__dict__.update(self.__dict__, portion=number)
        return twin

    def copy(self) -> Delta:
        """One that does not change when the values do."""
        # Not by __init__, which takes longer than the values: many are copied.
        twin = object.__new__(Delta)
        twin.__dict__.update(self.__dict__, values=self.values.copy(), keys=_copy(self.keys))
        return twin

    @property
    def n_bytes(self) -> int:
        """What it takes to send."""
        return _size(self)


@final
@dataclass(frozen=True, eq=False)
class Change:
    """What steps have changed, after - before: what `steps(record=True)` gives. Not a sum of gradients.

    values :   as those of a `Delta`
    examples, steps : what it took
    coded_bytes : as of a `Delta`
    """

    values: Vector
    examples: int
    steps: int
    keys: Keys | None = None
    coded_bytes: int | None = None

    def __add__(self, other: Change) -> Change:
        keys, values = _sum((self, other))
        return Change(values, self.examples + other.examples, self.steps + other.steps, keys)

    def copy(self) -> Change:
        """One that does not change when the values do."""
        return replace(self, values=self.values.copy(), keys=_copy(self.keys))

    @property
    def n_bytes(self) -> int:
        """What it takes to send."""
        return _size(self)


def _size(x: Delta | Change) -> int:
    values = x.values.nbytes if x.coded_bytes is None else x.coded_bytes
    return values + (0 if x.keys is None else x.keys.nbytes)


@final
@dataclass(frozen=True, eq=False)
class Coded:
    """A vector that takes fewer bytes to send than it has."""

    values: Vector
    n_bytes: int

    @property
    def keys(self) -> None:
        """All rows."""
        return None

    def copy(self) -> Coded:
        """One that does not change when the values do."""
        return replace(self, values=self.values.copy())


@final
@dataclass(frozen=True, eq=False)
class PartialState:
    """The weights of some rows, for a peer's mailbox. Two cannot be added up.

    values : (weights of these rows,), one row after another
    keys :   None: all rows. A range of rows takes two numbers to name.
    """

    values: Vector
    keys: Keys | None = None

    def copy(self) -> PartialState:
        """One that does not change when the values do."""
        return PartialState(self.values.copy(), _copy(self.keys))

    @property
    def n_bytes(self) -> int:
        """What it takes to send."""
        keys = self.keys
        if keys is None or not keys.size:
            return self.values.nbytes
        is_range = keys[-1] - keys[0] == keys.size - 1
        return self.values.nbytes + (2 * keys.itemsize if is_range else keys.nbytes)


def _copy(keys: Keys | None) -> Keys | None:
    return None if keys is None else keys.copy()


Sent = Delta | Change | Coded | NDArray[Any]
Posted = Sent | PartialState  # into a mailbox


def size_in_bytes(x: Posted | None) -> int:
    """What it takes to send x; nothing for None."""
    if x is None:
        return 0
    return x.nbytes if isinstance(x, np.ndarray) else x.n_bytes


def described(x: Posted) -> str:
    """What kind of thing it is, and its shape: two that are told apart cannot be added up."""
    if isinstance(x, np.ndarray | Coded):
        return f"a vector of shape {x.shape if isinstance(x, np.ndarray) else x.values.shape}"
    return f"a {type(x).__name__} of {f'shape {x.values.shape}' if x.keys is None else 'some rows'}"


def total(deltas: Sequence[Delta]) -> Delta:
    """a + b + c + ..., in this order: sums of floats depend on it."""
    keys, values = _sum(deltas)
    return Delta(
        values,
        sum(delta.examples for delta in deltas),
        sum(delta.steps for delta in deltas),
        sum(delta.loss for delta in deltas),
        max((delta.moment for delta in deltas), key=lambda moment: moment.begun + moment.done),
        keys,
        curvature=sum(delta.curvature for delta in deltas),
    )


def _sum(parts: Sequence[Delta] | Sequence[Change]) -> tuple[Keys | None, Vector]:
    """Keys and values, in a new array."""
    keys, values = parts[0].keys, parts[0].values.copy()
    for part in parts[1:]:
        if keys is None and part.keys is None:
            values += part.values
        elif keys is None or part.keys is None:
            raise ValueError("a sum of gradients for some rows cannot be added to one for all rows")
        elif np.array_equal(keys, part.keys):
            values += part.values
        else:
            keys, values = _merged(keys, values, part.keys, part.values)
    return keys, values


def _merged(keys: Keys, values: Vector, others: Keys, more: Vector) -> tuple[Keys, Vector]:
    if keys.size != values.size or others.size != more.size:
        raise ValueError("sums of gradients for different rows can only be added where a row is one weight")
    both, where = np.unique(np.concatenate([keys, others]), return_inverse=True)
    summed = np.zeros(both.size, values.dtype)
    np.add.at(summed, where, np.concatenate([values, more]))
    return both, summed
