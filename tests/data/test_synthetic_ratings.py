"""Synthetic ratings: their shape, their seed, and what is in them."""

import re

import numpy as np
import pytest

from hogwild import movielens_like


def test_they_look_like_ratings_of_films():
    pairs, ratings = movielens_like(50_000, 3_000, 800, seed=3)
    assert (pairs.shape, pairs.dtype, ratings.shape, ratings.dtype) == ((50_000, 2), np.uint32, (50_000,), np.float32)
    assert (pairs.max(axis=0) < (3_000, 800)).all()
    assert ratings.min() == 0.5
    assert ratings.max() == 5.0
    assert 3.3 < ratings.mean() < 3.7
    assert 0.9 < ratings.std() < 1.3
    often = np.bincount(pairs[:, 1], minlength=800)
    assert often[:50].sum() > 4 * often[-50:].sum(), "some films are seen by many"


def test_the_seed_says_all():
    for first, second in zip(movielens_like(500, seed=1), movielens_like(500, seed=1), strict=True):
        np.testing.assert_array_equal(first, second)
    assert (movielens_like(500, seed=1)[0] != movielens_like(500, seed=2)[0]).any()


@pytest.mark.parametrize("name", ["n_ratings", "n_users", "n_items"])
def test_there_is_one_of_each_at_least(name):
    with pytest.raises(ValueError, match=re.escape(f"{name}=0")):
        movielens_like(**{"n_ratings": 10, name: 0})
