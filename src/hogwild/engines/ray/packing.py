"""Messages of a connection as bytes.

gloo's connections ask for no token. So bytes may spoil a run, but neither run a program nor reach into memory: beside
what pickle makes by itself, as tuples, text and numbers, there are only arrays of numbers, which are made here and
checked. NumPy's own way to unpickle checks nothing.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.engines.line import Value

ALIGNED_BYTES = 16  # kernels want arrays that begin at a multiple of that
KINDS = "biuf"  # of dtypes: booleans, whole and real numbers
SPARE = 4  # times as large as what is in it may a buffer be that is kept

Bytes = NDArray[np.uint8]


def packed(what: Any, most_bytes: int) -> Bytes | None:
    """Its bytes: arrays are copied once. None if there are more."""
    arrays: list[pickle.PickleBuffer] = []
    head = io.BytesIO()
    _Pickler(head, 5, buffer_callback=arrays.append).dump(what)
    parts = [head.getbuffer(), *(array.raw() for array in arrays)]
    sizes = np.array([len(parts), *(part.nbytes for part in parts)], np.int64)
    end, places = sizes.nbytes, []
    for part in parts:
        places.append(_aligned(end))
        end = places[-1] + part.nbytes
    if end > most_bytes:
        return None
    data = np.empty(end, np.uint8)
    data[: sizes.nbytes] = sizes.view(np.uint8)
    for place, part in zip(places, parts, strict=True):
        data.data[place : place + part.nbytes] = part
    return data


def unpacked(data: Bytes) -> Any:
    """What was packed, at the beginning of `data`. Its arrays can be written, and are parts of `data` unless that is
    much larger. UnpicklingError for what is no message.
    """
    try:
        sizes = data[8 : 8 * (1 + int(data[:8].view(np.int64)[0]))].view(np.int64).tolist()
        end, spans = 8 * (1 + len(sizes)), []
        for size in sizes:
            spans.append((_aligned(end), _aligned(end) + size))
            end = spans[-1][1]
        if data.size > SPARE * end:
            data = data[:end].copy()
        head, *arrays = [data.data[begin:stop] for begin, stop in spans]
        return _Unpickler(io.BytesIO(head), buffers=arrays).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # bytes can be wrong in many ways
        raise pickle.UnpicklingError(f"no message: {error}") from error


def _aligned(place: int) -> int:
    return -(-place // ALIGNED_BYTES) * ALIGNED_BYTES


def _array(dtype: str, shape: tuple[int, ...], data: Any) -> NDArray[Any]:
    return np.ndarray(shape, _checked(dtype), data)


def _number(dtype: str, value: float) -> Any:
    return _checked(dtype).type(value)


def _checked(dtype: str) -> np.dtype[Any]:
    found = np.dtype(dtype)
    if found.kind not in KINDS:
        raise pickle.UnpicklingError(f"{dtype!r} is no dtype of a message")
    return found


PLAIN = {(each.__module__, each.__qualname__): each for each in (_array, _number, Value)}
"""All that messages may name."""


@final
class _Pickler(pickle.Pickler):
    def reducer_override(self, each: Any) -> Any:
        if isinstance(each, np.ndarray) and each.dtype.kind in KINDS:
            return _array, (each.dtype.str, each.shape, pickle.PickleBuffer(np.ascontiguousarray(each).data))
        if isinstance(each, np.generic) and each.dtype.kind in KINDS:
            return _number, (each.dtype.str, each.item())
        return NotImplemented


@final
class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return PLAIN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a message") from None
