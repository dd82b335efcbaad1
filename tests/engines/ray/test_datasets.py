"""Ray Datasets: their blocks are the workers' own rows."""

from importlib.util import find_spec

import numpy as np
import pytest

from hogwild import DataError, Linear, LocalSGD, Ray, Stop, Threads, from_dataset, train
from hogwild.engines.ray.cluster import joined

pytestmark = [
    pytest.mark.skipif(
        find_spec("ray") is None or find_spec("pyarrow") is None,
        reason="the extras `cluster` and `tables` are not installed",
    ),
    pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning:ray.data"),  # Ray Data warns of itself
]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)
Y = np.where(X @ RNG.normal(size=3) > 0, 1, -1)
WEIGHTS = RNG.uniform(1, 2, size=60)


@pytest.fixture(scope="module")
def dataset():
    """Of two blocks: a column of arrays, one of numbers, and one of text."""
    with joined("local", cpus=2):
        import pyarrow as pa
        import ray.data

        pairs = pa.FixedSizeListArray.from_arrays(pa.array(X[:, :2].ravel()), 2)
        names = pa.array([f"row {k}" for k in range(60)])
        columns = {"pair": pairs, "other": X[:, 2], "y": Y, "weight": WEIGHTS, "name": names}
        table = pa.table(columns)
        yield ray.data.from_arrow([table[:25], table[25:]])


def learn(data, engine):
    stop = Stop(epochs=3, tol=0)
    return train(Linear("logistic", l2=0.01), data, strategy=LocalSGD(5), engine=engine, stop=stop, seed=0)


def test_workers_open_their_blocks(dataset):
    data = from_dataset(dataset, "y", ["pair", "other"], sample_weight="weight")
    for size, first, second in ((1, slice(0, 60), None), (2, slice(0, 25), slice(25, 60))):
        for rank, rows in enumerate((first, second)[:size]):
            found, labels, weights = data.parts(rank, size)
            assert np.array_equal(found, X[rows])
            assert np.array_equal(labels, Y[rows])
            assert np.array_equal(weights, WEIGHTS[rows])
    there, here = learn(data, Ray(2)), learn(data, Threads(2))
    assert np.array_equal(there.params.weights, here.params.weights)


def test_a_dataset_that_cannot_be_learnt_is_named(dataset):
    with pytest.raises(TypeError, match=r"dataset='x' must be a ray\.data\.Dataset"):
        from_dataset("x", "y")
    with pytest.raises(
        ValueError, match="the dataset has no column 'z'; it has 'pair', 'other', 'y', 'weight', 'name'"
    ):
        from_dataset(dataset, "z")
    with pytest.raises(ValueError, match="no column to learn from"):
        from_dataset(dataset, "y", [])
    with pytest.raises(DataError, match=r"worker 0 of 1, .* column 'name' of the dataset has .* and no numbers"):
        learn(from_dataset(dataset, "y"), Threads(1))
    with pytest.raises(DataError, match=r"2 blocks for 3 workers: use dataset.repartition\(3\)"):
        learn(from_dataset(dataset, "y", ["pair"]), Threads(3))
