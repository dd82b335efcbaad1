"""Data that stay with their workers: who owns which rows, and the rows in the order of their owners."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.given import examples_of, is_files
from hogwild.data.split import rows_in_order
from hogwild.limits import is_whole
from hogwild.names import wrong_type
from hogwild.rules.partitions import Partition, check_owners, evenly

PARTITION = 2  # a stream of random numbers: see `hogwild.data.blocks`


@final
@dataclass(frozen=True, eq=False)
class Partitioned:
    """Data of which every worker has a part of its own, and learns no other rows: `train(model, Partitioned(...))`.

    data : (X, y), (X, y, sample_weight), Examples, or a list of files
    by :   who has which rows: `evenly()` (default: random and equal, the unbiased partition), `dirichlet(alpha)` or
           `label_subsets(k)` (by label, biased), `by_file()` (a list of files, one or more a worker), or an array (n,)
           of ranks. Random ones depend on the run's seed.

    An epoch is still n examples, learnt by all together; a worker whose own rows are fewer passes over them more often,
    each time in a fresh random order. The same share of every worker's rows is held out, and all rows are judged.
    `Worker.data_share` tells how much of the data a worker has.

    Rows are brought into the order of their owners: one copy of the data, unless they are in it already, as with
    `by_file()`.

    Raises ValueError or TypeError, when training begins, for a partition that does not fit the data or the workers.
    """

    data: Any
    by: Any = field(default_factory=evenly)


def place(given: Partitioned, size: int, seed: int) -> tuple[Examples, tuple[int, ...]]:
    """The examples in the order of their owners, and bounds: worker p owns rows bounds[p], ... bounds[p + 1] - 1."""
    by = given.by
    if isinstance(by, Partition) and by.of == "files":
        examples, groups = _of_files(given.data, by)
    else:
        examples, groups = examples_of(given.data), np.zeros(0, np.int64)
    n = examples.n_examples
    if not isinstance(by, Partition):
        owners = _checked(by, n, size)
    else:
        if by.of == "labels":
            groups = _labels(examples.y, by)
        elif by.of == "rows":
            groups = np.zeros(n, np.int64)
        owners = by.owners(groups, size, np.random.default_rng([seed, PARTITION]))
    bounds = (0, *np.cumsum(np.bincount(owners, minlength=size)).tolist())
    if (owners[1:] < owners[:-1]).any():
        examples = rows_in_order(examples, np.argsort(owners, kind="stable"))
    return examples, bounds


def loaded(data: Any) -> tuple[Examples, Any]:
    """The examples, and what to train on more than once: the same, or their partition, without reading files again
    where only the names of the files say whose they are.
    """
    if not isinstance(data, Partitioned):
        examples = examples_of(data)
        return examples, examples
    examples = examples_of(data.data)
    by_file = isinstance(data.by, Partition) and data.by.of == "files"
    return examples, data if by_file else replace(data, data=examples)


def _of_files(data: Any, by: Partition) -> tuple[Examples, NDArray[np.int64]]:
    """All files as one, and for each row the number of its file."""
    from hogwild.data.files import read_apart

    if not is_files(data):
        raise TypeError(
            f"by={by!r} wants a list of file names as data, not {type(data).__name__}; for (X, y) use evenly(), "
            "dirichlet(0.1), label_subsets(2) or an array of ranks"
        )
    examples, counts = read_apart(data)
    return examples, np.repeat(np.arange(len(counts)), counts)


def _labels(y: NDArray[Any] | None, by: Partition) -> NDArray[np.int64]:
    """The number of each row's label among all labels, sorted."""
    if y is None:
        raise ValueError(f"by={by!r} goes by labels, and the data have no y: use evenly(), or an array of ranks")
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        row = int(np.argmax(y != np.floor(y)))
        raise ValueError(
            f"by={by!r} goes by labels, but y has numbers such as {y[row]:g} in row {row}: use evenly(), or an array "
            "of ranks"
        )
    codes = np.unique(y.astype(str) if y.dtype.kind == "O" else y, return_inverse=True)[1]
    return codes.astype(np.int64)


def _checked(by: Any, n: int, size: int) -> NDArray[np.int64]:
    """An array of owners; TypeError or ValueError if it is none."""
    if not isinstance(by, np.ndarray | list | tuple):
        raise wrong_type("by", by, "a partition such as dirichlet(0.1), or an array of ranks, one for each row")
    owners = np.asarray(by)
    if owners.shape != (n,):
        raise ValueError(f"by has shape {owners.shape}, and there are {n} rows: give the rank of a worker for each row")
    if owners.dtype.kind not in "iu" and not (owners.dtype.kind == "O" and all(map(is_whole, owners))):
        raise ValueError(f"by has dtype {owners.dtype}: ranks of workers are whole numbers")
    wrong = (owners < 0) | (owners >= size)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"by has {owners[row]} in row {row}: ranks of {size} workers go from 0 to {size - 1}")
    ranks = owners.astype(np.int64)
    check_owners(ranks, size, "by", "give each worker a row, or take fewer workers")
    return ranks
