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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.limits import check_positive, is_number
from hogwild.names import find_name
from hogwild.rules.pushes import Pushes

Array = NDArray[np.floating]
At = slice | NDArray[np.int64]
State = tuple[Array, ...]
ALL = slice(None)
Mean = tuple[int, int]
Move = Callable[[Array, State, Array, At, float, Mean, Array], None]
"""move(weights, state, gradient, at, rate, mean, scales): see `Update.move`."""
Prox = Callable[[Array, At, float | Array, int], None]
"""prox(values, positions, rate, examples) pays what a penalty wants beside its gradient after a step at `rate` (one, or
one a value: see `Update.pace`): it changes `values`, the weights at `positions` of the vector of all weights, in place.
Positions in an array are those that so many examples touch: they pay for the steps that pass them by."""


class Update(NamedTuple):
    """A rule, with its numbers filled in.

    formula : formula(gradient, rate, constants, state) -> (step, state after it): of one weight, or of an array of
              them. `constants` are the numbers and then 1 - each of them, in the weights' dtype: literals would widen
              it in a kernel.
    paced :   paced(numbers, state, rate) -> see `pace`; `state` is that of the weights in question
    numbers : momentum's beta, and the like
    arrays :  how many the state has
    linear :  Is a step just rate * gradient? Then factors of the gradient are taken into the rate, and `formula` is not
              asked: one pass over memory less, and the rounding of a worker that applies its own gradient.
    pushes :  what a server does with gradients before, and with vectors: see `hogwild.rules.server`
    """

    name: str
    rate: float | None  # the step size; None: that of the model's schedule
    formula: Callable[[Any, Any, tuple[Any, ...], tuple[Any, ...]], tuple[Any, tuple[Any, ...]]]
    paced: Callable[[tuple[float, ...], State, float], float | Array]
    numbers: tuple[float, ...] = ()
    arrays: int = 0
    linear: bool = False
    pushes: Pushes = Pushes()

    def __repr__(self) -> str:
        shown = f"{self.name}({', '.join(map(repr, (self.rate, *self.numbers)))})"
        changed = {name: value for name, value in self.pushes._asdict().items() if value != getattr(Pushes(), name)}
        return shown + (f" with {', '.join(f'{name}={value!r}' for name, value in changed.items())}" if changed else "")

    def init(self, weights: Array) -> State:
        """The state before the first step."""
        return tuple(np.zeros_like(weights) for _ in range(self.arrays))

    def constants(self, kind: Callable[[float], Any]) -> tuple[Any, ...]:
        """What the formula wants, of a kind such as np.float32."""
        with np.errstate(over="ignore"):
            return tuple(map(kind, (*self.numbers, *(1.0 - number for number in self.numbers))))

    def step(self, state: State, gradient: Array, rate: float, at: At) -> Array:
        """What is to be taken off the weights; the state is changed in place."""
        kind = gradient.dtype.type
        before = tuple(array[at] for array in state)
        step, after = self.formula(gradient, kind(rate), self.constants(kind), before)
        for array, values in zip(state, after, strict=True):
            array[at] = values
        return step

    def move(
        self, weights: Array, state: State, gradient: Array, at: At, rate: float, mean: Mean, scales: Array
    ) -> None:
        """Make a step of the weights, in place, in the units of a model that trains u = w / scales:

            weights[at] -= scales[at] * step(state, steps / examples * scales[at] * gradient, rate, at)

        mean :   (steps, examples): the gradient is a sum over so many examples, in so many minibatches
        scales : (weights,) positive, in the weights' dtype. Where a model makes smaller steps for some weights (a
                 fraction f of the rate: scales = sqrt(f)), rules that know nothing of it must do so too. The pace stays
                 that of u: the model's `prox` knows its scales itself.
        """
        (steps, examples), kind, some = mean, weights.dtype.type, scales[at]
        with np.errstate(over="ignore", invalid="ignore"):  # whoever reads the weights looks whether they are finite
            if self.linear:
                step = gradient * kind(rate * steps / examples) * (some * some)
            else:
                step = self.step(state, gradient * kind(steps / examples) * some, rate, at) * some
            weights[at] -= step

    def pace(self, state: State, rate: float, at: At) -> float | Array:
        """Asked after the step: the step size that a lasting gradient ends up with. One number, or one a weight, which
        is 0 where there has been no gradient yet.

        A penalty that is paid beside the gradient (by `prox`) must be paid at this pace, else the two balance in the
        wrong place: with momentum 0.9, l1 would weigh a tenth of what it should.
        """
        return self.paced(self.numbers, tuple(array[at] for array in state), rate)


# --------------------------------------------------------------------------------------------------------------- sgd


def sgd(rate: float | None = None) -> Update:
    """w -= rate g."""
    return Update("sgd", _rate(rate), sgd_step, _sgd_pace, linear=True)


def sgd_step(gradient: Any, rate: Any, constants: Any, state: Any) -> Any:
    """The formula of `sgd`."""
    return gradient * rate, ()


def _sgd_pace(numbers: tuple[float, ...], state: State, rate: float) -> float:
    return rate


# ---------------------------------------------------------------------------------------------------------- momentum


def momentum(rate: float | None = None, beta: float = 0.9) -> Update:
    """v = beta v + g; w -= rate v (Polyak 1964, with the rate outside the buffer as in torch.optim.SGD).

    A gradient moves the weights by rate / (1 - beta) times itself in the end: choose the rate accordingly. Pushes of
    many workers that do not wait for each other act like momentum already (Mitliagkas et al. 2016): less is needed.
    """
    beta = _share("beta", beta)
    return Update("momentum", _rate(rate), momentum_step, _momentum_pace, (beta,), 1)


def momentum_step(gradient: Any, rate: Any, constants: Any, state: Any) -> Any:
    """The formula of `momentum`."""
    velocity = state[0] * constants[0] + gradient
    return velocity * rate, (velocity,)


def _momentum_pace(numbers: tuple[float, ...], state: State, rate: float) -> float:
    return rate / (1.0 - numbers[0])


# ----------------------------------------------------------------------------------------------------------- adagrad


def adagrad(rate: float | None = 0.1, eps: float = 1e-8) -> Update:
    """G += g^2; w -= rate g / (sqrt(G) + eps) (McMahan and Streeter 2010; Duchi et al. 2011, diagonal form).

    What Downpour SGD keeps inside its shards: gamma / sqrt(sum of all g^2 so far, this one included), gamma about ten
    times the best fixed step size (Dean et al. 2012). Differences: they have no eps, so that a first gradient of 0 is
    0 / 0; they push sums of gradients, here divided by the size of a minibatch, which is the same up to eps.
    """
    eps = _positive("eps", eps)
    return Update("adagrad", _rate(rate), adagrad_step, _adagrad_pace, (eps,), 1)


def adagrad_step(gradient: Any, rate: Any, constants: Any, state: Any) -> Any:
    """The formula of `adagrad`."""
    total = state[0] + gradient * gradient
    return gradient * rate / (np.sqrt(total) + constants[0]), (total,)


def _adagrad_pace(numbers: tuple[float, ...], state: State, rate: float) -> Array:
    return _inverse(rate, np.sqrt(state[0]), numbers[0])


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
    return Update("adam", _rate(rate), adam_step, _adam_pace, (beta1, beta2, eps), 4)


def adam_step(gradient: Any, rate: Any, constants: Any, state: Any) -> Any:
    """The formula of `adam`."""
    mean, square, of_mean, of_square = state
    beta1, beta2, eps, new1, new2, _ = constants
    mean = mean * beta1 + gradient * new1
    square = square * beta2 + gradient * gradient * new2
    of_mean = of_mean * beta1 + new1
    of_square = of_square * beta2 + new2
    return mean / of_mean * rate / (np.sqrt(square / of_square) + eps), (mean, square, of_mean, of_square)


def _adam_pace(numbers: tuple[float, ...], state: State, rate: float) -> Array:
    return _inverse(rate, np.sqrt(state[1] / state[3]), numbers[2])


# ------------------------------------------------------------------------------------------------------------ shared


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
