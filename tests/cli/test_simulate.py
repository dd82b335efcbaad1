"""`hogwild simulate`."""

import json
import signal

import pytest
from tests.cli.commands import done, misused, refused

from hogwild import Cluster, Fault, read_cluster

SHORT = (
    "--no-cache",
    "--budget",
    "2epochs",
    "--workers",
    "1,2",
    "--example-s",
    "1e-6",
    "--strategies",
    "local-sgd,serial",
)


def test_a_table_and_a_page(files, here):
    found = done("simulate", files / "two.svm", *SHORT, "--out", "out", "--price", 0.5)
    lines = found.stdout.splitlines()
    assert lines[0].split()[:3] == ["workers", "objective", "s"]
    assert [line.split()[:2] for line in lines[1:4]] == [["local-sgd", "1"], ["local-sgd", "2"], ["serial", "1"]]
    assert lines[5].startswith("First at the target: ")
    assert any(line.startswith("local-sgd: ") for line in lines)
    assert "page: out/index.html" in found.stderr
    assert "3 of 3  serial x 1, seed 0, objective" in found.stderr
    page = (here / "out" / "index.html").read_text()
    assert "Simulated clusters" in page
    assert "0.5 per hour" in page
    assert (here / "out" / "strong" / "runs").is_dir()


def test_as_json_and_again(files, here):
    found = done("simulate", files / "two.svm", *SHORT, "--weak", "--json", "-q")
    told = json.loads(found.stdout)
    assert found.stderr == ""
    assert told == json.loads((here / "hogwild-simulate" / "simulation.json").read_text())
    assert [(row["strategy"], row["workers"]) for row in told["rows"]] == [
        ("local-sgd", 1),
        ("local-sgd", 2),
        ("serial", 1),
    ]
    assert set(told["weak"]) == {"1", "2"}
    again = done("simulate", files / "two.svm", *SHORT, "--weak", "--json")
    assert again.stderr.count("(already there)") == 5
    assert json.loads(again.stdout)["rows"] == told["rows"]


def test_options_change_the_cluster(files, here):
    (here / "mine.toml").write_text('preset = "wan"\nshards = 2\n[[faults]]\nkind = "lose"\nshare = 0.001\n')
    options = ("--cluster", "mine.toml", "--latency", 0.5, "--bandwidth", "1Gbit", "--jitter", 0)
    found = done("simulate", files / "two.svm", *SHORT, *options, "--json", "-q")
    cluster = json.loads(found.stdout)["cluster"]
    assert (cluster["latency_s"], cluster["bandwidth_bytes_s"], cluster["shards"]) == (0.5, 1.25e8, 2)
    assert (cluster["speeds"]["jitter"], cluster["speeds"]["spread"]) == (0, 0.3)
    assert cluster["faults"] == [repr(Fault.lose(0.001))] or cluster["faults"][0]["kind"] == "lose"


def test_a_core_of_this_machine_is_described(files, here):
    found = done("simulate", files / "two.svm", "--no-cache", "--calibrate", "mine.toml")
    assert "mine.toml: an example takes" in found.stderr
    cluster = read_cluster("mine.toml")
    assert cluster.latency_s == Cluster().latency_s
    assert 1e-9 <= cluster.example_s < 1
    text = (here / "mine.toml").read_text()
    assert text.startswith("# Measured by hogwild simulate --calibrate")
    assert not (here / "hogwild-simulate").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--workers", "1,1"), "--workers '1,1' must be different numbers of workers"),
        (("--workers", "many"), "--workers 'many' must be different numbers"),
        (("--cluster", "moon"), "--cluster moon is not known"),
        (("--probe", "ray"), "--probe goes with --calibrate"),
        (("--ray-workers", 4), "--ray-workers goes with --calibrate"),
        (("--calibrate", "mine.toml", "--address", "auto"), "--address goes with --probe ray"),
        (("--calibrate", "mine.toml", "--price", 1), "--price says what to simulate, and --calibrate does not"),
        (("--calibrate", "mine.toml", "--latency", 1), "--latency says what to simulate"),
        (("--calibrate", "mine.txt"), "--calibrate mine.txt must be a name that ends in .toml"),
        (("--strategies", "hogwyld"), "did you mean hogwild"),
        (("--shards", 0), "0 is not in the range x>=1"),
        (("--target", 0), "0.0 is not in the range x>0"),
    ],
)
def test_wrong_usage(files, here, options, words):
    assert words in misused("simulate", files / "two.svm", *options)
    assert list(here.iterdir()) == []


def test_a_bad_file_is_named_with_what_is_known(files, here):
    def said(end, *options):
        return end("simulate", files / "two.svm", *options)

    (here / "mine.toml").write_text("latncy_s = 1")
    told = said(refused, "--cluster", "mine.toml")
    assert "mine.toml: key='latncy_s' is not known (did you mean latency_s?)" in told
    assert "nothing.toml cannot be read: No such file" in said(refused, "--cluster", "nothing.toml")
    assert "there is no directory" in said(refused, "--calibrate", "no/where.toml")


@pytest.mark.slow
def test_ctrl_c_keeps_what_has_ended(files, here, start):
    options = (
        "--no-cache",
        "--budget",
        "3000epochs",
        "--example-s",
        "1e-6",
        "--workers",
        "1,2",
    )
    process = start("simulate", files / "two.svm", *options, "--strategies", "serial,downpour", cwd=here)
    for line in process.stderr:
        if b"1 of 3" in line:
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"the same command goes on from here" in err
    assert b"serial" in out
    assert json.loads((here / "hogwild-simulate" / "simulation.json").read_text())["interrupted"]
