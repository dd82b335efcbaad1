"""A seeded corpus with the shape of RCV1: synthetic, and to be called so wherever a figure from it is shown.

Rows are made in blocks, each from its own random stream, so row i depends on the seed and i alone: it does
not matter how many rows are asked for, and memory stays close to what is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.matrices import csr_from_parts

DRAWS = 76
EXPONENT = 0.9
BLOCK_ROWS = 4096
GUIDE_CELLS = 1 << 20  # a power of two, so that u * GUIDE_CELLS is exact


@final
@dataclass(frozen=True)
class _Ranks:
    """Ranks by inverting their distribution function: np.searchsorted(cdf, u, side="right"), but faster."""

    cdf: NDArray[np.float64]
    guide: NDArray[np.int32]  # the answer at the lower end of each cell of [0, 1)

    def at(self, u: NDArray[np.float64]) -> NDArray[np.int32]:
        cells = (u * GUIDE_CELLS).astype(np.int32)
        ranks = self.guide[cells]
        torn = np.flatnonzero(self.guide[cells + 1] != ranks)  # the answer changes within the cell
        ranks[torn] = np.searchsorted(self.cdf, u[torn], side="right")
        return ranks


def _power_law(p: NDArray[np.float64]) -> _Ranks:
    cdf = np.cumsum(p)
    cdf[-1] = 1.0
    ends = np.arange(GUIDE_CELLS + 1) / GUIDE_CELLS
    return _Ranks(cdf, np.searchsorted(cdf, ends, side="right").astype(np.int32))


class _Rows(NamedTuple):
    data: NDArray[np.float32]
    indices: NDArray[np.int32]
    lengths: NDArray[np.int64]
    scores: NDArray[np.float64]


def rcv1_like(n_examples: int = 200_000, n_features: int = 47_236, seed: int = 0) -> Examples:
    """SYNTHETIC text-like examples in the shape of RCV1 (Lewis et al. 2004): sparse, Zipfian, unit rows.

    Each row draws 76 words, word j (by rank) with p_j proportional to 1/j^0.9, each with the value
    gamma(2, 1) max(0.05, log(1/(76 p_j + 1e-9))), as by tf-idf; repeated words are added up, rows divided by
    their Euclidean norm, and ranks replaced by column numbers at random. Labels are +1 and -1: whether
    X w + 0.1 noise is above its median, w and noise standard normal.

    Returns X (n_examples, n_features) CSR, float32, int32 indices, with about 69 nonzeros a row at the
    default n_features, and y float32. Rows are i.i.d.; a longer corpus of the same seed begins with the rows
    of a shorter one. Raises ValueError for sizes below 1.
    """
    if n_examples < 1 or n_features < 1:
        raise ValueError(f"rcv1_like needs at least 1 example and 1 feature, not {n_examples} and {n_features}")
    vocabulary = np.random.default_rng([seed, 0])
    rates = 1.0 / np.arange(1, n_features + 1) ** EXPONENT
    p = rates / rates.sum()
    column_of_rank = vocabulary.permutation(n_features).astype(np.int32)
    idf = np.empty(n_features, dtype=np.float32)
    idf[column_of_rank] = np.maximum(0.05, np.log(1.0 / (DRAWS * p + 1e-9)))
    truth = vocabulary.standard_normal(n_features)
    ranks = _power_law(p)

    most = n_examples * DRAWS
    indptr = np.zeros(n_examples + 1, dtype=np.int32 if most < 2**31 else np.int64)
    data = np.empty(most, dtype=np.float32)  # as long as it can get; pages that are never written cost nothing
    indices = np.empty(most, dtype=np.int32)
    scores = np.empty(n_examples)
    end = 0
    for number, start in enumerate(range(0, n_examples, BLOCK_ROWS)):
        stop = min(start + BLOCK_ROWS, n_examples)
        rows = _block(np.random.default_rng([seed, 1, number]), ranks, column_of_rank, idf, truth)
        lengths = rows.lengths[: stop - start]
        used = int(lengths.sum())
        data[end : end + used] = rows.data[:used]
        indices[end : end + used] = rows.indices[:used]
        indptr[start + 1 : stop + 1] = end + np.cumsum(lengths)
        scores[start:stop] = rows.scores[: stop - start]
        end += used
    # refcheck: nobody else has seen these arrays
    data.resize(end, refcheck=False)
    indices.resize(end, refcheck=False)
    X = csr_from_parts(data, indices, indptr, (n_examples, n_features), canonical=True)
    y = np.where(scores > np.median(scores), np.float32(1), np.float32(-1))
    source = f"rcv1_like(n_examples={n_examples}, n_features={n_features}, seed={seed})"
    return Examples(X, y, None, source, checked=True)


def _block(
    rng: np.random.Generator,
    ranks: _Ranks,
    column_of_rank: NDArray[np.int32],
    idf: NDArray[np.float32],
    truth: NDArray[np.float64],
) -> _Rows:
    """BLOCK_ROWS rows and the scores that decide their labels."""
    size = (BLOCK_ROWS, DRAWS)
    columns = column_of_rank[ranks.at(rng.random(BLOCK_ROWS * DRAWS))].reshape(size)
    columns.sort(axis=1)
    # The values are independent of the columns but for the factor idf, so they may be drawn in sorted order.
    # A gamma(2, 1) is the sum of two exponentials, which are cheaper.
    values = rng.standard_exponential(size, dtype=np.float32)
    values += rng.standard_exponential(size, dtype=np.float32)
    first = np.ones(size, dtype=bool)
    np.not_equal(columns[:, 1:], columns[:, :-1], out=first[:, 1:])
    indices = columns[first]
    data = np.add.reduceat(values.reshape(-1), np.flatnonzero(first)) * idf[indices]
    lengths = first.sum(axis=1)
    starts = np.cumsum(lengths) - lengths
    data /= np.repeat(np.sqrt(np.add.reduceat(data * data, starts)), lengths)
    scores = np.add.reduceat(data * truth[indices], starts) + 0.1 * rng.standard_normal(BLOCK_ROWS)
    return _Rows(data, indices, lengths, scores)
