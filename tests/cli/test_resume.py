"""`hogwild train --resume`: a process that was killed in the middle goes on, and ends with the same bits."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.cli.commands import done, hold_back, kill_after_epochs, misused, refused

from hogwild import load_model
from hogwild.snapshots import Folder

SMALL = ("--no-cache", "--seed", 3, "--tol", 0, "-q")


def weights(model: Path) -> tuple[np.ndarray, np.ndarray, list[float]]:
    found = load_model(model)
    runs = found.history_ if isinstance(found.history_, list) else [found.history_]
    return found.coef_, found.intercept_, [record.objective for run in runs for record in run]


def same(model: Path, other: Path) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(model), weights(other), strict=True))


RAY = pytest.param("two", ("--engine", "ray", "--workers", 2), id="ray", marks=pytest.mark.skipif(
    find_spec("ray") is None, reason="the extra `cluster` is not installed"
))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "where"), [("two", ("--threads", 2)), ("three", ("--threads", 2)), RAY])
def test_a_run_that_is_killed_goes_on_with_the_same_bits(files, here, start, name, where):
    options = ("--strategy", "local-sgd", "--period", 60, "--epochs", 80)
    command = ("train", files / f"{name}.svm", *SMALL[:-1], *options)
    process = start(*command, *where, "-v", "--out", "model", "--checkpoint", "runs", "--checkpoint-every", 0.02)
    hold_back(process)
    kill_after_epochs(process, Folder(str(here / "runs" / ("class-0" if name == "three" else ""))), 5)
    assert not Path("model").exists()

    done("train", "--resume", "runs", "-q")
    done(*command, "--threads", 2, "-q", "--out", "whole")
    assert same("model", "whole")
    # It has ended: the same again, at once.
    Path("model").unlink()
    done("train", "--resume", "runs", "-q")
    assert same("model", "whole")


def test_what_has_not_begun_begins(files, here):
    done("train", files / "two.svm", *SMALL, "--threads", 1, "--epochs", 3, "--out", "model", "--checkpoint", "runs")
    for each in here.glob("runs/checkpoint-*"):
        shutil.rmtree(each)
    Path("model").rename("whole")
    done("train", "--resume", "runs", "-q")
    assert same("model", "whole")


def test_the_command_is_remembered_whole(files, here):
    done("train", files / "two.svm", *SMALL, "--threads", 1, "--epochs", 1, "--out", "model", "--checkpoint", "runs")
    stored = json.loads(Path("runs/command.json").read_text())["options"]
    assert stored["seed"] == 3
    assert stored["files"] == [str(files / "two.svm")]
    assert stored["out"] == str(here / "model")


def test_wrong_uses_are_refused(files, here):
    assert "Missing argument 'FILE...'" in misused("train", "--out", "model")
    assert "Missing option '--out'" in misused("train", files / "two.svm")
    assert "leave --epochs out" in misused("train", "--resume", "runs", "--epochs", 3)
    assert "leave FILE out" in misused("train", files / "two.svm", "--resume", "runs")
    assert "--checkpoint-every goes with" in misused("train", "a", "--out", "model", "--checkpoint-every", 3)
    assert "not '-'" in misused("train", "-", "--out", "model", "--checkpoint", "runs")


def test_wrong_places_are_named(files, here):
    assert "has no command.json" in refused("train", "--resume", "nowhere")
    Path("runs").mkdir()
    Path("runs/command.json").write_text("{}")
    assert "is damaged" in refused("train", "--resume", "runs")
    again = ("train", files / "two.svm", *SMALL, "--epochs", 1, "--out", "model", "--checkpoint", "runs")
    assert "has checkpoints already: go on with --resume" in refused(*again)
    Path("file").write_text("")
    assert "cannot be written" in refused(*again[:-1], "file")


def test_other_data_are_refused(files, here):
    shutil.copy(files / "two.svm", "data.svm")
    done("train", "data.svm", *SMALL, "--threads", 1, "--epochs", 2, "--out", "model", "--checkpoint", "runs")
    Path("data.svm").write_text("\n".join(Path("data.svm").read_text().splitlines()[:-1]) + "\n")
    assert "is of a run with another data: 240 x 6" in refused("train", "--resume", "runs", "-q")
