"""Shards with copies, on a real local cluster: their processes are killed in the middle of pushes, and nothing that a
worker was told is lost.
"""

import os
import signal
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.engines.conftest import watched
from tests.engines.ray.traps import Trap

from hogwild import ActorLost, BoundedStaleness, Downpour, GrowingBatches, Ray, Sandblaster, Stop, Threads, train
from hogwild.deltas import Delta
from hogwild.engines.ray.cluster import joined
from hogwild.interfaces import AbstractStrategy
from hogwild.rules.schedules import Moment
from hogwild.rules.server import compensated, damped, softsync
from hogwild.rules.updates import sgd
from hogwild.testing import problem
from hogwild.testing.probes import look, served, together, vector

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
]
EASY = problem()
PATIENCE_S = 120.0  # to start processes on a busy machine
FAIL_OVER_S = 5.0


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield from watched(PATIENCE_S)


@pytest.fixture(autouse=True, scope="module")
def cluster():
    """One for all."""
    with joined("local", cpus=3):
        yield


def ones(me):
    """A sum of gradients that adds one to every weight."""
    return Delta(vector(me, -1.0), 1, 1, 0.0, Moment(0, 0.0, 0))


async def counted(me, until, more=20):
    """Push until it is so, and some more; each push is acknowledged. The longest one, in seconds, is counted."""
    pushes, longest_s = 0, 0.0
    while more:
        begun = time.perf_counter()
        await me.push(ones(me))
        longest_s = max(longest_s, time.perf_counter() - begun)
        pushes += 1
        more -= until()
    me.counts["acknowledged"] += pushes
    me.counts["longest_us"] = max(me.counts["longest_us"], round(longest_s * 1e6))
    total = (await together(me, pushes)).sum()
    pulled = await me.pull()
    assert pulled.values.tolist() == [total] * pulled.values.size


def pushed(trap, shards=1, workers=2, **engine):
    """All is there that was acknowledged, and once; how often shards were replaced."""

    async def work(me):
        await counted(me, trap.has_sprung)

    result = look(Ray(workers, shards=shards, backups=True, **engine), work, probe=served(trap.rule))
    acknowledged = result.history.counts["acknowledged"]
    assert result.params.weights.tolist() == [acknowledged] * result.params.weights.size
    faults = result.history.traffic.faults
    return 0 if faults is None else faults.shards_replaced, result


# ---------------------------------------------------------------------------------------- in the middle of a push


def test_the_primary_dies_before_the_copy_has_heard_of_a_push(tmp_path):
    replaced, _ = pushed(Trap(str(tmp_path)))
    assert replaced == 1


def test_the_primary_dies_when_the_copy_has_heard_of_a_push_that_was_not_acknowledged(tmp_path):
    replaced, result = pushed(Trap(str(tmp_path), role="copy"))
    assert replaced == 1
    assert result.history.counts["longest_us"] < FAIL_OVER_S * 1e6 * 2  # of both workers


def test_the_copy_dies(tmp_path):
    assert pushed(Trap(str(tmp_path), role="copy", dies=("copy",)))[0] == 0


@pytest.mark.parametrize("seed", [1])
def test_one_after_the_other_dies(tmp_path, seed):
    trap = Trap(str(tmp_path), at=3 + seed, role="copy", dies=("copy", "primary"), times=3, at_random=True)
    pushed(trap, shards=2)


def test_both_die_at_once(tmp_path):
    begun = time.perf_counter()
    with pytest.raises(ActorLost, match=r"^shard 0 of 1 and its copy have died, and the run with them: "):
        pushed(Trap(str(tmp_path), role="copy", dies=("primary", "copy")))
    assert time.perf_counter() - begun < PATIENCE_S / 4
