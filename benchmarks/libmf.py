"""LIBMF by its own program, `mf-train`, if that is on the PATH (best built with AVX and OpenMP)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import seconds

PROGRAM = "mf-train"
PIECE = 1 << 19


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@final
class Libmf:
    """Ratings as its text, in a folder of ours."""

    def __init__(self, folder: Path, pairs: NDArray[np.uint32], ratings: NDArray[np.float32]) -> None:
        self._text, self._model = folder / "ratings.txt", folder / "ratings.model"
        with open(self._text, "w") as file:
            for first in range(0, len(ratings), PIECE):
                rows = zip(pairs[first : first + PIECE].tolist(), ratings[first : first + PIECE].tolist(), strict=True)
                file.writelines(f"{user} {item} {rating:.4f}\n" for (user, item), rating in rows)

    def fit_s(self, rank: int, l2: float, epochs: int, threads: int) -> float:
        """Seconds of the whole program: it reads the text, too."""
        command = [PROGRAM, "-k", str(rank), "-l2", repr(l2), "-t", str(epochs), "-s", str(threads), "--quiet"]
        return seconds(
            lambda: subprocess.run([*command, str(self._text), str(self._model)], check=True, capture_output=True)
        )

    def predict(self, pairs: NDArray[np.uint32]) -> NDArray[np.float64]:
        """What the last model says; its mean for users and items that it does not know."""
        with open(self._model) as file:
            head = dict(file.readline().split() for _ in range(5))
            rows = file.readlines()
        m, n, k = (int(head[name]) for name in "mnk")
        table = np.full((m + n, k), np.nan)
        for at, line in enumerate(rows):
            _, known, *numbers = line.split()
            if known == "T":
                table[at] = [float(number) for number in numbers]
        u, i = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
        found = np.einsum("nf,nf->n", table[np.minimum(u, m - 1)], table[m + np.minimum(i, n - 1)])
        unknown = np.isnan(found) | (u >= m) | (i >= n)
        return np.where(unknown, float(head["b"]), found)
