"""What a network must know of the data before its first step: module and loss are tried on a few rows.

On copies of the module, with random numbers that are put back: nothing is left of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from hogwild.data.examples import Examples
from hogwild.models.network_data import NetworkData, check_values
from hogwild.models.network_losses import NetworkLoss, check_output, targets
from hogwild.models.network_module import columns, copy_of, layout_of
from hogwild.models.network_torch import import_torch, learning, random_numbers
from hogwild.params import Params

# A loss that broadcasts outputs (n, k) against labels (n,) passes with k rows, but not with one more.
TRIED_ROWS = (2, 3)


@final
@dataclass(frozen=True)
class NetworkSurvey:
    """What a network must know of the data."""

    n_features: int
    n_outputs: int  # of a row: 1 for (n,) and (n, 1)
    draws: bool  # do layers draw random numbers in training?
    draws_at_rest: bool  # and in eval mode?
    pairs: bool  # does training take two rows or more (BatchNorm has no variance of one)?
    seed: int
    source: str


def survey_network(
    module: Any, loss: NetworkLoss, examples: Examples, seed: int, start: Params | None
) -> NetworkSurvey:
    """ValueError or TypeError, with one sentence, if rows, labels, loss and module do not fit together."""
    if examples.is_sparse:
        raise ValueError(f"{examples.source} is sparse, but a network takes dense rows: give X.toarray()")
    layout = layout_of(module)
    if start is not None:
        layout.check(start)
        check_features(start, examples.n_features, examples.source)
    check_values(examples.X, layout.dtype, examples.source)
    rows = np.arange(max(TRIED_ROWS)) % examples.n_examples
    X = examples.X[rows].astype(layout.dtype)
    learner, judge = copy_of(module, training=True), copy_of(module, training=False)
    with learning(), random_numbers([0]):
        trained, judged = _tried(learner, X[:2]), _tried(judge, X[:1])
        if trained.shape != judged.shape:
            raise ValueError(
                f"the module gives outputs of shape {trained.shape} a row in training, but {judged.shape} in eval mode"
            )
        check_output(loss, trained.shape)
        n_outputs = math.prod(trained.shape)
        data = NetworkData(loss, examples, targets(loss, examples, n_outputs, layout.dtype), layout.dtype)
        for n in TRIED_ROWS:
            _try_loss(learner, loss, data, rows[:n])
        pairs = _wants_two(learner, X[:1])
    return NetworkSurvey(examples.n_features, n_outputs, trained.draws, judged.draws, pairs, seed, examples.source)


def check_features(params: Params, n_features: int, source: str) -> None:
    """ValueError if these weights were learnt with another number of features."""
    known = params.state.get("features")
    if known is not None and int(known[0]) != n_features:
        raise ValueError(f"{source} has {n_features} features, but the network was trained with {int(known[0])}")


class _Trial(NamedTuple):
    shape: tuple[int, ...]  # of the output for one row, without a last axis of length 1
    draws: bool


def _tried(module: Any, X: np.ndarray) -> _Trial:
    torch = import_torch()
    before = torch.get_rng_state()
    try:
        output = module(torch.from_numpy(X.copy()))
    except Exception as error:
        raise ValueError(f"the module cannot take rows of {X.shape[1]} features: {error}") from error
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"the module must give one tensor, not {type(output).__name__}")
    n = X.shape[0]
    if output.ndim == 0 or output.shape[0] != n:
        count = f"{n} rows, not an output for each" if n > 1 else "1 row: if it squeezes its output, use squeeze(1)"
        raise ValueError(f"the module gives {tuple(output.shape)} for {count}")
    return _Trial(tuple(columns(output).shape[1:]), not torch.equal(before, torch.get_rng_state()))


def _try_loss(module: Any, loss: NetworkLoss, data: NetworkData, rows: np.ndarray) -> None:
    at = import_torch().from_numpy(rows)
    found = data.loss(module(data.inputs(at)), at)
    try:
        found.backward()
    except RuntimeError as error:
        raise ValueError(f"loss {loss.name} has no gradient in the weights of the module: {error}") from error


def _wants_two(module: Any, X: np.ndarray) -> bool:
    """Is a single row refused?"""
    try:
        _tried(module, X)
    except ValueError:
        return True
    return False
