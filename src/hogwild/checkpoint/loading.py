"""From a model file to the estimator that was saved, if every part of it is sound."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from hogwild import __version__
from hogwild.checkpoint.encoding import decode
from hogwild.checkpoint.factors import restored
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
)
from hogwild.estimators import LinearClassifier, MatrixFactorization
from hogwild.estimators.common import plan
from hogwild.history import History
from hogwild.params import Params
from hogwild.traffic import Traffic

Arrays = Mapping[str, NDArray[Any]]


def is_model(path: str | os.PathLike[str]) -> bool:
    """Does the file begin like a safetensors file (length of the header, then JSON)? False if it cannot be read."""
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError:  # whoever reads it next says why
        return False
    # No text begins so: six of the eight bytes of the length are zero.
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < 2**32


def load_linear(path: str | os.PathLike[str]) -> Estimator:
    """`load_model`, of linear models only. ModelError for others."""
    found = load_model(path)
    if isinstance(found, MatrixFactorization):
        raise ModelError(f"{path} is a matrix factorization, and no linear model: see `hogwild recommend`")
    return found


def load_model(path: str | os.PathLike[str]) -> Estimator | MatrixFactorization:
    """The estimator that `save_model` wrote: equal attributes, and equal predictions to the last bit.

    Raises ModelError, with one sentence, for a file that is missing, foreign, truncated, damaged, or of a newer
    version of hogwild.
    """
    path = Path(path)
    metadata, arrays = _read(path)
    try:
        if metadata["format"] == FACTORS:
            (columns,), (traffic,) = json.loads(metadata["history"]), json.loads(metadata["traffic"])
            return restored(metadata, arrays, _history(columns, traffic))
        return _restore(metadata, arrays)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        # The checksum agrees, so that other code than save_model has written it so.
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ModelError(f"{path} is not a sound model ({reason}); train or copy it again") from error


def _read(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    try:
        with open(path, "rb"):  # for the system's own word on what is wrong, which safe_open hides
            pass
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            _check_format(path, metadata)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist; give a file that `hogwild train --out` wrote") from None
    except IsADirectoryError:
        raise ModelError(f"{path} is a directory; give the model file in it") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        if is_model(path):
            raise ModelError(f"{path} is truncated or damaged ({error}); copy it again, or train anew") from error
        raise ModelError(f"{path} is not a model; give a file that `hogwild train --out` wrote") from error
    if metadata.get("checksum") != checksum(metadata, arrays):
        raise ModelError(f"{path} is damaged (its checksum does not agree); copy it again, or train anew")
    return metadata, arrays


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    if metadata.get("format") not in (FORMAT, FACTORS):
        raise ModelError(f"{path} holds tensors, but no model of hogwild; give a file that `hogwild train --out` wrote")
    version = metadata.get("format_version", "")
    if version.isdecimal() and int(version) > FORMAT_VERSION:
        raise ModelError(
            f"{path} was written by hogwild {metadata.get('hogwild_version', '(unknown)')} in format {version}, but "
            f"this is hogwild {__version__}, which reads formats up to {FORMAT_VERSION}: upgrade hogwild"
        )
    if version != str(FORMAT_VERSION):
        raise ModelError(f"{path} is damaged (its format version is {version!r}); copy it again, or train anew")


def _restore(metadata: Mapping[str, str], arrays: Arrays) -> Estimator:
    facts = json.loads(metadata["fit"])
    columns, traffics = json.loads(metadata["history"]), json.loads(metadata["traffic"])
    records = [_history(*parts) for parts in zip(columns, traffics, strict=True)]
    estimator = KINDS[metadata["kind"]](**decode(json.loads(metadata["hyper_parameters"])))
    plan(estimator)  # checks the hyper-parameters
    coef = arrays["coef"]
    if isinstance(estimator, LinearClassifier):
        estimator.classes_ = _classes(json.loads(metadata["classes"]))
        problems = 1 if estimator.classes_.size == 2 else estimator.classes_.size
        _check_arrays(arrays, problems, len(records))
        estimator.coef_ = coef
        estimator._params = [_params(arrays, k) for k in range(len(records))]
        estimator.history_ = records[0] if problems == 1 else records
    else:
        _check_arrays(arrays, 1, len(records))
        estimator.coef_ = coef[0]
        estimator._params = _params(arrays, 0)
        estimator.history_ = records[0]
    estimator.intercept_ = arrays["intercept"]
    estimator.n_features_in_ = coef.shape[1]
    if facts["feature_names"] is not None:
        if len(facts["feature_names"]) != coef.shape[1]:
            raise ValueError(f"{len(facts['feature_names'])} names for {coef.shape[1]} features")
        estimator.feature_names_in_ = np.array(facts["feature_names"], dtype=object)
    estimator.n_iter_ = int(facts["n_iter"])
    estimator.stop_reason_ = str(facts["stop_reason"])
    estimator.eta0_ = float(arrays["state.0.eta0"][0])
    return estimator


def _check_arrays(arrays: Arrays, problems: int, trained: int) -> None:
    """`trained` of the problems have a history; the last ones may have none, after Ctrl-C."""
    coef, intercept = arrays["coef"], arrays["intercept"]
    if coef.ndim != 2 or coef.shape[0] != problems or coef.shape[1] < 1 or intercept.shape != (problems,):
        raise ValueError(f"weights {coef.shape} and intercepts {intercept.shape} do not fit {problems} problem(s)")
    if not 1 <= trained <= problems:
        raise ValueError(f"{trained} histories do not fit {problems} problem(s)")
    if coef.dtype not in (np.float32, np.float64) or intercept.dtype != coef.dtype:
        raise ValueError(f"weights are {coef.dtype} and intercepts {intercept.dtype}")
    known = [f"state.{k}.{name}" for k in range(trained) for name in (*NUMBERS, *VECTORS)]
    if set(arrays) != {"coef", "intercept", *known}:
        raise ValueError(f"its arrays are {', '.join(sorted(arrays))}")
    for name in known:
        allowed = [(1,)] if name.endswith(NUMBERS) else [(0,), coef.shape[1:]]
        if arrays[name].shape not in allowed or arrays[name].dtype not in (np.float64, coef.dtype):
            raise ValueError(f"{name} is {arrays[name].dtype} of shape {arrays[name].shape}")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")


def _history(columns: Mapping[str, list[Any]], traffic: Mapping[str, Any] | None) -> History:
    return replace(History.of_dict(columns), traffic=None if traffic is None else Traffic.of_dict(traffic))


def _params(arrays: Arrays, k: int) -> Params:
    coef = arrays["coef"]
    state = {name: arrays[f"state.{k}.{name}"] for name in (*NUMBERS, *VECTORS)}
    params = Params({"coef": (coef.shape[1],), "intercept": (1,)}, coef.dtype, state)
    params["coef"][:], params["intercept"][0] = coef[k], arrays["intercept"][k]
    return params


def _classes(stored: Mapping[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(stored["dtype"])
    classes = np.array(stored["values"], dtype=dtype)
    if dtype.kind not in LABEL_KINDS or classes.ndim != 1 or classes.size < 2:
        raise ValueError(f"classes of dtype {dtype} and shape {classes.shape}")
    if classes.tolist() != stored["values"] or any(not a < b for a, b in pairwise(classes)):
        raise ValueError("its classes are not different labels in order")
    return classes
