"""A server whose messages arrive at once, for tests that do not care about the network."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hogwild.answers import Ack, Versioned
from hogwild.deltas import Change, Delta
from hogwild.params import Params
from hogwild.rules.schedules import Moment
from hogwild.rules.updates import Update
from hogwild.server import Client, Ranges, Shard

NOW = Moment(0, 0.0, 0)


def delta(
    values: Sequence[float], keys=None, *, steps=1, examples=1, loss=0.0, portion=None, dtype=np.float64
) -> Delta:
    keys = None if keys is None else np.array(keys, np.int64)
    return Delta(np.array(values, dtype), examples, steps, loss, NOW, keys, portion)


def change(values: Sequence[float], keys=None, dtype=np.float64) -> Change:
    return Change(np.array(values, dtype), 1, 1, None if keys is None else np.array(keys, np.int64))


class Rig:
    """Shards that start with `weights`, and clients 0, 1, ..."""

    def __init__(self, params: Params, shards: int, rule: Update, *, clients: int = 1, **kwargs: Any):
        self.ranges = Ranges(params.offsets, shards)
        pieces = zip(self.ranges.spans, self.ranges.cut(params.weights), strict=True)
        self.shards = [Shard(span, piece, rule, **kwargs) for span, piece in pieces]
        self.clients = [Client(worker, self.ranges) for worker in range(clients)]

    @property
    def weights(self) -> np.ndarray:
        return np.concatenate([shard.weights for shard in self.shards])

    def push(self, x: Any, rate: float | None = None, worker: int = 0) -> Ack:
        client = self.clients[worker]
        # Backwards: nothing may depend on the order of the answers.
        return client.acknowledged([self.shards[part.shard].push(part) for part in reversed(client.push(x, rate))])

    def pull(self, keys=None, worker: int = 0, **waits: Any) -> Versioned | None:
        """None if a shard is not ready."""
        client, workers = self.clients[worker], range(len(self.clients))
        parts = client.pull(keys, **waits)
        if not all(
            self.shards[part.shard].ready(part.version, part.clock, workers, part.worker, part.acked) for part in parts
        ):
            return None
        answers = [self.shards[part.shard].pull(part.keys, part.worker) for part in reversed(parts)]
        pulled = client.pulled(answers, keys)
        client.received(pulled)
        return pulled

    def operate(self, *op: Any, worker: int = 0) -> float:
        client = self.clients[worker]
        parts = client.operate(op)
        return client.operated(
            parts[0].sender[1], [self.shards[part.shard].operate(part.op, part.sender) for part in parts]
        )


def flat(n_weights: int, dtype: Any = np.float64, start: float = 0.0) -> Params:
    """Rows of one weight."""
    params = Params({"coef": (n_weights,)}, dtype)
    params.weights[:] = start
    return params
