"""A binary copy of a parsed text beside it, `NAME.hogwild-cache`, so that the next run reads at memory speed.

It is only ever a copy: one that is stale, foreign, damaged or of another version is ignored and written anew,
and where none can be written (no permission, full disk) the text is simply parsed each time.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.data.atomic import replacing
from hogwild.data.matrices import csr_from_parts
from hogwild.data.scans import first_not_finite, rows_ascend, structure_fault
from hogwild.data.svmlight import Parsed
from hogwild.data.svmlight_lines import Disorder

SUFFIX = ".hogwild-cache"
# A file may change twice within one tick of its file system's clock, so a young one says nothing by its time.
SETTLED_AFTER_S = 2.0
_MAGIC = b"hogwild-cache\x00\x01\n"  # the last byte but one is the version of the format
_HEADER = struct.Struct("<16s11q")
_HEADER_CHECK = struct.Struct("<Q")  # crc32 of the header


class Key(NamedTuple):
    """What a cache was made from; it is used only while all of this is the same."""

    size_bytes: int
    mtime_ns: int
    zero_based: bool
    value_bytes: int


class _Header(NamedTuple):
    magic: bytes
    size_bytes: int
    mtime_ns: int
    zero_based: int
    value_bytes: int
    index_bytes: int
    n_examples: int
    n_features: int
    nnz: int
    n_disordered: int
    first_disordered: int
    checksum: int

    def specs(self) -> list[tuple[str, int]]:
        """dtype and length of each array, in file order."""
        index = f"<i{self.index_bytes}"
        return [
            (index, self.n_examples + 1),
            (index, self.nnz),
            (f"<f{self.value_bytes}", self.nnz),
            ("<f8", self.n_examples),
        ]

    def is_sound(self, key: Key, file_bytes: int) -> bool:
        """Whether the file is ours, of this text, and as long as it says; only then may we allocate."""
        if self.magic != _MAGIC or self[1:5] != key or self.index_bytes not in (4, 8):
            return False
        if self.n_examples < 1 or self.n_features < 1 or self.nnz < 0:
            return False
        return file_bytes == _START + sum(n * np.dtype(dtype).itemsize for dtype, n in self.specs())


_START = _HEADER.size + _HEADER_CHECK.size


def key_of(path: Path, *, zero_based: bool, dtype: str) -> Key:
    """The key of a text file as it is now. Raises OSError."""
    status = os.stat(path)
    return Key(status.st_size, status.st_mtime_ns, zero_based, np.dtype(dtype).itemsize)


def cache_path(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def load(path: Path, key: Key) -> Parsed | None:
    """What the text at `path` parses to, from its cache, or None if there is no cache to be trusted."""
    try:
        with open(cache_path(path), "rb") as file:
            return _read(file, key)
    except OSError:  # none there, or unreadable: the text is
        return None


def _read(file: BinaryIO, key: Key) -> Parsed | None:
    start = file.read(_START)
    if len(start) != _START or _HEADER_CHECK.unpack_from(start, _HEADER.size) != (_header_sum(start),):
        return None
    header = _Header(*_HEADER.unpack_from(start))
    if not header.is_sound(key, os.fstat(file.fileno()).st_size):
        return None
    arrays = []
    for dtype, length in header.specs():
        array = np.fromfile(file, dtype=dtype, count=length)
        if array.size != length:
            return None
        arrays.append(array)
    if _checksum(arrays) != header.checksum:
        return None
    indptr, indices, data, y = (array.astype(array.dtype.newbyteorder("="), copy=False) for array in arrays)
    if (
        structure_fault(indices, indptr, data.size, header.n_features) is not None
        or not rows_ascend(indices, indptr)
        or first_not_finite(data) is not None
        or first_not_finite(y) is not None
    ):
        return None
    X = csr_from_parts(data, indices, indptr, (header.n_examples, header.n_features), canonical=True)
    return Parsed(X, y, Disorder(header.n_disordered, header.first_disordered))


def store(path: Path, key: Key, parsed: Parsed) -> None:
    """Write the cache of `path`, if the text still is what `key` says and the directory lets us."""
    X, y, disorder = parsed
    arrays = [
        np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")) for array in (X.indptr, X.indices, X.data, y)
    ]
    header = _HEADER.pack(
        *_Header(
            magic=_MAGIC,
            size_bytes=key.size_bytes,
            mtime_ns=key.mtime_ns,
            zero_based=key.zero_based,
            value_bytes=key.value_bytes,
            index_bytes=X.indices.itemsize,
            n_examples=X.shape[0],
            n_features=X.shape[1],
            nnz=X.data.size,
            n_disordered=disorder.n_lines,
            first_disordered=disorder.first_line,
            checksum=_checksum(arrays),
        )
    )
    try:
        now = key_of(path, zero_based=key.zero_based, dtype=str(X.dtype))
        if now != key or time.time_ns() - key.mtime_ns < SETTLED_AFTER_S * 1e9:
            return
        if not os.stat(path.parent).st_mode & 0o222:  # nobody is meant to write there; it would not stop root
            return
        with replacing(cache_path(path), durable=False) as file:
            file.write(header + _HEADER_CHECK.pack(_header_sum(header)))
            for array in arrays:
                file.write(array.data)
    except OSError:  # a read-only directory or a full disk must not stop who only wanted to read
        return


def _header_sum(start: bytes) -> int:
    return zlib.crc32(start[: _HEADER.size])


def _checksum(arrays: list[NDArray[Any]]) -> int:
    """Sum of all 32-bit words: it finds any one damaged byte, at memory speed."""
    return sum(int(array.view("<u4").sum(dtype=np.uint64)) for array in arrays) % 2**63
