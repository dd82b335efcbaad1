"""`hogwild compare`."""

import json
import signal

import pytest
from tests.cli.commands import done, misused, refused, run

from hogwild import Linear
from hogwild.cli.specs import contestants

SHORT = ("--no-cache", "--budget", "2epochs", "--seeds", 2, "--engine", "simulated")
MODEL = Linear("logistic")


def strategies(text):
    return {name: each.strategy for name, each in contestants(text, MODEL).items()}


def test_a_table_and_a_page(files, here):
    found = done("compare", files / "two.svm", "--strategies", "serial,local-sgd(period=5)", *SHORT, "--out", "out")
    lines = found.stdout.splitlines()
    assert lines[0].split()[:3] == ["workers", "objective", "held-out"]
    assert {line.split()[0] for line in lines[1:3]} == {"serial", "local-sgd(period=5)"}
    assert lines[4].startswith("Lowest objective: ")
    assert "page: out/index.html" in found.stderr
    assert found.stderr.count("seed 1, objective") == 2
    page = (here / "out" / "index.html").read_text()
    assert "hogwild compare" in page or "command" in page
    assert sorted(each.name for each in (here / "out" / "runs").iterdir())[0].endswith("-0.json")


def test_as_json(files, here):
    found = done("compare", files / "two.svm", "--strategies", "serial", *SHORT, "--json", "-q")
    told = json.loads(found.stdout)
    assert found.stderr == ""
    assert told == json.loads((here / "hogwild-compare" / "comparison.json").read_text())
    assert [each["seed"] for each in told["runs"]] == [0, 1]
    assert told["rows"][0]["objective"]["n"] == 2


def test_lines_of_json_while_it_goes_on(files, here):
    found = done("compare", files / "two.svm", "--strategies", "serial,gossip", *SHORT, "--json-lines", "-q")
    told = [json.loads(line) for line in found.stdout.splitlines()]
    assert found.stderr == ""
    assert [(each["run"], each["seed"], each.get("epoch"), each.get("outcome")) for each in told] == [
        (name, seed, epoch, outcome)
        for seed in (0, 1)
        for name in ("serial", "gossip")
        for epoch, outcome in ((1, None), (2, None), (None, "ended"))
    ]
    assert told[0]["objective"] > 0
    again = done("compare", files / "two.svm", "--strategies", "serial,gossip", *SHORT, "--json-lines", "-q")
    assert [json.loads(line)["known"] for line in again.stdout.splitlines()] == [True] * 4
    both = ("--json", "--json-lines")
    assert "--json and --json-lines exclude each other" in misused("compare", files / "two.svm", *both)


def test_each_run_has_a_board(files, here):
    pytest.importorskip("tensorboard", reason="the extra `boards` is not installed")
    done("compare", files / "two.svm", "--strategies", "local-sgd(period=5)", *SHORT, "--tensorboard", "tb", "-q")
    places = sorted(each.name for each in (here / "tb").iterdir())
    assert [(name[:21], name[-2:]) for name in places] == [("local-sgd_period=5_-3", f"-{seed}") for seed in (0, 1)]
    assert all(list(each.glob("events.*")) for each in (here / "tb").iterdir())
    assert (
        done("compare", files / "two.svm", "--strategies", "serial", *SHORT, "--tensorboard", "tb", "-q").stdout == ""
    )


def test_runs_are_those_of_train(files, here):
    """The same strategy run alone gives the same numbers."""
    budget = ("--epochs", 2, "--tol", 0, "--early-stopping", "--engine", "simulated", "--seed", 1, "--no-cache")
    options = ("--loss", "logistic", "--l2", 0.01, "--eta0", 0.5)
    alone = done("train", files / "two.svm", "--out", "m", *budget, "--strategy", "local-sgd", *options, "--json", "-q")
    found = done("compare", files / "two.svm", "--strategies", "local-sgd", *SHORT, *options, "--json", "-q")
    told, alone = json.loads(found.stdout), json.loads(alone.stdout)
    (run,) = [each for each in told["runs"] if each["seed"] == 1]
    assert run["history"] == alone["history"][0]
    assert run["traffic"]["sent_bytes"] == alone["traffic"]["sent_bytes"]


def test_it_scales(files, here):
    found = done(
        "compare", files / "two.svm", "--strategies", "serial,gossip", *SHORT, "--scale", "1,2,4", "--json", "-q"
    )
    told = json.loads(found.stdout)
    assert {(each["name"], each["workers"]) for each in told["runs"]} == {
        ("serial x 1", 1),
        ("gossip x 1", 1),
        ("gossip x 2", 2),
        ("gossip x 4", 4),
    }


def test_numbers_and_one_class_of_many(files, here):
    options = ("--strategies", "serial", *SHORT, "--json", "-q")
    done("compare", files / "numbers.svm", "--loss", "squared", *options, "--out", "numbers")
    done("compare", files / "three.svm", "--positive", 2, *options, "--out", "three")


def test_c_is_an_l2(files, here):
    for name, option in (("c", ("--C", 2.0)), ("l2", ("--l2", 1 / (2.0 * 240)))):
        done("compare", files / "two.svm", "--strategies", "serial(eta0=0.5)", *SHORT, *option, "--out", name, "-q")
    runs = [json.loads((here / name / "comparison.json").read_text())["runs"] for name in ("c", "l2")]
    assert runs[0][0]["history"]["objective"] == runs[1][0]["history"]["objective"]


def test_what_goes_wrong_is_told(files, here):
    found = done("compare", files / "two.svm", "--strategies", "serial,round-robin", *SHORT)
    assert "round-robin refused (2 of 2 runs): RoundRobin needs workers" in found.stdout


def test_if_all_goes_wrong_it_fails(files, here):
    found = run("compare", files / "two.svm", "--strategies", "round-robin", *SHORT)
    assert found.exit_code == 1
    assert "hogwild: error: no run has ended as it should: round-robin refused" in found.stderr


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        ("three", (), "has 3 classes (1, 2, 3), and runs of two are compared: say which is --positive"),
        ("three", ("--positive", 9), "has no label '9', as --positive says"),
        ("gone", (), "gone.svm does not exist"),
    ],
)
def test_bad_data_are_one_sentence(files, here, file, options, words):
    assert words in refused("compare", files / f"{file}.svm", *SHORT, *options, "-q")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--strategies", "hogwilt"), "did you mean hogwild?"),
        (("--strategies", ""), "--strategies is empty"),
        (("--strategies", "serial,serial"), "--strategies has serial twice"),
        (("--strategies", "local-sgd(period=5"), "brackets do not match"),
        (("--strategies", "local-sgd)period=5("), "brackets do not match"),
        (("--strategies", "local-sgd(period)"), "period wants a value: period=..."),
        (("--strategies", "local-sgd(period=soon)"), "period: 'soon' is not a valid integer range"),
        (("--strategies", "local-sgd(perido=5)"), "'perido' is not known; there are "),
        (("--strategies", "serial(period=5)"), "--period goes with --strategy"),
        (("--strategies", "5"), "'5' is no strategy"),
        (("--budget", "1parsec"), "--budget 1parsec must be a number with a unit"),
        (("--scale", "1,1"), "--scale '1,1' must be different numbers of workers"),
        (("--scale", "many"), "--scale 'many' must be"),
        (("--scale", "1,2", "--threads", 2), "--scale and --threads exclude each other"),
        (("--scale", "1,2", "--workers", 2, "--engine", "simulated"), "--scale and --workers exclude each other"),
        (("--strategies", "local-sgd(period=5,period=6)"), "an option is given twice"),
        (("--l2", 1, "--C", 1), "--l2 and --C exclude each other"),
        (("--workers", 3), "--workers goes with --engine simulated or ray"),
        (("--loss", "squared", "--positive", 1), "--positive is for classes"),
    ],
)
def test_wrong_usage_is_named(files, here, options, words):
    assert words in " ".join(misused("compare", files / "two.svm", *options).split())


def test_another_budget_in_the_same_folder_is_refused(files, here):
    usual = (
        "compare",
        files / "two.svm",
        "--no-cache",
        "--strategies",
        "serial",
        "--seeds",
        1,
        "--engine",
        "simulated",
        "-q",
    )
    done(*usual, "--budget", "1epoch")
    assert "is of a comparison with another budget" in refused(*usual, "--budget", "2epochs")


def test_specs():
    from hogwild import Downpour, LocalSGD, adagrad
    from hogwild.strategies import Compressed

    spec = "downpour(rule=adagrad,rule-rate=0.2,push_every=3)"
    found = strategies(f"serial, local-sgd( period = 7 ),simu-parallel-sgd,{spec}")
    assert list(found) == ["serial", "local-sgd(period=7)", "simu-parallel-sgd", spec]
    assert found["local-sgd(period=7)"] == LocalSGD(period=7)
    last = found[spec]
    assert isinstance(last, Downpour)
    assert (last.push_every, last.server) == (3, adagrad(0.2))
    (squeezed,) = strategies("local-sgd(codec=topk)").values()
    assert isinstance(squeezed, Compressed)


def test_a_step_size_of_its_own():
    found = contestants("serial,all-reduce(minibatch=100,eta0=4)", MODEL)
    assert found["serial"].model is None
    assert found["all-reduce(minibatch=100,eta0=4)"].model.schedule.eta0 == 4.0


@pytest.mark.slow
def test_ctrl_c_writes_what_there_is(files, here, start):
    process = start(
        "compare",
        files / "two.svm",
        "--no-cache",
        "--strategies",
        "serial",
        "--budget",
        "2s",
        "--seeds",
        50,
        "--threads",
        1,
    )
    first = process.stderr.readline()
    assert b"1 of 50  serial, seed 0" in first
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Lowest objective: serial" in out
    assert b"interrupted; the same command goes on from here" in err
    assert (here / "hogwild-compare" / "index.html").exists()
