"""NumPy archives: CSR as `scipy.sparse.save_npz` writes it, or dense as `X`; and `y` and `sample_weight`.

Arrays are read one by one into the memory that they stay in.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogwild.data.atomic import saving
from hogwild.data.errors import DataError
from hogwild.data.examples import Examples, check_examples
from hogwild.data.matrices import csr_from_parts
from hogwild.data.opening import check_kind, unreadable

_CSR_KEYS = ("data", "indices", "indptr", "shape")


def read_npz(path: Path) -> Examples:
    """Read an archive; values keep their dtype. Raises DataError."""
    arrays = _load(path)
    try:
        X = arrays.pop("X") if "X" in arrays else _csr(arrays)
        return check_examples(X, arrays.get("y"), arrays.get("sample_weight"), source=str(path))
    except (TypeError, ValueError) as error:
        text = str(error)
        raise DataError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below; opening has errors of its own)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        with file:
            check_kind(path, file.read(8))
            file.seek(0)
            return _arrays(np.load(file, allow_pickle=False), path)
    except DataError:
        raise
    except Exception as error:  # whatever zipfile, zlib and NumPy raise on bytes that are not what they seem
        advice = "save labels as numbers or str" if "allow_pickle" in str(error) else "copy or write it again"
        raise DataError(f"{path} cannot be read ({error}); {advice}") from error


def _arrays(archive: Any, path: Path) -> dict[str, NDArray[Any]]:
    names = set(archive.files)
    if "X" not in names and not names.issuperset(_CSR_KEYS):
        raise DataError(
            f"{path} holds {', '.join(sorted(names)) or 'nothing'}; it must hold a CSR matrix as "
            "scipy.sparse.save_npz writes it (data, indices, indptr, shape) or a dense array X"
        )
    wanted = ("X",) if "X" in names else (*_CSR_KEYS, "format")
    return {name: archive[name] for name in (*wanted, "y", "sample_weight") if name in names}


def _csr(arrays: dict[str, NDArray[Any]]) -> Any:
    form = arrays.get("format", np.array(b"csr")).item()
    form = form.decode("ascii", errors="replace") if isinstance(form, bytes) else form
    if form != "csr":
        raise ValueError(f"it holds a {form} matrix; save X.tocsr() instead")
    shape = arrays["shape"]
    if shape.shape != (2,) or shape.dtype.kind not in "iu":
        raise ValueError(f"its shape is {shape.tolist()}; it must be two whole numbers")
    parts = [arrays[name] for name in ("data", "indices", "indptr")]
    if any(part.ndim != 1 for part in parts):
        raise ValueError("its data, indices and indptr must have one dimension each")
    return csr_from_parts(parts[0], parts[1], parts[2], (int(shape[0]), int(shape[1])), canonical=False)


def write_npz(path: str | os.PathLike[str], X: Any, y: Any = None, sample_weight: Any = None) -> None:
    """Write examples that `read` and `scipy.sparse.load_npz` can load: uncompressed, whole or not at all.

    Takes what `check_examples` takes, and raises what it raises; DataError if the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise DataError(f"{path} must have a name that ends in .npz")
    examples = check_examples(X, y, sample_weight)
    X, y = examples.X, examples.y
    arrays: dict[str, Any] = {"X": X}
    if examples.is_sparse:
        arrays = {
            "indices": X.indices, "indptr": X.indptr, "format": np.array(b"csr"),
            "shape": np.array(X.shape, dtype=np.int64), "data": X.data, "_is_array": np.array(True),
        }  # fmt: skip
    if y is not None:
        arrays["y"] = _without_objects(y)
    if examples.sample_weight is not None:
        arrays["sample_weight"] = examples.sample_weight
    with saving(path, DataError) as file:
        np.savez(file, **arrays)


def _without_objects(y: NDArray[Any]) -> NDArray[Any]:
    """Objects would need pickle, which no reader should trust; strings do not."""
    if y.dtype != object:
        return y
    if all(isinstance(label, str) for label in y):
        return y.astype(np.str_)
    raise TypeError("y holds Python objects; give numbers or strings")
