"""Ratings as users have them: pairs of ids, frames, or sparse matrices."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hogwild.data.examples import check_examples
from hogwild.data.ids import Ids, number_ids
from hogwild.data.matrices import to_array, to_matrix
from hogwild.data.rating_files import RatingTable, read_ratings
from hogwild.data.scans import structure_fault
from hogwild.names import find_name

REPEATED = ("error", "mean", "last")  # what to do with several ratings of one user for one item


@final
class Rated(NamedTuple):
    """Ratings (n,), and whose and of what they are: numbers into `users` and `items`. weights: None if all are 1."""

    users: Ids
    items: Ids
    user_numbers: NDArray[np.int64]
    item_numbers: NDArray[np.int64]
    values: NDArray[np.floating]
    weights: NDArray[np.float32] | None

    def seen(self) -> Any:
        """Which user has rated which item: a CSR array (users, items) that counts how often."""
        shape = self.users.known.size, self.items.known.size
        ones = np.ones(self.user_numbers.size, np.int32)
        return sp.coo_array((ones, (self.user_numbers, self.item_numbers)), shape).tocsr()

    def among(self, users: Ids, items: Ids) -> Rated:
        """The same, with numbers into these."""
        u = users.numbers(self.users.known, "users")[self.user_numbers]
        i = items.numbers(self.items.known, "items")[self.item_numbers]
        return self._replace(users=users, items=items, user_numbers=u, item_numbers=i)


def rated(pairs: Any, ratings: Any, weights: Any, repeated: str, *, labelled: bool = True, merge: bool = True) -> Rated:
    """Check whatever a user gave; ValueError or TypeError, with one sentence, for what is no table of ratings.

    repeated : one of `REPEATED`; labelled=False: there are no ratings; merge=False: repeated pairs stay as they are
    """
    find_name("repeated", repeated, REPEATED)
    if sp.issparse(pairs):
        if not labelled:
            raise ValueError("a sparse matrix has ratings, but pairs are wanted: give a table of users and items")
        found = _of_matrix(pairs, ratings, weights)
        return _without_repeats(found, repeated) if merge else found
    users, items, ratings = _columns(pairs, ratings, labelled)
    (user_ids, u), (item_ids, i) = number_ids(users, "users"), number_ids(items, "items")
    if not u.size:
        raise ValueError("there are no pairs: give at least one")
    if not labelled:
        return Rated(user_ids, item_ids, u, i, np.zeros(0, np.float32), None)
    values, checked = checked_ratings(ratings, weights, u.size)
    found = Rated(user_ids, item_ids, u, i, values, checked)
    return _without_repeats(found, repeated) if merge else found


def _columns(pairs: Any, ratings: Any, labelled: bool) -> tuple[Any, Any, Any]:
    """Users, items and ratings."""
    if isinstance(pairs, str | os.PathLike):
        if not labelled:
            raise ValueError(f"pairs are the file {pairs}: read it, and give its users and items")
        if ratings is not None:
            raise ValueError(f"ratings are in the file {pairs}: give no others")
        return read_ratings(pairs)
    if isinstance(pairs, RatingTable):
        return pairs if labelled else (*pairs[:2], None)
    if hasattr(pairs, "iloc"):  # each column of a frame has a kind of its own
        columns = [pairs.iloc[:, k].to_numpy() for k in range(pairs.shape[1])] if pairs.ndim == 2 else [pairs]
    elif isinstance(pairs, list | tuple) and len(pairs) and all(isinstance(pair, list | tuple) for pair in pairs):
        widths = {len(pair) for pair in pairs}
        if len(widths) > 1:
            raise ValueError(f"pairs have {min(widths)} to {max(widths)} entries: give a user and an item in each row")
        columns = [list(column) for column in zip(*pairs, strict=True)]  # of which each has a kind of its own
    else:
        table = to_array(pairs, "pairs")
        if table.ndim != 2:
            raise ValueError(f"pairs have shape {table.shape}: give a table with a user and an item in each row")
        columns = list(table.T)
    if len(columns) == 3 and ratings is None and labelled:
        *columns, ratings = columns
    if len(columns) != 2:
        raise ValueError(
            f"pairs have {len(columns)} column(s): give a table of users and items"
            + (", or of users, items and ratings" if labelled else "")
        )
    if labelled and ratings is None:
        raise ValueError("there are no ratings: give them after the pairs, or as a third column")
    return columns[0], columns[1], ratings


def checked_ratings(ratings: Any, weights: Any, n: int) -> tuple[NDArray[np.floating], NDArray[np.float32] | None]:
    """So many ratings and weights, all of them finite numbers. ValueError or TypeError that names the row."""
    values = to_array(ratings, "ratings")
    if values.dtype.kind in "OUS":
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError):
            row = next(k for k, each in enumerate(values) if not _is_number(each))
            raise ValueError(f"ratings must be numbers, but row {row} (counted from 0) has {values[row]!r}") from None
    found = check_examples(np.zeros((n, 1), np.float32), values, weights, source="ratings")
    assert found.y is not None
    return found.y, found.sample_weight


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def _of_matrix(matrix: Any, ratings: Any, weights: Any) -> Rated:
    if ratings is not None or weights is not None:
        raise ValueError("a sparse matrix has its ratings in it: give no others, and no sample_weight")
    if len(matrix.shape) != 2:
        raise ValueError(f"the sparse matrix has {len(matrix.shape)} dimension(s): give one of users by items")
    users, items, data = _coordinates(matrix)
    if not data.size:
        raise ValueError("the sparse matrix stores no rating")
    values, _ = checked_ratings(data, None, data.size)
    ids = [Ids(np.arange(size)) for size in matrix.shape]
    return Rated(ids[0], ids[1], users, items, values, None)


def _coordinates(matrix: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """Rows, columns and stored numbers, checked. An entry that comes twice stays two."""
    try:
        if matrix.format == "coo":
            sound = sp.coo_array((matrix.data, (matrix.row, matrix.col)), matrix.shape)  # the constructor checks
            return sound.row.astype(np.int64), sound.col.astype(np.int64), sound.data
        csr = to_matrix(matrix, "pairs")
        fault = structure_fault(csr.indices, csr.indptr, csr.data.size, csr.shape[1])
        if fault is not None:
            raise ValueError(fault)
    except ValueError as error:
        raise ValueError(f"pairs are a broken {matrix.format} matrix: {error}") from error
    end = int(csr.indptr[-1])
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    return rows, csr.indices[:end].astype(np.int64), csr.data[:end]


def _without_repeats(found: Rated, repeated: str) -> Rated:
    """Of each pair one rating."""
    n_items = found.items.known.size
    if found.seen().nnz == found.values.size:  # by counting: to sort all pairs takes longer
        return found
    keys = found.user_numbers * n_items + found.item_numbers
    order = np.argsort(keys, kind="stable")
    first = np.concatenate([[True], keys[order[1:]] != keys[order[:-1]]])
    if repeated == "error":
        again = order[int(np.argmin(first))]
        user, item = found.users.known[found.user_numbers[again]], found.items.known[found.item_numbers[again]]
        raise ValueError(
            f"row {again} (counted from 0) rates user {user} and item {item} again: drop such rows, or say "
            'repeated="mean" or "last"'
        )
    groups = np.cumsum(first) - 1
    if repeated == "last":
        last = order[np.concatenate([first[1:], [True]])]
        weights = None if found.weights is None else found.weights[last]
        return found._replace(
            user_numbers=found.user_numbers[last],
            item_numbers=found.item_numbers[last],
            values=found.values[last],
            weights=weights,
        )
    share = np.ones(keys.size) if found.weights is None else found.weights.astype(np.float64)
    total = np.bincount(groups, share[order])
    sums = np.bincount(groups, (share * found.values)[order])
    counts = np.bincount(groups)
    values = np.where(total > 0, sums / np.maximum(total, 1e-300), np.bincount(groups, found.values[order]) / counts)
    one = order[first]
    return found._replace(
        user_numbers=found.user_numbers[one],
        item_numbers=found.item_numbers[one],
        values=values.astype(np.float32),
        weights=None if found.weights is None else total.astype(np.float32),
    )
