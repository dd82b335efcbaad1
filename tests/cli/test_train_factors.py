"""`hogwild train --model mf`."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hogwild import MatrixFactorization, load_model, movielens_like
from hogwild.cli import main

PAIRS, RATINGS = movielens_like(3_000, 60, 40, seed=1)
FIRST = np.unique(PAIRS, axis=0, return_index=True)[1]
PAIRS, RATINGS = PAIRS[FIRST], RATINGS[FIRST]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{u},{i},{r:.6f}" for (u, i), r in zip(PAIRS.tolist(), RATINGS.tolist(), strict=True)]
    half = len(lines) // 2
    Path("names.csv").write_text("ann,3,4.5")
    Path("all.csv").write_text("\n".join(["user,item,rating", *lines]))
    Path("first.csv").write_text("\n".join(lines[:half]))
    Path("second.csv").write_text("\n".join(lines[half:]))
    return tmp_path


def train(*options):
    return CliRunner().invoke(main, ["train", *map(str, options), "--model", "mf", "--out", "model"])


def test_it_is_what_the_estimator_does(here):
    options = ["--rank", 3, "--l2", 0.1, "--epochs", 4, "--eta0", 0.03, "--seed", 0]
    found = train("all.csv", *options, "--json", "--quiet")
    assert (found.exit_code, found.stderr) == (0, "")
    facts = json.loads(found.stdout)
    rate = MatrixFactorization().rate._replace(eta0=0.03)
    expected = MatrixFactorization(rank=3, l2=0.1, max_epochs=4, rate=rate, random_state=0)
    expected.fit(PAIRS, np.round(RATINGS.astype(np.float64), 6))
    np.testing.assert_array_equal(load_model("model").user_factors_, expected.user_factors_)
    error = RATINGS - expected.predict(PAIRS)
    assert facts["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-4)
    assert (facts["ratings"], facts["users"], facts["items"]) == (len(RATINGS), 60, 40)
    assert (facts["epochs"], facts["stop_reason"], facts["holdout_rmse"]) == (4, "epochs", None)
    assert load_model("model").callbacks is None


def test_several_files_are_one(here):
    bits = []
    for files in (["all.csv"], ["first.csv", "second.csv"]):
        assert train(*files, "--epochs", 2, "--seed", 0, "-q").exit_code == 0
        bits.append(load_model("model").item_factors_.tobytes())
    assert bits[0] == bits[1]


def test_repeated_ratings_may_be_taken(here):
    assert train("all.csv", "first.csv", "--repeated", "last", "--epochs", 1, "-q").exit_code == 0


def test_early_stopping_stops(here):
    found = train("all.csv", "--epochs", 500, "--early-stopping", "--seed", 0, "--json", "-q")
    assert json.loads(found.stdout)["stop_reason"] == "converged"


@pytest.mark.parametrize("stopping", [(), ("--early-stopping",)])
def test_a_picture(here, stopping):
    pytest.importorskip("matplotlib", reason="it draws a picture")
    assert train("all.csv", "--epochs", 3, *stopping, "--plot", "loss.png", "-q").exit_code == 0
    assert Path("loss.png").stat().st_size > 1_000


def test_a_summary(here):
    found = train("all.csv", "--epochs", 3, "--early-stopping", "--seed", 0)
    assert found.exit_code == 0
    assert f"{len(RATINGS):,} of 40 items by 60 users" in found.stdout
    assert "held out" in found.stdout
    assert "rank 50, l2 0.08" in found.stdout


def test_on_a_simulated_cluster(here):
    found = train(
        *(
            "all.csv",
            "--epochs",
            2,
            "--strategy",
            "downpour",
            "--minibatch",
            20,
            "--engine",
            "simulated",
            "--workers",
            3,
        ),
        *("--seed", 0, "--json", "-q"),
    )
    assert found.exit_code == 0
    assert json.loads(found.stdout)["virtual_s"] > 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["all.csv", "--loss", "hinge"], 2, "--loss is of linear models"),
        (["all.csv", "--checkpoint", "runs"], 2, "--checkpoint is of linear models"),
        (["all.csv", "--minibatch", "3"], 2, "--minibatch goes with --strategy NAME"),
        (["-"], 2, "not standard input"),
        (["all.csv", "--rank", "0"], 2, "--rank"),
        (["none.csv"], 1, "none.csv does not exist"),
        (["all.csv", "first.csv"], 1, "again: drop such rows"),
        (["all.csv", "names.csv"], 1, "users are text in names.csv, but whole numbers in all.csv"),
        (["all.csv", "--eta0", "1000"], 1, "NaN or infinite"),
    ],
)
def test_what_cannot_be_is_one_sentence(here, options, code, words):
    found = train(*options)
    assert found.exit_code == code
    assert words in found.stderr
    assert "Traceback" not in found.output
    assert "model" not in os.listdir()


def test_linear_models_have_no_rank(here):
    found = CliRunner().invoke(main, ["train", "all.csv", "--rank", "3", "--out", "model"])
    assert found.exit_code == 2
    assert "--rank goes with --model mf" in found.stderr
