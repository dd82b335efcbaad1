"""Round robin: workers compute at once and update in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields
from hogwild.memory import InTurn


@final
@dataclass(frozen=True)
class RoundRobin(AbstractStrategy):
    """The "RR" baseline (Langford, Smola and Zinkevich 2009; Niu et al. 2011, section 6): slopes are computed in
    parallel, updates are applied in rank order, one example after another.

    Worth it only where a gradient takes much longer than handing the turn on (Niu et al.: about 1 ms).

    block_examples : examples of a request; minibatch : of a step (more than 1 for nets only)
    """

    needs = frozenset({"share", "turns"})
    answer: ClassVar[Literal["shared"]] = "shared"
    compressible: ClassVar[bool] = False
    survives = frozenset({"slow worker"})
    block_examples: int = 32_768
    minibatch: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "block_examples", "minibatch")

    @property
    def agree(self) -> bool:
        return True

    async def work(self, me: Worker) -> None:
        await me.share(InTurn())
        async for _ in me.rounds():
            await me.steps(max(1, self.block_examples // self.minibatch), minibatch=self.minibatch)
