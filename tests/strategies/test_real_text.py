"""Every strategy on real text: a part of Reuters' RCV1, category CCAT, with the settings of docs/strategies.md."""

import numpy as np
import pytest

from hogwild import (
    ALL,
    AllReduce,
    Downpour,
    ElasticAveraging,
    Gossip,
    Linear,
    ReadOptions,
    Serial,
    Stop,
    Threads,
    adagrad,
    read,
    train,
)
from hogwild.rules.schedules import auto, constant
from hogwild.strategies import STRATEGIES

POINTS = 0.3
# What differs from the defaults: the strategy, its step sizes, and its epochs.
SETTINGS = {
    "full-batch": (AllReduce(ALL), constant(50.0), 150),
    "all-reduce": (AllReduce(20), constant(5.0), 10),
    "downpour": (Downpour(20, server=adagrad(0.1)), auto(), 10),
    "elastic-averaging": (ElasticAveraging(), auto(2.0), 10),
    "gossip, gosgd": (Gossip("gosgd"), auto(2.0), 10),
    "gossip, d-psgd": (Gossip("d-psgd"), auto(), 10),
    "gossip, ad-psgd": (Gossip("ad-psgd", period=1, minibatch=20), constant(5.0), 10),
    "gossip, pull": (Gossip("pull"), auto(), 10),
}
NAMES = [name for name in STRATEGIES if name not in ("serial", "hogwild-ordered")] + [n for n in SETTINGS if "," in n]


@pytest.fixture(scope="module")
def text(shared_data):
    files = [shared_data / "rcv1" / f"rcv1_ccat.{name}.svm.xz" for name in ("train", "test")]
    found = read(files, options=ReadOptions(cache=False))
    return (found.X[:20_000], found.y[:20_000]), (found.X[20_000:], found.y[20_000:])


def error(text, strategy, schedule, epochs, workers):
    """Per cent of the test examples."""
    training, (X, y) = text
    model = Linear("hinge", l2=1e-4, schedule=schedule)
    result = train(model, training, strategy=strategy, engine=Threads(workers), stop=Stop(epochs, tol=0), seed=0)
    return 100 * np.mean(np.sign(result.predict(X)) != y)


@pytest.fixture(scope="module")
def serial(text):
    return error(text, Serial(), auto(), 10, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_as_good_as_the_serial_one(text, serial, name):
    strategy, schedule, epochs = SETTINGS.get(name) or (STRATEGIES[name](), auto(), 10)
    assert error(text, strategy, schedule, epochs, 2) <= serial + POINTS
