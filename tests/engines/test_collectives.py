"""All-reduce, driven by hand: what is summed, who is told what and when, who is waited for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.post import Post

from hogwild.deltas import Delta
from hogwild.engines.collectives import Collectives
from hogwild.engines.transport import Direct
from hogwild.requests import Reduce, Reduced
from hogwild.rules.schedules import Moment
from hogwild.traffic import Traffic


class Rig:
    """Collectives of so many workers; `told[rank]` are the sums that it was told."""

    def __init__(self, size, transport=None, place=None):
        self.traffic = Traffic()
        self.running = set(range(size))
        self.collectives = Collectives(size, transport or Direct(self.traffic), self.running, place)
        self.told = {rank: [] for rank in range(size)}

    def give(self, rank, x=None, quorum=None):
        x = np.array([float(x)]) if isinstance(x, int | float) else x
        self.collectives.give(rank, Reduce(x, quorum), self.told[rank].append)

    def leave(self, rank):
        self.running.discard(rank)
        self.collectives.returned(rank)

    @property
    def values(self):
        return {rank: [None if one.sum is None else one.sum[0] for one in told] for rank, told in self.told.items()}


def test_all_are_told_when_the_last_has_come():
    rig = Rig(3)
    rig.give(2, 4)
    rig.give(0, 1)
    assert rig.values == {0: [], 1: [], 2: []}
    rig.give(1, 2)
    assert rig.values == {0: [7], 1: [7], 2: [7]}
    assert {told[0].count for told in rig.told.values()} == {3}


def test_it_takes_as_long_as_the_transport_takes():
    post = Post()
    rig = Rig(2, post)
    rig.give(0, 1)
    rig.give(1, 2)
    assert rig.values == {0: [], 1: []}
    post.deliver_all()
    assert rig.values == {0: [3], 1: [3]}


@given(st.permutations(range(5)), st.lists(st.floats(-1e30, 1e30), min_size=5, max_size=5))
def test_the_sum_is_in_rank_order_whoever_comes_first(order, values):
    rig = Rig(5)
    for rank in order:
        rig.give(rank, values[rank])
    expected = values[0]
    for value in values[1:]:
        expected += value
    assert rig.values == {rank: [expected] for rank in range(5)}


@given(st.integers(1, 4), st.lists(st.integers(0, 3), max_size=40))
def test_the_kth_request_belongs_to_the_kth_sum(size, order):
    rig = Rig(size)
    asked = [0] * size
    for rank in (each % size for each in order):
        if len(rig.told[rank]) == asked[rank]:  # it does not wait
            asked[rank] += 1
            rig.give(rank, 10 ** asked[rank])
    complete = min(asked)
    for rank in range(size):
        assert rig.values[rank] == [size * 10 ** (k + 1) for k in range(complete)]


def test_deltas_make_one_larger_minibatch():
    def delta(value, examples, steps, done, keys=None):
        return Delta(np.full(2, value), examples, steps, value, Moment(0, 0.0, done), keys)

    rig = Rig(3)
    for rank, given_ in enumerate((delta(1.0, 4, 1, 8), delta(2.0, 5, 2, 9), delta(4.0, 0, 0, 3))):
        rig.give(rank, given_)
    total = rig.told[0][0].sum
    assert total.values.tolist() == [7, 7]
    assert (total.examples, total.steps, total.loss, total.moment.done) == (9, 2, 7.0, 9)

    for rank in range(3):
        rig.give(rank, delta(1.0, 1, 1, 1, np.array([rank, rank + 2])))
    total = rig.told[0][1].sum
    assert total.keys.tolist() == [0, 1, 2, 3, 4]
    assert total.values.tolist() == [1, 1, 2, 1, 1]
    assert (total.examples, total.steps) == (3, 1)


def test_what_was_given_is_not_changed_and_what_is_told_cannot_be():
    rig = Rig(2)
    mine, other = np.array([1.0]), np.array([2.0])
    rig.give(0, mine)
    rig.give(1, other)
    assert (mine[0], other[0]) == (1, 2)
    total = rig.told[0][0].sum
    with pytest.raises(ValueError, match="read-only"):
        total += 1


def test_the_sum_of_one_vector_is_a_copy():
    rig = Rig(1)
    mine = np.array([1.0])
    rig.give(0, mine)
    mine[0] = 5
    assert rig.values == {0: [1]}


def test_none_listens_and_is_a_barrier():
    rig = Rig(3)
    for rank, x in enumerate((None, 2, None)):
        rig.give(rank, x)
    assert rig.values == {0: [2], 1: [2], 2: [2]}
    assert rig.told[0][0].count == 1
    for rank in range(3):
        rig.give(rank)
    assert [told[1] for told in rig.told.values()] == [Reduced(None, 0)] * 3


# ---- quorum


def test_a_quorum_closes_the_sum():
    rig = Rig(3)
    rig.give(2, 4, quorum=2)
    assert not rig.collectives.late(0)
    rig.give(1, 2, quorum=2)
    assert rig.values == {0: [], 1: [6], 2: [6]}
    assert rig.collectives.late(0)
    assert not rig.collectives.late(1)
    rig.give(0, 1, quorum=2)
    assert rig.values[0] == [6], "who comes later is told, and adds nothing"
    assert not rig.collectives.late(0)


def test_listeners_do_not_count_for_a_quorum():
    rig = Rig(3)
    rig.give(0, quorum=2)
    rig.give(1, 2, quorum=2)
    assert rig.values == {0: [], 1: [], 2: []}
    rig.give(2, 4, quorum=2)
    assert rig.values == {0: [6], 1: [6], 2: [6]}


def test_all_listen_though_a_quorum_was_wanted():
    rig = Rig(2)
    rig.give(0, quorum=2)
    rig.give(1, quorum=2)
    assert [told[0] for told in rig.told.values()] == [Reduced(None, 0)] * 2


def test_a_laggard_catches_up_with_several_sums():
    rig = Rig(2)
    for k in range(3):
        rig.give(0, k + 1, quorum=1)
    assert rig.values == {0: [1, 2, 3], 1: []}
    for _ in range(3):
        assert rig.collectives.late(1)
        rig.give(1, 100, quorum=1)
    assert rig.values[1] == [1, 2, 3]
    assert not rig.collectives.late(1)


def test_who_is_late_goes_on_where_the_others_were():
    rig = Rig(2, place=lambda rank: f"place of {rank}")
    rig.give(0, 1, quorum=1)
    assert rig.collectives.late(1)
    assert rig.collectives.place_of_next(1) == "place of 0"


def test_sums_that_all_were_told_are_forgotten():
    rig = Rig(3)
    for _ in range(4):
        for rank in range(3):
            rig.give(rank, 1, quorum=2)
    assert rig.collectives._sums == {}


# ---- who returns


def test_nobody_waits_for_who_has_returned():
    rig = Rig(3)
    rig.give(0, 1)
    rig.give(1, 2)
    rig.leave(2)
    assert rig.values == {0: [3], 1: [3], 2: []}
    assert rig.told[0][0].count == 2
    rig.give(1, 5)
    rig.leave(0)
    assert rig.values[1] == [3, 5]


def test_what_was_given_before_returning_counts():
    rig = Rig(2)
    rig.give(0, 1)  # started, and not awaited
    rig.leave(0)
    rig.give(1, 2)
    assert rig.values == {0: [3], 1: [3]}


# ---- misuse, waits, bytes


def delta_of(size):
    return Delta(np.zeros(size), 1, 1, 0.0, Moment(0, 0.0, 0))


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (np.ones(2), np.ones(3), r"worker 1 gives a vector of shape \(3,\) and worker 0 a vector of shape \(2,\)"),
        (np.ones(2), delta_of(2), r"worker 1 gives a Delta of shape \(2,\) and worker 0 a vector of shape \(2,\)"),
        (delta_of(2), delta_of(3), r"worker 1 gives a Delta of shape \(3,\) and worker 0 a Delta of shape \(2,\)"),
    ],
)
def test_what_cannot_be_added_is_refused(x, y, sentence):
    rig = Rig(2)
    rig.give(0, x)
    with pytest.raises(ValueError, match=sentence):
        rig.give(1, y)


def test_a_quorum_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"quorum=3 is more than the 2 workers there are"):
        Rig(2).give(0, 1, quorum=3)


def test_it_says_who_waits_for_whom():
    rig = Rig(9)
    rig.give(0, 1)
    rig.give(1, 1)
    what = "all_reduce number 1, to which workers 2, 3, 4, 5, 6, ... have not come"
    assert [text for _, text in rig.collectives.waits()] == [what, what]
    for rank in range(3, 9):
        rig.give(rank)
    assert {text for _, text in rig.collectives.waits()} == {"all_reduce number 1, to which worker 2 has not come"}


def test_bytes_are_those_of_an_all_reduce():
    rig = Rig(4)
    for rank in range(4):
        rig.give(rank, np.zeros(10))
    assert rig.traffic.sent_bytes == 2 * 3 * 80
    assert rig.traffic.messages == 2 * 4 * 2
