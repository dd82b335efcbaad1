"""Random plans of deaths, on real Ray: some here, more in `make soak`."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from tests.engines.conftest import watched

from hogwild import Threads, train
from hogwild.testing import kills, problem
from hogwild.testing.kills import Kill, KillPlan, check_kills, kill_plan
from hogwild.testing.shard_kills import ShardKill
from hogwild.testing.soak import SOAKED

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `cluster` is not installed")


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """With more patience than a run has."""
    yield from watched(1.2 * kills.PATIENCE_S)


def test_plans_are_seeded():
    plans = [kill_plan(seed) for seed in range(200)]
    assert plans == [kill_plan(seed) for seed in range(200)]
    assert len({plan.strategy for plan in plans}) >= 25
    drawn = [kill for plan in plans for kill in plan.kills]
    assert {kill.life for kill in drawn} == {0, 1}
    assert {plan.workers for plan in plans} == {2, 3, 4}
    of_shards = [kill for plan in plans for kill in plan.shard_kills]
    assert {kill.who for kill in of_shards} == {"untold", "told", "copy"}
    assert {kill.shard for kill in of_shards} == {0, 1}


def test_somebody_lives_through_every_plan():
    for plan in map(kill_plan, range(200)):
        assert 1 <= len({kill.worker for kill in plan.kills}) < plan.workers
        coordinator = SOAKED[plan.strategy]().coordinator
        if coordinator is not None and "lost coordinator" not in SOAKED[plan.strategy]().survives:
            assert coordinator not in {kill.worker for kill in plan.kills}


def test_shards_die_only_where_the_strategy_survives_it():
    for plan in map(kill_plan, range(200)):
        survives = "lost shard" in SOAKED[plan.strategy]().survives
        assert survives or not plan.shard_kills
        assert all(kill.shard < plan.shards for kill in plan.shard_kills)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 5, 7, 14, 21, 26])
def test_the_run_goes_on(seed):
    """With seed 10 what one process had waited for was once told to its dead predecessor."""
    report = check_kills(seed)
    assert report.workers_lost >= 1
    # Two shards of the plan die, which the run is long enough for.
    assert report.shards_replaced >= (seed in (6, 10))


@pytest.mark.slow
def test_processes_of_shards_die_in_the_midst_of_pushes(monkeypatch):
    """No worker dies, and so all that is counted is equal."""
    deaths = ShardKill(0, 20, "untold"), ShardKill(0, 2, "copy"), ShardKill(1, 30, "told")
    monkeypatch.setattr(kills, "kill_plan", lambda seed: KillPlan("downpour", 2, 2, (), deaths))
    report = check_kills(0)
    assert report.shards_replaced == 2
    assert report.applied == (report.pushes, report.pushes)
    assert report.acknowledged == report.pushes


def test_an_interruption_ends_all_plans(monkeypatch, capsys):
    """A run that is interrupted has a result, which says nothing of the plan."""
    asked, easy = [], problem()

    def press(record):
        raise KeyboardInterrupt

    def run(plan, rig, seed, notes):
        asked.append(seed)
        return train(easy.model, easy.data, engine=Threads(1), callbacks=[press], seed=seed)

    monkeypatch.setattr(kills, "_run", run)
    with pytest.raises(KeyboardInterrupt):
        kills.main(["--plans", "3"])
    assert asked == [0]
    assert capsys.readouterr().out == ""


def test_what_does_not_go_on_is_told_with_its_plan(monkeypatch):
    """All die, though somebody should live."""
    everybody = KillPlan("local-sgd", 2, 1, (Kill(0, 0, 2, 1), Kill(1, 0, 2, 1)))
    monkeypatch.setattr(kills, "kill_plan", lambda seed: everybody)
    with pytest.raises(AssertionError, match=r"^seed 3: KillPlan\(strategy='local-sgd', .*: it raises ActorLost: "):
        check_kills(3)
