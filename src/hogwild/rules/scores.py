"""How good predictions of numbers are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def r2(squared_error: float, variance: float) -> float:
    """R^2 = 1 - mean squared error / variance of the targets; 0 where they do not vary."""
    return 1.0 - squared_error / variance if variance > 0 else 0.0


def variance_of(targets: NDArray[np.floating], weights: NDArray[np.floating] | None) -> float:
    """Weighted, and in float64."""
    numbers = targets.astype(np.float64)
    mean = np.average(numbers, weights=weights)
    return float(np.average((numbers - mean) ** 2, weights=weights))
