"""Parts of one data set that are in different places: what each tells of itself, and what is true of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import chunk_of, looks_sorted, stored_numbers
from hogwild.data.errors import DataError
from hogwild.data.examples import Examples, Whole
from hogwild.data.files import stack
from hogwild.data.local import SURVEYED_EXAMPLES, Local
from hogwild.data.matrices import csr_from_parts
from hogwild.data.split import rows_in_order
from hogwild.rules.scores import variance_of

SAMPLE = 3  # a stream of random numbers: see `hogwild.data.blocks`


@final
class Part(NamedTuple):
    """What a worker tells of its part.

    labels :  their dtype, None without labels
    present : rows with a positive weight
    weight, mean, squares : the sum of the weights (1 each without any); of labels that are numbers, their weighted mean
              and the weighted sum of their squared distances from it
    """

    rank: int
    host: str
    source: str
    n_examples: int
    n_features: int
    dtype: str
    is_sparse: bool
    labels: np.dtype | None
    is_weighted: bool
    present: int
    stored: int
    is_sorted: bool
    weight: float
    mean: float
    squares: float

    @property
    def name(self) -> str:
        """For messages."""
        return f"worker {self.rank} on host {self.host} ({self.source})"

    @property
    def has_numbers(self) -> bool:
        """Are the labels numbers?"""
        return self.labels is not None and self.labels.kind in "biuf"


@final
class Common(NamedTuple):
    """What is true of all parts.

    bounds : worker p has rows bounds[p], ... bounds[p + 1] - 1 of all
    labels : their dtype
    shown :  of the rows that may be surveyed, how many come before those of each worker, and how many there are
    """

    whole: Whole
    bounds: tuple[int, ...]
    n_features: int
    dtype: str
    labels: np.dtype | None
    shown: tuple[int, ...]


def part_of(examples: Examples, rank: int, host: str) -> Part:
    """What is to be told of a worker's rows."""
    y, weights, n = examples.y, examples.sample_weight, examples.n_examples
    total = float(n) if weights is None else float(weights.sum(dtype=np.float64))
    mean = squares = 0.0
    if y is not None and y.dtype.kind in "biuf":
        mean = float(np.average(y.astype(np.float64), weights=weights))
        squares = variance_of(y, weights) * total
    return Part(
        rank,
        host,
        examples.source,
        n,
        examples.n_features,
        examples.X.dtype.name,
        examples.is_sparse,
        None if y is None else y.dtype,
        weights is not None,
        n if weights is None else int(np.count_nonzero(weights)),
        stored_numbers(examples),
        looks_sorted(y),
        total,
        mean,
        squares,
    )


def agree(parts: Sequence[Part]) -> Common:
    """What is true of all. DataError names two whose parts are not alike."""
    _check_alike(parts)
    n = sum(part.n_examples for part in parts)
    # Of small data all are shown; of others those that have a weight: examples without say nothing.
    counts = [part.n_examples if n <= SURVEYED_EXAMPLES else part.present for part in parts]
    stored, is_sorted = sum(part.stored for part in parts), any(part.is_sorted for part in parts)
    weight = sum(part.weight for part in parts)
    mean = sum(part.mean * part.weight for part in parts) / weight
    squares = sum(part.squares + part.weight * (part.mean - mean) ** 2 for part in parts)
    labels = [part.labels for part in parts if part.labels is not None]
    return Common(
        Whole(n, stored, chunk_of(n, stored, is_sorted=is_sorted), weight, squares / weight),
        tuple(accumulate((part.n_examples for part in parts), initial=0)),
        max(part.n_features for part in parts),
        np.result_type(*(part.dtype for part in parts)).name,
        np.result_type(*labels) if labels else None,
        tuple(accumulate(counts, initial=0)),
    )


def _check_alike(parts: Sequence[Part]) -> None:
    first = parts[0]
    for part in parts[1:]:
        for what, here, there in (
            ("a sparse X", part.is_sparse, first.is_sparse),
            ("labels", part.labels is not None, first.labels is not None),
            ("sample weights", part.is_weighted, first.is_weighted),
            ("labels that are numbers", part.has_numbers, first.has_numbers),
        ):
            if here != there:
                having, lacking = (part, first) if here else (first, part)
                raise DataError(f"{having.name} has {what} and {lacking.name} has not: parts must be alike")
        if not part.is_sparse and part.n_features != first.n_features:
            raise DataError(
                f"{part.name} has {part.n_features} features and {first.name} has {first.n_features}: dense parts must "
                "have the same"
            )


def settle(examples: Examples, common: Common) -> Examples:
    """The worker's rows, as a part of all; only what must change is copied."""
    X, y = examples.X, examples.y
    if examples.is_sparse:
        shape, data = (X.shape[0], common.n_features), X.data.astype(common.dtype, copy=False)
        X = csr_from_parts(data, X.indices, X.indptr, shape, canonical=True)
    else:
        X = X.astype(common.dtype, copy=False)
    if y is not None:
        y = y.astype(common.labels, copy=False)
    return replace(examples, X=X, y=y, whole=common.whole)


def sample_of(examples: Examples, rank: int, common: Common, seed: int) -> Examples:
    """The worker's rows in a random sample of all, in proportion to what it has; all of them if all are few."""
    first, end, total = common.shown[rank], common.shown[rank + 1], common.shown[-1]
    if common.whole.n_examples > SURVEYED_EXAMPLES:
        most = min(SURVEYED_EXAMPLES, total)
        weights = examples.sample_weight
        present: NDArray[np.int64] = np.arange(examples.n_examples) if weights is None else np.flatnonzero(weights)
        count = most * end // total - most * first // total
        chosen = np.random.default_rng([seed, SAMPLE, rank]).choice(present, count, replace=False)
        examples = rows_in_order(examples, np.sort(chosen))
    return replace(examples, whole=None)


def joined(samples: Sequence[Examples]) -> Examples:
    """Parts of one data set, one under another."""
    return stack([sample for sample in samples if sample.n_examples], None)


def opened(local: Local, size: int, host: str) -> tuple[Examples, tuple[int, ...]]:
    """All parts, opened here, as one; and bounds: worker p has rows bounds[p], ... bounds[p + 1] - 1."""
    local.check_size(size)
    parts = [local.open(rank, size, host) for rank in range(size)]
    common = agree([part_of(part, rank, host) for rank, part in enumerate(parts)])
    return joined([replace(settle(part, common), whole=None) for part in parts]), common.bounds
