"""Mailboxes, driven by hand: messages under way, slots, who waits for whom, and weights of others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.post import Post

from hogwild.deltas import Change, Delta
from hogwild.engines.mailboxes import Mailboxes
from hogwild.engines.transport import HEADER_BYTES, Direct
from hogwild.params import Params
from hogwild.requests import Average, Get, Inbox, Put
from hogwild.rules.schedules import Moment
from hogwild.traffic import Traffic


class Rig:
    """Mailboxes of so many workers, with weights full of their ranks and clocks of 10 times their ranks."""

    def __init__(self, size=3, transport=None):
        self.traffic = Traffic()
        self.params = [Params({"w": (2,)}, np.float64) for _ in range(size)]
        for rank, params in enumerate(self.params):
            params.weights[:] = rank
        self.running = set(range(size))
        transport = transport if transport is not None else Direct(self.traffic)
        self.busy, self.visits = set(), []
        self.boxes = Mailboxes(self.params, transport, self.running, lambda rank: 10 * rank, self.at_rest)

    def at_rest(self, rank, act):
        """Who is busy is visited later."""
        if rank in self.busy:
            self.visits.append(act)
        else:
            act()

    def put(self, rank, peer, x, mode="replace"):
        answers = []
        x = np.array([float(x)]) if isinstance(x, int | float) else x
        self.boxes.put(rank, Put(peer, x, mode), answers.append)
        return answers[0]

    def inbox(self, rank, *senders):
        """A list that will hold the answer: [(sender, value), ...]."""
        found = []
        reply = lambda messages: found.append([(each.sender, float(each.x[0])) for each in messages])  # noqa: E731
        self.boxes.inbox(rank, Inbox(senders or None), reply)
        return found

    def ask(self, rank, request):
        found = []
        handler = self.boxes.get if isinstance(request, Get) else self.boxes.average
        handler(rank, request, found.append)
        return found

    def weights(self):
        return [params.weights.tolist() for params in self.params]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("replace", [(1, 4.0), (2, 8.0)]), ("add", [(1, 6.0), (2, 8.0)]), ("queue", [(1, 2.0), (1, 4.0), (2, 8.0)])],
)
def test_a_slot_for_each_sender(mode, expected):
    rig = Rig()
    assert rig.put(2, 0, 8, mode)
    assert rig.put(1, 0, 2, mode)
    assert rig.put(1, 0, 4, mode)
    assert rig.inbox(0) == [expected]
    assert rig.inbox(0) == [[]]


def test_adding_goes_to_what_was_put_last():
    rig = Rig()
    for x, mode in ((1, "queue"), (2, "queue"), (4, "add")):
        rig.put(1, 0, x, mode)
    assert rig.inbox(0) == [[(1, 1.0), (1, 6.0)]]


def test_deltas_accrue():
    rig = Rig()
    delta = Delta(np.ones(2), 3, 1, 0.5, Moment(0, 0.0, 7))
    for _ in range(2):
        rig.put(1, 0, delta, "add")
    found = []
    rig.boxes.inbox(0, Inbox(), found.append)
    (message,) = found[0]
    assert (message.x.values.tolist(), message.x.examples, message.x.steps) == ([2, 2], 6, 2)
    assert message.clock == 10


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["add", "queue"]), st.integers(0, 9)), max_size=20))
def test_nothing_is_lost(puts):
    rig = Rig(4)
    for sender, mode, x in puts:
        rig.put(sender, 0, x, mode)
    ((found),) = rig.inbox(0)
    for sender in (1, 2, 3):
        sent = [x for rank, _, x in puts if rank == sender]
        assert sum(x for rank, x in found if rank == sender) == sum(sent)
    assert [rank for rank, _ in found] == sorted(rank for rank, _ in found)


def test_it_is_a_copy():
    rig, x = Rig(), np.array([1.0])
    rig.put(1, 0, x)
    x[0] = 5
    assert rig.inbox(0) == [[(1, 1.0)]]
    change = Change(np.array([1.0]), 1, 1)
    rig.put(1, 0, change)
    change.values[0] = 5
    found = []
    rig.boxes.inbox(0, Inbox(), found.append)
    assert found[0][0].x.values[0] == 1


def test_it_is_there_when_it_has_arrived():
    post = Post()
    rig = Rig(transport=post)
    assert rig.put(1, 0, 2), "answered when it is on its way"
    assert rig.inbox(0) == [[]]
    waiting = rig.inbox(0, 1)
    assert waiting == []
    post.deliver_all()
    assert waiting == [[(1, 2.0)]]


def test_inbox_waits_for_one_message_of_each_sender():
    rig = Rig(4)
    waiting = rig.inbox(0, 1, 3)
    rig.put(2, 0, 7)
    rig.put(3, 0, 1, "queue")
    rig.put(3, 0, 2, "queue")
    assert waiting == []
    rig.put(1, 0, 5)
    assert waiting == [[(1, 5.0), (3, 1.0)]], "one of each that is named"
    assert rig.inbox(0, 3) == [[(3, 2.0)]]
    none = []
    rig.boxes.inbox(0, Inbox(()), none.append)
    assert none == [[]], "of nobody"
    assert rig.inbox(0) == [[(2, 7.0)]], "all there is"
    assert rig.inbox(0) == [[]]


def test_two_inboxes_wait_at_once():
    rig = Rig()
    first, second = rig.inbox(0, 1), rig.inbox(0, 1)
    other = rig.inbox(0, 2)
    rig.put(1, 0, 1, "queue")
    assert (first, second, other) == ([[(1, 1.0)]], [], [])
    rig.put(2, 0, 2, "queue")
    assert other == [[(2, 2.0)]], "who waits for something else is not waited for"
    rig.put(1, 0, 3, "queue")
    assert second == [[(1, 3.0)]]


def test_nobody_waits_for_who_has_returned():
    rig = Rig()
    waiting = rig.inbox(0, 1, 2)
    rig.put(1, 0, 1)
    rig.running.discard(2)
    rig.boxes.returned()
    assert waiting == [[(1, 1.0)]]
    assert rig.inbox(0, 2) == [[]]


def test_nothing_is_sent_to_who_has_returned():
    rig = Rig()
    rig.running.discard(2)
    assert not rig.put(0, 2, 1)
    assert rig.traffic.messages == 0


def test_get_reads_weights_when_the_question_arrives():
    post = Post()
    rig = Rig(transport=post)
    me, there = ("worker", 0), ("worker", 2)
    found = rig.ask(0, Get(2))
    rig.params[2].weights[:] = 5
    post.deliver(me, there)
    rig.params[2].weights[:] = 6
    assert found == []
    post.deliver(there, me)
    (message,) = found
    assert (message.sender, message.x.tolist(), message.clock) == (2, [5, 5], 20)
    message.x[:] = 0
    assert rig.weights()[2] == [6, 6]


def test_average_is_one_act_when_it_arrives():
    post = Post()
    rig = Rig(transport=post)
    found = rig.ask(0, Average(2))
    rig.params[2].weights[:] = 8  # the peer goes on
    post.deliver(("worker", 0), ("worker", 2))
    assert rig.weights() == [[4, 4], [1, 1], [4, 4]]
    assert found == []
    post.deliver_all()
    assert found == [True]


def test_weights_of_who_computes_are_left_alone_until_it_rests():
    rig = Rig()
    rig.busy.add(2)
    read, averaged = rig.ask(0, Get(2)), rig.ask(1, Average(2))
    rig.put(0, 2, 1)  # its mailbox is another matter
    assert (read, averaged) == ([], [])
    assert rig.weights() == [[0, 0], [1, 1], [2, 2]]
    rig.params[2].weights[:] = 5  # what it has computed
    for visit in rig.visits:
        visit()
    assert read[0].x.tolist() == [5, 5]
    assert averaged == [True]
    assert rig.weights() == [[0, 0], [3, 3], [3, 3]]


def test_average_with_myself_changes_nothing():
    rig = Rig()
    assert rig.ask(1, Average(1)) == [True]
    assert rig.weights() == [[0, 0], [1, 1], [2, 2]]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30))
def test_averages_keep_the_sum(pairs):
    rig = Rig(5)
    for rank, peer in pairs:
        rig.ask(rank, Average(peer))
    assert sum(weights[0] for weights in rig.weights()) == pytest.approx(10, rel=1e-12)


@pytest.mark.parametrize("peer", [3, -1, 1.0, "0", None])
def test_unknown_peers_are_refused(peer):
    rig = Rig()
    sentence = rf"there is no worker {peer!r}; ranks are 0 to 2"
    with pytest.raises(ValueError, match=sentence):
        rig.put(0, peer, 1)
    with pytest.raises(ValueError, match=sentence):
        rig.inbox(0, peer)
    for request in (Get(peer), Average(peer)):
        with pytest.raises(ValueError, match=sentence):
            rig.ask(0, request)


def test_unknown_modes_are_refused():
    with pytest.raises(ValueError, match=r'put\(mode=\'append\'\) must be "replace", "add" or "queue"'):
        Rig().put(0, 1, 1, "append")


def test_it_says_who_waits_for_whom():
    rig = Rig(9)
    rig.inbox(0, 1)
    rig.inbox(1, *range(2, 9))
    rig.put(3, 1, 1)
    texts = [text for _, text in rig.boxes.waits()]
    assert texts == ["a message of worker 1", "a message of workers 2, 4, 5, 6, 7, ..."]


def test_bytes_are_counted():
    rig = Rig()
    rig.put(0, 1, np.zeros(5))
    assert (rig.traffic.sent_bytes, rig.traffic.messages) == (HEADER_BYTES + 40, 1)
    rig.ask(0, Get(1))
    assert (rig.traffic.sent_bytes, rig.traffic.messages) == (3 * HEADER_BYTES + 40 + 16, 3)
    rig.ask(0, Average(1))
    assert (rig.traffic.sent_bytes, rig.traffic.messages) == (5 * HEADER_BYTES + 40 + 3 * 16, 5)


def everything(rig, rank) -> list:
    """What lies in the mailbox of this worker."""
    answers = []
    rig.boxes.inbox(rank, Inbox(), answers.append)
    return [message.x for message in answers[0]]


def test_what_cannot_be_added_leaves_what_was_there():
    rig = Rig()
    rig.put(0, 1, np.ones(3), "add")
    sentence = r'^put\(mode="add"\): worker 0 adds a .* to a vector of shape \(3,\) in the mailbox of worker 1'
    for other in (np.ones(4), np.ones(1), Change(np.ones(3), 1, 1)):
        with pytest.raises(ValueError, match=sentence):
            rig.put(0, 1, other, "add")
    assert [x.tolist() for x in everything(rig, 1)] == [[1.0, 1.0, 1.0]]


def test_changes_add_up():
    rig = Rig()
    for _ in range(2):
        rig.put(0, 1, Change(np.ones(3), 5, 2), "add")
    (change,) = everything(rig, 1)
    assert (change.values.tolist(), change.examples, change.steps) == ([2.0, 2.0, 2.0], 10, 4)
