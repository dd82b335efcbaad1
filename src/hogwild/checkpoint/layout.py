"""What a model file consists of: the facts on which writing and reading must agree."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from hogwild.estimators import LinearClassifier, LinearRegressor, MatrixFactorization
from hogwild.history import History

Estimator = LinearClassifier | LinearRegressor

FORMAT, FACTORS = "hogwild-linear", "hogwild-factors"
FORMAT_VERSION = 1  # of both
KINDS: dict[str, type[LinearClassifier] | type[LinearRegressor]] = {
    "classifier": LinearClassifier,
    "regressor": LinearRegressor,
}
# State of `Params`, which a warm start goes on from; and whether it is a number, or a vector for all features or none.
# Kernels trust the lengths of vectors, so that nothing else may pass.
NUMBERS, VECTORS = ("epochs", "eta0", "examples", "intercept_step"), ("centre", "relax")
LABEL_KINDS = "biufUO"  # kinds of dtype that classes may have


class ModelError(ValueError):
    """A model file cannot be used or written; the message names it and says what to do."""


def histories(estimator: Estimator | MatrixFactorization) -> list[History]:
    """The histories of a fitted estimator: one, or one for each class that was trained."""
    return estimator.history_ if isinstance(estimator.history_, list) else [estimator.history_]


def checksum(metadata: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> str:
    """CRC-32 of all metadata but itself, and of all arrays, in the order of their names."""
    text = json.dumps(sorted((name, value) for name, value in metadata.items() if name != "checksum"))
    total = zlib.crc32(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        total = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), total)
        total = zlib.crc32(array.tobytes(), total)
    return f"{total:08x}"
