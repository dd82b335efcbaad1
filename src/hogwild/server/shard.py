"""One shard of a parameter server: its weights, the state of its rule, and what it has been told by whom.

Single-threaded and deterministic: an engine calls it with one message after another, and sends its answers.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hogwild.answers import Stamp
from hogwild.deltas import Vector
from hogwild.limits import check_whole
from hogwild.rows import Keys
from hogwild.rules.updates import ALL, At, Move, Prox, Update
from hogwild.server.clocks import Clocks
from hogwild.server.inflow import Gradient, Inflow
from hogwild.server.messages import DELTA, KINDS, SEQS_OF_A_LIFE, VECTOR, WINDOW, Applied, Pulled, PushPart, Sender
from hogwild.server.ranges import Span
from hogwild.server.seen import Life, Seen
from hogwild.server.vectors import Vectors

# Overflow is no warning here: weights that diverge are told as NonFiniteError, by whoever reads them next.
_quietly = np.errstate(over="ignore", invalid="ignore")


@final
class Shard:
    """The weights of one range, and what happens to them.

    span :    the range (`Ranges.spans`)
    weights : (weights of the range,) to begin with; copied
    rule :    what a sum of gradients does to them
    move :    the same, perhaps faster; None: `rule.move`
    scales :  (weights of the range,) see `Update.move`; None: all are 1
    prox :    what the penalty wants after each such step; None: nothing
    accrue :  are gradients with a portion number kept in "accrued", instead of applied?
    window :  how many messages of each worker are remembered (see `messages.WINDOW`); the clients' must not be larger
    workers : how many there are: some rules want to know

    Shards know nothing of each other: nothing says that two of them have seen the same pushes, or in the same order.
    """

    __slots__ = (
        *("_accrue", "_clocks", "_elastic", "_everywhere", "_inflow", "_move", "_prox", "_rule", "_scales", "_seen"),
        *("_span", "_state", "_vectors"),
        *("version", "weights"),
    )

    def __init__(
        self,
        span: Span,
        weights: Vector,
        rule: Update,
        prox: Prox | None = None,
        accrue: bool = False,
        window: int = WINDOW,
        *,
        move: Move | None = None,
        scales: Vector | None = None,
        workers: int = 1,
    ) -> None:
        check_whole("window", window)
        if weights.shape != (span.end - span.begin,) or weights.dtype.kind != "f":
            raise ValueError(
                f"weights of shape {weights.shape} and dtype {weights.dtype} do not fit shard {span.shard}: give its "
                f"{span.end - span.begin} floating-point weights"
            )
        self.weights: Vector = weights.copy()
        self.version = 0  # pushes applied
        self._move = rule.move if move is None else move
        self._scales: Vector = np.ones_like(self.weights) if scales is None else scales.astype(weights.dtype)
        if self._scales.shape != self.weights.shape or not (np.isfinite(self._scales) & (self._scales > 0)).all():
            raise ValueError("scales must be positive numbers, one for each weight")
        self._span, self._rule, self._prox, self._accrue = span, rule, prox, accrue
        self._everywhere = slice(span.begin, span.end)
        self._state = rule.init(self.weights)
        self._clocks = Clocks()  # pushes of each worker
        self._seen = Seen(window)
        self._vectors = Vectors(self.weights, self._scales)
        self._inflow = None if rule.pushes.is_plain else Inflow(rule.pushes, self.weights, workers)
        self._elastic = rule.pushes.pull_of_one(workers)

    # -------------------------------------------------------------------------------------------------------- push

    def push(self, part: PushPart) -> Applied:
        """Apply it, once: a copy of it is answered as it was before, and does nothing.

        A sum of gradients makes one step of the rule, with the sum of the mean gradients of its minibatches:

            g = values * steps / examples
            weights[at] -= scales[at] * rule.step(state, scales[at] * g, rate, at), then prox at the rule's pace * steps

        What else the rule says about pushes is done before (`hogwild.rules.server`). A change is added, and so is a
        vector unless the rule is elastic. Every push counts for `version` and its worker's clock, also one without
        examples, and a portion that is dropped. ValueError, and nothing changed, for a bad one.
        """
        shard, worker, seq, others, cleared, kind, _, values, steps, examples, loss, rate, portion, _ = part
        ring, place = self._seen.rings[worker, seq // SEQS_OF_A_LIFE], seq % self._seen.window
        before = ring[place]
        if before.seq >= seq:
            # Of one that is older than the window the answer is forgotten; its sender has had it (`Client.full`).
            return before if before.seq == seq else Applied(self._span.shard, seq, self.version, 0)
        at = self._check(part)
        # Who has nothing to do here may not have pulled from here for long, and nothing is stale for that.
        clocks = self._clocks
        clock = clocks.by_worker.get(worker, 0)
        staleness = 0 if values is None else self.version - clock - others
        late = False
        if portion is not None and self._accrue and kind == DELTA:
            late = not self._accrued(portion, at, values, loss, cleared)
        elif values is None:
            pass
        elif kind != DELTA:
            self._add(values, at, kind)
        elif examples:
            rate, inflow = rate if self._rule.rate is None else self._rule.rate, self._inflow
            assert rate is not None  # checked
            if inflow is None:
                self._step(values, at, rate, steps, examples)
            else:
                if inflow.many > 1:
                    staleness = inflow.behind(worker, others)
                self._let_in(inflow, worker, others, Gradient(values, at, rate, steps, examples))
        self.version += 1
        clocks.tick(worker, clock)
        ring[place] = answer = Applied(shard, seq, self.version, staleness, late)
        return answer

    @_quietly
    def _accrued(self, portion: int, at: At, values: Vector | None, loss: float, cleared: int) -> bool:
        return self._vectors.accruing().add(portion, at, values, loss, cleared)

    @_quietly
    def _add(self, values: Vector, at: At, kind: str) -> None:
        if kind == VECTOR and self._elastic is not None:
            values = (values - self.weights[at]) * self._elastic
        self.weights[at] += values

    @_quietly
    def _let_in(self, inflow: Inflow, worker: int, others: int, gradient: Gradient) -> None:
        ready = inflow.take(worker, others, gradient)
        if ready is not None:
            self._step(*ready)

    def _step(self, values: Vector, at: At, rate: float, steps: int, examples: int) -> None:
        weights = self.weights
        if values.dtype != weights.dtype or not values.flags.c_contiguous:  # a kernel is compiled for one kind
            values = self._as_weights(values)
        self._move(weights, self._state, values, at, rate, (steps, examples), self._scales)
        if self._prox is not None:
            self._pay(self._prox, at, rate, steps, examples)

    @_quietly
    def _as_weights(self, values: Vector) -> Vector:
        return np.ascontiguousarray(values, self.weights.dtype)

    @_quietly
    def _pay(self, prox: Prox, at: At, rate: float, steps: int, examples: int) -> None:
        weights, pace = self.weights, self._rule.pace(self._state, rate, at) * steps
        if isinstance(at, slice):
            prox(weights, self._everywhere, pace, examples)
        else:
            some = weights[at]
            prox(some, at + self._span.begin, pace, examples)
            weights[at] = some

    def _check(self, part: PushPart) -> At:
        """Where the values belong. ValueError if they do not. That they are finite, `Client.cut` has seen to."""
        keys, values, span = part.keys, part.values, self._span
        if part.shard != span.shard:
            raise ValueError(f"a push for shard {part.shard} came to shard {span.shard}")
        if values is None:
            return ALL
        at: At = ALL
        size = self.weights.size
        if keys is not None:
            if keys.size and not (keys[0] >= 0 and keys[-1] < span.rows.n_rows):
                raise self._strangers(keys)
            span.rows.check(keys)
            at = span.rows.positions(keys)
            size = at.size
        if values.shape != (size,):
            raise ValueError(f"values of shape {values.shape} came to {size} weights of shard {span.shard}")
        if part.kind == DELTA:
            kept = self._accrue and part.portion is not None
            if part.rate is None and self._rule.rate is None and not kept:
                raise ValueError(f"{self._rule.name} has no rate of its own: push with that of the model's schedule")
        elif part.kind not in KINDS:
            raise ValueError(f"kind={part.kind!r} of a push is not known; it must be one of {', '.join(KINDS)}")
        return at

    def _strangers(self, keys: Keys) -> ValueError:
        rows = f"rows {keys[0]} .. {keys[-1]}"
        return ValueError(f"{rows} are not in shard {self._span.shard}, which has {self._span.rows.n_rows} rows")

    # -------------------------------------------------------------------------------------------------------- pull

    def ready(
        self,
        version: int | None = None,
        clock: int | None = None,
        workers: Collection[int] = (),
        worker: int = 0,
        acked: int | None = None,
    ) -> bool:
        """May a pull be answered?

        version : only after so many pushes
        clock :   only after so many pushes of each of `workers`: those that are still in rounds()
        worker, acked : only after this message of the worker: it reads what it wrote, also from a shard that was
                  restored and has to catch up
        """
        if version is not None and self.version < version:
            return False
        if clock is not None and not self._clocks.all_reached(clock, workers):
            return False
        return acked is None or self._seen.knows(worker, acked)

    def knows(self, worker: int, seq: int) -> bool:
        """Was this message of the worker applied?"""
        return self._seen.knows(worker, seq)

    def numbers(self) -> dict[Life, int]:
        """See `Seen.numbers`: pushes and operations."""
        return self._seen.numbers()

    def pull(self, keys: Keys | None = None, worker: int = 0) -> Pulled:
        """A copy of the weights of these rows (None: of all), and what they are, as seen by this worker."""
        rows, others = self._span.rows, self._others(worker)
        at: At = ALL
        if keys is None:
            values = self.weights.copy()
        elif keys.size and not (keys[0] >= 0 and keys[-1] < rows.n_rows):
            raise self._strangers(keys)
        else:
            at = rows.positions(keys)
            values = self.weights[at]
        if self._inflow is not None:
            self._inflow.pulled(worker, others, values, at)
        return Pulled(values, Stamp(self._span.shard, self.version, others, self._vectors.cleared))

    def clock(self, worker: int) -> int:
        """How many pushes of this worker were applied."""
        return self._clocks.of(worker)

    def admit(self, worker: int, clock: int) -> None:
        """The worker is new, or back, and begins with this round: its clock goes on from there."""
        self._clocks.set(worker, clock)
        if self._inflow is not None:
            self._inflow.admitted(worker, self._others(worker))

    @property
    def remembers_pulls(self) -> bool:
        """Does what a push does depend on what was pulled? Then a copy of this shard must pull, too, at the same place
        among its messages.
        """
        return self._inflow is not None

    def _others(self, worker: int) -> int:
        """Pushes that this worker has not sent itself."""
        return self.version - self.clock(worker)

    # -------------------------------------------------------------------------------------------------- operations

    @_quietly
    def operate(self, op: tuple[Any, ...], sender: Sender | None = None) -> float:
        """An operation on the named vectors: see `Vectors.run`. With `sender`, a copy of it just gets the answer."""
        if sender is None:
            return self._vectors.run(op)
        worker, seq = sender
        ring, place = self._seen.rings[worker, seq // SEQS_OF_A_LIFE], seq % self._seen.window
        if ring[place].seq >= seq:
            return ring[place].value if ring[place].seq == seq else 0.0
        value = self._vectors.run(op)
        ring[place] = Applied(self._span.shard, seq, self.version, 0, False, value)
        return value

    # --------------------------------------------------------------------------------------------------- snapshots

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All that this shard is, as plain arrays: for checkpoints and copies."""
        seen, values = self._seen.table()
        return {
            "rule": np.frombuffer(self._rule.name.encode(), np.uint8).copy(),
            "weights": self.weights.copy(),
            **{f"state.{number}": array.copy() for number, array in enumerate(self._state)},
            "version": np.array([self.version], np.int64),
            "window": np.array([self._seen.window], np.int64),
            "clocks": np.array(self._clocks.items(), np.int64).reshape(-1, 2),
            "seen": seen,
            "seen.values": values,
            **self._vectors.snapshot(),
            **({} if self._inflow is None else self._inflow.snapshot()),
        }

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Become what `snapshot` was taken of. ValueError, and nothing changed, if that was another kind of shard."""
        self._check_snapshot(snapshot)
        self.weights[:] = snapshot["weights"]
        for number, array in enumerate(self._state):
            array[:] = snapshot[f"state.{number}"]
        self.version = int(snapshot["version"][0])
        self._clocks = Clocks(snapshot["clocks"].tolist())
        self._seen = Seen.of_table(self._seen.window, snapshot["seen"], snapshot["seen.values"])
        self._vectors = Vectors.of_snapshot(self.weights, self._scales, snapshot)
        if self._inflow is not None:
            self._inflow.restore(snapshot)

    def begin_anew(self) -> None:
        """All workers begin anew, and number their messages from 0: nobody is left who could send one of those again
        that were applied.
        """
        self._seen = Seen(self._seen.window)

    def _check_snapshot(self, snapshot: dict[str, NDArray[Any]]) -> None:
        states = [f"state.{number}" for number in range(len(self._state))]
        rule = snapshot["rule"].tobytes().decode(errors="replace") if "rule" in snapshot else self._rule.name
        if rule != self._rule.name:
            raise ValueError(
                f"the snapshot is of a shard with the rule {rule!r}, not {self._rule.name!r}: use that rule"
            )
        inflow = ("inflow.updates", "inflow.sights") if self._inflow is not None else ()
        for name in ("rule", "weights", *states, "version", "window", "clocks", "seen", "seen.values", *inflow):
            if name not in snapshot:
                raise ValueError(f"the snapshot of a shard lacks {name!r}: it is incomplete, use another")
        window = int(snapshot["window"][0])
        if window != self._seen.window:  # what was older than a smaller one could no longer be told from what is new
            raise ValueError(
                f"the snapshot is of a shard with window={window}, not {self._seen.window}: use that window"
            )
        vectors = [name for name in snapshot if name.startswith("vector.") or name == "accrued.total"]
        for name in ("weights", *states, *vectors):
            found = snapshot[name]
            if found.shape != self.weights.shape or found.dtype != self.weights.dtype:
                raise ValueError(
                    f"{name!r} of the snapshot has shape {found.shape} and dtype {found.dtype}, the weights of shard "
                    f"{self._span.shard} have {self.weights.shape} and {self.weights.dtype}: give that shard's snapshot"
                )
