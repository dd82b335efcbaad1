"""A Ray Dataset as data of workers: each opens some of its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.errors import DataError
from hogwild.data.local import Local
from hogwild.names import wrong_type


def from_dataset(
    dataset: Any, label: str, features: Sequence[str] | None = None, sample_weight: str | None = None
) -> Local:
    """The rows of a `ray.data.Dataset`, for `train(model, from_dataset(...), engine=Ray(8))`: worker p opens the blocks
    p, p + size, p + 2 size, ..., which lie in the cluster's memory and go straight to it.

    label, sample_weight : columns
    features : columns of numbers, or of arrays of equal length, which become columns side by side; None: all others

    The dataset is computed now, once. It must have a block for each worker: see `Dataset.repartition`.

    Raises TypeError for what is no dataset, ValueError for a column that there is not; DataError, when training begins,
    if it has too few blocks or a column is not numeric.
    """
    if not hasattr(dataset, "to_arrow_refs"):
        raise wrong_type("dataset", dataset, "a ray.data.Dataset")
    names = list(dataset.columns() or ())
    chosen = [name for name in names if name not in (label, sample_weight)] if features is None else list(features)
    for name in (label, *chosen, *([] if sample_weight is None else [sample_weight])):
        if name not in names:
            raise ValueError(f"the dataset has no column {name!r}; it has {', '.join(map(repr, names))}")
    if not chosen:
        raise ValueError("the dataset has no column to learn from: name some as features")
    return Local(_Blocks(tuple(dataset.to_arrow_refs()), label, tuple(chosen), sample_weight))


@final
@dataclass(frozen=True)
class _Blocks:
    """References to the blocks of a dataset, as Arrow tables, and what is in which column."""

    blocks: tuple[Any, ...]
    label: str
    features: tuple[str, ...]
    sample_weight: str | None

    def __call__(self, rank: int, size: int) -> tuple[NDArray[Any], ...]:
        """X, y and perhaps the weights of the rows of this worker."""
        if len(self.blocks) < size:
            raise DataError(
                f"the dataset has {len(self.blocks)} blocks for {size} workers: use dataset.repartition({size})"
            )
        tables = import_module("ray").get(list(self.blocks[rank::size]))
        y = self._column(tables, self.label)
        X = np.hstack([self._column(tables, name).reshape(len(y), -1) for name in self.features])
        return (X, y) if self.sample_weight is None else (X, y, self._column(tables, self.sample_weight))

    def _column(self, tables: Sequence[Any], name: str) -> NDArray[Any]:
        parts = [_numbers(table[name], name) for table in tables if len(table)]
        if not parts:
            raise DataError("its blocks of the dataset have no rows: use dataset.repartition()")
        return np.concatenate(parts)


def _numbers(column: Any, name: str) -> NDArray[Any]:
    """(rows,), or (rows, width) of a column of arrays."""
    found = column.combine_chunks()
    array: NDArray[Any] = np.asarray(
        found.to_numpy_ndarray() if hasattr(found, "to_numpy_ndarray") else column.to_numpy()
    )
    if array.dtype == object:  # lists
        try:
            array = np.stack(list(array))
        except ValueError as error:
            raise DataError(f"column {name!r} of the dataset has arrays of different lengths") from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"column {name!r} of the dataset has {array.dtype} and no numbers: leave it out of features")
    return array
