"""A seeded random split of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.matrices import csr_from_parts


def holdout(examples: Examples, fraction: float, seed: int = 0) -> tuple[Examples, Examples]:
    """Split into (train, test): round(fraction * n_examples) random rows are test; at least one is in each.

    Both keep the order of the rows, copied once. Not stratified. Raises ValueError.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be between 0 and 1, not {fraction}")
    n = examples.n_examples
    if n < 2:
        raise ValueError(f"{examples.source} has 1 example; a split needs at least 2")
    n_test = min(max(round(fraction * n), 1), n - 1)
    in_test = np.zeros(n, dtype=bool)
    in_test[np.random.default_rng(seed).choice(n, n_test, replace=False, shuffle=False)] = True
    return take_rows(examples, ~in_test), take_rows(examples, in_test)


def take_rows(examples: Examples, chosen: NDArray[np.bool_]) -> Examples:
    """The rows where `chosen` (n_examples,) is true, in order, copied; dtypes stay."""
    y, weights = examples.y, examples.sample_weight
    return Examples(
        _take_sparse(examples.X, chosen) if examples.is_sparse else examples.X[chosen],
        None if y is None else y[chosen],
        None if weights is None else weights[chosen],
        examples.source,
        examples.checked,
    )


def rows_in_order(examples: Examples, order: NDArray[np.int64]) -> Examples:
    """The rows order[0], order[1], ..., copied; dtypes stay."""
    X, y, weights = examples.X, examples.y, examples.sample_weight
    if examples.is_sparse:
        taken = X[order]
        rows: Any = csr_from_parts(taken.data, taken.indices, taken.indptr, taken.shape, canonical=True)
    else:
        rows = X[order]
    return Examples(
        rows,
        None if y is None else y[order],
        None if weights is None else weights[order],
        examples.source,
        examples.checked,
    )


def _take_sparse(X: Any, chosen: NDArray[np.bool_]) -> Any:
    lengths = np.diff(X.indptr)
    entries = np.repeat(chosen, lengths)
    indptr = np.zeros(int(np.count_nonzero(chosen)) + 1, dtype=X.indptr.dtype)
    np.cumsum(lengths[chosen], out=indptr[1:])
    return csr_from_parts(X.data[entries], X.indices[entries], indptr, (indptr.size - 1, X.shape[1]), canonical=True)
