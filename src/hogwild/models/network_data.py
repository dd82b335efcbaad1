"""The examples of one machine as minibatches of tensors, and the sums that are taken over them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block
from hogwild.data.examples import Examples
from hogwild.interfaces import Tally
from hogwild.models.network_losses import NetworkLoss, losses
from hogwild.models.network_module import columns
from hogwild.models.network_torch import import_torch
from hogwild.rules.scores import variance_of


@final
class NetworkData:
    """Rows, labels and weights (scaled to mean 1, so that a mean loss is a plain sum over n). X is not copied."""

    def __init__(self, loss: NetworkLoss, examples: Examples, labels: NDArray[Any], dtype: np.dtype) -> None:
        torch = import_torch()
        self._loss, self.n_examples, self.labels = loss, examples.n_examples, labels
        self._whole = examples.whole
        self._dtype = getattr(torch, dtype.name)
        self.weights: NDArray[np.floating] | None = None
        if examples.sample_weight is not None:
            self.weights = (examples.sample_weight * examples.weight_scale).astype(dtype)
        with torch.inference_mode(False), warnings.catch_warnings():
            # Of an array that is read-only: minibatches are copies of its rows, and nothing writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            self._X, self._y = torch.from_numpy(examples.X), torch.from_numpy(labels)
            self._s: Any = None if self.weights is None else torch.from_numpy(self.weights)

    def rows(self, blocks: Sequence[Block]) -> Any:
        """The row numbers of the blocks, in order: an int64 tensor."""
        parts = [(block.starts[:, None] + np.arange(block.chunk)).ravel() for block in blocks]
        rows = np.concatenate([np.zeros(0, np.int64), *parts])
        torch = import_torch()
        with torch.inference_mode(False):
            return torch.from_numpy(rows[rows < self.n_examples])

    def inputs(self, rows: Any) -> Any:
        """(n, d): a copy, as the module may write to it."""
        return self._X.index_select(0, rows).to(self._dtype)

    def loss(self, output: Any, rows: Any) -> Any:
        """The weighted sum of losses, a scalar to be differentiated. A mean over the rows counts for each of them."""
        found = losses(self._loss, columns(output), self._y.index_select(0, rows), weighted=self._s is not None)
        if found.ndim == 0:
            return found * rows.shape[0]
        return found.sum() if self._s is None else found.dot(self._s.index_select(0, rows).to(found.dtype))

    def tally(self, output: Any, rows: Any) -> Tally:
        """Weighted sums of loss, errors and weight, in float64."""
        p, y = columns(output), self._y.index_select(0, rows)
        found = losses(self._loss, p, y, weighted=self._s is not None).double().expand(rows.shape[0])
        share = import_torch().ones_like(found) if self._s is None else self._s.index_select(0, rows).double()
        errors = self._errors(p, y)
        missed = float("nan") if errors is None else float(errors.double().dot(share))
        return Tally(float(found.dot(share)), missed, float(share.sum()))

    def _errors(self, p: Any, y: Any) -> Any:
        """(n,): wrong classes, or squared residuals; None for outputs that are neither scores nor predictions."""
        if self._loss.labels == "signs":
            return (p > 0) != (y > 0)
        if p.ndim == 2 and not y.is_floating_point():
            return p.argmax(1) != y
        return (p.double() - y.double()).square() if p.ndim == 1 else None

    @property
    def variance(self) -> float:
        """Of the labels."""
        return variance_of(self.labels, self.weights) if self._whole is None else self._whole.variance

    def counts_classes(self, n_outputs: int) -> bool:
        """Are `errors` wrong classes?"""
        return self._loss.labels == "signs" or (n_outputs > 1 and self.labels.dtype.kind == "i")


def check_values(X: NDArray[Any], dtype: np.dtype, name: str) -> None:
    """ValueError names the first value of X (n, d) that is no finite number in the precision of the module."""
    with np.errstate(over="ignore", invalid="ignore"):
        ends = np.array([X.min(initial=0), X.max(initial=0)], X.dtype)  # both NaN if there is one
        if np.isfinite(ends.astype(dtype)).all():
            return
        row, column = divmod(int(np.argmin(np.isfinite(X.astype(dtype)))), X.shape[1])
    raise ValueError(
        f"{name} has {X[row, column]} in row {row}, column {column} (counted from 0), but the module takes finite "
        f"{dtype} numbers: impute, drop or scale it"
    )
