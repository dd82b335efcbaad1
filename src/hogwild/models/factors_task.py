"""A factorization on the ratings of one machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block, count_rows, joined, order_of
from hogwild.data.examples import Whole
from hogwild.deltas import Delta, Vector
from hogwild.interfaces import AbstractTask, Tally, Unsupported
from hogwild.kernels.factors import factor_locked, factor_replicas, factor_steps, factor_strata, factor_turns
from hogwild.kernels.rating_sums import factor_gradient, factor_minibatches, factor_tally
from hogwild.kernels.ratings import Form, Ratings
from hogwild.memory import InTurn, Locking, Memory, Racy, Replicas, Sharing
from hogwild.models.factors_survey import FactorsSurvey
from hogwild.models.paces import steady_pieces
from hogwild.params import NonFiniteError, Params
from hogwild.requests import Steps
from hogwild.rows import Keys
from hogwild.rules.schedules import Curve, Moment
from hogwild.rules.scores import r2, variance_of
from hogwild.rules.updates import ALL, At, Prox

# Copies of the items are merged after `Replicas.every_examples` ratings. They are made if a merge then costs little
# beside these ratings; items that are more are rarely wanted by two workers at once.
RATINGS_PER_ITEM = 8
INTERVALS_PER_EPOCH = 16  # but at least these, for each worker: copies of a small set should not be alone for long
Bands = tuple[NDArray[np.uint16], NDArray[np.uint16]]
EVERYWHERE: Keys = np.zeros(0, np.int64)


@final
class FactorsTask(AbstractTask):
    """See `AbstractTask`. Nothing is scaled: the weights in training are the true ones."""

    def __init__(
        self, ratings: Ratings, form: Form, curve: Curve, survey: FactorsSurvey, whole: Whole | None = None
    ) -> None:
        """`whole`: the data set that these ratings are a part of, if others are elsewhere."""
        self._ratings, self._form, self._curve, self._survey, self._whole = ratings, form, curve, survey, whole
        self._mod: dict[int, Bands] = {}
        self._spare: list[Vector] = []  # vectors of zeros: each call borrows one
        n_weights = (form.n_users + survey.n_items) * form.width
        self._floors = np.full(n_weights if form.floor == 0 else 0, 0, np.float32)
        self._floors[:: form.width] = -np.inf

    @property
    def _n(self) -> int:
        return int(self._ratings.values.size)

    def check(self, how: Sharing, *, apart: bool = False) -> None:
        """Every way of sharing will do; but who has rows of its own cannot leave some of them to others."""
        if isinstance(how, Replicas) and how.ordered and apart:
            raise Unsupported(
                "Replicas(ordered=True) shares ratings out among workers by user and item, and these stay where they "
                "are: use Replicas(), or LocalSGD(), which repeats, too"
            )
        if not isinstance(how, Sharing):
            raise TypeError(f"a factorization shares weights by Replicas, Racy, Locking or InTurn, not {how!r}")

    @property
    def averages(self) -> bool:
        """The answer is the last iterate."""
        return False

    def rate(self, moment: Moment) -> float:
        """Step size at that moment."""
        return self._curve.rate(moment.begun + moment.done, moment.epoch)

    def enter(self, params: Params) -> None:
        """The weights are trained as they are; but nothing is negative, or a bias, that must not be."""
        self._keep(params)

    def _keep(self, params: Params) -> None:
        if self.prox is not None:
            self.prox(params.weights, ALL, 0.0, 0)
        if not self._form.biases:
            params.weights[:: self._form.width] = 0
        params.state["mean"][0] = self._form.mean

    # ------------------------------------------------------------------------------------------------- learning

    def steps(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        """Steps with the kernel for the memory's way of sharing. Unsupported for a minibatch that it cannot take."""
        blocks = [block for block in blocks if block.starts.size]
        if request.minibatch > 1:
            self._minibatches(memory, blocks, moment, request)
            return
        run, done, fixed = self._kernel(memory), moment.done, request.rate
        begun = moment.begun + moment.done
        for piece, before in steady_pieces(blocks, self._curve, begun, self._n):
            rate = self._curve.rate(before, moment.epoch) if fixed is None else fixed
            self._check(run(piece, rate, done), moment, [piece])
            done += count_rows(piece, self._n)

    def _kernel(self, memory: Memory) -> Callable[[Block, float, int], float]:
        """kernel(block, rate, examples before it): the sum of errors."""
        ratings, form, shared, size = self._ratings, self._form, memory.shared, memory.size
        how = memory.how if size > 1 else None
        match how:
            case Replicas(ordered=True):
                place = (shared, self._bands(size), memory.rank, size, memory.control)
                return lambda block, rate, _: factor_strata(ratings, *block, form, rate, *place)
            case Replicas() if (every := self._interval(how, size)) >= RATINGS_PER_ITEM * self._survey.n_items:
                copies = (shared, memory.mine, memory.base)
                return lambda block, rate, _: factor_replicas(
                    ratings, *block, form, rate, *copies, max(1, every // block.chunk)
                )
            case Locking():
                locks = (shared, memory.locks, memory.control)
                return lambda block, rate, _: factor_locked(ratings, *block, form, rate, *locks)
            case InTurn():
                turn = (memory.rank, size, memory.control)
                return lambda block, rate, done: factor_turns(ratings, *block, form, rate, shared, done, *turn)
        return lambda block, rate, _: factor_steps(ratings, *block, form, rate, shared)

    def _bands(self, size: int) -> Bands:
        """Users and items, mod size: once for a run, as divisions take as long as steps."""
        if size not in self._mod:
            users, items, *_ = self._ratings
            self._mod[size] = (users % size).astype(np.uint16), (items % size).astype(np.uint16)
        return self._mod[size]

    def _interval(self, how: Replicas, size: int) -> int:
        """Ratings between two merges."""
        return min(how.every_examples, self._n // (INTERVALS_PER_EPOCH * size))

    def _minibatches(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        if memory.size > 1 and not isinstance(memory.how, Racy | Replicas | None):
            raise Unsupported(f"{memory.how} takes one example a step: for minibatch={request.minibatch} use Hogwild()")
        if memory.size > 1 and isinstance(memory.how, Replicas) and memory.how.ordered:
            raise Unsupported("Replicas(ordered=True) takes one rating a step: use minibatch=1")
        if not blocks:
            return
        order = order_of(blocks, self._n)
        before = moment.begun + moment.done + np.arange(0, order.size, request.minibatch)
        if request.rate is None:
            rates = np.array([self._curve.rate(float(each), moment.epoch) for each in before])
        else:
            rates = np.full(before.size, float(request.rate))
        slopes = self._borrow(memory.shared)
        trace = factor_minibatches(self._ratings, order, request.minibatch, self._form, rates, memory.shared, slopes)
        self._check(trace, moment, blocks)  # then there may be others than zeros, and it is dropped
        self._spare.append(slopes)

    def _borrow(self, like: Vector) -> Vector:
        try:
            return self._spare.pop()
        except IndexError:
            return np.zeros_like(like)

    def gradient(self, params: Params, blocks: Sequence[Block], moment: Moment, keys: Keys | None) -> Delta:
        """The sum of gradients over the blocks: of all rows, or of `keys`."""
        w = params.weights
        values = np.zeros(w.size if keys is None else params.rows.size(keys), w.dtype)
        block = joined(blocks, self._n)
        count, loss = 0, 0.0
        if block.starts.size and (keys is None or keys.size):
            if keys is not None:
                params.rows.check(keys)
            at = EVERYWHERE if keys is None else keys
            count, loss = factor_gradient(self._ratings, *block, self._form, w, at, values)
            self._check(loss, moment, [block])
        return Delta(values, count, min(1, count), loss, moment, keys)

    def apply(self, params: Params, delta: Delta) -> None:
        """w -= rate(delta.moment) * delta.steps / delta.examples * delta.values; then nothing is negative."""
        if delta.examples == 0:
            return
        weights, rate = params.weights, delta.limited(self.rate(delta.moment)) * delta.steps
        at: At = ALL if delta.keys is None else params.positions(delta.keys)
        with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is found below
            some = weights[at]
            some -= delta.values * weights.dtype.type(rate / delta.examples)
            if self.prox is not None:
                self.prox(some, at, rate, delta.examples)
        if delta.keys is not None:
            weights[at] = some
        if not np.isfinite(some).all():
            params.check_finite(
                f"after a step on the gradient of {delta.examples} examples, in epoch {delta.moment.epoch + 1}"
            )

    @property
    def prox(self) -> Prox | None:
        """The projection of factors that must not be negative."""
        return self._project if self._form.floor == 0 else None

    def _project(self, values: Vector, positions: At, rate: float | Vector, examples: int) -> None:
        np.maximum(values, self._floors[positions].astype(values.dtype), out=values)

    @property
    def scales(self) -> None:
        """All weights are of one scale."""

    def keys(self, blocks: Sequence[Block]) -> Keys:
        """The rows of their users, and of their items."""
        order = order_of(blocks, self._n)
        users, items = self._ratings.users[order], self._ratings.items[order]
        return np.concatenate(
            [np.unique(users).astype(np.int64), self._form.n_users + np.unique(items).astype(np.int64)]
        )

    def _check(self, found: float, moment: Moment, blocks: Sequence[Block]) -> None:
        if not math.isfinite(found):
            rows = sum(count_rows(block, self._n) for block in blocks)
            raise NonFiniteError(
                f"predictions became NaN or infinite in epoch {moment.epoch + 1}, in a block of {rows:,} rows of "
                f"{self._survey.source} that begins with row {blocks[0].starts[0]} (counted from 0); use a smaller "
                "rate, or scale the ratings"
            )

    # --------------------------------------------------------------------------------------------------- judging

    def answer(self, params: Params, memories: Sequence[Memory], moment: Moment) -> Params:
        """A copy. Copies of rows that are merged, or changes that are added up, may have gone below 0."""
        answer = params.copy()
        self._keep(answer)
        answer.check_finite(f"after {moment.begun + moment.done:.0f} examples, in epoch {moment.epoch + 1}")
        answer.state["examples"][0], answer.state["epochs"][0] = moment.begun + moment.done, moment.epoch + 1
        return answer

    def tally(self, params: Params, block: Block) -> Tally:
        """Sums over the block."""
        return Tally(*factor_tally(self._ratings, *block, self._form, params.weights))

    def objective(self, params: Params, total: Tally) -> float:
        """The mean of loss and penalty."""
        return (total.loss + total.penalty) / total.weight

    def score(self, total: Tally) -> float:
        """R^2."""
        weights = self._ratings.weights
        if self._whole is not None:
            return r2(total.errors / total.weight, self._whole.variance)
        return r2(total.errors / total.weight, variance_of(self._ratings.values, weights if weights.size else None))
