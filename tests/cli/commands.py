"""Small data sets, and commands run in this process."""

import contextlib
import fcntl
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from hogwild.cli import main
from hogwild.snapshots import CheckpointError, Folder

N, D = 240, 6
RNG = np.random.default_rng(11)
X = np.round(np.where(RNG.random((N, D)) < 0.7, RNG.normal(size=(N, D)), 0.0), 3)
X[0, D - 1] = 0.5  # so that the last feature is there
SCORES = X @ np.array([1.0, -2.0, 0.5, 0.0, 3.0, 1.0])
LABELS = {
    "two": np.where(SCORES > 0, 7, 2),
    "three": np.digitize(SCORES, [-2.0, 2.0]) + 1,
    "numbers": np.round(SCORES, 3),
}


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run a command; anything that it raises but an exit is raised here."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def done(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run a command that must end well."""
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: object, stdin: bytes | None = None) -> str:
    """Run a command that must fail with one sentence, and nothing else; returns that."""
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("hogwild: error: ")
    return sentence


def misused(*arguments: object) -> str:
    """Run a command that must be refused as wrong usage; returns what is said."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    return result.stderr


def trained(file: Path, *options: object) -> str:
    """Train on a file, without a cache beside it; the name of the model, in the working directory."""
    done("train", file, "--out", "model.safetensors", "--no-cache", "--seed", 0, "-q", *options)
    return "model.safetensors"


def hold_back(process) -> None:
    """Nobody reads what it says: it waits for us when it has said a page, a line an epoch, in the middle of its run."""
    fcntl.fcntl(process.stderr.fileno(), fcntl.F_SETPIPE_SZ, 4096)


def kill_after_epochs(process, folder: Folder, epochs: int) -> None:
    """When there is a checkpoint that is as far."""
    reached = -1
    while reached < epochs:
        assert process.poll() is None
        with contextlib.suppress(CheckpointError):  # there is none, or it was removed while we looked
            reached = folder.newest().manifest.progress["epochs"]
    process.kill()
    process.wait()
    assert not folder.newest().manifest.ended
