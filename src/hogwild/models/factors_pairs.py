"""Pairs of a user and an item, checked once, so that kernels need not."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.matrices import read_only, to_matrix
from hogwild.kernels.ratings import Ratings

Numbers = NDArray[np.uint32]
MOST = 1 << 31  # of users or items


def pairs_of(examples: Examples, n_users: int, n_items: int) -> Ratings:
    """What kernels read, which cannot be written. ValueError that names the row for what is no pair of them."""
    users, items = numbers_of(examples.X, examples.source, n_users, n_items, "; n_users and n_items say how many")
    weights = np.zeros(0, np.float32)
    if examples.sample_weight is not None:
        weights = (examples.sample_weight * examples.weight_scale).astype(np.float32)
    return Ratings(*map(read_only, (users, items, ratings_of(examples), weights)))


def ratings_of(examples: Examples) -> NDArray[np.float32]:
    """The labels. ValueError for what is no number."""
    y = examples.y
    if y is None:
        raise ValueError("training needs ratings y")
    try:
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(y, np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"ratings must be numbers, but row 0 of {examples.source} has {y[0]!r}") from error
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"the rating in row {row} of {examples.source} is {y[row]!r}, more than float32 can hold")
    return values


def numbers_of(X: Any, name: str, n_users: int, n_items: int, hint: str = "") -> tuple[Numbers, Numbers]:
    """Both columns of pairs. ValueError that names the row for what is no pair of such users and items, and ends with
    the hint.
    """
    matrix = to_matrix(X, name)
    if sp.issparse(matrix):
        raise ValueError(f"{name} is sparse, but pairs of users and items are wanted: MatrixFactorization takes both")
    if matrix.ndim != 2 or matrix.shape[1] != 2:
        raise ValueError(f"{name} has shape {matrix.shape}, but pairs of a user and an item have shape (n, 2)")
    return _column(matrix, 0, name, "user", n_users, hint), _column(matrix, 1, name, "item", n_items, hint)


def _column(matrix: NDArray[Any], column: int, name: str, kind: str, many: int, hint: str) -> Numbers:
    values = matrix[:, column]
    sound = (values >= 0) & (values < many) & (values == np.floor(values))  # not, if it is NaN
    if not sound.all():
        row = int(np.argmin(sound))
        raise ValueError(
            f"row {row} of {name} has {kind} {values[row]:g}, but {kind}s are whole numbers from 0 to {many - 1}{hint}"
        )
    return np.ascontiguousarray(values, np.uint32)
