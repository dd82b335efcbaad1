"""`hogwild predict`."""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.cli.commands import LABELS, D, N, X, done, misused, refused, trained

from hogwild import load_model, write_npz

FLOAT32 = X.astype(np.float32)


def rows(text: str) -> np.ndarray:
    return np.array([[float(number) for number in line.split()] for line in text.splitlines()])


@pytest.mark.parametrize("name", ["two", "three"])
def test_labels_are_printed_as_whole_numbers(files, here, name):
    model = trained(files / f"{name}.svm")
    lines = done("predict", model, files / f"{name}.svm", "--no-cache").stdout.splitlines()
    assert lines == [str(label) for label in load_model(model).predict(X)]
    assert np.mean(np.array(lines, dtype=int) == LABELS[name]) > 0.85


def test_text_labels_are_printed_as_they_are(here):
    write_npz("text.npz", X, np.where(LABELS["two"] == 7, "spam", "ham"))
    assert set(done("predict", trained(Path("text.npz")), "text.npz").stdout.split()) == {"ham", "spam"}


def test_numbers_are_printed_in_full(files, here):
    write_npz("data.npz", FLOAT32, LABELS["numbers"])
    model = trained(Path("data.npz"), "--loss", "squared")
    found = rows(done("predict", model, "data.npz").stdout)[:, 0]
    assert (found.astype(np.float32) == load_model(model).predict(FLOAT32)).all()
    assert np.abs(found - LABELS["numbers"]).mean() < 0.1


@pytest.mark.parametrize(("name", "columns"), [("two", 1), ("three", 3)])
def test_scores_lose_no_digit(files, here, name, columns):
    write_npz("data.npz", FLOAT32, LABELS[name])
    model = trained(Path("data.npz"))
    found = rows(done("predict", model, "data.npz", "--scores").stdout).astype(np.float32)
    expected = load_model(model).decision_function(FLOAT32).reshape(N, columns)
    assert (found == expected).all()


@pytest.mark.parametrize(("name", "columns"), [("two", 2), ("three", 3)])
def test_probabilities_have_a_column_a_class(files, here, name, columns):
    write_npz("data.npz", FLOAT32, LABELS[name])
    model = trained(Path("data.npz"), "--loss", "logistic")
    found = rows(done("predict", model, "data.npz", "--probabilities").stdout)
    assert found.shape == (N, columns)
    assert (found == load_model(model).predict_proba(FLOAT32)).all()


def test_hinge_has_no_probabilities(files, here):
    model = trained(files / "two.svm")
    sentence = refused("predict", model, files / "two.svm", "--probabilities", "--no-cache")
    assert "train with --loss logistic" in sentence


def test_scores_and_probabilities_exclude_each_other(here):
    assert "exclude each other" in misused("predict", "m", "f", "--scores", "--probabilities")


def test_predictions_go_to_a_file(files, here):
    model = trained(files / "two.svm")
    printed = done("predict", model, files / "two.svm", "--no-cache").stdout
    result = done("predict", model, files / "two.svm", "--no-cache", "--out", "out.txt")
    assert result.stdout == ""
    assert Path("out.txt").read_text() == printed
    assert sorted(os.listdir()) == [model, "out.txt"]


def test_standard_input_is_read(files, here):
    model = trained(files / "two.svm")
    text = (files / "two.svm").read_bytes()
    assert done("predict", model, "-", stdin=text).stdout == done("predict", model, files / "two.svm").stdout


def test_fewer_features_are_filled_up_and_more_are_refused(files, here):
    model = trained(files / "two.svm")
    Path("few.svm").write_text("0 1:1\n0\n")
    assert len(done("predict", model, "few.svm", "--no-cache").stdout.splitlines()) == 2
    Path("many.svm").write_text(f"0 {D + 3}:1\n")
    sentence = refused("predict", model, "many.svm", "--no-cache")
    assert f"many.svm has {D + 3} features but the model was trained with {D}" in sentence
    write_npz("dense.npz", X[:, :3])
    assert f"dense.npz has 3 features but the model was trained with {D}" in refused("predict", model, "dense.npz")


def test_what_cannot_be_used_is_one_sentence(files, here):
    model = trained(files / "two.svm")
    assert "none does not exist" in refused("predict", "none", files / "two.svm")
    assert "is not a model" in refused("predict", files / "two.svm", files / "two.svm")
    assert "none.svm does not exist" in refused("predict", model, "none.svm")
    assert "no directory" in refused("predict", model, files / "two.svm", "--out", "none/out.txt")
    Path("cut").write_bytes(Path(model).read_bytes()[:-1])
    assert "cut is truncated or damaged" in refused("predict", "cut", files / "two.svm")
    assert sorted(os.listdir()) == ["cut", model]


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_enough_is_no_error(files, here, start, monkeypatch, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    model = trained(files / "two.svm")
    Path("long.svm").write_bytes((files / "two.svm").read_bytes() * 500)  # its predictions are more than a pipe holds
    process = start("predict", model, "long.svm", "--no-cache")
    assert process.stdout.readline() in (b"2\n", b"7\n")
    process.stdout.close()
    assert process.wait() == 1
    assert process.stderr.read() == b""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_one_sentence(files, here, start):
    model = trained(files / "two.svm")
    with open("/dev/full", "wb") as full:
        process = start("predict", model, files / "two.svm", "--no-cache", stdout=full)
        _, err = process.communicate()
    assert process.returncode == 1
    assert err == b"hogwild: error: standard output cannot be written: No space left on device\n"
