"""`hogwild info`."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.commands import LABELS, D, N, X, done, refused, trained

from hogwild import load_model, write_npz


def facts(*arguments) -> dict:
    return json.loads(done("info", *arguments, "--json", "--no-cache").stdout)


def test_data_by_hand(here):
    Path("data.svm").write_text("1 1:1 2:1\n1 1:1\n-1 3:1\n1 4:1 5:1 6:1\n")
    found = facts("data.svm")
    assert (found["examples"], found["features"], found["nonzeros"]) == (4, 6, 7)
    assert found["labels"] == {"-1": 1, "1": 3}
    assert found["nonzeros_per_example"] == {"min": 1, "mean": 1.75, "max": 3}
    # Three features in the largest example; feature 1 is in two of four; the first two examples meet each other.
    assert (found["omega"], found["delta"], found["rho"]) == (3, 0.5, 0.5)
    assert found["plain_sharing_collides"]


def test_data_for_people(here):
    lines = [f"{'1' if k % 2 else '-1'} {k + 1}:1\n" for k in range(100)]
    Path("apart.svm").write_text("".join(lines))
    text = done("info", "apart.svm", "--no-cache").stdout
    assert "labels    -1 (50), 1 (50)\n" in text
    assert "Delta     0.0100: the part of the examples that have the most frequent feature\n" in text
    assert "would seldom collide here" in text
    Path("apart.svm").write_text("".join(line.replace("\n", " 200:1\n") for line in lines))
    assert "would often collide here" in done("info", "apart.svm", "--no-cache").stdout


def test_labels_of_every_kind(files, here):
    found = facts(files / "numbers.svm")
    y = LABELS["numbers"]
    assert found["label_range"] == pytest.approx([y.min(), y.mean(), y.max()])
    assert "labels    numbers from" in done("info", files / "numbers.svm", "--no-cache").stdout
    write_npz("bare.npz", X)
    assert "labels    none\n" in done("info", "bare.npz").stdout


def test_standard_input_is_read(files, here):
    text = (files / "two.svm").read_bytes()
    assert json.loads(done("info", "-", "--json", stdin=text).stdout)["examples"] == N


def test_a_model_of_two_classes(files, here):
    name = trained(files / "two.svm", "--l2", 0.01)
    model = load_model(name)
    found = facts(name, "--data", files / "two.svm", "--top", 2)
    assert (found["kind"], found["loss"], found["l2"], found["classes"]) == ("classifier", "hinge", 0.01, [2, 7])
    assert (found["features"], found["nonzero_weights"]) == (D, np.count_nonzero(model.coef_))
    (problem,) = found["problems"]
    w = model.coef_[0].astype(float)
    assert problem["margin"] == pytest.approx(2 / np.linalg.norm(w))
    assert problem["heaviest_for"] == [[int(j) + 1, w[j]] for j in np.argsort(-w)[:2]]
    assert problem["heaviest_against"] == [[int(j) + 1, w[j]] for j in np.argsort(w)[:2] if w[j] < 0]
    margins = np.where(LABELS["two"] == 7, 1, -1) * model.decision_function(X.astype(np.float32))
    assert problem["support_vectors"] == int((margins <= 1).sum())
    assert problem["smallest_margin"] == pytest.approx(margins.min(), rel=1e-5)
    assert problem["smallest_distance"] == pytest.approx(margins.min() / np.linalg.norm(w), rel=1e-5)
    text = done("info", name, "--data", files / "two.svm", "--no-cache").stdout
    assert f"{problem['support_vectors']} with y p <= 1" in text
    assert "for 7 " in text
    assert "for 2 " in text


def test_features_can_be_counted_from_zero(files, here):
    name = trained(files / "two.svm")
    one, zero = (facts(name, *options)["problems"][0]["heaviest_for"] for options in ([], ["--zero-based"]))
    assert [[j - 1, weight] for j, weight in one] == zero


def test_a_model_tells_how_it_was_trained(files, here):
    assert (found := facts(trained(files / "two.svm", "--epochs", 2, "--tol", 0)))["strategy"] == "auto"
    assert (found["engine"], found["seed"], found["stop_reason"]) == ("Threads()", 0, "epochs")
    options = ("--strategy", "downpour", "--minibatch", 5, "--engine", "simulated", "--workers", 3, "--epochs", 2)
    lines = done("info", trained(files / "two.svm", *options, "--tol", 0)).stdout.splitlines()
    said = dict(line.split(maxsplit=1) for line in lines)
    assert said["strategy"] == "Downpour(minibatch=5) on Simulated(workers=3), seed 0"
    assert said["epochs"] == "2 (all epochs used)"


def test_a_model_of_three_classes(files, here):
    name = trained(files / "three.svm", "--loss", "logistic")
    found = facts(name, "--data", files / "three.svm")
    assert [problem["class"] for problem in found["problems"]] == [1, 2, 3]
    signs = np.where(LABELS["three"][:, None] == [1, 2, 3], 1, -1)
    margins = signs * load_model(name).decision_function(X.astype(np.float32))
    assert [p["support_vectors"] for p in found["problems"]] == (margins <= 1).sum(axis=0).tolist()
    text = done("info", name, "--data", files / "three.svm", "--no-cache").stdout
    assert text.count("margin 2/|w|") == 3


def test_a_regressor(files, here):
    name = trained(files / "numbers.svm", "--loss", "huber", "--epsilon", 0.25)
    found = facts(name)
    assert (found["kind"], found["classes"], found["loss_parameter"]) == ("regressor", None, {"epsilon": 0.25})
    assert found["problems"][0]["margin"] is None
    assert "upwards" in done("info", name).stdout
    sentence = refused("info", name, "--data", files / "numbers.svm", "--no-cache")
    assert "support vectors, which a model with loss huber does not have" in sentence


def test_a_model_without_weights(here):
    Path("flat.svm").write_text("1\n-1\n" * 10)
    found = facts(trained(Path("flat.svm")), "--data", "flat.svm")
    assert found["nonzero_weights"] == 0
    assert found["problems"][0]["margin"] is None
    assert found["problems"][0]["smallest_distance"] is None
    assert "none, all weights are zero" in done("info", "model.safetensors", "--data", "flat.svm", "--no-cache").stdout


def test_what_cannot_be_used_is_one_sentence(files, here):
    assert "--data goes with a model" in refused("info", files / "two.svm", "--data", files / "two.svm")
    assert "none does not exist" in refused("info", "none")
    Path("cut").write_bytes(Path(trained(files / "two.svm")).read_bytes()[:-1])
    assert "cut is truncated or damaged" in refused("info", "cut")
