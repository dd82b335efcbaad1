"""From which sum on workers sum among themselves: every one of them hears of it before it comes there."""

from hypothesis import given
from hypothesis import strategies as st

from hogwild.engines.ray.rendezvous import Rendezvous


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=80))
def test_all_hear_of_it_in_time(size, turns):
    meeting = Rendezvous(size)
    come, heard, connected = [0] * size, [None] * size, [False] * size
    for rank, connects in ((rank % size, connects) for rank, connects in turns):
        # Who waits for a sum that is complete has its answer, and with it what is known.
        if come[rank] <= min(come):
            heard[rank] = meeting.begins
            if heard[rank] is None or come[rank] < heard[rank]:
                connected[rank] |= connects
                meeting.comes(rank, connected=connected[rank])
                come[rank] += 1
    if meeting.begins is not None:
        assert all(connected)
        # Nobody has come to it, nor to a later one, through the conductor.
        assert max(come) <= meeting.begins
        assert all(known in (None, meeting.begins) for known in heard)


def test_it_never_begins_where_some_do_not_wait():
    meeting = Rendezvous(2)
    meeting.comes(0, connected=True, waits=False)
    for rank in (0, 1, 0, 1):
        meeting.comes(rank, connected=True)
    assert meeting.begins is None


def test_it_begins_when_who_has_come_late_is_connected_too():
    meeting = Rendezvous(2)
    for _ in range(3):
        meeting.comes(0, connected=True)
    assert meeting.admit(1, 0) == 3
    meeting.comes(0, connected=True)
    meeting.comes(1, connected=True)
    assert meeting.begins == 4


def test_who_was_refused_comes_again():
    meeting = Rendezvous(2)
    meeting.comes(0, connected=True)
    meeting.comes(1, connected=False)
    meeting.failed(1)
    meeting.comes(1, connected=True)
    assert meeting.begins == 1


def test_all_are_told_where_to_meet():
    meeting = Rendezvous(2)
    second = meeting.meets(1, None)
    assert second.empty()
    assert meeting.meets(0, ("127.0.0.1", 5)).get() == second.get() == ("127.0.0.1", 5)


def test_who_waits_at_the_end_is_told():
    meeting = Rendezvous(2)
    answer = meeting.meets(0, ("127.0.0.1", 5))
    meeting.end()
    assert answer.get() is None
