"""Problems whose gradients are cheap or slow, and whose examples share many features or few."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np
import scipy.sparse as sp

from hogwild import Linear, Network, rcv1_like
from hogwild.interfaces import AbstractModel

RARE_ROW = 10  # features


@final
class Problem(NamedTuple):
    """What is learnt, and from what."""

    model: AbstractModel
    examples: Any


def documents(rows: int, seed: int) -> Problem:
    """Logistic regression on synthetic text: the commonest words are in nearly every row."""
    return Problem(_linear(), rcv1_like(rows, seed=seed))


def rare(rows: int, seed: int) -> Problem:
    """Ten features of each row, all equally likely, ten times as many as rows: hardly two rows share one."""
    rng, features = np.random.default_rng(seed), RARE_ROW * rows
    columns = rng.integers(0, rows, (rows, RARE_ROW)) + rows * np.arange(RARE_ROW)
    values = np.full(rows * RARE_ROW, RARE_ROW**-0.5, np.float32)
    X = sp.csr_array((values, columns.ravel(), np.arange(0, values.size + 1, RARE_ROW)), shape=(rows, features))
    y = np.where(X @ rng.standard_normal(features) > 0, 1, -1)
    return Problem(_linear(), (X, y))


def pictures(rows: int, side: int, seed: int) -> Problem:
    """A small convolutional network, few weights and much arithmetic: noise, on half of the pictures a ramp."""
    import torch

    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, side, side)),
        torch.nn.Conv2d(1, 16, 5),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 16, 5),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 2),
    )
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    ramps = np.outer(y, np.tile(np.linspace(-1, 1, side), side))
    X = (rng.standard_normal((rows, side * side)) + ramps).astype(np.float32)
    return Problem(Network(net, rate=0.01), (X, y))


def _linear() -> Linear:
    return Linear("logistic", l2=1e-5, average=False, fit_intercept=False)
