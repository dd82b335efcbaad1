"""The code of a page, run block by block in one namespace, and what it prints against what the page says."""

import ast
import contextlib
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*\.?\d*")
TOLERANCE = 0.01  # of numbers: other chips round sums in another order


class Block(NamedTuple):
    """Python on a page, and the text that follows it, if one does."""

    line: int
    code: str
    output: str | None


def blocks_of(path: Path) -> list[Block]:
    """All of them, in order."""
    page = path.read_text(encoding="utf-8")
    return [Block(page.count("\n", 0, found.start(1)) + 1, found[1], found[2]) for found in FENCED.finditer(page)]


def run(path: Path, block: Block, namespace: dict[str, Any]) -> str:
    """What it prints. An error names the line of the page."""
    tree = ast.increment_lineno(ast.parse(block.code), block.line - 1)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, str(path), "exec"), namespace)
    return printed.getvalue()


def differences(printed: str, expected: str) -> list[str]:
    """Lines that differ in more than blanks and the last digits of a number."""
    given, wanted = printed.splitlines(), expected.splitlines()
    if len(given) != len(wanted):
        return [f"{len(given)} lines instead of {len(wanted)}:", *given]
    return [
        f"{line!r} instead of {other!r}" for line, other in zip(given, wanted, strict=True) if not _same(line, other)
    ]


def _same(line: str, other: str) -> bool:
    if NUMBER.sub("#", line).split() != NUMBER.sub("#", other).split():
        return False
    numbers, others = ([float(text.replace(",", "")) for text in NUMBER.findall(each)] for each in (line, other))
    return all(abs(a - b) <= TOLERANCE * abs(b) for a, b in zip(numbers, others, strict=True))
