"""What happens to whole vectors between intervals: shrink, rescale, merge a private copy into the shared one, average.

None of it knows the model. Cost: one pass over the weights, so an interval should touch about as many.
"""

from __future__ import annotations

from numba import njit

from hogwild.kernels.compiling import INNER, KERNEL
from hogwild.kernels.rows import ease


@njit(**INNER)
def shrink(w, rows, l2, l1, first, last):  # type: ignore[no-untyped-def]
    """w[first:last] = soft(w, l1 ease) / (1 + l2 ease): the proximal step of the penalty, for a whole interval.

    l2 and l1 come multiplied by the step size and the number of examples (truncated gradient: Langford, Li and
    Zhang 2009, section 3.3). The implicit form cannot overshoot, however long the interval.
    """
    for j in range(first, last):
        factor = ease(rows, j)
        cut = w.dtype.type(l1) * factor
        size = abs(w[j]) - cut
        if size <= 0:
            w[j] = 0
        else:
            w[j] = (size if w[j] > 0 else -size) / (w.dtype.type(1) + w.dtype.type(l2) * factor)


@njit(**KERNEL)
def soften(values, cuts, rate):  # type: ignore[no-untyped-def]
    """values = soft(values, rate * cuts), in place: the proximal step of l1 for any weights."""
    scale = values.dtype.type(rate)
    for k in range(values.size):
        cut, value = scale * cuts[k], values[k]
        # The last of the three is 0, or NaN for what is not finite.
        values[k] = value - cut if value > cut else (value + cut if value < -cut else value - value)


@njit(**INNER)
def rescale(w, factor, first, last):  # type: ignore[no-untyped-def]
    """w[first:last] *= factor."""
    scale = w.dtype.type(factor)
    for j in range(first, last):
        w[j] *= scale


@njit(**INNER)
def merge(shared, mine, base):  # type: ignore[no-untyped-def]
    """shared += mine - base, then mine = base = shared, without a lock.

    Another thread may write the same element between the read and the write, and one of the two changes is then
    lost. That is Hogwild!'s bargain (Niu et al. 2011): it is rare (a merge takes a few per cent of an interval),
    bounded (one interval of one worker on a few coordinates) and corrected by the examples that follow.
    """
    for j in range(mine.size):
        merged = shared[j] + (mine[j] - base[j])
        shared[j] = merged
        mine[j] = merged
        base[j] = merged


@njit(**INNER)
def refresh(shared, mine, base):  # type: ignore[no-untyped-def]
    """mine = base = shared."""
    for j in range(mine.size):
        now = shared[j]
        mine[j] = now
        base[j] = now


@njit(**INNER)
def accumulate(mean, w, divisor, share):  # type: ignore[no-untyped-def]
    """mean += share (w / divisor - mean), the running mean of iterates; the intercept (last) has no divisor."""
    last = mean.size - 1
    weight, scale = w.dtype.type(share), w.dtype.type(1.0 / divisor)
    for j in range(last):
        mean[j] += weight * (w[j] * scale - mean[j])
    mean[last] += weight * (w[last] - mean[last])
