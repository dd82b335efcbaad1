"""The exact reader of svmlight lines: slow, but it knows what is wrong and on which line.

It reads what scikit-learn's fast reader reads, to the bit, and besides it lines whose indices are not sorted
or repeat: those are sorted, and repeated ones added up in float64.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.errors import DataError

MOST_FEATURES = 2**31 - 1  # so that column indices are int32, and a weight vector stays below 8 GiB


@final
@dataclass(frozen=True)
class Rules:
    """How to read a text: its name for messages, first feature number, dtype of values, most features."""

    name: str
    zero_based: bool
    dtype: str
    n_features: int | None

    @property
    def limit(self) -> int:
        """Column indices, counted from 0, must be below this."""
        return self.n_features if self.n_features is not None else MOST_FEATURES


@final
@dataclass(frozen=True)
class Disorder:
    """How many lines have unsorted or repeated indices, and the first of them (0: none)."""

    n_lines: int = 0
    first_line: int = 0

    def __add__(self, later: Disorder) -> Disorder:
        return Disorder(self.n_lines + later.n_lines, self.first_line or later.first_line)


@final
@dataclass(frozen=True)
class Rows:
    """Parsed lines: CSR parts (indices from 0, strictly increasing in a row), labels, and what was mended."""

    data: NDArray[Any]
    indices: NDArray[np.int32]
    indptr: NDArray[np.int64]
    labels: NDArray[np.float64]
    disorder: Disorder


def parse_lines(block: bytes, rules: Rules, first_line: int = 1) -> Rows:
    """Read whole lines, the first of which has the number `first_line`. Raises DataError naming the line."""
    labels, values = array("d"), array("d")
    indices, ends = array("q"), array("q", [0])
    disorder = Disorder()
    for number, line in enumerate(block.split(b"\n"), start=first_line):
        tokens = line.partition(b"#")[0].split()
        if not tokens:
            continue
        where = f"{rules.name}, line {number}"
        labels.append(_label(tokens[0], where))
        features = tokens[1:]
        if features and features[0].startswith(b"qid") and b":" in features[0]:
            del features[0]
        row = [_feature(token, rules, where) for token in features]
        if any(left[0] >= right[0] for left, right in pairwise(row)):
            disorder += Disorder(1, number)
            row = _mend(row, rules, where)
        indices.extend(index for index, _ in row)
        values.extend(value for _, value in row)
        ends.append(len(values))
    return Rows(
        np.array(values, dtype=np.float64).astype(rules.dtype),
        np.array(indices, dtype=np.int32),
        np.array(ends, dtype=np.int64),
        np.array(labels, dtype=np.float64),
        disorder,
    )


def _label(token: bytes, where: str) -> float:
    try:
        label = float(token)
    except ValueError:
        if b"," in token:
            reason = f"the label {show(token)} holds several values; give one label a line (CSV is not read)"
        elif b":" in token:
            reason = f"starts with the feature {show(token)}; put a label first (any number, if it is unknown)"
        else:
            reason = f"the label {show(token)} is not a number; write label index:value index:value ..."
        raise DataError(f"{where}: {reason}") from None
    if not math.isfinite(label):
        raise DataError(f"{where}: the label is {show(token)}; labels must be finite: drop this line")
    return label


def _feature(token: bytes, rules: Rules, where: str) -> tuple[int, float]:
    left, colon, right = token.partition(b":")
    if not colon:
        raise DataError(f"{where}: {show(token)} is not of the form index:value")
    try:
        index = int(left)
    except ValueError:
        raise DataError(f"{where}: the index of {show(token)} is not a whole number") from None
    try:
        value = float(right)
    except ValueError:
        raise DataError(f"{where}: the value of {show(token)} is not a number") from None
    column = index if rules.zero_based else index - 1
    if column < 0:
        raise DataError(f"{where}: {_below(index, rules.zero_based)}")
    if column >= rules.limit:
        raise DataError(f"{where}: {_above(index, rules)}")
    _check_value(value, token, rules, where)
    return column, value


def _below(index: int, zero_based: bool) -> str:
    if zero_based:
        return f"index {index} in a zero-based file; features are numbered from 0"
    advice = " (pass --zero-based if this file counts from 0)" if index == 0 else ""
    return f"index {index} in a one-based file; features are numbered from 1{advice}"


def _above(index: int, rules: Rules) -> str:
    shown = show(str(index).encode()) if abs(index) >= 10**20 else index
    if rules.n_features is None:
        return f"index {shown} is too large; at most {MOST_FEATURES} features can be numbered"
    base = "0" if rules.zero_based else "1"
    return f"index {shown} is too large for {rules.n_features} features numbered from {base}; raise n_features"


def _check_value(value: float, token: bytes, rules: Rules, where: str) -> None:
    if not math.isfinite(value):
        raise DataError(f"{where}: {show(token)} is not finite; drop it or impute a number")
    if rules.dtype == "float32" and abs(value) > _LARGEST_FLOAT32:
        raise DataError(f"{where}: the value of {show(token)} is too large for float32; scale it, or read as float64")


# Larger ones round to infinity: half a unit in the last place above the largest float32.
_LARGEST_FLOAT32 = math.nextafter((2 - 2.0**-24) * 2.0**127, 0)


def _mend(row: list[tuple[int, float]], rules: Rules, where: str) -> list[tuple[int, float]]:
    sums: dict[int, float] = {}
    for column, value in row:
        sums[column] = sums.get(column, 0.0) + value
    mended = sorted(sums.items())
    for column, value in mended:
        index = column if rules.zero_based else column + 1
        _check_value(value, f"{index}:{value} (added up)".encode(), rules, where)
    return mended


def show(token: bytes) -> str:
    """A token for a message: quoted, printable, and short."""
    text = token[:40].decode("ascii", errors="backslashreplace")
    printable = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return f"'{printable}{'...' if len(token) > 40 else ''}'"
