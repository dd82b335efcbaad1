"""The parameter server of one process: shards, what waits at them, and the workers' ends of the line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, final

from hogwild.answers import Versioned
from hogwild.deltas import Delta
from hogwild.engines.session import Session
from hogwild.engines.transport import HEADER_BYTES, AbstractTransport
from hogwild.engines.waits import Failed, Reply, Waits
from hogwild.params import Params
from hogwild.requests import OnServer, Pull, Push
from hogwild.rules.updates import Update, scaled
from hogwild.server import Client, OpPart, PullPart, PushPart, Ranges, Shard
from hogwild.traffic import Traffic

Back = Callable[..., None]  # back(answer, met=True) sends a shard's answer to whoever asked
Join = Callable[[list[Any], bool], None]  # join(answers, met): of all shards


@final
@dataclass(frozen=True, eq=False)
class _Waiting:
    """A pull that a shard cannot answer yet."""

    reply: Reply
    part: PullPart
    back: Back

    @property
    def distance(self) -> int:
        """How far in the future lies what it waits for?"""
        return self.part.version or self.part.clock or 0


class _Value(NamedTuple):
    """A shard's answer to an operation."""

    shard: int
    value: float
    error: Exception | None = None
    n_bytes: int = HEADER_BYTES


@final
class Servers:
    """Messages go by the transport; each shard answers when they arrive. Not thread-safe: the hub holds the lock."""

    def __init__(
        self, session: Session, rule: Update, shards: int, transport: AbstractTransport, traffic: Traffic
    ) -> None:
        size = len(session.params)
        self._session, self._transport, self._traffic = session, transport, traffic
        self._template = first = session.params[0]
        ranges = Ranges(first.offsets, shards)
        scales, prox = session.task.scales, session.task.prox
        rules = [rule if scales is None else scaled(rule, scales[span.begin : span.end]) for span in ranges.spans]
        self._shards = [
            Shard(span, piece, rule, prox, accrue=True)
            for span, piece, rule in zip(ranges.spans, ranges.cut(first.weights), rules, strict=True)
        ]
        self._spans = ranges.spans
        self._staleness = [size - 1] * size  # of the last push of each worker
        self._clients = [Client(rank, ranges) for rank in range(size)]
        # Pushes and operations of workers that have as many under way as shards remember: they are sent later.
        self._held: list[deque[Callable[[], None]]] = [deque() for _ in range(size)]
        self._waiting: list[list[_Waiting]] = [[] for _ in self._shards]
        self._hosts = [("shard", number) for number in range(len(self._shards))]
        session.server_params = self._params

    def _params(self) -> Params:
        """The weights of all shards as they are now; the rest as it began."""
        params = self._template.copy()
        for span, shard in zip(self._spans, self._shards, strict=True):
            params.weights[span.begin : span.end] = shard.weights
        return params

    def ask(self, rank: int, request: Pull | Push | OnServer, reply: Reply) -> None:
        """Send it to the shards that it concerns, and reply when all of them have answered."""
        if isinstance(request, Pull):
            self._pull(rank, request, reply)
            return
        answer: Callable[..., None] = self._push if isinstance(request, Push) else self._operate
        client, held = self._clients[rank], self._held[rank]
        if not (client.full or held):
            answer(rank, request, reply)
            return
        if isinstance(request, Push):
            client.cut(request.x)  # what is wrong with it is said now
        held.append(partial(answer, rank, request, reply))

    def received(self, rank: int, weights: Versioned) -> None:
        """The worker has been given the answer to its pull."""
        self._clients[rank].received(weights)

    def _push(self, rank: int, request: Push, reply: Reply) -> None:
        client, x = self._clients[rank], request.x
        parts = client.push(x, self._rate(rank, x) if isinstance(x, Delta) else None)

        def join(answers: list[Any], met: bool) -> None:
            ack = client.acknowledged(answers)
            self._traffic.stale(ack.staleness)
            self._staleness[rank] = ack.staleness
            reply(ack)
            self._send_held(rank)

        self._send(rank, parts, self._apply, join)

    def _rate(self, rank: int, x: Delta) -> float:
        """Step size of the model's schedule, for a push that is as stale as the worker's last one."""
        return x.limited(self._session.task.rate(x.moment), self._staleness[rank])

    def _apply(self, part: PushPart, back: Back) -> None:
        back(self._shards[part.shard].push(part))
        if self._waiting[part.shard]:
            self._look(part.shard)

    def _pull(self, rank: int, request: Pull, reply: Reply) -> None:
        client = self._clients[rank]

        def join(answers: list[Any], met: bool) -> None:
            reply(client.pulled(answers, request.keys, met))

        self._send(rank, client.pull(request.keys, request.version, request.clock), partial(self._read, reply), join)

    def _read(self, reply: Reply, part: PullPart, back: Back) -> None:
        if self._ready(part):
            back(self._shards[part.shard].pull(part.keys, part.worker))
        else:
            self._waiting[part.shard].append(_Waiting(reply, part, back))

    def _operate(self, rank: int, request: OnServer, reply: Reply) -> None:
        client = self._clients[rank]
        parts = client.operate(request.op)

        def join(answers: list[_Value], met: bool) -> None:
            answers.sort(key=itemgetter(0))  # in the order of the shards
            value = client.operated(parts, [answer.value for answer in answers])
            errors = [answer.error for answer in answers if answer.error is not None]
            reply(Failed(errors[0]) if errors else value)
            self._send_held(rank)

        self._send(rank, parts, self._run, join)

    def _run(self, part: OpPart, back: Back) -> None:
        try:
            back(_Value(part.shard, self._shards[part.shard].operate(part.op, part.sender)))
        except ValueError as error:  # only here it is known which vectors there are
            back(_Value(part.shard, 0.0, error))

    def _send_held(self, rank: int) -> None:
        held = self._held[rank]
        while held and not self._clients[rank].full:
            held.popleft()()

    def _send(self, rank: int, parts: list[Any], act: Callable[[Any, Back], None], join: Join) -> None:
        """Each part to its shard, where `act` happens, and its answer back; `join` when the last has come."""
        carry, at, me, hosts = self._transport.carry, self._transport.at, ("worker", rank), self._hosts
        missing, all_met, last_s = len(parts), True, 0.0
        answers: list[Any] = []

        def back(answer: Any, met: bool = True) -> None:
            nonlocal missing, all_met, last_s
            answers.append(answer)
            missing -= 1
            all_met = all_met and met
            last_s = max(last_s, carry(hosts[answer.shard], me, answer.n_bytes))
            if not missing:
                at(last_s, partial(join, answers, all_met))

        for part in parts:
            at(carry(me, hosts[part.shard], part.n_bytes), partial(act, part, back))

    def _ready(self, part: PullPart) -> bool:
        live = self._session.in_rounds
        return self._shards[part.shard].ready(part.version, part.clock, live, part.worker, part.acked)

    # ----------------------------------------------------------------------------------------------- pulls that wait

    def left(self, rank: int) -> None:
        """The worker goes through no more rounds: its clock is no longer waited for."""
        for number in range(len(self._shards)):
            self._look(number)

    def release(self) -> bool:
        """Answer the pull that waits for what lies furthest in the future: it will not happen. False if none waits."""
        waiting = [each for queue in self._waiting for each in queue]
        if not waiting:
            return False
        furthest = max(waiting, key=lambda each: each.distance)
        self._waiting[furthest.part.shard].remove(furthest)
        furthest.back(self._shards[furthest.part.shard].pull(furthest.part.keys, furthest.part.worker), met=False)
        return True

    def waits(self) -> Waits:
        """Those that wait."""
        for number, queue in enumerate(self._waiting):
            for each in queue:
                version, clock = each.part.version, each.part.clock
                what = f"version {version}" if version is not None else f"clock {clock}"
                yield each.reply, f"{what} of shard {number}, which is at version {self._shards[number].version}"

    def _look(self, number: int) -> None:
        queue = self._waiting[number]
        ready = [each for each in queue if self._ready(each.part)]
        if ready:
            self._waiting[number] = [each for each in queue if each not in ready]
            for each in ready:
                each.back(self._shards[number].pull(each.part.keys, each.part.worker))
