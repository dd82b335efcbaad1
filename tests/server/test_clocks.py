"""Clocks of workers, against asking each of them."""

from hypothesis import given
from hypothesis import strategies as st

from hogwild.server.clocks import Clocks

SIZE = 4
turns = st.one_of(
    st.tuples(st.just("push"), st.integers(0, SIZE - 1)),
    st.tuples(st.just("ask"), st.integers(0, 6)),
    st.tuples(st.just("leave"), st.integers(0, SIZE - 1)),
    st.tuples(st.just("come"), st.integers(0, SIZE - 1)),
)


@given(st.lists(turns, max_size=60))
def test_all_have_reached_a_clock_when_each_has(script):
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
        elif what == "ask":
            assert clocks.all_reached(number, live) == all(plain[rank] >= number for rank in live)
    assert [clocks.of(rank) for rank in range(SIZE)] == plain
    again = Clocks(clocks.items())
    assert again.items() == clocks.items()
    assert all(again.all_reached(k, live) == clocks.all_reached(k, live) for k in range(8))
