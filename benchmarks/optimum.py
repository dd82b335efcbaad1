"""The optimal objective of a problem: the best that anybody reaches in a long run. Computed once, kept in a file
in the system's folder for temporary files.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from benchmarks.contenders import fit_hogwild, fit_sgd, fit_svc
from benchmarks.setting import hinge_objective
from hogwild.data.examples import Examples


def optimum(data: Examples, l2: float) -> tuple[float, str]:
    """(P*, who reached it) for the hinge loss without intercept."""
    path = _path(data, l2)
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        return float(known["objective"]), str(known["by"])
    runs: dict[str, Callable[[], NDArray[Any]]] = {
        "LinearSVC(tol=1e-6)": lambda: fit_svc(data, l2, epochs=1000, tol=1e-6),
        "hogwild, 100 epochs": lambda: fit_hogwild(data, l2, threads=1, epochs=100),
        "SGDClassifier, 20 epochs": lambda: fit_sgd(data, l2, epochs=20),
    }
    reached = {name: hinge_objective(data, run(), l2) for name, run in runs.items()}
    by = min(reached, key=lambda name: reached[name])
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"objective": reached[by], "by": by, "all": reached}), encoding="utf-8")
    return reached[by], by


def _path(data: Examples, l2: float) -> Path:
    """One file for each data set and lambda; a sum over values and labels tells corpora apart."""
    assert data.y is not None
    key = f"{data.source} {data.nnz} {data.X.data.sum(dtype=float)!r} {data.y.sum(dtype=float)!r} {l2!r}"
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"hogwild-benchmarks-{user}"
    return folder / f"optimum-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
