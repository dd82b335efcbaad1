"""The parameter server of one process: shards, what waits at them, and the workers' ends of the line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import NamedTuple, final

import numpy as np

from hogwild.answers import Versioned
from hogwild.deltas import Delta
from hogwild.engines.calls import Call
from hogwild.engines.pulls import WaitingPull, WaitingPulls
from hogwild.engines.session import Session
from hogwild.engines.transport import HEADER_BYTES, AbstractTransport
from hogwild.engines.waits import Failed, Reply, Waits
from hogwild.kernels.updates import compiled
from hogwild.params import Params
from hogwild.requests import OnServer, Pull, Push
from hogwild.rules.updates import Update
from hogwild.server import Client, OpPart, PullPart, PushPart, Ranges, Shard, check_operation
from hogwild.traffic import Traffic


class _Value(NamedTuple):
    """A shard's answer to an operation."""

    shard: int
    value: float
    seq: int
    error: Exception | None = None
    n_bytes: int = HEADER_BYTES


SEQS_OF_A_LIFE = 2**32  # more messages than any process of a worker sends
NO_KEYS = np.zeros(0, np.int64)


@final
class Servers:
    """Messages go by the transport; each shard answers when they arrive. Not thread-safe: the hub holds the lock."""

    def __init__(
        self, session: Session, rule: Update, shards: int, transport: AbstractTransport, traffic: Traffic
    ) -> None:
        size = len(session.params)
        self._session, self._traffic = session, traffic
        self._template = first = session.params[0]
        ranges = Ranges(first.offsets, shards)
        scales, prox = session.task.scales, session.task.prox
        move = compiled(rule, first.weights.dtype)
        pieces = [None] * shards if scales is None else ranges.cut(scales)
        begin = ranges.cut(first.weights.copy())

        def new_shard(number: int) -> Shard:
            """As the shard began."""
            span, weights, piece = ranges.spans[number], begin[number], pieces[number]
            return Shard(span, weights, rule, prox, accrue=True, move=move, scales=piece, workers=size)

        self.new_shard = new_shard
        self.shards = [new_shard(number) for number in range(shards)]
        self._spans, self._ranges = ranges.spans, ranges
        self._staleness = [size - 1] * size  # of the last push of each worker
        self._clients = [Client(rank, ranges) for rank in range(size)]
        # Pushes and operations of workers that have as many under way as shards remember: they are sent later.
        self._held: list[deque[Callable[[], None]]] = [deque() for _ in range(size)]
        self._waiting = [WaitingPulls() for _ in self.shards]
        self.calls = calls = transport.calls(size, shards)
        self._send, self._answer = calls.send, calls.answer
        session.server_params = self._params

    def _params(self) -> Params:
        """The weights of all shards as they are now; the rest as it began."""
        params = self._template.copy()
        for span, shard in zip(self._spans, self.shards, strict=True):
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
        if isinstance(request, Push):  # what is wrong with it is said now
            client.cut(request.x)
        else:
            check_operation(request.op)
        held.append(partial(answer, rank, request, reply))

    def received(self, rank: int, weights: Versioned) -> None:
        """The worker has been given the answer to its pull."""
        self._clients[rank].received(weights)

    def _push(self, rank: int, request: Push, reply: Reply) -> None:
        client, x = self._clients[rank], request.x
        rate = self._rate(rank, x) if isinstance(x, Delta) and x.portion is None else None
        parts = client.push(x, rate)
        self._send(Call(rank, request, reply, len(parts)), parts, self._apply)

    def _rate(self, rank: int, x: Delta) -> float:
        """Step size of the model's schedule, for a push that is as stale as the worker's last one."""
        return x.limited(self._session.task.rate(x.moment), self._staleness[rank])

    def _apply(self, part: PushPart, call: Call) -> None:
        number = part.shard
        self._answer(call, part, self.shards[number].push(part), self._pushed)
        if self._waiting[number]:
            self._read_again(self._waiting[number].take(self.shards[number].clock(part.worker)))

    def _pushed(self, call: Call) -> None:
        ack = self._clients[call.rank].acknowledged(call.answers)
        self._traffic.stale(ack.staleness)
        self._staleness[call.rank] = ack.staleness
        call.reply(ack)
        self._send_held(call.rank)

    def _pull(self, rank: int, request: Pull, reply: Reply) -> None:
        parts = self._clients[rank].pull(request.keys, request.version, request.clock)
        self._send(Call(rank, request, reply, len(parts)), parts, self._read)

    def _read(self, part: PullPart, call: Call) -> None:
        if self._ready(part):
            self._answer(call, part, self.shards[part.shard].pull(part.keys, part.worker), self._pulled)
        else:
            self._waiting[part.shard].add(WaitingPull(call, part))

    def _pulled(self, call: Call) -> None:
        call.reply(self._clients[call.rank].pulled(call.answers, call.request.keys, call.met))

    def _operate(self, rank: int, request: OnServer, reply: Reply) -> None:
        parts = self._clients[rank].operate(request.op)
        self._send(Call(rank, request, reply, len(parts)), parts, self._run)

    def _run(self, part: OpPart, call: Call) -> None:
        try:
            value = _Value(part.shard, self.shards[part.shard].operate(part.op, part.sender), part.sender[1])
        except ValueError as error:  # only here it is known which vectors there are
            value = _Value(part.shard, 0.0, part.sender[1], error)
        self._answer(call, part, value, self._operated)

    def _operated(self, call: Call) -> None:
        values = sorted(call.answers, key=itemgetter(0))  # in the order of the shards
        client, seq = self._clients[call.rank], values[0].seq
        errors = [value.error for value in values if value.error is not None]
        if errors:
            client.refused(seq)
            call.reply(Failed(errors[0]))
        else:
            call.reply(client.operated(seq, [value.value for value in values]))
        self._send_held(call.rank)

    def _send_held(self, rank: int) -> None:
        held = self._held[rank]
        while held and not self._clients[rank].full:
            held.popleft()()

    def _ready(self, part: PullPart) -> bool:
        live = self._session.members.in_rounds
        return self.shards[part.shard].ready(part.version, part.clock, live, part.worker, part.acked)

    # ------------------------------------------------------------------------------------------- who comes and goes

    def move(self, number: int, shard: Shard) -> None:
        """The host of the shard is dead: its copy takes its place, and knows of nobody who waits."""
        self.shards[number] = shard
        self._waiting[number] = WaitingPulls()

    def lost(self, rank: int) -> None:
        """The worker is dead: nobody hears what it is answered."""
        self._held[rank].clear()
        for pulls in self._waiting:
            pulls.drop(rank)
        self.calls.lost(rank)

    def admit(self, rank: int, like: int, number: int, life: int) -> int:
        """Its next process begins where `like` is, with this round. Returns how often it counts as having pushed: as
        often as that one, which may push more seldom than in each round; but not in the round that is repeated. Its
        messages are told from those of the process before by `life`.
        """
        pushes = min(number, self._clients[like].pushes)
        client = self._clients[rank] = Client(rank, self._ranges, life * SEQS_OF_A_LIFE, pushes=pushes)
        for shard in self.shards:
            shard.admit(rank, pushes)
        stamps = tuple([shard.pull(NO_KEYS, rank).stamp for shard in self.shards])
        client.received(Versioned(self._template.weights[:0], NO_KEYS, stamps, True))
        return pushes

    # ----------------------------------------------------------------------------------------------- pulls that wait

    def left(self, rank: int) -> None:
        """The worker goes through no more rounds: its clock is no longer waited for."""
        for pulls in self._waiting:
            self._read_again(pulls.take_all())

    def release(self) -> bool:
        """Answer the pull that waits for what lies furthest in the future: it will not happen. False if none waits."""
        furthest = max(chain.from_iterable(self._waiting), key=lambda each: each.distance, default=None)
        if furthest is None:
            return False
        number = furthest.part.shard
        self._waiting[number].remove(furthest)
        furthest.call.met = False
        part = furthest.part
        self._answer(furthest.call, part, self.shards[number].pull(part.keys, part.worker), self._pulled)
        return True

    def waits(self) -> Waits:
        """Those that wait."""
        for number, queue in enumerate(self._waiting):
            for each in queue:
                version, clock = each.part.version, each.part.clock
                what = f"version {version}" if version is not None else f"clock {clock}"
                if version is None and clock is None:
                    what = f"its own message number {each.part.acked}"
                yield each.call.reply, f"{what} of shard {number}, which is at version {self.shards[number].version}"

    def _read_again(self, pulls: list[WaitingPull]) -> None:
        for call, part in pulls:
            self._read(part, call)
