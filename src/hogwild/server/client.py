"""A worker's side of the parameter server: one request becomes a message for each shard, their answers become one.

It sends nothing itself. What its messages carry are views of what it was given: copy first, if that will change.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import final

import numpy as np

from hogwild.answers import Ack, Versioned
from hogwild.deltas import Change, Coded, Delta, Sent, Vector
from hogwild.limits import check_positive, check_whole
from hogwild.params import NonFiniteError
from hogwild.rows import Keys
from hogwild.server.messages import CHANGE, DELTA, VECTOR, WINDOW, Applied, OpPart, Pulled, PullPart, PushPart
from hogwild.server.ranges import Piece, Ranges, join
from hogwild.server.vectors import check_operation

_by_shard = attrgetter("stamp.shard")


@final
class Client:
    """Sequence numbers, and what one worker has seen of each shard.

    seq :      the first number to use. A worker that starts again under the rank of a lost one must begin above all
               numbers that the other may have used (see `messages.SEQS_OF_A_LIFE`), else it is taken for its copy.
    window :   of the shards: so many messages may be under way (see `full`)
    pushes :   how many its rank is taken to have pushed before

    Shards hear of pushes that hold nothing for them, too: so all versions and clocks are numbers of pushes, which is
    what `Pull(version=)` and `Pull(clock=)` wait for.
    """

    __slots__ = (
        *("_acked", "_cleared", "_everybody", "_nothing", "_open", "_others", "_ranges", "_window"),
        *("pushes", "seq", "worker"),
    )

    def __init__(self, worker: int, ranges: Ranges, seq: int = 0, window: int = WINDOW, pushes: int = 0) -> None:
        check_whole("seq", seq, 0)
        self.worker, self.seq, self.pushes = worker, seq, pushes
        self._ranges, self._window = ranges, window
        self._everybody = list(range(len(ranges)))
        self._nothing: list[None] = [None] * len(ranges)
        self._others = [0] * len(ranges)  # pushes of others in the weights that the worker has, by shard
        self._cleared = [0] * len(ranges)  # and how often "accrued" had been cleared
        self._acked: int | None = None  # the newest message that all shards have acknowledged
        self._open: dict[int, None] = {}  # messages under way, oldest first

    @property
    def full(self) -> bool:
        """Are as many pushes and operations under way as shards remember? Then wait for the oldest of them."""
        return bool(self._open) and self.seq - next(iter(self._open)) >= self._window

    def _number(self) -> int:
        if self.full:
            raise RuntimeError(
                f"worker {self.worker} has {self._window} messages under way, from number {next(iter(self._open))} on, "
                "as many as shards remember: wait for an acknowledgement first (see Client.full)"
            )
        seq = self.seq
        self.seq = seq + 1
        self._open[seq] = None
        return seq

    def _close(self, seq: int, shards: list[int]) -> None:
        if seq not in self._open or shards != self._everybody:
            asked = f"went to shards {self._everybody}" if seq in self._open else "is not under way"
            raise ValueError(f"shards {shards} answered message {seq} of worker {self.worker}, which {asked}")
        del self._open[seq]
        self._acked = seq if self._acked is None else max(self._acked, seq)

    # -------------------------------------------------------------------------------------------------------- push

    def push(self, x: Sent, rate: float | None = None) -> list[PushPart]:
        """The messages for a push.

        `rate`: the step size at `x.moment` by the model's schedule; only sums of gradients under a rule without its own
        need it. Errors as of `cut`, before any shard has heard of it.
        """
        if rate is not None:
            check_positive("rate", rate, ", or None where the server's rule has its own")
        rows, pieces = self.cut(x)
        kind, steps, examples, loss, portion, coded = VECTOR, 0, 0, 0.0, None, None
        if isinstance(x, Delta):
            kind, steps, examples, loss, portion = DELTA, x.steps, x.examples, x.loss, x.portion
            coded = x.coded_bytes
        elif isinstance(x, Change):
            kind, coded = CHANGE, x.coded_bytes
        elif isinstance(x, Coded):
            coded = x.n_bytes
        part_of = 1.0 if coded is None or isinstance(x, np.ndarray) else coded / max(1, x.values.nbytes)
        worker, seq = self.worker, self._number()
        self.pushes += 1
        parts = []
        for shard, (local, piece, others, clear) in enumerate(
            zip(rows, pieces, self._others, self._cleared, strict=True)
        ):
            at = shard, worker, seq, others, clear, kind, local, piece
            parts.append(PushPart(*at, steps, examples, loss, rate, portion, part_of))
            loss = 0.0  # the shards' losses are added up
        return parts

    def cut(self, x: Sent) -> tuple[Sequence[Keys | None], Sequence[Vector | None]]:
        """The keys and the values for each shard; None where there is nothing for it. ValueError for a wrong shape or
        dtype, NonFiniteError for a NaN.
        """
        values, keys = (x, None) if isinstance(x, np.ndarray) else (x.values, x.keys)
        if values.dtype.kind != "f":
            raise ValueError(f"values of dtype {values.dtype} cannot be pushed: give floating-point numbers")
        if np.count_nonzero(np.isfinite(values)) != values.size:
            bad = np.flatnonzero(~np.isfinite(values))
            raise NonFiniteError(
                f"{bad.size} of {values.size} values that worker {self.worker} pushes are NaN or infinite (the first "
                f"is number {bad[0]}); use a smaller step size, a larger l2, or scale the data"
            )
        if isinstance(x, Delta) and x.examples == 0:
            return self._nothing, self._nothing  # all values are 0
        if keys is None:
            return self._nothing, self._ranges.cut(values)
        pieces = self._ranges.cut_keys(keys)
        size = self._ranges.rows.size(keys)
        if values.shape != (size,):
            raise ValueError(f"values of shape {values.shape} do not fit {keys.size} rows with {size} weights")
        rows: list[Keys | None] = [None] * len(self._everybody)
        parts: list[Vector | None] = [None] * len(self._everybody)
        for shard, local, first, last in pieces:
            rows[shard], parts[shard] = local, values[first:last]
        return rows, parts

    def acknowledged(self, replies: Sequence[Applied]) -> Ack:
        """The answer to a push, from those of all shards that it was sent to, in any order."""
        shards, versions = [], []
        seq, staleness, late = replies[0].seq, 0, False
        for shard, number, version, behind, too_late, _ in sorted(replies):
            if number != seq:
                numbers = ", ".join(str(reply.seq) for reply in replies)
                raise ValueError(f"these answers belong to different pushes: numbers {numbers}")
            shards.append(shard)
            versions.append(version)
            staleness = max(staleness, behind)
            late = late or too_late
        self._close(seq, shards)
        return Ack(tuple(versions), staleness, late)

    # -------------------------------------------------------------------------------------------------------- pull

    def pull(self, keys: Keys | None = None, version: int | None = None, clock: int | None = None) -> list[PullPart]:
        """The messages for a pull: to the shards that hold these rows; to the first if there are no rows."""
        for name, value in (("version", version), ("clock", clock)):
            if value is not None:
                check_whole(name, value, 0, ", or None not to wait")
        if keys is None:
            return [PullPart(shard, self.worker, None, version, clock, self._acked) for shard in self._everybody]
        pieces = self._ranges.cut_keys(keys) or [Piece(0, keys, 0, 0)]
        return [PullPart(shard, self.worker, local, version, clock, self._acked) for shard, local, _, _ in pieces]

    def pulled(self, replies: Sequence[Pulled], keys: Keys | None = None, met: bool = True) -> Versioned:
        """The answer to a pull, from those of all shards that it was sent to, in any order."""
        replies = sorted(replies, key=_by_shard) if len(replies) > 1 else replies
        values = join([reply.values for reply in replies])
        stamps = tuple([reply.stamp for reply in replies])
        size = self._ranges.n_weights if keys is None else self._ranges.rows.size(keys)
        if values.size != size or len({stamp.shard for stamp in stamps}) < len(stamps):
            sizes = [reply.values.size for reply in replies]
            shards = [stamp.shard for stamp in stamps]
            raise ValueError(f"shards {shards} answered a pull of {size} weights with {sizes}")
        return Versioned(values, keys, stamps, met)

    def received(self, weights: Versioned) -> None:
        """The worker has been given these: from now on its pushes count as computed with them."""
        for shard, _, others, cleared in weights.stamps:
            self._others[shard], self._cleared[shard] = others, cleared

    # ------------------------------------------------------------------------------------------- a run that goes on

    def standing(self) -> dict[str, list[int]]:
        """What its worker has seen of each shard."""
        return {"others": list(self._others), "cleared": list(self._cleared)}

    def resume(self, standing: dict[str, list[int]]) -> None:
        """A new client of a worker that has seen as much."""
        self._others[:], self._cleared[:] = standing["others"], standing["cleared"]

    # -------------------------------------------------------------------------------------------------- operations

    def operate(self, op: tuple[object, ...]) -> list[OpPart]:
        """The messages for an operation: to all shards. ValueError for one that is not known, or not well formed."""
        check_operation(op)
        seq = self._number()
        return [OpPart(shard, op, (self.worker, seq)) for shard in self._everybody]

    def refused(self, seq: int) -> None:
        """Operation number `seq` has failed: it changed nothing, and no shard will remember it."""
        del self._open[seq]

    def operated(self, seq: int, answers: Sequence[float]) -> float:
        """The answer to operation number `seq`: the sum of the shards' answers, in the order of the shards."""
        self._close(seq, self._everybody)
        return float(sum(answers))
