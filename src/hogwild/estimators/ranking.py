"""The best of many by their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def best_of(names: NDArray[Any], scores: NDArray[Any], n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of each row of scores (m, names) the n names with the highest, and these, best first: (m, n) each, or (m, names)
    if there are no more.
    """
    n = min(n, scores.shape[1])
    top = np.argpartition(-scores, n - 1, axis=1)[:, :n]
    found = np.take_along_axis(scores, top, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    return names[np.take_along_axis(top, order, axis=1)], np.take_along_axis(found, order, axis=1)
