"""What a worker asks the conductor for when it needs examples."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from hogwild.data.blocks import Block
from hogwild.engines.ray.linking import Linking
from hogwild.engines.supply import Taken
from hogwild.requests import Portion

MOST_ROWS = 1 << 40  # of a chunk: no sum of two such overflows


@final
class AskedSupply:
    """Examples are handed out by the conductor: see `Supply`. `n_examples`: that are here, if any are."""

    place = None  # in rows of its own

    def __init__(self, linking: Linking, n_examples: int) -> None:
        self._linking, self._n_examples = linking, n_examples

    def take(self, rank: int, examples: int, minibatch: int = 1, *, together: bool = False) -> Taken:
        return self._taken(self._linking.ask("supply", "take", examples, minibatch, together=together))

    def take_rest(self, rank: int) -> Taken:
        return self._taken(self._linking.ask("supply", "take_rest"))

    def reserve(self, rank: int, examples: int) -> list[Block]:
        return checked(self._linking.ask("supply", "reserve", examples), self._n_examples)

    def reserve_count(self, rank: int, examples: int) -> int:
        return int(self._linking.ask("supply", "reserve_count", examples))

    def portion(self, rank: int, portion: Portion) -> Taken:
        return self._taken(self._linking.ask("supply", "portion", portion))

    def _taken(self, found: Any) -> Taken:
        blocks, moment, count = found
        return checked(blocks, self._n_examples), moment, count


def checked(blocks: list[Block], n: int) -> list[Block]:
    """They are of these n examples. ValueError otherwise: kernels read what blocks name without a look, and connections
    ask for no token.
    """
    for starts, chunk in blocks:
        fits = isinstance(starts, np.ndarray) and starts.dtype == np.int64 and starts.ndim == 1
        if not (fits and isinstance(chunk, int | np.integer) and 0 < chunk <= MOST_ROWS):
            raise ValueError(f"this is no block of examples: {starts!r}, {chunk!r}")
        if starts.size and not (starts.min() >= 0 and starts.max() < n):
            raise ValueError(f"blocks of examples must lie in 0 .. {n - 1}")
    return blocks
