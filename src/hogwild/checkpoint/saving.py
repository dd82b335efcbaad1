"""From a fitted estimator to a model file."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from hogwild import __version__
from hogwild.checkpoint.encoding import encode
from hogwild.checkpoint.factors import arrays_of
from hogwild.checkpoint.layout import (
    FACTORS,
    FORMAT,
    FORMAT_VERSION,
    KINDS,
    LABEL_KINDS,
    NUMBERS,
    VECTORS,
    Estimator,
    ModelError,
    checksum,
    histories,
)
from hogwild.data.atomic import saving
from hogwild.estimators import LinearClassifier, MatrixFactorization
from hogwild.estimators.common import plan
from hogwild.params import Params
from hogwild.traffic import Traffic


def save_model(estimator: Estimator | MatrixFactorization, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a safetensors file that `load_model` restores exactly.

    Saved are the weights, the classes or ids, all hyper-parameters, the history, and what a warm start needs.
    `callbacks` and `checkpoint` are saved as None, and so is a `random_state` that is not a number.

    An existing file is replaced in one step; if writing fails nothing is left behind. Raises ModelError if the file
    cannot be written, ValueError if the estimator is not fitted or was given bad parameters since, and TypeError if
    a label or parameter is of a kind that cannot be stored, such as a strategy of your own.
    """
    kind = next((name for name, cls in KINDS.items() if type(estimator) is cls), None)
    if kind is None and not isinstance(estimator, MatrixFactorization):
        raise TypeError(
            "save_model takes a LinearClassifier, LinearRegressor or MatrixFactorization, not a "
            f"{type(estimator).__name__}"
        )
    if not hasattr(estimator, "_params"):
        raise ValueError(f"this {type(estimator).__name__} is not fitted yet: call fit before save_model")
    # A file that load_model would refuse must not be written.
    if isinstance(estimator, MatrixFactorization):
        estimator.check()
        if estimator.rank != estimator.user_factors_.shape[1]:
            raise ValueError(f"rank={estimator.rank} was changed since fit: call fit again, or set it back")
    else:
        plan(estimator)
    metadata = {
        "format": FORMAT if kind else FACTORS,
        "format_version": str(FORMAT_VERSION),
        "hogwild_version": __version__,
        "hyper_parameters": json.dumps(encode(_hyper_parameters(estimator))),
        "fit": json.dumps(_facts(estimator)),
        "history": json.dumps([history.as_dict() for history in histories(estimator)]),
        "traffic": json.dumps([_traffic(history.traffic) for history in histories(estimator)]),
    }
    if isinstance(estimator, MatrixFactorization):
        arrays = arrays_of(estimator)
    else:
        arrays = _arrays(estimator)
        metadata["kind"] = str(kind)
    if isinstance(estimator, LinearClassifier):
        metadata["classes"] = json.dumps(_classes(estimator.classes_))
    metadata["checksum"] = checksum(metadata, arrays)
    contents = _in_order(save(arrays, metadata))
    with saving(path, ModelError) as file:
        file.write(contents)


def _in_order(contents: bytes) -> bytes:
    """The same file with its header sorted: the library's order is random, and equal models should be equal files."""
    end = 8 + int.from_bytes(contents[:8], "little")
    header = json.dumps(json.loads(contents[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # arrays begin at a multiple of 8 bytes
    return len(header).to_bytes(8, "little") + header + contents[end:]


def _arrays(estimator: Estimator) -> dict[str, NDArray[Any]]:
    arrays = {
        "coef": np.ascontiguousarray(np.atleast_2d(estimator.coef_)),
        "intercept": np.ascontiguousarray(estimator.intercept_),
    }
    parts: list[Params] = estimator._params if isinstance(estimator._params, list) else [estimator._params]
    for k, part in enumerate(parts):  # what strategies keep in the state is not part of a model
        arrays |= {f"state.{k}.{name}": np.ascontiguousarray(part.state[name]) for name in (*NUMBERS, *VECTORS)}
    return arrays


def _hyper_parameters(estimator: Estimator | MatrixFactorization) -> dict[str, Any]:
    values = estimator.get_params(deep=False)
    if not isinstance(values["random_state"], int | np.integer):
        values["random_state"] = None
    values |= {"callbacks": None, "checkpoint": None, "resume": False}
    return values


def _facts(estimator: Estimator | MatrixFactorization) -> dict[str, Any]:
    names = getattr(estimator, "feature_names_in_", None)
    learnt = {"penalty": list(estimator._pull)} if isinstance(estimator, MatrixFactorization) else {}
    return {
        **learnt,
        "n_iter": int(estimator.n_iter_),
        "stop_reason": estimator.stop_reason_,
        "feature_names": None if names is None else [str(name) for name in names],
    }


def _traffic(traffic: Traffic | None) -> dict[str, Any] | None:
    return None if traffic is None else traffic.as_dict()


def _classes(classes: NDArray[Any]) -> dict[str, Any]:
    values = classes.tolist()
    if classes.dtype.kind not in LABEL_KINDS or not all(isinstance(v, bool | int | float | str) for v in values):
        raise TypeError(f"classes of dtype {classes.dtype} cannot be saved; train with numbers or text as labels")
    return {"dtype": classes.dtype.str, "values": values}
