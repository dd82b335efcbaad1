"""svmlight text in blocks of whole lines: scikit-learn's reader if that pays, the exact one for what it refuses.

`label index:value index:value ... # comment`, as svmlight and LIBSVM write it; `qid:n` is skipped. A block at
a time keeps one copy of the result in memory, reads pipes, and shows the slow reader only what it must see.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.data.errors import DataError, DataWarning
from hogwild.data.matrices import csr_from_parts
from hogwild.data.opening import kind_of
from hogwild.data.scans import first_not_finite
from hogwild.data.svmlight_lines import MOST_FEATURES, Disorder, Rows, Rules, parse_lines

BLOCK_BYTES = 1 << 22
# Importing scikit-learn takes a second; its reader, twice as fast as the exact one, wins that back after some 30 MB.
SMALL_TEXT_BYTES = 1 << 25
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Parsed(NamedTuple):
    """A text as arrays: X in canonical form (n_features: the largest index seen, at least 1), y float64."""

    X: Any
    y: NDArray[np.float64]
    disorder: Disorder


def parse(stream: BinaryIO, rules: Rules, block_bytes: int = BLOCK_BYTES) -> Parsed:
    """Read a binary stream to its end. Raises DataError that names the file and the line."""
    pieces: list[Rows] = []
    line, bytes_read = 1, 0
    for block in _blocks(stream, rules.name, block_bytes):
        is_fast = bytes_read >= SMALL_TEXT_BYTES or "sklearn.datasets" in sys.modules
        pieces.append((_fast(block, rules) if is_fast else None) or parse_lines(block, rules, line))
        line += block.count(b"\n")
        bytes_read += len(block)
    n_rows = sum(piece.labels.size for piece in pieces)
    if n_rows == 0:
        raise DataError(f"{rules.name} holds no examples; each line must be: label index:value index:value ...")
    return _join(pieces, rules)


def warn_of_disorder(disorder: Disorder, name: str) -> None:
    """State once per file that lines were mended."""
    if disorder.n_lines:
        lines = "1 line has" if disorder.n_lines == 1 else f"{disorder.n_lines} lines have"
        warnings.warn(
            f"{name}: {lines} unsorted or repeated indices, first line {disorder.first_line}; "
            "they were sorted, and the values of repeated ones added up",
            DataWarning,
            stacklevel=2,
        )


def _blocks(stream: BinaryIO, name: str, block_bytes: int) -> Iterator[bytes]:
    first = True
    while (block := stream.read(block_bytes)) != b"":
        if not isinstance(block, bytes):
            raise DataError(f"{name} gives {type(block).__name__} instead of bytes; open it in binary mode ('rb')")
        if first and (kind := kind_of(block)) is not None:
            raise DataError(f"{name} is {kind.name} instead of svmlight text; decompress or convert it first")
        if not block.endswith(b"\n"):
            block += stream.readline()
        yield block.removeprefix(_BYTE_ORDER_MARK) if first else block
        first = False


def _fast(block: bytes, rules: Rules) -> Rows | None:
    """The block by scikit-learn, or None where only the exact reader can mend it or say what is wrong."""
    from sklearn.datasets import load_svmlight_file

    try:
        X, y = load_svmlight_file(BytesIO(block), dtype=np.dtype(rules.dtype), zero_based=rules.zero_based)
    except (ValueError, OverflowError):
        return None
    if X.nnz and X.indices.max() >= min(rules.limit, MOST_FEATURES):
        return None
    if first_not_finite(X.data) is not None or first_not_finite(y) is not None:
        return None
    return Rows(X.data, X.indices.astype(np.int32, copy=False), X.indptr.astype(np.int64), y, Disorder())


def _join(pieces: list[Rows], rules: Rules) -> Parsed:
    """One CSR array of all blocks; each block is freed once it is copied."""
    n_rows = sum(piece.labels.size for piece in pieces)
    nnz = sum(piece.indices.size for piece in pieces)
    index_dtype = np.int32 if nnz < 2**31 else np.int64
    data = np.empty(nnz, dtype=rules.dtype)
    indices = np.empty(nnz, dtype=index_dtype)
    indptr = np.zeros(n_rows + 1, dtype=index_dtype)
    labels = np.empty(n_rows, dtype=np.float64)
    disorder = Disorder()
    row = end = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        rows, entries = piece.labels.size, piece.indices.size
        data[end : end + entries] = piece.data
        indices[end : end + entries] = piece.indices
        indptr[row + 1 : row + rows + 1] = piece.indptr[1:] + end
        labels[row : row + rows] = piece.labels
        disorder += piece.disorder
        row, end = row + rows, end + entries
    n_features = int(indices.max()) + 1 if nnz else 1
    return Parsed(csr_from_parts(data, indices, indptr, (n_rows, n_features), canonical=True), labels, disorder)
