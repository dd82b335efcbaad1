"""Model files of matrix factorizations: what is saved comes back, and nothing else is believed."""

import json
import re

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from hogwild import LinearClassifier, MatrixFactorization, ModelError, load_model, save_model
from hogwild.checkpoint import load_linear
from hogwild.checkpoint.layout import checksum

RNG = np.random.default_rng(0)
PAIRS = [(f"user {u}", int(i)) for u, i in np.argwhere(RNG.random((12, 8)) < 0.6)]
VALUES = RNG.normal(3, 1, len(PAIRS))


@pytest.fixture(scope="module")
def model():
    return MatrixFactorization(rank=3, max_epochs=3, random_state=0, repeated="last").fit(PAIRS, VALUES)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model"


@pytest.fixture
def parts(model, path):
    """Metadata and arrays of a sound file."""
    save_model(model, path)
    with safe_open(path, framework="numpy") as file:
        return dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_every_attribute_comes_back(model, path):
    save_model(model, path)
    again = load_model(path)
    assert again.get_params() == model.get_params()
    for name in ("users_", "items_", "user_factors_", "item_factors_", "user_biases_", "item_biases_", "mean_"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name), err_msg=name)
    assert again.history_.as_dict() == model.history_.as_dict()
    assert (again.n_iter_, again.stop_reason_) == (3, "epochs")
    np.testing.assert_array_equal(again.predict(PAIRS), model.predict(PAIRS))
    for one, other in zip(again.recommend("user 3", 8), model.recommend("user 3", 8), strict=True):
        np.testing.assert_array_equal(one, other)
    save_model(again, path.with_name("second"))
    assert path.with_name("second").read_bytes() == path.read_bytes()


def test_a_warm_start_goes_on(model, path):
    save_model(model, path)
    fits = [each.set_params(warm_start=True).fit(PAIRS, VALUES) for each in (load_model(path), load_model(path))]
    assert fits[0].user_factors_.tobytes() == fits[1].user_factors_.tobytes()
    assert not np.array_equal(fits[0].user_factors_, model.user_factors_)


def test_it_is_no_linear_model(model, path):
    save_model(model, path)
    with pytest.raises(ModelError, match="is a matrix factorization, and no linear model"):
        load_linear(path)
    linear = LinearClassifier(max_epochs=1, tol=None).fit([[0.0], [1.0]], [0, 1])
    save_model(linear, path)
    assert load_linear(path).classes_.tolist() == [0, 1]


def test_what_is_not_fitted_is_not_written(path):
    with pytest.raises(ValueError, match="not fitted yet"):
        save_model(MatrixFactorization(), path)


def test_what_was_changed_since_fit(path):
    model = MatrixFactorization(rank=2, max_epochs=1, random_state=0).fit(PAIRS, VALUES)
    row = model.fold_in([0, 1], [1.0, 2.0])
    save_model(model.set_params(l2=5.0), path)
    np.testing.assert_array_equal(load_model(path).fold_in([0, 1], [1.0, 2.0]), row)
    for changed in ({"rank": 3}, {"max_epochs": -3}, {"rank": 2, "max_epochs": 1, "tol": "x"}):
        with pytest.raises((ValueError, TypeError)):
            save_model(model.set_params(**changed), path)


def test_what_could_not_be_loaded_is_not_written(path):
    model = MatrixFactorization(rank=2, max_epochs=1).fit(PAIRS, VALUES).set_params(l2=-1.0)
    with pytest.raises(ValueError, match=re.escape("l2=-1.0")):
        save_model(model, path)
    assert not path.exists()


BROKEN = {
    "no rows": ("users", None),
    "rows of another rank": ("users", np.zeros((12, 3), np.float32)),
    "rows of other numbers": ("items", np.zeros((8, 4))),
    "fewer rows": ("items", np.zeros((7, 4), np.float32)),
    "no number": ("items", np.full((8, 4), np.nan, np.float32)),
    "ids twice": ("items.ids", np.zeros(8, np.int64)),
    "ids of another kind": ("items.ids", np.arange(8.0)),
    "no ids": ("items.ids", None),
    "text that ends elsewhere": ("users.ids.ends", np.arange(12, dtype=np.int64)),
    "text that goes back": ("users.ids.ends", np.array([6, 5, *range(7, 16), 74], np.int64)),
    "bytes that are no text": ("users.ids.text", np.full(74, 255, np.uint8)),
    "a column that is not there": ("seen.indices", np.full(1, 99, np.int64)),
    "rows that are not there": ("seen.indptr", np.arange(12, dtype=np.int64)),
    "rows that go back": ("seen.indptr", np.array([0, 5, 3, *range(6, 16)], np.int64)),
    "no mean": ("state.mean", np.array([np.inf])),
    "too many means": ("state.mean", np.zeros(2)),
    "more": ("more", np.zeros(2)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_every_array_is_checked(parts, path, name):
    metadata, arrays = parts
    at, array = BROKEN[name]
    if array is None:
        del arrays[at]
    else:
        if at == "seen.indices":
            array = np.where(np.arange(arrays[at].size) == 3, 99, arrays[at])
        arrays[at] = array
    refused(metadata, arrays, path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fit", "{}"),
        ("history", "[]"),
        ("history", "[" * 100_000),
        ("traffic", "[1, 2]"),
        ("hyper_parameters", json.dumps({"type": "dict", "items": [["rank", 0]]})),
        ("hyper_parameters", json.dumps({"type": "dict", "items": [["rank", 5]]})),
        ("hyper_parameters", json.dumps({"type": "dict", "items": [["exec", 1]]})),
        ("format", "hogwild-linear"),
    ],
)
def test_every_text_is_checked(parts, path, name, text):
    metadata, arrays = parts
    refused({**metadata, name: text}, arrays, path)


def refused(metadata, arrays, path):
    metadata["checksum"] = checksum(metadata, arrays)
    path.write_bytes(save(arrays, metadata))
    with pytest.raises(ModelError, match="train or copy it again"):
        load_model(path)
