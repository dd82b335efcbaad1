"""How good predictions of numbers are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def r2(squared_error: float, targets: NDArray[np.floating], weights: NDArray[np.floating] | None) -> float:
    """R^2 = 1 - mean squared error / variance, weighted and in float64; 0 where the targets do not vary."""
    numbers = targets.astype(np.float64)
    mean = np.average(numbers, weights=weights)
    variance = float(np.average((numbers - mean) ** 2, weights=weights))
    return 1.0 - squared_error / variance if variance > 0 else 0.0
