"""The scripts in examples/ run, at a size that takes no time, and show what they are there to show."""

import os

import pytest
from tests.docs.blocks import ROOT
from tests.docs.scripts import load

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
