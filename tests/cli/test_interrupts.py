"""Ctrl-C: at any moment after training has begun, the best model so far is written."""

import _thread
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.cli.commands import LABELS, X

from hogwild import LinearClassifier, check_examples, load_model
from hogwild.cli.fitting import fit
from hogwild.cli.interrupts import Interrupts

ENDLESS = ("--epochs", 10**9, "--tol", 0, "--no-cache", "-v")


def wait_for(process, words: bytes) -> list[bytes]:
    """Read standard error until a line begins with these words."""
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith(words):
            return lines
    raise AssertionError(f"ended without {words!r}: {b''.join(lines)!r}")


def ended(process) -> tuple[bytes, bytes]:
    """What it has printed. CPython loses what is raised while it calls a callback of a weak reference, also
    KeyboardInterrupt, which is rare: as a user would, press again.
    """
    for _ in range(3):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=20)
        process.send_signal(signal.SIGINT)
    return process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("times", "options"),
    [
        (1, ()),
        (2, ()),
        (1, ("--engine", "simulated", "--workers", 5, "--strategy", "downpour", "--seed", 0)),
        (2, ("--engine", "simulated", "--workers", 5, "--strategy", "hogwild", "--seed", 0)),
    ],
)
def test_ctrl_c_writes_the_best_model_so_far(files, here, start, times, options):
    process = start("train", files / "two.svm", "--out", "model", *ENDLESS, *options)
    wait_for(process, b"epoch 2 ")
    for _ in range(times):
        process.send_signal(signal.SIGINT)
    out, err = ended(process)
    assert process.returncode == 130
    assert err.splitlines()[-1] == b"hogwild: interrupted; the best model so far is in model"
    assert b"Traceback" not in err
    assert b"interrupted: the best model so far" in out
    assert os.listdir() == ["model"]
    model = load_model("model")
    assert model.stop_reason_ == "interrupted"
    assert model.n_iter_ >= 2
    assert model.score(X, LABELS["two"]) > 0.9


@pytest.mark.slow
def test_ctrl_c_before_training_writes_nothing(here, start):
    Path("model").write_text("old")
    process = start("train", "-", "--out", "model", *ENDLESS, stdin=-1)
    # More than a pipe holds: when this returns, the command has begun to read, and waits for the rest.
    process.stdin.write(b"1 1:1\n-1 2:1\n" * 100_000)
    process.stdin.flush()
    while process.returncode is None:
        process.send_signal(signal.SIGINT)
        # Python does not see a signal that comes between two system calls of one long read() before the second
        # returns: as a user would, press again.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    assert process.returncode == 130
    assert process.stderr.read() == b"hogwild: interrupted\n"
    assert process.stdout.read() == b""
    assert Path("model").read_text() == "old"
    assert os.listdir() == ["model"]


@pytest.mark.slow
def test_the_demo_leaves_its_model_when_it_is_interrupted(here, start):
    pytest.importorskip("matplotlib", reason="the demo draws a picture, which needs the extra 'plots'")
    process = start("demo", "--rows", 1000, "--epochs", 300)  # laps of 1 to 300 epochs take long
    wait_for(process, b"Racing ")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"hogwild: interrupted\n")
    assert os.listdir("hogwild-demo") == ["model.safetensors"]
    assert load_model("hogwild-demo/model.safetensors").n_iter_ == 300


def test_some_classes_are_better_than_none():
    """Ctrl-C while the first of three classes is trained."""
    estimator = LinearClassifier(max_epochs=10**9, tol=0, random_state=0)
    examples = check_examples(X, LABELS["three"])
    with Interrupts() as interrupts:
        fitted = fit(estimator, examples, LABELS["three"], [lambda record: _thread.interrupt_main()], interrupts)
    assert fitted.interrupted
    assert interrupts.noted > 0
    assert estimator.callbacks is None
    assert np.unique(estimator.predict(X)).tolist() == [1]


@pytest.mark.parametrize("engine", ["threads", "simulated"])
def test_a_lost_ctrl_c_is_obeyed_at_the_end_of_the_epoch(engine):
    """Python loses what is raised in a callback of a weak reference."""
    estimator = LinearClassifier(max_epochs=10**9, tol=0, random_state=0, engine=engine)
    examples, epochs = check_examples(X, LABELS["two"]), []

    def lose_one(record) -> None:
        epochs.append(record.epoch)
        if record.epoch == 2:
            interrupts.noted += 1

    with Interrupts() as interrupts:
        fitted = fit(estimator, examples, LABELS["two"], [lose_one], interrupts)
    assert fitted.interrupted
    assert epochs == [1, 2]
    assert estimator.n_iter_ == 2


def test_ctrl_c_without_any_weights_is_passed_on():
    estimator = LinearClassifier(time_limit_s=1.0)
    examples = check_examples(X, LABELS["two"])

    class Trap:
        """A label array that is looked at only once training is being prepared."""

        def __array__(self, *arguments, **options):
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("not reached")

    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        fit(estimator, examples, Trap(), [], interrupts)
    assert not hasattr(estimator, "coef_")


def test_only_the_first_ctrl_c_disturbs_and_none_when_held():
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # a second, at once: the first is being obeyed
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)  # a third: it was not
        interrupts.hold()
        signal.raise_signal(signal.SIGINT)
        assert interrupts.noted == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_ctrl_c_goes_on_ignoring_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
        assert interrupts.noted == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
