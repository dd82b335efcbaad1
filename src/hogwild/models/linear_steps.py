"""Steps of a linear model: which kernel runs for which way of sharing, and how far its steps go."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from hogwild.data.blocks import Block, count_rows, order_of
from hogwild.interfaces import Unsupported
from hogwild.kernels.linear import Copies, Pace, steps_alone, steps_in_order, steps_replicas
from hogwild.kernels.minibatches import Minibatches, minibatches_alone, minibatches_in_order, minibatches_replicas
from hogwild.kernels.published import steps_in_turn, steps_locked, steps_racy
from hogwild.memory import InTurn, Locking, Memory, Racy, Replicas
from hogwild.models.linear_binding import LinearBinding
from hogwild.models.paces import steady_pieces
from hogwild.requests import Steps
from hogwild.rules.schedules import Moment

AVERAGING_STARTS = 0.5  # epochs: the first iterates say nothing
# Between two merges at least this many nonzeros are learnt for each weight that is merged: a merge then costs a few per
# cent. Where weights are few, copies merge more often than `every_examples`, for less staleness at the same price; but
# not more often than every LEAST_INTERVAL rows, when the cost is in handing the cache lines over.
NONZEROS_PER_WEIGHT = 6
LEAST_INTERVAL = 256
INTERVALS_PER_EPOCH = 16  # but at least these, for each worker: copies of a small set should not be alone for long


def is_alone(memory: Memory) -> bool:
    """Does nobody else write to this vector, so that its weights can be true after each call?"""
    return memory.how is None or (isinstance(memory.how, Replicas) and memory.size == 1)


def is_free(memory: Memory) -> bool:
    """Does each call stand for itself?"""
    return memory.true or is_alone(memory)


@final
class LinearSteps:
    """Steps on the memory of any worker.

    Where l2 telescopes, kernels train v = divisor * coef. Of a vector that belongs to one worker the divisor begins
    with 1 in each call, and is divided out at its end. One that several train keeps it from the first step to the last,
    see `divisor`; or has none, if it must be `Memory.true`.
    """

    def __init__(self, binding: LinearBinding) -> None:
        self._binding = binding
        self._given_rates: bool | None = None  # does the strategy bring its own step sizes?
        self._one_by_one: bool | None = None  # is the vector of all trained one example at a time?
        self._decays: NDArray[np.floating] | None = None

    def run(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> None:
        """The steps of `request`, on all rows of the blocks."""
        self._agree(memory, request)
        blocks = [block for block in blocks if block.starts.size]
        if blocks and request.minibatch > 1:
            if not math.isfinite(self._minibatches(memory, blocks, moment, request)):
                raise self._binding.not_finite("predictions", moment, blocks)
        elif blocks:
            self._examples(memory, blocks, moment, request.rate)

    def divisor(self, memories: Sequence[Memory], moment: Moment) -> float:
        """What the coefficients in the vector that these workers train are multiplied with."""
        if not any(self._keeps_divisor(memory) for memory in memories):
            return 1.0
        return 1.0 + self._binding.terms.l2 * self._binding.rate(moment._replace(done=0)) * moment.done

    def _agree(self, memory: Memory, request: Steps) -> None:
        """Unsupported if this request cannot be answered here, or cannot follow the ones before it."""
        if self._binding.terms.average is True and not memory.mean.size:
            raise self._binding.keeps_no_mean()
        given, one_by_one = request.rate is not None, request.minibatch == 1
        if self._given_rates is None:
            self._given_rates = given
        if self._given_rates != given:
            raise Unsupported("a strategy must give a rate in all of its steps() or in none")
        if is_free(memory):
            return
        if not (one_by_one or isinstance(memory.how, Replicas)):
            raise Unsupported(
                f"{memory.how} takes one example a step: for minibatch={request.minibatch} use Hogwild(Replicas()), or "
                "a strategy whose workers have weights of their own"
            )
        if self._one_by_one is None:
            self._one_by_one = one_by_one
        if self._one_by_one != one_by_one:
            raise Unsupported("steps() on shared memory must all have minibatch=1, or none of them")

    # ------------------------------------------------------------------------------------------------- pace

    def _telescopes(self, memory: Memory) -> bool:
        """Is the shrinkage of l2 the same for all columns and the divisor of one formula? Not where it is paid
        feature by feature, as the published schemes do.
        """
        if not (is_alone(memory) or (isinstance(memory.how, Replicas) and not memory.true)):
            return False
        even = self._binding.survey.relax.size == 0 and not self._given_rates
        return even and self._binding.curve.telescopes(self._binding.terms.l2)

    def _keeps_divisor(self, memory: Memory) -> bool:
        return not is_free(memory) and self._one_by_one is not False and self._telescopes(memory)

    def _pace(self, gain: float, growth: float, l2: float) -> Pace:
        terms = self._binding.terms
        code, intercept = terms.loss.code, self._binding.intercept
        return Pace(code, terms.parameter, gain, growth, intercept, l2, terms.l1, terms.smoothness)

    def _copies(self, memory: Memory, moment: Moment) -> Copies:
        late = moment.epoch > 0 or moment.done >= AVERAGING_STARTS * self._binding.size_in_all[0]
        mean = memory.mean if late else memory.mean[:0]
        return Copies(memory.shared, memory.mine, memory.base, mean, memory.mass)

    def _interval(self, memory: Memory) -> int:
        """Rows between two merges, or two means."""
        how = memory.how if isinstance(memory.how, Replicas) else Replicas()
        n, nonzeros = self._binding.size_in_all
        cheap = max(LEAST_INTERVAL, NONZEROS_PER_WEIGHT * memory.shared.size * n // max(1, nonzeros))
        return min(how.every_examples, cheap, n // (INTERVALS_PER_EPOCH * memory.size))

    # ---------------------------------------------------------------------------------- one example at a time

    def _examples(self, memory: Memory, blocks: Sequence[Block], moment: Moment, rate: float | None) -> None:
        binding, telescopes = self._binding, self._telescopes(memory)
        # The schedule is self-similar: from any moment it goes on as if it began there, with that rate for its eta0.
        origin = moment if is_alone(memory) else moment._replace(done=0)
        growth = binding.terms.l2 * binding.rate(origin) if telescopes else 0.0
        for piece in self._pieces(blocks, moment, fixed=telescopes or rate is not None):
            if telescopes:
                pace = self._pace(binding.rate(origin), growth, 0.0)
            else:
                pace = self._pace(binding.rate(moment) if rate is None else rate, 0.0, binding.terms.l2)
            trace = self._run(memory, piece, moment, pace, 1.0 + growth * (moment.done - origin.done))
            if not math.isfinite(trace):
                raise binding.not_finite("predictions", moment, [piece])
            moment = moment._replace(done=moment.done + count_rows(piece, binding.n_examples))
        if growth and is_alone(memory):
            memory.shared[:-1] /= memory.shared.dtype.type(1.0 + growth * (moment.done - origin.done))

    def _pieces(self, blocks: Sequence[Block], moment: Moment, *, fixed: bool) -> Iterator[Block]:
        """The blocks, cut where the rate has to change: a kernel falls with t only where l2 telescopes."""
        if fixed:
            yield from blocks
            return
        binding = self._binding
        for piece, _ in steady_pieces(blocks, binding.curve, moment.begun + moment.done, binding.n_examples):
            yield piece

    def _run(self, memory: Memory, block: Block, moment: Moment, pace: Pace, divisor: float) -> float:
        """The sum of predictions, which is finite if all are."""
        how, shared = memory.how, memory.shared
        rows, starts, chunk = self._binding.rows, block.starts, block.chunk
        if isinstance(how, Racy):
            return float(steps_racy(rows, starts, chunk, pace, shared, self._decay()))
        if isinstance(how, Locking):
            return float(steps_locked(rows, starts, chunk, pace, shared, self._decay(), memory.locks, memory.control))
        if isinstance(how, InTurn):
            turn = (moment.done, memory.rank, memory.size, memory.control)
            return float(steps_in_turn(rows, starts, chunk, pace, shared, self._decay(), *turn))
        every, copies = max(1, self._interval(memory) // chunk), self._copies(memory, moment)
        if how is None or memory.size == 1:
            return float(steps_alone(rows, starts, chunk, every, pace, divisor, copies))
        if how.ordered:
            place = (memory.deltas, memory.rank, memory.control)
            return float(steps_in_order(rows, starts, chunk, every, pace, divisor, copies, *place))
        return float(steps_replicas(rows, starts, chunk, every, pace, divisor, copies))

    def _decay(self) -> NDArray[np.floating]:
        """n / d_u: how much more than its share of the penalty an example pays on feature u."""
        if self._decays is None:
            self._decays = (self._binding.n_examples / self._binding.counts).astype(self._binding.rows.values.dtype)
        return self._decays

    # ------------------------------------------------------------------------------------------ minibatches

    def _minibatches(self, memory: Memory, blocks: Sequence[Block], moment: Moment, request: Steps) -> float:
        """The sum of predictions."""
        binding, how, size = self._binding, memory.how, request.minibatch
        order = order_of(blocks, binding.n_examples)
        # The divisor is a product with no formula: only who is alone knows it.
        divides = is_alone(memory) and not binding.survey.relax.size
        by_divisor, by_interval = (binding.terms.l2, 0.0) if divides else (0.0, binding.terms.l2)
        batches = Minibatches(order, size, self._rates(moment, order, request), by_divisor)
        pace, copies = self._pace(0.0, 0.0, by_interval), self._copies(memory, moment)
        every = max(1, self._interval(memory) // size)
        if how is None or memory.size == 1:
            return float(minibatches_alone(binding.rows, batches, every, pace, copies))
        if isinstance(how, Replicas) and how.ordered:
            place = (memory.deltas, memory.rank, memory.control)
            return float(minibatches_in_order(binding.rows, batches, every, pace, copies, *place))
        return float(minibatches_replicas(binding.rows, batches, every, pace, copies))

    def _rates(self, moment: Moment, order: NDArray[np.int64], request: Steps) -> NDArray[np.float64]:
        """The step size of each minibatch, limited as that of a gradient: see `Delta.limited`."""
        binding, first = self._binding, np.arange(0, order.size, request.minibatch)
        if request.rate is not None:
            rates = np.full(first.size, float(request.rate))
        else:
            before = moment.begun + moment.done + first
            rates = np.asarray(binding.curve.rate(before, moment.epoch))  # type: ignore[arg-type]
        if not binding.terms.smoothness:
            return rates
        # Not a limit for each row: a mean in which long rows weigh less has another minimum.
        examples = np.minimum(request.minibatch, order.size - first)
        return np.minimum(rates, examples / np.maximum(np.add.reduceat(binding.curvatures[order], first), 1e-300))
