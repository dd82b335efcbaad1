"""Linear models bound to small examples, and driven without an engine."""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from tests.models.optima import problem

from hogwild import Linear
from hogwild.data import Examples
from hogwild.data.blocks import Block
from hogwild.memory import CONTROL_CELLS, Memory, Replicas
from hogwild.models.linear_survey import LinearSurvey
from hogwild.params import Params
from hogwild.requests import Steps
from hogwild.rules.losses import LOSSES
from hogwild.rules.schedules import Moment, Schedule, inverse

LAYOUTS = ("sparse", "relaxed", "dense")
RELAX = np.array([0.5, 1, 2, 0.25, 1, 1, 0.5, 2])
CENTRE = np.linspace(-0.5, 0.5, 8).astype(np.float32)
INTERCEPT = 0.3


@dataclass
class Bound:
    """A model with a given survey on 90 rows of 8 columns, exact in float32: nothing is searched, all is known.

    `relaxed`: sparse, with step factors; `dense` has them too, and is centred if an intercept is learnt.
    """

    loss: str = "logistic"
    layout: str = "sparse"
    dtype: type = np.float64
    l2: float = 0.02
    l1: float = 0.0
    fit_intercept: bool = True
    schedule: Schedule = field(default_factory=lambda: inverse(0.1))
    average: bool = False
    weighted: bool = True
    n: int = 90
    found: float = 0.1  # eta0, unless the schedule has one

    def __post_init__(self) -> None:
        X, y = problem(self.loss, n=self.n, density=0.5)
        self.X = X.astype(np.float32).astype(np.float64)
        self.y = y.astype(np.float32).astype(np.float64)
        rng = np.random.default_rng(1)
        self.s = rng.choice([0.5, 1.0, 1.5], self.n) if self.weighted else np.ones(self.n)
        X = self.X.astype(self.dtype)
        X = X if self.layout == "dense" else sp.csr_array(X)
        self.examples = Examples(X, self.y, self.s, "the test")
        self.model = Linear(self.loss, self.l2, self.l1, self.fit_intercept, self.schedule, self.average)
        self.centre = CENTRE.astype(self.dtype) if self.layout == "dense" and self.fit_intercept else np.zeros(0)
        relax = np.zeros(0) if self.layout == "sparse" else RELAX
        centre = np.zeros(8) if self.layout == "dense" and not self.fit_intercept else self.centre
        eta0 = self.found if self.schedule.eta0 is None else self.schedule.eta0
        numbers = (eta0, INTERCEPT, relax.astype(self.dtype), centre.astype(self.dtype))
        self.survey = LinearSurvey(8, np.dtype(self.dtype), *numbers)
        self.task = self.model.bind(self.examples, self.survey)

    @property
    def relax(self) -> np.ndarray:
        """(d + 1,) step factors, that of the intercept last."""
        relax = np.ones(8) if self.layout == "sparse" else RELAX
        return np.append(relax, INTERCEPT if self.fit_intercept else 0.0)

    def touched(self, examples: int) -> np.ndarray:
        """(d + 1,) probability that so many examples have each column."""
        present = np.ones(9) if self.layout == "dense" else np.append((self.X != 0).mean(axis=0), 1.0)
        return 1 - (1 - present) ** examples

    def curvature(self, rows) -> np.ndarray:
        """(rows,) second derivative of the loss of each along its gradient, in the metric of the steps."""
        x = np.column_stack([self.X - (self.centre if self.centre.size else 0.0), np.ones(self.n)])[rows]
        return LOSSES[self.loss].smoothness * self.s[rows] * (x**2 @ self.relax)

    def params(self, seed: int = 0, scale: float = 0.25) -> Params:
        """Random weights (as they are trained: no `enter`), exact in float32."""
        params = self.model.init(self.survey)
        params.weights[:] = np.round(np.random.default_rng(seed).normal(size=9) * scale * 64) / 64
        if not self.fit_intercept:
            params.weights[-1] = 0.0
        return params

    def true(self, weights: np.ndarray) -> tuple[np.ndarray, float]:
        """Coefficients and intercept, from weights in training."""
        w = np.asarray(weights, np.float64)
        return w[:-1], float(w[-1] - (w[:-1] @ self.centre if self.centre.size else 0.0))

    def memories(self, params: Params, size: int = 1, how: Replicas | None = None) -> list[Memory]:
        """Memories of workers that share these weights; means are kept if the model averages."""
        control = np.zeros(CONTROL_CELLS, np.int64)
        found = [Memory(rank, size, params.weights, control, how) for rank in range(size)]
        for memory in found:
            memory.mine, memory.base = np.zeros_like(params.weights), np.zeros_like(params.weights)
            if self.task.averages:
                memory.mean = np.zeros_like(params.weights)
        return found

    def steps(self, memory: Memory, rows, done: int, minibatch: int = 1, rate: float | None = None, epoch: int = 0):
        """Steps on these rows, one after another."""
        request = Steps(max(1, -(-len(rows) // minibatch)), rate, minibatch)
        self.task.steps(memory, single(rows), Moment(epoch, 0.0, done), request)


def single(rows) -> list[Block]:
    """These rows, in this order."""
    return [Block(np.asarray(rows, np.int64), 1)]


def slope(loss: str, p: float, y: float) -> float:
    """dloss/dp."""
    return LOSSES[loss].slope(float(p), float(y), LOSSES[loss].default)
