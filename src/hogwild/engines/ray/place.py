"""Where a worker computes that is alone in its process: its weights, its memory, and where its examples come from."""

from __future__ import annotations

import threading
from typing import final

import numpy as np

from hogwild.engines.ray.asking import AskedSupply
from hogwild.engines.ray.linking import Linking
from hogwild.engines.ray.opening import OwnSupply
from hogwild.engines.ray.terms import Terms
from hogwild.interfaces import Job
from hogwild.memory import CONTROL_CELLS, Memory


@final
class Place:
    """See `Workplace`. Any rank is the worker's own."""

    def __init__(
        self, rank: int, size: int, job: Job, terms: Terms, linking: Linking, settled: Job | None = None
    ) -> None:
        self.size, self.shares, self.needs = size, False, terms.needs
        job = job if settled is None else settled
        self.n_examples = job.examples.n_examples
        self.task = job.model.bind(job.examples, terms.survey)
        self.sharing = threading.Lock()
        mine = terms.params.copy()  # what came through the object store cannot be written
        for name in terms.params.own:
            mine.local(name, terms.params.state[name].copy())
        memory = Memory(rank, size, mine.weights, np.zeros(CONTROL_CELLS, np.int64), state=mine.state)
        if terms.averages:
            memory.mean = np.zeros_like(mine.weights)
        goes_on = terms.goes_on
        if goes_on is not None:
            memory.mean[:], memory.mass[:] = goes_on.mean, goes_on.mass
        self.params, self.memories = [mine] * size, [memory] * size
        self.asked = AskedSupply(linking, self.n_examples)
        self.supply: AskedSupply | OwnSupply = self.asked
        if settled is not None and size > 1:
            place = None if goes_on is None else goes_on.place
            self.supply = OwnSupply(self.asked, rank, settled, terms.first_pass, place)
