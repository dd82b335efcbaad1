"""Named vectors that stay on the shards, and the few operations that a coordinator needs on them.

Each shard works on its own part of every vector; only single numbers travel (Sandblaster: Dean et al. 2012).
"""

from __future__ import annotations

import math
import numbers
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.deltas import Vector
from hogwild.rules.sums import inner
from hogwild.server.accrual import Accrual

OPERATIONS: dict[str, tuple[str, ...]] = {
    "copy": ("to", "of"),
    "scale": ("x", "a"),
    "axpy": ("y", "a", "x"),
    "units": ("x", "a"),
    "dot": ("x", "y"),
    "loss": (),
    "clear": (),
}
"""What can be done, with the arguments it takes: `a` is a number, all others are names."""

AGAIN: dict[str, tuple[str, ...]] = {"axpy": ("a", "x")}
"""Arguments that may follow again, as often as one likes."""

WEIGHTS, ACCRUED = "weights", "accrued"


def check_operation(op: Any) -> None:
    """ValueError unless this is an operation with the right arguments."""
    if not (isinstance(op, tuple) and op and isinstance(op[0], str) and op[0] in OPERATIONS):
        raise ValueError(f"operation {op!r} is not known; use one of {', '.join(map(_form, OPERATIONS))}")
    arguments, again = OPERATIONS[op[0]], AGAIN.get(op[0], ())
    while again and len(arguments) < len(op) - 1:
        arguments += again
    if len(op) - 1 != len(arguments):
        raise ValueError(f"operation {op!r} has {len(op) - 1} arguments; its form is {_form(op[0])}")
    for name, given in zip(arguments, op[1:], strict=True):
        if name == "a":
            if not (isinstance(given, numbers.Real) and math.isfinite(given)):
                raise ValueError(f"a={given!r} in operation {op!r} must be a finite number; its form is {_form(op[0])}")
        elif not (isinstance(given, str) and given):
            raise ValueError(f"{name}={given!r} in operation {op!r} must be the name of a vector, such as 'weights'")


def _form(name: str) -> str:
    return f"({', '.join([repr(name), *OPERATIONS[name], *(['...'] if name in AGAIN else [])])})"


@final
class Vectors:
    """One shard's part of "weights", of "accrued" and of whatever "copy" has made of them; `scales`: see `Shard`."""

    __slots__ = ("_made", "_scales", "_weights", "accrual")

    def __init__(self, weights: Vector, scales: Vector) -> None:
        self._weights, self._scales = weights, scales
        self._made: dict[str, Vector] = {}
        self.accrual: Accrual | None = None  # until there is something to add, it takes no room

    def accruing(self) -> Accrual:
        """The sum of what is accrued."""
        if self.accrual is None:
            self.accrual = Accrual(self._weights)
        return self.accrual

    @property
    def cleared(self) -> int:
        """How often "accrued" was cleared."""
        return 0 if self.accrual is None else self.accrual.cleared

    def _find(self, name: str) -> Vector:
        if name == WEIGHTS:
            return self._weights
        if name == ACCRUED:
            return self.accruing().total
        if name not in self._made:
            names = ", ".join([WEIGHTS, ACCRUED, *self._made])
            raise ValueError(f"the server has no vector {name!r}, only {names}; ('copy', {name!r}, of) makes it")
        return self._made[name]

    def run(self, op: tuple[Any, ...]) -> float:
        """Do it; the answer of "dot" and "loss" is this shard's part of the sum, that of the others is 0.

        ("copy", to, of)      to = of; `to` may be new
        ("scale", x, a)       x = a x
        ("axpy", y, a, x, ...)  y = y + a x, then the same with the next a and x
        ("units", x, a)       x_i = x_i scale_i^a: a gradient (a = 1) or a change (a = -1) of w becomes that of
                              u = w / scales, or back; see `AbstractTask.scales`
        ("dot", x, y)         sum of x_i y_i, in float64
        ("loss",)             sum of the losses that came with "accrued"
        ("clear",)            "accrued" = 0, and portions of the old sum are too late: see `Accrual`

        "dot" depends on the number of shards in its last bits. ValueError, and nothing changed, for a wrong operation.
        """
        check_operation(op)
        match op:
            case ("copy", to, of):
                source = self._find(of)
                if to in self._made or to in (WEIGHTS, ACCRUED):
                    self._find(to)[:] = source
                else:
                    self._made[to] = source.copy()
            case ("scale", x, a):
                vector = self._find(x)
                vector *= float(a)  # a NumPy scalar might be of higher precision than the vector
            case ("axpy", y, *terms):
                vector = self._find(y)
                for a, of in [(float(a), self._find(x)) for a, x in zip(terms[::2], terms[1::2], strict=True)]:
                    vector += of * a
            case ("units", x, a):
                vector = self._find(x)
                vector *= self._scales ** float(a)
            case ("dot", x, y):
                return inner(self._find(x), self._find(y))
            case ("loss",):
                return self.accruing().loss
            case ("clear",):
                self.accruing().clear()
        return 0.0

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All but the weights, as plain arrays."""
        arrays: dict[str, NDArray[Any]] = {f"vector.{name}": vector.copy() for name, vector in self._made.items()}
        return arrays if self.accrual is None else arrays | self.accrual.snapshot()

    @classmethod
    def of_snapshot(cls, weights: Vector, scales: Vector, arrays: dict[str, NDArray[Any]]) -> Vectors:
        """What `snapshot` gave, beside these weights."""
        vectors = cls(weights, scales)
        made = {name.removeprefix("vector."): array for name, array in arrays.items() if name.startswith("vector.")}
        vectors._made = {name: np.array(array, weights.dtype) for name, array in made.items()}
        if "accrued.total" in arrays:
            vectors.accrual = Accrual.of_snapshot(arrays)
        return vectors
