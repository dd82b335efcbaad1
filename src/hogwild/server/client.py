"""A worker's side of the parameter server: one request becomes a message for each shard, their answers become one.

It sends nothing itself. What its messages carry are views of what it was given: copy first, if that will change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import final

import numpy as np

from hogwild.answers import Ack, Versioned
from hogwild.deltas import Delta, Keys, Sent, Vector
from hogwild.limits import check_whole
from hogwild.params import NonFiniteError
from hogwild.server.messages import CHANGE, DELTA, WINDOW, Applied, OpPart, Pulled, PullPart, PushPart
from hogwild.server.ranges import Piece, Ranges, join
from hogwild.server.vectors import check_operation

_by_shard = attrgetter("shard")


@final
class Client:
    """Sequence numbers, and what one worker has seen of each shard.

    seq :      the first number to use. A worker that starts again under the rank of a lost one must begin above all
               numbers that the other may have used (say at its generation * 2**32), else it is taken for its copy.
    versions : of the weights that the worker starts with, one a shard; None: the shards are new
    window :   of the shards: so many messages may be under way (see `full`)
    tell_all : do shards hear of pushes that do not concern them? Yes keeps all versions and clocks equal to the number
               of pushes: what `Pull(version=)` and `Pull(clock=)` wait for, and what staleness is counted in. No saves
               a header a shard where shards are many and pushes are of few rows; then nobody may wait for a clock.
    """

    __slots__ = (
        *("_acked", "_cleared", "_everybody", "_nothing", "_open", "_ranges", "_tell_all", "_versions", "_window"),
        *("seq", "worker"),
    )

    def __init__(
        self,
        worker: int,
        ranges: Ranges,
        seq: int = 0,
        versions: Sequence[int] | None = None,
        window: int = WINDOW,
        tell_all: bool = True,
    ) -> None:
        if seq < 0:
            raise ValueError(f"seq={seq!r} must be at least 0")
        if versions is not None and len(versions) != len(ranges):
            raise ValueError(f"{len(versions)} versions were given for {len(ranges)} shards")
        self.worker, self.seq = worker, seq
        self._ranges, self._window, self._tell_all = ranges, window, tell_all
        self._everybody = list(range(len(ranges)))
        self._nothing: list[None] = [None] * len(ranges)
        self._versions = [0] * len(ranges) if versions is None else list(versions)  # last pulled
        self._cleared = [0] * len(ranges)
        self._acked = [-1] * len(ranges)
        self._open: dict[int, list[int]] = {}  # messages under way, oldest first, and the shards that have them

    @property
    def versions(self) -> tuple[int, ...]:
        """Of each shard, the version last pulled."""
        return tuple(self._versions)

    @property
    def full(self) -> bool:
        """Are as many pushes and operations under way as shards remember? Then wait for the oldest of them."""
        return bool(self._open) and self.seq - next(iter(self._open)) >= self._window

    def _number(self, shards: list[int]) -> int:
        if self.full:
            raise RuntimeError(
                f"worker {self.worker} has {self._window} messages under way, from number {next(iter(self._open))} on, "
                "as many as shards remember: wait for an acknowledgement first (see Client.full)"
            )
        seq = self.seq
        self.seq = seq + 1
        self._open[seq] = shards
        return seq

    def _close(self, seq: int, shards: list[int]) -> None:
        if self._open.get(seq) != shards:
            asked = f"went to shards {self._open[seq]}" if seq in self._open else "is not under way"
            raise ValueError(f"shards {shards} answered message {seq} of worker {self.worker}, which {asked}")
        del self._open[seq]
        for shard in shards:
            if self._acked[shard] < seq:
                self._acked[shard] = seq

    # -------------------------------------------------------------------------------------------------------- push

    def push(self, x: Sent, rate: float | None = None) -> list[PushPart]:
        """The messages for a push. A plain vector is a change.

        `rate`: the step size at `x.moment` by the model's schedule; only sums of gradients under a rule without its own
        need it. ValueError for a wrong shape, NonFiniteError for a NaN: before any shard has heard of it.
        """
        if isinstance(x, np.ndarray):
            kind, keys, values, counts = CHANGE, None, x, (0, 0, 0.0)
        elif isinstance(x, Delta):
            kind, keys, values, counts = DELTA, x.keys, x.values, (x.steps, x.examples, x.loss)
        else:
            kind, keys, values, counts = CHANGE, x.keys, x.values, (x.steps, x.examples, 0.0)
        steps, examples, loss = counts
        portion = x.portion if isinstance(x, Delta) else None
        self._check(values, rate)
        shards = self._everybody
        rows: Sequence[Keys | None] = self._nothing
        pieces: Sequence[Vector | None] = self._nothing
        if kind == DELTA and examples == 0:
            pass  # all values are 0
        elif keys is None:
            pieces = self._ranges.cut(values)
        else:
            shards, rows, pieces = self._cut_rows(keys, values)
        worker, seq, versions, cleared = self.worker, self._number(shards), self._versions, self._cleared
        parts = []
        for shard, local, piece in zip(shards, rows, pieces, strict=True):
            version, clear = versions[shard], cleared[shard]
            parts.append(
                PushPart(shard, worker, seq, version, clear, kind, local, piece, steps, examples, loss, rate, portion)
            )
            loss = 0.0  # the shards' losses are added up
        return parts

    def _check(self, values: Vector, rate: float | None) -> None:
        if values.dtype.kind != "f":
            raise ValueError(f"values of dtype {values.dtype} cannot be pushed: give floating-point numbers")
        if rate is not None and not (isinstance(rate, (int, float, np.floating)) and 0.0 < rate < math.inf):
            raise ValueError(f"rate={rate!r} must be a positive number, or None where the server's rule has its own")
        if np.count_nonzero(np.isfinite(values)) != values.size:
            bad = np.flatnonzero(~np.isfinite(values))
            raise NonFiniteError(
                f"{bad.size} of {values.size} values that worker {self.worker} pushes are NaN or infinite (the first "
                f"is number {bad[0]}); use a smaller step size, a larger l2, or scale the data"
            )

    def _cut_rows(self, keys: Keys, values: Vector) -> tuple[list[int], list[Keys | None], list[Vector | None]]:
        """Shards, and for each its keys and its values; None where a shard is told that there is nothing for it."""
        pieces = self._ranges.cut_keys(keys)
        size = self._ranges.rows.size(keys)
        if values.shape != (size,):
            raise ValueError(f"values of shape {values.shape} do not fit {keys.size} rows with {size} weights")
        if len(pieces) == len(self._everybody) or (pieces and not self._tell_all):
            concerned = [piece.shard for piece in pieces]
            return concerned, [piece.keys for piece in pieces], [values[piece.first : piece.last] for piece in pieces]
        if not self._tell_all:
            return [0], [None], [None]  # no rows at all: one shard hears of it, so that there is an answer
        rows: list[Keys | None] = [None] * len(self._everybody)
        parts: list[Vector | None] = [None] * len(self._everybody)
        for shard, local, first, last in pieces:
            rows[shard], parts[shard] = local, values[first:last]
        return self._everybody, rows, parts

    def acknowledged(self, replies: Sequence[Applied]) -> Ack:
        """The answer to a push, from those of all shards that it was sent to, in any order."""
        shards, seqs, versions, staleness, *_ = zip(*sorted(replies, key=_by_shard), strict=True)
        if seqs.count(seqs[0]) != len(seqs):
            raise ValueError(f"these answers belong to different pushes: numbers {', '.join(map(str, seqs))}")
        self._close(seqs[0], list(shards))
        return Ack(versions, max(staleness))

    # -------------------------------------------------------------------------------------------------------- pull

    def pull(self, keys: Keys | None = None, version: int | None = None, clock: int | None = None) -> list[PullPart]:
        """The messages for a pull: to the shards that hold these rows; to the first if there are no rows."""
        for name, value in (("version", version), ("clock", clock)):
            if value is not None:
                check_whole(name, value, 0, ", or None not to wait")
        if keys is None:
            return [PullPart(shard, None, version, clock, self._sender(shard)) for shard in self._everybody]
        pieces = self._ranges.cut_keys(keys) or [Piece(0, keys, 0, 0)]
        return [PullPart(piece.shard, piece.keys, version, clock, self._sender(piece.shard)) for piece in pieces]

    def _sender(self, shard: int) -> tuple[int, int] | None:
        acked = self._acked[shard]
        return None if acked < 0 else (self.worker, acked)

    def pulled(self, replies: Sequence[Pulled], keys: Keys | None = None, met: bool = True) -> Versioned:
        """The answer to a pull, from those of all shards that it was sent to, in any order.

        From now on the worker's pushes count as computed with these weights: call it when the worker is given them.
        """
        replies = sorted(replies, key=_by_shard)
        shards = [reply.shard for reply in replies]
        size = self._ranges.n_weights if keys is None else self._ranges.rows.size(keys)
        if len(set(shards)) != len(shards) or sum([reply.values.size for reply in replies]) != size:
            sizes = [reply.values.size for reply in replies]
            raise ValueError(f"shards {shards} answered a pull of {size} weights with {sizes}")
        for reply in replies:
            self._versions[reply.shard], self._cleared[reply.shard] = reply.version, reply.cleared
        values = join([reply.values for reply in replies])
        return Versioned(values, keys, tuple([reply.version for reply in replies]), met)

    # -------------------------------------------------------------------------------------------------- operations

    def operate(self, op: tuple[object, ...]) -> list[OpPart]:
        """The messages for an operation: to all shards. ValueError for one that is not known, or not well formed."""
        check_operation(op)
        seq = self._number(self._everybody)
        return [OpPart(shard, op, (self.worker, seq)) for shard in self._everybody]

    def operated(self, parts: Sequence[OpPart], answers: Sequence[float]) -> float:
        """The answer to an operation: the sum of the shards' answers, those of `parts` in the same order."""
        self._close(parts[0].sender[1], [part.shard for part in parts])
        return float(sum(answers))
