"""`hogwild train`."""

import bz2
import gzip
import json
import os
import re
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from tests.cli.commands import LABELS, D, N, X, done, misused, refused, run, trained
from tests.cli.terminals import seen

from hogwild import LOSSES, STRATEGIES, LinearClassifier, LinearRegressor, load_model, write_npz
from hogwild.rules.schedules import constant


def test_the_model_is_the_estimators_own(files, here):
    options = ("--loss", "logistic", "--l2", 0.01, "--epochs", 7, "--tol", 0, "--threads", 2, "--deterministic")
    model = load_model(trained(files / "two.svm", *options))
    expected = LinearClassifier(
        "logistic", l2=0.01, max_epochs=7, tol=0, n_jobs=2, deterministic=True, random_state=0
    ).fit(sp.csr_array(X.astype(np.float32)), LABELS["two"])
    assert (model.coef_ == expected.coef_).all()
    assert (model.intercept_ == expected.intercept_).all()
    assert {**model.get_params(), "n_jobs": 2} == expected.get_params()
    assert model.classes_.dtype == np.int64
    assert model.history_[-1].epoch == 7


def test_the_same_seed_gives_the_same_bits(files, here):
    first = load_model(trained(files / "two.svm", "--threads", 1)).coef_
    assert (load_model(trained(files / "two.svm", "--threads", 1)).coef_ == first).all()


def test_more_than_two_labels_are_learnt_one_against_the_rest(files, here):
    model = load_model(trained(files / "three.svm"))
    assert model.classes_.tolist() == [1, 2, 3]
    assert model.coef_.shape == (3, D)
    assert len(model.history_) == 3


def test_losses_for_numbers_give_a_regressor(files, here):
    model = load_model(trained(files / "numbers.svm", "--loss", "huber", "--epsilon", 0.5))
    assert isinstance(model, LinearRegressor)
    assert model.loss == ("huber", 0.5)
    assert model.score(X, LABELS["numbers"]) > 0.99


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_can_be_asked_for(files, here, loss):
    name = "two" if LOSSES[loss].is_binary else "numbers"
    assert load_model(trained(files / f"{name}.svm", "--loss", loss, "--epochs", 2)).loss == loss


@pytest.mark.parametrize("strategy", ["auto", *STRATEGIES])
def test_every_strategy_can_be_asked_for(files, here, strategy):
    model = load_model(trained(files / "two.svm", "--strategy", strategy, "--epochs", 2, "--threads", 2))
    assert model.strategy == strategy


def test_options_reach_the_estimator(files, here):
    model = load_model(
        trained(
            files / "two.svm", "--l1", 0.001, "--no-intercept", "--class-weight", "balanced", "--time-limit", 100,
            "--schedule", "constant", "--eta0", 0.125, "--average", "--validation-fraction", 0.25, "--features", 9,
        )
    )  # fmt: skip
    assert (model.l1, model.fit_intercept, model.class_weight, model.time_limit_s) == (0.001, False, "balanced", 100)
    assert (model.schedule, model.average) == (constant(0.125), True)
    assert (model.early_stopping, model.validation_fraction) == (True, 0.25)
    assert model.coef_.shape == (1, 9)
    assert model.intercept_.tolist() == [0]


def test_c_is_l2_an_example(files, here):
    assert load_model(trained(files / "two.svm", "--C", 4)).l2 == 1 / (4 * N)


def test_several_files_are_one(files, here):
    lines = (files / "two.svm").read_bytes().splitlines(keepends=True)
    Path("a.svm.gz").write_bytes(gzip.compress(b"".join(lines[:100])))
    Path("b.svm.bz2").write_bytes(bz2.compress(b"".join(lines[100:])))
    done("train", "a.svm.gz", "b.svm.bz2", "--out", "both", "--seed", 0, "--threads", 1)
    assert (load_model("both").coef_ == load_model(trained(files / "two.svm", "--threads", 1)).coef_).all()


def test_standard_input_is_read(files, here):
    done("train", "-", "--out", "piped", "--seed", 0, "--threads", 1, stdin=(files / "two.svm").read_bytes())
    assert (load_model("piped").coef_ == load_model(trained(files / "two.svm", "--threads", 1)).coef_).all()


def test_features_can_be_counted_from_zero(files, here):
    lines = (files / "two.svm").read_text()
    Path("zero.svm").write_text(re.sub(r"(\d+):", lambda found: f"{int(found[1]) - 1}:", lines))
    done("train", "zero.svm", "--out", "zero", "--zero-based", "--seed", 0, "--threads", 1)
    assert (load_model("zero").coef_ == load_model(trained(files / "two.svm", "--threads", 1)).coef_).all()


def test_text_labels_of_an_archive_are_kept(here):
    write_npz("text.npz", X, np.where(LABELS["two"] == 7, "spam", "ham"))
    assert load_model(trained(Path("text.npz"))).classes_.tolist() == ["ham", "spam"]


def test_a_cache_is_kept_unless_it_is_not_wanted(files, here):
    shutil.copy(files / "two.svm", "two.svm")
    os.utime("two.svm", (1e9, 1e9))
    trained(Path("two.svm"))
    assert sorted(os.listdir()) == ["model.safetensors", "two.svm"]
    done("train", "two.svm", "--out", "model.safetensors")
    assert sorted(os.listdir()) == ["model.safetensors", "two.svm", "two.svm.hogwild-cache"]


# ---- what is said


def test_json_is_one_object_and_nothing_else(files, here):
    result = done("train", files / "three.svm", "--out", "m", "--no-cache", "--json", "--early-stopping", "--seed", 1)
    facts = json.loads(result.stdout)
    model = load_model("m")
    assert (facts["examples"], facts["features"], facts["classes"]) == (N, D, [1, 2, 3])
    assert facts["epochs"] == model.n_iter_
    assert facts["eta0"] == model.eta0_
    assert facts["nonzero_weights"] == np.count_nonzero(model.coef_)
    assert [len(run["epoch"]) for run in facts["history"]] == [len(run) for run in model.history_]
    best = [min(run, key=lambda record: record.holdout_loss) for run in model.history_]
    assert facts["objective"] == pytest.approx(np.mean([record.objective for record in best]))
    assert facts["holdout_score"] == pytest.approx(np.mean([record.holdout_score for record in best]))
    assert facts["stop_reason"] in ("converged", "epochs")
    assert facts["train_s"] > 0


def test_people_are_told_what_happened(files, here):
    result = done("train", files / "three.svm", "--out", "m", "--no-cache", "--epochs", 2, "--l1", 0.001)
    said = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert said["loss"] == "hinge, l2 0.0001, l1 0.001"
    assert said["classes"] == "3, one against the rest"
    assert said["epochs"].startswith("2 (")
    assert re.fullmatch(r"Serial\(\) on Threads\(workers=1\), seed \d+", said["strategy"])
    assert said["model"] == f"m ({Path('m').stat().st_size:,} bytes)"
    assert f"two.svm: {N} x {D}, read in" in done("train", files / "two.svm", "--out", "m", "--no-cache").stderr


def test_quiet_means_silent(files, here):
    result = done("train", files / "two.svm", "--out", "m", "--no-cache", "-q", "--epochs", 1)
    assert (result.stdout, result.stderr) == ("", "")


def test_verbose_gives_a_line_an_epoch(files, here):
    result = done("train", files / "two.svm", "--out", "m", "--no-cache", "-v", "--epochs", 3, "--tol", 0)
    lines = [line for line in result.stderr.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1", "2", "3"]
    assert all("objective" in line and "examples/s" in line and "rate" in line for line in lines)


@pytest.mark.slow
def test_a_terminal_shows_a_bar(files, here, start):
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    found, process = seen(
        lambda end, environment: start(
            "train", files / "two.svm", "--out", "m", "--no-cache", stderr=end, env=environment | path
        )
    )
    assert process.returncode == 0
    assert "training" in found
    assert "epochs" in found


@pytest.mark.slow
def test_a_picture_is_drawn(files, here):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'plots'")
    trained(files / "three.svm", "--plot", "loss.png")
    assert struct.unpack(">II", Path("loss.png").read_bytes()[16:24]) == (800, 500)
    assert sorted(os.listdir()) == ["loss.png", "model.safetensors"]


# ---- wrong usage


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--l2", 1, "--C", 1], "--l2 and --C exclude each other"),
        (["--epsilon", 1], "--epsilon is not a parameter of loss hinge"),
        (["--loss", "huber", "--quantile", 0.5], "--quantile is not a parameter of loss huber"),
        (["--loss", "squared", "--class-weight", "balanced"], "--class-weight is for classifiers"),
        (["--schedule", "bottou", "--eta0", 1], "--eta0 has no effect with --schedule bottou"),
        (["--threads", 0], "--threads"),
        (["--epochs", 0], "--epochs"),
        (["--C", 0], "--C"),
        (["--tol", -1], "--tol"),
        (["--seed", -1], "--seed"),
        (["--validation-fraction", 1], "--validation-fraction"),
        (["--strategy", "chaos"], "strategy='chaos' is not known; use one of auto, serial, hogwild"),
        (["--l2", -1], "'--l2': -1.0 is not in the range x>=0"),
        (["--l2", "nan"], "'--l2': 'nan' is not a finite number"),
        (["--l1", 1e300], "--l1 1e+300 is absurdly large"),
        (
            ["--l2", 0, "--schedule", "bottou"],
            "--schedule bottou divides by l2: give l2 > 0, or use --schedule inverse",
        ),
        (["--eta0", -1], "'--eta0': -1.0 is not in the range x>0"),
        (["--tol", "nan"], "'--tol': 'nan' is not a finite number"),
        (["--loss", "quantile", "--quantile", 2], "'--quantile': 2.0 is not in the range 0<x<1"),
        (["--loss", "huber", "--epsilon", -1], "'--epsilon': -1.0 is not in the range x>=0"),
        (["--loss", "huber", "--epsilon", 0], "--epsilon 0.0 must be a positive number for loss 'huber'"),
        (["--strategy", "racy", "--deterministic", "--threads", 2], "--deterministic cannot be kept by Hogwild()"),
        (["--plot", "loss.docx"], "loss.docx must have a name that ends in .png"),
        (["--loss", "hung"], "hinge"),
        (["--out", "-"], "--out needs the name of a file"),
    ],
)
def test_options_at_odds_are_wrong_usage(here, options, words):
    assert words in misused("train", "none.svm", "--out", "m", *options)
    assert os.listdir() == []


def test_no_file_is_wrong_usage(here):
    assert "FILE" in misused("train", "--out", "m")
    assert "--out" in misused("train", "file.svm")


# ---- places where nothing can be written: found before the data are read


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--plot", "none/loss.png"], "none/loss.png cannot be written: there is no directory"),
        (["--out", "none/m"], "none/m cannot be written: there is no directory"),
        (["--out", "."], "is a directory; name a file"),
        (["--out", os.devnull], "is not a regular file; name a file"),
    ],
)
def test_places_that_cannot_be_are_one_sentence(here, options, words):
    assert words in refused("train", "none.svm", "--out", "m", *options)
    assert os.listdir() == []


# ---- bad data


GOOD = b"1 1:0.5 3:2\n-1 2:1\n"


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (GOOD + b"1 2:x\n", [], "data.svm, line 3: the value of '2:x' is not a number"),
        (GOOD + b"1 0:1\n", [], "data.svm, line 3: index 0 in a one-based file"),
        (GOOD + b"1 -4:1\n", ["--zero-based"], "data.svm, line 3: index -4 in a zero-based file"),
        (GOOD + b"1 1:nan\n", [], "data.svm, line 3: '1:nan' is not finite"),
        (GOOD + b"inf 1:1\n", [], "data.svm, line 3: the label is 'inf'"),
        (GOOD + b"1 9:1\n", ["--features", 8], "data.svm, line 3: index 9 is too large"),
        (b"", [], "data.svm is empty"),
        (b"# nothing\n", [], "data.svm holds no examples"),
        (b"1 1:1\n1 2:1\n", [], "data.svm: all 2 labels are 1"),
        (b"0.5 1:1\n1.5 2:1\n", [], "data.svm has the label 0.5 in example 1, and loss hinge is for classes"),
    ],
)
def test_bad_text_is_one_sentence(here, text, options, words):
    Path("data.svm").write_bytes(text)
    os.utime("data.svm", (1e9, 1e9))  # old enough for a cache
    assert words in refused("train", "data.svm", "--out", "m", "-q", *options)
    assert {"data.svm"} <= set(os.listdir()) <= {"data.svm", "data.svm.hogwild-cache"}


def test_missing_broken_and_unlabelled_files_are_one_sentence(here):
    Path("cut.svm.gz").write_bytes(gzip.compress(GOOD * 100)[:-20])
    write_npz("bare.npz", X)
    write_npz("text.npz", X, np.where(LABELS["two"] == 7, "a", "b"))
    before = sorted(os.listdir())
    for file, words in (
        ("none.svm", "none.svm does not exist"),
        (".", ". is a directory"),
        ("cut.svm.gz", "cut.svm.gz ends in the middle of its compressed data"),
        ("bare.npz", "bare.npz has no labels"),
    ):
        assert words in refused("train", file, "--out", "m", "-q")
    words = "text.npz has labels that are not numbers"
    assert words in refused("train", "text.npz", "--loss", "squared", "--out", "m", "-q")
    assert sorted(os.listdir()) == before


def test_weights_that_grow_without_bound_stop_training(files, here):
    options = ("--loss", "squared", "--schedule", "constant", "--eta0", 1e30, "--no-cache", "-q")
    sentence = refused("train", files / "numbers.svm", "--out", "m", *options)
    assert "NaN or infinite" in sentence
    assert "use a smaller eta0" in sentence
    assert os.listdir() == []


def test_odd_but_usable_text_is_stated(here):
    Path("odd.svm").write_bytes(GOOD * 20 + b"1 3:1 2:1\n1\n")
    result = done("train", "odd.svm", "--out", "m", "--no-cache", "--threads", 64, "-q")
    assert result.stderr.startswith("hogwild: warning: odd.svm: 1 line has unsorted or repeated indices, first line 41")
    assert len(result.stderr.splitlines()) == 1


# ---- places that cannot be written


def test_a_directory_without_permission_is_one_sentence(files, here):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    Path("closed").mkdir(mode=0o555)
    assert "Permission denied" in refused("train", files / "two.svm", "--out", "closed/m")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that is read-only even for root")
def test_a_read_only_file_system_is_one_sentence(here):
    assert "/proc/m cannot be written" in refused("train", "none.svm", "--out", "/proc/m")


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_model_and_nothing_else(files, here, start):
    """As seen by the program: no file may grow beyond 4 KiB (ulimit -f), and the model of 5,000 features would."""
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("needs a shell to limit the size of files")
    options = ("--features", 5000, "--threads", 1, "-q")
    model = trained(files / "two.svm", *options)  # also compiles, as the compiler's cache needs room too
    before = Path(model).read_bytes()
    process = start(
        "train",
        files / "two.svm",
        "--out",
        model,
        "--no-cache",
        *options,
        before=(shell, "-c", 'ulimit -f 8; "$@"', "-"),
    )
    out, err = process.communicate()
    assert process.returncode == 1
    assert out == b""
    assert err == b"hogwild: error: model.safetensors cannot be written: File too large; nothing was written\n"
    assert Path(model).read_bytes() == before
    assert os.listdir() == [model]


def test_an_old_model_survives_bad_data(files, here):
    model = trained(files / "two.svm")
    before = Path(model).read_bytes()
    Path("bad.svm").write_bytes(b"1 1:x\n")
    assert run("train", "bad.svm", "--out", model).exit_code == 1
    assert Path(model).read_bytes() == before


def test_tensorboard(files, here):
    pytest.importorskip("tensorboard", reason="the extra `boards` is not installed")
    done("train", files / "two.svm", "--out", "m", "--no-cache", "--epochs", 2, "--tensorboard", "tb", "-q")
    (events,) = (here / "tb").iterdir()
    assert b"objective" in events.read_bytes()
