"""Clocks of workers, against asking each of them."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from hogwild.server import clocks as module
from hogwild.server.clocks import MOST_COUNTED, Clocks

SIZE = 4
turns = st.one_of(
    st.tuples(st.just("push"), st.integers(0, SIZE - 1)),
    st.tuples(st.just("ask"), st.integers(0, 6)),
    st.tuples(st.just("leave"), st.integers(0, SIZE - 1)),
    st.tuples(st.just("come"), st.integers(0, SIZE - 1)),
    st.tuples(st.just("go on"), st.integers(0, SIZE - 1)),
)


@given(st.lists(turns, max_size=60), st.sampled_from([1, 2, 3, MOST_COUNTED]))
def test_all_have_reached_a_clock_when_each_has(script, most):
    """However few of them are counted."""
    with patch.object(module, "MOST_COUNTED", most):
        check(script)


def check(script):
    clocks, plain, live = Clocks(), [0] * SIZE, set(range(SIZE))
    for what, number in script:
        if what == "push":
            clocks.tick(number, clocks.of(number))
            plain[number] += 1
        elif what == "leave":
            live.discard(number)
        elif what == "come" and number not in live:
            live.add(number)
            plain[number] = max(plain[number], 2)
            clocks.set(number, 2)
        elif what == "go on":
            plain[number] += 5
            clocks.set(number, plain[number])
        elif what == "ask":
            assert clocks.all_reached(number, live) == all(plain[rank] >= number for rank in live)
    assert [clocks.of(rank) for rank in range(SIZE)] == plain
    again = Clocks(clocks.items())
    assert again.items() == clocks.items()
    assert all(again.all_reached(k, live) == clocks.all_reached(k, live) for k in range(8))


def test_a_long_run_needs_no_more_memory():
    """Another worker may never push again."""
    clocks = Clocks([(0, 7)])
    for before in range(3 * MOST_COUNTED):
        clocks.tick(1, before)
    assert len(clocks._reached) <= MOST_COUNTED
    assert clocks.all_reached(7, {0, 1})
    assert not clocks.all_reached(8, {0, 1})
    assert clocks.all_reached(3 * MOST_COUNTED, {1})


def test_who_goes_on_late_goes_on_at_once():
    clocks = Clocks([(0, 10**15), (1, 10**15 - 1)])
    assert clocks.all_reached(10**15 - 1, {0, 1})
    assert not clocks.all_reached(10**15, {0, 1})
