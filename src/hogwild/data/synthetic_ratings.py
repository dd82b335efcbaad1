"""Seeded ratings with the shape of MovieLens: synthetic, and to be called so wherever a figure from them is shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hogwild.limits import check_whole

RANK, BIAS, FACTOR, NOISE, MEAN = 10, 0.3, 0.45, 0.7, 3.5
LEAST, MOST = 0.5, 5.0
USER_RANK, ITEM_RANK = 500, 50  # the k-th user draws in proportion to 1 / (k + 500): some users rate more than others
PIECE = 1 << 20


def movielens_like(
    n_ratings: int = 10_000_000, n_users: int = 69_878, n_items: int = 10_677, seed: int = 0
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """SYNTHETIC ratings in the shape of MovieLens-10M (Harper and Konstan 2015): pairs (n, 2) of a user and an item,
    and ratings (n,) from 0.5 to 5.

    User k comes in proportion to 1 / (k + 500), item k to 1 / (k + 50). A rating is 3.5 + normal biases of deviation
    0.3 + a product of normal factors of rank 10 and deviation 0.45 + noise of deviation 0.7, cut off at both ends. A
    pair may come twice. ValueError for numbers below 1.
    """
    for name, value in (("n_ratings", n_ratings), ("n_users", n_users), ("n_items", n_items)):
        check_whole(name, value)
    rng = np.random.default_rng(seed)
    pairs = np.empty((n_ratings, 2), np.uint32)
    for column, (many, rank) in enumerate(((n_users, USER_RANK), (n_items, ITEM_RANK))):
        share = np.cumsum(1.0 / (np.arange(many) + rank))
        pairs[:, column] = np.searchsorted(share / share[-1], rng.random(n_ratings), side="right").clip(max=many - 1)
    b, c = rng.normal(0, BIAS, n_users), rng.normal(0, BIAS, n_items)
    p, q = rng.normal(0, FACTOR, (n_users, RANK)), rng.normal(0, FACTOR, (n_items, RANK))
    ratings = np.empty(n_ratings, np.float32)
    for first in range(0, n_ratings, PIECE):
        u, i = pairs[first : first + PIECE].T
        exact = MEAN + b[u] + c[i] + np.einsum("nf,nf->n", p[u], q[i]) + rng.normal(0, NOISE, u.size)
        ratings[first : first + PIECE] = np.clip(exact, LEAST, MOST)
    return pairs, ratings
