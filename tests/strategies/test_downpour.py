"""Downpour on a simulated cluster: what its parameters do to staleness, time and convergence."""

import numpy as np
import pytest

from hogwild import Downpour, Linear, Simulated, Speeds, Stop, Threads, adagrad, sgd, train
from hogwild.rules.schedules import constant
from hogwild.testing import problem
from hogwild.testing.probes import Trial

TASK = problem(n=1000, d=10)
MODEL = Linear("squared", l2=0.01, schedule=constant(0.05), average=False)


def run(strategy, engine, epochs=3, seed=0):
    stop = Stop(epochs=epochs, tol=0)
    return train(MODEL, TASK.data, strategy=strategy, engine=engine, stop=stop, seed=seed)


def gap(result) -> float:
    """Where it ends, not its best."""
    return TASK.gap(result.history[-1].objective)


# ---- staleness


def test_a_blocking_replica_alone_is_never_stale():
    traffic = run(Downpour(4, server=sgd(), fetch="wait"), Simulated(1), epochs=1).history.traffic
    assert set(traffic.staleness) == {0}
    assert traffic.staleness.total() >= 250


def test_staleness_grows_with_the_number_of_replicas():
    def staleness(workers):
        return run(Downpour(4), Simulated(workers), epochs=1).history.traffic.summary().mean_staleness

    one, four, sixteen = staleness(1), staleness(4), staleness(16)
    assert one == 0 < four < sixteen, "it counts what others have pushed"
    assert sixteen == pytest.approx(15 / 3 * four, rel=0.5)


def test_more_replicas_take_less_time():
    times = [run(Downpour(4), Simulated(workers), epochs=1).history.traffic.virtual_s for workers in (1, 4, 16)]
    assert times[0] / times[1] > 3
    assert times[1] / times[2] > 3


@pytest.mark.parametrize("seed", range(3))
def test_stale_steps_diverge_at_a_rate_that_is_good_for_one_and_smaller_ones_or_adagrad_do_not(seed):
    many = Simulated(20, speeds=Speeds(jitter=0.1))
    assert gap(run(Downpour(4, server=sgd()), Simulated(1), seed=seed)) < 0.001
    assert gap(run(Downpour(4, server=sgd()), many, seed=seed)) > 1, "worse than nothing"
    assert gap(run(Downpour(4, server=sgd(0.05 / 20)), many, seed=seed)) < 0.2
    assert gap(run(Downpour(4, server=adagrad(0.1)), many, seed=seed)) < 0.05


def test_blocking_makes_less_stale_steps():
    def worst(fetch):
        return max(run(Downpour(4, fetch=fetch), Simulated(8), epochs=1).history.traffic.staleness)

    assert worst("wait") <= 2 * 8 < worst("ahead")


# ---- periods


def test_pushing_rarely_pushes_the_sum_of_all_steps():
    def pushes(push_every):
        history = run(Downpour(4, push_every=push_every), Simulated(1), epochs=1).history
        return history.traffic.staleness.total()

    every, rarely = pushes(1), pushes(10)
    assert rarely == -(-every // 10)


def test_fetching_rarely_sends_less():
    sent = [run(Downpour(4, fetch_every=k), Simulated(2), epochs=1).history.traffic.sent_bytes for k in (1, 50)]
    assert sent[1] < 0.9 * sent[0]


@pytest.mark.parametrize("engine", [Threads(3), Simulated(3)], ids=["threads", "simulated"])
@pytest.mark.parametrize("periods", [(1, 7), (5, 1), (7, 9)], ids=str)
def test_what_is_left_at_the_end_is_pushed(engine, periods):
    fetch_every, push_every = periods
    strategy = Downpour(1, fetch_every, push_every, sgd(1.0))
    result = Trial(stop=Stop(epochs=2, tol=None), n_examples=50).run_strategy(engine, strategy)
    np.testing.assert_array_equal(result.params.weights, 2.0)  # visits, each once an epoch


# ---- warm start


def test_replicas_join_in_waves():
    """The first `warm_start` pushes are of replica 0, and each further one joins after as many more."""
    busy_s = run(Downpour(4, warm_start=20), Simulated(4), epochs=1).history.traffic.busy_s
    busy = [busy_s[rank] for rank in range(4)]
    assert busy == sorted(busy, reverse=True)
    assert busy[0] - busy[1] > 20 * 4e-6 * 0.9, "20 pushes of 4 examples, of a microsecond each"


def test_a_wave_that_never_comes_does_not_wait_for_ever():
    for engine in (Threads(3), Simulated(3)):
        result = run(Downpour(4, warm_start=10**6), engine, epochs=1)
        assert result.reason == "epochs"
        assert gap(result) < 0.1


# ---- rows


def test_rows_send_only_rows():
    sparse = problem(n=300, d=300, sparse=True)
    sparse.data[0].data[:] = np.where(np.arange(sparse.data[0].nnz) % 20 == 0, sparse.data[0].data, 0)
    sparse.data[0].eliminate_zeros()

    def sent(fetch):
        strategy = Downpour(1, fetch=fetch)
        stop = Stop(epochs=1)
        history = train(sparse.model, sparse.data, strategy=strategy, engine=Simulated(2), stop=stop, seed=0).history
        return history.traffic.sent_bytes

    assert sent("rows") < sent("wait") / 5
