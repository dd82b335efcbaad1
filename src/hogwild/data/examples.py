"""Examples: features, labels and weights that were checked once, here, so that kernels need not.

Numba kernels read without bounds checks; `check_examples` is the border that no wrong array crosses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hogwild.data.matrices import Matrix, csr_from_parts, to_array, to_float, to_matrix
from hogwild.data.scans import all_sound, first_not_finite, row_of, rows_ascend, structure_fault


@final
class Whole(NamedTuple):
    """The data set that some rows are a part of; the others are elsewhere.

    stored :   numbers in X
    chunk :    rows that are learnt together, see `Blocks`
    weight :   the sum of all sample weights
    variance : of all labels, weighted, if they are numbers
    """

    n_examples: int
    stored: int
    chunk: int
    weight: float
    variance: float


@final
@dataclass(frozen=True, eq=False)
class Examples:
    """Rows to learn from; made by `check_examples`, `read` and the generators.

    X:             (n_examples, n_features), float32 or float64, finite: a C-contiguous ndarray, or a
                   scipy.sparse CSR array in canonical form (int32 or int64 indices, increasing within rows)
    y:             (n_examples,) labels of any dtype, finite if they are floats; None if there are none
    sample_weight: (n_examples,) float32, >= 0, at least one > 0; None means 1 for each
    source:        where they come from, for messages: "X" for arrays, otherwise the names of the files
    """

    X: Matrix
    y: NDArray[Any] | None
    sample_weight: NDArray[np.float32] | None
    source: str
    checked: bool = field(default=False, repr=False)  # set by those who have checked; `train` checks what has not been
    whole: Whole | None = field(default=None, repr=False)  # set by engines, if these are not all rows of a run

    @property
    def n_examples(self) -> int:
        return int(self.X.shape[0])

    @property
    def n_in_all(self) -> int:
        """Examples of the run, wherever they are."""
        return self.n_examples if self.whole is None else self.whole.n_examples

    @property
    def weight_scale(self) -> float:
        """What brings the sample weights of all examples of the run, if they have any, to mean 1."""
        if self.whole is not None:
            return self.whole.n_examples / self.whole.weight
        assert self.sample_weight is not None
        return float(self.n_examples / self.sample_weight.sum(dtype=np.float64))

    @property
    def n_features(self) -> int:
        return int(self.X.shape[1])

    @property
    def is_sparse(self) -> bool:
        return bool(sp.issparse(self.X))

    @property
    def nnz(self) -> int:
        """Stored entries of a sparse X (some may be zero), nonzero entries of a dense X (counted anew)."""
        return int(self.X.nnz) if self.is_sparse else int(np.count_nonzero(self.X))


def check_examples(X: Any, y: Any = None, sample_weight: Any = None, *, source: str = "X") -> Examples:
    """Check and convert whatever a user gave; copy only what must change, and never write to it.

    X:             scipy.sparse of any format, array, list of rows, or pandas frame (dense or sparse). CSR in
                   order and C-contiguous arrays of float32 or float64 are kept without a copy. Otherwise
                   float16, booleans and integers up to 2^24 become float32 and larger integers float64;
                   entries of a row are sorted, and duplicates added up.
    y:             labels, one a row
    sample_weight: one nonnegative number a row
    source:        what messages call X

    Raises TypeError (not numbers) or ValueError (NaN, infinity, wrong shape, indices out of range, ...) with
    one sentence that names the argument and, where there is one, the row and column, counted from 0.
    """
    prefix = "" if source == "X" else f"{source}: "
    matrix = to_matrix(X, source)
    shape = (int(matrix.shape[0]), int(matrix.shape[1]))
    if shape[0] == 0:
        raise ValueError(f"{source} has 0 sample(s) (shape={shape}) while a minimum of 1 is required.")
    if shape[1] == 0:
        raise ValueError(f"{source} has 0 feature(s) (shape={shape}) while a minimum of 1 is required.")
    matrix = _check_sparse(matrix, source) if sp.issparse(matrix) else _check_dense(matrix, source)
    return Examples(
        X=matrix,
        y=None if y is None else _check_labels(y, shape[0], source, f"{prefix}y"),
        sample_weight=(
            None if sample_weight is None else _check_weights(sample_weight, shape[0], source, f"{prefix}sample_weight")
        ),
        source=source,
        checked=True,
    )


def _check_sparse(X: Any, name: str) -> Any:
    if all_sound(X.data, X.indices, X.indptr, X.shape[1]):
        return csr_from_parts(X.data, X.indices, X.indptr, X.shape, canonical=True)
    fault = structure_fault(X.indices, X.indptr, X.data.size, X.shape[1])
    if fault is not None:
        raise ValueError(f"{name} is a broken csr matrix: {fault}")
    end = int(X.indptr[-1])
    data, indices, indptr = X.data[:end], X.indices[:end], X.indptr
    if rows_ascend(indices, indptr):
        X = csr_from_parts(data, indices, indptr, X.shape, canonical=True)
    else:
        index = np.promote_types(indices.dtype, indptr.dtype)  # SciPy's routine needs both alike
        X = csr_from_parts(data.copy(), indices.astype(index), indptr.astype(index), X.shape, canonical=False)
        X.sum_duplicates()
    at = first_not_finite(X.data)
    if at is not None:
        raise ValueError(_not_finite(X.data[at], name, row_of(X.indptr, at), int(X.indices[at])))
    return X


def _check_dense(X: NDArray[Any], name: str) -> NDArray[Any]:
    at = first_not_finite(X.reshape(-1))
    if at is not None:
        row, column = divmod(at, X.shape[1])
        raise ValueError(_not_finite(X[row, column], name, row, column))
    return X


def _not_finite(value: float, name: str, row: int, column: int) -> str:
    return (
        f"{name} has {_spell(value)} in row {row}, column {column} (counted from 0); "
        "all values must be finite: impute or drop what is missing"
    )


def _spell(value: float) -> str:
    return "NaN" if np.isnan(value) else str(float(value))


def _check_labels(y: Any, n_examples: int, source: str, name: str) -> NDArray[Any]:
    labels = to_array(y, name)
    _check_length(labels, n_examples, source, name)
    kind = labels.dtype.kind
    if kind not in "biufUSO":
        raise ValueError(f"Complex data not supported: {name} has dtype {labels.dtype}; give numbers or strings")
    if kind == "f":
        at = first_not_finite(labels)
        if at is not None:
            raise ValueError(
                f"{name} has {_spell(labels[at])} in row {at} (counted from 0); drop the rows without a label"
            )
    if kind == "O":
        for row, label in enumerate(labels):
            if _is_missing(label):
                raise ValueError(f"{name} has {label} in row {row} (counted from 0); drop the rows without a label")
    return labels


def _is_missing(label: Any) -> bool:
    """None, NaN, pandas.NA and whatever else does not simply equal itself."""
    try:
        return label is None or not bool(label == label)
    except (TypeError, ValueError):
        return True


def _check_weights(sample_weight: Any, n_examples: int, source: str, name: str) -> NDArray[np.float32]:
    given = to_float(to_array(sample_weight, name), name)
    _check_length(given, n_examples, source, name)
    with np.errstate(over="ignore"):
        weights = np.ascontiguousarray(given, dtype=np.float32)
    at = first_not_finite(weights)
    if at is not None:
        raise ValueError(
            f"{name} has {_spell(given[at])} in row {at} (counted from 0); weights must be finite in float32"
        )
    if weights.min() < 0:
        row = int(np.flatnonzero(weights < 0)[0])
        raise ValueError(f"{name} has {weights[row]} in row {row} (counted from 0); weights must not be negative")
    if not weights.any():
        raise ValueError(f"{name} is zero in every row; at least one weight must be positive")
    return weights


def _check_length(values: NDArray[Any], n_examples: int, source: str, name: str) -> None:
    if values.ndim != 1:
        raise ValueError(
            f"{name} has shape {values.shape}; give one value a row, as a 1-D array (perhaps with .ravel())"
        )
    if values.size != n_examples:
        raise ValueError(f"{name} has {values.size} entries but {source} has {n_examples} rows; give one a row")
