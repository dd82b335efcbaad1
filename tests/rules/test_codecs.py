"""Codecs: what arrives, what it takes to send, and that with error feedback nothing is lost over time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hogwild.rules.codecs import CODECS, fed_back, find_codec, float16, sign, topk

ALL = [float16(), topk(), topk(0.3), topk(1.0), sign()]
every = pytest.mark.parametrize("codec", ALL, ids=repr)
numbers = st.floats(-1e6, 1e6, width=32)
vectors = arrays(np.float32, st.integers(0, 50), elements=numbers)


@every
@given(vectors)
def test_what_arrives_is_of_the_same_kind_and_new(codec, x):
    before = x.copy()
    arrives = codec.arrives(x)
    assert (arrives.shape, arrives.dtype) == (x.shape, x.dtype)
    assert np.isfinite(arrives).all()
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(arrives, x)
    assert 0 <= codec.n_bytes(x) <= x.nbytes


@every
@given(st.lists(arrays(np.float64, 12, elements=st.floats(-1e3, 1e3)), min_size=1, max_size=30))
def test_with_feedback_nothing_is_lost(codec, sequence):
    residual, arrived = np.zeros(12), np.zeros(12)
    for x in sequence:
        sent, residual = fed_back(codec, x, residual)
        arrived += sent
    true = np.sum(sequence, axis=0)
    np.testing.assert_allclose(arrived + residual, true, rtol=0, atol=1e-9 * max(1.0, np.abs(sequence).max()) * 30)


@every
def test_what_is_held_back_stays_bounded(codec):
    """Of a steady stream: the residual does not grow with time."""
    rng, residual, worst = np.random.default_rng(0), np.zeros(100), []
    for _ in range(3000):
        _, residual = fed_back(codec, rng.standard_normal(100) + 1.0, residual)
        worst.append(np.linalg.norm(residual))
    assert max(worst[2000:]) <= 1.1 * max(worst[:2000])


@given(arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e3, 1e3)), st.floats(0.01, 1.0))
def test_topk_keeps_the_largest(x, share):
    arrives = topk(share).arrives(x)
    count = min(x.size, max(1, round(share * x.size)))
    kept = np.flatnonzero(arrives)
    assert kept.size <= count
    np.testing.assert_array_equal(arrives[kept], x[kept])
    least = np.sort(np.abs(x))[-count]
    assert np.abs(arrives).sum() == pytest.approx(np.sort(np.abs(x))[-count:].sum())
    assert (np.abs(x[np.abs(x) > least]) == np.abs(arrives[np.abs(x) > least])).all()


def test_signs_have_the_mean_size():
    np.testing.assert_array_equal(sign().arrives(np.array([3.0, -1.0, 0.0, -4.0])), [2.0, -2.0, 2.0, -2.0])


def test_half_precision_rounds_and_clips():
    x = np.array([1.0 + 2**-12, 1e9, -1e9, 0.5], np.float32)
    np.testing.assert_array_equal(float16().arrives(x), np.array([1.0, 65504.0, -65504.0, 0.5], np.float32))


@pytest.mark.parametrize(
    ("codec", "n_bytes", "summed"),
    [(float16(), 2000, 2000), (topk(0.01), 80, 320), (topk(1.0), 4000, 4000), (sign(), 129, 516)],
    ids=repr,
)
def test_bytes(codec, n_bytes, summed):
    """What cannot be added up is gathered from all."""
    x = np.ones(1000, np.float32)
    assert codec.n_bytes(x) == n_bytes
    assert codec.n_bytes_summed(x, 8) == summed


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (lambda: topk(0), ValueError, r"^share=0 must lie in \(0, 1\]: it is the share of the values that are sent$"),
        (lambda: topk(True), ValueError, r"^share=True must lie"),
        (lambda: find_codec("zip"), ValueError, r"^codec='zip' is not known; use one of float16, topk, sign$"),
        (lambda: find_codec(topk), TypeError, r"^codec=<function topk"),
    ],
)
def test_bad_codecs(make, kind, sentence):
    with pytest.raises(kind, match=sentence):
        make()


def test_they_are_found_by_name():
    assert {name: make().name for name, make in CODECS.items()} == {name: name for name in CODECS}
    assert repr(topk(0.5)) == "topk(0.5)"
