"""Every strategy learns from data that stay with their workers: each worker its own rows, and no others."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from hogwild import (
    ALL,
    AllReduce,
    Linear,
    LocalSGD,
    Partitioned,
    Sandblaster,
    Simulated,
    Stop,
    Threads,
    Unsupported,
    constant,
    dirichlet,
    train,
)
from hogwild.engines.supply import Supply
from hogwild.strategies import STRATEGIES
from hogwild.testing import problem
from hogwild.testing.ledger import Ledger
from hogwild.testing.strategies import in_small_blocks

NAMES = [name for name in STRATEGIES if name not in ("serial", "sandblaster")]
ENGINES = {"threads": Threads, "simulated": Simulated}
every_engine = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
BOUNDS = (0, 10, 40, 45)
OWNERS = np.repeat([0, 1, 2], np.diff(BOUNDS))
ROWS = (np.ones((45, 1)), np.zeros(45))


@pytest.fixture
def handed(monkeypatch):
    """The rows that were handed to each worker."""
    rows = {rank: [] for rank in range(3)}

    def watched(name):
        hand_out = getattr(Supply, name)

        def watch(supply, rank, *arguments, **options):
            taken = hand_out(supply, rank, *arguments, **options)
            chunks = [(block.starts[:, None] + np.arange(block.chunk)).ravel() for block in taken[0]]
            rows[rank] += np.concatenate([np.zeros(0, int), *chunks]).tolist()
            return taken

        monkeypatch.setattr(Supply, name, watch)

    watched("take")
    watched("take_rest")
    return rows


def learn(strategy, engine, model=Ledger(), data=ROWS, epochs=3, **stop):  # noqa: B008
    limits = Stop(epochs=epochs, **{"tol": 0, **stop})
    return train(model, Partitioned(data, OWNERS), strategy=strategy, engine=engine(3), stop=limits, seed=0)


@every_engine
@pytest.mark.parametrize("holdout", [0.0, 0.2])
@pytest.mark.parametrize("name", NAMES)
def test_each_worker_learns_its_own_rows(engine, name, holdout, handed):
    strategy = in_small_blocks(STRATEGIES[name](), 6)
    if strategy.needs - engine(3).can:
        pytest.skip("it does not run here, whatever the data")
    try:
        result = learn(strategy, engine, holdout=holdout)
    except Unsupported as error:
        if "portions of a pass" not in str(error):
            raise
        pytest.skip("it hands portions to whoever is free")
    for rank, rows in handed.items():
        own = set(range(BOUNDS[rank], BOUNDS[rank + 1]))
        assert set(rows) <= own, f"worker {rank} was given rows of others"
        assert len(own - set(rows)) >= round(holdout * len(own)), "held-out rows are learnt by nobody"
    n = 45 - sum(round(holdout * count) for count in np.diff(BOUNDS))
    assert [record.examples for record in result.history] == [n, 2 * n, 3 * n]


@every_engine
def test_portions_would_hand_rows_to_others(engine):
    with pytest.raises(
        Unsupported, match=r"^portions of a pass go to whoever is free, but Partitioned data stay with th"
    ):
        learn(Sandblaster(), engine)


@every_engine
def test_local_sgd_passes_over_own_rows(engine, handed):
    learn(LocalSGD(period=5), engine)
    for rank, rows in handed.items():
        counts = np.bincount(rows, minlength=45)[BOUNDS[rank] : BOUNDS[rank + 1]]
        assert len(rows) == 45, "a third of the 3 epochs of 45"
        assert counts.max() - counts.min() <= 1, "no row twice before all have come"


@every_engine
def test_gradient_descent_is_the_same_whoever_has_the_rows(engine):
    task, model = problem(n=45, sparse=True), Linear("squared", l2=0.01, schedule=constant(0.3), average=False)

    def weights(data):
        stop = Stop(epochs=5, tol=0)
        return train(model, data, strategy=AllReduce(ALL), engine=engine(3), stop=stop, seed=0).params.weights

    everybody = weights(task.data)
    for by in (OWNERS, np.random.default_rng(0).permutation(OWNERS)):
        np.testing.assert_allclose(weights(Partitioned(task.data, by)), everybody, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_skewed_rows_are_learnt_all_the_same(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    y = np.where(X @ np.arange(1.0, 6.0) > 0, 1, -1)
    model, stop, strategy = Linear("logistic", l2=0.01), Stop(epochs=20, tol=0), in_small_blocks(STRATEGIES[name]())
    if name == "parzen-asgd":  # what others have learnt from other rows does not lie ahead
        strategy = replace(strategy, attraction=1.0, filter=False)
    for engine in (Threads(3), Simulated(3)):
        for rows in (X, sp.csr_array(X)) if strategy.needs <= engine.can else ():
            data = Partitioned((rows, y), dirichlet(0.5))
            result = train(model, data, strategy=strategy, engine=engine, stop=stop, seed=0)
            assert (np.sign(result.predict(rows)) == y).mean() > 0.8
