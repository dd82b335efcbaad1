"""Strategies that average weights: LocalSGD now and then, Alone once at the end."""

import numpy as np
import pytest

from hogwild import Alone, Linear, LocalSGD, Simulated, Stop, Threads, train
from hogwild.rules.schedules import constant
from hogwild.testing import problem
from hogwild.testing.probes import Probe

TASK = problem(n=600)
MODEL = Linear("squared", l2=0.01, schedule=constant(0.02), average=False)
WEIGHTS = 7


def run(strategy, engine, epochs=3, seed=0, **stop):
    limits = Stop(epochs=epochs, **{"tol": 0, **stop})
    return train(MODEL, TASK.data, strategy=strategy, engine=engine, stop=limits, seed=seed)


# ---- local SGD


@pytest.mark.parametrize("period", [1, 5, 50])
def test_local_sgd_sends_one_average_a_period(period):
    traffic = run(LocalSGD(period), Simulated(4), epochs=1).history.traffic
    averages = -(-150 // period)  # of 150 steps of each worker
    assert traffic.sent_bytes == averages * 2 * 3 * WEIGHTS * 8


def test_longer_periods_take_less_time_and_let_workers_drift_apart():
    slow = Simulated(8, latency_s=1e-4)
    short, long = (run(LocalSGD(period), slow) for period in (1, 25))
    assert long.history[-1].time_s < short.history[-1].time_s / 5
    assert TASK.gap(long.history[-1].objective) < 0.01


def test_workers_begin_each_round_with_the_mean():
    strategy, means = LocalSGD(period=10), []

    async def work(me):
        async for _ in me.rounds():
            await me.steps(strategy.period, minibatch=strategy.minibatch)
            everybody = await me.all_reduce(me.params.weights)
            me.params.weights[:] = everybody.sum / everybody.count
            means.append((me.rank, me.params.weights.copy()))

    by_hand = run(Probe(answer="mine").strategy(work), Threads(3))
    np.testing.assert_array_equal(by_hand.params.weights, run(strategy, Threads(3)).params.weights)
    rounds = [[mean for rank, mean in means if rank == one] for one in range(3)]
    np.testing.assert_array_equal(rounds[0], rounds[1])
    np.testing.assert_array_equal(rounds[0], rounds[2])


# ---- alone


@pytest.mark.parametrize("engine", [Threads(4), Simulated(4)], ids=["threads", "simulated"])
def test_alone_sends_nothing_but_one_average(engine):
    traffic = run(Alone(), engine).history.traffic
    assert traffic.sent_bytes == 2 * 3 * (WEIGHTS + 1) * 8


@pytest.mark.parametrize("engine", [Threads(4), Simulated(4)], ids=["threads", "simulated"])
def test_alone_is_judged_once_at_the_end(engine):
    history = run(Alone(), engine, epochs=4).history
    assert [record.objective is None for record in history] == [True, True, True, False]
    assert [record.epoch for record in history] == [1, 2, 3, 4]
    assert TASK.gap(history[-1].objective) < 0.01


def test_alone_does_not_stop_early():
    result = run(Alone(), Simulated(4), epochs=9, tol=0.5, patience=1)
    assert (result.reason, len(result.history)) == ("epochs", 9)


def test_the_mean_is_less_noisy_than_one():
    # At a constant rate SGD ends in noise; the mean of 16 has about a sixteenth of its variance.
    noisy = Linear("squared", l2=0.01, schedule=constant(0.1), average=False)

    def excess(workers, seed):
        stop = Stop(epochs=8 * workers, tol=0)  # as many steps for each worker
        engine = Simulated(workers)
        result = train(noisy, TASK.data, strategy=Alone(), engine=engine, stop=stop, seed=seed)
        return TASK.gap(result.history[-1].objective)

    alone = np.mean([excess(1, seed) for seed in range(5)])
    mean = np.mean([excess(16, seed) for seed in range(5)])
    assert mean < alone / 4


def test_time_ends_it():
    result = run(Alone(block_examples=40), Simulated(4), epochs=10**6, time_s=0.01)
    assert result.reason == "time"
    assert result.history[-1].objective is not None
