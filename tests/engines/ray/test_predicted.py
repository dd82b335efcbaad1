"""A simulated cluster predicts a run on a real one. How well its time: see the race `ray_predicted`."""

from importlib.util import find_spec

import pytest

from hogwild import AllReduce, LocalSGD, Ray, Sandblaster, Simulated, Stop, calibrate, compare, train
from hogwild.simulation import calibrating
from hogwild.testing import problem

EASY = problem()


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("strategy", [LocalSGD(5), AllReduce(4), Sandblaster()], ids=repr)
def test_workers_that_agree_on_their_rounds_learn_as_predicted(strategy):
    """Bit for bit, whatever a message costs there and here."""

    def objectives(engine):
        stop = Stop(epochs=10, tol=0)
        history = train(EASY.model, EASY.data, strategy=strategy, engine=engine, stop=stop, seed=0).history
        return [record.objective for record in history]

    assert objectives(Simulated(2, shards=2, latency_s=2e-3, example_s=1e-6)) == objectives(Ray(2, shards=2))


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
@pytest.mark.slow
def test_what_was_calibrated_is_shown_beside_what_was_measured(monkeypatch):
    """In runs that are too short to be near."""
    monkeypatch.setattr(calibrating, "LONG_ENOUGH_S", 0.05)
    machines = calibrate(EASY.model, EASY.data, engine=Ray(2))
    assert machines.latency_s >= 0
    assert machines.bandwidth_bytes_s > 0
    assert 1e-9 <= machines.example_s < 1
    found = compare(EASY.model, EASY.data, [LocalSGD(5)], engine=Ray(2), budget="9 epochs", seeds=1, machines=machines)
    (row,) = found.rows()
    last, middle = found.runs[0].history[8], found.runs[0].history[4]
    assert row.pace.mean == pytest.approx((last.examples - middle.examples) / (last.time_s - middle.time_s))
    alone = train(
        EASY.model, EASY.data, strategy=LocalSGD(5), engine=machines.engine(2), stop=Stop(epochs=4, tol=0, holdout=0.1),
        seed=0,
    ).history[-1]  # fmt: skip
    assert row.predicted.mean == pytest.approx(alone.examples / (alone.time_s + 4 * 200 * machines.judge_s / 2))
