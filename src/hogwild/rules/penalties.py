"""The penalty l2/2 |w|^2 + l1 |w|_1: its value and its proximal step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hogwild.rules.sums import inner


def penalty(w: NDArray[np.floating], l2: float, l1: float) -> float:
    """l2/2 |w|^2 + l1 |w|_1, summed in float64. The intercept is not part of `w`."""
    exact = w.astype(np.float64, copy=False)
    return 0.5 * l2 * inner(exact, exact) + l1 * float(np.abs(exact).sum())


def prox(w: NDArray[np.floating], rate: float, l2: float, l1: float) -> NDArray[np.floating]:
    """argmin_u |u - w|^2 / (2 rate) + l2/2 |u|^2 + l1 |u|_1 = soft(w, rate l1) / (1 + rate l2).

    The rule that `kernels.merging.shrink` compiles, and is tested against.
    """
    return np.sign(w) * np.maximum(np.abs(w) - rate * l1, 0.0) / (1.0 + rate * l2)
