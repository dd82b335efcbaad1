"""Pushes are counted where processes of workers die: none is lost that was acknowledged, and none applied twice."""

import os
import signal
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from hogwild import Ray
from hogwild.deltas import Delta
from hogwild.engines.ray.pushes import count
from hogwild.engines.ray.terms import Counted, Sent
from hogwild.rules.schedules import Moment
from hogwild.rules.updates import sgd
from hogwild.testing.probes import look, served, vector
from hogwild.testing.survival import adds_up
from hogwild.traffic import FaultReport, Traffic

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")
FIRST, SECOND = (1, 0), (1, 1)  # processes of worker 1


def sent(life, pushes, acknowledged):
    return Sent(life, Traffic(staleness=Counter({0: acknowledged})), pushes)


def counted(*shards, killed=None):
    report = FaultReport(workers_lost=1)
    count(report, {(0, 0): sent(0, 20, 20), SECOND: sent(1, 5, 5)}, killed or {}, shards)
    return report


def shard(pushes, of_the_first):
    return Counted(pushes, {(0, 0): 20, FIRST: of_the_first, SECOND: 5})


def test_of_who_was_killed_shards_know_the_numbers():
    report = counted(shard(33, 8), shard(32, 7))
    assert (report.pushes, report.acknowledged, report.applied) == (33, 25, (33, 32))
    assert adds_up(report)


def test_and_it_may_have_told_more():
    """What it had sent had not come to any shard."""
    report = counted(shard(33, 8), shard(32, 7), killed={FIRST: sent(0, 10, 7)})
    assert (report.pushes, report.acknowledged) == (35, 32)
    assert adds_up(report)


def test_what_is_applied_twice_is_more_than_there_are_numbers():
    assert not adds_up(counted(shard(34, 8), shard(33, 8)))


def test_what_was_acknowledged_and_lost_is_missed():
    assert not adds_up(counted(shard(31, 8), shard(33, 8), killed={FIRST: sent(0, 7, 7)}))


def ones(me):
    """A sum of gradients that adds one to every weight."""
    return Delta(vector(me, -1.0), 1, 1, 0.0, Moment(0, 0.0, 0))


@needs_ray
@pytest.mark.slow
def test_a_worker_is_killed_with_pushes_under_way(tmp_path):
    """Weights count what was applied, too."""

    async def work(me):
        life = len(list(tmp_path.glob(f"{me.rank}-*")))
        Path(tmp_path, f"{me.rank}-{life}").touch()
        while me.rank == 0 and not Path(tmp_path, "1-1").exists():
            await me.get(1)  # others are let in when it waits
            me.counts["acknowledged"] += (await me.push(ones(me))) is not None
        for _ in range(7):
            me.counts["acknowledged"] += (await me.push(ones(me))) is not None
        if (me.rank, life) == FIRST:
            for _ in range(3):
                await me.start(me.push(ones(me)))
            os.kill(os.getpid(), signal.SIGKILL)

    # Shards are told apart by their sizes: 12 and 13.
    probe = served(sgd(1.0), survives=frozenset({"lost worker"}))
    result = look(Ray(2, shards=2), work, probe=probe, n_examples=25)
    report, weights = result.history.traffic.faults, result.params.weights
    assert (report.workers_lost, report.workers_joined) == (1, 1)
    assert report.applied == (weights[0], weights[-1])
    assert len(set(weights[:12])) == len(set(weights[12:])) == 1
    told = result.history.counts["acknowledged"]  # by those that lived
    assert report.acknowledged == told
    assert all(told + 7 <= applied <= told + 10 for applied in report.applied)
    assert report.pushes == max(report.applied)
    assert adds_up(report)
