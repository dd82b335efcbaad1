"""The copy of a shard is its equal, bit for bit, whatever the rule of the server looks at."""

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
    """Call it after a run: the snapshots of each shard and of its copy."""
    made: list[tuple[Replicas, list]] = []

    def keep(servers, *others):
        made.append((Replicas(servers, *others), servers.shards))
        return made[-1][0]

    monkeypatch.setattr("hogwild.engines.simulated.Replicas", keep)

    def pairs():
        replicas, shards = made.pop()
        return [(shard.snapshot(), replicas.copy(number).snapshot()) for number, shard in enumerate(shards)]

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
    for shard, copy in pairs():
        assert shard["version"][0] > 100
        assert rule.pushes.is_plain or len(shard["inflow.sights"]) >= 7
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
