"""A split loses nothing, mixes nothing up, and repeats."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import check_examples, holdout


def numbered(n, sparse, index_dtype=np.int32):
    """Row k is [k, 0, 2k] (row 0 is empty), its label k and its weight k + 1."""
    X = np.outer(np.arange(n), [1, 0, 2]).astype(np.float32)
    if sparse:
        X = sp.csr_array(X)
        X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    return check_examples(X, np.arange(n), np.arange(n) + 1.0, source="here")


@given(st.integers(2, 40), st.floats(0.01, 0.99), st.integers(0, 5), st.booleans())
def test_every_row_goes_to_one_side(n, fraction, seed, sparse):
    examples = numbered(n, sparse)
    sides = holdout(examples, fraction, seed)
    rows = [side.y.tolist() for side in sides]
    assert sorted(rows[0] + rows[1]) == list(range(n))
    assert len(rows[1]) == min(max(round(fraction * n), 1), n - 1)
    for side, numbers in zip(sides, rows, strict=True):
        assert numbers == sorted(numbers)
        X = side.X.toarray() if sparse else side.X
        np.testing.assert_array_equal(X, np.outer(numbers, [1, 0, 2]))
        assert side.sample_weight.tolist() == [k + 1 for k in numbers]
        assert side.source == "here"
        check_examples(side.X, side.y, side.sample_weight)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_dtypes_stay(index_dtype):
    for side in holdout(numbered(9, True, index_dtype), 0.5, 0):
        assert side.X.indices.dtype == side.X.indptr.dtype == index_dtype
        assert side.X.has_canonical_format


def test_seeds():
    examples = numbered(100, False)
    one, same, other = (holdout(examples, 0.3, seed)[1].y.tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_without_labels():
    train, test = holdout(check_examples([[1.0], [2.0]]), 0.5, 0)
    assert (train.y, test.y, train.sample_weight) == (None, None, None)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_bad_fractions(fraction):
    with pytest.raises(ValueError, match=f"^fraction must be between 0 and 1, not {fraction}$"):
        holdout(numbered(4, False), fraction, 0)


def test_one_example_cannot_be_split():
    with pytest.raises(ValueError, match=r"^here has 1 example; a split needs at least 2$"):
        holdout(numbered(1, False), 0.5, 0)
