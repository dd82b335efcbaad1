"""`hogwild train --engine ray`, on a real local cluster."""

import json
import re
from importlib.util import find_spec

import numpy as np
import pytest
from tests.cli.commands import done, refused

from hogwild import load_model

# Not by importing it: hogwild does that, when it has set what Ray reads then.
pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")


@pytest.fixture
def train_svm(tmp_path, monkeypatch):
    """The name of a file in the folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    rows = [
        f"{1 if x.sum() > 0 else -1} " + " ".join(f"{column + 1}:{value:.6f}" for column, value in enumerate(x))
        for x in X
    ]
    (tmp_path / "train.svm").write_text("\n".join(rows) + "\n")
    return "train.svm"


def test_it_trains_as_on_threads(train_svm):
    options = ("--strategy", "local-sgd", "--epochs", 5, "--seed", 0, "--no-cache", "--json", "-q")
    there = done("train", train_svm, "--out", "a", "--engine", "ray", "--workers", 2, *options)
    here = done("train", train_svm, "--out", "b", "--threads", 2, *options)
    assert json.loads(there.stdout)["objective"] == json.loads(here.stdout)["objective"]
    assert np.array_equal(load_model("a").coef_, load_model("b").coef_)


def test_what_it_says_is_for_people(train_svm):
    said = done("train", train_svm, "--out", "a", "--engine", "ray", "--workers", 2, "--epochs", 1, "--no-cache").stdout
    assert re.search(r"^time +\d+\.\d+ s on 2 workers$", said, re.MULTILINE)


def test_what_the_cluster_has_not_is_said_in_one_sentence(train_svm, tmp_path):
    told = refused("train", train_svm, "--out", "a", "--engine", "ray", "--workers", 2, "--gpus", 1, "--no-cache", "-q")
    assert told == (
        "hogwild: error: the run needs 2 CPU, 2 GPU and the cluster has 2 CPU, 0 GPU: use fewer workers or shards, or "
        "give cpus=..."
    )
    assert not (tmp_path / "a").exists()
