"""Ids of any kind as numbers 0, 1, 2, ..., and back."""

from __future__ import annotations

from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.matrices import to_array

# Whole numbers that lie this closely together, on average, are looked up in a table, which is faster than sorting.
SPREAD = 16


@final
class Ids(NamedTuple):
    """Different ids in increasing order: the place of an id is its number."""

    known: NDArray[Any]

    def numbers(self, ids: Any, name: str) -> NDArray[np.int64]:
        """The number of each id; -1 for those that are not known. `name`: what messages call them. TypeError for text
        where ids are numbers, or the other way round.
        """
        wanted = _one_kind(to_array(ids, name), name)
        if wanted.size == 0 or self.known.size == 0:
            return np.full(wanted.shape, -1, np.int64)
        if (wanted.dtype.kind == "U") != (self.known.dtype.kind == "U"):
            kinds = ("text", "whole numbers") if wanted.dtype.kind == "U" else ("whole numbers", "text")
            raise TypeError(f"{name} are {kinds[0]}, but those that are known are {kinds[1]}")
        found = np.searchsorted(self.known, wanted).clip(max=self.known.size - 1)
        return np.where(self.known[found] == wanted, found, -1)


def number_ids(ids: Any, name: str) -> tuple[Ids, NDArray[np.int64]]:
    """All different ids, and the number of each that was given. Text or numbers: TypeError or ValueError, which names
    the row, for anything else, and for what is missing.
    """
    given = _one_kind(to_array(ids, name), name)
    if given.dtype.kind in "iu" and given.size:
        least, most = int(given.min()), int(given.max())
        if most - least < SPREAD * given.size:
            there = np.zeros(most - least + 1, bool)
            shifted = given - least
            there[shifted] = True
            return Ids(np.flatnonzero(there) + least), (np.cumsum(there) - 1)[shifted]
    known, numbers = np.unique(given, return_inverse=True)
    return Ids(known), numbers.astype(np.int64)


def _one_kind(ids: NDArray[Any], name: str) -> NDArray[Any]:
    """As int64, or as text."""
    if ids.dtype.kind == "U":
        return ids
    if ids.dtype.kind in "iu":
        return _as_int64(ids, name)
    if ids.dtype.kind == "f":
        whole = np.isfinite(ids) & (ids == np.floor(ids)) & (np.abs(ids) < 2.0**53)
        if not whole.all():
            row = int(np.argmin(whole))
            raise ValueError(f"{name} has {ids[row]!r} in row {row} (counted from 0): ids are whole numbers, or text")
        return ids.astype(np.int64)
    if ids.dtype.kind != "O":
        raise TypeError(f"{name} has dtype {ids.dtype}: ids are whole numbers, or text")
    kinds = {type(each) for each in ids}
    if all(issubclass(kind, str) for kind in kinds):
        return ids.astype(str)
    if all(_is_whole(kind) for kind in kinds):
        return _as_int64(ids, name)
    text = isinstance(ids[0], str)
    strange = (k for k, each in enumerate(ids) if not (isinstance(each, str) if text else _is_whole(type(each))))
    row = next(strange)
    raise TypeError(f"{name} has {ids[row]!r} in row {row} (counted from 0): ids are all whole numbers, or all text")


def _is_whole(kind: type) -> bool:
    return issubclass(kind, int | np.integer) and kind is not bool


def _as_int64(ids: NDArray[Any], name: str) -> NDArray[np.int64]:
    try:
        if ids.size and int(ids.max()) >= 1 << 63:
            raise OverflowError
        return ids.astype(np.int64)
    except OverflowError:
        raise ValueError(f"{name} has numbers of 2^63 or more: give such ids as text") from None
