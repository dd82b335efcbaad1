"""A network on a small problem, driven by hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the extra `nets` (PyTorch)")

from hogwild.data.blocks import Block  # noqa: E402
from hogwild.data.examples import check_examples  # noqa: E402
from hogwild.memory import CONTROL_CELLS, Memory  # noqa: E402
from hogwild.requests import Steps  # noqa: E402
from hogwild.rules.schedules import Moment  # noqa: E402

START = Moment(0, 0.0, 0)


def perceptron(*extra, dtype=torch.float64, outputs=3, features=6):
    torch.manual_seed(1)
    layers = [torch.nn.Linear(features, 8), *extra, torch.nn.Tanh(), torch.nn.Linear(8, outputs)]
    return torch.nn.Sequential(*layers).to(dtype)


def problem(n=45, features=6, outputs=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, features)), rng.integers(0, outputs, n)


class Driven:
    """A model on examples, driven by hand as an engine of one worker would."""

    def __init__(self, model, X, y, weights=None, seed=0, start=None):
        self.model, self.examples = model, check_examples(X, y, weights)
        self.survey = model.survey(self.examples, seed, start)
        self.task = model.bind(self.examples, self.survey)
        self.params = model.init(self.survey) if start is None else start.copy()
        self.task.enter(self.params)
        self.memory = Memory(0, 1, self.params.weights, np.zeros(CONTROL_CELLS, np.int64), None, self.params.state)

    def steps(self, rows, minibatch, moment=START, rate=None):
        blocks = [Block(np.asarray(rows, np.int64), 1)]
        self.task.steps(self.memory, blocks, moment, Steps(len(rows), rate, minibatch))
        return self.answer(moment, len(rows))

    def gradient(self, rows, moment=START, keys=None):
        return self.task.gradient(self.params, [Block(np.asarray(rows, np.int64), 1)], moment, keys)

    def gradients(self, rows, minibatch, moment=START):
        for first in range(0, len(rows), minibatch):
            now = moment._replace(done=moment.done + first)
            self.task.apply(self.params, self.gradient(rows[first : first + minibatch], now))
        return self.answer(moment, len(rows))

    def answer(self, moment=START, done=0):
        return self.task.answer(self.params, [self.memory], moment._replace(done=moment.done + done))

    def tally(self):
        return self.task.tally(self.answer(), Block(np.arange(self.examples.n_examples), 1))
