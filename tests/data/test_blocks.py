"""Chunks of rows: a pure order, a disjoint hold-out, sizes that suit the data."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from hogwild.data import Examples, blocks
from hogwild.data.blocks import Blocks, chunk_rows, looks_sorted


def examples_of(n: int, d: int = 3, y=None) -> Examples:
    """n rows; a dense matrix of zeros takes no memory until it is read."""
    return Examples(np.zeros((n, d), np.float32), np.tile([-1.0, 1.0], n)[:n] if y is None else y, None, "X")


def in_chunks(n: int, chunk: int, holdout: float = 0.0, seed: int = 0) -> Blocks:
    """Blocks of a small set, cut as a large one would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CACHED_BYTES", 0)
        patch.setattr(blocks, "CHUNK_NONZEROS", chunk * 3)
        made = Blocks(examples_of(n), holdout, seed)
    assert made.chunk == min(chunk, blocks.LARGEST_CHUNK)
    return made


def rows_of(made: Blocks, starts) -> list[int]:
    return [i for s in starts for i in range(s, min(s + made.chunk, made.n_rows))]


sizes, chunks, seeds = st.integers(2, 300), st.integers(1, 40), st.integers(0, 2**32)


@given(sizes, chunks, seeds, st.integers(0, 9))
def test_an_epoch_has_every_row_once(n, chunk, seed, epoch):
    made = in_chunks(n, chunk, 0.0, seed)
    assert sorted(rows_of(made, made.order(epoch))) == list(range(n))
    assert made.holdout.size == 0


@given(st.integers(2, 300), chunks, seeds, st.floats(0.001, 0.99))
def test_holdout_and_training_are_disjoint_complete_and_not_empty(n, chunk, seed, share):
    if n <= chunk:
        with pytest.raises(ValueError, match=rf"{n} examples are too few to hold"):
            in_chunks(n, chunk, share, seed)
        return
    made = in_chunks(n, chunk, share, seed)
    held, trained = rows_of(made, made.holdout), rows_of(made, made.training)
    assert held
    assert trained
    assert sorted(held + trained) == list(range(n))
    assert np.all(np.diff(made.holdout) > 0)
    assert np.all(np.diff(made.training) > 0)
    total = made.holdout.size + made.training.size
    assert abs(made.holdout.size - share * total) <= 1
    assert sorted(made.order(3)) == made.training.tolist()


@given(sizes, chunks, seeds, st.integers(0, 1000))
def test_the_order_is_a_pure_function_of_seed_and_epoch(n, chunk, seed, epoch):
    made = in_chunks(n, chunk, 0.0, seed)
    first = made.order(epoch)
    made.order(epoch + 1)
    np.testing.assert_array_equal(made.order(epoch), first)
    np.testing.assert_array_equal(in_chunks(n, chunk, 0.0, seed).order(epoch), first)


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [in_chunks(200, 1, 0.0, seed).order(epoch).tolist() for seed in range(4) for epoch in range(4)]
    assert len({tuple(order) for order in orders}) == 16
    assert all(order != sorted(order) for order in orders)


def test_the_holdout_depends_on_the_seed_only():
    first, again, other = (in_chunks(200, 1, 0.2, seed) for seed in (0, 0, 1))
    first.order(0)
    np.testing.assert_array_equal(first.holdout, again.holdout)
    assert first.holdout.tolist() != other.holdout.tolist()


@given(sizes, chunks, seeds)
def test_rows_counts_the_rows_of_chunks_also_of_the_short_last_one(n, chunk, seed):
    made = in_chunks(n, chunk, 0.0, seed)
    order = made.order(0)
    for until in range(order.size + 1):
        assert made.rows(order[:until]) == len(rows_of(made, order[:until]))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9999])
def test_one_example_cannot_be_held_out(share):
    with pytest.raises(ValueError, match=r"1 examples are too few to hold .* of them out"):
        Blocks(examples_of(1), share, 0)


def test_small_sets_are_shuffled_row_by_row():
    assert chunk_rows(examples_of(1000)) == 1


def test_a_chunk_of_a_large_set_has_about_as_many_nonzeros_whatever_the_width():
    for d in (50, 100, 1000):
        n = blocks.CACHED_BYTES // 8 // d + 1
        assert chunk_rows(examples_of(n, d)) * d == pytest.approx(blocks.CHUNK_NONZEROS, rel=0.1)


def test_chunks_of_narrow_rows_are_not_endless_and_of_giant_rows_not_empty():
    assert chunk_rows(examples_of(blocks.CACHED_BYTES, 1)) == blocks.LARGEST_CHUNK
    assert chunk_rows(examples_of(30, blocks.CACHED_BYTES // 8)) == 1


def test_a_large_sparse_set_is_measured_by_what_it_stores():
    def sparse(n: int, nnz: int) -> Examples:
        indptr = np.linspace(0, nnz, n + 1).astype(np.int64)
        X = sp.csr_array((n, 2**20), dtype=np.float32)
        X.data, X.indices, X.indptr = np.zeros(nnz, np.float32), np.zeros(nnz, np.int32), indptr
        return Examples(X, None, None, "X")

    assert chunk_rows(sparse(100_000, 100_000)) == 1
    assert chunk_rows(sparse(40_000, 40_000 * 64)) == blocks.CHUNK_NONZEROS // 64


def test_large_sets_sorted_by_label_are_shuffled_row_by_row():
    n = blocks.CACHED_BYTES // 8
    y = np.repeat([-1.0, 1.0], n)[n // 2 : n // 2 + n]
    assert chunk_rows(examples_of(n, 2, y)) == 1
    assert chunk_rows(examples_of(n, 2, np.random.default_rng(0).permutation(y))) > 1


@pytest.mark.parametrize("kind", [float, str, object])
def test_looks_sorted(kind):
    rng = np.random.default_rng(0)
    shuffled = rng.choice([0, 1, 2], 3000, p=[0.9, 0.06, 0.04]).astype(str if kind is not float else float).astype(kind)
    assert not looks_sorted(shuffled)
    assert looks_sorted(np.sort(shuffled))
    assert looks_sorted(np.sort(shuffled)[::-1])
    assert not looks_sorted(np.full(3000, shuffled[0]))


def test_looks_sorted_of_numbers():
    rng = np.random.default_rng(0)
    y = rng.normal(size=3000)
    assert not looks_sorted(y)
    assert looks_sorted(np.sort(y))
    assert looks_sorted(np.sort(y)[::-1])
    assert looks_sorted(np.cumsum(y)), "a slow drift is sorted enough"


def test_looks_sorted_of_long_runs_only_in_a_part():
    y = np.concatenate([np.zeros(1500), np.tile([0.0, 1.0], 750)])
    assert not looks_sorted(y)


def test_looks_sorted_of_many_names():
    names = np.array([f"name {k % 300}" for k in range(3000)])
    assert not looks_sorted(np.random.default_rng(0).permutation(names))
    assert looks_sorted(np.sort(names))


@pytest.mark.parametrize("y", [None, np.zeros(0), np.ones(1)])
def test_nothing_looks_sorted(y):
    assert not looks_sorted(y)
