"""Strategies that are the same algorithm, under conditions, give the same weights."""

import numpy as np
import pytest
import scipy.sparse as sp
from tests.conformance.tasks import network

from hogwild import (
    ALL,
    AllReduce,
    Alone,
    Downpour,
    Linear,
    LocalSGD,
    Network,
    Serial,
    Simulated,
    Stop,
    Threads,
    adagrad,
    adam,
    momentum,
    sgd,
    train,
)
from hogwild.rules.schedules import constant, inverse
from hogwild.testing import problem
from hogwild.testing.probes import Probe

ENGINES = {"threads": Threads, "simulated": Simulated}
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
RATE = 0.05
N = 240  # divisible by all numbers of workers and minibatches here: no minibatch is smaller than others
DENSE = problem(n=N).data
SPARSE = problem(n=N, d=12, sparse=True).data
DATA = {"dense": DENSE, "sparse": SPARSE}


def model(l2: float = 0.0, **options) -> Linear:
    return Linear("squared", **{"l2": l2, "schedule": inverse(RATE), "average": False, **options})


def learnt(strategy, engine, data=DENSE, model=model(), epochs=3, tol=0, seed=0) -> np.ndarray:  # noqa: B008
    stop = Stop(epochs=epochs, tol=tol)
    return train(model, data, strategy=strategy, engine=engine, stop=stop, seed=seed).params.weights


def close(a, b, tolerance: float) -> None:
    """Relative to the largest weight."""
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


# ---- all-reduce


@every_engine
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(("workers", "minibatch"), [(1, 1), (1, 8), (2, 1), (3, 4), (5, 2), (4, 12)])
def test_all_reduce_is_serial_with_the_minibatch_of_all(engine, data, workers, minibatch):
    serial = learnt(Serial(minibatch=workers * minibatch), Threads(1), DATA[data])
    close(learnt(AllReduce(minibatch), engine(workers), DATA[data]), serial, 1e-12)


@pytest.mark.parametrize("data", DATA)
def test_all_reduce_with_a_penalty_is_serial_but_for_how_it_is_paid(data):
    # Serial takes the shrinkage of l2 out of its steps, as a divisor: 1 / (1 + rate l2) instead of 1 - rate l2. They
    # differ by (rate l2)^2 a step, of which 3 epochs have 60.
    l2, steps = 0.1, 3 * N // 12
    serial = learnt(Serial(minibatch=12), Threads(1), DATA[data], model(l2))
    close(learnt(AllReduce(4), Threads(3), DATA[data], model(l2)), serial, 2 * steps * (RATE * l2) ** 2)
    assert not np.array_equal(serial, learnt(Serial(minibatch=12), Threads(1), DATA[data], model()))


@every_engine
def test_all_reduce_of_a_network_is_serial_with_the_minibatch_of_all(engine):
    task = network()
    task = task._replace(model=Network(task.model.module, rate=0.1, l2=1e-3))
    serial = learnt(Serial(minibatch=12), Threads(1), task.data, task.model)
    close(learnt(AllReduce(4), engine(3), task.data, task.model), serial, 1e-5)  # float32


@every_engine
@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_all_reduce_of_everything_is_gradient_descent(engine, workers, l2):
    X, y = SPARSE
    rows, w = X.toarray(), np.zeros(X.shape[1])
    for _ in range(5):
        w -= 0.5 * (rows.T @ (rows @ w - y) / N + l2 * w)
    descent = model(l2, schedule=constant(0.5), fit_intercept=False)
    close(learnt(AllReduce(ALL), engine(workers), SPARSE, descent, epochs=5)[:-1], w, 1e-12)


# ---- Downpour


async def by_hand(me):
    """SGD."""
    async for _ in me.rounds():
        await me.apply(await me.gradient(4))


@every_engine
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("shards", [1, 3])
def test_blocking_downpour_with_one_worker_is_sgd(engine, data, shards):
    strategy = Downpour(minibatch=4, server=sgd(), fetch="wait")
    one = Probe(agree=False, answer="mine").strategy(by_hand)
    downpour = learnt(strategy, engine(1, shards=shards), DATA[data], model(0.1))
    close(downpour, learnt(one, Threads(1), DATA[data], model(0.1)), 1e-12)
    # And that is Serial, but for how the penalty is paid.
    downpour = learnt(strategy, engine(1, shards=shards), DATA[data])
    close(downpour, learnt(Serial(minibatch=4), Threads(1), DATA[data]), 1e-12)


@every_engine
@pytest.mark.parametrize("minibatch", [1, 3, 5, 7])
def test_a_server_with_sgd_rounds_as_the_worker_itself_does(engine, minibatch):
    # Where all steps are of one size. (Else the server has their square roots, and squares those.)
    task = model(0.1, schedule=constant(RATE), fit_intercept=False)
    downpour = learnt(Downpour(minibatch, server=sgd(), fetch="wait"), engine(1), DENSE, task)
    np.testing.assert_array_equal(downpour, learnt(AllReduce(minibatch), engine(1), DENSE, task))


RULES = {"sgd": sgd(), "momentum": momentum(0.01), "adagrad": adagrad(), "adam": adam(0.01)}


@every_engine
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "options",
    [{}, {"fetch": "wait"}, {"fetch": "rows"}, {"fetch_every": 3, "push_every": 2}, {"fetch": "wait", "push_every": 5}],
    ids=str,
)
def test_the_number_of_shards_changes_nothing(engine, rule, options):
    if engine is Simulated:
        # How long a message takes depends on its size; here none takes time.
        options = {**options}
        engine = free
    strategy = Downpour(minibatch=4, server=RULES[rule], **options)
    task = model(0.1, l1=0.01)
    one = learnt(strategy, engine(1), SPARSE, task, epochs=2)
    for shards in (2, 3, 13):
        np.testing.assert_array_equal(learnt(strategy, engine(1, shards=shards), SPARSE, task, epochs=2), one)


def free(workers: int, shards: int = 1) -> Simulated:
    """A cluster whose messages take no time."""
    return Simulated(workers, shards=shards, latency_s=0.0, bandwidth_bytes_s=np.inf)


@every_engine
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_downpour_of_rows_reaches_the_objective_of_serial(engine, workers, l2):
    # Most columns are rare: their penalty is paid only when they are touched, and must be right on average.
    rng = np.random.default_rng(0)
    X = sp.random_array((400, 60), density=0.05, format="csr", rng=rng)
    X.data[:] = rng.normal(size=X.data.size)
    data = (X, X @ rng.normal(size=60) + 0.1 * rng.normal(size=400))
    task, stop = Linear("squared", l2=l2), Stop(epochs=30, tol=0)

    def objectives(strategy, engine):
        history = train(task, data, strategy=strategy, engine=engine, stop=stop, seed=0).history
        return [record.objective for record in history]

    serial = objectives(Serial(), Threads(1))
    rows = objectives(Downpour(minibatch=8, fetch="rows", server=adagrad(0.5)), engine(workers))
    start = float((data[1] ** 2).mean() / 2)
    assert (min(rows) - min(serial)) / (start - min(serial)) < 0.02


# ---- averages


@every_engine
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(("workers", "minibatch"), [(1, 4), (2, 6), (3, 4), (5, 8)])
def test_local_sgd_of_period_1_is_all_reduce(engine, data, workers, minibatch):
    local = learnt(LocalSGD(period=1, minibatch=minibatch), engine(workers), DATA[data])
    close(local, learnt(AllReduce(minibatch), engine(workers), DATA[data]), 1e-12)


@every_engine
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("minibatch", [1, 5])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_alone_with_one_worker_is_serial(engine, data, minibatch, l2):
    # The last weights of both: Serial would give the best of its epochs.
    alone = learnt(Alone(minibatch=minibatch), engine(1), DATA[data], model(l2), tol=None)
    close(alone, learnt(Serial(minibatch=minibatch), Threads(1), DATA[data], model(l2), tol=None), 1e-12)


@every_engine
def test_alone_is_the_mean_of_its_workers(engine):
    async def apart(me):
        async for _ in me.rounds():
            await me.steps(8)

    def at_the_end(work):
        return learnt(Probe(answer="end").strategy(work), engine(3), epochs=2)

    def only(rank):
        async def work(me):
            await apart(me)
            mine = me.params.weights if me.rank == rank else 0 * me.params.weights
            me.params.weights[:] = (await me.all_reduce(mine)).sum

        return at_the_end(work)

    mean = (only(0) + only(1) + only(2)) / 3
    close(learnt(Alone(block_examples=24), engine(3), epochs=2), mean, 1e-12)
