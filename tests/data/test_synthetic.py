"""The synthetic corpus: repeatable, independent of how much is asked for, and shaped as its docstring says."""

import numpy as np
import pytest

from hogwild.data import check_examples, rcv1_like, synthetic


@pytest.fixture(scope="module")
def corpus():
    return rcv1_like(10_000)


def test_it_passes_the_border(corpus):
    checked = check_examples(corpus.X, corpus.y)
    assert np.shares_memory(checked.X.data, corpus.X.data)
    assert corpus.X.has_canonical_format
    assert (corpus.X.dtype, corpus.X.indices.dtype, corpus.y.dtype) == (np.float32, np.int32, np.float32)
    assert corpus.X.shape == (10_000, 47_236)
    assert "rcv1_like(n_examples=10000" in corpus.source


def test_its_statistics(corpus):
    """Those of the recipe: distinct words a row and the share of the most frequent one, in closed form."""
    p = 1 / np.arange(1, 47_237) ** 0.9
    p /= p.sum()
    occurs = 1 - (1 - p) ** 76
    assert corpus.nnz / corpus.n_examples == pytest.approx(occurs.sum(), rel=0.005)
    frequency = np.sort(np.bincount(corpus.X.indices, minlength=47_236) / corpus.n_examples)[::-1]
    np.testing.assert_allclose(frequency[:20], occurs[:20], atol=0.025)
    norms = np.sqrt(corpus.X.multiply(corpus.X).sum(axis=1))
    np.testing.assert_allclose(norms, 1, rtol=1e-5)
    assert np.unique(corpus.y).tolist() == [-1, 1]
    assert abs(corpus.y.sum()) <= 1
    assert corpus.X.data.min() > 0


def test_column_numbers_say_nothing_about_frequency(corpus):
    frequency = np.bincount(corpus.X.indices, minlength=47_236)
    assert abs(np.corrcoef(np.arange(47_236), frequency)[0, 1]) < 0.02


def test_values_follow_the_recipe():
    """Before normalisation a value is gamma(2, 1) idf; ratios within a row keep that, for words drawn once."""
    corpus = rcv1_like(20_000, n_features=2, seed=3)
    both = corpus.X[np.diff(corpus.X.indptr) == 2].toarray()
    p = 1 / np.arange(1, 3) ** 0.9
    p /= p.sum()
    idf = np.maximum(0.05, np.log(1 / (76 * p + 1e-9)))
    counts = 76 * p
    expected = np.sort(counts * idf)
    ratio = np.sort(np.median(both / both.sum(axis=1, keepdims=True), axis=0))
    np.testing.assert_allclose(ratio, expected / expected.sum(), rtol=0.01)


def test_labels_can_be_learnt(corpus):
    """They are those of a plane through the rows, but for a little noise."""
    from scipy.sparse.linalg import lsqr

    w = lsqr(corpus.X, corpus.y, damp=0.1, iter_lim=200)[0]
    assert np.mean(np.sign(corpus.X @ w) == corpus.y) > 0.97


def test_the_same_seed_gives_the_same_corpus(corpus):
    again, other = rcv1_like(10_000), rcv1_like(10_000, seed=1)
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(again.X, name), getattr(corpus.X, name))
    np.testing.assert_array_equal(again.y, corpus.y)
    assert (other.X != corpus.X).nnz > 0


@pytest.mark.parametrize("n_examples", [1, 100, synthetic.BLOCK_ROWS, synthetic.BLOCK_ROWS + 1])
def test_a_longer_corpus_begins_with_the_shorter(corpus, n_examples):
    short = rcv1_like(n_examples)
    assert short.n_examples == n_examples
    end = corpus.X.indptr[n_examples]
    np.testing.assert_array_equal(short.X.data, corpus.X.data[:end])
    np.testing.assert_array_equal(short.X.indices, corpus.X.indices[:end])
    np.testing.assert_array_equal(short.X.indptr, corpus.X.indptr[: n_examples + 1])


def test_ranks_invert_the_distribution_exactly():
    p = 1 / np.arange(1, 5001) ** 0.9
    ranks = synthetic._power_law(p / p.sum())
    u = np.random.default_rng(0).random(50_000)
    u[:3] = 0, np.nextafter(1, 0), ranks.cdf[7]
    np.testing.assert_array_equal(ranks.at(u), np.searchsorted(ranks.cdf, u, side="right"))


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (-1, 1)])
def test_bad_sizes(sizes):
    with pytest.raises(ValueError, match=r"^rcv1_like needs at least 1 example and 1 feature, not "):
        rcv1_like(*sizes)


def test_one_feature():
    np.testing.assert_array_equal(rcv1_like(3, 1).X.toarray(), [[1], [1], [1]])
