"""`hogwild train` on other strategies and engines: what their options do, and which do not go together."""

import json
import os
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.commands import LABELS, X, done, misused, refused

from hogwild import (
    ENGINES,
    STRATEGIES,
    UPDATES,
    AllReduce,
    Downpour,
    GrowingBatches,
    Hogwild,
    LinearClassifier,
    LocalSGD,
    Ray,
    Sandblaster,
    Serial,
    Simulated,
    Speeds,
    Threads,
    adagrad,
    adam,
    conjugate_gradient,
    load_model,
    write_npz,
)
from hogwild.cli.costs import BINS, WIDTH, histogram
from hogwild.cli.parallel import ENGINE_OPTIONS, STRATEGY_OPTIONS, axes, engines_with, strategies_with
from hogwild.cli.quantities import Bandwidth

CLUSTER = ("--strategy", "downpour", "--engine", "simulated", "--workers", 5)
SHORT = ("--epochs", 3, "--tol", 0, "--no-cache", "--seed", 0)


def facts(file: Path, *options: object) -> dict[str, Any]:
    """Train, and what --json says of it."""
    return json.loads(done("train", file, "--out", "m", "--json", "-q", *SHORT, *options).stdout)


# ---- a simulated run, as a program and as people see it


def test_json_has_the_engine_and_what_the_run_cost(files, here):
    found = facts(files / "two.svm", *CLUSTER)
    assert (found["engine"], found["strategy"], found["workers"], found["threads"]) == (
        "simulated",
        "downpour",
        5,
        None,
    )
    assert found["virtual_s"] >= found["history"][0]["time_s"][-1] > 0
    traffic = found["traffic"]
    assert traffic["virtual_s"] == found["virtual_s"]
    assert traffic["sent_bytes"] > traffic["messages"] > 0
    assert sum(traffic["staleness"].values()) > 0
    assert [worker["rank"] for worker in traffic["workers"]] == [0, 1, 2, 3, 4]
    assert traffic["waiting_s"] == pytest.approx(sum(worker["waiting_s"] for worker in traffic["workers"]))
    assert 0 < traffic["utilisation"] < 1


def test_json_of_threads_has_the_same_fields(files, here):
    found = facts(files / "two.svm", "--threads", 2, "--strategy", "downpour")
    assert (found["engine"], found["strategy"], found["workers"], found["threads"]) == ("threads", "downpour", 2, 2)
    assert found["virtual_s"] is None
    traffic = found["traffic"]
    assert traffic["messages"] > 0
    # Nobody looks at a clock there: what is not known is not nothing.
    assert [traffic[name] for name in ("busy_s", "waiting_s", "utilisation")] == [None] * 3
    assert traffic["workers"] == []


def test_json_says_what_ran(files, here):
    found = facts(files / "two.svm", *CLUSTER, "--minibatch", 2, "--rule", "sgd", "--jitter", 0.5, "--bandwidth", "inf")
    assert found["strategy_options"] == {
        "minibatch": 2, "fetch_every": 1, "push_every": 1, "server": "sgd(None)", "warm_start": 0, "fetch": "ahead",
    }  # fmt: skip
    assert found["engine_options"] == {
        "workers": 5, "shards": 1, "latency_s": 5e-5, "bandwidth_bytes_s": "inf", "example_s": 1e-6,
        "speeds": {"spread": 0.0, "straggle": 0.0, "straggle_factor": 10.0, "jitter": 0.5}, "links": {},
        "faults": {"faults": [], "detect_s": None, "retry_s": None, "replicate": False},
    }  # fmt: skip
    assert found["seed"] == 0
    assert found["how"] == (
        "Downpour(minibatch=2, server=sgd(None)) on "
        "Simulated(workers=5, bandwidth_bytes_s=inf, speeds=Speeds(jitter=0.5)), seed 0"
    )


def test_a_seed_that_was_not_given_is_told_and_gives_the_same_again(files, here):
    first = json.loads(done("train", files / "two.svm", "--out", "a", "--json", "--threads", 1, "--no-cache").stdout)
    assert first["seed"] == load_model("a").random_state
    done("train", files / "two.svm", "--out", "b", "--threads", 1, "--no-cache", "--seed", first["seed"])
    assert (load_model("a").coef_ == load_model("b").coef_).all()


@pytest.mark.parametrize(
    ("options", "strategy", "engine"),
    [
        (["--threads", 2], Serial(minibatch=30), Threads(1)),  # so few examples are not worth a second thread
        (["--engine", "simulated"], Hogwild(minibatch=30), Simulated()),
        (["--engine", "simulated", "--deterministic"], Hogwild(minibatch=30), Simulated()),
    ],
)
def test_the_default_strategy_has_minibatches(files, here, options, strategy, engine):
    found = facts(files / "two.svm", "--minibatch", 30, *options)
    assert (found["strategy"], found["strategy_options"]["minibatch"]) == (type(strategy).__name__.lower(), 30)
    expected = LinearClassifier(strategy=strategy, engine=engine, max_epochs=3, tol=0, random_state=0)
    expected.fit(sp.csr_array(X.astype(np.float32)), LABELS["two"])
    assert (load_model("m").coef_ == expected.coef_).all()


def test_the_default_strategy_has_minibatches_on_many_threads_and_in_order(here):
    n = 300_000
    write_npz("wide.npz", np.ones((n, 2), np.float32), np.arange(n) % 2)
    options = ("--minibatch", 100, "--threads", 2, "--deterministic", "--epochs", 1)
    found = json.loads(done("train", "wide.npz", "--out", "m", "--json", "-q", *options).stdout)
    assert (found["strategy"], found["workers"]) == ("hogwild-ordered", 2)
    assert found["how"].startswith("Hogwild(how=Replicas(ordered=True), minibatch=100) on Threads(workers=2), seed ")


def test_workers_that_only_wait_give_rise_to_a_hint(files, here):
    idle = ("--strategy", "local-sgd", "--period", 1, "--engine", "simulated")
    result = done("train", files / "two.svm", "--out", "m", *SHORT, *idle)
    (hint,) = [line for line in result.stderr.splitlines() if line.startswith("hogwild: ")]
    assert re.fullmatch(r"hogwild: workers were busy \d\.\d% of the time: .* a larger --minibatch, --period .*", hint)
    assert done("train", files / "two.svm", "--out", "m", *SHORT, *idle, "-q").stderr == ""
    busy = (*idle[:2], "--period", 1000, *idle[4:], "--latency", 0)
    assert "busy" not in done("train", files / "two.svm", "--out", "m", *SHORT, *busy).stderr


def test_dashes_and_underscores_are_the_same(files, here):
    options = ("--engine", "simulated", "--loss", "squared-hinge")
    assert facts(files / "two.svm", "--strategy", "local_sgd", *options)["loss"] == "squared_hinge"
    model = load_model("m")
    assert (model.strategy, model.loss) == ("local-sgd", "squared_hinge")


def test_errors_of_workers_say_in_which(files, here):
    options = ("--rule", "sgd", "--rule-rate", 1e38, "--no-cache", "-q", "--seed", 0)
    sentence = refused("train", files / "two.svm", "--out", "m", *CLUSTER, *options)
    assert re.search(r"NaN or infinite .*\(in worker \d of 5, round \d+, epoch 1\)$", sentence)
    assert "(counted from 0)" in sentence
    assert "a smaller rate of its rule" in sentence


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--threads", 1], "serial"),
        (["--engine", "simulated"], "hogwild"),
        (["--engine", "simulated", "--workers", 1], "serial"),
    ],
)
def test_json_says_what_auto_has_chosen(files, here, options, name):
    assert facts(files / "two.svm", *options)["strategy"] == name


def test_virtual_times_of_several_classes_add_up(files, here):
    found = facts(files / "three.svm", *CLUSTER)
    ends = [run["time_s"][-1] for run in found["history"]]
    assert len(ends) == 3
    assert found["virtual_s"] >= sum(ends)
    assert found["traffic"]["busy_s"] == pytest.approx(1e-6 * sum(run["examples"][-1] for run in found["history"]))


def test_people_are_told_virtual_time_traffic_and_staleness(files, here):
    result = done("train", files / "two.svm", "--out", "m", *SHORT, *CLUSTER, "-v")
    said = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line[0] != " ")
    assert said["simulated"].startswith("downpour on 5 workers, in ")
    assert said["time"].endswith(" s by the virtual clock")
    assert " in " in said["sent"]
    assert "on average, at most" in said["staleness"]
    assert "% busy: " in said["workers"]
    assert "speed" not in said
    bars = [line for line in result.stdout.splitlines() if line[0] == " "]
    assert 1 <= len(bars) <= BINS
    assert all(bar.endswith("#") for bar in bars if " 0" not in bar)
    lines = [line for line in result.stderr.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1", "2", "3"]
    assert all(" virtual s  rate " in line and "examples/s" not in line for line in lines)


def test_threads_that_send_nothing_are_told_as_ever(files, here):
    text = done("train", files / "two.svm", "--out", "m", *SHORT, "--threads", 2, "--strategy", "hogwild").stdout
    assert [line.split()[0] for line in text.splitlines()] == [
        "loss", "strategy", "epochs", "time", "speed", "objective", "weights", "model",
    ]  # fmt: skip
    assert "sent" in done("train", files / "two.svm", "--out", "m", *SHORT, "--strategy", "all-reduce").stdout


def test_a_time_limit_is_of_virtual_seconds(files, here):
    whole = facts(files / "three.svm", *CLUSTER)["virtual_s"]
    found = facts(files / "three.svm", *CLUSTER, "--time-limit", whole / 2)
    assert found["stop_reason"] == "time"
    assert whole / 2 < found["virtual_s"] < whole


@pytest.mark.parametrize("strategy", ["downpour", "sandblaster", "hogwild", "racy", "all-reduce", "local-sgd", "alone"])
def test_equal_seeds_give_equal_files_when_simulated(files, here, strategy):
    options = ("--engine", "simulated", "--workers", 5, "--strategy", strategy, "--jitter", 0.3, *SHORT, "-q")
    for name in ("a", "b"):
        done("train", files / "two.svm", "--out", name, *options)
    assert Path("a").read_bytes() == Path("b").read_bytes()
    done("train", files / "two.svm", "--out", "c", *options, "--deterministic")
    assert (load_model("c").coef_ == load_model("a").coef_).all()


def test_the_model_predicts_and_keeps_the_names(files, here):
    done("train", files / "two.svm", "--out", "m", *CLUSTER, "--minibatch", 2, "--seed", 0, "--no-cache", "-q")
    model = load_model("m")
    assert model.score(X, LABELS["two"]) > 0.9
    assert json.loads(done("evaluate", "m", files / "two.svm", "--no-cache", "--json").stdout)["accuracy"] > 0.9
    assert "downpour" in str(model.strategy).lower()
    assert "simulated" in str(model.engine).lower()


@pytest.mark.slow
def test_a_picture_of_virtual_time_is_drawn(files, here):
    pytest.importorskip("matplotlib", reason="pictures need the extra 'plots'")
    done("train", files / "two.svm", "--out", "m", *SHORT, *CLUSTER, "--plot", "loss.png", "-q")
    assert sorted(os.listdir()) == ["loss.png", "m"]


def test_real_data_are_learnt_on_many_machines(shared_data, here):
    source = shared_data / "a9a" / "a9a"
    if not source.is_file():
        pytest.skip("a9a is not in the shared data folder")
    shutil.copy(source, "a9a")
    options = ("--loss", "logistic", "--minibatch", 32, "--shards", 4, "--rule-rate", 0.01, "--epochs", 4)
    done("train", "a9a", "--out", "m", "--seed", 0, "--no-cache", "-q", *CLUSTER[:4], "--workers", 200, *options)
    test = shared_data / "a9a" / "a9a.t"
    assert json.loads(done("evaluate", "m", test, "--no-cache", "--json").stdout)["accuracy"] > 0.83


# ---- every option reaches what it is an option of


@pytest.mark.parametrize(
    ("options", "strategy", "engine"),
    [
        (
            "--strategy downpour --minibatch 3 --fetch-every 2 --push-every 4 --rule adam --rule-rate 0.02 "
            "--warm-start 2 --fetch wait --engine simulated --workers 3 --shards 2 --latency 1e-4 --bandwidth 80Mbit "
            "--example-s 2e-6 --speed-spread 0.3 --jitter 0.2 --straggle 0.1 --straggle-factor 5",
            Downpour(3, 2, 4, adam(0.02), 2, "wait"),
            Simulated(3, 2, 1e-4, 1e7, 2e-6, Speeds(0.3, 0.1, 5.0, 0.2)),
        ),
        ("--strategy downpour --rule-rate 0.5 --engine simulated", Downpour(server=adagrad(0.5)), Simulated()),
        ("--strategy downpour --fetch rows --engine simulated", Downpour(fetch="rows"), Simulated()),
        ("--strategy sandblaster --method conjugate-gradient --engine simulated --shards 3",
         Sandblaster(conjugate_gradient()), Simulated(shards=3)),
        ("--strategy local-sgd --period 7 --minibatch 2 --threads 3", LocalSGD(7, 2), Threads(3)),
        ("--strategy full-batch --backups 1 --engine simulated", AllReduce(STRATEGIES["full-batch"]().minibatch, 1),
         Simulated()),
        ("--strategy all-reduce --backups 2 --engine simulated --workers 6 --straggle 0.2", AllReduce(1, 2),
         Simulated(6, speeds=Speeds(straggle=0.2))),
        ("--strategy growing-batches --delay 2 --minibatch 3 --engine simulated", GrowingBatches(delay=2, minibatch=3),
         Simulated()),
        ("--strategy serial --engine simulated", "serial", Simulated(1)),
        ("--strategy serial --engine simulated --workers 1", "serial", Simulated(1)),
    ],
)  # fmt: skip
def test_options_reach_the_strategy_and_the_engine(files, here, options, strategy, engine):
    found = facts(files / "two.svm", *options.split())
    expected = LinearClassifier(strategy=strategy, engine=engine, max_epochs=3, tol=0, random_state=0)
    expected.fit(sp.csr_array(X.astype(np.float32)), LABELS["two"])
    assert found["workers"] == engine.size
    assert (load_model("m").coef_ == expected.coef_).all()
    if isinstance(engine, Simulated):
        assert found["history"] == [expected.history_.as_dict()]
        assert found["traffic"] == json.loads(json.dumps(expected.history_.traffic.as_dict()))


def test_shards_of_threads(files, here):
    found = facts(files / "two.svm", "--strategy", "downpour", "--threads", 2, "--shards", 3)
    assert found["workers"] == 2
    once = facts(files / "two.svm", "--strategy", "downpour", "--threads", 2)
    # Each push and pull is a message to every shard.
    assert found["traffic"]["messages"] > 2 * once["traffic"]["messages"]


def test_the_speed_can_be_that_of_this_machine(files, here):
    found = facts(files / "two.svm", *CLUSTER, "--example-s", "measured")
    assert 0 < found["traffic"]["busy_s"] != pytest.approx(1e-6 * found["history"][0]["examples"][-1], rel=1e-9)


@pytest.mark.parametrize(
    ("text", "bytes_s"),
    [("1.25e9", 1.25e9), ("10Gbit", 1.25e9), ("10 gbit/s", 1.25e9), ("1.25GB", 1.25e9), ("100kB/s", 1e5), ("8bit", 1),
     ("5e-1MB", 5e5), ("2TB", 2e12), ("inf", float("inf"))],
)  # fmt: skip
def test_bandwidths_have_units(text, bytes_s):
    assert Bandwidth().convert(text, None, None) == pytest.approx(bytes_s)


def test_options_of_a_cluster_reach_the_engine():
    asked = {"strategy": "downpour", "engine": "ray", "workers": 8, "shards": 2, "address": "ray://head:10001"}
    asked |= {"threads": 4, "cpus": 0.5, "gpus": 0.25, "unauthenticated": True, "copies": False, "least": 3}
    options = {**dict.fromkeys([*STRATEGY_OPTIONS, *ENGINE_OPTIONS, "threads"]), **asked}
    common = {"threads": 4, "cpus": 0.5, "gpus": 0.25, "unauthenticated": True, "backups": False, "least": 3}
    assert axes(options) == ("downpour", Ray(8, 2, "ray://head:10001", **common))


# ---- wrong usage


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--workers 5", "--workers goes with --engine simulated or ray; with --engine threads use --threads"),
        (
            "--engine simulated --threads 2",
            "--threads goes with --engine threads; with --engine simulated use --workers",
        ),
        ("--address auto", "--address goes with --engine ray, not with threads"),
        ("--unauthenticated", "--unauthenticated goes with --engine ray, not with threads"),
        ("--least 1", "--least goes with --engine ray, not with threads"),
        ("--engine ray --workers 2 --least 3", "--least 3 must be a whole number from 1 to"),
        ("--no-copies", "--copies/--no-copies goes with --engine ray, not with threads"),
        ("--latency 1e-3", "--latency goes with --engine simulated, not with threads"),
        ("--bandwidth 1GB", "--bandwidth goes with --engine simulated, not with threads"),
        ("--example-s 1e-3", "--example-s goes with --engine simulated, not with threads"),
        ("--speed-spread 1", "--speed-spread goes with --engine simulated, not with threads"),
        ("--jitter 1", "--jitter goes with --engine simulated, not with threads"),
        ("--straggle 1", "--straggle goes with --engine simulated, not with threads"),
        ("--straggle-factor 2", "--straggle-factor goes with --engine simulated, not with threads"),
        ("--strategy downpour --period 3", "--period goes with --strategy local-sgd, bounded-staleness, "),
        ("--period 3", "--period goes with --strategy local-sgd, bounded-staleness, "),
        ("--strategy full-batch --minibatch 3", "--minibatch goes with --strategy auto, serial, hogwild, "),
        ("--strategy full-batch --minibatch 3", "not with full-batch"),
        (
            "--strategy downpour --backups 3",
            "--backups goes with --strategy all-reduce or full-batch, not with downpour",
        ),
        ("--strategy hogwild --fetch-every 3", "--fetch-every goes with --strategy downpour, not with hogwild"),
        ("--strategy hogwild --push-every 3", "--push-every goes with --strategy downpour, not with hogwild"),
        ("--strategy hogwild --fetch wait", "--fetch goes with --strategy downpour, not with hogwild"),
        ("--strategy hogwild --rule adam", "--rule goes with --strategy downpour, not with hogwild"),
        ("--strategy hogwild --rule-rate 1", "--rule-rate goes with --strategy downpour, not with hogwild"),
        ("--strategy local-sgd --damping 1", "--damping goes with --strategy downpour, not with local-sgd"),
        (
            "--strategy elastic-averaging --rule adam",
            "--rule goes with --strategy downpour, not with elastic-averaging",
        ),
        ("--strategy downpour --damping 3", "--damping"),
        ("--strategy bounded-staleness --staleness soon", "'soon' is neither a whole number of at least 0 nor 'inf'"),
        ("--strategy bounded-staleness --staleness -1", "'-1' is neither a whole number of at least 0 nor 'inf'"),
        (
            "--strategy gossip --protocol chat",
            "protocol='chat' is not known; use one of sgp, gosgd, d-psgd, ad-psgd, pull",
        ),
        ("--strategy gossip --topology star", "topology='star' is not known; use one of ring, exponential, "),
        ("--strategy gossip --protocol d-psgd --topology random", "--protocol d-psgd wants a symmetric topology"),
        (
            "--strategy gossip --codec sign",
            "--codec goes with --strategy all-reduce, full-batch, local-sgd, ",
        ),
        ("--strategy hogwild --warm-start 1", "--warm-start goes with --strategy downpour, not with hogwild"),
        (
            "--strategy all-reduce --engine simulated --shards 2",
            "--shards goes with --strategy downpour, bounded-staleness, elastic-averaging, ",
        ),
        (
            "--shards 2",
            "--shards goes with --strategy downpour, bounded-staleness, elastic-averaging, ",
        ),
        ("--strategy downpour --method lbfgs", "--method goes with --strategy sandblaster, not with downpour"),
        ("--strategy sandblaster --rule adam", "--rule goes with --strategy downpour, not with sandblaster"),
        ("--strategy hogwild --delay 1", "--delay goes with --strategy growing-batches, not with hogwild"),
        ("--strategy serial --engine simulated --workers 3", "--workers 3 is too many for --strategy serial: it has 1"),
        ("--engine cloud", "engine='cloud' is not known; use one of threads, simulated"),
        ("--strategy sandblaster --method bfgs", "method='bfgs' is not known (did you mean lbfgs?); use one of lbfgs"),
        ("--strategy downpour --fetch never", "fetch='never' is not known; use one of ahead, wait, rows"),
        ("--strategy downpour --rule lars", "rule='lars' is not known; use one of sgd, momentum, adagrad, adam"),
        ("--strategy downpour --rule-rate 0", "--rule-rate"),
        ("--strategy downpour --minibatch 0", "--minibatch"),
        ("--engine simulated --workers 0", "--workers"),
        ("--engine simulated --bandwidth fast", "'fast' is not a positive number of bytes a second; write e.g. 1.25e9"),
        ("--engine simulated --bandwidth 10G", "'10G' is not a positive number of bytes a second"),
        ("--engine simulated --bandwidth 1.2.3", "'1.2.3' is not a positive number of bytes a second"),
        ("--engine simulated --example-s slow", "'slow' is neither a number of seconds nor 'measured'"),
        ("--strategy locals_gd", "is not known (did you mean local-sgd?); use one of auto, serial, "),
        ("--engine simulated --latency -1", "'--latency': -1.0 is not in the range x>=0"),
        ("--engine simulated --latency inf", "'--latency': 'inf' is not a finite number"),
        ("--engine simulated --bandwidth 0", "'--bandwidth': '0' is not a positive number of bytes a second"),
        ("--engine simulated --example-s 0", "'--example-s': 0.0 is not in the range x>0"),
        ("--engine simulated --speed-spread -1", "'--speed-spread': -1.0 is not in the range x>=0"),
        ("--engine simulated --speed-spread 9", "--speed-spread 9.0 must lie in [0, 5]"),
        ("--engine simulated --jitter nan", "'--jitter': 'nan' is not a finite number"),
        ("--engine simulated --straggle 2", "'--straggle': 2.0 is not in the range 0<=x<=1"),
        ("--engine simulated --straggle-factor 0", "'--straggle-factor': 0.0 is not in the range x>=1"),
        ("--strategy downpour --rule-rate nan", "'--rule-rate': 'nan' is not a finite number"),
        (
            "--strategy downpour --fetch rows --push-every 2",
            "--fetch rows fetches and pushes the rows of one minibatch",
        ),
        ("--strategy downpour --fetch rows --push-every 2", "--fetch-every and --push-every must be 1"),
        (
            "--strategy downpour --threads 2 --deterministic",
            "--deterministic cannot be kept by Downpour(): use --strat",
        ),
        ("--engine simulated --example-s measured --deterministic", "give --example-s a number"),
    ],
)
def test_options_at_odds_are_wrong_usage(here, options, words):
    assert words in misused("train", "none.svm", "--out", "m", *options.split())
    assert os.listdir() == []


def test_what_only_the_engine_can_refuse_is_one_sentence_and_writes_nothing(files, here):
    options = ("--strategy", "round-robin", "--engine", "simulated", "--no-cache", "-q")
    assert "use Threads()" in refused("train", files / "two.svm", "--out", "m", *options)
    assert os.listdir() == []


# ---- help


def test_help_has_sections_of_their_own():
    text = done("train", "--help").stdout
    titles = ["Options:", "Strategies and engines:", "Options of strategies:", "Options of engines:"]
    parts = {}
    for title, following in zip(titles, [*titles[1:], None], strict=True):
        begin = text.index(f"\n{title}\n")
        parts[title] = text[begin : None if following is None else text.index(f"\n{following}\n")]
    assert all(f"  {row.flag} " in parts["Options of strategies:"] for row in STRATEGY_OPTIONS.values())
    assert all(f"  {row.flag.replace('/', ' / ')} " in parts["Options of engines:"] for row in ENGINE_OPTIONS.values())
    assert all(flag in parts["Strategies and engines:"] for flag in ("--strategy", "--engine", "--threads"))
    assert "--seed" in parts["Options:"]
    assert "|".join(ENGINES) in text
    assert "|".join(UPDATES) in text
    assert "FILE" not in parts["Options:"]  # it is an argument


def test_no_option_is_without_an_owner():
    assert all(strategies_with(option) for option in STRATEGY_OPTIONS)
    assert all(engines_with(option) for option in ENGINE_OPTIONS)
    assert strategies_with("rule_rate") == {"downpour": 0.1}
    assert engines_with("workers") == {"simulated": 4, "ray": 2}
    assert "full-batch" not in strategies_with("minibatch")
    assert [option for option in STRATEGY_OPTIONS if "auto" in strategies_with(option)] == ["minibatch"]


# ---- the histogram


def test_bins_of_a_histogram_double():
    counts = {0: 1, 1: 2, 2: 3, 3: 1, 7: 8, 100: 0}
    assert histogram(counts) == [
        "  0  1  " + "#" * (WIDTH // 8),
        "  1  2  " + "#" * (WIDTH // 4),
        "2-3  4  " + "#" * (WIDTH // 2),
        "4-7  8  " + "#" * WIDTH,
    ]
    assert histogram({5: 2, 70: 10**6})[0] == "   4-7          2  #"
    assert histogram({5: 2, 70: 10**6})[1] == "  8-15          0"
    assert histogram({}) == histogram({3: 0}) == []


@given(st.dictionaries(st.integers(0, 10**9), st.integers(0, 10**6)))
def test_histograms_are_short_and_lose_nothing(counts):
    bars = histogram(counts)
    assert len(bars) <= BINS
    shown = [bar.split() for bar in bars]
    assert sum(int(words[1].replace(",", "")) for words in shown) == sum(counts.values())
    assert all(len(words) == 2 or set(words[2]) == {"#"} for words in shown)
    assert max((len(words[2]) for words in shown if len(words) == 3), default=WIDTH) == WIDTH
    bins = [[int(end) for end in words[0].replace(",", "").split("-")] for words in shown]
    assert all(after[0] == before[-1] + 1 for before, after in pairwise(bins))
    assert all(bins[0][0] <= value <= bins[-1][-1] for value, times in counts.items() if times)
