"""A simulated cluster predicts the loss curve of a run on a real one. Its time: see the race `ray_predicted`."""

from importlib.util import find_spec

import pytest

from hogwild import AllReduce, LocalSGD, Ray, Sandblaster, Simulated, Stop, train
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
