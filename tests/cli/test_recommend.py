"""`hogwild recommend`."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from hogwild import LinearClassifier, MatrixFactorization, save_model
from hogwild.cli import main

PAIRS = np.argwhere(np.random.default_rng(0).random((9, 7)) < 0.6)
VALUES = np.random.default_rng(1).normal(3, 1, len(PAIRS))
NAMED = [(f"user {u}", f"item {i}") for u, i in PAIRS]


@pytest.fixture
def files(tmp_path):
    """Two models of the same ratings, with ids of either kind, and a linear one."""
    options = {"rank": 2, "max_epochs": 5, "random_state": 0}
    save_model(MatrixFactorization(**options).fit(PAIRS, VALUES), tmp_path / "numbers")
    save_model(MatrixFactorization(**options).fit(NAMED, VALUES), tmp_path / "names")
    save_model(LinearClassifier(max_epochs=1, tol=None).fit([[0.0], [1.0]], [0, 1]), tmp_path / "linear")
    return tmp_path


def recommend(path, *options):
    return CliRunner().invoke(main, ["recommend", str(path), *map(str, options)])


def test_a_table_has_the_best_first(files):
    model = MatrixFactorization(rank=2, max_epochs=5, random_state=0).fit(NAMED, VALUES)
    items, ratings = model.recommend("user 3", 2)
    printed = recommend(files / "names", "--user", "user 3", "--n", 2)
    assert printed.exit_code == 0
    expected = [[*item.split(), f"{rating:.3f}"] for item, rating in zip(items, ratings, strict=True)]
    assert [line.split() for line in printed.stdout.splitlines()] == expected


def test_as_json(files):
    found = json.loads(recommend(files / "numbers", "--user", 3, "--n", 7, "--json").stdout)
    assert sorted(found["items"]) == sorted(set(range(7)) - set(PAIRS[PAIRS[:, 0] == 3, 1]))
    assert found["ratings"] == sorted(found["ratings"], reverse=True)
    found = json.loads(recommend(files / "numbers", "--user", 3, "--n", 7, "--seen", "--json").stdout)
    assert sorted(found["items"]) == list(range(7))


def test_who_has_rated_everything(files):
    every = np.argwhere(np.ones((2, 3)))
    save_model(MatrixFactorization(rank=1, max_epochs=1).fit(every, np.arange(6.0)), files / "full")
    found = recommend(files / "full", "--user", 1)
    assert (found.exit_code, found.stdout) == (0, "")
    assert "has rated every item; --seen" in found.stderr


@pytest.mark.parametrize(
    ("file", "options", "code", "words"),
    [
        ("numbers", ["--user", "99"], 1, "user '99' was not learnt"),
        ("numbers", ["--user", "ann"], 2, "users of this model are whole numbers"),
        ("numbers", [], 2, "--user"),
        ("numbers", ["--user", "3", "--n", "0"], 2, "--n"),
        ("linear", ["--user", "3"], 1, "is a linear model, which recommends nothing"),
        ("nothing", ["--user", "3"], 1, "does not exist"),
    ],
)
def test_bad_questions_are_one_sentence(files, file, options, code, words):
    found = recommend(files / file, *options)
    assert found.exit_code == code
    assert words in found.stderr
    assert "Traceback" not in found.output


def test_linear_commands_take_linear_models(files):
    found = CliRunner().invoke(main, ["info", str(files / "numbers")])
    assert found.exit_code == 1
    assert "is a matrix factorization, and no linear model" in found.stderr
