"""Steps on gradients, of a model and of the rules of a server, in one pass over memory and with the bits of NumPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import DTypeLike

from hogwild.kernels.compiling import EXACT, EXACT_INNER
from hogwild.rules.updates import (
    ALL,
    Array,
    At,
    Mean,
    Move,
    State,
    Update,
    adagrad_step,
    adam_step,
    momentum_step,
    sgd_step,
)

_momentum_step, _adagrad_step, _adam_step = map(njit(**EXACT_INNER), (momentum_step, adagrad_step, adam_step))
_MOMENTUM, _ADAGRAD = 0, 1
EVERYWHERE = np.zeros(0, np.int64)  # the keys that mean all weights


@njit(**EXACT)
def descend(w, keys, values, factors, rate):  # type: ignore[no-untyped-def]
    """w -= rate * factors * values: of the weights `keys`, which must be distinct (or EVERYWHERE).

    Returns how many of them are not finite afterwards; -1, and nothing changed, if a key is out of range.
    """
    for k in range(keys.size):
        if keys[k] < 0 or keys[k] >= w.size:
            return -1
    bad, rate = 0, w.dtype.type(rate)
    for k in range(values.size):
        j = np.uint64(keys[k] if keys.size else k)
        w[j] -= values[k] * rate * factors[j]
        bad += not np.isfinite(w[j])
    return bad


@njit(**EXACT)
def _sgd(w, keys, gradient, rate, steps, examples, scales, constants):  # type: ignore[no-untyped-def]
    rate = w.dtype.type(rate * steps / examples)
    for k in range(gradient.size):
        j = np.uint64(keys[k] if keys.size else k)
        w[j] -= gradient[k] * rate * (scales[j] * scales[j])


# Which formula is a number, as with losses: a formula that is handed to a kernel would be compiled in every process.
@njit(**EXACT_INNER)
def _step(code, gradient, rate, constants, state):  # type: ignore[no-untyped-def]
    if code == _MOMENTUM:
        return _momentum_step(gradient, rate, constants, state)
    return _adagrad_step(gradient, rate, constants, state)


@njit(**EXACT)
def _with_one_array(code, w, keys, gradient, rate, steps, examples, scales, constants, kept):  # type: ignore[no-untyped-def]
    rate, factor = w.dtype.type(rate), w.dtype.type(steps / examples)
    for k in range(gradient.size):
        j = np.uint64(keys[k] if keys.size else k)
        step, after = _step(code, gradient[k] * factor * scales[j], rate, constants, (kept[j],))
        w[j] -= step * scales[j]
        kept[j] = after[0]


@njit(**EXACT)
def _adam(w, keys, gradient, rate, steps, examples, scales, constants, mean, square, of_mean, of_square):  # type: ignore[no-untyped-def]
    rate, factor = w.dtype.type(rate), w.dtype.type(steps / examples)
    for k in range(gradient.size):
        j = np.uint64(keys[k] if keys.size else k)
        before = mean[j], square[j], of_mean[j], of_square[j]
        step, after = _adam_step(gradient[k] * factor * scales[j], rate, constants, before)
        w[j] -= step * scales[j]
        mean[j], square[j], of_mean[j], of_square[j] = after


_KERNELS: dict[Callable[..., Any], Callable[..., None]] = {
    sgd_step: _sgd,
    momentum_step: partial(_with_one_array, _MOMENTUM),
    adagrad_step: partial(_with_one_array, _ADAGRAD),
    adam_step: _adam,
}


def compiled(rule: Update, dtype: DTypeLike) -> Move:
    """`rule.move` for weights of this dtype, by a kernel if there is one. Gradient and scales must have this dtype,
    too, and nobody looks whether positions lie within the weights.
    """
    kind = np.dtype(dtype)
    kernel = _KERNELS.get(rule.formula) if kind in (np.float32, np.float64) else None
    return rule.move if kernel is None else partial(_run, kernel, rule.constants(kind.type))


def _run(
    kernel: Callable[..., None],
    constants: tuple[Any, ...],
    weights: Array,
    state: State,
    gradient: Array,
    at: At,
    rate: float,
    mean: Mean,
    scales: Array,
) -> None:
    if not isinstance(at, slice):
        keys, size = at, at.size
    elif at == ALL:
        keys, size = EVERYWHERE, weights.size
    else:
        keys = np.arange(weights.size)[at]
        size = keys.size
    if gradient.size != size:
        raise ValueError(f"{gradient.size} values cannot move {size} weights")
    if size:
        kernel(weights, keys, gradient, rate, *mean, scales, constants, *state)
