"""A part of a checkpoint: facts, as JSON, and arrays, as safetensors, in one file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

Arrays = dict[str, NDArray[Any]]


class CheckpointError(ValueError):
    """A checkpoint cannot be used or written; the message names the file and says what to do."""


@final
class Part(NamedTuple):
    """What one of those that take part in a run knows of it.

    facts :  what JSON can say
    arrays : bit for bit
    """

    facts: dict[str, Any]
    arrays: Arrays

    def packed(self) -> bytes:
        """As a file."""
        arrays = {name: np.asarray(array, order="C") for name, array in self.arrays.items()}
        return save(arrays, {"facts": json.dumps(self.facts, default=_plain)})

    @classmethod
    def unpacked(cls, contents: bytes) -> Part:
        """What was packed. ValueError for anything else."""
        try:
            arrays = load(contents)
            length = int.from_bytes(contents[:8], "little")
            facts = json.loads(json.loads(contents[8 : 8 + length])["__metadata__"]["facts"])
        except (SafetensorError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"it is no part of a checkpoint ({error})") from error
        if not isinstance(facts, dict):
            raise ValueError("its facts are none")
        # What is loaded may be a view of what was read, which cannot be written.
        return cls(facts, {name: array.copy() for name, array in arrays.items()})

    def under(self, prefix: str) -> Arrays:
        """The arrays whose names begin so, without it."""
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}


def _plain(value: Any) -> Any:
    """Numbers of NumPy are numbers. TypeError for what JSON has no word for."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} cannot be written to a checkpoint")


def prefixed(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """The same, with names that begin so."""
    return {prefix + name: array for name, array in arrays.items()}


def checksum(contents: bytes) -> str:
    """CRC-32."""
    return f"{zlib.crc32(contents):08x}"
