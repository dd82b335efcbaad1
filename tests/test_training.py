"""train(): defaults, the forms of data, and limits that are refused."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file
from tests.models.optima import classes

import hogwild
from hogwild import (
    Downpour,
    Examples,
    Hogwild,
    Linear,
    LocalSGD,
    Serial,
    Simulated,
    Stop,
    Threads,
    sgd,
    train,
)
from hogwild.data import DataError, check_examples
from hogwild.engines import threads
from hogwild.history import History, Record
from hogwild.interfaces import AbstractEngine, Job, Result

X, Y = classes(n=200)
MODEL = Linear("logistic")
ONE = Threads(1)


def weights(data, **options):
    return train(MODEL, data, **{"engine": ONE, "stop": Stop(epochs=2), "seed": 0, **options}).params.weights


def test_all_forms_of_data_are_one():
    expected = weights((X, Y))
    np.testing.assert_array_equal(weights(check_examples(X, Y)), expected)
    np.testing.assert_array_equal(weights((X.tolist(), Y.tolist())), expected)
    np.testing.assert_array_equal(weights((X, Y, np.ones(200))), expected)
    np.testing.assert_array_equal(weights((np.asfortranarray(X), Y)), expected)


def test_sparse_formats_are_one():
    expected = weights((sp.csr_array(X), Y))
    for kind in (sp.csr_matrix, sp.csc_array, sp.coo_array):
        np.testing.assert_array_equal(weights((kind(X), Y)), expected)


def test_files(tmp_path):
    plain, packed = tmp_path / "data.svm", tmp_path / "more.svm.gz"
    dump_svmlight_file(X, Y, str(plain), zero_based=False)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    expected = weights(plain)
    np.testing.assert_array_equal(weights(str(plain)), expected)
    np.testing.assert_array_equal(weights([plain]), expected)
    np.testing.assert_array_equal(weights(packed), expected)
    twice = train(MODEL, [plain, str(packed)], engine=ONE, stop=Stop(epochs=1), seed=0)
    assert twice.history[0].examples == 400


@pytest.mark.parametrize("data", [None, 5, X, (X,), (X, Y, None, None), {"X": X, "y": Y}, sp.csr_array(X)])
def test_things_that_are_no_data_are_refused(data):
    with pytest.raises(
        TypeError, match=r"data must be \(X, y\), \(X, y, sample_weight\), Examples or file names, not "
    ):
        train(MODEL, data)


def test_what_is_wrong_with_the_data_is_said_before_anything_runs():
    with pytest.raises(ValueError, match=r"y has 199 entries but X has 200 rows"):
        train(MODEL, (X, Y[:-1]))
    bad = X.copy()
    bad[3, 2] = math.nan
    with pytest.raises(ValueError, match=r"NaN in row 3, column 2"):
        train(MODEL, (bad, Y))
    with pytest.raises(ValueError, match=r"training needs labels y"):
        train(MODEL, (X, None))
    with pytest.raises(DataError, match=r"no-such-file.svm does not exist"):
        train(MODEL, Path("no-such-file.svm"))


def test_defaults():
    result = train(MODEL, (X, Y), seed=0)
    assert result.model is MODEL
    assert result.reason in ("converged", "epochs")
    assert result.history[-1].examples == 200 * len(result.history)


class Asked(AbstractEngine):
    """Threads, and what they were asked to run."""

    def __init__(self, workers: int) -> None:
        self._threads, self.jobs = Threads(workers), []

    @property
    def can(self) -> frozenset[str]:
        return self._threads.can

    @property
    def size(self) -> int:
        return self._threads.size

    def run(self, job: Job) -> Result:
        self.jobs.append(job)
        return self._threads.run(job)


@pytest.mark.parametrize(("workers", "strategy"), [(1, Serial()), (2, Hogwild())])
def test_the_default_strategy_fits_the_number_of_workers(workers, strategy):
    engine = Asked(workers)
    train(MODEL, (X, Y), engine=engine, seed=0, stop=Stop(epochs=1))
    assert [job.strategy for job in engine.jobs] == [strategy]


def test_the_default_engine_has_a_thread_for_each_core():
    assert Threads().size == threads.available_cores()


def test_seeds():
    np.testing.assert_array_equal(weights((X, Y)), weights((X, Y)))
    assert not np.array_equal(weights((X, Y), seed=1), weights((X, Y)))
    assert not np.array_equal(weights((X, Y), seed=None), weights((X, Y), seed=None))
    np.testing.assert_array_equal(weights((X, Y), seed=np.int64(0)), weights((X, Y)))


def test_the_example_of_the_docstring():
    result = train(Linear("squared", l2=0.0), ([[0.0], [1.0], [2.0]] * 50, [1.0, 3.0, 5.0] * 50), seed=0)
    assert [round(float(p)) for p in result.predict([[10.0]])] == [21]


def test_early_stopping_gives_the_weights_with_the_lowest_holdout_loss():
    rng = np.random.default_rng(0)
    noise, labels = rng.normal(size=(200, 300)), rng.choice([-1.0, 1.0], 200)  # nothing to learn: later is worse
    seen = []
    result = train(
        Linear("logistic", l2=0.0, average=False), (noise, labels),
        engine=ONE, stop=Stop(epochs=100, holdout=0.3, patience=3), callbacks=[seen.append], seed=0,
    )  # fmt: skip
    losses = [record.holdout_loss for record in result.history]
    assert result.reason == "converged"
    assert len(seen) == len(losses) == int(np.argmin(losses)) + 4
    assert result.params.state["examples"][0] == 140 * (1 + np.argmin(losses))


def test_a_result_knows_how_it_went():
    result = train(MODEL, (X, Y), engine=ONE, stop=Stop(epochs=3, tol=0), seed=0)
    columns = result.history.as_dict()
    judged = ["objective", "holdout_loss", "holdout_score", "consensus"]
    assert list(columns) == ["epoch", "time_s", "examples", "rate", *judged, "sent_bytes"]
    assert columns["sent_bytes"] == [0, 0, 0]
    assert columns["epoch"] == [1, 2, 3]
    assert columns["objective"] == [record.objective for record in result.history]
    assert result.history[0] is next(iter(result.history))
    assert History().as_dict()["epoch"] == []
    del columns["sent_bytes"]  # as an older version has written them
    assert [record.sent_bytes for record in History.of_dict(columns)] == [None] * 3
    assert Record(1, 0.5, 10, 0.1).objective is None


def test_strategies_and_engines_have_names():
    def objective(strategy, engine):
        result = train(MODEL, (X, Y), strategy=strategy, engine=engine, stop=Stop(epochs=3), seed=0)
        return result.history[-1].objective

    assert objective("local_sgd", "simulated") == objective(LocalSGD(), Simulated())
    assert objective(Downpour(server="sgd"), "simulated") == objective(Downpour(server=sgd()), Simulated())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"strategy": LocalSGD}, r"^strategy must be .*, not the class LocalSGD: write LocalSGD\(\.\.\.\)$"),
        ({"strategy": Linear()}, r"^strategy=Linear.* must be a name, or e\.g\. LocalSGD\(period=100\)$"),
        ({"engine": Simulated}, r"^engine must be .*, not the class Simulated: write Simulated\(\.\.\.\)$"),
        ({"engine": 4}, r"^engine=4 must be a name, or e\.g\. Simulated\(200\)$"),
        ({"stop": 5}, r"^stop=5 must be a Stop such as Stop\(epochs=5\)$"),
        ({"stop": Stop}, r"^stop must be .*, not the class Stop: write Stop\(\.\.\.\)$"),
        ({"callbacks": print}, r"^callbacks=<built-in function print> must be a list of functions"),
        ({"callbacks": [1]}, r"^callbacks=\[1\] must be a list of functions"),
        ({"start": np.zeros(3)}, r"^start=.* must be the `params` of a Result$"),
        ({"model": "hinge"}, r"^model='hinge' must be a model such as Linear\(\"hinge\"\)$"),
        ({"model": Linear}, r"^model must be .*, not the class Linear: write Linear\(\.\.\.\)$"),
    ],
)
def test_what_is_nothing_of_its_kind_is_named(arguments, sentence):
    with pytest.raises(TypeError, match=sentence):
        train(**{"model": MODEL, "data": (X, Y), **arguments})


def test_unknown_names_are_refused_with_a_hint():
    with pytest.raises(ValueError, match=r"^strategy='down_pour' is not known \(did you mean downpour\?\); use one of"):
        train(MODEL, (X, Y), strategy="down_pour")
    with pytest.raises(ValueError, match=r"^engine='simulate' is not known \(did you mean simulated\?\); use one of"):
        train(MODEL, (X, Y), engine="simulate")


def test_training_data_are_not_written():
    rows, labels, share = sp.csr_array(X), Y.copy(), np.ones(200)
    before = rows.data.copy(), rows.indices.copy(), rows.indptr.copy()
    examples = check_examples(rows, labels, share)
    assert isinstance(examples, Examples)
    train(MODEL, examples, engine=Threads(2), stop=Stop(epochs=2), seed=0)
    for array, copy in zip((rows.data, rows.indices, rows.indptr), before, strict=True):
        np.testing.assert_array_equal(array, copy)
        assert array.flags.writeable, "and they are as writable as they were"
    np.testing.assert_array_equal(labels, Y)


# ---- limits


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"epochs": 0}, "epochs=0 must be a whole number of at least 1"),
        ({"epochs": -3}, "epochs=-3 must be"),
        ({"epochs": 1.5}, "epochs=1.5 must be a whole number"),
        ({"epochs": "9"}, "epochs='9' must be a whole number"),
        ({"time_s": 0}, "time_s=0 must be a positive number of seconds, or None"),
        ({"time_s": -1.0}, "time_s=-1.0 must be"),
        ({"time_s": math.nan}, "time_s=nan must be"),
        ({"examples": 0}, "examples=0 must be a whole number of at least 1, or None"),
        ({"sent_bytes": 0.5}, "sent_bytes=0.5 must be a whole number of at least 1, or None"),
        ({"tol": -1e-3}, "tol=-0.001 must be a number of at least 0, or None"),
        ({"tol": math.nan}, "tol=nan must be"),
        ({"patience": 0}, "patience=0 must be a whole number of at least 1"),
        ({"holdout": -0.1}, r"holdout=-0.1 must lie in \[0, 1\)"),
        ({"holdout": 1.0}, r"holdout=1.0 must lie in \[0, 1\)"),
        ({"holdout": math.nan}, r"holdout=nan must lie in \[0, 1\)"),
        ({"holdout": 0.1, "tol": None}, "a hold-out is there to be judged"),
    ],
)
def test_limits_out_of_range_are_refused(limits, sentence):
    with pytest.raises(ValueError, match=sentence):
        Stop(**limits)


@pytest.mark.parametrize("limits", [{"time_s": "soon"}, {"tol": "tight"}, {"patience": None}, {"holdout": "some"}])
def test_limits_that_are_no_numbers_are_named(limits):
    with pytest.raises((TypeError, ValueError), match=rf"{next(iter(limits))}=.* must"):
        Stop(**limits)


def test_numbers_of_numpy_are_limits():
    stop = Stop(np.int64(2), np.float64(100), np.float32(0), np.int32(1), np.float32(0.25))
    assert train(MODEL, (X, Y), engine=ONE, stop=stop, seed=0).history[-1].examples == 300


def test_the_names_of_the_package():
    for name in ("Linear", "train", "Stop", "Threads", "Hogwild", "Serial", "Locked", "RoundRobin"):
        assert name in hogwild.__all__
        assert getattr(hogwild, name).__doc__


def test_ctrl_c_while_numba_loads_a_kernel_is_ctrl_c(monkeypatch):
    # Numba reports "SystemError: ... returned a result with an exception set", caused by the KeyboardInterrupt.
    def interrupted(*_):
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    def broken(*_):
        raise SystemError("something else")

    data = (np.eye(2), np.array([1.0, -1.0]))
    monkeypatch.setattr("hogwild.models.linear.survey_linear", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(Linear(), data, engine=Threads(1))
    monkeypatch.setattr("hogwild.models.linear.survey_linear", broken)
    with pytest.raises(SystemError, match="something else"):
        train(Linear(), data, engine=Threads(1))
