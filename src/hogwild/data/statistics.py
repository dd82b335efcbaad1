"""What a set of examples looks like, and whether Hogwild! can be expected to work on it.

Omega, Delta and rho are those of Niu et al. 2011, eq. 2.6: each example is a hyperedge over the features that
it touches, and the fewer edges meet, the fewer updates collide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.scans import SLICE_ENTRIES

MOST_LABELS = 20
LANES = 64  # examples whose neighbours are counted at once, one bit each
BUDGET_ENTRIES = 1 << 26  # stored entries to pass over for rho


@final
@dataclass(frozen=True)
class Statistics:
    """Figures of a set of examples; entries are the stored ones of a sparse X, the nonzero ones of a dense X.

    density:             nnz / (n_examples n_features)
    nnz_per_row_*:       entries of a row
    label_counts:        how often each label occurs, if there are at most 20 or they are not numbers, or None
    label_range:         (min, mean, max) of more than 20 different numbers; else None
    omega:               max_e |e|, the most entries of a row
    delta:               max_v |{e : v in e}| / n_examples, how often the most frequent feature occurs
    rho:                 max_e |{e' : e' and e share a feature}| / n_examples, e itself included
    rho_is_lower_bound:  whether rho is only that of the most promising rows, and another could have more
    """

    n_examples: int
    n_features: int
    nnz: int
    density: float
    nnz_per_row_min: int
    nnz_per_row_mean: float
    nnz_per_row_max: int
    label_counts: dict[Any, int] | None
    label_range: tuple[float, float, float] | None
    omega: int
    delta: float
    rho: float
    rho_is_lower_bound: bool


def describe(examples: Examples) -> Statistics:
    """Compute the figures; a few passes over the entries, whatever their number."""
    X = examples.X if examples.is_sparse else sp.csr_array(examples.X != 0)
    n, d = examples.n_examples, examples.n_features
    lengths = np.diff(X.indptr)
    nnz = int(X.indptr[-1])
    frequency = _frequency(X.indices, d)
    neighbours, is_lower_bound = _most_neighbours(X, lengths, frequency)
    counts, label_range = _labels(examples.y)
    return Statistics(
        n_examples=n,
        n_features=d,
        nnz=nnz,
        density=nnz / (n * d),
        nnz_per_row_min=int(lengths.min()),
        nnz_per_row_mean=nnz / n,
        nnz_per_row_max=int(lengths.max()),
        label_counts=counts,
        label_range=label_range,
        omega=int(lengths.max()),
        delta=int(frequency.max()) / n,
        rho=neighbours / n,
        rho_is_lower_bound=is_lower_bound,
    )


def _labels(y: NDArray[Any] | None) -> tuple[dict[Any, int] | None, tuple[float, float, float] | None]:
    if y is None:
        return None, None
    values, counts = np.unique(y, return_counts=True)
    if values.size > MOST_LABELS and y.dtype.kind in "biuf":
        return None, (float(y.min()), float(y.mean(dtype=np.float64)), float(y.max()))
    return dict(zip(values.tolist(), counts.tolist(), strict=True)), None


def _frequency(indices: NDArray[Any], n_features: int) -> NDArray[np.int64]:
    """In how many rows each feature occurs; sliced, because np.bincount copies what is not int64."""
    total = np.zeros(n_features, dtype=np.int64)
    step = max(SLICE_ENTRIES, n_features)
    for start in range(0, indices.size, step):
        part = np.bincount(indices[start : start + step])
        total[: part.size] += part
    return total


def _most_neighbours(X: Any, lengths: NDArray[Any], frequency: NDArray[np.int64]) -> tuple[int, bool]:
    """max_e |{e' : e' and e share a feature}| over the rows tried, and whether another row could have more.

    No row has more neighbours than the frequencies of its features add up to, so rows are tried in the order
    of that bound until none can win, or the budget is spent.
    """
    filled = np.flatnonzero(lengths)
    if filled.size == 0:
        return 0, False
    if frequency.max() == filled.size:  # one feature is everywhere
        return int(filled.size), False
    starts = X.indptr[filled]
    bounds = np.minimum(_row_sums(frequency, X.indices, starts), filled.size)
    order = np.argsort(-bounds, kind="stable")
    rounds = max(1, BUDGET_ENTRIES // X.indices.size)
    best = 0
    for start in range(0, filled.size, LANES):
        if best >= bounds[order[start]]:
            return best, False
        if start >= rounds * LANES:
            return best, True
        best = max(best, _count_neighbours(X, starts, filled[order[start : start + LANES]]))
    return best, False


def _row_sums(frequency: NDArray[np.int64], indices: NDArray[Any], starts: NDArray[Any]) -> NDArray[np.int64]:
    return _by_rows(np.add, frequency, indices, starts)


def _count_neighbours(X: Any, starts: NDArray[Any], rows: NDArray[np.int64]) -> int:
    """The most neighbours that one of at most 64 rows has.

    Row number k sets bit k of its features; then every row collects the bits of its own features.
    """
    marks = np.zeros(X.shape[1], dtype=np.uint64)
    for bit, row in enumerate(rows):
        marks[X.indices[X.indptr[row] : X.indptr[row + 1]]] |= np.uint64(1 << bit)
    met = _by_rows(np.bitwise_or, marks, X.indices, starts)
    counts = np.zeros(LANES, dtype=np.int64)
    step = SLICE_ENTRIES // LANES
    for start in range(0, met.size, step):
        bits = np.unpackbits(met[start : start + step].view(np.uint8)).reshape(-1, LANES)
        counts += bits.sum(axis=0, dtype=np.int64)
    return int(counts.max())


def _by_rows(reduce: np.ufunc, table: NDArray[Any], indices: NDArray[Any], starts: NDArray[Any]) -> NDArray[Any]:
    """reduce(table[indices of the row]) for each nonempty row; rows begin at `starts`; by slices of rows."""
    out = np.empty(starts.size, dtype=table.dtype)
    first = 0
    while first < starts.size:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + SLICE_ENTRIES)))
        end = int(starts[last]) if last < starts.size else indices.size
        begin = int(starts[first])
        out[first:last] = reduce.reduceat(table[indices[begin:end]], starts[first:last] - begin)
        first = last
    return out
