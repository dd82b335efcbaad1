"""A network on the examples of one machine: forward and backward on a replica, whose weights are the worker's own."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, final

import numpy as np

from hogwild.data.blocks import Block
from hogwild.deltas import Delta, Vector
from hogwild.interfaces import AbstractTask, Tally
from hogwild.memory import InTurn, Locking, Memory, Racy, Replicas, Sharing
from hogwild.models.network_data import NetworkData
from hogwild.models.network_module import Layout
from hogwild.models.network_replica import Replica
from hogwild.models.network_sharing import Learning, Minibatch, Queue, in_order, in_turn, locked, on_copies
from hogwild.models.network_survey import NetworkSurvey
from hogwild.models.network_torch import import_torch, learning, on_one_core, random_numbers
from hogwild.params import NonFiniteError, Params
from hogwild.requests import Steps
from hogwild.rows import Keys
from hogwild.rules.schedules import Curve, Moment
from hogwild.rules.scores import r2
from hogwild.rules.sums import inner

# A minibatch of more rows is computed in equal pieces of at most so many, whose gradients add up: a pass over all rows
# would keep the activations of all of them otherwise.
PIECE_ROWS = 4_096
# Copies merge at least so often, each worker: those of a small set should not be alone for long.
INTERVALS_PER_EPOCH = 16
JUDGING = 1  # after the seed of a minibatch: other random numbers


@final
class NetworkTask(AbstractTask):
    """See `AbstractTask`. Nothing is scaled: the weights in training are the true ones."""

    def __init__(
        self, module: Any, layout: Layout, data: NetworkData, curve: Curve, l2: float, survey: NetworkSurvey
    ) -> None:
        self._module, self._layout, self._data = module, layout, data
        self._curve, self._l2, self._survey = curve, l2, survey
        self._queue = Queue()
        self._local = threading.local()  # a replica for each thread: no two may use one at a time

    def check(self, how: Sharing, *, apart: bool = False) -> None:
        """Every way of sharing will do."""
        if not isinstance(how, Sharing):
            raise TypeError(f"a network shares weights by Replicas, Racy, Locking or InTurn, not {how!r}")

    @property
    def averages(self) -> bool:
        """The answer is the last iterate."""
        return False

    def rate(self, moment: Moment) -> float:
        """Step size at that moment."""
        return self._curve.rate(moment.begun + moment.done, moment.epoch)

    def enter(self, params: Params) -> None:
        """The weights are trained as they are."""

    # ------------------------------------------------------------------------------------------------- learning

    def steps(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        """A step for each minibatch of the blocks; they are cut as if the blocks were one."""
        rows = self._data.rows(blocks)
        minibatches, offset = [], 0
        for part in rows.split(request.minibatch) if rows.shape[0] else ():
            minibatches.append(Minibatch(part, offset, part.shape[0]))
            offset += part.shape[0]
        how = memory.how if memory.size > 1 else None
        weights = memory.mine if isinstance(how, Replicas) else memory.shared
        replica = self._replica(training=True).bind(weights, memory.state)

        def slope(minibatch: Minibatch) -> None:
            self._slope(replica, weights, minibatch.rows, moment)

        def descend(minibatch: Minibatch) -> None:
            rate = request.rate
            if rate is None:
                rate = self.rate(moment._replace(done=moment.done + minibatch.offset))
            _descend(weights, replica.slope, rate, 1, minibatch.n, out=replica.slope)

        learn = Learning(slope, descend)
        with learning():
            match how:
                case None | Racy():
                    learn.both(minibatches)
                case Replicas(ordered=False):
                    on_copies(learn, minibatches, self._interval(how, memory.size, request.minibatch), memory)
                case Replicas():
                    every = self._interval(how, memory.size, request.minibatch)
                    in_order(learn, minibatches, every, memory, self._queue)
                case Locking():
                    locked(learn, minibatches, memory, self._queue)
                case InTurn():
                    in_turn(learn, minibatches, moment.done, memory, self._queue)
            replica.settle()

    def gradient(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Keys | None) -> Delta:
        """The sum of gradients over the blocks, one minibatch, in a fresh vector."""
        rows = self._data.rows(blocks)
        count, loss = rows.shape[0], 0.0
        replica = self._replica(training=True).bind(params.weights, params.state)
        if count:
            with learning():
                loss = self._slope(replica, params.weights, rows, moment)
                replica.settle()
        else:
            replica.slope[:] = 0
        values = replica.slope.copy() if keys is None else replica.slope[params.positions(keys)]
        return Delta(values, count, min(1, count), loss, moment, keys)

    def apply(self, params: Params, delta: Delta) -> None:
        """w -= rate(delta.moment) * delta.steps / delta.examples * delta.values."""
        if delta.examples == 0:
            return
        numbers = (self.rate(delta.moment), delta.steps, delta.examples)
        if delta.keys is None or delta.keys.size == self._layout.n_rows:
            _descend(params.weights, delta.values, *numbers)
        else:
            at = params.positions(delta.keys)
            some = params.weights[at]
            _descend(some, delta.values, *numbers)
            params.weights[at] = some
        if not _all_finite(params.weights):
            params.check_finite(f"after a step in epoch {delta.moment.epoch + 1}")

    @property
    def prox(self) -> None:
        """The penalty is all in the gradient."""

    @property
    def scales(self) -> None:
        """All weights are of one scale."""

    def keys(self, blocks: Sequence[Block]) -> Keys:
        """Every example touches all rows."""
        return np.arange(self._layout.n_rows if self._data.rows(blocks).shape[0] else 0, dtype=np.int64)

    def _slope(self, replica: Replica, weights: Vector, rows: Any, moment: Moment) -> float:
        """Leaves the sum of gradients over the rows in `replica.slope`; gives the sum of their losses, with the penalty
        of each. NonFiniteError if either is not finite.
        """
        replica.slope[:] = 0
        loss = 0.0
        for piece in _pieces(rows):
            sum_of_losses = self._data.loss(self._learn_forward(replica, piece, moment), piece)
            sum_of_losses.backward()
            loss += sum_of_losses.item()
        if self._l2 > 0:
            loss += 0.5 * self._l2 * rows.shape[0] * inner(weights, weights)
        if not math.isfinite(loss):
            raise self._no_number("the loss", rows, moment)
        if self._l2 > 0:
            replica.slope += weights * weights.dtype.type(self._l2 * rows.shape[0])
        if not _all_finite(replica.slope):
            raise self._no_number("the gradient", rows, moment)
        return loss

    def _learn_forward(self, replica: Replica, rows: Any, moment: Moment) -> Any:
        # A row comes once in an epoch, so that its number says which minibatch this is, whoever learns it.
        seed = (self._survey.seed, moment.epoch, int(rows[0]))
        if self._survey.pairs and rows.shape[0] == 1:
            with replica.at_rest():
                return self._forward(replica, rows, seed if self._survey.draws_at_rest else None)
        return self._forward(replica, rows, seed if self._survey.draws else None)

    def _forward(self, replica: Replica, rows: Any, seed: Sequence[int] | None) -> Any:
        """seed: None if nothing is drawn."""
        x = self._data.inputs(rows)
        with nullcontext() if seed is None else random_numbers(seed):
            return replica.module(x)

    def _no_number(self, what: str, rows: Any, moment: Moment) -> NonFiniteError:
        return NonFiniteError(
            f"{what} became NaN or infinite in epoch {moment.epoch + 1}, in a minibatch of {rows.shape[0]} rows of "
            f"{self._survey.source} that begins with row {int(rows[0])}; use a smaller rate"
            f"{' or l2' if self._l2 > 0 else ''}, or scale the data"
        )

    def _interval(self, how: Replicas, size: int, minibatch: int) -> int:
        """Minibatches between two merges."""
        examples = min(how.every_examples, self._data.n_examples // (INTERVALS_PER_EPOCH * size))
        return max(1, examples // minibatch)

    def _replica(self, *, training: bool) -> Replica:
        """This thread's own."""
        name = "training" if training else "judging"
        found: Replica | None = getattr(self._local, name, None)
        if found is None:
            found = Replica(self._module, training=training)
            setattr(self._local, name, found)
        return found

    # --------------------------------------------------------------------------------------------------- judging

    def answer(self, params: Params, memories: Sequence[Memory], moment: Moment) -> Params:
        """A copy."""
        answer = params.copy()
        answer.check_finite(f"after {moment.begun + moment.done:.0f} examples, in epoch {moment.epoch + 1}")
        for name, first in self._layout.buffers.items():
            if (~np.isfinite(answer.state[name]) & np.isfinite(first)).any():
                raise NonFiniteError(f"{name!r} became NaN or infinite in epoch {moment.epoch + 1}; scale the data")
        answer.state["examples"] = np.array([float(moment.begun + moment.done)])
        answer.state["epochs"] = np.array([float(moment.epoch + 1)])
        return answer

    def tally(self, params: Params, block: Block) -> Tally:
        """Sums over the block, in eval mode. Whoever judges it finds the same: from these buffers, and seeded."""
        sums = Tally(0.0, 0.0, 0.0)
        buffers = {name: params.state[name].copy() for name in self._layout.buffers}  # a module may write to its own
        replica = self._replica(training=False).bind(params.weights, buffers)
        epoch, draws = int(params.state["epochs"][0]), self._survey.draws_at_rest
        with on_one_core(), import_torch().inference_mode():
            for piece in _pieces(self._data.rows([block])):
                seed = (self._survey.seed, epoch, int(piece[0]), JUDGING) if draws else None
                more = self._data.tally(self._forward(replica, piece, seed), piece)
                sums = Tally(sums.loss + more.loss, sums.errors + more.errors, sums.weight + more.weight)
        return sums

    def objective(self, params: Params, total: Tally) -> float:
        """l2/2 |w|^2 + mean loss."""
        return 0.5 * self._l2 * inner(params.weights, params.weights) + total.loss / total.weight

    def score(self, total: Tally) -> float:
        """Accuracy where outputs are scores of classes, R^2 where they are predictions; else NaN."""
        if self._data.counts_classes(self._survey.n_outputs):
            return 1.0 - total.errors / total.weight
        return r2(total.errors / total.weight, self._data.variance)


def _descend(weights: Vector, slope: Vector, rate: float, steps: int, examples: int, out: Vector | None = None) -> None:
    """One step; NumPy, and the same roundings for whoever takes it."""
    with np.errstate(over="ignore", invalid="ignore"):  # see `learning`
        weights -= np.multiply(slope, weights.dtype.type(rate * steps / examples), out=out)


def _pieces(rows: Any) -> Sequence[Any]:
    """Equal ones: a single row left over would be one that BatchNorm cannot learn."""
    return rows.tensor_split(-(-rows.shape[0] // PIECE_ROWS)) if rows.shape[0] else ()


def _all_finite(values: Vector) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())
