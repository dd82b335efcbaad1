"""Mailboxes with a slot for each sender, and what one worker may do with another's weights."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, final

from hogwild.deltas import PartialState, described, size_in_bytes
from hogwild.engines.mirrors import ALL_HERE, AbstractMirrors
from hogwild.engines.transport import HEADER_BYTES, AbstractTransport, Act, Host
from hogwild.engines.waits import Reply, Waits, workers
from hogwild.limits import is_whole
from hogwild.params import Params
from hogwild.requests import Average, Get, Inbox, Message, Put
from hogwild.snapshots.parts import Part, prefixed
from hogwild.snapshots.values import message_of, message_part

AtRest = Callable[[int, Callable[[], None]], None]


@final
class Mailboxes:
    """Not thread-safe: the hub holds the lock. `running` are the workers whose programs have not ended.

    at_rest : at_rest(rank, act) calls `act` when this worker awaits something and does not compute: only then are its
        weights true, and nobody writes to them
    """

    def __init__(
        self,
        params: list[Params],
        transport: AbstractTransport,
        running: Collection[int],
        clock: Callable[[int], int],
        at_rest: AtRest,
        mirrors: AbstractMirrors = ALL_HERE,
    ) -> None:
        self._params, self._transport, self._running, self._clock = params, transport, running, clock
        self._at_rest, self._mirrors = at_rest, mirrors
        self._slots: list[dict[int, deque[Message]]] = [{} for _ in params]
        self._waiting: list[list[tuple[Inbox, Reply]]] = [[] for _ in params]  # in the order they were asked
        self._under_way: Counter[tuple[int, int]] = Counter()  # messages, by sender and receiver
        self._dead: set[int] = set()
        self._counts_from = [-1] * len(
            params
        )  # the first round of each worker in which others count on it, if its process is not its first

    def put(self, rank: int, request: Put, reply: Reply) -> None:
        """Answers when it has left: at once, unless the sender's link is busy with what it has put before."""
        peer, mode = self._check(request.peer), request.mode
        # In a round before its own the new process of a peer is nobody: it would take what comes for later.
        if peer not in self._running or (self._clock(rank) <= self._counts_from[peer] and peer != rank):
            reply(False)
            return
        message = Message(rank, request.x.copy(), self._clock(rank))

        def deliver() -> None:
            self._under_way[rank, peer] -= 1
            slot = self._slots[peer].setdefault(rank, deque())
            if mode == "replace":
                slot.clear()
            if mode == "add" and slot:
                slot[-1] = _added(slot[-1], message, peer)
            else:
                slot.append(message)
            self._look(peer)

        def lost() -> None:
            self._under_way[rank, peer] -= 1
            self._look(peer)

        self._under_way[rank, peer] += 1
        if peer == rank:
            deliver()
            reply(True)
            return
        transport, n_bytes = self._transport, HEADER_BYTES + size_in_bytes(request.x)
        carry = transport.post if mode == "replace" else transport.send
        carry(("worker", rank), ("worker", peer), n_bytes, deliver, lost)
        transport.when_left(partial(reply, True))

    def inbox(self, rank: int, request: Inbox, reply: Reply) -> None:
        """Answers when there is something of each sender that is asked for."""
        for sender in request.senders or ():
            self._check(sender)
        self._waiting[rank].append((request, reply))
        self._look(rank)

    def get(self, rank: int, request: Get, reply: Reply) -> None:
        """Answers with a copy of the peer's weights as they are when the question arrives, and the peer is at rest.

        None if it is dead.
        """
        peer = self._check(request.peer)
        me, there = ("worker", rank), ("worker", peer)

        def asked() -> None:
            self._at_rest(peer, read)

        def read() -> None:
            if not self._mirrors.bring(peer):
                lost()
                return
            message = Message(peer, self._params[peer].weights.copy(), self._clock(peer))
            self._transport.send(there, me, HEADER_BYTES + message.x.nbytes, lambda: reply(message), lost)

        def lost() -> None:
            reply(None)

        self._ask(me, there, HEADER_BYTES, asked, lost)

    def average(self, rank: int, request: Average, reply: Reply) -> None:
        """Both become the mean when the weights have arrived at the peer, and it is at rest; then they come back.

        False if it is dead.
        """
        peer = self._check(request.peer)
        me, there = ("worker", rank), ("worker", peer)
        n_bytes = HEADER_BYTES + self._params[rank].weights.nbytes

        def arrived() -> None:
            self._at_rest(peer, meet)

        def meet() -> None:
            if peer != rank:
                if not (self._mirrors.bring(rank) and self._mirrors.bring(peer)):
                    lost()
                    return
                mine, other = self._params[rank].weights, self._params[peer].weights
                mean = (mine + other) * mine.dtype.type(0.5)
                mine[:] = mean
                other[:] = mean
                self._mirrors.give(rank)
                self._mirrors.give(peer)
            self._transport.send(there, me, n_bytes, lambda: reply(True), lost)

        def lost() -> None:
            reply(False)

        self._ask(me, there, n_bytes, arrived, lost)

    def _ask(self, me: Host, there: Host, n_bytes: int, arrived: Act, lost: Act) -> None:
        """Of a worker whose program has ended, too; but not of one that is dead."""
        if there[1] in self._dead:
            lost()
        else:
            self._transport.send(me, there, n_bytes, arrived, lost)

    def returned(self) -> None:
        """A worker's program has ended: nobody need wait for its message."""
        for rank, waiting in enumerate(self._waiting):
            if waiting:
                self._look(rank)

    def lost(self, rank: int) -> None:
        """The worker is dead: its mailbox is empty, and it waits for nothing."""
        self._slots[rank], self._waiting[rank] = {}, []
        self._dead.add(rank)

    def admit(self, rank: int, number: int) -> None:
        """Another process has taken its place, to whom nobody sends, nor it to others, in rounds before this one."""
        self._dead.discard(rank)
        self._counts_from[rank] = number

    def standing(self) -> Part:
        """What lies in all mailboxes."""
        mail, arrays = list[Any](), dict[str, Any]()
        for rank, slots in enumerate(self._slots):
            for message in (each for slot in slots.values() for each in slot):
                part = message_part(message.x)
                arrays |= prefixed(f"mail.{len(mail)}.", {name: array.copy() for name, array in part.arrays.items()})
                mail.append([rank, message.sender, message.clock, part.facts])
        return Part({"mail": mail}, arrays)

    def resume(self, part: Part) -> None:
        """It lies there again."""
        for number, (rank, sender, clock, facts) in enumerate(part.facts["mail"]):
            message = Message(sender, message_of(Part(facts, part.under(f"mail.{number}."))), clock)
            self._slots[rank].setdefault(sender, deque()).append(message)

    def waits(self) -> Waits:
        """Those that wait."""
        for rank, waiting in enumerate(self._waiting):
            for request, reply in waiting:
                missing = [sender for sender in request.senders or () if not self._slots[rank].get(sender)]
                yield reply, f"a message of {workers(missing)}"

    def _check(self, peer: int) -> int:
        if not (is_whole(peer) and 0 <= peer < len(self._params)):
            raise ValueError(f"there is no worker {peer!r}; ranks are 0 to {len(self._params) - 1}")
        return int(peer)

    def _look(self, rank: int) -> None:
        """Answer all that can be answered."""
        waiting, slots = self._waiting[rank], self._slots[rank]
        for each in tuple(waiting):
            request, reply = each
            there = {sender: self._is_there(slots.get(sender), sender, rank) for sender in request.senders or ()}
            if any(not here and self._may_come(sender, rank) for sender, here in there.items()):
                continue
            waiting.remove(each)
            senders = None if request.senders is None else sorted(sender for sender, here in there.items() if here)
            reply(self._empty(slots, senders))

    def _is_there(self, slot: deque[Message] | None, sender: int, rank: int) -> bool:
        """Is there a message for a worker that has asked for one of this sender? Not if it is in a round for which it
        had asked the sender's former process, and what is there is of the new one, which is further: it is for later.
        """
        begins = self._counts_from[sender]
        return slot is not None and len(slot) > 0 and not self._clock(rank) <= begins < slot[0].clock

    def _may_come(self, sender: int, rank: int) -> bool:
        is_there = sender in self._running and self._counts_from[sender] < self._clock(rank)
        return is_there or self._under_way[sender, rank] > 0

    @staticmethod
    def _empty(slots: dict[int, deque[Message]], senders: list[int] | None) -> list[Message]:
        """One message of each of the senders; None: all there is."""
        if senders is not None:
            return [slots[sender].popleft() for sender in senders]
        found: list[Message] = []
        for sender in sorted(slots):
            found += slots[sender]
            slots[sender].clear()
        return found


def _added(before: Message, message: Message, peer: int) -> Message:
    """Both in one. ValueError if they are not of one kind and shape."""
    was, more = described(before.x), described(message.x)
    if was != more or isinstance(message.x, PartialState):
        raise ValueError(
            f'put(mode="add"): worker {message.sender} adds {more} to {was} in the mailbox of worker {peer}: give what '
            "can be added up"
        )
    return message._replace(x=before.x + message.x)
