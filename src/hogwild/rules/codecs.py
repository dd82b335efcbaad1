"""How vectors are sent in fewer bytes: pure functions that say what arrives, and how much was sent.

What does not arrive is not lost: see `fed_back`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hogwild.limits import is_number
from hogwild.names import find_name, wrong_type

Vector = NDArray[np.floating]
INDEX_BYTES = 4  # of one that says which value it is


class Codec(NamedTuple):
    """A way of coding, with its numbers filled in.

    decoded : decoded(numbers, x) -> what arrives, a new array of the same shape and dtype
    coded :   coded(numbers, size, itemsize) -> bytes that are sent
    adds :    can two coded vectors be added up without decoding them? Else an all-reduce must gather all of them.
    """

    name: str
    decoded: Callable[[tuple[Any, ...], Vector], Vector]
    coded: Callable[[tuple[Any, ...], int, int], int]
    adds: bool = False
    numbers: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.numbers))})"

    def arrives(self, x: Vector) -> Vector:
        """What the receiver decodes."""
        return self.decoded(self.numbers, x)

    def n_bytes(self, x: Vector) -> int:
        """What it takes to send x, coded."""
        return min(x.nbytes, self.coded(self.numbers, x.size, x.itemsize))

    def n_bytes_summed(self, x: Vector, workers: int) -> int:
        """What takes as long as an all-reduce of so many bytes (each host sends and receives 2 (P - 1) / P of them): an
        all-gather of coded vectors, P - 1 of them, if they cannot be added up.
        """
        coded = self.n_bytes(x)
        return coded if self.adds else min(x.nbytes, coded * workers // 2)


def fed_back(codec: Codec, x: Vector, residual: Vector) -> tuple[Vector, Vector]:
    """(what arrives, the new residual): arrives = decoded(x + residual), residual = x + residual - arrives.

    Error feedback (Seide et al. 2014; Karimireddy et al. 2019): over time all arrives, as what was sent and the
    residual add up to what was to be sent.
    """
    whole = x + residual
    arrives = codec.arrives(whole)
    return arrives, whole - arrives


def float16() -> Codec:
    """Half precision: 2 bytes a value. Values beyond its range arrive as the largest there is."""
    return Codec("float16", _half, _half_bytes, adds=True)


def _half(numbers: tuple[Any, ...], x: Vector) -> Vector:
    most = float(np.finfo(np.float16).max)
    return np.clip(x, -most, most).astype(np.float16).astype(x.dtype)


def _half_bytes(numbers: tuple[Any, ...], size: int, itemsize: int) -> int:
    return 2 * size


def topk(share: float = 0.01) -> Codec:
    """This share of the values, the largest, each with its index; one at least (Stich, Cordonnier and Jaggi 2018)."""
    if not (is_number(share) and 0 < share <= 1):
        raise ValueError(f"share={share!r} must lie in (0, 1]: it is the share of the values that are sent")
    return Codec("topk", _largest, _largest_bytes, numbers=(float(share),))


def _count(share: float, size: int) -> int:
    return min(size, max(1, round(share * size)))


def _largest(numbers: tuple[Any, ...], x: Vector) -> Vector:
    kept = np.zeros_like(x)
    if x.size:
        count = _count(numbers[0], x.size)
        at = np.argpartition(np.abs(x), x.size - count)[x.size - count :]
        kept[at] = x[at]
    return kept


def _largest_bytes(numbers: tuple[Any, ...], size: int, itemsize: int) -> int:
    return _count(numbers[0], size) * (itemsize + INDEX_BYTES)


def sign() -> Codec:
    """One bit a value, and one scale: mean(|x|) sign(x), with sign(0) = 1 (Karimireddy et al. 2019, alg. 1; the 1-bit
    SGD of Seide et al. 2014 has two scales a column).
    """
    return Codec("sign", _signs, _signs_bytes)


def _signs(numbers: tuple[Any, ...], x: Vector) -> Vector:
    scale = x.dtype.type(np.abs(x).mean(dtype=np.float64)) if x.size else x.dtype.type(0)
    return np.where(x >= 0, scale, -scale)


def _signs_bytes(numbers: tuple[Any, ...], size: int, itemsize: int) -> int:
    return -(-size // 8) + itemsize


CODECS: dict[str, Callable[..., Codec]] = {"float16": float16, "topk": topk, "sign": sign}
"""The codecs by name."""


def find_codec(given: str | Codec) -> Codec:
    """The codec itself, or the one of that name with its defaults; an error lists the names there are."""
    if isinstance(given, Codec):
        return given
    if not isinstance(given, str):
        raise wrong_type("codec", given, "a name or a Codec such as topk(0.01)")
    return CODECS[find_name("codec", given, CODECS)]()
