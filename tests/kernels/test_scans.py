"""The one-pass check agrees with the careful ones on every fault."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild.kernels.scans import rows_are_sound


def parts(dtype=np.float32, index=np.uint32):
    X = sp.random(50, 20, density=0.3, format="csr", random_state=0, dtype=np.float64)
    X.sort_indices()
    return X.indptr.astype(np.uint64), X.indices.astype(index), X.data.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index", [np.uint32, np.uint64])
def test_sound_rows(dtype, index):
    assert rows_are_sound(*parts(dtype, index), 20)
    assert not rows_are_sound(*parts(dtype, index), 19)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_values_that_are_not_finite(value, place):
    indptr, indices, values = parts()
    values[place] = value
    assert not rows_are_sound(indptr, indices, values, 20)


def test_huge_values_are_finite():
    indptr, indices, values = parts()
    values[:] = np.finfo(np.float32).max
    assert rows_are_sound(indptr, indices, values, 20)


def test_equal_falling_and_negative_indices():
    indptr, indices, values = parts()
    first = int(indptr[np.flatnonzero(np.diff(indptr) > 2)[0]])
    for wrong in (indices[first], 0, np.uint32(0xFFFFFFFF)):  # the last is what -1 looks like
        spoilt = indices.copy()
        spoilt[first + 1] = wrong
        assert not rows_are_sound(indptr, spoilt, values, 20)


def test_empty_rows():
    empty = np.zeros(0, np.uint32), np.zeros(0, np.float32)
    assert rows_are_sound(np.zeros(4, np.uint64), *empty, 5)
