"""Models in files: exact round trips, and one sentence for whatever is no sound model."""

import _thread
import json
import math
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save

from hogwild import (
    ALL,
    AllReduce,
    BoundedStaleness,
    Compressed,
    Downpour,
    ElasticAveraging,
    Gossip,
    Hogwild,
    LinearClassifier,
    LinearRegressor,
    LocalSGD,
    ModelError,
    ParzenASGD,
    Replicas,
    Sandblaster,
    adagrad,
    adam,
    compensated,
    conjugate_gradient,
    damped,
    gradient_descent,
    lbfgs,
    load_model,
    save_model,
    sgd,
    softsync,
    topk,
)
from hogwild.checkpoint import histories, is_model
from hogwild.checkpoint.encoding import TYPES, decode, encode
from hogwild.checkpoint.layout import checksum
from hogwild.memory import InTurn, Locking, Racy
from hogwild.rules.schedules import backoff, inverse
from hogwild.rules.topologies import edges
from hogwild.strategies import Locked, RoundRobin, Serial

RNG = np.random.default_rng(7)
N, D = 120, 5
DENSE = RNG.normal(size=(N, D))
UNEVEN = DENSE * [1.0, 1000.0, 0.001, 50.0, 1.0] + 3.0  # so that columns are relaxed and centred
SPARSE = sp.csr_array((np.where(RNG.random((N, D)) < 0.5, DENSE, 0)).astype(np.float32))
SCORES = DENSE @ [1.0, -2.0, 0.5, 0.0, 3.0]
TWO = np.where(SCORES > 0, 7, 2)
THREE = np.digitize(SCORES, [-2.0, 2.0])
QUICK = {"max_epochs": 3, "tol": 0, "random_state": 0}

CASES = {
    "binary": (LinearClassifier(**QUICK), SPARSE, TWO),
    "logistic float64": (LinearClassifier("logistic", **QUICK), DENSE, TWO.astype(float)),
    "uneven columns": (LinearClassifier("squared_hinge", **QUICK), UNEVEN, TWO),
    "three classes": (LinearClassifier(average=True, **QUICK), SPARSE, THREE),
    "text labels": (LinearClassifier(**QUICK), SPARSE, np.array(["ham", "späm"])[(TWO == 7).astype(int)]),
    "object labels": (LinearClassifier(**QUICK), SPARSE, np.array(["a", "b"], dtype=object)[(TWO == 7).astype(int)]),
    "truth values": (LinearClassifier(**QUICK), SPARSE, TWO == 7),
    "class weights": (LinearClassifier(class_weight={2: 1.0, 7: 3.5}, **QUICK), SPARSE, TWO),
    "parts": (
        LinearClassifier(
            l1=1e-3, schedule=backoff(0.1, 0.5), strategy=Hogwild(Replicas(64, ordered=True)), n_jobs=2, **QUICK
        ),
        SPARSE,
        TWO,
    ),
    "early stopping": (LinearClassifier(early_stopping=True, **QUICK), SPARSE, TWO),
    "no objective": (LinearClassifier(tol=None, max_epochs=2, random_state=1), SPARSE, TWO),
    "regression": (LinearRegressor(("huber", 0.7), fit_intercept=False, **QUICK), UNEVEN, SCORES),
    "sparse regression": (LinearRegressor(**QUICK), SPARSE, SCORES),
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def fitted(request):
    estimator, X, y = CASES[request.param]
    return estimator.fit(X, y), X, y


@pytest.fixture(scope="module")
def model() -> LinearClassifier:
    return LinearClassifier(**QUICK).fit(SPARSE, TWO)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.safetensors"


def same(a: object, b: object) -> bool:
    """Equal to the last bit, with equal dtypes, however deep."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and bool(np.all(a == b))
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "views"):
        return same([a.weights, a.views == b.views, a.state], [b.weights, True, b.state])
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


# ---- round trips


def test_every_attribute_comes_back(fitted, path):
    estimator, X, _ = fitted
    save_model(estimator, path)
    loaded = load_model(path)
    assert type(loaded) is type(estimator)
    before, after = dict(vars(estimator)), dict(vars(loaded))
    assert before.keys() == after.keys()
    different = [name for name in before if not same(before[name], after[name])]
    assert different == []
    assert same(estimator.predict(X), loaded.predict(X))
    if isinstance(estimator, LinearClassifier):
        assert same(estimator.decision_function(X), loaded.decision_function(X))


def test_training_goes_on_as_if_nothing_had_happened(fitted, path):
    estimator, X, y = fitted
    save_model(estimator, path)
    loaded, original = load_model(path), load_model(path)
    original.__dict__.update(vars(estimator))
    for one in (loaded, original):
        one.set_params(warm_start=True).fit(X, y)
    assert same(loaded.coef_, original.coef_)
    assert same(loaded.intercept_, original.intercept_)


def test_a_loaded_model_saves_to_the_same_bytes(fitted, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    save_model(fitted[0], first)
    save_model(load_model(first), second)
    assert first.read_bytes() == second.read_bytes()


def test_names_of_features_come_back(path):
    pd = pytest.importorskip("pandas", reason="names come from pandas frames")
    frame = pd.DataFrame(DENSE, columns=list("abcde"))
    save_model(LinearClassifier(**QUICK).fit(frame, TWO), path)
    loaded = load_model(path)
    assert loaded.feature_names_in_.tolist() == list("abcde")
    loaded.predict(frame)


def test_a_model_that_ctrl_c_left_unfinished_comes_back(path):
    def interrupt(record):
        assert threading.current_thread() is not threading.main_thread()
        _thread.interrupt_main()

    estimator = LinearClassifier(max_epochs=10**9, tol=0, random_state=0, callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(SPARSE, THREE)
    save_model(estimator, path)
    loaded = load_model(path)
    assert len(histories(loaded)) == len(histories(estimator)) == 1
    assert same(loaded.coef_, estimator.coef_)
    assert same(loaded.predict(SPARSE), estimator.predict(SPARSE))
    assert loaded.stop_reason_ == "interrupted"


def test_what_is_code_is_left_out(path):
    seen = []
    estimator = LinearClassifier(callbacks=[seen.append], random_state=np.random.RandomState(0), max_epochs=2, tol=0)
    save_model(estimator.fit(SPARSE, TWO), path)
    loaded = load_model(path)
    assert loaded.callbacks is None
    assert loaded.random_state is None


def test_metadata_is_text_that_others_can_read(model, path):
    save_model(model, path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        assert same(file.get_tensor("coef"), model.coef_)
    assert metadata["kind"] == "classifier"
    assert json.loads(metadata["classes"])["values"] == [2, 7]
    assert json.loads(metadata["history"])[0]["objective"] == [record.objective for record in model.history_]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 0.1, "hinge", ("huber", 0.5), {1: 2.0, "a": (1, None)}, Serial(), Locked(), RoundRobin(),
        Racy(), Locking(), InTurn(), Hogwild(Racy(), block_examples=5), Replicas(7), inverse(0.5, power=0.75),
        softsync(damped(sgd(), 0.5), 3), compensated("adam", adaptive=True), BoundedStaleness(math.inf, period=3),
        ElasticAveraging(beta=0.5, synchronous=True), Gossip("d-psgd", topology=edges((0, 1), (1, 2))),
        Gossip("pull", topology="random"), ParzenASGD(blocks=3), Compressed(LocalSGD(7), topk(0.1)),
        adagrad(0.3, eps=1e-3), Downpour(server=adam(0.1, 0.5, 0.6, 1e-3)), AllReduce(ALL),
        lbfgs(3, 0.5), Sandblaster(conjugate_gradient(0.2)), Sandblaster(gradient_descent()),
    ],
    ids=repr,
)  # fmt: skip
def test_values_become_json_and_back(value):
    assert same(decode(json.loads(json.dumps(encode(value)))), value)


def test_the_table_of_parts_is_of_frozen_records():
    made = [cls for name, cls in TYPES.items() if name not in ("Compressed", "Fault", "RoundRate", "Schedule")]
    assert all(hash(cls()) == hash(cls()) for cls in made)
    assert hash(Compressed(LocalSGD(), topk())) == hash(Compressed(LocalSGD(), "topk"))


# ---- saving


def test_an_old_file_is_replaced_and_nothing_else_remains(model, path):
    path.write_text("old")
    save_model(model, path)
    load_model(path)
    assert os.listdir(path.parent) == [path.name]


class Own:
    """A strategy that no file can hold."""


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        ({"l2": -1.0}, ValueError, "l2=-1.0"),
        ({"class_weight": {2: Own()}}, TypeError, "cannot be stored"),
        ({"strategy": Own()}, TypeError, "strategy="),
    ],
)
def test_what_could_not_be_loaded_is_not_written(model, path, spoil, error, words):
    save_model(model, path)
    spoilt = load_model(path).set_params(**spoil)
    before = path.read_bytes()
    with pytest.raises(error, match=words):
        save_model(spoilt, path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_an_unfitted_estimator_is_not_written(path):
    with pytest.raises(ValueError, match="not fitted yet"):
        save_model(LinearClassifier(), path)
    assert not path.exists()


def test_only_our_estimators_are_written(path):
    with pytest.raises(TypeError, match="not a dict"):
        save_model({}, path)


def test_bytes_as_labels_are_refused(path):
    estimator = LinearClassifier(**QUICK).fit(SPARSE, TWO)
    estimator.classes_ = np.array([b"a", b"b"])
    with pytest.raises(TypeError, match="numbers or text as labels"):
        save_model(estimator, path)


def test_a_missing_directory_is_named(model, tmp_path):
    path = tmp_path / "nowhere" / "model"
    with pytest.raises(ModelError, match=r"nowhere/model cannot be written: .*; nothing was written"):
        save_model(model, path)


# ---- loading what is no model


@pytest.fixture(scope="module")
def contents(model, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("contents") / "model"
    save_model(model, path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def spot(tmp_path_factory) -> Path:
    """A file that Hypothesis may write again and again."""
    return tmp_path_factory.mktemp("spot") / "model.safetensors"


def refused(path: Path, words: str = ".") -> None:
    """One sentence that names the file."""
    with pytest.raises(ModelError, match=words) as caught:
        load_model(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text


@given(data=st.data())
def test_a_truncated_file_is_refused(contents, spot, data):
    spot.write_bytes(contents[: data.draw(st.integers(0, len(contents) - 1))])
    refused(spot)


@given(data=st.data())
def test_a_file_with_one_wrong_byte_is_refused(contents, spot, data):
    damaged = bytearray(contents)
    damaged[data.draw(st.integers(0, len(contents) - 1))] ^= data.draw(st.integers(1, 255))
    spot.write_bytes(damaged)
    refused(spot)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_refused(spot, data):
    spot.write_bytes(data)
    refused(spot)


@pytest.mark.parametrize(
    "foreign",
    [b"", b"+1 1:0.5 3:2\n", b"\x80\x04\x95model", b"PK\x03\x04", save({"coef": np.zeros(3)}), b"{}"],
)
def test_foreign_files_are_refused(path, foreign):
    path.write_bytes(foreign)
    refused(path, "give a file that `hogwild train --out` wrote")


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    refused(tmp_path / "none", "does not exist")
    refused(tmp_path, "is a directory")


def test_models_are_told_from_text(path, contents):
    path.write_bytes(contents)
    assert is_model(path)
    path.write_bytes(b"1 1:0.5\n")
    assert not is_model(path)
    assert not is_model(path.with_name("none"))


def forge(path: Path, contents: bytes, text=None, arrays=None) -> None:
    """Write a file of the right form and checksum, with some of its parts exchanged."""
    path.write_bytes(contents)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for new, old in ((text or {}, metadata), (arrays or {}, tensors)):
        for name, value in new.items():
            if value is None:
                del old[name]
            else:
                old[name] = value
    metadata["checksum"] = checksum(metadata, tensors)
    path.write_bytes(save(tensors, metadata))


def test_a_forged_file_is_read_if_it_is_sound(contents, path, model):
    forge(path, contents)
    assert same(load_model(path).coef_, model.coef_)


def test_a_newer_format_asks_for_an_upgrade(contents, path):
    forge(path, contents, {"format_version": "2", "hogwild_version": "9.9"})
    refused(path, r"was written by hogwild 9\.9 in format 2, .*: upgrade hogwild")


NAN, SHORT = np.full((1, D), np.nan, np.float32), np.zeros((1, D - 1), np.float32)


@pytest.mark.parametrize(
    ("text", "arrays"),
    [
        ({"format_version": "0"}, None),
        ({"format_version": "two"}, None),
        ({"kind": "oracle"}, None),
        ({"kind": None}, None),
        ({"fit": "{}"}, None),
        ({"fit": "[1, 2"}, None),
        ({"fit": '{"n_iter": 1, "stop_reason": "x", "feature_names": ["a"]}'}, None),
        ({"history": "[]"}, None),
        ({"history": '[{"epoch": [1]}]'}, None),
        ({"history": "[" * 100_000}, None),
        ({"classes": None}, None),
        ({"classes": '{"dtype": "<i8", "values": [7]}'}, None),
        ({"classes": '{"dtype": "<i8", "values": [7, 2]}'}, None),
        ({"classes": '{"dtype": "<i8", "values": [7, 7]}'}, None),
        ({"classes": '{"dtype": "<i8", "values": [1, 2, 3]}'}, None),
        ({"classes": '{"dtype": "<i1", "values": [1, 300]}'}, None),
        ({"classes": '{"dtype": "<M8[s]", "values": [1, 300]}'}, None),
        ({"hyper_parameters": "{}"}, None),
        ({"hyper_parameters": '{"type": "dict", "items": [["l2", -1]]}'}, None),
        ({"hyper_parameters": '{"type": "dict", "items": [["loss", "hung"]]}'}, None),
        ({"hyper_parameters": '{"type": "dict", "items": [["exec", 1]]}'}, None),
        ({"hyper_parameters": '{"type": "dict", "items": [["l2", {"type": "Path", "fields": {}}]]}'}, None),
        (None, {"coef": NAN}),
        (None, {"coef": SHORT}),
        (None, {"coef": np.zeros((2, D), np.float32)}),
        (None, {"coef": np.zeros(D, np.float32)}),
        (None, {"coef": np.zeros((1, 0), np.float32)}),
        (None, {"coef": np.zeros((1, D), np.int32)}),
        (None, {"intercept": np.zeros(1)}),
        (None, {"intercept": np.zeros(2, np.float32)}),
        (None, {"intercept": None}),
        (None, {"state.0.eta0": np.array([np.inf])}),
        (None, {"state.0.eta0": np.zeros(2)}),
        (None, {"state.0.relax": np.ones(2, np.float32)}),
        (None, {"state.0.centre": np.ones(D - 1, np.float32)}),
        (None, {"state.0.centre": None}),
        (None, {"state.1.eta0": np.ones(1)}),
        (None, {"more": np.zeros(3)}),
    ],
)
def test_every_part_is_checked(contents, path, text, arrays):
    forge(path, contents, text, arrays)
    if arrays is not None and arrays.get("coef") is SHORT:
        # Nothing but the weights says how many features there are.
        assert load_model(path).n_features_in_ == D - 1
    else:
        refused(path)
