"""Checkpoints of real processes: each writes its own part, and others, perhaps elsewhere, go on with the same bits."""

from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.conformance.runs import STOP, TASK, bits, died_after, learn, lose, numbers, often
from tests.engines.ray.stumbling import DiesOnce, Stumbles

from hogwild import (
    AbstractStrategy,
    ActorLost,
    Checkpoint,
    CheckpointError,
    Downpour,
    GrowingBatches,
    Linear,
    Local,
    LocalSGD,
    Partitioned,
    Ray,
    Sandblaster,
    Threads,
    train,
)
from hogwild.rules.updates import sgd

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed"),
    pytest.mark.slow,
]
STRATEGIES = {"sums": LocalSGD(7), "a server": Sandblaster()}


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_goes_on_anywhere_with_the_same_bits(name, tmp_path):
    strategy = STRATEGIES[name]
    on_ray, on_threads = Ray(2, shards=2), Threads(2, shards=2)
    whole = learn(strategy, on_threads, seed=0)
    assert bits(learn(strategy, on_ray, seed=0, checkpoint=often(tmp_path / "ray"))) == bits(whole)
    learn(strategy, on_threads, seed=0, checkpoint=often(tmp_path / "threads"))
    half = max(1, len(numbers(tmp_path / "ray")) // 2)
    for place, engine in (("ray", on_ray), ("ray", on_threads), ("threads", on_ray)):
        count = half if place == "ray" else 1
        died = died_after(tmp_path / place, count, tmp_path / f"{place} to {type(engine).__name__}")
        resumed = learn(strategy, engine, resume=died)
        assert bits(resumed) == bits(whole)
        assert resumed.history.counts == whole.history.counts


def test_rows_that_stay_with_their_workers_go_on_where_they_were(tmp_path):
    """Each goes through its own in an order that is drawn anew in each pass."""
    options = {"strategy": LocalSGD(7), "stop": STOP}
    data = Partitioned(TASK.data, np.arange(200) % 7 % 2)
    whole = train(TASK.model, data, engine=Threads(2), seed=0, **options)
    train(TASK.model, data, engine=Ray(2), seed=0, checkpoint=often(tmp_path / "all"), **options)
    half = max(1, len(numbers(tmp_path / "all")) // 2)
    died = died_after(tmp_path / "all", half, tmp_path / "died")
    assert bits(train(TASK.model, data, engine=Ray(2), resume=died, **options)) == bits(whole)


@pytest.mark.parametrize("strategy", [Downpour(minibatch=5), GrowingBatches()], ids=["downpour", "growing batches"])
def test_who_waits_for_nobody_goes_on_too(strategy, tmp_path):
    engine = Ray(2, shards=2)
    whole = learn(strategy, engine, seed=0, checkpoint=often(tmp_path / "all"))
    half = max(1, len(numbers(tmp_path / "all")) // 2)
    resumed = learn(strategy, engine, resume=died_after(tmp_path / "all", half, tmp_path / "died"))
    assert resumed.history[-1].examples == whole.history[-1].examples == 1200
    assert TASK.gap(resumed.history[-1].objective) < TASK.gap(whole.history[-1].objective) + 0.02


BOUNDS = (0, 80, 200)
X, Y = np.asarray(TASK.data[0]), np.asarray(TASK.data[1])


def open_part(rank, size):
    """The rows of that worker."""
    first, end = list(pairwise(BOUNDS))[rank]
    return X[first:end], Y[first:end]


def test_who_has_rows_of_its_own_goes_on_in_them(tmp_path):
    model, strategy = Linear("squared", l2=0.01), LocalSGD(7)

    def run(engine, **options):
        return train(model, Local(open_part), strategy=strategy, engine=engine, stop=STOP, **options)

    whole = run(Threads(2), seed=0)
    run(Ray(2), seed=0, checkpoint=often(tmp_path / "all"))
    half = max(1, len(numbers(tmp_path / "all")) // 2)
    for engine in (Ray(2), Threads(2)):
        died = died_after(tmp_path / "all", half, tmp_path / type(engine).__name__)
        assert bits(run(engine, resume=died)) == bits(whole)


def test_a_run_that_was_lost_goes_on(tmp_path):
    strategy = Stumbles(DiesOnce(str(tmp_path / "note"), str(tmp_path / "runs")), 5)
    with pytest.raises(ActorLost, match="worker 1 of 2 has died"):
        learn(strategy, Ray(2), seed=0, checkpoint=often(tmp_path / "runs"))
    resumed = learn(strategy, Ray(2), resume=tmp_path / "runs")
    assert bits(resumed) == bits(learn(strategy, Threads(2), seed=0))


@dataclass(frozen=True)
class Pushing(AbstractStrategy):
    """Each pushes what it has learnt with the weights of the round before, then all pull."""

    agree = True
    needs = frozenset({"server"})
    answer = "server"
    server = sgd()

    async def work(self, me):
        async for _ in me.rounds():
            await me.push(await me.gradient(10))
            await me.all_reduce()
            (await me.pull()).copy_to(me.params)
            await me.all_reduce()


def test_who_was_lost_then_has_seen_what_another_has(tmp_path):
    """Else the server would take its first push for one that was made of the first weights."""
    engine = Ray(2, shards=2)
    learn(Pushing(), engine, seed=0, checkpoint=often(tmp_path / "all"))
    half = max(1, len(numbers(tmp_path / "all")) // 2)
    place = died_after(tmp_path / "all", half, tmp_path / "died")
    lose(place, 1)
    resumed = learn(Pushing(), engine, resume=place)
    assert resumed.reason == "epochs"
    assert set(resumed.history.traffic.staleness) == {0, 1}


def test_a_place_where_nothing_can_be_written_is_named(tmp_path):
    Path(tmp_path, "file").write_text("")
    with pytest.raises(CheckpointError, match="file cannot be written"):
        learn(LocalSGD(7), Ray(2), checkpoint=Checkpoint(tmp_path / "file"))
