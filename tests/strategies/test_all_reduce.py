"""All-reduce with backup workers: who is slow is left out, and catches up."""

import numpy as np
import pytest

from hogwild import AllReduce, Simulated, Speeds, Stop, Threads, Unsupported, train
from hogwild.testing import problem
from hogwild.testing.probes import Probe, Trial

TASK = problem(n=400)
# One request in ten takes a hundred times as long.
STRAGGLERS = Simulated(8, latency_s=1e-7, speeds=Speeds(straggle=0.1, straggle_factor=100.0))


def run(strategy, engine, epochs=5, seed=0):
    stop = Stop(epochs=epochs, tol=0)
    return train(TASK.model, TASK.data, strategy=strategy, engine=engine, stop=stop, seed=seed)


def visits(strategy, engine, n=240, epochs=2, seed=0):
    """How often each example counted."""
    trial = Trial(stop=Stop(epochs=epochs, tol=None), n_examples=n, seed=seed)
    return trial.run_strategy(engine, strategy).params.weights


def test_backups_do_not_wait_for_stragglers():
    slow = run(AllReduce(5), STRAGGLERS).history
    quick = run(AllReduce(5, backups=2), STRAGGLERS).history
    assert quick[-1].time_s < 0.6 * slow[-1].time_s
    assert TASK.gap(quick[-1].objective) < 2 * TASK.gap(slow[-1].objective) + 0.1, "for a little less progress"


@pytest.mark.parametrize("seed", range(3))
def test_only_examples_of_laggards_are_left_out(seed):
    counted = visits(AllReduce(5, backups=2), STRAGGLERS, seed=seed)
    assert set(counted) <= {0.0, 1.0, 2.0}, "none counts twice in an epoch"
    # Of 8 workers 2 at most are left out of a round.
    assert counted.sum() >= 2 * 240 * 6 / 8
    assert counted.sum() < 2 * 240


def test_equal_workers_leave_nobody_out_but_who_comes_last():
    counted = visits(AllReduce(5, backups=1), Simulated(4))
    assert counted.sum() >= 2 * 240 * 3 / 4


@pytest.mark.parametrize("engine", [Threads(3), Simulated(3)], ids=["threads", "simulated"])
def test_more_backups_than_others_are_refused(engine):
    sentence = r"^AllReduce needs 4 workers at least and (Threads|Simulated)\(3\) has 3: use .*, or change AllR"
    with pytest.raises(Unsupported, match=sentence):
        run(AllReduce(5, backups=3), engine)


def test_laggards_are_sent_the_sum():
    """Each of the P workers needs it, however few have given: P - 1 messages at least, and a latency."""
    for backups in (0, 1, 3):
        history = run(AllReduce(10, backups=backups), Simulated(4, latency_s=0.1), epochs=1).history
        rounds, weights = 400 // 40, 7
        assert history.traffic.sent_bytes >= rounds * 3 * weights * 8
        assert history[-1].time_s >= rounds * 0.1


@pytest.mark.parametrize("backups", [1, 2])
def test_backups_on_threads_count_no_example_twice(backups):
    counted = visits(AllReduce(5, backups=backups), Threads(3))
    assert set(counted) <= {0.0, 1.0, 2.0}
    assert counted.sum() > 0


def test_all_workers_have_the_same_weights():
    ended = []

    async def work(me):
        await AllReduce(4).work(me)
        ended.append(me.params.weights.copy())

    stop = Stop(epochs=2, tol=None)
    train(TASK.model, TASK.data, strategy=Probe().strategy(work), engine=Threads(4), stop=stop, seed=0)
    for weights in ended[1:]:
        np.testing.assert_array_equal(weights, ended[0])


def test_it_sends_a_gradient_a_round():
    traffic = run(AllReduce(10), Simulated(4), epochs=1).history.traffic
    rounds, weights = 400 // 40, 7
    assert traffic.sent_bytes == rounds * 2 * 3 * weights * 8
