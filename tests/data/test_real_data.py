"""Real files have the shapes that their sources state."""

import numpy as np
import pytest
from sklearn.datasets import load_svmlight_file

from hogwild.data import ReadOptions, describe, read

UNCACHED = ReadOptions(cache=False)  # leave nothing beside files that are not ours


@pytest.fixture(scope="session")
def rcv1(shared_data):
    names = ["train", "test"]
    return read([shared_data / "rcv1" / f"rcv1_ccat.{name}.svm.xz" for name in names], options=UNCACHED)


@pytest.mark.slow
def test_rcv1(rcv1):
    assert rcv1.X.shape == (20_000 + 7_613, 47_236)
    assert set(np.unique(rcv1.y)) == {-1, 1}
    assert np.mean(rcv1.y == 1) == pytest.approx(0.45, abs=0.005)
    norms = np.sqrt(rcv1.X.multiply(rcv1.X).sum(axis=1))
    np.testing.assert_allclose(norms, 1, atol=1e-3)
    found = describe(rcv1)
    assert 75 < found.nnz_per_row_mean < 79
    assert found.rho > 0.99


@pytest.mark.parametrize(
    ("name", "shape", "labels"),
    [
        ("a9a/a9a", (32_561, 123), [-1, 1]),
        ("a9a/a9a.t", (16_281, 122), [-1, 1]),
        ("mushrooms/mushrooms", (8_124, 112), [1, 2]),
        ("mushrooms/agaricus_train.txt", (6_513, 126), [0, 1]),
        ("mushrooms/agaricus_test.txt", (1_611, 126), [0, 1]),
    ],
)
def test_libsvm_files(shared_data, name, shape, labels):
    path = shared_data / name
    examples = read(path, options=UNCACHED)
    assert examples.X.shape == shape
    assert np.unique(examples.y).tolist() == labels
    X, y = load_svmlight_file(str(path), dtype=np.float32, zero_based=False)
    assert (examples.X != X).nnz == 0
    np.testing.assert_array_equal(examples.y, y)


def test_stacked_files_share_their_columns(shared_data):
    examples = read([shared_data / "a9a" / name for name in ("a9a", "a9a.t")], options=UNCACHED)
    assert examples.X.shape == (32_561 + 16_281, 123)
