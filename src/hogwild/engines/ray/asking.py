"""What a worker asks the conductor for when it needs examples."""

from __future__ import annotations

from typing import Any, final

from hogwild.data.blocks import Block
from hogwild.engines.ray.hearing import heard
from hogwild.engines.supply import Taken
from hogwild.requests import Portion


@final
class AskedSupply:
    """Examples are handed out by the conductor: see `Supply`."""

    place = None  # in rows of its own

    def __init__(self, conductor: Any) -> None:
        self._supply = conductor.supply

    def take(self, rank: int, examples: int, minibatch: int = 1, *, together: bool = False) -> Taken:
        return heard(self._supply.remote(rank, "take", examples, minibatch, together=together))

    def take_rest(self, rank: int) -> Taken:
        return heard(self._supply.remote(rank, "take_rest"))

    def reserve(self, rank: int, examples: int) -> list[Block]:
        return heard(self._supply.remote(rank, "reserve", examples))

    def reserve_count(self, rank: int, examples: int) -> int:
        return int(heard(self._supply.remote(rank, "reserve_count", examples)))

    def portion(self, rank: int, portion: Portion) -> Taken:
        return heard(self._supply.remote(rank, "portion", portion))
