"""The copy of a shard is its equal, bit for bit, whatever the rule of the server looks at."""

import dataclasses

import numpy as np
import pytest
from tests.server.rigs import delta
from tests.server.test_snapshots import assert_equal

from hogwild import (
    Downpour,
    Fault,
    Faults,
    Linear,
    Simulated,
    Stop,
    adagrad,
    compensated,
    constant,
    damped,
    elastic,
    momentum,
    sgd,
    softsync,
    train,
)
from hogwild.engines.virtual.replicas import Replicas
from hogwild.server.messages import HEADER_BYTES
from hogwild.testing import problem
from hogwild.testing.plans import random_plan
from hogwild.testing.probes import look, served

RULES = (
    sgd(),
    momentum(0.005),
    elastic(0.5),
    damped(sgd()),
    damped(adagrad(0.1), 0.5),
    compensated(sgd(), 0.5),
    compensated(momentum(0.002), 0.5, adaptive=True),
    softsync(sgd(), 2),
    damped(softsync(adagrad(0.1), 2)),
    damped(compensated(sgd())),
    damped(compensated(softsync(sgd(), 2), 0.5, adaptive=True)),
)
MS = 1e-3
BAD = (Fault.lose(0.1), Fault.duplicate(0.1), Fault.reorder(0.3, by_s=0.5 * MS))
rules = pytest.mark.parametrize("rule", RULES, ids=repr)


@pytest.fixture
def pairs(monkeypatch):
    """Call it after a run: the snapshots of each shard and of its copy, and on which host that is."""
    made: list[tuple[Replicas, list]] = []

    def keep(servers, *others):
        made.append((Replicas(servers, *others), servers.shards))
        return made[-1][0]

    monkeypatch.setattr("hogwild.engines.simulated.Replicas", keep)

    def pairs():
        replicas, shards = made.pop()
        found = [(shard, *replicas.copy(number)) for number, shard in enumerate(shards)]
        return [(shard.snapshot(), copy.snapshot(), host) for shard, host, copy in found]

    return pairs


def learn(rule, faults, *, epochs=8, fetch="ahead", workers=8):
    task = problem(n=200, d=10)
    model = Linear("squared", l2=0.01, schedule=constant(0.02), average=False)
    engine = Simulated(workers, shards=2, faults=faults)
    strategy, stop = Downpour(4, server=rule, fetch=fetch), Stop(epochs=epochs, tol=0)
    return train(model, task.data, strategy=strategy, engine=engine, stop=stop, seed=0)


@rules
@pytest.mark.parametrize("fetch", ["ahead", "rows"])
def test_primary_and_backup_are_equal_bit_for_bit(rule, fetch, pairs):
    some = (Fault.kill(worker=1, at_s=3 * MS, back_s=8 * MS), Fault.join(worker=2, at_s=5 * MS))
    plan = Faults((*BAD, *some, Fault.kill(shard=0, at_s=6 * MS)), detect_s=2 * MS)
    result = learn(rule, plan, fetch=fetch)
    report = result.history.traffic.faults
    assert (report.workers_joined, report.shards_replaced) == (2, 1)
    assert report.lost_messages > 20
    for shard, copy, _ in pairs():
        assert shard["version"][0] > 100
        assert rule.pushes.is_plain or len(shard["inflow.sights"]) >= 7
        assert_equal(shard, copy)


@pytest.mark.parametrize("seed", range(12))
def test_they_are_equal_whatever_happens(seed, pairs):
    plan = random_plan(seed, workers=8, shards=2, horizon_s=20 * MS)
    learn(RULES[-1 - seed % 8], dataclasses.replace(plan, replicate=True), epochs=3)
    for shard, copy, _ in pairs():
        assert_equal(shard, copy)


@rules
def test_who_loses_a_shard_learns_as_if_nothing_had_happened(rule):
    calm = learn(rule, (), epochs=50)
    killed = learn(rule, (Fault.kill(shard=0, at_s=3 * MS), Fault.kill(shard=1, at_s=10 * MS)), epochs=50)
    assert killed.history.traffic.faults.shards_replaced == 2
    best, found = (min(record.objective for record in result.history) for result in (calm, killed))
    assert found <= 1.01 * best


@pytest.mark.parametrize(("rule", "messages"), [(sgd(), 0), (elastic(), 0), (damped(sgd()), 4), (softsync(sgd()), 4)])
def test_only_rules_that_remember_pulls_tell_the_copy_of_them(rule, messages):
    """The pull and the copy's answer, and that each of them has arrived."""

    async def pulls(me):
        for _ in range(10):
            await me.pull()

    def sent(replicate):
        engine = Simulated(1, faults=Faults((Fault.lose(0.0),), replicate=replicate))
        return look(engine, pulls, probe=served(rule)).history.traffic

    alone, copied = sent(False), sent(True)
    assert copied.messages - alone.messages == 10 * messages
    assert copied.sent_bytes - alone.sent_bytes == 10 * messages * HEADER_BYTES


@pytest.mark.parametrize("rule", [damped(sgd(0.1)), compensated(sgd(0.1), 0.5)], ids=repr)
def test_what_a_worker_was_given_is_known_to_the_copy(rule):
    """It pulls, others push, the host dies: its gradient is corrected as if that had not happened."""
    weights = {}

    def work_of(name):
        async def work(me):
            slope = delta(np.ones_like(me.params.weights))
            if me.rank == 0:
                await me.pull(version=1)
                await me.gradient(20)
                await me.push(slope)
            else:
                for _ in range(5):
                    await me.gradient(1)
                    await me.push(slope)
                await me.gradient(30)
                weights[name] = (await me.pull()).values.tobytes()

        return work

    for name, faults in (("calm", ()), ("killed", (Fault.kill(shard=0, at_s=10 * MS),))):
        engine = Simulated(2, example_s=MS, faults=Faults(faults, detect_s=2 * MS, replicate=True))
        look(engine, work_of(name), probe=served(rule), n_examples=100)
    assert weights["killed"] == weights["calm"]
    plain = Simulated(2, example_s=MS)
    look(plain, work_of("plain"), probe=served(sgd(0.1)), n_examples=100)
    assert weights["plain"] != weights["calm"]


# ---- hosts that come back


def count(*faults, detect_s=2 * MS, workers=3, times=17):
    """Each push is a bit of its own (51 of 53): none may be missing, and none be there twice."""

    async def work(me):
        for number in range(times):
            await me.gradient(1)
            await me.push(np.full_like(me.params.weights, 2.0 ** (number + times * me.rank)))

    engine = Simulated(workers, shards=2, example_s=MS, faults=Faults(faults, detect_s=detect_s))
    result = look(engine, work, probe=served(sgd()), n_examples=1000)
    bits = workers * times
    np.testing.assert_array_equal(result.params.weights, 2.0**bits - 1.0)
    report = result.history.traffic.faults
    assert report.acknowledged == report.pushes == bits
    assert set(report.applied) == {bits}
    return report


@pytest.mark.parametrize("back_s", [5.2 * MS, 6.99 * MS, 7 * MS, 12 * MS], ids=["unnoticed", "just", "at once", "late"])
@pytest.mark.parametrize("bad", [(), BAD], ids=["calm", "bad"])
def test_a_host_that_comes_back_holds_the_copy(back_s, bad, pairs):
    report = count(*bad, Fault.kill(shard=0, at_s=5 * MS, back_s=back_s))
    assert (report.shards_replaced, report.shard_hosts_back) == (1, 1)
    (shard, copy, host), (_, _, other) = pairs()
    assert host == ("shard", 0)
    assert other == ("backup", 1)
    assert_equal(shard, copy)


@pytest.mark.parametrize("bad", [(), BAD], ids=["calm", "bad"])
def test_it_takes_the_place_of_the_one_that_took_its_own(bad, pairs):
    first, second = Fault.kill(shard=0, at_s=3 * MS, back_s=6 * MS), Fault.kill(shard=0, at_s=12 * MS, back_s=15.5 * MS)
    report = count(*bad, first, second, Fault.kill(shard=0, at_s=25 * MS, back_s=26 * MS))
    assert (report.shards_replaced, report.shard_hosts_back) == (3, 3)
    for shard, copy, host in pairs():
        assert_equal(shard, copy)
        assert host in {("shard", 0), ("backup", 0), ("backup", 1)}


def test_one_that_comes_back_while_another_is_dead_waits_for_its_heir(pairs):
    # The second dies 0.5 ms before the first is back, and that is known 1.5 ms later.
    first, second = Fault.kill(shard=0, at_s=3 * MS, back_s=8 * MS), Fault.kill(shard=0, at_s=7.5 * MS)
    report = count(first, second)
    assert (report.shards_replaced, report.shard_hosts_back) == (2, 1)
    shard, copy, host = pairs()[0]
    assert host == ("shard", 0)
    assert_equal(shard, copy)


def test_acknowledged_pushes_live_on_while_a_slow_copy_is_made():
    """The one that has come back lags behind, and the primary dies before it has all: the one before it is there."""
    slow = Fault.slow(shard=0, factor=30.0, from_s=4 * MS)
    back, again = Fault.kill(shard=0, at_s=2 * MS, back_s=5 * MS), Fault.kill(shard=0, at_s=5.8 * MS)
    report = count(back, slow, again, detect_s=1 * MS)
    assert report.shards_replaced == 2


# ---- hosts that are slow


def test_messages_of_a_slow_host_take_as_many_times_as_long():
    def took(*faults, **more):
        engine = Simulated(1, faults=faults, **more)
        history = look(engine, pulls_of(3), probe=served(sgd()), n_examples=1000).history
        return history.traffic.virtual_s / 3

    def pulls_of(times):
        async def work(me):
            for _ in range(times):
                await me.pull()

        return work

    latency, bandwidth = {"latency_s": 1.0, "bandwidth_bytes_s": 1e12}, {"latency_s": 0.0, "bandwidth_bytes_s": 1e3}
    for link in (latency, bandwidth):
        plain, slow = took(**link), took(Fault.slow(shard=0, factor=5.0), **link)
        assert slow == pytest.approx(5.0 * plain, rel=1e-6)
    some = took(Fault.slow(shard=0, factor=5.0, from_s=1.5, to_s=3.5), **latency)  # one message of six is sent then
    assert 3 * some == pytest.approx(10.0, rel=1e-6)
    assert took(Fault.slow(shard=0, factor=2.0), Fault.slow(shard=0, factor=3.0), **latency) == pytest.approx(12.0)
