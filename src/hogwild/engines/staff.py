"""The workers of a run: their random streams, weights, and what they have counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import final

import numpy as np

from hogwild.interfaces import Worker
from hogwild.memory import Memory
from hogwild.params import Params
from hogwild.snapshots.parts import Part
from hogwild.snapshots.values import become, part_of, without_own


@final
class Staff:
    """By rank. `params` and `memories` are lists of the run, which change; `share`: see `Supply.share`."""

    def __init__(
        self, seed: int, params: list[Params], memories: list[Memory], share: Callable[[int], float], *, shares: bool
    ) -> None:
        self._seed, self._params, self._memories, self._share = seed, params, memories, share
        self._shares = shares  # are the weights one and the same for all?
        size = len(params)
        seeds = np.random.SeedSequence(seed).spawn(size)
        self.workers: Sequence[Worker] = [
            Worker(rank, size, np.random.default_rng(seeds[rank]), params[rank], share(rank)) for rank in range(size)
        ]
        self._counts = [worker.counts for worker in self.workers]

    def another(self, rank: int, params: Params, life: int) -> Worker:
        """Another process in the place of a worker, with these weights and a random stream of its own."""
        size, before = len(self._params), self._memories[rank]
        seed = np.random.SeedSequence(self._seed).spawn(size)[rank].spawn(life + 1)[life]
        self._params[rank] = params
        self._memories[rank] = Memory(rank, size, params.weights, before.control, state=params.state)
        rng, counts = np.random.default_rng(seed), self._counts[rank]
        return Worker(rank, size, rng, params, self._share(rank), counts=counts)

    def counted(self, rank: int, counts: Counter[str]) -> None:
        """What a worker has counted that runs elsewhere."""
        self._counts[rank].update(counts)

    @property
    def counts(self) -> Counter[str]:
        """Of all together."""
        return sum(self._counts, Counter())

    def standing(self, rank: int) -> Part:
        """A copy of all that one of them is."""
        part = standing_of(self.workers[rank], self._memories[rank])
        if self._shares and rank:
            del part.arrays["weights"]
        return part

    def resume(self, rank: int, part: Part, *, afresh: bool) -> None:
        """The worker goes on from there; `afresh`: where another was, with what is nobody's own."""
        if afresh:
            become(self._params[rank], without_own(part))
        else:
            go_on(self.workers[rank], self._memories[rank], part)


def standing_of(worker: Worker, memory: Memory) -> Part:
    """A copy of what this worker is."""
    facts, arrays = part_of(worker.params)
    facts |= {"rng": worker.rng.bit_generator.state, "counts": dict(worker.counts)}
    return Part(facts, arrays | {"mean": memory.mean.copy(), "mass": memory.mass.copy()})


def go_on(worker: Worker, memory: Memory, part: Part) -> None:
    """The worker becomes what `standing_of` was told of."""
    become(worker.params, part)
    worker.rng.bit_generator.state = part.facts["rng"]
    worker.counts.update(part.facts["counts"])
    memory.mean[:], memory.mass[:] = part.arrays["mean"], part.arrays["mass"]
