"""Who is in a round: for agreed workers, who was there when it was begun."""

from hogwild.engines.membership import Membership


def test_others_are_told_when_somebody_has_left():
    members = Membership(4, agreed=False)
    everybody = members.peers(1, 0, ())
    assert everybody == (0, 2, 3)
    assert members.peers(1, 1, everybody) is everybody
    members.leave(2)
    assert members.peers(1, 2, everybody) == (0, 3)
    assert members.live == {0, 1, 3}


def test_a_slow_worker_finds_those_who_were_there():
    members = Membership(3, agreed=True)
    assert members.peers(0, 4, ()) == (1, 2)
    members.leave(0)
    members.leave(2)
    assert members.peers(1, 4, ()) == (0, 2), "they have run that round, and perhaps sent something in it"
    assert members.peers(1, 3, ()) == (0, 2)
    assert members.peers(1, 5, ()) == (), "this one begins without them"
    assert members.peers(1, 4, ()) == (0, 2)
