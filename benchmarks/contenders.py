"""hogwild and its peers behind one call: train on (X, y) with so many epochs and this seed, return the weights."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.svm import LinearSVC

from benchmarks.setting import Setting
from hogwild.data.examples import Examples
from hogwild.estimators import LinearClassifier


def fit_hogwild(
    data: Examples, l2: float, *, threads: int, epochs: int = 20, tol: float | None = None, seed: int = 0
) -> NDArray[Any]:
    """The whole `LinearClassifier.fit`, checks and search for eta0 included."""
    model = LinearClassifier(
        "hinge", l2=l2, fit_intercept=False, max_epochs=epochs, tol=tol, n_jobs=threads, random_state=seed
    )
    return _coef(model, data)


def fit_sgd(
    data: Examples, l2: float, *, shuffle: bool = True, epochs: int = 1000, tol: float | None = None, seed: int = 0
) -> NDArray[Any]:
    """scikit-learn's SGDClassifier, on the same float32 CSR."""
    model = SGDClassifier(
        loss="hinge", alpha=l2, fit_intercept=False, max_iter=epochs, tol=tol, shuffle=shuffle, random_state=seed
    )
    return _coef(model, data)


def fit_svc(data: Examples, l2: float, *, epochs: int = 1000, tol: float = 1e-4, seed: int = 0) -> NDArray[Any]:
    """LIBLINEAR's dual coordinate descent through scikit-learn's LinearSVC: C = 1 / (lambda n)."""
    C = 1.0 / (l2 * data.n_examples)
    model = LinearSVC(loss="hinge", dual=True, C=C, fit_intercept=False, max_iter=epochs, tol=tol, random_state=seed)
    return _coef(model, data)


def warm_up(setting: Setting, threads: list[int]) -> None:
    """Compile, or load from the cache, what training on the corpus needs: a small part would take fewer threads."""
    for count in threads:
        fit_hogwild(setting.corpus(), setting.l2, threads=count, epochs=1)


def _coef(model: Any, data: Examples) -> NDArray[Any]:
    with warnings.catch_warnings():
        # Contenders are stopped after given numbers of epochs on purpose.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(data.X, data.y)
    return np.asarray(model.coef_).ravel()
