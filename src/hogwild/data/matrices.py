"""Anything that holds a table of numbers becomes a CSR array or a C-contiguous dense one.

Nothing is copied that need not be, and nothing of the user's is written to, not even SciPy's cached flags.
A CSR array made here may still be out of order or out of range: `check_examples` decides.
"""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

LARGEST_EXACT_FLOAT32_INTEGER = 1 << 24

Matrix = Any  # sp.csr_array | NDArray[np.floating]; SciPy carries no types


def csr_from_parts(
    data: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    shape: tuple[int, int],
    *,
    canonical: bool,
) -> Any:
    """A CSR array around these very arrays; SciPy's constructor would narrow or copy the indices.

    Nothing is checked but the length of `indptr` (ValueError).
    """
    if indptr.size != shape[0] + 1:
        raise ValueError(f"indptr has {indptr.size} entries; {shape[0]} rows need {shape[0] + 1}")
    matrix = sp.csr_array(shape, dtype=np.float32)
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr
    if canonical:
        matrix.has_canonical_format = True
    return matrix


def to_matrix(X: Any, name: str) -> Matrix:
    """X as a CSR array or a dense C-contiguous 2-D array, float32 or float64.

    Raises TypeError for what is not a table of real numbers, ValueError for the wrong number of dimensions.
    """
    if sp.issparse(X):
        _check_dimensions(X.shape, name)
        return _to_csr(X, name)
    if _is_frame(X):
        if all(_is_sparse_dtype(dtype) for dtype in X.dtypes) and len(X.dtypes):
            return _to_csr(_frame_to_coo(X, name), name)
        X = _frame_to_array(X, name)
    if isinstance(X, str | bytes | os.PathLike):
        raise TypeError(f"{name} is the text {X!r}; if that is a file, give what hogwild.data.read returns for it")
    X = to_array(X, name)
    _check_dimensions(X.shape, name)
    return _plain(to_float(X, name))


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """C-contiguous and aligned, which kernels take for granted."""
    return np.require(values, requirements=["C", "A"])


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view that cannot be written."""
    view = array.view()
    view.flags.writeable = False
    return view


def to_array(values: Any, name: str) -> NDArray[Any]:
    """A plain NumPy array of any dtype; raises TypeError for what is none."""
    if values is None:
        raise TypeError(f"{name} is None; give an array")
    if sp.issparse(values):
        raise TypeError(f"{name} is a sparse matrix; give a 1-D array")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise TypeError(f"{name} is a masked array with missing values; fill or drop them first")
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is not an array of numbers: {error}") from error


def to_float(values: NDArray[Any], name: str) -> NDArray[Any]:
    """float32 and float64 as they are; float16, booleans and integers exact in float32 become float32.

    Other integers become float64. Raises TypeError, or ValueError for complex numbers.
    """
    kind, itemsize = values.dtype.kind, values.dtype.itemsize
    if kind == "f":
        wanted = np.float64 if itemsize >= 8 else np.float32
    elif kind == "b" or (kind in "iu" and _exact_in_float32(values)):
        wanted = np.float32
    elif kind in "iu":
        wanted = np.float64
    elif kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {values.dtype}; give real numbers")
    else:
        raise TypeError(
            f"{name} has dtype {values.dtype}; the argument must be free of strings and other objects, "
            "and hold only real numbers: encode or drop the other columns, or convert with .astype('float32')"
        )
    return values.astype(wanted, copy=False)


def _exact_in_float32(integers: NDArray[Any]) -> bool:
    if integers.dtype.itemsize <= 2 or integers.size == 0:
        return True
    limit = LARGEST_EXACT_FLOAT32_INTEGER
    return int(integers.max()) <= limit and int(integers.min()) >= -limit


def _check_dimensions(shape: tuple[int, ...], name: str) -> None:
    if len(shape) == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead: {name} has shape {shape}. Reshape your data with "
            ".reshape(-1, 1) if it is one feature of many examples, or .reshape(1, -1) if it is one example"
        )
    if len(shape) != 2:
        raise ValueError(f"{name} has {len(shape)} dimensions; give a table of examples (rows) by features (columns)")


def _to_csr(X: Any, name: str) -> Any:
    """Sparse of any format; SciPy's conversions trust their indices, so those are checked before."""
    try:
        if X.format == "coo":
            X = sp.coo_array((X.data, (X.row, X.col)), shape=X.shape)  # the constructor checks the coordinates
        elif X.format in ("bsr", "csc"):
            X = copy.copy(X)  # shallow: the check below rebinds attributes
            X.check_format(full_check=True)
        csr = X if X.format == "csr" else X.tocsr()
        n_rows, n_columns = csr.shape
        csr = csr_from_parts(
            _plain(_flat(csr.data, "data")),
            _plain(_to_index(_flat(csr.indices, "indices"), "indices")),
            _plain(_to_index(_flat(csr.indptr, "indptr"), "indptr")),
            (int(n_rows), int(n_columns)),
            canonical=False,
        )
    except ValueError as error:
        raise ValueError(f"{name} is a broken {X.format} matrix: {error}") from error
    csr.data = to_float(csr.data, name)
    return csr


def _flat(values: Any, part: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{part} has {array.ndim} dimensions instead of 1")
    return array


def _to_index(values: NDArray[Any], part: str) -> NDArray[Any]:
    """int32 and int64 as they are, other integers as int64."""
    if values.dtype.kind not in "iu":
        raise ValueError(f"{part} has dtype {values.dtype} instead of int32 or int64")
    wanted = np.int32 if values.dtype.kind == "i" and values.dtype.itemsize == 4 else np.int64
    return values.astype(wanted, copy=False)


# ---- data frames, recognised by their manners, so that pandas need not be imported or installed


def _is_frame(X: Any) -> bool:
    return hasattr(X, "iloc") and hasattr(X, "columns") and hasattr(X, "dtypes")


def _is_sparse_dtype(dtype: Any) -> bool:
    return hasattr(dtype, "fill_value") and hasattr(dtype, "subtype")


def _frame_to_coo(X: Any, name: str) -> Any:
    try:
        return X.sparse.to_coo()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is a sparse frame that cannot become a sparse matrix: {error}") from error


def _frame_to_array(X: Any, name: str) -> NDArray[Any]:
    for column, dtype in zip(X.columns, X.dtypes, strict=True):
        kind = getattr(dtype.subtype if _is_sparse_dtype(dtype) else dtype, "kind", "O")
        if kind not in "biufc":
            raise TypeError(
                f"{name} has the column {column!r} of dtype {dtype}; the argument must be free of strings "
                "and hold only real numbers: encode or drop that column"
            )
    array = X.to_numpy()
    if array.dtype == object:  # columns of mixed or nullable dtypes: missing values become NaN, and are named later
        array = X.to_numpy(dtype="float64", na_value=np.nan)
    return np.asarray(array)
