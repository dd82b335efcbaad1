"""Partitions of labelled rows among workers: shares by their formulas, and what cannot be shared out."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.rules.partitions import by_file, dirichlet, evenly, label_subsets

LABELS = np.random.default_rng(0).integers(0, 10, 5000)
sizes = st.integers(1, 8)


def rng(seed=0):
    return np.random.default_rng(seed)


def counts(owners, labels, size):
    """(workers, labels) how many examples."""
    table = np.zeros((size, int(labels.max()) + 1), int)
    np.add.at(table, (owners, labels), 1)
    return table


@given(sizes, st.integers(8, 300), st.integers(0, 99))
def test_evenly_gives_equal_shares(size, n, seed):
    owners = evenly().owners(np.zeros(n, np.int64), size, rng(seed))
    shares = np.bincount(owners, minlength=size)
    assert shares.sum() == n
    assert shares.max() - shares.min() <= 1


def test_evenly_is_unbiased():
    table = counts(evenly().owners(LABELS, 5, rng()), LABELS, 5)
    np.testing.assert_allclose(table / table.sum(axis=1, keepdims=True), 0.1, atol=0.03)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 10.0])
def test_shares_of_a_label_are_dirichlet(alpha):
    """A share has mean 1/P and variance (P - 1) / (P^2 (P alpha + 1))."""
    size, labels = 4, np.repeat(np.arange(2000), 50)
    owners = dirichlet(alpha).owners(labels, size, rng())
    shares = counts(owners, labels, size) / 50
    np.testing.assert_allclose(shares.mean(axis=1), 1 / size, atol=0.02)
    variance = (size - 1) / (size**2 * (size * alpha + 1))
    np.testing.assert_allclose(shares.var(axis=1), variance, rtol=0.15)


@pytest.mark.parametrize("alpha", [1e9, 1e308])
def test_a_large_alpha_is_even(alpha):
    table = counts(dirichlet(alpha).owners(LABELS, 5, rng()), LABELS, 5)
    assert (table.max(axis=0) - table.min(axis=0) <= 1).all()


def test_a_small_alpha_gives_each_label_to_one_worker():
    labels = np.repeat(np.arange(40), 10)
    table = counts(dirichlet(1e-6).owners(labels, 3, rng()), labels, 3)
    assert ((table > 0).sum(axis=0) == 1).all()


def test_label_subsets_overlap_cyclically():
    table = counts(label_subsets(7).owners(LABELS, 5, rng()), LABELS, 5)
    for worker, row in enumerate(table):
        wanted = {(2 * worker + k) % 10 for k in range(7)}
        assert set(np.flatnonzero(row)) == wanted
    for label in table.T:
        having = label[label > 0]
        assert having.max() - having.min() <= 1, "those who have a label have as much of it"


@given(st.integers(1, 8), st.integers(1, 12), st.integers(1, 12), st.integers(0, 9))
def test_label_subsets_cover_all_labels_or_say_so(size, labels, k, seed):
    groups = np.repeat(np.arange(labels), 8)
    if not -(-labels // size) <= k <= labels:
        with pytest.raises(ValueError, match=rf"^by=label_subsets\({k}\) does not fit {labels} labels and {size} w"):
            label_subsets(k).owners(groups, size, rng(seed))
        return
    table = counts(label_subsets(k).owners(groups, size, rng(seed)), groups, size)
    assert table.sum() == groups.size
    assert ((table > 0).sum(axis=1) <= k).all()
    assert (table.sum(axis=1) > 0).all()


@given(st.lists(st.integers(1, 5), min_size=1, max_size=9), sizes)
def test_files_stay_whole_and_in_order(rows, size):
    groups = np.repeat(np.arange(len(rows)), rows)
    if len(rows) < size:
        with pytest.raises(ValueError, match=rf"by=by_file\(\) gives worker \d of {size} no examples: take fewer work"):
            by_file().owners(groups, size, rng())
        return
    owners = by_file().owners(groups, size, rng())
    assert (np.diff(owners) >= 0).all()
    files = [set(groups[owners == worker]) for worker in range(size)]
    assert sum(map(len, files)) == len(rows), "no file is split"
    assert max(map(len, files)) - min(map(len, files)) <= 1


@pytest.mark.parametrize("rule", [evenly(), dirichlet(0.5), label_subsets(4)], ids=repr)
def test_they_are_seeded(rule):
    first, again, other = (rule.owners(LABELS, 5, rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_every_worker_needs_an_example():
    with pytest.raises(ValueError, match=r"^by=dirichlet\(0.001\) gives worker \d of 9 no examples: take fewer wo"):
        dirichlet(0.001).owners(np.arange(6) % 2, 9, rng())
    with pytest.raises(ValueError, match=r"by=evenly\(\) gives worker \d of 3 no examples: take fewer"):
        evenly().owners(np.zeros(2, np.int64), 3, rng())


@pytest.mark.parametrize("alpha", [0, -1.0, np.inf, np.nan, "1", None, True])
def test_alpha_must_be_positive(alpha):
    with pytest.raises(ValueError, match=rf"^alpha={re.escape(repr(alpha))} must be a positive number$"):
        dirichlet(alpha)


@pytest.mark.parametrize("k", [0, 1.5, "2", None])
def test_k_must_be_a_whole_number(k):
    with pytest.raises(ValueError, match=rf"^k={re.escape(repr(k))} must be a whole number of at least 1$"):
        label_subsets(k)
