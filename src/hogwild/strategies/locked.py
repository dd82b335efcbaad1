"""AIG: Hogwild! with every variable of an example locked while it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields
from hogwild.memory import Locking


@final
@dataclass(frozen=True)
class Locked(AbstractStrategy):
    """The "AIG" baseline of Niu et al. 2011, section 6: as `Hogwild(Racy())`, but each example first takes the lock
    of each of its variables, in index order, so that no two updates overlap and no deadlock can occur.

    It shows what locks cost; it is not meant to be fast. The intercept is a variable of every example, so that with
    one no two examples run at once.

    block_examples : examples of a request; minibatch : of a step (more than 1 for nets only)
    """

    needs = frozenset({"share"})
    answer: ClassVar[Literal["shared"]] = "shared"
    compressible: ClassVar[bool] = False
    survives = frozenset({"slow worker"})
    block_examples: int = 32_768
    minibatch: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "block_examples", "minibatch")

    @property
    def agree(self) -> bool:
        return False

    async def work(self, me: Worker) -> None:
        await me.share(Locking())
        async for _ in me.rounds():
            await me.steps(max(1, self.block_examples // self.minibatch), minibatch=self.minibatch)
