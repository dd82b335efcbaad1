"""A matrix factorization as the parts of a model file, and back, if every part is sound."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hogwild.checkpoint.encoding import decode
from hogwild.data.ids import Ids
from hogwild.data.scans import structure_fault
from hogwild.estimators import MatrixFactorization
from hogwild.history import History
from hogwild.params import Params

VIEWS = ("users", "items")
NUMBERS = ("mean", "examples", "epochs")  # of the state, which a warm start goes on from
SEEN = ("seen.indptr", "seen.indices")  # which user has rated which item: a CSR array of ones

MOST_CHARACTERS = 1 << 30  # of all ids, if they were as long as the longest

Arrays = Mapping[str, NDArray[Any]]


def arrays_of(estimator: MatrixFactorization) -> dict[str, NDArray[Any]]:
    """Rows, state, ids, and what was rated."""
    params, seen = estimator._params, estimator._seen
    arrays = {name: np.ascontiguousarray(params[name]) for name in VIEWS}
    arrays |= {f"state.{name}": np.ascontiguousarray(params.state[name]) for name in NUMBERS}
    arrays |= dict(zip(SEEN, (seen.indptr.astype(np.int64), seen.indices.astype(np.int64)), strict=True))
    for name, ids in zip(VIEWS, estimator._ids, strict=True):
        arrays |= _ids_as_arrays(f"{name}.ids", ids.known)
    return arrays


def _ids_as_arrays(name: str, known: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Whole numbers as they are; text as its bytes in UTF-8, and where each ends."""
    if known.dtype.kind != "U":
        return {name: np.ascontiguousarray(known, np.int64)}
    texts = [text.encode() for text in known.tolist()]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return {f"{name}.text": np.frombuffer(b"".join(texts), np.uint8), f"{name}.ends": ends}


def restored(metadata: Mapping[str, str], arrays: Arrays, history: History) -> MatrixFactorization:
    """The estimator. ValueError, KeyError or TypeError for parts that do not fit together."""
    estimator = MatrixFactorization(**decode(json.loads(metadata["hyper_parameters"])))
    estimator.check()
    width = 1 + estimator.rank
    ids = [_ids(f"{name}.ids", arrays) for name in VIEWS]
    for name, each in zip(VIEWS, ids, strict=True):
        rows = arrays[name]
        if rows.shape != (each.size, width) or rows.dtype != np.float32 or not np.isfinite(rows).all():
            raise ValueError(f"{name} are {rows.dtype} of shape {rows.shape}, for {each.size} ids and rank {width - 1}")
    state = {name: arrays[f"state.{name}"] for name in NUMBERS}
    for name, array in state.items():
        if array.shape != (1,) or array.dtype != np.float64 or not np.isfinite(array).all():
            raise ValueError(f"state.{name} is {array.dtype} of shape {array.shape}")
    known = {*VIEWS, *(f"state.{name}" for name in NUMBERS), *SEEN, *_names(arrays)}
    if set(arrays) != known:
        raise ValueError(f"its arrays are {', '.join(sorted(arrays))}")
    params = Params({name: arrays[name].shape for name in VIEWS}, np.float32, state)
    for name in VIEWS:
        params[name][:] = arrays[name]
    fit = json.loads(metadata["fit"])
    l2, biases = fit["penalty"]
    estimator.take(params, (Ids(ids[0]), Ids(ids[1])), _seen(arrays, ids[0].size, ids[1].size), float(l2), bool(biases))
    estimator.n_iter_, estimator.history_ = int(fit["n_iter"]), history
    estimator.stop_reason_ = str(fit["stop_reason"])
    return estimator


def _names(arrays: Arrays) -> list[str]:
    """The names of the arrays of both kinds of ids that must be there, as one of them is."""
    found = []
    for view in VIEWS:
        name = f"{view}.ids"
        found += [name] if name in arrays else [f"{name}.text", f"{name}.ends"]
    return found


def _ids(name: str, arrays: Arrays) -> NDArray[Any]:
    if name in arrays:
        known = arrays[name]
        if known.ndim != 1 or known.dtype != np.int64:
            raise ValueError(f"{name} are {known.dtype} of shape {known.shape}")
    else:
        text, ends = arrays[f"{name}.text"], arrays[f"{name}.ends"]
        whole = text.ndim == ends.ndim == 1 and text.dtype == np.uint8 and ends.dtype == np.int64
        if not whole or not ends.size or (np.diff(ends, prepend=0) < 0).any() or ends[-1] != text.size:
            raise ValueError(f"{name} are no texts")
        content, begins = text.tobytes(), [0, *ends[:-1].tolist()]
        if int(np.diff(ends, prepend=0).max()) * ends.size > MOST_CHARACTERS:
            raise ValueError(f"{name} are too long")
        known = np.array([content[a:b].decode() for a, b in zip(begins, ends.tolist(), strict=True)])
    if not known.size or (known[1:] <= known[:-1]).any():
        raise ValueError(f"{name} are not different ids in order")
    return known


def _seen(arrays: Arrays, n_users: int, n_items: int) -> Any:
    indptr, indices = (arrays[name] for name in SEEN)
    if not (indptr.shape == (n_users + 1,) and indices.ndim == 1 and indptr.dtype == indices.dtype == np.int64):
        raise ValueError("what was rated is not one row for each user")
    fault = structure_fault(indices, indptr, indices.size, n_items)
    if fault is not None:
        raise ValueError(f"what was rated is broken: {fault}")
    return sp.csr_array((np.ones(indices.size, np.int32), indices, indptr), (n_users, n_items))
