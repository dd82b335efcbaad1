"""A worker's end of the line to the shards of the parameter server: what is sent when, and what is made of answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, final

from hogwild.answers import Versioned
from hogwild.deltas import Delta
from hogwild.engines.calls import Call
from hogwild.engines.waits import Failed, Reply
from hogwild.interfaces import AbstractTask, Unsupported
from hogwild.requests import OnServer, Pull, Push
from hogwild.server import HEADER_BYTES, Client, check_operation
from hogwild.traffic import Traffic


class Value(NamedTuple):
    """A shard's answer to an operation."""

    shard: int
    value: float
    seq: int
    error: Exception | None = None
    n_bytes: int = HEADER_BYTES


@final
class Line:
    """Sends what one worker asks of the shards, and replies when all of them have answered. Not thread-safe.

    client : numbers the messages
    size :   how many workers there are
    send :   takes a call and a message for each shard that it concerns; `call.join(call)` is due when `call.answers`
             holds the answers of all
    """

    __slots__ = ("_held", "_send", "_staleness", "_task", "_traffic", "client")

    def __init__(
        self,
        client: Client,
        task: AbstractTask,
        size: int,
        traffic: Traffic,
        send: Callable[[Call, list[Any]], None],
    ) -> None:
        self.client = client
        self._task, self._traffic, self._send = task, traffic, send
        self._staleness = size - 1  # of the last push
        # Pushes and operations of a worker that has as many under way as shards remember: they are sent later.
        self._held: deque[Callable[[], None]] = deque()

    @property
    def full(self) -> bool:
        """Is what is asked now held back?"""
        return bool(self._held) or self.client.full

    def ask(self, request: Pull | Push | OnServer, reply: Reply) -> None:
        """ValueError or NonFiniteError for what cannot be sent, Unsupported for what cannot be done."""
        if isinstance(request, Pull):
            self._pull(request, reply)
            return
        answer: Callable[..., None] = self._push if isinstance(request, Push) else self._operate
        if not (self.client.full or self._held):
            answer(request, reply)
            return
        if isinstance(request, Push):  # what is wrong with it is said now
            self.client.cut(request.x)
        else:
            check_operation(request.op)
        self._held.append(partial(answer, request, reply))

    def received(self, weights: Versioned) -> None:
        """The worker has been given the answer to its pull."""
        self.client.received(weights)

    def standing(self) -> dict[str, Any]:
        """What the worker has seen of the shards; nothing is under way."""
        return {**self.client.standing(), "staleness": self._staleness}

    def resume(self, standing: dict[str, Any]) -> None:
        """A new process of a worker that has seen as much."""
        self.client.resume(standing)
        self._staleness = standing["staleness"]

    def lost(self) -> None:
        """The worker is dead: what it has not sent yet is never sent."""
        self._held.clear()

    def _push(self, request: Push, reply: Reply) -> None:
        client, x, rate = self.client, request.x, None
        if isinstance(x, Delta):
            if x.portion is None:
                # Step size of the model's schedule, for a push that is as stale as the worker's last one.
                rate = x.limited(self._task.rate(x.moment), self._staleness)
            elif self._task.prox is not None:
                raise Unsupported(
                    "what is done to weights after a step (l1, nonnegative) cannot be done where gradients of portions "
                    "are only added up: leave it out, or use a strategy that makes steps, such as Downpour()"
                )
        parts = client.push(x, rate)
        self._send(Call(client.worker, request, reply, len(parts), self._pushed), parts)

    def _pushed(self, call: Call) -> None:
        ack = self.client.acknowledged(call.answers)
        self._traffic.stale(ack.staleness)
        self._staleness = ack.staleness
        call.reply(ack)
        self._send_held()

    def _pull(self, request: Pull, reply: Reply) -> None:
        parts = self.client.pull(request.keys, request.version, request.clock)
        self._send(Call(self.client.worker, request, reply, len(parts), self._pulled), parts)

    def _pulled(self, call: Call) -> None:
        call.reply(self.client.pulled(call.answers, call.request.keys, call.met))

    def _operate(self, request: OnServer, reply: Reply) -> None:
        parts = self.client.operate(request.op)
        self._send(Call(self.client.worker, request, reply, len(parts), self._operated), parts)

    def _operated(self, call: Call) -> None:
        values = sorted(call.answers, key=itemgetter(0))  # in the order of the shards
        seq = values[0].seq
        errors = [value.error for value in values if value.error is not None]
        if errors:
            self.client.refused(seq)
            call.reply(Failed(errors[0]))
        else:
            call.reply(self.client.operated(seq, [value.value for value in values]))
        self._send_held()

    def _send_held(self) -> None:
        held = self._held
        while held and not self.client.full:
            held.popleft()()
