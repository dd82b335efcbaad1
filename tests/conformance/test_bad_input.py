"""What cannot work ends with one clear sentence, on both engines, and nothing hangs."""

import re

import numpy as np
import pytest

from hogwild import (
    AllReduce,
    Deadlock,
    Downpour,
    Linear,
    LocalSGD,
    NonFiniteError,
    Sandblaster,
    Serial,
    Simulated,
    Speeds,
    Stop,
    Threads,
    Unsupported,
    adagrad,
    sgd,
    train,
)
from hogwild.interfaces import AbstractStrategy
from hogwild.rules.schedules import constant
from hogwild.strategies import STRATEGIES
from hogwild.testing import problem
from hogwild.testing.probes import Probe

ENGINES = {"threads": Threads, "simulated": Simulated}
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
TASK = problem(n=60)


def learn(strategy, engine, model=TASK.model, data=TASK.data, epochs=3, **stop):
    return train(model, data, strategy=strategy, engine=engine, stop=Stop(epochs=epochs, **stop), seed=0)


def refused(kind, sentence, action) -> BaseException:
    """The error, which must be one sentence."""
    with pytest.raises(kind, match=sentence) as caught:
        action()
    assert "\n" not in str(caught.value)
    assert len(getattr(caught.value, "__notes__", [])) <= 1
    return caught.value


# ---- refused before anything starts


@every_engine
def test_needs_that_the_engine_has_not(engine):
    class Telepathy(AbstractStrategy):
        needs = frozenset({"telepathy"})
        agree = True

        async def work(self, me):
            raise AssertionError("must not begin")

    refused(
        Unsupported, r"^Telepathy needs telepathy, which \w+ does not have: use ", lambda: learn(Telepathy(), engine(2))
    )


@every_engine
def test_more_workers_than_the_strategy_takes(engine):
    refused(Unsupported, r"^Serial runs on 1 worker and \w+\(2\) has 2: use ", lambda: learn(Serial(), engine(2)))


@pytest.mark.parametrize("probe", [Probe(needs={"server"}), Probe(server=sgd())], ids=["no rule", "no need"])
@every_engine
def test_a_server_without_a_rule_or_a_rule_without_a_server(engine, probe):
    async def work(me):
        raise AssertionError("must not begin")

    refused(
        Unsupported,
        r"^Probe must both need .server. and give a rule for it",
        lambda: learn(probe.strategy(work), engine(2)),
    )


@pytest.mark.parametrize("workers", [0, 1.5, "2", None])
@every_engine
def test_sizes_that_are_no_numbers(engine, workers):
    refused(ValueError, rf"^workers={workers!r} must be ", lambda: engine(workers))


@pytest.mark.parametrize("shards", [0, -1, 1.5])
@every_engine
def test_shards_that_are_no_numbers(engine, shards):
    refused(ValueError, rf"^shards={shards!r} must be ", lambda: engine(2, shards=shards))


@every_engine
def test_more_shards_than_rows(engine):
    refused(ValueError, r"^shards=8 must be a whole number from 1 to 7", lambda: learn(Downpour(), engine(2, shards=8)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latency_s", -1e-6),
        ("latency_s", np.inf),
        ("bandwidth_bytes_s", 0),
        ("bandwidth_bytes_s", -1.0),
        ("example_s", 0),
        ("example_s", -1e-6),
        ("example_s", "guessed"),
        ("workers", -1),
    ],
)
def test_a_cluster_that_cannot_be(name, value):
    refused(ValueError, rf"^{name}={re.escape(repr(value))} must be ", lambda: Simulated(**{name: value}))


@pytest.mark.parametrize(
    ("name", "value"), [("spread", -0.1), ("jitter", 6.0), ("straggle", 1.1), ("straggle_factor", 0.5)]
)
def test_speeds_that_cannot_be(name, value):
    refused(ValueError, rf"^{name}={value!r} must ", lambda: Speeds(**{name: value}))


def test_speeds_that_are_none():
    refused(TypeError, r"^speeds=\[1, 2, 3\] must be a Speeds such as ", lambda: Simulated(3, speeds=[1, 2, 3]))


@pytest.mark.parametrize(
    ("strategy", "options", "sentence"),
    [
        (AllReduce, {"minibatch": 0}, "minibatch=0 must be a whole number of at least 1, or ALL"),
        (AllReduce, {"backups": -1}, "backups=-1 must be a whole number of at least 0"),
        (LocalSGD, {"period": 0}, "period=0 must be a whole number of at least 1"),
        (Downpour, {"push_every": 0}, "push_every=0 must be a whole number of at least 1"),
        (Downpour, {"warm_start": -1}, "warm_start=-1 must be a whole number of at least 0"),
        (Downpour, {"fetch": "never"}, "fetch='never' must be "),
        (Downpour, {"fetch": "rows", "push_every": 2}, "fetch_every and push_every must be 1"),
        (Sandblaster, {"method": "newton"}, "method='newton' is not known; use one of lbfgs, conjugate-gradient, grad"),
    ],
)
def test_strategies_that_cannot_be(strategy, options, sentence):
    refused(ValueError, sentence, lambda: strategy(**options))


# ---- found on the way


@pytest.mark.parametrize("name", STRATEGIES)
@every_engine
def test_numbers_that_are_not_finite(engine, name):
    # Each step overshoots by far more than the one before, in every strategy.
    model = Linear("squared", schedule=constant(1e30), average=False, l2=0.0)
    strategy = STRATEGIES[name]()
    if name == "downpour":
        strategy = Downpour(server=sgd(1e200))
    workers = 1 if name == "serial" else 3
    X, y = TASK.data
    if name == "sandblaster":  # whose searches take no step that is too long: only the data can be too large
        y = y * 1e200

    def run():
        return learn(strategy, engine(workers), model, (X, y), epochs=200, tol=0)

    try:
        error = refused(NonFiniteError, "NaN or infinite", run)
    except Unsupported:
        assert engine is Simulated
        assert name in ("hogwild-ordered", "round-robin")
        return
    assert re.search(r"use a smaller|scale the data", str(error)), "it says what to do"
    assert re.search(r"in worker \d of \d, round \d+, epoch \d+", error.__notes__[0]), "and where"


@every_engine
def test_a_network_whose_numbers_are_not_finite(engine):
    from tests.conformance.tasks import network

    from hogwild import Network

    task = network()
    model = Network(task.model.module, rate=1e30)
    for strategy in (AllReduce(8), Downpour(8, server=sgd()), LocalSGD(2)):
        refused(NonFiniteError, "NaN or infinite", lambda s=strategy: learn(s, engine(2), model, task.data, epochs=10))


@pytest.mark.parametrize("wait", ["all_reduce", "inbox", "pull"])
@every_engine
def test_a_worker_that_raises_while_others_wait_for_it(engine, wait):
    async def work(me):
        async for round in me.rounds():
            await me.steps(2)
            if me.rank == 1 and round.number == 3:
                raise ZeroDivisionError("here")
            if wait == "all_reduce":
                await me.all_reduce()
            elif wait == "inbox":
                for peer in me.peers:
                    await me.put(peer, me.params.weights, "queue")
                await me.inbox(tuple(me.peers))
            else:
                await me.push(me.params.weights)
                await me.pull(clock=round.number + 1)

    probe = Probe(needs={"server"}, server=adagrad()) if wait == "pull" else Probe()
    error = refused(ZeroDivisionError, "^here", lambda: learn(probe.strategy(work), engine(3)))
    assert error.__notes__ == ["(in worker 1 of 3, round 4, epoch 1)"]


@every_engine
def test_workers_that_wait_for_each_other(engine):
    async def work(me):
        await me.inbox(((me.rank + 1) % me.size,))

    error = refused(Deadlock, "^all workers wait for each other: ", lambda: learn(Probe().strategy(work), engine(3)))
    for rank in range(3):
        assert f"worker {rank} waits for a message of worker {(rank + 1) % 3}" in str(error)


@every_engine
def test_a_forgotten_await(engine):
    async def work(me):
        async for _ in me.rounds():
            me.steps(5)

    refused(
        TypeError,
        r"Steps\(n=5.*not awaited it: write `await` before it",
        lambda: learn(Probe().strategy(work), engine(2)),
    )
