"""More than 2^31 nonzeros: offsets of 64 bits all the way, shown on arrays that are files full of holes."""

from __future__ import annotations

import numpy as np
import pytest

from hogwild.kernels.linear import Copies, Pace, steps_alone
from hogwild.kernels.rows import SparseRows
from hogwild.kernels.scoring import tally

BEYOND = 2**31 + 1_000_000  # nonzeros before the rows that are looked at


@pytest.fixture
def rows(tmp_path):
    """Three rows of two nonzeros each, behind one row of BEYOND zeros that nothing reads."""

    def hollow(name, dtype):
        try:
            return np.memmap(tmp_path / name, dtype, mode="w+", shape=(BEYOND + 6,))
        except OSError as error:
            pytest.skip(f"this file system has no sparse files of that size: {error}")

    values, indices = hollow("values", np.float32), hollow("indices", np.uint32)
    values[BEYOND:] = [1, 2, 3, 4, 5, 6]
    indices[BEYOND:] = [0, 1, 1, 2, 0, 2]
    indptr = np.array([0, BEYOND, BEYOND + 2, BEYOND + 4, BEYOND + 6], np.uint64)
    targets, weights = np.array([1, 1, -1, 1], np.float32), np.ones(4, np.float32)
    arrays = (indptr, np.asarray(indices), np.asarray(values), targets, weights)
    for array in arrays:
        array.flags.writeable = False
    return SparseRows(*arrays)


def test_rows_beyond_31_bits_are_read_and_learnt(rows):
    starts = np.array([1, 2, 3])
    w = np.array([0.5, -0.25, 0.125, 0.0], np.float32)
    squared = 5
    predictions = np.array([0.5 - 0.5, -0.75 + 0.5, 2.5 + 0.75])
    loss, errors, weight = tally(rows, starts, 1, w, squared, 0.0, False)
    residuals = predictions - [1, -1, 1]
    assert (loss, errors, weight) == (0.5 * (residuals**2).sum(), (residuals**2).sum(), 3.0)
    none = np.zeros(0, np.float32)
    pace = Pace(squared, 0.0, 0.25, 0.0, 0.0, 0.0, 0.0)
    steps_alone(rows, np.array([1]), 1, 1, pace, 1.0, Copies(w, none, none, none, np.zeros(1)))
    np.testing.assert_array_equal(w, [0.5 + 0.25, -0.25 + 0.5, 0.125, 0.0])
