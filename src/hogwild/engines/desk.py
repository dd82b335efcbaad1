"""The shard's end of the line: one shard, and the pulls that it cannot answer yet."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, final

from hogwild.engines.calls import Call
from hogwild.engines.line import Value
from hogwild.engines.pulls import WaitingPull, WaitingPulls
from hogwild.server import OpPart, PullPart, PushPart, Shard

Answer = Callable[[Call, Any, Any], None]
"""Called with a call, the message, and the shard's answer to it."""


@final
class Desk:
    """Answers one message after another: at once, but for pulls that wait. Not thread-safe.

    live : the workers that are in rounds, now; who holds it changes it
    """

    __slots__ = ("_answer", "_live", "shard", "waiting")

    def __init__(self, shard: Shard, live: Collection[int], answer: Answer) -> None:
        self.shard, self._live, self._answer = shard, live, answer
        self.waiting = WaitingPulls()

    def push(self, part: PushPart, call: Call) -> None:
        """Apply it; pulls that have waited for it are answered next."""
        self._answer(call, part, self.shard.push(part))
        if self.waiting:
            self._read_again(self.waiting.take(self.shard.clock(part.worker)))

    def pull(self, part: PullPart, call: Call) -> None:
        """Answer it when it may be answered: see `Shard.ready`."""
        shard = self.shard
        if shard.ready(part.version, part.clock, self._live, part.worker, part.acked):
            self._answer(call, part, shard.pull(part.keys, part.worker))
        else:
            self.waiting.add(WaitingPull(call, part))

    def operate(self, part: OpPart, call: Call) -> None:
        """Do it; its error is an answer, too."""
        seq = part.sender[1]
        try:
            value = Value(part.shard, self.shard.operate(part.op, part.sender), seq)
        except ValueError as error:  # only here it is known which vectors there are
            value = Value(part.shard, 0.0, seq, error)
        self._answer(call, part, value)

    def left(self) -> None:
        """A worker goes through no more rounds: its clock is no longer waited for."""
        self._read_again(self.waiting.take_all())

    def release(self, pull: WaitingPull) -> None:
        """Answer a pull that waits for what will not happen."""
        self.waiting.remove(pull)
        call, part = pull
        call.met = False
        self._answer(call, part, self.shard.pull(part.keys, part.worker))

    def _read_again(self, pulls: list[WaitingPull]) -> None:
        for call, part in pulls:
            self.pull(part, call)
