"""Inner products and distances that leave all cores alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def inner(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """The sum of a_i b_i, in float64.

    Not a @ b: for long vectors BLAS starts threads of its own, and those go on spinning for tens of milliseconds after
    the call, on the cores that workers train on (the first epochs on two threads then take twice as long).
    """
    return float(np.einsum("i,i", a, b, dtype=np.float64, casting="same_kind"))


def consensus_distance(vectors: Sequence[NDArray[np.floating]]) -> float:
    """sqrt(mean of |w_p - mean|^2): how far P workers' weights are apart. 0 for one, and if they are the same."""
    if all(np.array_equal(vector, vectors[0]) for vector in vectors[1:]):  # as often, and found out in no time
        return 0.0
    mean = np.zeros(vectors[0].shape)
    for vector in vectors:
        mean += vector
    mean /= len(vectors)
    squares = 0.0
    for vector in vectors:
        apart = vector - mean
        squares += inner(apart, apart)
    return math.sqrt(squares / len(vectors))
