"""Which worker gets which rows, whoever asks in whatever order."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.data.test_blocks import in_chunks, rows_of

from hogwild.engines.handout import SMALLEST_PART, Handout
from hogwild.interfaces import Moment

asks = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60)), min_size=1, max_size=40)
START = Moment(0, 0.0, 0)
sizes, chunks, epochs = st.integers(2, 300), st.integers(1, 40), st.integers(0, 5)


@given(sizes, chunks, epochs, asks)
def test_each_row_goes_to_one_worker_in_whatever_order_they_ask(n, chunk, epoch, order):
    blocks = in_chunks(n, chunk)
    handout, given_out = Handout(blocks, Moment(epoch, 7.0, 0), 5, agreed=False), []
    turn = 0
    while any(handout.left(rank) for rank in range(5)):
        rank, wanted = order[turn % len(order)]
        block, moment = handout.take(rank, wanted)
        assert block.chunk == blocks.chunk
        assert block.starts.size >= 1
        assert block.starts.size <= max(1, wanted // blocks.chunk)
        assert moment == (epoch, 7.0, len(given_out))
        given_out += rows_of(blocks, block.starts)
        assert handout.examples == len(given_out)
        turn += 1
    assert sorted(given_out) == list(range(n))
    assert given_out == rows_of(blocks, blocks.order(epoch))
    block, moment = handout.take(0, 10)
    assert block.starts.size == 0
    assert moment.done == n


@given(sizes, chunks, epochs, st.integers(1, 5), st.integers(1, 60), asks)
def test_agreed_workers_are_given_the_same_blocks_at_their_own_pace(n, chunk, epoch, size, wanted, order):
    blocks = in_chunks(n, chunk)
    handout, taken = Handout(blocks, Moment(epoch, 0.0, 30), size, agreed=True), [[] for _ in range(size)]

    def take(rank: int) -> None:
        block, moment = handout.take(rank, wanted)
        before = moment.done - 30
        assert before == sum(len(rows) for rows, _ in taken[rank])
        if block.starts.size:
            taken[rank].append((rows_of(blocks, block.starts), before))

    for rank, _ in order:
        take(rank % size)
        assert handout.examples == max(sum(len(rows) for rows, _ in mine) for mine in taken)
    for rank in range(size):
        while handout.left(rank):
            take(rank)
    assert all(mine == taken[0] for mine in taken)
    assert [row for rows, _ in taken[0] for row in rows] == rows_of(blocks, blocks.order(epoch))
    assert handout.examples == n


@given(st.integers(100, 3000), st.integers(1, 8), st.integers(1, 500))
def test_blocks_shrink_towards_the_end(n, size, wanted):
    handout, sizes = Handout(in_chunks(n, 1), START, size, agreed=False), []
    while handout.left(0):
        left = n - sum(sizes)
        sizes.append(handout.take(len(sizes) % size, wanted)[0].starts.size)
        fair = left // (2 * size)
        assert sizes[-1] == min(left, wanted, max(fair, wanted // SMALLEST_PART, 1))
    assert all(later <= earlier for earlier, later in pairwise(sizes))
    assert sizes[0] <= wanted
    # No more than this is still running when the last block has been given out.
    assert sizes[-1] <= max(n // (2 * size), wanted // SMALLEST_PART, 1)


def test_blocks_keep_their_size_where_nobody_will_wait():
    handout, sizes = Handout(in_chunks(1000, 1), START, 4, agreed=False, meets=False), []
    while handout.left(0):
        sizes.append(handout.take(0, 300)[0].starts.size)
    assert sizes == [300, 300, 300, 100]


def test_no_row_is_given_out_twice_to_threads_that_ask_at_once():
    blocks = in_chunks(30_000, 1)
    handout = Handout(blocks, START, 4, agreed=False)

    def work(rank: int) -> list[int]:
        mine: list[int] = []
        while handout.left(rank):
            mine += handout.take(rank, 16)[0].starts.tolist()
        return mine

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(work, range(4)))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(30_000))
    assert handout.examples == 30_000
