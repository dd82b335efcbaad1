"""What all races have in common: how many rows and repeats, the corpus, and the one way to compute an objective."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.synthetic import rcv1_like
from hogwild.engines.threads import available_cores


@final
@dataclass(frozen=True)
class Setting:
    """Options of a run. `quick`: so small that figures mean nothing, and no goal is judged."""

    rows: int = 400_000
    repeats: int = 5
    quick: bool = False

    @property
    def l2(self) -> float:
        """lambda. A few rows with 1e-5 would be a much harder problem than many."""
        return 1e-3 if self.quick else 1e-5

    @property
    def features(self) -> int:
        """Words of the corpus: as many as RCV1 has."""
        return 2_000 if self.quick else 47_236

    def corpus(self, rows: int | None = None) -> Examples:
        """The synthetic, RCV1-shaped examples that most races train on; `rows` instead of all."""
        return _corpus(self.rows if rows is None else rows, self.features)

    @property
    def cores(self) -> int:
        return available_cores()

    @property
    def threads(self) -> list[int]:
        """1, 2, 4, ... and all cores."""
        powers = [2**k for k in range(self.cores.bit_length()) if 2**k < self.cores]
        return [*powers, self.cores]

    def judged(self, reached: bool) -> bool | None:
        """Whether a goal was reached; None in a quick run."""
        return None if self.quick else reached


@lru_cache(maxsize=4)
def _corpus(rows: int, features: int) -> Examples:
    return rcv1_like(rows, features)


def hinge_objective(data: Examples, w: NDArray[Any], l2: float) -> float:
    """l2/2 |w|^2 + mean hinge loss without intercept, in float64, whoever trained w."""
    assert data.y is not None
    exact = np.asarray(w, dtype=np.float64).ravel()
    margins = data.y * (data.X @ exact)
    # Not exact @ exact: the threads of a BLAS go on spinning after it, in the time of whoever races next.
    return 0.5 * l2 * float(np.square(exact).sum()) + float(np.maximum(0.0, 1.0 - margins).mean())
