"""The losses that a network can minimise, and what they want of labels and outputs.

One table feeds the model, its checks, the docs and the tests. A loss gives one number for each example, so that sums
over blocks, and sample weights, mean the same everywhere in hogwild.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.models.network_torch import import_torch
from hogwild.names import find_name


def _cross_entropy(output: Any, target: Any) -> Any:
    return import_torch().nn.functional.cross_entropy(output, target, reduction="none")


def _squared(output: Any, target: Any) -> Any:
    return 0.5 * (output - target).square()


def _logistic(output: Any, target: Any) -> Any:
    return import_torch().nn.functional.softplus(-target * output)


@final
@dataclass(frozen=True)
class NetworkLoss:
    """One loss of an output p and a label y. `value(p, y)` takes and gives tensors: (n,), one number an example."""

    name: str
    labels: Literal["classes", "signs", "numbers", "any"]
    formula: str
    value: Callable[[Any, Any], Any]


NETWORK_LOSSES: dict[str, NetworkLoss] = {
    loss.name: loss
    for loss in (
        NetworkLoss("cross-entropy", "classes", "log sum_c exp(p_c) - p_y, outputs (n, k), y in 0 ... k - 1",
                    _cross_entropy),
        NetworkLoss("squared", "numbers", "(p - y)^2 / 2, outputs (n,) or (n, 1)", _squared),
        NetworkLoss("logistic", "signs", "log(1 + exp(-y p)), outputs (n,) or (n, 1), y -1 or +1", _logistic),
    )
}  # fmt: skip


def find_network_loss(given: Any) -> NetworkLoss:
    """The loss of that name, or the user's own function; ValueError lists the names there are."""
    if isinstance(given, str):
        return NETWORK_LOSSES[find_name("loss", given, NETWORK_LOSSES, ", or a function loss(output, target)")]
    if not callable(given):
        raise TypeError(f"loss={given!r} must be a name such as 'cross-entropy', or a function loss(output, target)")
    return NetworkLoss(getattr(given, "__name__", type(given).__name__), "any", "given as a function", given)


def losses(loss: NetworkLoss, output: Any, target: Any, *, weighted: bool) -> Any:
    """(n,) or the scalar mean: what the loss gives, once it is known to be one of the two. ValueError if not."""
    try:
        found = loss.value(output, target)
    except Exception as error:
        shapes = f"outputs of shape {tuple(output.shape)} and labels of shape {tuple(target.shape)}"
        raise ValueError(f"loss {loss.name} cannot take {shapes}: {error}") from error
    if not hasattr(found, "shape"):
        raise TypeError(f"loss {loss.name} must give a tensor, not {type(found).__name__}")
    shape, n = tuple(found.shape), target.shape[0]
    if shape == (n,):
        return found
    if shape == ():
        if weighted:
            raise ValueError(
                f"loss {loss.name} gives one number for the minibatch, but sample weights need one for each example: "
                "use reduction='none'"
            )
        return found
    raise ValueError(
        f"loss {loss.name} gives a tensor of shape {shape} for {n} examples; it must give one number each, ({n},), or "
        "their mean, a scalar"
    )


def check_output(loss: NetworkLoss, shape: tuple[int, ...]) -> None:
    """ValueError if a module with outputs (n, *shape) cannot be trained with this loss; (n, 1) counts as (n,)."""
    if loss.labels == "classes" and not (len(shape) == 1 and shape[0] >= 2):
        raise ValueError(
            f"loss {loss.name!r} wants a score for each class, outputs (n, k) with k >= 2, but the module gives "
            f"{_spell(shape)}"
        )
    if loss.labels in ("signs", "numbers") and shape != ():
        raise ValueError(
            f"loss {loss.name!r} wants one output a row, (n,) or (n, 1), but the module gives {_spell(shape)}"
        )


def _spell(shape: tuple[int, ...]) -> str:
    return "(n,)" if not shape else f"(n, {', '.join(map(str, shape))})"


def targets(loss: NetworkLoss, examples: Examples, n_outputs: int, dtype: np.dtype) -> NDArray[Any]:
    """Labels as the loss wants them, a copy: classes as int64, numbers in the precision of the weights.

    A user's own loss gets whole numbers (and booleans) as int64, others in the precision of the weights.

    ValueError names the first row whose label does not fit.
    """
    y = examples.y
    if y is None:
        raise ValueError("training needs labels y")
    if y.dtype.kind == "O":
        y = _plain(y)
    if y.dtype.kind not in "biuf":
        hint = ": numpy.unique(y, return_inverse=True)[1] makes them" if loss.labels == "classes" else ""
        raise ValueError(f"loss {loss.name!r} wants {_WANTED[loss.labels]} as labels, but row 0 has {y[0]!r}{hint}")
    if loss.labels == "classes":
        _check_rows(loss, y, (y == np.floor(y)) & (y >= 0) & (y < n_outputs), f"whole numbers 0 to {n_outputs - 1}")
        return y.astype(np.int64)
    if loss.labels == "signs":
        _check_rows(loss, y, (y == 1) | (y == -1), "-1 and +1")
    elif loss.labels == "any" and y.dtype.kind in "biu":
        return y.astype(np.int64)
    with np.errstate(over="ignore"):
        numbers = y.astype(dtype)
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        raise ValueError(f"y has a number in row {row} that the {dtype} of the module cannot hold; scale y")
    return numbers


_WANTED = {"classes": "whole numbers", "signs": "-1 and +1", "numbers": "numbers", "any": "numbers"}


def _plain(y: NDArray[Any]) -> NDArray[Any]:
    """Python numbers in an array of objects, as an array of numbers, if that is what they are."""
    try:
        return np.array(y.tolist())
    except ValueError:
        return y


def _check_rows(loss: NetworkLoss, y: NDArray[Any], fits: NDArray[np.bool_], wanted: str) -> None:
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(f"loss {loss.name!r} wants {wanted} as labels, but row {row} has {y[row].item()!r}")
