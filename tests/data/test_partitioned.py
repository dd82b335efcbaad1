"""Partitioned data: rows in the order of their owners, and one sentence for what cannot be partitioned."""

import re

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild import Partitioned, by_file, check_examples, dirichlet, evenly, label_subsets, write_npz
from hogwild.data.partitioned import loaded, place

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(60, 3)), rng.integers(0, 6, 60)
ROWS = {"dense": X, "sparse": sp.csr_array(np.where(X > 0, X, 0))}


@pytest.mark.parametrize("layout", ROWS)
def test_rows_come_in_the_order_of_their_owners(layout):
    owners, weights = rng.permutation(np.arange(60) % 4), np.arange(1.0, 61.0)
    examples, bounds = place(Partitioned((ROWS[layout], Y, weights), owners), 4, 0)
    order = np.concatenate([np.flatnonzero(owners == rank) for rank in range(4)])
    assert bounds == (0, 15, 30, 45, 60)
    given, found = ((x.toarray() if sp.issparse(x) else x) for x in (ROWS[layout], examples.X))
    np.testing.assert_array_equal(found, given[order])
    np.testing.assert_array_equal(examples.y, Y[order])
    np.testing.assert_array_equal(examples.sample_weight, weights[order].astype(np.float32))
    assert examples.X.dtype == ROWS[layout].dtype


def test_what_is_in_order_is_not_copied():
    examples, bounds = place(Partitioned((X, Y), np.repeat([0, 1, 2], [10, 20, 30])), 3, 0)
    assert bounds == (0, 10, 30, 60)
    assert np.shares_memory(examples.X, X)


def test_files_are_read_once_unless_their_names_say_whose_they_are(tmp_path):
    name = str(tmp_path / "all.npz")
    write_npz(name, X, Y)
    examples, given = loaded(name)
    assert given is examples
    examples, given = loaded(Partitioned(name, evenly()))
    assert given.data is examples
    assert given.by == evenly()
    by_names = Partitioned([name], by_file())
    assert loaded(by_names)[1] is by_names


def test_files_belong_to_workers(tmp_path):
    parts = [(0, 10), (10, 25), (25, 60)]
    names = [str(tmp_path / f"{first}.npz") for first, _ in parts]
    for name, (first, end) in zip(names, parts, strict=True):
        write_npz(name, X[first:end], Y[first:end])
    examples, bounds = place(Partitioned(names, by_file()), 2, 0)
    assert bounds == (0, 10, 60)
    np.testing.assert_array_equal(examples.y, Y)
    assert place(Partitioned(names, evenly()), 2, 0)[1] == (0, 30, 60)
    with pytest.raises(ValueError, match=r"by=by_file\(\) gives worker \d of 4 no examples: take fewer workers"):
        place(Partitioned(names, by_file()), 4, 0)


@pytest.mark.parametrize("kind", [int, float, str, object])
def test_labels_may_be_of_any_kind(kind):
    labels = Y.astype(str).astype(object) if kind is object else Y.astype(kind)
    _, bounds = place(Partitioned((X, labels), label_subsets(3)), 4, 0)
    assert bounds == place(Partitioned((X, Y), label_subsets(3)), 4, 0)[1]


def test_the_seed_decides():
    found = [place(Partitioned((X, Y), evenly()), 3, seed)[0].y.tolist() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def bad_owners(value):
    owners = np.zeros(60, int)
    owners[7] = value
    return owners


@pytest.mark.parametrize(
    ("data", "by", "kind", "sentence"),
    [
        ((X, X[:, 0]), dirichlet(1.0), ValueError, "by=dirichlet(1.0) goes by labels, but y has numbers such as 0."),
        (check_examples(X), label_subsets(2), ValueError, "by=label_subsets(2) goes by labels, and the data have no y"),
        ((X, Y), by_file(), TypeError, "by=by_file() wants a list of file names as data, not tuple; for (X, y) use"),
        ((X, Y), bad_owners(3), ValueError, "by has 3 in row 7: ranks of 3 workers go from 0 to 2"),
        ((X, Y), bad_owners(-1), ValueError, "by has -1 in row 7: ranks of 3 workers go from 0 to 2"),
        ((X, Y), bad_owners(1), ValueError, "by gives worker 2 of 3 no examples: give each worker a row"),
        ((X, Y), [0, 1, 2], ValueError, "by has shape (3,), and there are 60 rows: give the rank of a worker for each"),
        ((X, Y), Y / 7, ValueError, "by has dtype float64: ranks of workers are whole numbers"),
        ((X, Y), "evenly", TypeError, "by='evenly' must be a partition such as dirichlet(0.1), or an array of ranks"),
        (7, evenly(), TypeError, "data must be (X, y), (X, y, sample_weight), Examples or file names, not int"),
        (Partitioned((X, Y)), evenly(), TypeError, "data must be (X, y), (X, y, sample_weight), Examples or file name"),
    ],
)  # fmt: skip
def test_what_cannot_be_partitioned(data, by, kind, sentence):
    with pytest.raises(kind, match=f"^{re.escape(sentence)}") as caught:
        place(Partitioned(data, by), 3, 0)
    assert "\n" not in str(caught.value)
