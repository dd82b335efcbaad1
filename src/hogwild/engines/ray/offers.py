"""What a worker says of what it gives to a sum: enough for all others to see whether they can add it, and how."""

from __future__ import annotations

import struct
from dataclasses import replace
from enum import IntEnum
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hogwild.deltas import Coded, Delta, size_in_bytes
from hogwild.engines.collectives import added
from hogwild.rules.schedules import Moment

_FORM = struct.Struct("<BB6s6s2xqqqqqdqdqd")
OFFER_BYTES = _FORM.size


class Way(IntEnum):
    """How the worker comes to the sum."""

    HERE = 0
    ELSEWHERE = 1  # through the conductor, to this one and all that follow
    GONE = 2  # its program has ended


class Kind(IntEnum):
    """What it gives."""

    NOTHING = 0
    VECTOR = 1
    DENSE = 2  # a delta of all rows
    SPARSE = 3  # a delta of some rows
    OTHER = 4  # what cannot be said in an offer


@final
class Offer(NamedTuple):
    """dtype, key_dtype : as NumPy writes them; size, n_keys : of values and keys; n_bytes : what it takes to send.
    The rest is that of a `Delta`.
    """

    way: Way
    kind: Kind
    dtype: str = ""
    key_dtype: str = ""
    size: int = 0
    n_keys: int = 0
    n_bytes: int = 0
    examples: int = 0
    steps: int = 0
    loss: float = 0.0
    moment: Moment = Moment(0, 0.0, 0)
    curvature: float = 0.0

    @property
    def keys_bytes(self) -> int:
        """Of the keys alone."""
        return self.n_keys * np.dtype(self.key_dtype).itemsize if self.key_dtype else 0

    @property
    def values_bytes(self) -> int:
        """Of the values alone, as they are."""
        return self.size * np.dtype(self.dtype).itemsize if self.dtype else 0

    def packed(self) -> bytes:
        """As OFFER_BYTES bytes. struct.error for numbers that do not fit."""
        way, kind, dtype, key_dtype, *numbers, moment, curvature = self
        return _FORM.pack(way, kind, dtype.encode(), key_dtype.encode(), *numbers, *moment, curvature)

    @classmethod
    def unpacked(cls, packed: NDArray[np.uint8]) -> Offer:
        """What was packed."""
        way, kind, dtype, key_dtype, *numbers = _FORM.unpack(packed[:OFFER_BYTES].tobytes())
        dtype, key_dtype = (name.rstrip(b"\0").decode() for name in (dtype, key_dtype))
        size, n_keys, n_bytes, examples, steps, loss = numbers[:6]
        told = cls(Way(way), Kind(kind), dtype, key_dtype, size, n_keys, n_bytes, examples, steps, loss)
        return told._replace(moment=Moment(*numbers[6:9]), curvature=numbers[9])

    def like(self, other: Offer) -> bool:
        """Can both be added up here? Who gives what others do not expect hears of it from the conductor."""
        same = (self.kind, self.dtype, self.key_dtype) == (other.kind, other.dtype, other.key_dtype)
        return same and self.kind is not Kind.OTHER and (self.kind is Kind.SPARSE or self.size == other.size)

    def given(self, keys: NDArray[np.uint8], values: NDArray[np.uint8]) -> Any:
        """What was offered, of these bytes: to be added up before they change."""
        vector = values.view(self.dtype)
        if self.kind is Kind.VECTOR:
            return vector
        found = keys.view(self.key_dtype).copy() if self.kind is Kind.SPARSE else None
        return Delta(vector, self.examples, self.steps, self.loss, self.moment, found, curvature=self.curvature)


def offer(x: Any) -> tuple[Offer, NDArray[np.uint8], NDArray[np.uint8]]:
    """What to say of x, and the bytes of its keys and its values: those of x itself, where that can be."""
    if x is None:
        return Offer(Way.HERE, Kind.NOTHING), _NO_BYTES, _NO_BYTES
    values = x if isinstance(x, np.ndarray) else x.values
    keys = None if isinstance(x, np.ndarray) else x.keys
    if not _is_plain(values, "f") or not (keys is None or _is_plain(keys, "iu")):
        return Offer(Way.HERE, Kind.OTHER), _NO_BYTES, _NO_BYTES
    n_keys = 0 if keys is None else keys.size
    told = Offer(Way.HERE, Kind.VECTOR, values.dtype.str, "", values.size, n_keys, size_in_bytes(x))
    if not isinstance(x, np.ndarray | Coded):
        kind, key_dtype = (Kind.DENSE, "") if keys is None else (Kind.SPARSE, keys.dtype.str)
        told = told._replace(kind=kind, key_dtype=key_dtype, examples=x.examples, steps=x.steps, loss=x.loss)
        told = told._replace(moment=x.moment, curvature=x.curvature)
    return told, _NO_BYTES if keys is None else _bytes(keys), _bytes(values)


def result(offers: dict[int, Offer], vector: NDArray[Any]) -> Any:
    """The sum of dense parts, of which the values have been added up."""
    if next(iter(offers.values())).kind is Kind.VECTOR:
        return vector
    empty = {rank: each.given(_NO_BYTES, _NO_BYTES) for rank, each in offers.items()}
    return replace(added(empty), values=vector)


_NO_BYTES = np.zeros(0, np.uint8)


def _is_plain(array: NDArray[Any], kinds: str) -> bool:
    return array.ndim == 1 and array.dtype.kind in kinds


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """A copy, unless it can be sent from where it is."""
    whole = array if array.flags.c_contiguous and array.flags.writeable else array.copy()
    return whole.view(np.uint8)
