"""Update rules: how weights follow a gradient. Pure functions with explicit state.

    state = rule.init(weights)
    weights[at] -= rule.step(state, gradient, rate, at)

`rate` is the rule's own or, where that is None, what the model's schedule gives. `state` is a tuple of arrays of the
weights' shape and dtype, changed in place and only at `at`: a slice, or distinct positions. `gradient` belongs to these
weights and is not changed. Nothing else is remembered: a shard of weights, its state and its version are all that
there is to copy. How weights are split among shards never changes a result, as only + - * / and square roots are used,
which round the same everywhere.

Weights that are not in `at` rest: their momentum does not decay meanwhile. So sparse pushes of momentum and adam are
the "lazy" form (as torch.optim.SparseAdam) and differ from a dense push with zeros in it; those of sgd and adagrad do
not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.limits import check_positive, is_number
from hogwild.names import find_name

Array = NDArray[np.floating]
At = slice | NDArray[np.int64]
State = tuple[Array, ...]
Prox = Callable[[Array, At, float | Array, int], None]
"""prox(values, positions, rate, examples) pays what a penalty wants beside its gradient after a step at `rate` (one, or
one a value: see `Update.pace`): it changes `values`, the weights at `positions` of the vector of all weights, in place.
Positions in an array are those that so many examples touch: they pay for the steps that pass them by."""


class Update(NamedTuple):
    """A rule, with its numbers filled in.

    `pace(state, rate, at)`, asked after the step, is the step size that a lasting gradient ends up with: one number, or
    one a weight. A penalty that is paid beside the gradient (by `prox`) must be paid at this pace, else the two balance
    in the wrong place: with momentum 0.9, l1 would weigh a tenth of what it should.
    """

    name: str
    rate: float | None  # the step size; None: that of the model's schedule
    init: Callable[[Array], State]
    step: Callable[[State, Array, float, At], Array]
    pace: Callable[[State, float, At], float | Array]
    # Is a step just rate * gradient? Then factors of the gradient may be taken into the rate: one pass over memory
    # less, and the same rounding as where a worker applies its own gradient.
    linear: bool = False

    def __repr__(self) -> str:
        numbers = self.step.args if isinstance(self.step, partial) else ()
        return f"{self.name}({', '.join(map(repr, (self.rate, *numbers)))})"


@lru_cache(maxsize=256)
def _with(function: Callable[..., Any], *numbers: float) -> Callable[..., Any]:
    """The function with its numbers filled in: the same object for the same ones, so that equal rules are equal."""
    return partial(function, *numbers)


# --------------------------------------------------------------------------------------------------------------- sgd


def sgd(rate: float | None = None) -> Update:
    """w -= rate g."""
    return Update("sgd", _rate(rate), _nothing, _sgd_step, _sgd_pace, linear=True)


def _nothing(weights: Array) -> State:
    return ()


def _sgd_step(state: State, gradient: Array, rate: float, at: At) -> Array:
    return gradient * rate


def _sgd_pace(state: State, rate: float, at: At) -> float:
    return rate


# ---------------------------------------------------------------------------------------------------------- momentum


def momentum(rate: float | None = None, beta: float = 0.9) -> Update:
    """v = beta v + g; w -= rate v (Polyak 1964, with the rate outside the buffer as in torch.optim.SGD).

    A gradient moves the weights by rate / (1 - beta) times itself in the end: choose the rate accordingly. Pushes of
    many workers that do not wait for each other act like momentum already (Mitliagkas et al. 2016): less is needed.
    """
    beta = _share("beta", beta)
    return Update("momentum", _rate(rate), _zeros, _with(_momentum_step, beta), _with(_momentum_pace, beta))


def _zeros(weights: Array) -> State:
    return (np.zeros_like(weights),)


def _momentum_step(beta: float, state: State, gradient: Array, rate: float, at: At) -> Array:
    velocity = state[0][at]
    velocity *= beta
    velocity += gradient
    _put(state[0], at, velocity)
    return velocity * rate


def _momentum_pace(beta: float, state: State, rate: float, at: At) -> float:
    return rate / (1.0 - beta)


# ----------------------------------------------------------------------------------------------------------- adagrad


def adagrad(rate: float | None = 0.1, eps: float = 1e-8) -> Update:
    """G += g^2; w -= rate g / (sqrt(G) + eps) (McMahan and Streeter 2010; Duchi et al. 2011, diagonal form).

    What Downpour SGD keeps inside its shards: gamma / sqrt(sum of all g^2 so far, this one included), gamma about ten
    times the best fixed step size (Dean et al. 2012). Differences: they have no eps, so that a first gradient of 0 is
    0 / 0; they push sums of gradients, here divided by the size of a minibatch, which is the same up to eps.
    """
    eps = _positive("eps", eps)
    return Update("adagrad", _rate(rate), _zeros, _with(_adagrad_step, eps), _with(_adagrad_pace, eps))


def _adagrad_step(eps: float, state: State, gradient: Array, rate: float, at: At) -> Array:
    total = state[0][at]
    total += gradient * gradient
    _put(state[0], at, total)
    root = np.sqrt(total)
    root += eps
    step = gradient * rate
    step /= root
    return step


def _adagrad_pace(eps: float, state: State, rate: float, at: At) -> Array:
    return _inverse(rate, np.sqrt(state[0][at]), eps)


# -------------------------------------------------------------------------------------------------------------- adam


def adam(rate: float | None = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Update:
    """w -= rate m / (sqrt(v) + eps), with m and v the bias-corrected running means of g and g^2 (Kingma and Ba 2015,
    alg. 1).

    The correction 1 - beta^t needs a count t. It is kept for each weight, t = how often this weight was pushed, and not
    for the shard. With sparse pushes a weight that is met for the first time after many pushes would otherwise be taken
    for an old one, and make a step of (1 - beta1) / sqrt(1 - beta2) = 3.2 times the rate; and a count of messages would
    depend on how weights are split among shards. torch.optim.SparseAdam counts pushes of the whole tensor.

    What is stored is not t but 1 - beta^t itself, by the recursion of the mean that it corrects, c = beta c + 1 - beta:
    no powers, and its rounding errors in float32 cancel those of the mean. It costs one array more than a count.

    State: m and v, uncorrected, and c of each.
    """
    beta1, beta2, eps = _share("beta1", beta1), _share("beta2", beta2), _positive("eps", eps)
    step, pace = _with(_adam_step, beta1, beta2, eps), _with(_adam_pace, eps)
    return Update("adam", _rate(rate), _four_zeros, step, pace)


def _four_zeros(weights: Array) -> State:
    return tuple(np.zeros_like(weights) for _ in range(4))


def _adam_step(beta1: float, beta2: float, eps: float, state: State, gradient: Array, rate: float, at: At) -> Array:
    mean, square, of_mean, of_square = (each[at] for each in state)
    for average, new, beta in ((mean, gradient, beta1), (square, gradient * gradient, beta2)):
        average *= beta
        average += new * (1.0 - beta)
    for correction, beta in ((of_mean, beta1), (of_square, beta2)):
        correction *= beta
        correction += 1.0 - beta
    for array, values in zip(state, (mean, square, of_mean, of_square), strict=True):
        _put(array, at, values)
    root = np.sqrt(square / of_square)
    root += eps
    step = mean / of_mean
    step *= rate
    step /= root
    return step


def _adam_pace(eps: float, state: State, rate: float, at: At) -> Array:
    return _inverse(rate, np.sqrt(state[1][at] / state[3][at]), eps)


# ------------------------------------------------------------------------------------------------------------ scaled


def scaled(rule: Update, scales: Array) -> Update:
    """The rule in the units of the model: it trains u = w / scales, with the gradient scales * g of u, while w is kept.

        w[at] -= scales[at] * rule.step(state, scales[at] * g, rate, at)

    `scales`: (weights,) positive, in the weights' dtype, for the same weights as the state. Where a model makes smaller
    steps for some weights (a fraction f of the rate: scales = sqrt(f)), rules that know nothing of it must do so too.
    The pace stays that of u: the model's `prox` knows its scales itself.
    """
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise ValueError("scales must be positive numbers, one for each weight")
    step = partial(_linear_step, rule, scales * scales) if rule.linear else partial(_scaled_step, rule, scales)
    return rule._replace(step=step)


def _scaled_step(rule: Update, scales: Array, state: State, gradient: Array, rate: float, at: At) -> Array:
    some = scales[at]
    step = rule.step(state, gradient * some, rate, at)
    step *= some
    return step


def _linear_step(rule: Update, squares: Array, state: State, gradient: Array, rate: float, at: At) -> Array:
    step = rule.step(state, gradient, rate, at)
    step *= squares[at]
    return step


# ------------------------------------------------------------------------------------------------------------ shared


def _put(array: Array, at: At, values: Array) -> None:
    # A slice gave a view, which has been changed in place already.
    if not isinstance(at, slice):
        array[at] = values


def _inverse(rate: float, root: Array, eps: float) -> Array:
    """rate / (root + eps), but 0 where there has been no gradient yet: nothing says how large a step would be there,
    and rate / eps would wipe out the weights of a warm start.
    """
    return np.divide(rate, root + eps, out=np.zeros_like(root), where=root > 0)


def _rate(value: float | None) -> float | None:
    return None if value is None else _positive("rate", value, ", or None for the model's schedule")


def _positive(name: str, value: float, otherwise: str = "") -> float:
    check_positive(name, value, otherwise)
    return float(value)  # a NumPy scalar would turn float32 weights into float64


def _share(name: str, value: float) -> float:
    if not (is_number(value) and 0 <= value < 1):
        raise ValueError(f"{name}={value!r} must lie in [0, 1)")
    return float(value)


UPDATES: dict[str, Callable[..., Update]] = {"sgd": sgd, "momentum": momentum, "adagrad": adagrad, "adam": adam}
"""The rules by name."""


def find_update(given: str | Update) -> Update:
    """The rule itself, or the one of that name with its defaults; an error lists the names there are."""
    if isinstance(given, Update):
        return given
    if not isinstance(given, str):
        raise TypeError(f"an update rule must be a name or an Update such as adagrad(rate=0.5), not {given!r}")
    return UPDATES[find_name("update", given, UPDATES)]()
