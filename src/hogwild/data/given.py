"""Whatever users give as data becomes Examples."""

from __future__ import annotations

from typing import Any

from hogwild.data.examples import Examples, check_examples


def examples_of(data: Any) -> Examples:
    """`Examples`, (X, y), (X, y, sample_weight), or the names of files, checked. TypeError for anything else."""
    if isinstance(data, Examples):
        return data if data.checked else check_examples(data.X, data.y, data.sample_weight, source=data.source)
    if isinstance(data, tuple) and len(data) in (2, 3):
        return check_examples(*data)
    if is_files(data):
        from hogwild.data.files import read

        return read(data)
    raise TypeError(f"data must be (X, y), (X, y, sample_weight), Examples or file names, not {type(data).__name__}")


def is_files(data: Any) -> bool:
    """Is it the name of a file, or a list of names?"""
    return isinstance(data, str | list) or hasattr(data, "__fspath__")
