"""Epochs, records, stopping and the best weights, with a model whose objectives are known in advance."""

import math
import time

import numpy as np
import pytest
from tests.engines.toys import LEARNERS, Program, Scripted, plain, raise_, tiny

from hogwild import Stop, Threads, train
from hogwild.engines import judging
from hogwild.memory import InTurn, Racy, Replicas
from hogwild.requests import Round
from hogwild.strategies import STRATEGIES

DATA = tiny(100)
SHARED = [name for name in LEARNERS if name != "serial"]


def run(model=None, strategy=None, workers=1, callbacks=(), data=DATA, start=None, **stop):
    return train(
        model or Scripted(),
        data,
        strategy=strategy or Program(plain()),
        engine=Threads(workers),
        stop=Stop(**{"epochs": 3, "tol": 0, **stop}),
        callbacks=callbacks,
        seed=0,
        start=start,
    )


# ---- rows


@pytest.mark.parametrize("workers", [1, 2, 4, 7])
@pytest.mark.parametrize("name", SHARED)
def test_every_strategy_learns_every_row_once_an_epoch(name, workers):
    result = run(strategy=STRATEGIES[name](), workers=workers, epochs=5)
    np.testing.assert_array_equal(result.params["visits"], np.ones(100))  # the best are those of the first epoch
    result = run(Scripted(objectives=(5, 4, 3, 2, 1)), STRATEGIES[name](), workers, epochs=5)
    np.testing.assert_array_equal(result.params["visits"], np.full(100, 5.0))
    assert [record.examples for record in result.history] == [100, 200, 300, 400, 500]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("how", [Racy(), Replicas(), Replicas(ordered=True), InTurn()])
@pytest.mark.parametrize("n", [1, 7, 1000])
def test_blocks_of_any_size_cover_the_epoch(how, workers, n):
    agree = isinstance(how, InTurn) or (isinstance(how, Replicas) and how.ordered)
    result = run(Scripted((2, 1)), Program(plain(how, n), agree), workers, epochs=2)
    np.testing.assert_array_equal(result.params["visits"], np.full(100, 2.0))


@pytest.mark.parametrize("name", SHARED)
def test_more_workers_than_rows(name):
    result = run(Scripted((2, 1)), STRATEGIES[name](), 8, data=tiny(3), epochs=2)
    np.testing.assert_array_equal(result.params["visits"], [2, 2, 2])


@pytest.mark.parametrize("name", LEARNERS)
def test_held_out_rows_are_never_learnt(name):
    result = run(Scripted((2, 1), (2, 1)), STRATEGIES[name](), 1 if name == "serial" else 2, epochs=2, holdout=0.2)
    visits, counts = np.unique(result.params["visits"], return_counts=True)
    assert visits.tolist() == [0, 2]
    assert counts.tolist() == [20, 80]
    assert result.history[-1].examples == 160


def test_blocks_know_their_moment():
    model = Scripted()
    run(model, Program(plain(None, 40)), epochs=2)
    done = 0
    for moment, rate in model.moments:
        assert rate is None
        assert moment == (done // 100, 0.0, done)
        left = 100 - done % 100
        done += min(left, 40, max(left // 2, 5))
    assert done == 200


@pytest.mark.parametrize("workers", [1, 3])
def test_where_nothing_is_judged_epochs_flow_into_each_other(workers):
    model, told = Scripted(), []
    result = run(model, Program(plain(Racy(), 40)), workers, [told.append], epochs=3, tol=None)
    np.testing.assert_array_equal(result.params["visits"], np.full(100, 3.0))
    assert [(record.epoch, record.examples) for record in told] == [(1, 100), (2, 200), (3, 300)]
    assert result.history.records == told
    moments = sorted((moment for moment, _ in model.moments), key=lambda moment: moment.done)
    assert {moment.begun for moment in moments} == {0.0}
    assert [moment.epoch for moment in moments] == [moment.done // 100 for moment in moments]
    assert len({moment.done for moment in moments}) == len(moments)
    assert result.params.state["epochs"][0] == 3
    again = run(model, Program(plain(Racy(), 40)), workers, epochs=2, tol=None, start=result.params)
    assert {moment.begun for moment, _ in model.moments} == {0.0, 300.0}
    assert again.params.state["epochs"][0] == 5


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_an_error_of_a_callback_while_epochs_flow(epoch):
    def fail(record):
        if record.epoch == epoch:
            raise_(ZeroDivisionError("told"))()

    with pytest.raises(ZeroDivisionError, match="told"):
        run(strategy=Program(plain(Racy(), 10)), workers=3, callbacks=[fail], tol=None)


def test_a_stop_while_epochs_flow_keeps_what_was_learnt():
    late = run(strategy=Program(plain(None, 10)), epochs=10**9, time_s=0.02, tol=None)
    assert late.reason == "time"
    assert late.history[-1].examples == late.params["visits"].sum() == late.params.state["examples"][0]


def test_a_rate_of_the_strategy_reaches_the_model():
    model = Scripted()
    run(model, Program(plain(None, 40, rate=0.125)), epochs=1)
    assert {rate for _, rate in model.moments} == {0.125}


# ---- rounds


def test_rounds_count_up_and_only_the_first_of_a_fresh_start_is_first():
    rounds: list[Round] = []

    async def work(me):
        async for r in me.rounds():
            rounds.append(r)
            await me.steps(50)

    first = run(strategy=Program(work), epochs=2)
    assert [r.number for r in rounds] == list(range(len(rounds)))
    assert [r.first for r in rounds] == [True] + [False] * (len(rounds) - 1)
    rounds.clear()
    run(strategy=Program(work), epochs=2, start=first.params)
    assert not any(r.first for r in rounds)


@pytest.mark.parametrize("workers", [2, 5])
def test_agreed_workers_run_the_same_rounds(workers):
    rounds = [0] * workers

    async def work(me):
        await me.share(Replicas(ordered=True))
        async for _ in me.rounds():
            rounds[me.rank] += 1
            await me.steps(3)

    run(strategy=Program(work, agree=True), workers=workers, epochs=4)
    assert rounds == [4 * math.ceil(100 / (3 * workers))] * workers


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_know_who_they_are(workers):
    met = {}

    async def work(me):
        met[me.rank] = (me.size, me.rng.integers(2**62), me.params.weights)

    run(strategy=Program(work), workers=workers)
    assert sorted(met) == list(range(workers))
    assert {size for size, _, _ in met.values()} == {workers}
    assert len({draw for _, draw, _ in met.values()}) == workers, "random streams must differ"
    assert len({id(weights) for _, _, weights in met.values()}) == 1
    draws = {rank: draw for rank, (_, draw, _) in met.items()}
    run(strategy=Program(work), workers=workers)
    assert {rank: draw for rank, (_, draw, _) in met.items()} == draws, "and be those of the seed"


@pytest.mark.parametrize("workers", [1, 3])
def test_what_workers_count_is_summed(workers):
    async def work(me):
        me.counts["told"] += me.rank + 1
        await me.share(Racy())
        async for _ in me.rounds():
            await me.steps(10)

    assert run(strategy=Program(work), workers=workers).history.counts == {"told": workers * (workers + 1) // 2}


# ---- records


def test_records_say_what_happened():
    result = run(Scripted((3, 2, 1), (6, 5, 4)), epochs=3, holdout=0.1)
    assert [r.epoch for r in result.history] == [1, 2, 3]
    assert [r.examples for r in result.history] == [90, 180, 270]
    assert [r.objective for r in result.history] == [3, 2, 1]
    assert [r.holdout_loss for r in result.history] == [6, 5, 4]
    assert [r.holdout_score for r in result.history] == [-60, -50, -40]
    assert [r.rate for r in result.history] == [1 / 91, 1 / 181, 1 / 271]
    times = [r.time_s for r in result.history]
    assert times == sorted(times)
    assert times[0] > 0


def test_without_a_holdout_there_is_nothing_to_report_of_it():
    record = run(epochs=1).history[0]
    assert record.holdout_loss is None
    assert record.holdout_score is None


def test_callbacks_get_every_record_as_it_is_written():
    first, second = [], []
    result = run(epochs=4, callbacks=[first.append, second.append])
    assert first == second == list(result.history)


@pytest.mark.parametrize("workers", [1, 3])
def test_large_sets_are_judged_in_blocks_and_each_row_once(workers, monkeypatch):
    monkeypatch.setattr(judging, "JUDGED_EXAMPLES", 7)
    judged = []
    model = Scripted((2, 1), (2, 1), before_tally=judged.append)
    result = run(model, workers=workers, epochs=2, holdout=0.25)
    assert result.history[-1].holdout_loss == pytest.approx(1)
    assert result.history[-1].holdout_score == pytest.approx(-25)
    assert sorted(judged) == [1] * (11 + 4) + [2] * (11 + 4)


# ---- stopping


def test_epochs():
    result = run(epochs=4)
    assert result.reason == "epochs"
    assert len(result.history) == 4


@pytest.mark.parametrize(
    ("objectives", "tol", "patience", "epochs"),
    [
        ((5, 4, 4, 4, 4), 1e-3, 2, 4),  # two epochs that do not improve
        ((5, 4, 4, 4, 4), 1e-3, 1, 3),
        ((5, 4, 4, 3, 3, 3), 1e-3, 2, 6),  # patience begins anew
        ((5, 4, 3.9, 3.85, 3.8), 0.1, 2, 4),  # improvements below tol do not count, relative to the best
        ((5, 6, 7, 8), 1e-3, 2, 3),
        ((-1, -2, -3, -3, -3), 1e-3, 2, 5),  # objectives may be negative
        ((1e-9, 0.5e-9, 0.5e-9, 0.5e-9), 1e-3, 2, 4),  # and tiny: improvements are relative
    ],
)
def test_tol_and_patience(objectives, tol, patience, epochs):
    result = run(Scripted(objectives), epochs=50, tol=tol, patience=patience)
    assert result.reason == "converged"
    assert len(result.history) == epochs


def test_slow_progress_is_measured_from_the_best_and_not_from_the_last():
    # Each epoch is worse than tol, but there is always some progress; the reference must not creep along.
    objectives = tuple(100 - 0.05 * k for k in range(50))
    assert len(run(Scripted(objectives), epochs=50, tol=1e-3, patience=3).history) == 4


def test_convergence_on_the_last_epoch_is_convergence():
    assert run(Scripted((5, 4, 4, 4)), epochs=4, tol=1e-3, patience=2).reason == "converged"


def test_tol_zero_never_stops():
    result = run(Scripted((1, 1)), epochs=6, tol=0)
    assert (result.reason, len(result.history)) == ("epochs", 6)
    assert all(record.objective == 1 for record in result.history)


@pytest.mark.parametrize("workers", [1, 3])
def test_tol_none_judges_nothing_and_gives_the_last_weights(workers):
    model = Scripted((1, 2, 3), before_tally=raise_(AssertionError("must not be judged")))
    result = run(model, workers=workers, epochs=3, tol=None)
    assert [record.objective for record in result.history] == [None] * 3
    assert result.params["epoch"][0] == 3
    assert result.reason == "epochs"


def test_the_holdout_loss_is_the_criterion_when_there_is_one():
    model = Scripted((9, 8, 7, 6, 5, 4), (5, 4, 4, 4, 4))
    result = run(model, epochs=50, tol=1e-3, patience=2, holdout=0.1)
    assert (result.reason, len(result.history)) == ("converged", 4)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(("losses", "best"), [((3, 1, 2, 4), 2), ((1, 2, 3), 1), ((3, 2, 1), 3), ((2, 1, 1, 1), 2)])
def test_the_best_weights_are_kept_whatever_comes_later(workers, losses, best):
    result = run(Scripted(losses), workers=workers, epochs=len(losses))
    assert result.params["epoch"][0] == best
    np.testing.assert_array_equal(result.params["visits"], np.full(100, float(best)))
    assert result.params.state["examples"][0] == 100 * best
    held = run(Scripted((1,), losses), workers=workers, epochs=len(losses), holdout=0.1)
    assert held.params["epoch"][0] == best


@pytest.mark.parametrize("name", LEARNERS)
def test_a_time_limit_that_is_over_at_once_still_gives_a_result(name):
    result = run(strategy=STRATEGIES[name](), workers=1 if name == "serial" else 3, epochs=10**9, time_s=1e-9)
    assert result.reason == "time"
    assert len(result.history) == 1
    assert result.history[0].examples == 0
    assert result.history[0].objective == 1.0
    assert not result.params["visits"].any()


@pytest.mark.parametrize("name", LEARNERS)
def test_a_time_limit_ends_what_would_not_end(name):
    result = run(strategy=STRATEGIES[name](), workers=1 if name == "serial" else 3, epochs=10**9, time_s=0.02)
    assert result.reason == "time"
    assert all(record.objective == 1 for record in result.history)


def test_a_time_limit_that_is_over_between_two_epochs_adds_no_record_of_nothing():
    began = time.perf_counter()

    def wait(_) -> None:
        while time.perf_counter() < began + 0.1:
            pass

    result = run(epochs=10**9, time_s=0.05, callbacks=[wait])
    assert result.reason == "time"
    seen = [record.examples for record in result.history]
    assert seen == sorted(set(seen))
    assert len(seen) <= 2


def test_weights_to_go_on_from_are_not_written():
    model = Scripted((4, 3, 2, 1))
    first = run(model, epochs=2)
    before = first.params.copy()
    second = run(model, epochs=2, start=first.params)
    np.testing.assert_array_equal(first.params.weights, before.weights)
    assert first.params.state == before.state
    np.testing.assert_array_equal(second.params["visits"], np.full(100, 4.0))
    assert second.params.state["examples"][0] == 400
    assert [record.epoch for record in second.history] == [1, 2]
    assert [record.examples for record in second.history] == [100, 200]
    assert second.history[0].rate == 1 / 301


def test_going_on_is_not_going_over_the_same_order_again():
    orders = []

    async def work(me):
        await me.share(Racy())
        async for _ in me.rounds():
            before = me.params["visits"].copy()
            await me.steps(1)
            orders.append(int(np.argmax(me.params["visits"] - before)))

    first = run(strategy=Program(work), epochs=1)
    run(strategy=Program(work), epochs=1, start=first.params)
    assert sorted(orders[:100]) == sorted(orders[100:]) == list(range(100))
    assert orders[:100] != orders[100:]


def test_a_strategy_may_end_the_run_by_itself():
    async def twice(me):
        await me.steps(10)
        await me.steps(10)

    result = run(strategy=Program(twice), epochs=9)
    assert result.reason == "ended by the strategy"
    assert result.history[-1].examples == 20
    assert result.params["visits"].sum() == 20


def test_a_strategy_that_does_nothing_gives_the_first_weights():
    async def idle(me):
        return

    for workers in (1, 3):
        result = run(strategy=Program(idle), workers=workers)
        assert not result.params["visits"].any()
        assert result.history[-1].examples == 0
