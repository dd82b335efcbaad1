"""Hogwild!: all workers train one vector, without locks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

from hogwild.interfaces import AbstractStrategy, Worker
from hogwild.limits import check_fields
from hogwild.memory import Racy, Replicas


@final
@dataclass(frozen=True)
class Hogwild(AbstractStrategy):
    """Lock-free SGD on shared memory (Niu, Recht, Re and Wright 2011, alg. 1).

    how : `Replicas(every_examples=4096)`, the default: each worker learns on a private copy and adds what changed to
        the shared vector after every so many rows. `Racy()`: the published form, every update goes to the shared
        vector at once.

    block_examples : examples of a request; minibatch : of a step (the paper: 1)

    The shared vector is read and written without locks, so now and then a change is lost or a half-merged vector is
    read. That is right because each change is one small step among many towards the same minimum: SGD corrects a
    lost or late step as it corrects the noise of its examples. The paper proves it for rare collisions.

    Differences from the paper: with today's caches its form is slower than one thread on text, where every example
    writes the same frequent words and each write takes the cache line away from the other cores; the private copies
    mend that. The penalty is not paid feature by feature (except with `Racy`), and examples are drawn without
    replacement, as in the paper's experiments.

    `Replicas(ordered=True)` gives the same bits each time: workers are handed fixed examples and merge in rank order,
    so each waits for the slowest. With one worker the default is `Serial`, bit for bit.
    """

    answer: ClassVar[Literal["shared"]] = "shared"
    compressible: ClassVar[bool] = False
    survives = frozenset({"slow worker"})
    how: Replicas | Racy = field(default_factory=Replicas)
    block_examples: int = 32_768
    minibatch: int = 1
    needs: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_fields(self, "block_examples", "minibatch")
        object.__setattr__(self, "needs", frozenset({"share", "turns"} if self.agree else {"share"}))

    @property
    def agree(self) -> bool:
        return isinstance(self.how, Replicas) and self.how.ordered

    async def work(self, me: Worker) -> None:
        await me.share(self.how)
        async for _ in me.rounds():
            await me.steps(max(1, self.block_examples // self.minibatch), minibatch=self.minibatch)
