"""Run one strategy on many simulated workers; prints seconds, peak memory and what was simulated."""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from hogwild.data import check_examples
from hogwild.engines import Simulated
from hogwild.interfaces import AbstractStrategy
from hogwild.models.linear import Linear
from hogwild.rules.sample_sizes import constant_size
from hogwild.stopping import Stop
from hogwild.strategies import (
    AllReduce,
    Alone,
    BoundedStaleness,
    Downpour,
    ElasticAveraging,
    Gossip,
    GrowingBatches,
    LocalSGD,
    ParzenASGD,
    Sandblaster,
)
from hogwild.training import train

FEATURES = 1_000


def main(name: str, workers: int, rounds: int, shards: int) -> None:
    """Each worker learns 2 examples in each of `rounds` rounds."""
    strategies: dict[str, AbstractStrategy] = {
        "AllReduce": AllReduce(minibatch=2),
        "LocalSGD": LocalSGD(period=2),
        "Alone": Alone(block_examples=2 * workers),
        "Downpour": Downpour(minibatch=2),
        "BoundedStaleness": BoundedStaleness(period=2),
        "ElasticAveraging": ElasticAveraging(period=2),
        "Gossip": Gossip(period=2),
        "ParzenASGD": ParzenASGD(period=2),
        "GrowingBatches": GrowingBatches(constant_size(2 * workers)),
        "Sandblaster": Sandblaster(),
    }
    rng = np.random.default_rng(0)
    epochs = rounds if name == "Sandblaster" else 1  # a round of its is a pass over all examples
    X = rng.standard_normal((2 * workers * rounds // epochs, FEATURES), dtype=np.float32)
    data = check_examples(X, np.sign(X @ rng.standard_normal(FEATURES, dtype=np.float32)))
    model = Linear("logistic", l2=1e-3, average=False)
    stop = Stop(epochs=epochs, tol=None)
    warm, engine = Stop(time_s=1e-5, tol=None), Simulated(workers, shards=shards)
    train(model, data, strategy=strategies[name], engine=Simulated(2, shards=shards), stop=warm, seed=0)
    begun = time.perf_counter()
    result = train(model, data, strategy=strategies[name], engine=engine, stop=stop, seed=0)
    seconds = time.perf_counter() - begun
    traffic = result.history.traffic
    assert traffic is not None
    facts = {
        "seconds": seconds,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "data_bytes": X.nbytes,
        "virtual_s": traffic.virtual_s,
        "messages": traffic.messages,
    }
    print(json.dumps(facts))


main(sys.argv[1], *map(int, sys.argv[2:]))
