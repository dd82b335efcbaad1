"""Events run in order of time; the seed, and nothing else, decides between equal times."""

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.engines.virtual.agenda import Agenda

seeds = st.integers(0, 2**32)
times = st.lists(st.floats(0, 1e9) | st.sampled_from([0.0, 1.0, 2.0]), max_size=40)


def run(agenda: Agenda) -> None:
    while agenda.step():
        pass


def order(seed: int, times: list[float]) -> list[int]:
    """Numbers of the events in the order in which they run."""
    agenda, ran = Agenda(seed), []
    for number, time_s in enumerate(times):
        agenda.at(time_s, lambda number=number: ran.append(number))
    run(agenda)
    return ran


@given(seeds, times)
def test_events_run_once_each_in_order_of_time(seed, times):
    ran = order(seed, times)
    assert sorted(ran) == list(range(len(times)))
    assert [times[number] for number in ran] == sorted(times)


@given(seeds, times)
def test_now_is_the_time_of_the_event(seed, times):
    agenda, seen = Agenda(seed), []
    assert agenda.now == 0.0
    for time_s in times:
        agenda.at(time_s, lambda: seen.append(agenda.now))
    run(agenda)
    assert seen == sorted(times)
    assert agenda.now == max(times, default=0.0)


@given(seeds, times)
def test_equal_seeds_give_equal_orders(seed, times):
    assert order(seed, times) == order(seed, times)


@given(seeds, st.integers(0, 2**32), st.lists(st.floats(0, 1e9), unique=True, max_size=20))
def test_without_ties_the_seed_does_not_matter(seed, other, times):
    assert order(seed, times) == order(other, times)


def test_seeds_explore_all_orders_of_a_tie():
    assert {tuple(order(seed, [1.0] * 3)) for seed in range(100)} == set(permutations(range(3)))


def test_the_order_of_a_seed_is_for_ever():
    # Other machines and versions must repeat it, or published simulations are worth nothing.
    assert order(0, [1.0] * 8) == [3, 7, 5, 2, 4, 1, 6, 0]


@given(seeds, st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=4), min_size=1, max_size=6))
def test_events_may_make_events(seed, delays):
    agenda, seen = Agenda(seed), []

    def begin(mine: list[float]) -> None:
        seen.append(agenda.now)
        for delay_s in mine:
            agenda.at(agenda.now + delay_s, lambda: seen.append(agenda.now))

    for number, mine in enumerate(delays):
        agenda.at(float(number), lambda mine=mine: begin(mine))
    run(agenda)
    expected = [float(number) for number in range(len(delays))]
    expected += [number + delay_s for number, mine in enumerate(delays) for delay_s in mine]
    assert seen == sorted(expected)


def test_what_an_event_makes_for_now_runs_after_it():
    agenda, ran = Agenda(0), []
    agenda.at(1.0, lambda: (agenda.at(1.0, lambda: ran.append("made")), ran.append("maker")))
    agenda.at(2.0, lambda: ran.append("later"))
    run(agenda)
    assert ran == ["maker", "made", "later"]


def test_length_counts_what_is_to_come():
    agenda = Agenda(0)
    assert len(agenda) == 0
    assert not agenda.step()
    agenda.at(1.0, lambda: None)
    agenda.at(2.0, lambda: None)
    assert len(agenda) == 2
    assert agenda.step()
    assert len(agenda) == 1
    assert agenda.now == 1.0


def test_errors_pass_through_and_leave_the_rest():
    agenda, ran = Agenda(0), []

    def fail() -> None:
        raise RuntimeError("a worker failed")

    agenda.at(1.0, fail)
    agenda.at(2.0, lambda: ran.append(agenda.now))
    with pytest.raises(RuntimeError, match="a worker failed"):
        agenda.step()
    run(agenda)
    assert ran == [2.0]


@pytest.mark.parametrize("time_s", [0.5, -1.0, math.inf, math.nan])
def test_times_that_cannot_be_are_refused(time_s):
    agenda = Agenda(0)
    agenda.at(1.0, lambda: None)
    agenda.step()
    with pytest.raises(ValueError, match=rf"^time_s={time_s!r} must be a finite time that is not before now, 1\.0$"):
        agenda.at(time_s, lambda: None)
    assert len(agenda) == 0
