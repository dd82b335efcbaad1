"""Matrix factorization: what a rating and its two rows are, for all kernels.

All rows lie in one vector, those of users before those of items, `width` numbers each: a bias, and then factors. With
the row p of user u and the row q of item i a rating is predicted as

    mean + p_0 + q_0 + sum_f p_f q_f
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hogwild.kernels.compiling import INNER
from hogwild.kernels.rows import LINE, prefetch_line

ONE = np.float32(1)
# So many ratings ahead their rows are asked for: they lie anywhere. (4 ahead: 30 % slower.)
AHEAD = 16
# A call for each rating takes a third of its time: this becomes part of who calls it. (The weight of a rating is looked
# up by four lines in each kernel, as even so a function for that would double the time.)
INLINE = {**INNER, "inline": "always"}


class Ratings(NamedTuple):
    """Checked: users and items are numbers of rows that there are."""

    users: NDArray[np.uint32]  # (n,)
    items: NDArray[np.uint32]  # (n,)
    values: NDArray[np.floating]  # (n,)
    weights: NDArray[np.floating]  # (n,) sample weights, mean 1; (0,): all are 1


class Form(NamedTuple):
    """How rows lie in the vector, and what the terms of the objective are."""

    n_users: int
    width: int
    biases: float  # 1; 0 if they, and the mean, are to be 0
    mean: float  # of ratings
    l2: float
    floor: float  # of a factor: 0, or -inf


@njit(**INLINE)
def places(ratings, form, i):  # type: ignore[no-untyped-def]
    """Where the rows of a rating begin."""
    width = np.uint64(form.width)
    return np.uint64(ratings.users[i]) * width, (np.uint64(form.n_users) + np.uint64(ratings.items[i])) * width


@njit(**INLINE)
def fetch(ratings, form, i, w):  # type: ignore[no-untyped-def]
    """Ask for the rows of a rating, which will be wanted soon."""
    u, v = places(ratings, form, i)
    for f in range(np.uint64(0), np.uint64(form.width), LINE):
        prefetch_line(w, u + f)
        prefetch_line(w, v + f)


@njit(**INLINE)
def predict(p, q, mean):  # type: ignore[no-untyped-def]
    """The rating that these rows say."""
    total = mean + p[0] + q[0]
    for f in range(1, p.size):
        total += p[f] * q[f]
    return total


@njit(**INNER)
def precise(form, rate, w):  # type: ignore[no-untyped-def]
    """(rate, rate l2, 1 or 0 for the biases, mean, floor) in the precision of the weights: once for many ratings."""
    kind = w.dtype.type
    return kind(rate), kind(rate * form.l2), kind(form.biases), kind(form.mean), kind(form.floor)
