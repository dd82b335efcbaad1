"""Who is in a round: for agreed workers, who was there when it was begun."""

from hogwild.engines.members import Members


def test_others_are_told_when_somebody_has_left():
    members = Members(4, agreed=False)
    everybody = members.peers(1, 0, ())
    assert everybody == (0, 2, 3)
    assert members.peers(1, 1, everybody) is everybody
    members.leave(2)
    assert members.peers(1, 2, everybody) == (0, 3)
    assert members.in_rounds == {0, 1, 3}


def test_a_slow_worker_finds_those_who_were_there():
    members = Members(3, agreed=True)
    assert members.peers(0, 4, ()) == (1, 2)
    members.leave(0)
    members.leave(2)
    known = members.peers(1, 3, ())
    assert known == (0, 2)
    assert members.peers(1, 4, known) is known, "they have run that round, and perhaps sent something in it"
    assert members.peers(1, 5, known) == (), "this one begins without them"


def test_who_is_let_in_late_has_no_peers_in_that_round():
    members = Members(3, agreed=True)
    members.lose(1)
    assert members.peers(0, 7, (1, 2)) == (2,)
    members.join(1)
    assert members.peers(1, 7, ()) == (), "the others do not know of it yet"
    assert members.peers(1, 8, ()) == (0, 2)
    assert members.peers(0, 8, (2,)) == (1, 2)
    assert members.lowest == 0
    assert not members.is_gone(1)


def test_peers_change_also_where_as_many_are_there():
    members = Members(4, agreed=False)
    members.lose(1)
    known = members.peers(0, 1, (1, 2, 3))
    members.join(1)
    members.lose(3)
    assert known == (2, 3)
    assert members.peers(0, 2, known) == (1, 2)
    assert members.counted == (0, 1, 2)
    for rank in (0, 1, 2):
        members.leave(rank)
    assert members.counted == (0, 1, 2), "they came to the end"


def test_who_will_leave_is_in_the_rounds_that_were_begun():
    members = Members(2, agreed=True)
    assert members.peers(0, 0, (1,)) == (1,)
    assert members.retire(1) == 1
    assert members.peers(1, 0, (0,)) == (0,), "the other counts on it"
    assert members.peers(0, 1, (1,)) == ()
    assert members.in_rounds == {0, 1}, "until it says so"
