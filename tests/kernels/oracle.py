"""SGD written out slowly in NumPy, float64, one example after another: what the kernels are held to."""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from hogwild.data import Examples
from hogwild.kernels.linear import Copies, Pace
from hogwild.kernels.rows import Rows
from hogwild.models.linear_rows import linear_rows
from hogwild.rules.losses import LOSSES, Loss

CHUNK = 7  # 60 rows are 8 chunks of 7 and one of 4
RELAX = np.array([0.5, 1, 2, 0.25, 1, 1, 0.5, 1, 2, 1, 1, 0.5])
LAYOUTS = ("sparse32", "sparse64", "dense")
# Layouts and precisions, and whether columns have step factors; each is one more compilation of every kernel.
KINDS = [
    ("sparse32", np.float32),
    ("sparse32", np.float64),
    ("sparse64", np.float32),
    ("dense", np.float32),
    ("dense", np.float64),
]
RELAXED_KINDS = [
    *((layout, dtype, False) for layout, dtype in KINDS),
    ("sparse32", np.float64, True),
    ("dense", np.float32, True),
    ("dense", np.float64, True),
]
TOLERANCE = {np.float32: {"rtol": 2e-4, "atol": 2e-5}, np.float64: {"rtol": 1e-9, "atol": 1e-11}}


@dataclass
class Problem:
    """A small problem: X is exact in float32, so that both precisions solve the same one."""

    n: int = 60
    d: int = 12
    seed: int = 0
    density: float = 0.4
    binary: bool = True
    X: np.ndarray = field(init=False)
    y: np.ndarray = field(init=False)
    s: np.ndarray = field(init=False)
    start: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.X = rng.normal(size=(self.n, self.d)) * (rng.random((self.n, self.d)) < self.density)
        self.X[self.n // 2] = 0.0  # an empty row
        self.X[: self.n // 2, -1] = 1.5  # the last feature, beside the intercept, is used
        self.X = self.X.astype(np.float32).astype(np.float64)
        self.y = rng.choice([-1.0, 1.0], self.n) if self.binary else rng.integers(-8, 8, self.n) / 4
        self.s = rng.choice([0.5, 1.5], self.n)
        self.s *= self.n / self.s.sum()
        self.start = rng.integers(-4, 4, self.d + 1) / 8

    def rows(self, layout: str, dtype: type, relax=(), centre=None) -> Rows:
        """The problem as kernels read it."""
        if layout == "dense":
            X = np.ascontiguousarray(self.X, dtype)
            centre = np.zeros(self.d) if centre is None else centre
        else:
            X = sp.csr_array(self.X.astype(dtype))
            index = np.int64 if layout == "sparse64" else np.int32
            X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
            centre = ()
        examples = Examples(X, self.y, self.s, "X")
        return linear_rows(examples, np.asarray(relax, dtype), np.asarray(centre, dtype))


def pace_of(name: str, penalty: str, intercept: float = 0.3, gain: float = 0.125) -> Pace:
    loss = LOSSES[name]
    l2 = 0.05 if penalty in ("l2", "both") else 0.0
    l1 = 0.03 if "l1" in penalty or penalty == "both" else 0.0
    growth = 0.01 if "telescoped" in penalty else 0.0
    return Pace(loss.code, loss.default, gain, growth, intercept, l2, l1)


def shuffled(problem: Problem, chunk: int = CHUNK) -> tuple[np.ndarray, np.ndarray]:
    """Chunks in a random order: their starts, and the rows one by one."""
    starts = np.random.default_rng(1).permutation(np.arange(0, problem.n, chunk))
    return starts, np.concatenate([np.arange(s, min(s + chunk, problem.n)) for s in starts])


def copies(weights: np.ndarray, dtype: type, mean: bool = False) -> Copies:
    """Vectors of one worker that begins with these weights."""
    shared = weights.astype(dtype)
    average = np.zeros_like(shared) if mean else np.zeros(0, dtype)
    return Copies(shared, np.full_like(shared, np.nan), np.full_like(shared, np.nan), average, np.zeros(1))


def slope_of(pace: Pace) -> tuple[Loss, float]:
    return list(LOSSES.values())[pace.code], pace.parameter


def learn(problem: Problem, order, w, pace: Pace, t: int = 0, relax=None, centre=0.0):
    """One step for each row of `order`, on true weights w (d + 1,) in place; t: examples before. Returns predictions.

    With growth the step size is gain / (1 + growth t) and l2 is growth / gain:
    w <- (1 - l2 rate_{t+1}) w - rate_{t+1} slope x.
    """
    loss, a = slope_of(pace)
    relax = np.ones(problem.d) if relax is None else relax
    predictions = []
    for i in order:
        x = problem.X[i] - centre
        p = x @ w[:-1] + w[-1]
        predictions.append(p)
        slope = loss.slope(p, problem.y[i], a) * problem.s[i]
        rate = pace.gain / (1 + pace.growth * (t + 1))
        w[:-1] = (1 - pace.growth / pace.gain * rate) * w[:-1] - rate * slope * relax * x
        w[-1] -= pace.gain / (1 + pace.growth * t) * pace.intercept * slope
        t += 1
    return predictions


def shrink(w, amount: float, pace: Pace, relax=None) -> None:
    """The proximal step of l2 and l1 for a whole interval, in place."""
    relax = np.ones(w.size - 1) if relax is None else relax
    soft = np.sign(w[:-1]) * np.maximum(np.abs(w[:-1]) - amount * pace.l1 * relax, 0)
    w[:-1] = soft / (1 + amount * pace.l2 * relax)
