"""Every row lies in one shard, shards are nearly equal, and joining undoes cutting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.params import Params
from hogwild.rows import Rows
from hogwild.server.ranges import Ranges, join

widths_and_shards = st.lists(st.integers(0, 7), min_size=1, max_size=40).flatmap(
    lambda widths: st.tuples(st.just(widths), st.integers(1, len(widths)))
)


def offsets_of(widths) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.asarray(widths, np.int64))])


def some_keys(data, n_rows: int) -> np.ndarray:
    return np.array(sorted(data.draw(st.sets(st.integers(0, n_rows - 1)))), np.int64)


# ---------------------------------------------------------------------------------------------------------- splitting


@pytest.mark.slow
@given(widths_and_shards)
def test_every_row_lies_in_exactly_one_shard_and_none_is_split(given_):
    widths, shards = given_
    offsets = offsets_of(widths)
    ranges = Ranges(offsets, shards)
    assert len(ranges) == shards == len(ranges.spans)
    row = weight = 0
    for number, span in enumerate(ranges.spans):
        assert (span.shard, span.first_row, span.begin) == (number, row, weight)
        assert span.rows.n_rows >= 1
        row += span.rows.n_rows
        weight = int(offsets[row])
        assert span.end == weight
        assert span.rows.n_weights == span.end - span.begin
    assert (row, weight) == (len(widths), sum(widths)) == (ranges.rows.n_rows, ranges.n_weights)


@given(widths_and_shards)
def test_shards_are_nearly_equal(given_):
    widths, shards = given_
    for span in Ranges(offsets_of(widths), shards).spans:
        assert span.end - span.begin <= sum(widths) / shards + max(widths)


@pytest.mark.parametrize(("weights", "shards"), [(1000, 3), (1000, 7), (5, 5), (47_237, 8)])
def test_rows_of_one_weight_are_shared_out_to_within_one(weights, shards):
    ranges = Ranges(np.arange(weights + 1), shards)
    sizes = {span.end - span.begin for span in ranges.spans}
    assert sizes <= {weights // shards, -(-weights // shards)}


def test_a_wide_row_does_not_leave_a_shard_empty():
    ranges = Ranges(offsets_of([1, 1, 50, 1]), 4)
    assert [span.end - span.begin for span in ranges.spans] == [1, 1, 50, 1]


def test_the_nearest_row_is_where_a_shard_begins():
    ranges = Ranges(offsets_of([5, 6, 1]), 2)
    assert [span.end - span.begin for span in ranges.spans] == [5, 7]


def test_offsets_of_params():
    params = Params({"coef": (4, 3), "intercept": (3,), "scale": ()})
    ranges = Ranges(params.offsets, 2)
    assert [(span.first_row, span.begin, span.end) for span in ranges.spans] == [(0, 0, 9), (3, 9, 16)]


# ------------------------------------------------------------------------------------------------------------- cutting


@given(widths_and_shards)
def test_joining_undoes_cutting_and_nothing_is_copied(given_):
    widths, shards = given_
    ranges = Ranges(offsets_of(widths), shards)
    vector = np.arange(ranges.n_weights, dtype=np.float32)
    pieces = ranges.cut(vector)
    assert [piece.size for piece in pieces] == [span.end - span.begin for span in ranges.spans]
    assert all(piece.size == 0 or np.shares_memory(piece, vector) for piece in pieces)
    np.testing.assert_array_equal(join(pieces), vector)


@pytest.mark.slow
@given(widths_and_shards, st.data())
def test_joining_undoes_cutting_of_some_rows(given_, data):
    widths, shards = given_
    ranges = Ranges(offsets_of(widths), shards)
    keys = some_keys(data, len(widths))
    values = np.arange(ranges.rows.size(keys), dtype=np.float32)
    pieces = ranges.cut_keys(keys)
    parts = [values[piece.first : piece.last] for piece in pieces]
    np.testing.assert_array_equal(np.concatenate([values[:0], *parts]), values)
    spans = [ranges.spans[piece.shard] for piece in pieces]
    back = [piece.keys + span.first_row for piece, span in zip(pieces, spans, strict=True)]
    np.testing.assert_array_equal(np.concatenate([keys[:0], *back]), keys)
    for piece, span, part in zip(pieces, spans, parts, strict=True):
        assert piece.keys.size > 0  # only shards that are concerned are named
        assert part.size == span.rows.size(piece.keys)


@pytest.mark.slow
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.booleans(), st.data())
def test_positions_of_rows(widths, equal, data):
    widths = [widths[0]] * len(widths) if equal else widths
    offsets = offsets_of(widths)
    keys = some_keys(data, len(widths))
    rows = Rows(offsets + 100)  # where they lie in the whole does not matter
    wanted = [position for key in keys for position in range(offsets[key], offsets[key + 1])]
    np.testing.assert_array_equal(rows.positions(keys), wanted)
    assert rows.size(keys) == len(wanted)
    assert rows.ends(keys, list(range(keys.size + 1))) == [0, *np.cumsum([widths[key] for key in keys]).tolist()]


def test_positions_of_rows_of_params():
    params = Params({"coef": (4, 3), "intercept": (3,), "scale": ()})
    assert params.positions(np.array([0, 3, 5, 7])).tolist() == [0, 1, 2, 9, 10, 11, 13, 15]


def test_one_piece_is_not_copied():
    piece = np.zeros(3)
    assert join([piece]) is piece


# ---------------------------------------------------------------------------------------------------------- the border


@pytest.mark.parametrize("shards", [0, -1, 4, True, 1.0, None])
def test_impossible_numbers_of_shards(shards):
    with pytest.raises(ValueError, match=rf"^shards={shards} must be a whole number from 1 to 3, the number of rows$"):
        Ranges(np.array([0, 1, 2, 3]), shards)


@pytest.mark.parametrize("offsets", [[0], [], [1, 2], [0, 3, 2], [[0, 1]]])
def test_offsets_that_are_none(offsets):
    with pytest.raises(ValueError, match=r"^offsets must begin with 0 and never fall, as Params.offsets, not array\("):
        Ranges(np.array(offsets), 1)


@pytest.mark.parametrize("shape", [(3,), (5,), (4, 1), ()])
def test_a_vector_of_another_length(shape):
    ranges = Ranges(np.arange(5), 2)
    with pytest.raises(ValueError, match=r"does not fit the server's 4 weights$"):
        ranges.cut(np.zeros(shape))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (np.array([1, 0]), r"^keys must increase, but entry 1 is 0 after 1: give each row once, in order"),
        (np.array([0, 2, 2]), r"^keys must increase, but entry 2 is 2 after 2"),
        (np.array([-1, 2]), r"^row -1 is not there: keys must lie in 0 .. 3$"),
        (np.array([1, 4]), r"^row 4 is not there"),
        (np.array([[1]]), r"^keys must be a one-dimensional array of int64, not array"),
        (np.array([1], np.uint32), r"of int64, not array\(\[1\], dtype=uint32\)$"),
        (np.array([1.0]), r"of int64"),
        ([1], r"of int64, not \[1\]$"),
    ],
)
def test_keys_that_are_none(keys, sentence):
    with pytest.raises(ValueError, match=sentence):
        Ranges(np.arange(5), 2).cut_keys(keys)
