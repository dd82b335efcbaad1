"""Files of the command line: data to read, with the options that say how, and places to write to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hogwild.checkpoint import Estimator
    from hogwild.data import Examples

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that reads data: `zero_based` and `no_cache`."""
    zero_based = click.option("--zero-based", is_flag=True, help="Features are numbered from 0 instead of 1.")
    no_cache = click.option("--no-cache", is_flag=True, help="Keep no binary copy (.hogwild-cache) beside the text.")
    return zero_based(no_cache(command))


def read_data(files: Sequence[str], zero_based: bool, no_cache: bool, n_features: int | None = None) -> Examples:
    """The examples of all files, one after another."""
    from hogwild.data import ReadOptions, read

    options = ReadOptions(n_features=n_features, zero_based=zero_based, cache=not no_cache)
    return read(list(files), options=options)


def read_for(estimator: Estimator, file: str, zero_based: bool, no_cache: bool) -> Examples:
    """The examples of a file, with as many features as the model has; DataError if there are more.

    The text of a small set often stops short of the last feature, which is fine; a dense array must fit.
    """
    from hogwild.data import DataError
    from hogwild.data.matrices import csr_from_parts

    examples = read_data([file], zero_based, no_cache)
    have, want = examples.n_features, estimator.n_features_in_
    if have > want or (have < want and not examples.is_sparse):
        raise DataError(
            f"{examples.source} has {have} features but the model was trained with {want}; give data that are "
            "numbered as those it was trained on"
        )
    X = examples.X
    if have < want:
        X = csr_from_parts(X.data, X.indices, X.indptr, (X.shape[0], want), canonical=True)
    return replace(examples, X=X)


def labels(examples: Examples) -> Any:
    """y of examples that must have one."""
    from hogwild.data import DataError

    if examples.y is None:
        raise DataError(f"{examples.source} has no labels; save them as y in the .npz, one for each row")
    return examples.y


def check_writable(path: str | os.PathLike[str]) -> None:
    """OSError, with one sentence, if a file could not be put there; nothing remains of the trial."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        what = "a directory" if target.is_dir() else "not a regular file"
        raise OSError(f"{path} is {what}; name a file to be written")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except FileNotFoundError:
        raise OSError(f"{path} cannot be written: there is no directory {target.parent}; make it first") from None
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error} ({target.parent})") from error
