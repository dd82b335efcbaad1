"""The scripts in examples/ run, at a size that takes no time, and show what they are there to show."""

import os
import re

import pytest
from tests.docs.blocks import ROOT
from tests.docs.scripts import load

from hogwild import Downpour, adagrad, sgd

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def table(printed, width):
    """Its lines but the first: a name of that width, and the numbers after it."""
    rows = [(line[:width].strip(), line[width:].split("+-")[0].split()) for line in printed.splitlines()[1:]]
    return [(name, [float(number) for number in numbers]) for name, numbers in rows]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_can_be_run_by_name_and_say_what_they_do(path):
    assert os.access(path, os.X_OK)
    text = path.read_text(encoding="utf-8")
    assert text.startswith('#!/usr/bin/env python3\n"""')
    pages = [page.read_text(encoding="utf-8") for page in ROOT.glob("docs/*.md")]
    assert any(f"python examples/{path.name}" in page for page in pages), "no page shows it"


@pytest.mark.slow
def test_downpour_is_shown_with_many_replicas(capsys):
    load("downpour_staleness").main(["--workers", "30", "--examples", "1000", "--epochs", "2"])
    rows = table(capsys.readouterr().out, 24)
    assert len(rows) == 14
    assert all(len(numbers) == 4 for _, numbers in rows), "workers, staleness, two objectives"


@pytest.mark.slow
def test_hundreds_of_replicas_diverge_and_smaller_rates_cure_them():
    shown = load("downpour_staleness")
    examples = shown.data(8000)

    def objectives(workers, rate, server, **more):
        strategy = Downpour(10, server=server, **more)
        return [float(text) for text in shown.run(examples, workers, strategy, rate, 3).split()[1:]]

    assert objectives(1, 0.003, sgd())[-1] < 0.6
    assert max(objectives(300, 0.003, sgd())) > 5
    assert objectives(300, 0.0005, sgd())[-1] < 1
    adagrad_alone = objectives(300, 0.003, adagrad(0.03))
    assert objectives(300, 0.003, adagrad(0.03), warm_start=10)[-1] < adagrad_alone[-1] < 5


@pytest.mark.slow
def test_one_server_is_the_bottleneck_and_shards_cure_it(capsys):
    load("server_bottleneck").main(
        ["--examples", "20000", "--features", "20000", "--workers", "16", "64", "--shards", "1", "8"]
    )
    printed = capsys.readouterr().out.splitlines()[1:3]
    (one_16, many_16), (one_64, many_64) = ([float(x) for x in re.findall(r"([\d.]+) \(", line)] for line in printed)
    assert one_64 > 0.9 * one_16, "four times the workers, and no faster"
    assert many_64 < 0.4 * many_16


@pytest.mark.slow
def test_round_robin_is_raced_against_one_thread(capsys):
    pytest.importorskip("torch", reason="the slow gradient is that of a network")
    load("round_robin").main(["--documents", "2000", "--pictures", "6", "--side", "16", "--repeats", "1"])
    rows = dict(table(capsys.readouterr().out, 9))
    assert rows.keys() == {"cheap", "slow"}
    assert rows["slow"][0] > rows["cheap"][0], "microseconds an example, of one thread"


@pytest.mark.slow
def test_growing_samples_take_fewer_rounds(capsys):
    pytest.importorskip("torch", reason="its models are networks")
    shown = load("growing_batches")
    shown.main(["--gradients", "2800", "--seeds", "1", "--problems", "convex"])
    problems, slope, distances = capsys.readouterr().out.split("\n\n")
    rows = dict(table(problems, 35))
    assert len(rows) == 4
    for name, (rounds, gradients, error) in rows.items():
        assert gradients >= 2800
        assert error < 20
        expected = gradients / shown.SMALL.b if "constant" in name else (2 * gradients / shown.GROWING.a) ** 0.5
        assert rounds == pytest.approx(expected, rel=0.15)
    assert float(slope.split(":")[1]) == pytest.approx(0.5, abs=0.1)
    assert all(float(line.split()[2]) < 1000 for line in distances.splitlines()[1:])
