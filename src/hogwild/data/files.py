"""Files become Examples: svmlight text (plain, compressed or from a pipe) and .npz, one or many stacked."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hogwild.data import cache, svmlight
from hogwild.data.errors import DataError
from hogwild.data.examples import Examples
from hogwild.data.matrices import csr_from_parts
from hogwild.data.npz import read_npz
from hogwild.data.opening import reading, unreadable
from hogwild.data.svmlight_lines import Rules

Source = str | os.PathLike[str] | BinaryIO


@final
@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    n_features: columns of X; None: as many as the largest index in all files needs. More in one is an error.
    zero_based: whether the text numbers features from 0 instead of from 1
    cache:      keep `NAME.hogwild-cache` beside each text file, and use it while the text stays the same
    dtype:      "float32" or "float64": values of text; an .npz keeps its own
    """

    n_features: int | None = None
    zero_based: bool = False
    cache: bool = True
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        if self.n_features is not None and self.n_features < 1:
            raise ValueError(f"n_features must be at least 1, not {self.n_features}")
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be 'float32' or 'float64', not {self.dtype!r}")


def read(paths: Source | Iterable[Source], *, options: ReadOptions = ReadOptions()) -> Examples:
    """Read one or more files as one set of examples, in the order given.

    paths: names of files, "-" for standard input, or binary file objects. `.npz` archives are CSR or dense
           (`read_npz`); all else is svmlight text, decompressed if the name ends in .gz, .bz2 or .xz.

    Labels of text are float64. Raises DataError with one sentence that names the file and, for text, the
    line; warns DataWarning once for each text with unsorted or repeated indices.
    """
    return read_apart(paths, options=options)[0]


def read_apart(
    paths: Source | Iterable[Source], *, options: ReadOptions = ReadOptions()
) -> tuple[Examples, tuple[int, ...]]:
    """As `read`, and how many rows each file has."""
    sources: list[Any] = [paths] if _is_one(paths) else list(paths)  # type: ignore[arg-type]
    if not sources:
        raise DataError("no files were given; name at least one")
    if sum(source == "-" for source in sources) > 1:
        raise DataError("standard input ('-') was given twice; it can be read only once")
    parts = [_read_one(source, options) for source in sources]
    counts = tuple(part.n_examples for part in parts)
    return stack(parts, options.n_features), counts


def _is_one(paths: Any) -> bool:
    return isinstance(paths, str | os.PathLike) or hasattr(paths, "read")


def _read_one(source: Any, options: ReadOptions) -> Examples:
    if hasattr(source, "read"):
        return _read_stream(source, str(getattr(source, "name", "the file object")), options)
    if source == "-":
        return _read_stream(sys.stdin.buffer, "standard input", options)
    path = Path(source)
    return read_npz(path) if path.suffix.lower() == ".npz" else _read_text(path, options)


def _read_stream(stream: BinaryIO, name: str, options: ReadOptions) -> Examples:
    try:
        return _examples(svmlight.parse(stream, _rules(name, options)), name)
    except OSError as error:
        raise unreadable(Path(name), error) from None


def _read_text(path: Path, options: ReadOptions) -> Examples:
    name = str(path)
    key = None
    if options.cache and path.is_file():  # a pipe has nothing to compare with, and a missing file is named below
        key = cache.key_of(path, zero_based=options.zero_based, dtype=options.dtype)
        parsed = cache.load(path, key)
        # One with too many features is parsed again, to name the line.
        if parsed is not None and parsed.X.shape[1] <= (options.n_features or parsed.X.shape[1]):
            return _examples(parsed, name)
    with reading(path) as stream:
        parsed = svmlight.parse(stream, _rules(name, options))
    if key is not None:
        cache.store(path, key, parsed)
    return _examples(parsed, name)


def _rules(name: str, options: ReadOptions) -> Rules:
    return Rules(name, options.zero_based, options.dtype, options.n_features)


def _examples(parsed: svmlight.Parsed, name: str) -> Examples:
    svmlight.warn_of_disorder(parsed.disorder, name)
    return Examples(parsed.X, parsed.y, None, name, checked=True)


# ---- stacking


def stack(parts: list[Examples], n_features: int | None) -> Examples:
    """One set of examples under another; `parts` is emptied, so that no part outlives its copy."""
    width = n_features if n_features is not None else max(part.n_features for part in parts)
    for part in parts:
        _check_width(part, width, n_features)
    source = ", ".join(part.source for part in parts[:3]) + (f" and {len(parts) - 3} more" if parts[3:] else "")
    _check_alike(parts)
    y = None if parts[0].y is None else np.concatenate([_labels(part) for part in parts])
    weights = [part.sample_weight for part in parts if part.sample_weight is not None]
    return Examples(_stack_rows(parts, width), y, np.concatenate(weights) if weights else None, source, checked=True)


def _check_width(part: Examples, width: int, n_features: int | None) -> None:
    if part.n_features > width:
        raise DataError(f"{part.source} has {part.n_features} features, more than n_features={width}; raise n_features")
    if part.n_features < width and not part.is_sparse:
        other = f"n_features={n_features}" if n_features is not None else f"the {width} of another file"
        raise DataError(f"{part.source} has {part.n_features} features instead of {other}; dense X cannot be widened")


def _check_alike(parts: list[Examples]) -> None:
    first = parts[0]
    for part in parts[1:]:
        for what, here, there in (
            ("a sparse X", part.is_sparse, first.is_sparse),
            ("labels", part.y is not None, first.y is not None),
            ("sample weights", part.sample_weight is not None, first.sample_weight is not None),
            ("labels that are numbers", _is_numeric(part.y), _is_numeric(first.y)),
        ):
            if here != there:
                having, lacking = (part, first) if here else (first, part)
                raise DataError(f"{having.source} has {what} and {lacking.source} has not; read them apart")


def _is_numeric(y: NDArray[Any] | None) -> bool:
    return y is not None and y.dtype.kind in "biuf"


def _labels(part: Examples) -> NDArray[Any]:
    assert part.y is not None  # _check_alike
    return part.y


def _stack_rows(parts: list[Examples], width: int) -> Any:
    if len(parts) == 1:
        X = parts.pop().X
        if sp.issparse(X) and X.shape[1] != width:
            return csr_from_parts(X.data, X.indices, X.indptr, (X.shape[0], width), canonical=True)
        return X
    n_rows = sum(part.n_examples for part in parts)
    dtype = np.result_type(*(part.X.dtype for part in parts))
    row = end = 0
    if not parts[0].is_sparse:
        dense = np.empty((n_rows, width), dtype=dtype)
        for X in _taken(parts):
            dense[row : row + X.shape[0]] = X
            row += X.shape[0]
        return dense
    nnz = sum(part.X.nnz for part in parts)
    narrow = nnz < 2**31 and all(part.X.indices.dtype == np.int32 for part in parts)
    data = np.empty(nnz, dtype=dtype)
    indices = np.empty(nnz, dtype=np.int32 if narrow else np.int64)
    indptr = np.zeros(n_rows + 1, dtype=indices.dtype)
    for X in _taken(parts):
        data[end : end + X.nnz] = X.data
        indices[end : end + X.nnz] = X.indices
        indptr[row + 1 : row + X.shape[0] + 1] = X.indptr[1:]
        indptr[row + 1 : row + X.shape[0] + 1] += end
        row, end = row + X.shape[0], end + X.nnz
    return csr_from_parts(data, indices, indptr, (n_rows, width), canonical=True)


def _taken(parts: list[Examples]) -> Iterator[Any]:
    """Each X in turn, freed when the next is asked for."""
    parts.reverse()
    while parts:
        yield parts.pop().X
