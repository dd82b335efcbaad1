"""A corpus as lines of text: svmlight, or Vowpal Wabbit's format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hogwild.data.examples import Examples


def write_svmlight(path: Path, examples: Examples) -> None:
    """One-based: `+1 7:0.25 ...`."""
    _write(path, examples, lambda positive: "+1 " if positive else "-1 ", 1)


def write_vw(path: Path, examples: Examples) -> None:
    """`1 | 6:0.25 ...`; words are numbers, which Vowpal Wabbit takes as they are."""
    _write(path, examples, lambda positive: "1 | " if positive else "-1 | ", 0)


def _write(path: Path, examples: Examples, label: Callable[[bool], str], base: int) -> None:
    X, y = examples.X, examples.y
    assert y is not None
    with open(path, "w", encoding="ascii") as file:
        for i in range(examples.n_examples):
            row = slice(X.indptr[i], X.indptr[i + 1])
            pairs = zip((X.indices[row] + base).tolist(), X.data[row].tolist(), strict=True)
            file.write(label(bool(y[i] > 0)) + " ".join([f"{j}:{x:.9g}" for j, x in pairs]) + "\n")
