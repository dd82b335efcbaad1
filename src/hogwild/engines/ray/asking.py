"""What a worker asks the conductor for when it needs examples."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from hogwild.data.blocks import Block
from hogwild.engines.ray.linking import Linking
from hogwild.engines.supply import Taken
from hogwild.requests import Portion

MOST_ROWS = 1 << 40  # of a chunk: no sum of two such overflows
Ahead = tuple[int, int, bool]
"""Of `Supply.take`: examples, minibatch, together."""


@final
class AskedSupply:
    """Examples are handed out by the conductor: see `Supply`. `n_examples`: that are here, if any are.

    Most rounds begin as the last one did. So the conductor is told with the question for the next round what that was,
    and gives it with the answer, if it can be put back: a message less. Whoever asks for something else, or
    communicates, puts it back before: when the conductor knows that a worker rests, all that it was given was learnt.
    """

    place = None  # in rows of its own
    apart = False

    def __init__(self, linking: Linking, n_examples: int) -> None:
        self._linking, self._n_examples = linking, n_examples
        self.wanted: Ahead | None = None  # first in this round; before anything was, in the last
        self._begins = False  # nothing was asked for in this round
        self._given: Any = None  # what was wanted in the last round, if it was given and is not taken yet

    def begin_round(self, given: Any = None) -> None:
        """What was `wanted` was given, or not."""
        self._begins, self._given = True, given

    def settle(self) -> None:
        """What was given is put back: the worker does something else first."""
        if self._begins:
            self._begins, self.wanted = False, None
        if self._given is not None:
            self._given = None
            self._linking.ask("supply", "put_back")

    def take(self, rank: int, examples: int, minibatch: int = 1, *, together: bool = False) -> Taken:
        wanted, usual = (examples, minibatch, together), self.wanted
        given, self._given = self._given, None
        if self._begins:
            self._begins, self.wanted = False, wanted
        if given is not None and wanted == usual:
            return self._taken(given)
        how = "take" if given is None else "take_instead"
        return self._taken(self._linking.ask("supply", how, examples, minibatch, together=together))

    def take_rest(self, rank: int) -> Taken:
        return self._taken(self._other("take_rest"))

    def reserve(self, rank: int, examples: int) -> list[Block]:
        return checked(self._other("reserve", examples), self._n_examples)

    def reserve_count(self, rank: int, examples: int) -> int:
        return int(self._other("reserve_count", examples))

    def portion(self, rank: int, portion: Portion) -> Taken:
        return self._taken(self._other("portion", portion))

    def _other(self, what: str, *arguments: Any) -> Any:
        self.settle()
        return self._linking.ask("supply", what, *arguments)

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
