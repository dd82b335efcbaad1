"""`hogwild train --engine ray`, on a real local cluster."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from tests.cli.commands import done

from hogwild import load_model

# Not by importing it: hogwild does that, when it has set what Ray reads then.
pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")


def test_it_trains_as_on_threads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    rows = [
        f"{1 if x.sum() > 0 else -1} " + " ".join(f"{column + 1}:{value:.6f}" for column, value in enumerate(x))
        for x in X
    ]
    (tmp_path / "train.svm").write_text("\n".join(rows) + "\n")
    options = ("--strategy", "local-sgd", "--epochs", 5, "--seed", 0, "--no-cache", "--json", "-q")
    there = done("train", "train.svm", "--out", "a", "--engine", "ray", "--workers", 2, *options)
    here = done("train", "train.svm", "--out", "b", "--threads", 2, *options)
    assert json.loads(there.stdout)["objective"] == json.loads(here.stdout)["objective"]
    assert np.array_equal(load_model("a").coef_, load_model("b").coef_)
