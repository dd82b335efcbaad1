"""Data that are where the workers are: each opens its own part, and nobody else ever has it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from glob import glob, has_magic
from typing import Any, final

import numpy as np

from hogwild.data.errors import DataError
from hogwild.data.examples import Examples
from hogwild.data.given import examples_of, is_files
from hogwild.names import wrong_type

SURVEYED_EXAMPLES = 8_192  # at most, at random, are sent for what a model must know before its first step
KINDS = "a list with an entry for each worker, a pattern such as 'part-{rank}.svm', or a function open(rank, size)"


@final
@dataclass(frozen=True, eq=False)
class Local:
    """Data of which every worker opens a part of its own, where it runs: `train(model, Local(...), engine=Ray(8))`.

    parts : a list with an entry for each worker: a path, a glob ("/data/part-3*.svm"), or a list of these;
            or one string for all, in which {rank} and {size} stand for the worker's numbers ("part-{rank:03}.svm");
            or a function open(rank, size) that gives (X, y), (X, y, sample_weight), `Examples`, a path, a glob or a
            list of these

    On `Ray`, paths are those of the host where the worker runs, and the function is called there (again, if another
    process takes the place of one that has died: it must give the same rows). The process that calls `train` never has
    the rows; what a model must know of the data before its first step is found on a random sample of at most
    8,192 rows. On the other engines the parts are opened in this process, one after
    another.

    As with `Partitioned`, a worker learns its own rows only. Parts must be alike: all sparse or all dense, all with
    labels or none, all with sample weights or none; sparse ones may have different numbers of features, of which the
    largest counts.

    Raises TypeError or ValueError for parts that are no such thing; DataError, when training begins, names the worker
    and its host if a part cannot be opened, and both workers if two parts are not alike.
    """

    parts: list[Any] | str | Callable[[int, int], Any]

    def __post_init__(self) -> None:
        parts = self.parts
        if isinstance(parts, str):
            try:
                first, second = (parts.format(rank=rank, size=2) for rank in range(2))
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(
                    f"parts={parts!r} is no pattern: only {{rank}} and {{size}} may be in braces"
                ) from error
            if first == second:
                raise ValueError(
                    f"parts={parts!r} is the same for all workers, which would learn the same rows: put {{rank}} into "
                    "it, or give a function open(rank, size) if hosts have different files of that name"
                )
        elif isinstance(parts, list):
            for rank, part in enumerate(parts):
                if not is_files(part) or (isinstance(part, list) and not (part and all(map(_is_path, part)))):
                    raise wrong_type(f"parts[{rank}]", part, "a path, a glob, or a list of these")
        elif not callable(parts):
            raise wrong_type("parts", parts, KINDS)

    def check_size(self, size: int) -> None:
        """ValueError if it is not for so many workers."""
        if isinstance(self.parts, list) and len(self.parts) != size:
            raise ValueError(
                f"Local has {len(self.parts)} parts and there are {size} workers: give a part for each of them"
            )

    def open(self, rank: int, size: int, host: str) -> Examples:
        """The part of this worker, which runs on this host. DataError if it cannot be opened."""
        try:
            return self._open(rank, size)
        except Exception as error:
            why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise DataError(f"worker {rank} of {size}, on host {host}, cannot open its data: {why}") from error

    def _open(self, rank: int, size: int) -> Examples:
        if isinstance(self.parts, str):
            found: Any = self.parts.format(rank=rank, size=size)
        elif isinstance(self.parts, list):
            found = self.parts[rank]
        else:
            found = self.parts(rank, size)
        return examples_of(_files(found)) if is_files(found) else examples_of(found)


def _is_path(given: Any) -> bool:
    return is_files(given) and not isinstance(given, list)


def _files(given: Any) -> list[str]:
    """Globs become the names of the files that they match, sorted. DataError if there are none."""
    found: list[str] = []
    for path in map(os.fspath, given if isinstance(given, list) else [given]):
        if not has_magic(path) or os.path.exists(path):
            found.append(path)
            continue
        names = sorted(glob(path))
        if not names:
            raise DataError(f"no file matches {path!r}")
        found += names
    return found


def elsewhere() -> Examples:
    """No rows: they are not here."""
    return Examples(np.zeros((0, 0), np.float32), None, None, "data of the workers", checked=True)
