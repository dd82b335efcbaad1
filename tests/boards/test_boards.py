"""What TensorBoard and MLflow read back of a run, by their own libraries."""

import importlib

import numpy as np
import pytest

from hogwild import LinearClassifier, MLflow, Record, Simulated, Status, Stop, TensorBoard, Threads, train
from hogwild.boards.figures import Figures
from hogwild.testing import problem

EASY = problem()
MLFLOW_FILES = "MLFLOW_ALLOW_FILE_STORE"  # else it wants a database, or a server


@pytest.fixture
def tracking(tmp_path, monkeypatch):
    """The address of an MLflow that keeps files."""
    monkeypatch.setenv(MLFLOW_FILES, "true")
    return (tmp_path / "mlruns").as_uri()


def scalars(folder):
    """By name: steps and values."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    found = EventAccumulator(str(folder))
    found.Reload()
    return {
        name: [(event.step, float(make_ndarray(event.tensor_proto))) for event in found.Tensors(name)]
        for name in found.Tags()["tensors"]
    }


def learned(callback, engine=None, strategy="local-sgd"):
    return train(
        EASY.model,
        EASY.data,
        strategy=strategy,
        engine=Threads(2) if engine is None else engine,
        stop=Stop(epochs=3, tol=0, holdout=0.2),
        callbacks=[callback],
        seed=0,
    ).history


@pytest.mark.parametrize("engine", [Threads(2), Simulated(3)], ids=repr)
def test_tensorboard_shows_the_history(tmp_path, engine):
    with TensorBoard(tmp_path / "run") as board:
        history = learned(board, engine)
    found = scalars(tmp_path / "run")
    for name in ("objective", "holdout_loss", "holdout_score", "rate", "consensus", "sent_bytes", "time_s"):
        expected = [(record.examples, getattr(record, name)) for record in history]
        assert [step for step, _ in found[name]] == [step for step, _ in expected]
        np.testing.assert_allclose([value for _, value in found[name]], [value for _, value in expected], rtol=1e-6)
    first, second = history[0], history[1]
    rate = (second.examples - first.examples) / (second.time_s - first.time_s)
    assert found["examples_per_s"][1][1] == pytest.approx(rate, rel=1e-6)


def test_mlflow_has_the_history(tracking):
    from mlflow import MlflowClient

    with MLflow("tests", run="first", tracking_uri=tracking, parameters={"strategy": "local-sgd", "l2": 1e-4}) as board:
        history = learned(board)
    client = MlflowClient(tracking_uri=tracking)
    run = client.get_run(board.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    assert run.data.params == {"strategy": "local-sgd", "l2": "0.0001"}
    found = client.get_metric_history(board.run_id, "objective")
    assert [(each.step, each.value) for each in found] == [(record.examples, record.objective) for record in history]
    with MLflow("tests", tracking_uri=tracking) as another:
        pass
    assert client.get_run(another.run_id).info.experiment_id == run.info.experiment_id


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_runs_that_end_badly_are_told_apart(tracking, error, status):
    from mlflow import MlflowClient

    board = MLflow("tests", tracking_uri=tracking)
    with pytest.raises(error), board:
        raise error
    assert MlflowClient(tracking_uri=tracking).get_run(board.run_id).info.status == status


@pytest.mark.parametrize("epochs", [1, 3])
def test_each_class_is_a_problem_of_its_own(tmp_path, epochs):
    X = np.random.default_rng(0).normal(size=(90, 4))
    y = np.argmax(X[:, :3], axis=1)
    with TensorBoard(tmp_path) as board:
        fitted = LinearClassifier(callbacks=[board], max_epochs=epochs, tol=0, n_jobs=1, random_state=0).fit(X, y)
    found = scalars(tmp_path)
    names = [name for name in found if name.endswith("objective")]
    assert names == ["objective", "problem-2/objective", "problem-3/objective"]
    for name, history in zip(names, fitted.history_, strict=True):
        expected = [record.objective for record in history]
        np.testing.assert_allclose([value for _, value in found[name]], expected, rtol=1e-6)


def test_what_is_no_number_is_not_drawn():
    figures = Figures()
    found = figures.of(Record(1, 1.0, 10, 0.5, float("nan"), None, None, None, 7))
    assert found == {"rate": 0.5, "sent_bytes": 7.0, "time_s": 1.0, "examples_per_s": 10.0}


def test_what_goes_on_between_epochs():
    status = Status(1.0, 1, 0.5, 100, None, 2_000, 1.5, 3, 4, 0)
    assert Figures().between(status) == {"live/workers": 3.0, "live/sent_bytes": 2000.0, "live/staleness": 1.5}


@pytest.mark.parametrize(("make", "module"), [(TensorBoard, "tensorboard.summary"), (MLflow, "mlflow")])
def test_without_the_extra_it_says_what_to_install(make, module, monkeypatch, tmp_path):
    importlib.import_module(module)
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ImportError, match=r"pip install 'hogwild\[boards\]'"):
        make(str(tmp_path))
