"""Messages of a connection as bytes.

gloo's connections ask for no token. So bytes may spoil a run, but neither run a program nor reach into memory: beside
what pickle makes by itself, as tuples, text and numbers, there are only arrays of numbers, which are made here and
checked, and plain classes that a connection knows. NumPy's own way to unpickle checks nothing.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import Enum
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.engines.line import Value

ALIGNED_BYTES = 16  # kernels want arrays that begin at a multiple of that
KINDS = "biuf"  # of dtypes: booleans, whole and real numbers
NUMBER_BYTES = 8  # of a single number at most: larger ones have no counterpart in Python
SPARE = 4  # times as large as what is in it may a buffer be that is kept

Bytes = NDArray[np.uint8]


@final
class Plain:
    """Classes that a connection knows: named tuples, dataclasses and enums that consist of their fields. They are made
    as everywhere else, by a call with these, so that they check what they check.
    """

    def __init__(self, kinds: Iterable[type]) -> None:
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._parts = {kind: _parts_of(kind) for kind in self._kinds.values()}

    def __contains__(self, kind: type) -> bool:
        return kind in self._parts

    def parts(self, each: Any) -> tuple[Any, ...]:
        """Its fields."""
        return self._parts[type(each)](each)

    def made(self, name: str, parts: tuple[Any, ...]) -> Any:
        """An instance of the class of this name. It raises whatever its class does for wrong fields."""
        return self._kinds[name](*parts)


def _parts_of(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    if issubclass(kind, Enum):
        return lambda each: (each.value,)
    if issubclass(kind, tuple):
        return tuple
    names = [field.name for field in fields(kind)]
    return lambda each: tuple([getattr(each, name) for name in names])


def packed(what: Any, most_bytes: int, plain: Plain | None = None) -> Bytes | None:
    """Its bytes: arrays are copied once. None if there are more; and if the connection says which `plain` classes it
    knows, also for what has anything else in it.
    """
    arrays: list[pickle.PickleBuffer] = []
    head = io.BytesIO()
    pickler = _Pickler(head, 5, buffer_callback=arrays.append)
    pickler.plain = plain
    try:
        pickler.dump(what)
    except pickle.PicklingError:
        if plain is None:
            raise
        return None
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


def unpacked(data: Bytes, plain: Plain | None = None) -> Any:
    """What was packed, at the beginning of `data`. Its arrays can be written, and are parts of `data` unless that is
    much larger. With `plain` classes they cannot, like those of actors' calls, and are no parts of it. UnpicklingError
    for what is no message.
    """
    try:
        sizes = data[8 : 8 * (1 + int(data[:8].view(np.int64)[0]))].view(np.int64).tolist()
        end, spans = 8 * (1 + len(sizes)), []
        for size in sizes:
            spans.append((_aligned(end), _aligned(end) + size))
            end = spans[-1][1]
        if plain is not None or data.size > SPARE * end:
            data = data[:end].copy()
        head, *arrays = [data.data[begin:stop] for begin, stop in spans]
        unpickler = _Unpickler(io.BytesIO(head), buffers=arrays)
        if plain is not None:
            made = (_read_only, _number, plain.made)
            unpickler.known = dict(zip(map(_name, NAMED), made, strict=True))
        return unpickler.load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # bytes can be wrong in many ways
        raise pickle.UnpicklingError(f"no message: {error}") from error


def _aligned(place: int) -> int:
    return -(-place // ALIGNED_BYTES) * ALIGNED_BYTES


def _array(dtype: str, shape: tuple[int, ...], data: Any) -> NDArray[Any]:
    return np.ndarray(shape, _checked(dtype), data)


def _read_only(dtype: str, shape: tuple[int, ...], data: Any) -> NDArray[Any]:
    array = _array(dtype, shape, data)
    array.flags.writeable = False
    return array


def _made(name: str, parts: tuple[Any, ...]) -> Any:
    """What `Plain.made` is called in bytes."""
    raise pickle.UnpicklingError(f"{name} is no part of a message")


def _number(dtype: str, value: float) -> Any:
    return _checked(dtype).type(value)


def _checked(dtype: str) -> np.dtype[Any]:
    found = np.dtype(dtype)
    if found.kind not in KINDS:
        raise pickle.UnpicklingError(f"{dtype!r} is no dtype of a message")
    return found


def _name(each: Any) -> tuple[str, str]:
    return each.__module__, each.__qualname__


PLAIN: dict[tuple[str, str], Any] = {_name(each): each for each in (_array, _number, Value)}
"""All that messages may name, unless the connection knows more."""
NAMED = _array, _number, _made  # all that they may name then


@final
class _Pickler(pickle.Pickler):
    plain: Plain | None

    def reducer_override(self, each: Any) -> Any:
        if isinstance(each, np.ndarray) and each.dtype.kind in KINDS:
            return _array, (each.dtype.str, each.shape, pickle.PickleBuffer(np.ascontiguousarray(each).data))
        if isinstance(each, np.generic) and each.dtype.kind in KINDS and each.itemsize <= NUMBER_BYTES:
            return _number, (each.dtype.str, each.item())
        if self.plain is None or any(each is function for function in NAMED):
            return NotImplemented
        if type(each) in self.plain:
            return _made, (type(each).__name__, self.plain.parts(each))
        raise pickle.PicklingError(f"{type(each).__name__} is no part of a message")


@final
class _Unpickler(pickle.Unpickler):
    known = PLAIN

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.known[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a message") from None
