"""From checked examples to the rows that kernels read, without copying the large arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.matrices import read_only
from hogwild.kernels.moments import column_moments
from hogwild.kernels.rows import DenseRows, RelaxedRows, Rows, SparseRows


def value_dtype(examples: Examples) -> np.dtype:
    """float32 or float64: what the values of X are."""
    return np.dtype(examples.X.dtype)


def linear_rows(examples: Examples, relax: NDArray[np.floating], centre: NDArray[np.floating]) -> Rows:
    """Views of X (indices reinterpreted as unsigned), and targets and weights in the precision of X.

    Weights are scaled to mean 1, so that a mean loss is a plain sum over n. All arrays are read-only: no kernel that
    writes to them compiles, and a user's read-only arrays need no second compilation.
    """
    dtype = value_dtype(examples)
    with np.errstate(over="ignore"):
        targets = np.ascontiguousarray(examples.y, dtype)
    if not np.isfinite(targets).all():
        row = int(np.argmin(np.isfinite(targets)))
        raise ValueError(f"y has a number in row {row} that the {dtype} of X cannot hold; scale y")
    weights = np.ones(examples.n_examples, dtype)
    if examples.sample_weight is not None:
        weights[:] = examples.sample_weight * examples.weight_scale
    if not examples.is_sparse:
        factors = relax if relax.size else np.ones(examples.n_features, dtype)
        return DenseRows(*map(read_only, (examples.X, centre, targets, weights, factors)))
    X = examples.X
    indices = X.indices.view(np.uint64 if X.indices.dtype.itemsize == 8 else np.uint32)
    indptr = X.indptr.astype(np.uint64)
    rows = SparseRows(*map(read_only, (indptr, indices, X.data, targets, weights)))
    return RelaxedRows(*rows, read_only(relax)) if relax.size else rows


def column_counts(rows: Rows, n_features: int) -> NDArray[np.int64]:
    """(d,) how many rows have each column, at least 1. A dense row has all of them, also where it is 0."""
    if isinstance(rows, DenseRows):
        return np.full(n_features, max(1, rows.targets.size))
    return np.maximum(column_moments(rows, n_features)[0], 1)
