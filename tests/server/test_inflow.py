"""Gradients that are stale, or many: what a shard makes of them, against the formulas of the papers."""

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.rigs import Rig, change, delta, flat
from tests.server.test_snapshots import assert_equal, on_disk

from hogwild import Downpour, Linear, Simulated, Speeds, Stop, rcv1_like, train
from hogwild.rules.server import compensated, damped, elastic, softsync
from hogwild.rules.updates import adagrad, momentum, sgd

RATE = 0.1


def rig(rule, *, workers=3, n=4, shards=1, start=1.0):
    return Rig(flat(n, start=start), shards, rule, clients=workers, workers=workers)


# ---- delay compensation


def test_gradients_are_corrected_for_what_others_have_done():
    here = rig(compensated(sgd(RATE), 0.5), shards=2)
    then = here.pull(worker=0).values.copy()
    here.push(delta([1.0, 2.0, -1.0, 0.0], examples=2), worker=1)
    now = here.weights.copy()
    assert (now != then)[:3].all()
    g = np.array([3.0, -1.0, 2.0, 5.0])
    here.push(delta(4 * g, examples=4), worker=0)
    expected = now - RATE * (g + 0.5 * g * g * (now - then))
    np.testing.assert_allclose(here.weights, expected, rtol=1e-15)
    plain = now - RATE * g
    assert (np.abs(here.weights - plain)[:3] > 0.004).all(), "the correction is not zero, as it is in a known mistake"
    assert here.weights[3] == plain[3], "nobody had moved this one"


def test_the_adaptive_form_divides_by_the_root_of_the_mean_square():
    here = rig(compensated(sgd(RATE), 2.0, adaptive=True))
    square = np.zeros(4)
    w, then = np.ones(4), np.ones(4)  # worker 0 pulls never: what it has is the beginning
    for k, g in enumerate(np.random.default_rng(0).standard_normal((5, 4))):
        here.push(delta(g), worker=0)
        square = 0.95 * square + 0.05 * g * g
        w = w - RATE * (g + 2.0 / np.sqrt(square + 1e-7) * g * g * (w - then))
        np.testing.assert_allclose(here.weights, w, rtol=1e-14, err_msg=str(k))


def test_it_compares_with_the_weights_that_the_gradient_was_computed_with():
    """Not with those of a later pull, which is under way meanwhile."""
    here = rig(compensated(sgd(RATE), 0.5))
    then = here.pull(worker=0).values.copy()
    here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=1)
    client = here.clients[0]
    (ahead,) = client.pull()
    answer = here.shards[0].pull(ahead.keys, 0)  # read by the shard, and not yet given to the worker
    here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=2)
    now = here.weights.copy()
    here.push(delta([2.0, 2.0, 2.0, 2.0]), worker=0)
    np.testing.assert_allclose(here.weights, now - RATE * (2 + 0.5 * 4 * (now - then)), rtol=1e-15)
    client.received(client.pulled([answer]))
    now = here.weights.copy()
    here.push(delta([2.0, 2.0, 2.0, 2.0]), worker=0)
    np.testing.assert_allclose(here.weights, now - RATE * (2 + 0.5 * 4 * (now - answer.values)), rtol=1e-15)


def test_rows_that_were_pulled_alone_are_compared_alone():
    here = rig(compensated(sgd(RATE), 0.5))
    here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=1)
    pulled = here.pull(np.array([1, 2]), worker=0).values.copy()
    here.push(delta([1.0, 1.0], [1, 3]), worker=1)
    now = here.weights.copy()
    here.push(delta([2.0, 2.0], [1, 2]), worker=0)
    then = np.array([1.0, *pulled, 1.0])
    expected = now.copy()
    expected[1:3] -= RATE * (2 + 0.5 * 4 * (now - then))[1:3]
    np.testing.assert_allclose(here.weights, expected, rtol=1e-15)


def test_a_push_that_a_newer_one_has_overtaken_is_late_all_the_same():
    """Of what was pulled for it nothing is known any more: it counts as computed with what was pulled next."""
    here = rig(damped(sgd(RATE)))
    client = here.clients[0]
    here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=1)
    here.pull(worker=0)
    (old,) = client.push(delta([1.0, 1.0, 1.0, 1.0]))
    here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=1)
    here.pull(worker=0)  # 2 updates
    (new,) = client.push(delta([1.0, 1.0, 1.0, 1.0]))
    for _ in range(3):
        here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=2)  # 5 updates
    moved = []
    for part in (new, old):
        before = here.weights.copy()
        here.shards[0].push(part)
        moved.append((before - here.weights)[0])
    np.testing.assert_allclose(moved, [RATE / 3, RATE / 4], rtol=1e-12)


def test_who_comes_back_begins_with_the_weights_of_now():
    """What the process before it had been given is forgotten, also for rows that are pulled alone."""
    here = rig(compensated(sgd(RATE), 0.5))
    here.pull(worker=0)
    for _ in range(5):
        here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=1)
    shard, client = here.shards[0], here.clients[0]
    shard.admit(0, 3)
    assert shard.snapshot()["inflow.sights"].tolist() == [[0, 2, 5]], "worker, pushes of others, updates"
    now = here.weights.copy()
    client.received(client.pulled([shard.pull(np.array([1]), 0)], np.array([1])))
    here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=1)
    before = here.weights.copy()
    here.push(delta([2.0, 2.0], [1, 2]), worker=0)
    expected = before.copy()
    expected[1:3] -= RATE * (2 + 0.5 * 4 * (before - now))[1:3]
    np.testing.assert_allclose(here.weights, expected, rtol=1e-15)


pushes = st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=12)


@pytest.mark.parametrize("base", [sgd(RATE), momentum(RATE), adagrad(RATE)], ids=lambda rule: rule.name)
@given(pushes, st.integers(0, 99))
def test_without_strength_it_is_the_rule_itself(base, script, seed):
    """DC-ASGD with lambda = 0 is ASGD, to the bit."""
    assert played(compensated(base, 0.0), script, seed) == played(base, script, seed)


def played(rule, script, seed):
    rng, here = np.random.default_rng(seed), rig(rule)
    for worker, pulls in script:
        if pulls:
            here.pull(worker=worker)
        here.push(delta(rng.standard_normal(4)), worker=worker)
    return here.weights.tobytes()


# ---- damping


def test_steps_that_come_late_are_smaller():
    here = rig(damped(sgd(RATE)))
    for worker in range(3):
        here.pull(worker=worker)
    moved = []
    for worker in (0, 1, 2, 0):
        before = here.weights.copy()
        here.push(delta([1.0, 1.0, 1.0, 1.0]), worker=worker)
        moved.append((before - here.weights)[0])
    np.testing.assert_allclose(moved, [RATE, RATE, RATE / 2, RATE / 3], rtol=1e-12)
    assert rig(damped(sgd(RATE), 0.5)).push(delta([0.0] * 4)).staleness == 0


# ---- n-softsync


def test_a_step_is_made_of_the_mean_of_several_gradients():
    here = rig(softsync(sgd(RATE), 1), shards=2)
    parts = np.random.default_rng(1).standard_normal((3, 4))
    for worker, part in enumerate(parts):
        assert (here.weights == 1.0).all()
        here.push(delta(2 * part, examples=2), worker=worker)
    np.testing.assert_allclose(here.weights, 1.0 - RATE * parts.mean(axis=0), rtol=1e-14)


def test_rows_and_vectors_are_gathered_alike():
    here = rig(softsync(sgd(RATE), 1), workers=2)
    here.push(delta([1.0, 1.0], [0, 2], examples=3), worker=0)
    here.push(delta([1.0, 2.0, 3.0, 4.0]), worker=1)
    np.testing.assert_allclose(here.weights, 1.0 - RATE / 4 * np.array([2.0, 2.0, 4.0, 4.0]), rtol=1e-15)


@pytest.mark.parametrize("splits", [1, 3, 6])
@pytest.mark.parametrize("seed", range(3))
def test_weights_are_about_as_many_updates_old_as_there_are_splits(splits, seed):
    """Mean staleness about n, at most about 2 n (Zhang et al. 2016)."""
    strategy = Downpour(4, fetch="wait", server=softsync(sgd(), splits))
    engine = Simulated(12, speeds=Speeds(jitter=0.3), example_s=1e-3)  # computing takes longer than sending
    data = rcv1_like(4_000, 200)
    history = train(
        Linear("logistic"), data, strategy=strategy, engine=engine, stop=Stop(3, tol=None), seed=seed
    ).history
    staleness = history.traffic.staleness
    mean = sum(behind * often for behind, often in staleness.items()) / staleness.total()
    assert 0.5 * splits <= mean <= 1.2 * splits
    late = sum(often for behind, often in staleness.items() if behind > 2 * splits)
    assert late <= 0.01 * staleness.total()


# ---- elastic


def test_a_vector_draws_the_centre():
    here = rig(elastic(0.6), shards=2)
    x = np.array([2.0, 0.0, 1.0, -1.0])
    here.push(x)
    np.testing.assert_allclose(here.weights, 1.0 + 0.2 * (x - 1.0), rtol=1e-15)
    before = here.weights.copy()
    here.push(change([1.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(here.weights, before + 1.0, rtol=1e-15)


def test_under_other_rules_a_vector_is_added():
    here = rig(adagrad())
    here.push(np.array([2.0, 0.0, 1.0, -1.0]))
    np.testing.assert_array_equal(here.weights, [3.0, 1.0, 2.0, 0.0])


# ---- snapshots


@pytest.mark.parametrize(
    "rule",
    [compensated(momentum(), adaptive=True), damped(sgd(RATE)), softsync(damped(adagrad()), 1), compensated(sgd(RATE))],
    ids=repr,
)
@given(pushes, st.integers(0, 12), st.integers(0, 99))
def test_a_restored_shard_goes_on_as_if_nothing_had_happened(rule, script, when, seed):
    rng, here = np.random.default_rng(seed), rig(rule)
    values = rng.standard_normal((len(script), 4))

    def play(there, some):
        for turn in some:
            worker, pulls = script[turn]
            if pulls:
                here.clients[worker].received(here.clients[worker].pulled([there.pull(None, worker)]))
            (part,) = here.clients[worker].push(delta(values[turn]), rate=0.05)
            here.clients[worker].acknowledged([there.push(part)])

    turns = range(len(script))
    play(here.shards[0], turns[:when])
    snapshot = on_disk(here.shards[0].snapshot())
    twin = rig(rule).shards[0]
    twin.restore(snapshot)
    assert_equal(twin.snapshot(), snapshot)
    clients = deepcopy(here.clients)
    play(here.shards[0], turns[when:])
    here.clients = clients
    play(twin, turns[when:])
    assert_equal(twin.snapshot(), here.shards[0].snapshot())
