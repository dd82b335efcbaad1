"""Open a text file, plain or compressed, so that whatever is wrong with it becomes one sentence.

The suffix decides how a file is opened, and its first bytes must agree.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from hogwild.data.errors import DataError


class Kind(NamedTuple):
    """A kind of file that its first bytes give away."""

    name: str
    suffix: str
    magic: bytes
    open: Any  # opens the decompressed contents; None if this is no text


KINDS = (
    Kind("gzip-compressed", ".gz", b"\x1f\x8b", gzip.open),
    Kind("bzip2-compressed", ".bz2", b"BZh", bz2.open),
    Kind("xz-compressed", ".xz", b"\xfd7zXZ\x00", lzma.open),
    Kind("a zip archive", ".npz", b"PK\x03\x04", None),
    Kind("a NumPy array", ".npy", b"\x93NUMPY", None),
    Kind("a Parquet file", ".parquet", b"PAR1", None),
)


def kind_of(start: bytes) -> Kind | None:
    """What the first bytes of a file give away; None for text."""
    return next((kind for kind in KINDS if start.startswith(kind.magic)), None)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """The decompressed contents of `path`, opened once (it may be a pipe).

    What goes wrong while they are read, in the caller's block too, becomes a DataError.
    """
    try:
        with open(path, "rb") as raw:
            kind = check_kind(path, raw.peek(8))
            if kind is None:
                yield raw
            else:
                with kind.open(raw, "rb") as stream:
                    yield cast(BinaryIO, stream)
    except EOFError:
        raise DataError(f"{path} ends in the middle of its compressed data; copy or download it again") from None
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}); copy or download it again") from None
    except OSError as error:
        if error.errno is None:  # bz2 says so
            raise DataError(f"{path} is damaged ({error}); copy or download it again") from None
        raise unreadable(path, error) from None


def check_kind(path: Path, start: bytes) -> Kind | None:
    """The kind that the suffix promises (None: plain text), if the first bytes keep the promise."""
    if not start:
        raise DataError(f"{path} is empty; it must hold at least one example")
    promised = next((kind for kind in KINDS if path.suffix.lower() == kind.suffix), None)
    found = kind_of(start)
    if found is not None and found.open is None and found.suffix != ".npz":
        raise DataError(f"{path} is {found.name}, which is not read; give svmlight text or .npz")
    if promised is not None and found is None:
        raise DataError(f"{path} is not {promised.name}, though its name ends in {promised.suffix}; rename it")
    if found is not promised and found is not None:
        raise DataError(f"{path} is {found.name}; give it a name that ends in {found.suffix}")
    return promised


def unreadable(path: Path, error: OSError) -> DataError:
    """The sentence for a file that cannot be opened or read."""
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path} does not exist")
    if isinstance(error, IsADirectoryError):
        return DataError(f"{path} is a directory; give the files in it")
    return DataError(f"{path} cannot be read: {error.strerror or error}")
