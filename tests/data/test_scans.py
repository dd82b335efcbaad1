"""The three passes against brute force, at the edges of their slices too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import scans


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr(scans, "SLICE_ENTRIES", 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 3, 4, 7, 8])
@pytest.mark.usefixtures("small_slices")
def test_first_not_finite_finds_the_first(dtype, bad, at):
    values = np.arange(9, dtype=dtype)
    assert scans.first_not_finite(values) is None
    values[[at, -1]] = bad
    assert scans.first_not_finite(values) == at


def test_largest_finite_values_pass():
    for dtype in (np.float32, np.float64):
        top = np.finfo(dtype).max
        assert scans.first_not_finite(np.array([top, top, -top], dtype=dtype)) is None


def test_nothing_is_finite_and_inside_and_ascending():
    none = np.array([], dtype=np.int32)
    assert scans.first_not_finite(np.array([], dtype=np.float32)) is None
    assert scans.first_outside(none, 1) is None
    assert scans.rows_ascend(none, np.zeros(4, dtype=np.int32))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("bad", [-1, 10, np.iinfo(np.int32).min, np.iinfo(np.int32).max])
@pytest.mark.parametrize("at", [0, 4, 8])
@pytest.mark.usefixtures("small_slices")
def test_first_outside_finds_the_first(dtype, bad, at):
    indices = np.arange(9, dtype=dtype)
    assert scans.first_outside(indices, 9) is None
    assert scans.first_outside(indices, 8) == 8
    indices[at] = bad
    assert scans.first_outside(indices, 10) == at


@given(st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=1, max_size=12), st.integers(1, 9))
def test_rows_ascend_agrees_with_a_loop(rows, slice_entries):
    indices = np.array([column for row in rows for column in row], dtype=np.int32)
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    before = scans.SLICE_ENTRIES
    scans.SLICE_ENTRIES = slice_entries
    try:
        ascend = scans.rows_ascend(indices, indptr)
    finally:
        scans.SLICE_ENTRIES = before
    assert ascend == all(row == sorted(set(row)) for row in rows)


@pytest.mark.parametrize(
    ("indptr", "indices", "sentence"),
    [
        ([1, 2, 3], [0, 0, 0], "indptr starts at 1; it must start at 0"),
        ([0, 3, 2], [0, 1, 2], "indptr decreases after row 1; it must never decrease"),
        ([0, 1, 4], [0, 1, 2], "indptr ends at 4, but there are 3 values and 3 indices"),
        ([0, 1, 3], [0, 3, 1], "row 1 has the column index 3; it must be from 0 to 2"),
        ([0, 1, 3], [-1, 0, 1], "row 0 has the column index -1; it must be from 0 to 2"),
    ],
)
def test_structure_fault_says_what_is_wrong(indptr, indices, sentence):
    assert scans.structure_fault(np.array(indices), np.array(indptr), 3, 3) == sentence


def test_entries_after_the_end_of_indptr_are_nobodys():
    assert scans.structure_fault(np.array([0, 1, 99]), np.array([0, 1, 2]), 3, 2) is None


def test_row_of_skips_empty_rows():
    indptr = np.array([0, 0, 2, 2, 3])
    assert [scans.row_of(indptr, position) for position in range(3)] == [1, 1, 3]
