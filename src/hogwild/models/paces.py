"""Where the examples of a request are cut because the step size has to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hogwild.data.blocks import Block, count_rows
from hogwild.rules.schedules import Curve


def steady_pieces(blocks: Sequence[Block], curve: Curve, examples: float, n: int) -> Iterator[tuple[Block, float]]:
    """The blocks, of n rows in all, in pieces that may be learnt with one step size; and how many examples were learnt
    before each, `examples` before the first.
    """
    for starts, chunk in blocks:
        count = count_rows(Block(starts, chunk), n)
        first = 0
        for last in sorted({-(-end // chunk) for end in curve.steady(examples, count)}):
            piece = Block(starts[first:last], chunk)
            yield piece, examples
            examples += count_rows(piece, n)
            first = last
