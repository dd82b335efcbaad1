"""Any PyTorch module as a model: its parameters are named views of one vector, which strategies share and send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from hogwild.data.examples import Examples
from hogwild.data.matrices import to_matrix
from hogwild.interfaces import AbstractModel
from hogwild.limits import is_number
from hogwild.models.network_data import NetworkData, check_values
from hogwild.models.network_losses import find_network_loss, targets
from hogwild.models.network_module import columns, copy_of, flat_weights, layout_of, load
from hogwild.models.network_survey import NetworkSurvey, check_features, survey_network
from hogwild.models.network_task import PIECE_ROWS, NetworkTask
from hogwild.models.network_torch import import_torch
from hogwild.params import Params
from hogwild.rules.schedules import Schedule, constant, find_schedule


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
    learnt in eval mode if the module cannot take it otherwise (BatchNorm). A minibatch of more than 4,096 rows is
    computed in equal pieces, each with batch statistics of its own: of a module with BatchNorm, even the gradient over
    all rows is not that of one batch. A worker computes on one core.

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
        most = float(np.finfo(layout_of(self.module).dtype).max)
        _ = find_network_loss(self.loss), copy_of(self.module, training=True)
        if not (is_number(self.l2) and 0 <= self.l2 <= most):
            raise ValueError(f"l2={self.l2!r} must be a finite number of at least 0, and at most {most:.1e}")
        if float(self._schedule().eta0 or 0.0) > most:
            raise ValueError(f"rate={self.rate!r} is more than weights can hold: use at most {most:.1e}")

    def _schedule(self) -> Schedule:
        if isinstance(self.rate, Schedule):
            if self.rate.eta0 is None:
                raise ValueError(
                    f"rate={self.rate.name} has no number, and a network's step size is not searched: give one, or a "
                    "Schedule that has one, such as backoff(0.1)"
                )
            return find_schedule(self.rate)
        if not (is_number(self.rate) and self.rate > 0):
            raise ValueError(f"rate={self.rate!r} must be a positive number, or a Schedule such as backoff(0.1)")
        return constant(float(self.rate))

    # -------------------------------------------------------------------------------------------------- the model

    def survey(self, examples: Examples, seed: int, start: Params | None) -> NetworkSurvey:
        """Tries module and loss on a few rows; ValueError or TypeError if they and the examples do not fit together."""
        return survey_network(self.module, find_network_loss(self.loss), examples, seed, start)

    def init(self, survey: NetworkSurvey) -> Params:
        """The module's own weights, views by the names of its parameters; state: its buffers, and what it has seen."""
        layout = layout_of(self.module)
        counts = {"examples": np.zeros(1), "epochs": np.zeros(1), "features": np.array([survey.n_features])}
        params = Params(layout.views, layout.dtype, {**counts, **layout.buffers})
        flat_weights(self.module, params)
        return params

    def bind(self, examples: Examples, survey: NetworkSurvey) -> NetworkTask:
        """Ready to run on these examples."""
        layout, loss = layout_of(self.module), find_network_loss(self.loss)
        if examples.whole is not None:  # the survey has seen only some of these rows
            check_values(examples.X, layout.dtype, examples.source)
        data = NetworkData(loss, examples, targets(loss, examples, survey.n_outputs, layout.dtype), layout.dtype)
        schedule = self._schedule()
        curve = schedule.curve(float(schedule.eta0 or 0.0), self.l2, examples.n_in_all)
        return NetworkTask(self.module, layout, data, curve, float(self.l2), survey)

    def predict(self, params: Params, X: Any) -> NDArray[Any]:
        """What the module gives in eval mode: scores (n, k), or predictions (n,). Uses torch's own threads.

        For cross-entropy the highest score is the class; for logistic a positive one is class +1. ValueError for rows
        that are not finite, or that have not as many features as those of the training.
        """
        torch = import_torch()
        module, rows = self.module_with(params), to_matrix(X, "X")
        rows = rows.toarray() if sp.issparse(rows) else rows
        check_features(params, rows.shape[1], "X")
        check_values(rows, params.weights.dtype, "X")
        outputs = []
        with torch.inference_mode():
            for first in range(0, max(1, rows.shape[0]), PIECE_ROWS):
                piece = rows[first : first + PIECE_ROWS].astype(params.weights.dtype)  # a copy: the module may write
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
