"""One worker, one example after another: what every parallel strategy is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields


@final
@dataclass(frozen=True)
class Serial(AbstractStrategy):
    """Plain SGD (Robbins and Monro 1951; Bottou 2010). Repeatable bit for bit.

    block_examples : examples of a request; minibatch : of a step
    """

    most_workers: ClassVar[int | None] = 1
    compressible: ClassVar[bool] = False
    survives = frozenset({"slow worker"})
    block_examples: int = 65_536
    minibatch: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "block_examples", "minibatch")

    @property
    def agree(self) -> bool:
        return False

    async def work(self, me: Worker) -> None:
        async for _ in me.rounds():
            await me.steps(max(1, self.block_examples // self.minibatch), minibatch=self.minibatch)
