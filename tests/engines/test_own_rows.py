"""Data that stay with their workers: passes over own rows, and handouts that only count."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild import Partitioned, Simulated, Stop, Unsupported, train
from hogwild.data import blocks
from hogwild.data.blocks import Blocks, Owned
from hogwild.data.examples import Examples
from hogwild.engines.own_rows import OwnRows, parts_of
from hogwild.engines.supply import Supply
from hogwild.requests import ALL, Portion
from hogwild.rules.schedules import Moment
from hogwild.testing.ledger import Ledger
from hogwild.testing.probes import Probe


def examples_of(n: int) -> Examples:
    return Examples(np.zeros((n, 3), np.float32), np.tile([-1.0, 1.0], n)[:n], None, "X")


def parts(bounds, chunk=1, holdout=0.0, seed=0):
    """Blocks of the workers of a small set, cut as a large one would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CACHED_BYTES", 0)
        patch.setattr(blocks, "CHUNK_NONZEROS", chunk * 3)
        made = parts_of(examples_of(bounds[-1]), holdout, seed, bounds)
    assert {part.chunk for part in made} == {chunk}
    return made


def rows_in(found, n):
    """The rows of blocks, as a kernel reads them: it stops at the end of the data only."""
    return [i for block in found for s in block.starts for i in range(s, min(s + block.chunk, n))]


@st.composite
def bounds_of_workers(draw):
    counts = draw(st.lists(st.integers(2, 40), min_size=2, max_size=5))
    return (0, *np.cumsum(counts).tolist())


chunks, seeds = st.integers(1, 9), st.integers(0, 2**40)


@given(bounds_of_workers(), chunks, seeds, st.integers(0, 3))
def test_the_parts_have_all_rows_once(bounds, chunk, seed, epoch):
    chunk = min(chunk, bounds[-1])
    made = parts(bounds, chunk, 0.0, seed)
    for rank, part in enumerate(made):
        own = list(range(bounds[rank], bounds[rank + 1]))
        assert sorted(rows_in(part.cut(part.order(epoch), 0, part.n_training), bounds[-1])) == own
        assert rows_in(part.pieces(part.training, 12), bounds[-1]) == own
        assert part.n_training == len(own)


@given(bounds_of_workers(), seeds, st.floats(0.01, 0.9))
def test_the_same_share_of_every_worker_is_held_out(bounds, seed, share):
    for rank, part in enumerate(parts(bounds, 1, share, seed)):
        n = bounds[rank + 1] - bounds[rank]
        held, kept = (rows_in(part.pieces(starts, 12), bounds[-1]) for starts in (part.holdout, part.training))
        assert sorted([*held, *kept]) == list(range(bounds[rank], bounds[rank + 1]))
        assert abs(len(held) - share * n) <= 1
        assert held
        assert kept


def test_a_worker_with_one_row_has_none_to_hold_out():
    with pytest.raises(ValueError, match=r"^1 examples of worker 1 are too few to hold 0\.2 of them out$"):
        parts((0, 5, 6), holdout=0.2)


def test_one_worker_has_all_rows_in_the_order_that_all_have():
    alone, all_rows = parts_of(examples_of(9), 0.0, 3, (0, 9))[0], Blocks(examples_of(9), 0.0, 3)
    np.testing.assert_array_equal(alone.order(2), all_rows.order(2))


def test_workers_and_passes_have_orders_of_their_own():
    made = [Blocks(examples_of(200), 0.0, 0, Owned(rank, 0, 200)) for rank in range(3)]
    orders = {tuple(part.order(epoch)) for part in made for epoch in range(3)}
    assert len(orders) == 9


@given(bounds_of_workers(), chunks, seeds, st.lists(st.integers(0, 50), max_size=9), st.booleans())
def test_own_rows_come_pass_after_pass_however_they_are_asked_for(bounds, chunk, seed, counts, apart):
    part = parts(bounds, min(chunk, bounds[-1]), 0.0, seed)[1]
    own, taken, n = OwnRows(part, 5), [], bounds[-1]
    for count in counts:
        shown = rows_in(own.show(count), n)
        took = own.take_apart(count) if apart else own.take(count)
        if apart:
            assert [block.chunk for block in took] == [1]
        assert rows_in(took, n) == shown
        assert len(shown) == count
        taken += shown
    wanted = [row for k in range(5, 60) for row in rows_in(part.cut(part.order(k), 0, part.n_training), n)]
    assert taken == wanted[: len(taken)]


# ---- the supply


@given(bounds_of_workers(), seeds, st.booleans(), st.integers(1, 20), st.booleans())
def test_handouts_count_and_workers_get_their_own(bounds, seed, agreed, count, upcoming):
    n, size = bounds[-1], len(bounds) - 1
    supply = Supply(parts(bounds, 1, 0.0, seed), Moment(0, 0.0, 0), size, agreed=agreed, hurried=lambda epoch: False)
    seen, total = Counter(), 0
    while any(supply.has(rank) for rank in range(size)):
        for rank in range(size):
            shown = rows_in(supply.reserve(rank, count), n) if upcoming else None
            found, _, taken = supply.take(rank, count)
            rows = rows_in(found, n)
            assert shown is None or rows == shown
            assert len(rows) == taken
            assert all(bounds[rank] <= row < bounds[rank + 1] for row in rows)
            seen.update(rows)
            total += taken
    assert total == n, "an epoch is n examples"
    for rank in range(size):
        visits = [seen[row] for row in range(bounds[rank], bounds[rank + 1])]
        assert max(visits) - min(visits) <= 1, "one pass after another"


@given(bounds_of_workers(), seeds, st.booleans(), st.integers(0, 9))
def test_all_is_the_whole_of_the_own_rows(bounds, seed, agreed, before):
    n, size = bounds[-1], len(bounds) - 1
    supply = Supply(parts(bounds, 1, 0.0, seed), Moment(0, 0.0, 0), size, agreed=agreed, hurried=lambda epoch: False)
    if before:  # somewhere in a pass
        for rank in range(size):
            supply.take(rank, before)
        supply.open(Moment(1, 0.0, n))
    for rank in range(size):
        found, _, taken = supply.take_rest(rank)
        assert sorted(rows_in(found, n)) == list(range(bounds[rank], bounds[rank + 1]))
        assert taken == bounds[rank + 1] - bounds[rank]
    assert not any(supply.has(rank) for rank in range(size))


def test_what_is_left_is_shared_in_proportion():
    supply = Supply(parts((0, 10, 40)), Moment(0, 0.0, 0), 2, agreed=True, hurried=lambda epoch: False)
    for rank in (0, 1):
        supply.take(rank, 4)
    assert [supply.take_rest(rank)[2] for rank in (0, 1)] == [8, 24]
    assert [supply.share(rank) for rank in (0, 1)] == [0.25, 0.75]


# ---- portions


@pytest.mark.parametrize("ask", ["take", "gradient"])
def test_portions_are_refused(ask):
    async def work(me):
        async for _ in me.rounds():
            await (me.take() if ask == "take" else me.gradient(Portion(0, 0, 5)))

    data = Partitioned((np.ones((20, 2)), np.zeros(20)))
    with pytest.raises(Unsupported, match=r"^portions of a pass go to whoever is free, but Partitioned data stay with"):
        train(Ledger(), data, strategy=Probe().strategy(work), engine=Simulated(2), stop=Stop(epochs=1), seed=0)


def test_workers_know_their_share():
    shares = {}

    async def work(me):
        shares[me.rank] = me.data_share
        async for _ in me.rounds():
            await me.gradient(ALL)

    rows = (np.ones((20, 2)), np.zeros(20))
    for data, wanted in ((Partitioned(rows, np.repeat([0, 1], [5, 15])), {0: 0.25, 1: 0.75}), (rows, {0: 0.5, 1: 0.5})):
        strategy = Probe().strategy(work)
        train(Ledger(), data, strategy=strategy, engine=Simulated(2), stop=Stop(epochs=1, holdout=0.2), seed=0)
        assert shares == wanted
