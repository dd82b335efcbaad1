"""The estimators' parameter `engine`: where workers run, beside `strategy`."""

from __future__ import annotations

import _thread
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV

from hogwild import (
    STRATEGIES,
    AllReduce,
    Downpour,
    Linear,
    LinearClassifier,
    LinearRegressor,
    LocalSGD,
    Ray,
    Serial,
    Simulated,
    Speeds,
    Stop,
    Threads,
    Unsupported,
    check_examples,
    train,
)
from hogwild.estimators.common import plan

# Some runs have a fixed number of epochs that is not enough to converge.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order], y[order]


def downpour(**parameters: Any) -> LinearClassifier:
    given: dict[str, Any] = {"strategy": "downpour", "engine": Simulated(5), "random_state": 0, "max_epochs": 20}
    return LinearClassifier("logistic", **{**given, **parameters})


def test_a_simulated_cluster_learns_and_its_history_has_the_traffic(cancer):
    model = downpour().fit(*cancer)
    assert model.score(*cancer) > 0.9
    traffic = model.history_.traffic
    assert traffic.virtual_s >= model.history_[-1].time_s > 0
    assert traffic.sent_bytes > 0
    assert traffic.staleness.total() > 0
    assert sorted(traffic.busy_s) == [0, 1, 2, 3, 4]
    assert 0 < traffic.utilisation < 1


def test_it_is_what_train_gives(cancer):
    X, y = cancer
    strategy, engine = Downpour(4, push_every=2), Simulated(3, 2, speeds=Speeds(jitter=0.2))
    model = downpour(strategy=strategy, engine=engine, max_epochs=3).fit(X, y)
    signs = np.where(y == 1, 1.0, -1.0)
    result = train(Linear("logistic"), (X, signs), strategy=strategy, engine=engine, stop=Stop(3), seed=0)
    np.testing.assert_array_equal(model.coef_[0], result.params["coef"])
    assert model.history_ == result.history


def test_regression_and_several_classes_have_it_too():
    model = LinearRegressor(strategy=AllReduce(2), engine=Simulated(4), random_state=0, max_epochs=5)
    assert model.fit(*load_diabetes(return_X_y=True)).history_.traffic.virtual_s > 0
    several = downpour(max_epochs=3).fit(*load_iris(return_X_y=True))
    assert [run.traffic.virtual_s > 0 for run in several.history_] == [True] * 3


def test_equal_seeds_give_equal_bits(cancer):
    first, again = downpour().fit(*cancer), downpour().fit(*cancer)
    np.testing.assert_array_equal(first.coef_, again.coef_)
    assert first.history_ == again.history_
    assert (downpour(random_state=1).fit(*cancer).coef_ != first.coef_).any()


def test_conventions_are_kept(cancer):
    model = downpour(strategy=Downpour(2)).fit(*cancer)
    assert model.get_params()["engine"] == Simulated(5)
    assert LinearClassifier().get_params()["engine"] is None
    np.testing.assert_array_equal(clone(model).fit(*cancer).coef_, model.coef_)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(cancer[0]), model.predict(cancer[0]))
    assert again.history_ == model.history_
    np.testing.assert_array_equal(clone(again).fit(*cancer).coef_, model.coef_)


def test_engines_can_be_searched(cancer):
    X, y = cancer
    search = GridSearchCV(downpour(max_epochs=2), {"engine": [None, Simulated(2), "simulated"]}, cv=2)
    assert search.fit(X[:100], y[:100]).best_score_ > 0.5


# Their workers wait for each other within one request, which nothing else can interrupt on a virtual clock.
INSIDE = {"hogwild-ordered", "round-robin"}


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_runs_on_the_simulated_cluster(cancer, name):
    workers = 1 if STRATEGIES[name]().most_workers == 1 else 3
    model = downpour(strategy=name, engine=Simulated(workers), max_epochs=2)
    if name in INSIDE:
        with pytest.raises(Unsupported, match=r"use Threads\(\), or Simulated\(1\)"):
            model.fit(*cancer)
        return
    model.fit(*cancer)
    assert np.isfinite(model.coef_).all()
    assert model.history_.traffic.virtual_s > 0


def test_partial_fit_and_warm_start_go_on(cancer):
    X, y = cancer
    model = downpour(strategy=LocalSGD(5))
    for first in range(0, 500, 100):
        model.partial_fit(X[first : first + 100], y[first : first + 100], classes=[0, 1])
    assert model.score(X, y) > 0.85
    warm = downpour(strategy=LocalSGD(5), warm_start=True, max_epochs=2, tol=0.0).fit(X, y)
    before = warm.history_[-1].objective
    assert warm.fit(X, y).history_[-1].objective < before


# ---- what is chosen


@pytest.mark.parametrize(
    ("parameters", "strategy", "engine"),
    [
        ({}, "serial", Threads(1)),
        ({"n_jobs": 3}, "hogwild", Threads(3)),
        ({"n_jobs": 3, "engine": "threads"}, "hogwild", Threads(3)),
        ({"n_jobs": 3, "deterministic": True}, "hogwild-ordered", Threads(3)),
        ({"n_jobs": 3, "strategy": "serial"}, "serial", Threads(1)),
        ({"engine": Threads(3, shards=2)}, "hogwild", Threads(3, shards=2)),
        ({"engine": "simulated"}, "hogwild", Simulated()),
        ({"n_jobs": 2, "strategy": "local_sgd"}, "local-sgd", Threads(2)),
        ({"engine": Simulated(1)}, "serial", Simulated(1)),
        ({"engine": Simulated(7), "deterministic": True}, "hogwild", Simulated(7)),
        ({"engine": Simulated(7), "deterministic": True, "strategy": "local-sgd"}, "local-sgd", Simulated(7)),
        ({"n_jobs": 2, "deterministic": True, "strategy": "local-sgd"}, "local-sgd", Threads(2)),
        ({"n_jobs": 2, "deterministic": True, "strategy": "full-batch"}, "full-batch", Threads(2)),
    ],
)
def test_strategy_and_engine_are_planned(parameters, strategy, engine):
    _, found, where = plan(LinearClassifier(**parameters))
    assert found == STRATEGIES[strategy]()
    assert where == engine


def test_an_engine_that_was_given_is_never_made_smaller(cancer):
    few = check_examples(*cancer)
    assert plan(LinearClassifier(n_jobs=6), few)[2] == Threads(1)
    assert plan(LinearClassifier(engine=Threads(6)), few)[2] == Threads(6)
    assert plan(LinearClassifier(engine=Simulated(6)), few)[2] == Simulated(6)


@pytest.mark.parametrize("strategy", [LocalSGD(7), AllReduce(3)])
def test_deterministic_strategies_repeat_on_threads(cancer, strategy):
    model = LinearClassifier(n_jobs=3, strategy=strategy, deterministic=True, random_state=5, max_epochs=5)
    first = clone(model).fit(*cancer).coef_
    np.testing.assert_array_equal(clone(model).fit(*cancer).coef_, first)


@pytest.mark.parametrize(
    ("parameters", "error", "sentence"),
    [
        ({"engine": "cloud"}, ValueError, "engine='cloud' is not known; use one of threads, simulated"),
        ({"engine": 200}, TypeError, "engine=200 must be a name, or e.g. Simulated"),
        ({"engine": Simulated}, TypeError, "not the class Simulated: write Simulated"),
        ({"strategy": LocalSGD}, TypeError, "not the class LocalSGD: write LocalSGD"),
        ({"strategy": "down_por"}, ValueError, r"is not known \(did you mean downpour\?\); use one of"),
        ({"engine": Simulated(2), "n_jobs": 2}, ValueError, r"n_jobs=2 and engine=Simulated\(2\) exclude each other"),
        ({"engine": "simulated", "n_jobs": -1}, ValueError, r"n_jobs=-1 and engine=Simulated\(4\) exclude each other"),
        ({"engine": "threads", "n_jobs": 0}, ValueError, "n_jobs=0 has no meaning"),
        ({"engine": Simulated(2, example_s="measured"), "deterministic": True}, ValueError, "give example_s a number"),
        (
            {"n_jobs": 2, "strategy": AllReduce(2, backups=1), "deterministic": True},
            ValueError,
            "deterministic=True cannot be kept by AllReduce",
        ),
        (
            {"engine": Threads(2), "strategy": "downpour", "deterministic": True},
            ValueError,
            "deterministic=True cannot be kept by Downpour",
        ),
        (
            {"engine": Ray(2, threads=2), "strategy": "local-sgd", "deterministic": True},
            ValueError,
            "deterministic=True cannot be kept by threads=2 in a worker: give it one",
        ),
        ({"engine": Simulated(3), "strategy": Serial()}, Unsupported, "Serial runs on 1 worker"),
    ],
)
def test_bad_mixes_are_one_sentence(cancer, parameters, error, sentence):
    with pytest.raises(error, match=sentence):
        LinearClassifier(**parameters).fit(*cancer)


# ---- virtual time


def test_a_time_limit_is_of_virtual_seconds_for_all_classes_together():
    X, y = load_iris(return_X_y=True)
    free = downpour(max_epochs=4, tol=0.0).fit(X, y)
    first = free.history_[0].traffic.virtual_s
    limited = downpour(max_epochs=4, tol=0.0, time_limit_s=1.5 * first).fit(X, y)
    assert limited.stop_reason_ == "time"
    assert limited.history_[0] == free.history_[0]
    assert len(limited.history_[1]) < 4
    total = sum(run.traffic.virtual_s for run in limited.history_)
    assert total < 2 * first


def test_verbose_tells_virtual_time_as_such(cancer, capsys):
    downpour(verbose=1, max_epochs=3, tol=0.0).fit(*cancer)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(" virtual s  rate " in line for line in lines)


def test_ctrl_c_keeps_the_best_weights_so_far(cancer):
    stop = [lambda record: _thread.interrupt_main() if record.epoch == 3 else None]
    model = downpour(strategy=LocalSGD(5), callbacks=stop, max_epochs=100_000, tol=0.0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*cancer)
    assert model.stop_reason_ == "interrupted"
    assert 3 <= len(model.history_) < 100
    assert model.history_.traffic.virtual_s > 0
    assert model.score(*cancer) > 0.8
