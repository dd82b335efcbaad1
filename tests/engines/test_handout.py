"""Which worker gets which rows, whoever asks in whatever order."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.data.test_blocks import in_chunks, rows_of

from hogwild.engines.handout import SMALLEST_PART, Handout
from hogwild.rules.schedules import Moment

START = Moment(0, 0.0, 0)
asks = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60)), min_size=1, max_size=40)
sizes, chunks, epochs = st.integers(2, 300), st.integers(1, 40), st.integers(0, 5)


def over(blocks, moment, size, **how) -> Handout:
    """A handout of the training rows of these."""
    return Handout(blocks.n_training, blocks.chunk, moment, size, **how)


def rows_in(blocks, stretch):
    """The rows of a stretch, in order."""
    cut = blocks.cut(blocks.order(stretch.epoch), stretch.first, stretch.end)
    return [
        row for block in cut for start in block.starts for row in range(start, min(start + block.chunk, blocks.n_rows))
    ]


def rounded(examples, chunk):
    return examples - examples % chunk if examples >= chunk else examples


@given(sizes, chunks, epochs, asks, st.booleans())
def test_each_row_goes_to_one_worker_in_whatever_order_they_ask(n, chunk, epoch, order, hurried):
    blocks = in_chunks(n, chunk)
    handout, given_out = (
        over(blocks, Moment(epoch, 7.0, 30), 5, agreed=False, hurried=hurried),
        [],
    )
    turn = 0
    while handout.left:
        rank, wanted = order[turn % len(order)]
        stretch = handout.take(rank, wanted)
        assert stretch.moment == (epoch, 7.0, 30 + len(given_out))
        rows = rows_in(blocks, stretch)
        assert 1 <= len(rows) == stretch.end - stretch.first <= rounded(wanted, blocks.chunk)
        given_out += rows
        assert handout.examples == len(given_out)
        turn += 1
    assert given_out == rows_of(blocks, blocks.order(epoch))
    stretch = handout.take(0, 10)
    assert stretch.first == stretch.end
    assert stretch.moment.done == 30 + n


@given(sizes, chunks, epochs, st.integers(1, 5), st.lists(st.integers(1, 60), min_size=1, max_size=9))
def test_agreed_workers_share_each_walk_out_among_themselves(n, chunk, epoch, size, wanted):
    blocks = in_chunks(n, chunk)
    handouts = [over(blocks, Moment(epoch, 0.0, 30), size, agreed=True, hurried=True) for _ in range(size)]
    everything, turn = [], 0
    while handouts[0].left:
        examples = wanted[turn % len(wanted)]
        before = handouts[0].examples
        parts = [handout.take(rank, examples) for rank, handout in enumerate(handouts)]
        assert all(part.moment == (epoch, 0.0, 30 + before) for part in parts)
        assert all(part.end - part.first <= rounded(examples, blocks.chunk) for part in parts)
        assert len({handout.examples for handout in handouts}) == 1
        everything += [row for part in parts for row in rows_in(blocks, part)]
        turn += 1
    assert everything == rows_of(blocks, blocks.order(epoch))


@given(sizes, epochs, st.integers(1, 9), st.integers(1, 20), st.integers(1, 9))
def test_agreed_workers_share_the_end_of_an_epoch_evenly(n, epoch, size, steps, minibatch):
    handouts = [Handout(n, 1, Moment(epoch, 0.0, 30), size, agreed=True, hurried=True) for _ in range(size)]
    while handouts[0].left:
        parts = [handout.take(rank, steps * minibatch, minibatch) for rank, handout in enumerate(handouts)]
        counts = [part.end - part.first for part in parts]
        assert max(counts) <= steps * minibatch
        assert max(counts) - min(counts) < 2 * minibatch
        assert all(earlier.end == later.first for earlier, later in pairwise(parts)), "in the order of ranks"
        assert sum(count % minibatch > 0 for count in counts) <= (not handouts[0].left), "whole minibatches"


@given(st.integers(1, 300), st.integers(1, 5), st.integers(1, 30), st.booleans())
def test_minibatches_are_not_cut_up_towards_a_meeting(n, size, minibatch, hurried):
    handout, counts = Handout(n, 1, START, size, agreed=False, hurried=hurried), []
    while handout.left:
        stretch = handout.take(0, 4 * minibatch, minibatch)
        counts.append(stretch.end - stretch.first)
    assert all(count % minibatch == 0 for count in counts[:-1])
    assert counts[-1] % minibatch == n % minibatch


@given(sizes, chunks, st.integers(1, 5), st.integers(1, 60))
def test_workers_that_walk_together_are_all_given_the_same(n, chunk, size, examples):
    blocks = in_chunks(n, chunk)
    handout, everything = over(blocks, START, size, agreed=True, hurried=True), []
    while handout.left:
        twin = handout.twin()
        stretch = handout.take_together(examples, 1)
        assert stretch == twin.take_together(examples, 1)
        everything += rows_in(blocks, stretch)
        assert stretch.end - stretch.first <= size * rounded(examples, blocks.chunk)
    assert everything == rows_of(blocks, blocks.order(0))


@given(sizes, chunks, st.integers(1, 5), st.integers(0, 100), st.booleans())
def test_the_rest_of_an_epoch_is_shared_out(n, chunk, size, before, agreed):
    blocks = in_chunks(n, chunk)
    handouts = [over(blocks, START, size, agreed=agreed, hurried=False) for _ in range(size)]
    taken = [handout.take(rank, 1 + before) for rank, handout in enumerate(handouts)]
    done = handouts[0].examples
    parts = [handout.take_rest(rank) for rank, handout in enumerate(handouts)]
    assert not any(handout.left for handout in handouts)
    rest = rows_of(blocks, blocks.order(0))[done:]
    if agreed:
        assert [row for part in parts for row in rows_in(blocks, part)] == rest
    else:
        assert all(rows_in(blocks, part) == rest for part in parts)
    assert taken[0].first == 0


@given(st.integers(100, 3000), st.integers(1, 8), st.integers(1, 500))
def test_blocks_shrink_towards_a_meeting(n, size, wanted):
    handout, sizes = Handout(n, 1, START, size, agreed=False, hurried=True), []
    while handout.left:
        left = n - sum(sizes)
        stretch = handout.take(len(sizes) % size, wanted)
        sizes.append(stretch.end - stretch.first)
        fair = left // (2 * size)
        assert sizes[-1] == min(left, wanted, max(fair, wanted // SMALLEST_PART, 1))
    assert all(later <= earlier for earlier, later in pairwise(sizes))
    assert sizes[0] <= wanted
    # No more than this is still running when the last block has been given out.
    assert sizes[-1] <= max(n // (2 * size), wanted // SMALLEST_PART, 1)


def test_blocks_keep_their_size_where_nobody_will_wait():
    handout, sizes = Handout(1000, 1, START, 4, agreed=False, hurried=False), []
    while handout.left:
        stretch = handout.take(0, 300)
        sizes.append(stretch.end - stretch.first)
    assert sizes == [300, 300, 300, 100]


def test_no_row_is_given_out_twice_to_threads_that_ask_at_once():
    blocks = in_chunks(30_000, 1)
    handout = over(blocks, START, 4, agreed=False, hurried=True)

    def work(rank: int) -> list[int]:
        mine: list[int] = []
        while handout.left:
            mine += rows_in(blocks, handout.take(rank, 16))
        return mine

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(work, range(4)))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(30_000))
    assert handout.examples == 30_000
