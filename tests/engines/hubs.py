"""Hubs and servers of a run that nobody runs: a test asks, and looks at what is answered."""

from typing import Any

import numpy as np
from tests.engines.post import Post

from hogwild.data import check_examples
from hogwild.engines.hub import Hub
from hogwild.engines.servers import serving
from hogwild.engines.session import Session
from hogwild.engines.transport import AbstractTransport, Direct
from hogwild.interfaces import Job
from hogwild.rules.updates import Update
from hogwild.stopping import Stop
from hogwild.testing.ledger import Ledger
from hogwild.testing.probes import Probe
from hogwild.traffic import Traffic


async def nothing(me: Any) -> None:
    """A program that ends at once."""


class Rig:
    """`ask(rank, request)` gives a list that will hold the answer. Messages wait in `post`; without it they are there
    at once.
    """

    def __init__(
        self, size: int = 3, rule: Update | None = None, shards: int = 1, n: int = 6, agree: bool = True,
        post: Post | None = None, weights: float = 0.0,
    ) -> None:  # fmt: skip
        self.traffic, self.now, self.size = Traffic(), 0.0, size
        needs, answer = ({"server"}, "server") if rule is not None else (set(), "mine")
        strategy = Probe(agree=agree, needs=needs, server=rule, answer=answer).strategy(nothing)
        examples = check_examples(np.ones((n, 1)), np.zeros(n))
        self.job = job = Job(Ledger(), examples, strategy, Stop(epochs=3, tol=None), (), 0)
        self.session = Session(job, size, lambda: self.now)
        for params in self.session.params:
            params.weights[:] = weights
        transport: AbstractTransport = post if post is not None else Direct(self.traffic)
        self.servers = serving(self.session, shards, transport, self.traffic)
        self.hub = Hub(self.session, transport, self.servers)

    def ask(self, rank: int, request: Any) -> list[Any]:
        answers: list[Any] = []
        self.hub.ask(rank, request, answers.append)
        return answers

    def at_once(self, rank: int, request: Any) -> Any:
        """The answer, which must be there at once."""
        (answer,) = self.ask(rank, request)
        return answer

    def vector(self, value: float) -> np.ndarray:
        return np.full_like(self.session.params[0].weights, value)

    @property
    def weights(self) -> list[float]:
        """Of the server."""
        return self.session.server_params().weights.tolist()
