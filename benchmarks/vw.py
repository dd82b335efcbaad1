"""Vowpal Wabbit through its Python package: passes over its own cache file, and the weights it ends with."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from benchmarks.text import write_vw
from benchmarks.timing import seconds
from hogwild.data.examples import Examples


def is_installed() -> bool:
    return find_spec("vowpalwabbit") is not None


def default_update(l2: float) -> list[str]:
    """Its default: adaptive, normalised, invariant updates."""
    return ["--l2", repr(l2)]


def tuned_sgd(l2: float) -> list[str]:
    """What reached the objective soonest of what we tried: plain SGD with the rate 1 / (1 + lambda t).

    It shrinks weights only when an example has a slope, so that its --l2 must be larger than lambda by about the
    inverse of the share of such examples: 1.4 is the best of 1, 1.4, 1.8 and 2.2 here.
    """
    return ["--sgd", "--power_t", "1", "-l", "1", "--initial_t", repr(1 / l2), "--l2", repr(1.4 * l2)]


@final
class VowpalWabbit:
    """The corpus in its cache format, in a folder of ours. `text_s`, `cache_s`: what the conversion took."""

    def __init__(self, folder: Path, data: Examples) -> None:
        text = folder / "corpus.vw"
        self._cache = folder / "corpus.cache"
        self._n_features = data.n_features
        bits = max(1, (data.n_features - 1).bit_length())
        self._common = [
            "--quiet", "--loss_function", "hinge", "--noconstant", "--holdout_off", "-b", str(bits),
            "--cache_file", str(self._cache),
        ]  # fmt: skip
        self.text_s = seconds(lambda: write_vw(text, data))
        self.cache_s = seconds(lambda: self._run(["-d", str(text), "--passes", "1"]).finish())
        text.unlink()

    def fit(self, options: list[str], passes: int) -> tuple[float, NDArray[np.float64]]:
        """Seconds of so many passes over the cache, and the weights (read after the clock has stopped)."""
        begun = time.perf_counter()
        workspace = self._run([*options, "--passes", str(passes)])
        taken = time.perf_counter() - begun
        weights = np.array([workspace.get_weight(j) for j in range(self._n_features)])
        heaviest = int(np.abs(weights).argmax())
        if weights[heaviest] != 0.0:
            # The shrinkage of l2 is kept apart from the weights: find its factor by a prediction.
            x = 0.5 / abs(weights[heaviest])
            weights *= workspace.predict(f"| {heaviest}:{x:.9g}") / (x * weights[heaviest])
        workspace.finish()
        return taken, weights

    def _run(self, options: list[str]) -> Any:
        from vowpalwabbit import Workspace

        return Workspace(arg_list=[*self._common, *options])
