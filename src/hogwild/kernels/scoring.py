"""How good weights are: sums over rows, for objectives, hold-out scores and the search for a step size."""

from __future__ import annotations

import numpy as np
from numba import njit

from hogwild.kernels.compiling import KERNEL
from hogwild.kernels.losses import loss_value
from hogwild.kernels.rows import coming, dot, lookahead, prefetch


@njit(**KERNEL)
def tally(rows, starts, chunk, w, code, parameter, binary):  # type: ignore[no-untyped-def]
    """Weighted sums over the rows: (loss, errors, weight), errors being wrong signs or squared residuals."""
    total, errors, weight = 0.0, 0.0, 0.0
    bias = w[w.size - 1]
    n = rows.targets.size
    for c in range(starts.size):
        end = min(starts[c] + chunk, n)
        lead, jump = lookahead(starts, c, chunk)
        for signed in range(starts[c], end):
            i = np.uint64(signed)
            prefetch(rows, coming(signed + lead, end, jump, n))
            p = np.float64(dot(rows, i, w) + bias)
            y = np.float64(rows.targets[i])
            share = np.float64(rows.weights[i])
            weight += share
            total += share * loss_value(code, p, y, parameter)
            if binary:
                # A prediction of exactly 0 means the negative class, as in scikit-learn.
                errors += share if (p > 0.0) != (y > 0.0) else 0.0
            else:
                errors += share * (p - y) * (p - y)
    return total, errors, weight
