"""Write a file whole or not at all: into a temporary beside it, then into its place in one step."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def saving(path: str | os.PathLike[str], error: type[Exception] = OSError) -> Iterator[BinaryIO]:
    """`replacing`, for what a user wants to have: an `error` says in one sentence why it cannot be written."""
    try:
        with replacing(path) as file:
            yield file
    except OSError as cause:
        raise error(f"{path} cannot be written: {cause.strerror or cause}; nothing was written") from cause


@contextmanager
def replacing(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of `path` when the block ends; if that fails, nothing remains.

    durable: wait until the contents are on the disk, so that even a crash of the machine leaves the old file
    or the new one. A link is followed. Raises OSError as open, write and replace do.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file() and not target.is_dir():
        # A device or a pipe would be replaced by a file, which root may do to /dev/null.
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    temporary = target.with_name(f".hogwild-{secrets.token_hex(8)}.part")
    file = open(temporary, "xb")  # noqa: SIM115 (closed below: before the replacement, and also if that fails)
    try:
        with file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
