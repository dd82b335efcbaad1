"""Any PyTorch module as a model: its parameters are named views of one vector, which strategies share and send."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.interfaces import AbstractModel
from hogwild.models.network_data import NetworkData
from hogwild.models.network_losses import (
    NetworkLoss,
    check_output,
    find_network_loss,
    targets,
)
from hogwild.models.network_module import Layout, columns, copy_of, flat_weights, layout_of, load, tried
from hogwild.models.network_task import PIECE_ROWS, NetworkTask
from hogwild.models.network_torch import import_torch
from hogwild.params import Params
from hogwild.rules.schedules import Schedule, constant, find_schedule


@final
@dataclass(frozen=True)
class NetworkSurvey:
    """What a network must know of the data."""

    n_features: int
    n_scores: int  # outputs of a row: 1 for (n,) and (n, 1)
    draws: bool  # do layers draw random numbers in training?
    pairs: bool  # does training take two rows or more?
    seed: int
    source: str


@final
@dataclass(frozen=True, eq=False)
class Network(AbstractModel):
    """A PyTorch module f that minimises

        l2/2 |w|^2 + sum_i s_i loss(f(x_i), y_i) / sum_i s_i        (s: sample weights, 1 by default)

    w: all parameters with requires_grad, biases too (as `weight_decay` of torch's SGD). Others stay as they are.

    Parameters
    ----------
    module : any torch.nn.Module that takes rows (n, d) and gives one tensor with an output for each row; (n, 1) counts
        as (n,). On the CPU; parameters all float32, or all float64. Training begins with the weights that it has, and
        never changes it: `module_with` gives trained ones.
    loss : "cross-entropy" (default; outputs (n, k) are scores, labels whole numbers 0 ... k - 1), "squared" (labels
        are numbers), "logistic" (labels -1 and +1), or a function of (output, target), both tensors, that gives (n,), a
        loss for each example, or a scalar, their *mean*, as torch's losses do. With sample weights it must be (n,):
        reduction="none". Labels that are integers come as int64, others in the precision of the module.
    l2 : weight of the penalty, >= 0.
    rate : step size for the mean gradient of a minibatch: a number, for a constant one, or a `Schedule` with its
        eta0, such as `backoff(0.1, beta=0.9)`. It is not searched: what is good depends on the minibatch.

    Layers that you put into eval mode (a BatchNorm that is frozen) stay in it; a module that is in eval mode as a whole
    is trained in training mode. Judging and predicting use eval mode. Buffers (running means of BatchNorm) are never
    shared or sent: each worker has its own, and the result has those of the worker whose weights it has. Random layers
    (Dropout) draw numbers that depend on the seed, the epoch and the minibatch only. A minibatch of a single row is
    learnt in eval mode if the module cannot take it otherwise (BatchNorm). A worker computes on one core.

    Raises ValueError or TypeError for a module, loss or number that cannot be trained, ImportError without PyTorch.

    Example::

        net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
        result = train(Network(net), (X, y))
        trained = result.model.module_with(result.params)
    """

    module: Any
    loss: str | Callable[[Any, Any], Any] = "cross-entropy"
    l2: float = 0.0
    rate: float | Schedule = 0.1

    def __post_init__(self) -> None:
        _ = find_network_loss(self.loss), self._schedule(), layout_of(self.module)
        if not (_is_number(self.l2) and self.l2 >= 0):
            raise ValueError(f"l2={self.l2!r} must be a finite number of at least 0")

    def _schedule(self) -> Schedule:
        if isinstance(self.rate, Schedule):
            if self.rate.eta0 is None:
                raise ValueError(
                    f"rate={self.rate.name} needs a number: a network's step size is not searched; write "
                    f"{self.rate.name}(0.1)"
                )
            return find_schedule(self.rate)
        if not (_is_number(self.rate) and self.rate > 0):
            raise ValueError(f"rate={self.rate!r} must be a positive number, or a Schedule such as backoff(0.1)")
        return constant(float(self.rate))

    # -------------------------------------------------------------------------------------------------- the model

    def survey(self, examples: Examples, seed: int, start: Params | None) -> NetworkSurvey:
        """Tries the module on a row; ValueError or TypeError if rows, labels, loss and module do not fit together."""
        if examples.is_sparse:
            raise ValueError(f"{examples.source} is sparse, but a network takes dense rows: give X.toarray()")
        layout = layout_of(self.module)
        if start is not None:
            layout.check(start)
        trial = tried(self.module, examples.X[[0, 0]].astype(layout.dtype))
        loss = find_network_loss(self.loss)
        check_output(loss, trial.shape)
        scores = math.prod(trial.shape)
        survey = NetworkSurvey(examples.n_features, scores, trial.draws, trial.pairs, seed, examples.source)
        self._targets(loss, examples, survey, layout)
        return survey

    def init(self, survey: NetworkSurvey) -> Params:
        """The module's own weights, views by the names of its parameters; state: its buffers, and examples seen."""
        layout = layout_of(self.module)
        params = Params(layout.views, layout.dtype, {"examples": np.zeros(1), "epochs": np.zeros(1), **layout.buffers})
        flat_weights(self.module, params)
        return params

    def bind(self, examples: Examples, survey: NetworkSurvey) -> NetworkTask:
        """Ready to run on these examples."""
        layout, loss = layout_of(self.module), find_network_loss(self.loss)
        data = NetworkData(loss, examples, self._targets(loss, examples, survey, layout), layout.dtype)
        schedule = self._schedule()
        curve = schedule.curve(float(schedule.eta0 or 0.0), self.l2, examples.n_examples)
        return NetworkTask(self.module, layout, data, curve, float(self.l2), survey)

    def _targets(self, loss: NetworkLoss, examples: Examples, survey: NetworkSurvey, layout: Layout) -> NDArray[Any]:
        return targets(loss, examples, survey.n_scores, layout.dtype)

    def predict(self, params: Params, X: Any) -> NDArray[Any]:
        """What the module gives in eval mode: scores (n, k), or predictions (n,). Uses torch's own threads.

        For cross-entropy the highest score is the class; for logistic a positive one is class +1.
        """
        torch = import_torch()
        module = self.module_with(params)
        rows = np.asarray(X.toarray() if hasattr(X, "toarray") else X, params.weights.dtype)
        if rows.ndim != 2:
            raise ValueError(f"X must have rows (n, d), not shape {rows.shape}")
        outputs = []
        with torch.inference_mode():
            for first in range(0, max(1, rows.shape[0]), PIECE_ROWS):
                piece = rows[first : first + PIECE_ROWS].copy()  # the module may write to it
                outputs.append(columns(module(torch.from_numpy(piece))))
            return np.asarray(torch.cat(outputs).numpy())

    def module_with(self, params: Params) -> Any:
        """A copy of the module with these weights and buffers, which are its own, in eval mode.

        ValueError if they are not of this module.
        """
        layout_of(self.module).check(params)
        module = copy_of(self.module, training=False)
        load(module, params)
        return module


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
