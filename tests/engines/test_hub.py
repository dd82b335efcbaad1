"""The hub, driven by hand: tickets, rounds of those who are late, who has left, and what is said of a deadlock."""

import numpy as np
import pytest
from tests.engines.hubs import Rig
from tests.engines.post import Post

from hogwild import Unsupported, sgd
from hogwild.deltas import Delta
from hogwild.engines.waits import deadlock
from hogwild.requests import (
    COMMUNICATE,
    Average,
    Get,
    Inbox,
    OnServer,
    Portion,
    Pull,
    Push,
    Put,
    Reduce,
    Reduced,
    Round,
    Start,
    Take,
    Ticket,
    Wait,
)
from hogwild.rules.schedules import Moment

# ---- tickets


def test_what_is_started_is_answered_by_a_ticket_and_goes_on():
    rig = Rig(2)
    ticket = rig.at_once(0, Start(Reduce(rig.vector(1.0))))
    assert isinstance(ticket, Ticket)
    assert not ticket.done
    waiting = rig.ask(0, Wait(ticket))
    assert waiting == []
    rig.at_once(1, Reduce(rig.vector(2.0)))
    assert ticket.done
    (answer,) = waiting
    assert answer is ticket.answer
    assert answer.sum.tolist() == [3.0] * 6
    assert rig.at_once(0, Wait(ticket)) is answer, "also when asked again"


def test_what_is_done_at_once_is_a_ticket_that_is_done():
    rig = Rig(2, sgd())
    ticket = rig.at_once(0, Start(Pull()))
    assert ticket.done
    assert rig.at_once(0, Wait(ticket)).values.tolist() == [0.0] * 6


def test_what_is_started_sends_a_copy():
    post = Post()
    rig = Rig(2, sgd(), post=post)
    x = rig.vector(1.0)
    for request in (Reduce(x), Push(x), Put(1, x)):
        rig.at_once(0, Start(request))
    x[:] = 9.0
    reduced, messages = rig.ask(1, Reduce()), rig.ask(1, Inbox((0,)))
    post.deliver_all()
    assert reduced[0].sum.tolist() == [1.0] * 6
    assert messages[0][0].x.tolist() == [1.0] * 6
    assert rig.weights == [1.0] * 6


def test_several_tickets_are_answered_in_any_order():
    post = Post()
    rig = Rig(1, sgd(), post=post)
    tickets = [rig.at_once(0, Start(Push(rig.vector(float(2**k))))) for k in range(4)]
    last = rig.ask(0, Wait(tickets[3]))
    post.deliver_all()
    assert all(ticket.done for ticket in tickets)
    assert last[0].versions == (4,)
    assert [rig.at_once(0, Wait(ticket)).versions for ticket in tickets] == [(1,), (2,), (3,), (4,)]


# ---- requests go where they belong


def test_every_request_that_communicates_is_answered():
    rig = Rig(1, sgd())
    assert set(rig.hub._handlers) == COMMUNICATE
    assert rig.at_once(0, Reduce()) == Reduced(None, 0)
    assert rig.at_once(0, Put(0, np.ones(1))) is True
    assert [message.sender for message in rig.at_once(0, Inbox())] == [0]
    assert rig.at_once(0, Get(0)).sender == 0
    assert rig.at_once(0, Average(0)) is True
    assert rig.at_once(0, Push(rig.vector(0.0))).versions == (1,)
    assert rig.at_once(0, Pull()).versions == (1,)
    assert rig.at_once(0, OnServer(("dot", "weights", "weights"))) == 0
    rig.hub.round(0, 0, fresh=True)
    assert isinstance(rig.at_once(0, Take()), Portion)
    assert isinstance(rig.at_once(0, Start(Pull())), Ticket)


@pytest.mark.parametrize("request_", [Pull(), Push(np.ones(6)), OnServer(("loss",))])
def test_without_a_server_there_is_none(request_):
    with pytest.raises(Unsupported, match=r'there is no server: the strategy must give a rule .* and need "server"'):
        Rig(2).ask(0, request_)


# ---- rounds


def test_rounds_are_first_only_at_a_fresh_start():
    rig = Rig(2)
    assert rig.hub.round(0, 0, fresh=True) == Round(0, True)
    assert rig.hub.round(0, 1, fresh=True) == Round(1, False)
    assert rig.hub.round(1, 0, fresh=False) == Round(0, False)


def test_the_clock_of_messages_is_the_rounds_begun():
    rig = Rig(2)
    for number in range(3):
        rig.hub.round(0, number, fresh=True)
    assert rig.at_once(1, Get(0)).clock == 3
    rig.ask(0, Put(1, np.ones(1)))
    assert rig.at_once(1, Inbox())[0].clock == 3


def test_who_is_late_is_told_and_goes_on_where_the_others_are():
    rig = Rig(2)
    rig.hub.round(0, 0, fresh=True)
    _, _, count = rig.session.supply.take(0, 2)
    assert count == 2
    rig.at_once(0, Reduce(rig.vector(1.0), quorum=1))
    assert rig.hub.round(1, 0, fresh=True) == Round(0, True, late=True)
    assert rig.at_once(1, Reduce(None, quorum=1)).count == 1
    assert not rig.hub.round(1, 1, fresh=True).late
    places = [rig.session.supply.take(rank, 1)[1] for rank in (0, 1)]
    assert places == [Moment(0, 0.0, 4)] * 2, "4 of 6 examples were learnt or missed by both"


# ---- portions


def portions(rig, rank):
    found = []
    while (portion := rig.at_once(rank, Take())) is not None:
        found.append(portion)
        push = Delta(rig.vector(0.0), portion.count, 1, 0.0, Moment(0, 0.0, 0), portion=portion.number)
        rig.at_once(rank, Push(push))
    return found


def test_a_pass_is_cut_into_portions_that_cover_it():
    rig = Rig(1, sgd(), n=100)
    rig.hub.round(0, 0, fresh=True)
    found = portions(rig, 0)
    assert found[0].first == 0
    assert [each.first for each in found[1:]] == [each.first + each.count for each in found[:-1]]
    assert found[-1].first + found[-1].count == 100
    assert len(found) == 16
    assert rig.session.supply.moment == Moment(0, 0.0, 100), "the epoch has been learnt"


def test_what_a_lost_worker_had_is_handed_out_again():
    rig = Rig(2, sgd(), n=100)
    for rank in (0, 1):
        rig.hub.round(rank, 0, fresh=True)
    lost = rig.at_once(1, Take())
    rig.hub.returned(1)
    found = portions(rig, 0)
    assert lost in found
    assert sorted(each.first for each in found) == [each.first for each in sorted(found, key=lambda p: p.number)]
    assert sum(each.count for each in found) == 100


def test_near_the_end_copies_of_unfinished_portions_are_handed_out():
    rig = Rig(2, sgd(), n=100)
    for rank in (0, 1):
        rig.hub.round(rank, 0, fresh=True)
    slow = rig.at_once(1, Take())
    found = []
    while slow not in found:
        portion = rig.at_once(0, Take())
        found.append(portion)
        if portion != slow:
            push = Delta(rig.vector(0.0), portion.count, 1, 0.0, Moment(0, 0.0, 0), portion=portion.number)
            rig.at_once(0, Push(push))
    assert len(found) == 32, "it comes when all others are done"


# ---- who leaves, and deadlocks


def test_nobody_waits_for_who_has_returned():
    rig = Rig(3, sgd())
    waiting = [rig.ask(0, Reduce(rig.vector(1.0))), rig.ask(1, Inbox((2,)))]
    rig.hub.returned(2)
    assert waiting[1] == [[]]
    assert waiting[0] == []
    rig.hub.returned(1)
    assert waiting[0][0].count == 1
    assert rig.hub.running == {0}
    assert rig.session.members.in_rounds == {0}


def test_waits_are_told_in_rank_order():
    rig = Rig(5, sgd())
    ticket = rig.at_once(3, Start(Reduce()))
    rig.ask(3, Wait(ticket))
    rig.ask(2, Inbox((0, 4)))
    rig.ask(1, Pull(version=1))
    rig.ask(0, Reduce())
    lines = [
        "worker 0 waits for all_reduce number 1, to which workers 1, 2, 4 have not come",
        "worker 1 waits for version 1 of shard 0, which is at version 0",
        "worker 2 waits for a message of workers 0, 4",
        "worker 3 waits for all_reduce number 1, to which workers 1, 2, 4 have not come",
        "worker 4 waits for the end of the epoch",
    ]
    assert str(rig.hub.deadlock({4})) == f"all workers wait for each other: {'; '.join(lines)}"


def test_only_pulls_are_let_go():
    rig = Rig(2, sgd())
    rig.ask(0, Reduce())
    rig.ask(1, Inbox((0,)))
    assert not rig.hub.release()
    assert not Rig(2).hub.release()


def test_a_deadlock_is_described_in_one_sentence():
    waits = [(rank, "all") for rank in range(8)]
    assert str(deadlock(waits[:2])) == "all workers wait for each other: worker 0 waits for all; worker 1 waits for all"
    assert str(deadlock(waits)).endswith("worker 5 waits for all; and 2 more")
