"""The figures against brute force over sets."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import check_examples, describe, statistics

ROWS = st.lists(st.sets(st.integers(0, 8)), min_size=1, max_size=90)


def from_sets(rows):
    X = np.zeros((len(rows), 9), dtype=np.float32)
    for number, row in enumerate(rows):
        X[number, list(row)] = 1
    return X


def brute_force(rows):
    omega = max(map(len, rows))
    delta = max(sum(v in row for row in rows) for v in range(9)) / len(rows)
    rho = max(sum(bool(row & other) for other in rows) for row in rows) / len(rows)
    return omega, delta, rho


@given(ROWS, st.booleans())
def test_omega_delta_and_rho(rows, sparse):
    X = from_sets(rows)
    found = describe(check_examples(sp.csr_array(X) if sparse else X))
    assert (found.omega, found.delta, found.rho) == brute_force(rows)
    assert not found.rho_is_lower_bound
    assert found.nnz == sum(map(len, rows))
    assert found.density == found.nnz / X.size
    lengths = [len(row) for row in rows]
    assert (found.nnz_per_row_min, found.nnz_per_row_max) == (min(lengths), max(lengths))
    assert found.nnz_per_row_mean == np.mean(lengths)


@given(ROWS, st.integers(1, 40))
def test_without_the_budget_rho_is_a_lower_bound(rows, slice_entries):
    """... that says so, unless it is exact; in slices of any length."""
    before = statistics.BUDGET_ENTRIES, statistics.SLICE_ENTRIES, statistics.LANES
    statistics.BUDGET_ENTRIES, statistics.SLICE_ENTRIES = 1, max(slice_entries, statistics.LANES)
    try:
        found = describe(check_examples(sp.csr_array(from_sets(rows))))
    finally:
        statistics.BUDGET_ENTRIES, statistics.SLICE_ENTRIES, statistics.LANES = before
    exact = brute_force(rows)[2]
    assert found.rho <= exact
    assert found.rho_is_lower_bound or found.rho == exact


def test_a_lower_bound_is_possible():
    """130 pairs that meet one other each, after which no bound rules out the rows that were not tried."""
    X = sp.csr_array(np.repeat(np.eye(130, dtype=np.float32), 2, axis=0))
    before, statistics.BUDGET_ENTRIES = statistics.BUDGET_ENTRIES, 1
    try:
        found = describe(check_examples(X))
    finally:
        statistics.BUDGET_ENTRIES = before
    assert found.rho == 2 / 260
    assert not found.rho_is_lower_bound  # each bound is 2: none can win
    chain = sp.csr_array(np.eye(300, dtype=np.float32) + np.eye(300, k=1, dtype=np.float32))
    statistics.BUDGET_ENTRIES = 1
    try:
        found = describe(check_examples(chain))
    finally:
        statistics.BUDGET_ENTRIES = before
    assert found.rho == 3 / 300
    assert found.rho_is_lower_bound  # the bounds are 4, but nobody meets more than 2 others


def test_labels():
    X = np.ones((60, 1), dtype=np.float32)
    assert describe(check_examples(X)).label_counts is None
    found = describe(check_examples(X, np.arange(60) % 20))
    assert found.label_counts == dict.fromkeys(range(20), 3)
    assert found.label_range is None
    found = describe(check_examples(X, np.arange(60) / 2))
    assert found.label_counts is None
    assert found.label_range == (0, 14.75, 29.5)
    found = describe(check_examples(X, [f"label {k}" for k in range(60)]))
    assert len(found.label_counts) == 60


def test_nothing_stored():
    found = describe(check_examples(sp.csr_array((3, 2), dtype=np.float32)))
    assert (found.omega, found.delta, found.rho, found.nnz, found.rho_is_lower_bound) == (0, 0, 0, 0, False)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_index_types(dtype):
    X = sp.csr_array(from_sets([{0, 1}, {1, 2}, {3}]))
    X.indices, X.indptr = X.indices.astype(dtype), X.indptr.astype(dtype)
    assert describe(check_examples(X)).rho == 2 / 3
