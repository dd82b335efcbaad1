"""The server of one process, driven by hand: what waits at shards, what lets it go, and what workers are told."""

import numpy as np
import pytest
from tests.engines.hubs import Rig
from tests.engines.post import Post

from hogwild import adagrad, sgd
from hogwild.deltas import Change, Delta
from hogwild.params import NonFiniteError
from hogwild.requests import Ack, OnServer, Portion, Pull, Push, Start, Take, Wait
from hogwild.rules.schedules import Moment
from hogwild.server import WINDOW

NOW = Moment(0, 0.0, 0)
ME, SHARDS = ("worker", 0), (("shard", 0), ("shard", 1), ("shard", 2))


def test_a_push_is_applied_and_seen():
    rig = Rig(rule=sgd(), shards=3)
    assert rig.at_once(0, Push(rig.vector(2.0))) == Ack((1, 1, 1), 0, False)
    assert rig.weights == [2.0] * 6
    pulled = rig.at_once(1, Pull())
    assert pulled.values.tolist() == [2.0] * 6
    assert (pulled.versions, pulled.keys, pulled.met) == ((1, 1, 1), None, True)


def test_a_delta_is_a_step_of_the_rule_at_the_rate_of_the_model():
    rig = Rig(rule=sgd())
    rig.at_once(0, Push(Delta(rig.vector(6.0), 4, 2, 0.0, NOW)))
    assert rig.weights == [-3.0] * 6  # the ledger's rate is 1
    rig = Rig(rule=adagrad(0.5), shards=2)
    rig.at_once(0, Push(Delta(rig.vector(6.0), 4, 2, 0.0, NOW)))
    assert rig.weights == pytest.approx([-0.5] * 6)


def test_staleness_is_what_others_have_pushed_since_the_last_pull():
    rig = Rig(rule=sgd())
    for rank, staleness in ((0, 0), (0, 0), (1, 2)):
        assert rig.at_once(rank, Push(rig.vector(1.0))).staleness == staleness
    rig.at_once(1, Pull())
    assert rig.at_once(1, Push(rig.vector(1.0))).staleness == 0
    assert rig.traffic.staleness == {0: 3, 2: 1}


def test_weights_that_have_come_are_not_the_workers_before_it_takes_them():
    rig = Rig(rule=sgd())
    ticket = rig.at_once(0, Start(Pull()))
    rig.at_once(1, Push(rig.vector(1.0)))
    early = rig.at_once(0, Start(Pull()))
    assert ticket.done
    assert early.done
    assert rig.at_once(0, Push(rig.vector(1.0))).staleness == 1
    rig.at_once(0, Wait(early))
    assert rig.at_once(0, Push(rig.vector(1.0))).staleness == 0


def test_weights_of_the_start_are_on_the_server():
    rig = Rig(rule=sgd(), shards=2)
    rig.session.params[0].weights[:] = 7.0  # its own: the server's are a copy
    assert rig.at_once(1, Pull()).values.tolist() == [0.0] * 6


def test_shards_answer_for_themselves_and_the_worker_hears_when_all_have():
    post = Post()
    rig = Rig(1, sgd(), 3, post=post)
    acked = rig.ask(0, Push(rig.vector(1.0)))
    post.deliver(ME, SHARDS[1])
    assert rig.weights == [0, 0, 1, 1, 0, 0]
    pulled = rig.ask(0, Pull())
    post.deliver_all()
    assert acked == [Ack((1, 1, 1), 0, False)]
    assert len(pulled) == 1


def test_answers_of_shards_may_come_in_any_order():
    post = Post()
    rig = Rig(1, sgd(), 3, post=post)
    rig.ask(0, Push(Change(np.arange(6.0), 1, 1)))
    post.deliver_all()
    pulled = rig.ask(0, Pull())
    for shard in (2, 0, 1):
        assert pulled == []
        post.deliver(ME, SHARDS[shard])
    post.deliver_all()
    assert pulled[0].values.tolist() == [0, 1, 2, 3, 4, 5]


def test_only_shards_with_these_rows_are_asked():
    post = Post()
    rig = Rig(1, sgd(), 3, post=post)
    pulled = rig.ask(0, Pull(np.array([2, 5])))
    assert set(post.under_way) == {(ME, SHARDS[1]), (ME, SHARDS[2])}
    post.deliver_all()
    assert pulled[0].values.tolist() == [0, 0]
    assert pulled[0].versions == (0, 0)


# ---- pulls that wait


def test_a_pull_waits_for_a_version_of_each_shard():
    rig = Rig(rule=sgd(), shards=3)
    pulled = rig.ask(0, Pull(version=2))
    rig.at_once(1, Push(rig.vector(1.0)))
    assert pulled == []
    rig.at_once(1, Push(Change(np.array([1.0]), 1, 1, np.array([0]))))  # other shards hear of it, too
    assert [(each.versions, each.met) for each in pulled] == [((2, 2, 2), True)]


def test_a_pull_waits_for_the_clock_of_all_in_rounds():
    rig = Rig(rule=sgd())
    pulled = rig.ask(0, Pull(clock=1))
    for rank in (0, 1):
        rig.at_once(rank, Push(rig.vector(1.0)))
    assert pulled == []
    rig.at_once(2, Push(rig.vector(1.0)))
    assert pulled[0].met
    assert pulled[0].values.tolist() == [3.0] * 6


def test_who_has_left_the_rounds_is_not_waited_for():
    rig = Rig(rule=sgd())
    pulled = rig.ask(0, Pull(clock=1))
    rig.at_once(0, Push(rig.vector(1.0)))
    rig.hub.left(1)
    assert pulled == []
    rig.hub.returned(2)
    assert pulled[0].met


def test_a_pull_waits_for_my_own_push_under_way_only_if_it_was_acknowledged():
    post = Post()
    rig = Rig(1, sgd(), 1, post=post)
    rig.ask(0, Push(rig.vector(1.0)))
    pulled = rig.ask(0, Pull())
    post.deliver_all()
    assert pulled[0].values.tolist() == [1.0] * 6  # it came behind the push


def test_what_can_no_longer_happen_is_not_met():
    rig = Rig(rule=sgd(), shards=2)
    by_version, by_clock = rig.ask(0, Pull(version=9)), rig.ask(1, Pull(clock=9))
    rig.at_once(2, Push(rig.vector(1.0)))
    while rig.hub.release():
        pass
    for pulled in (by_version, by_clock):
        assert [each.met for each in pulled] == [False]
        assert pulled[0].values.tolist() == [1.0] * 6


def test_only_what_lies_furthest_in_the_future_is_given_up():
    rig = Rig(rule=sgd())
    near, far = rig.ask(0, Pull(version=1)), rig.ask(1, Pull(version=99))
    assert rig.hub.release()
    assert (near, far[0].met) == ([], False)
    rig.at_once(1, Push(rig.vector(1.0)))
    assert near[0].met
    assert not rig.hub.release(), "there is nothing more to let go"


def test_one_shard_that_is_not_ready_makes_it_unmet():
    post = Post()
    rig = Rig(1, sgd(), 3, post=post)
    rig.ask(0, Push(rig.vector(1.0)))
    for shard in (0, 2):
        post.deliver(ME, SHARDS[shard])
    pulled = rig.ask(0, Pull(version=1))
    post.under_way[ME, SHARDS[1]].popleft()  # lost
    post.deliver_all()
    assert pulled == []
    assert [text for _, text in rig.servers.waits()] == ["version 1 of shard 1, which is at version 0"]
    assert rig.hub.release()
    post.deliver_all()
    assert not pulled[0].met


def test_pulls_that_do_not_wait_are_answered_while_others_wait():
    rig = Rig(rule=sgd())
    waiting = rig.ask(0, Pull(version=1))
    assert rig.at_once(1, Pull()).met
    assert waiting == []


def test_it_says_who_waits_for_what():
    rig = Rig(2, rule=sgd())
    rig.ask(1, Pull(clock=3))
    rig.ask(0, Pull(version=2))
    assert str(rig.hub.deadlock(())) == (
        "all workers wait for each other: worker 0 waits for version 2 of shard 0, which is at version 0; "
        "worker 1 waits for clock 3 of shard 0, which is at version 0"
    )


# ---- operations


def test_operations_are_done_on_all_shards_and_added_up():
    rig = Rig(1, sgd(), 3)
    rig.at_once(0, Push(np.arange(6.0)))
    assert rig.at_once(0, OnServer(("copy", "old", "weights"))) == 0
    rig.at_once(0, OnServer(("scale", "weights", 2.0)))
    rig.at_once(0, OnServer(("axpy", "weights", -1.0, "old")))
    assert rig.weights == [0, 1, 2, 3, 4, 5]
    assert rig.at_once(0, OnServer(("dot", "weights", "old"))) == 55


def test_deltas_of_portions_are_summed_and_the_first_of_each_counts():
    rig = Rig(2, sgd(), 2)
    portions = [rig.at_once(rank, Take()) for rank in (0, 1, 0, 1, 0, 1)]
    assert [portion.number for portion in portions] == [0, 1, 2, 3, 4, 5]
    assert rig.at_once(0, Take()) == portions[1], "a copy of what another has not done"
    pushed = [
        rig.at_once(rank, Push(Delta(rig.vector(value), 1, 1, 0.5, NOW, None, number)))
        for rank, number, value in ((0, 1, 1.0), (1, 0, 2.0), (0, 0, 9.0), (1, 2, 4.0))
    ]
    assert [ack.late for ack in pushed] == [False] * 4
    assert rig.weights == [0.0] * 6, "nothing is applied"
    assert rig.at_once(0, OnServer(("loss",))) == 1.5
    assert rig.at_once(0, OnServer(("dot", "accrued", "accrued"))) == 6 * 7.0**2
    assert rig.at_once(0, Push(Delta(rig.vector(1.0), 1, 1, 0.5, NOW, None, 3))).late, "the sum was read"
    assert isinstance(rig.at_once(1, Take()), Portion), "what was dropped is still to be done"


def test_an_operation_on_what_is_not_there_fails_where_it_is_awaited():
    rig = Rig(2, sgd())
    operation = OnServer(("scale", "direction", 2.0))
    sentence = r"^the server has no vector 'direction', only weights, accrued"
    with pytest.raises(ValueError, match=sentence):
        raise rig.at_once(1, operation).error
    with pytest.raises(ValueError, match=sentence) as caught:
        rig.ask(1, Start(operation))
    assert caught.value.__notes__ == ["(OnServer that worker 1 has started)"]


# ---- many under way, and misuse


def test_what_is_held_back_is_checked_at_once():
    rig = Rig(1, sgd(), 2, post=Post())
    for _ in range(WINDOW):
        rig.ask(0, Push(rig.vector(1.0)))
    with pytest.raises(NonFiniteError, match=r"^6 of 6 values that worker 0 pushes are NaN"):
        rig.ask(0, Push(rig.vector(np.nan)))


def test_more_pushes_than_shards_remember_are_held_back():
    post, count = Post(), 2 * WINDOW + 3
    rig = Rig(1, sgd(), 2, post=post)
    acks = [rig.ask(0, Push(rig.vector(1.0))) for _ in range(count)]
    assert sum(len(queue) for queue in post.under_way.values()) == 2 * WINDOW
    post.deliver_all()
    assert [ack[0].versions for ack in acks] == [(k + 1, k + 1) for k in range(count)]
    assert rig.weights == [float(count)] * 6


@pytest.mark.parametrize(
    ("x", "kind", "sentence"),
    [
        (np.ones(5), ValueError, r"a vector of shape \(5,\) does not fit the server's 6 weights"),
        (np.ones(6, int), ValueError, r"^push\(\) of an array of shape \(6,\) and dtype int64: give a vector of float"),
        ([1.0] * 6, TypeError, r"^push\(\) wants a Delta, a Change or a vector \(a NumPy array\), not list$"),
        (None, TypeError, r"^push\(\) wants a Delta, a Change or a vector \(a NumPy array\), not NoneType$"),
        (np.full(6, np.nan), NonFiniteError, r"6 of 6 values that worker 0 pushes are NaN or infinite"),
        (Change(np.ones(2), 1, 1, np.array([3, 1])), ValueError, r"keys must increase"),
        (Change(np.ones(1), 1, 1, np.array([6])), ValueError, r"row 6 is not there: keys must lie in 0 .. 5"),
    ],
)
def test_bad_pushes_are_refused_before_any_shard_has_heard_of_them(x, kind, sentence):
    rig = Rig(rule=sgd(), shards=2)
    with pytest.raises(kind, match=sentence):
        rig.ask(0, Push(x))
    assert rig.traffic.messages == 0
    assert rig.at_once(0, Push(rig.vector(1.0))).versions == (1, 1)


@pytest.mark.parametrize("wait", [{"version": -1}, {"clock": 1.5}])
def test_bad_waits_are_refused(wait):
    with pytest.raises(ValueError, match=r"must be a whole number of at least 0, or None not to wait"):
        Rig(rule=sgd()).ask(0, Pull(**wait))


def test_more_shards_than_rows_are_refused():
    with pytest.raises(ValueError, match=r"shards=7 must be a whole number from 1 to 6, the number of rows"):
        Rig(rule=sgd(), shards=7)
