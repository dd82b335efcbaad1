"""Requests to shards on a network that loses messages: each part is sent until it is answered, with the same number.

So what arrives twice is told from what is new by the shard's own table, and answered again from there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, final

from hogwild.engines.calls import AbstractCalls, Act, Call
from hogwild.engines.transport import Host
from hogwild.engines.virtual.mail import Letter, Mail
from hogwild.server import OpPart, PullPart, PushPart, Shard


@final
class _Way:
    """A call, and how far it has come."""

    __slots__ = ("act", "answered", "call", "dead", "inside", "letters", "parts")

    def __init__(self, call: Call, parts: list[Any], act: Callable[[Any, Call], None]) -> None:
        self.call, self.act, self.dead = call, act, False
        self.parts = {part.shard: _copied(part) for part in parts}
        self.letters: dict[int, Letter] = {}
        self.inside: set[int] = set()  # shards that have it, and have not answered yet
        self.answered: set[int] = set()


@final
class Retrying(AbstractCalls):
    """Shards that wait with an answer say so: who waits for one does not send again.

    hosts :     where each shard is
    shards :    those at these hosts
    mutated :   called for each part that has changed a shard, or what it remembers: to tell its copy
    when_safe : calls what it is given when the shard's copy knows all that it was told
    """

    def __init__(self, mail: Mail, workers: int, shards: int) -> None:
        self._mail = mail
        self._workers: list[Host] = [("worker", rank) for rank in range(workers)]
        self.hosts: list[Host] = [("shard", number) for number in range(shards)]
        self._ways: dict[Call, _Way] = {}
        self.mutated: Callable[[int, Any], None] = _no_copy
        self.when_safe: Callable[[int, Act], None] = _at_once
        self.shards: list[Shard] = []
        self._new = False  # is what a shard is given now new to it?

    def send(self, call: Call, parts: list[Any], act: Callable[[Any, Call], None]) -> None:
        way = self._ways[call] = _Way(call, parts, act)
        self._mail.report.pushes += isinstance(parts[0], PushPart)
        for number in way.parts:
            self._attempt(way, number)

    def _attempt(self, way: _Way, number: int) -> None:
        """Send it to where the shard is now."""
        letter, host = way.letters.get(number), self.hosts[number]
        if letter is None:
            again = partial(self._attempt, way, number)
            letter = Letter(self._workers[way.call.rank], host, way.parts[number].n_bytes, _nowhere, again)
            way.letters[number] = letter
        letter.target, letter.arrived = host, partial(self._arrive, way, number, host)
        self._mail.transmit(letter)

    def _arrive(self, way: _Way, number: int, host: Host) -> None:
        if way.dead:  # its sender was declared lost, and another perhaps does now what it has begun
            return
        if host != self.hosts[number]:  # it came back from the dead, and the shard is elsewhere
            self._mail.miss(way.letters[number])
            return
        if number in way.inside:
            self._mail.report.duplicates_dropped += 1
            return
        way.inside.add(number)
        part = way.parts[number]
        self._new = not self._knows(part)
        self._mail.report.duplicates_dropped += not self._new
        way.act(part, way.call)

    def _knows(self, part: Any) -> bool:
        """Has the shard applied it?"""
        if isinstance(part, PushPart):
            return self.shards[part.shard].knows(part.worker, part.seq)
        return isinstance(part, OpPart) and self.shards[part.shard].knows(*part.sender)

    def answer(self, call: Call, part: Any, answer: Any) -> None:
        way = self._ways.get(call)
        number = answer.shard
        if self._changes(part):
            self.mutated(number, part)
        if way is not None:
            self.when_safe(number, partial(self._reply, way, answer))

    def _changes(self, part: Any) -> bool:
        """Is the shard another one since it was given this? Answers to a pull that came again are remembered, too."""
        if isinstance(part, PullPart):
            return self.shards[part.shard].remembers_pulls
        return self._new and self._knows(part)

    def _reply(self, way: _Way, answer: Any) -> None:
        number, me = answer.shard, self._workers[way.call.rank]
        way.inside.discard(number)
        arrived, again = partial(self._come, way, answer), partial(self._attempt, way, number)
        self._mail.transmit(Letter(self.hosts[number], me, answer.n_bytes, arrived, again))

    def _come(self, way: _Way, answer: Any) -> None:
        """Each shard's answer is taken once."""
        if way.dead or answer.shard in way.answered:
            self._mail.report.duplicates_dropped += not way.dead
            return
        call = way.call
        way.answered.add(answer.shard)
        call.answers.append(answer)
        call.missing -= 1
        if not call.missing:
            del self._ways[call]
            self._mail.report.acknowledged += isinstance(way.parts[answer.shard], PushPart)
            call.join(call)

    # ------------------------------------------------------------------------------------------------ who is no more

    def lost(self, rank: int) -> None:
        """The worker is dead: nobody hears what it is answered."""
        for call in [call for call in self._ways if call.rank == rank]:
            self._ways.pop(call).dead = True

    def replaced(self, number: int, host: Host) -> None:
        """The shard is there now: what lay at its dead host unanswered is sent again."""
        self.hosts[number] = host
        for way in list(self._ways.values()):
            if number in way.inside:
                way.inside.discard(number)
                self._attempt(way, number)


def _copied(part: Any) -> Any:
    """What may be sent again must not change meanwhile."""
    if isinstance(part, PushPart) and part.values is not None:
        return part._replace(values=part.values.copy())
    return part


def _no_copy(number: int, part: Any) -> None:
    """Shards have no copies."""


def _at_once(number: int, act: Act) -> None:
    act()


def _nowhere() -> None:
    """Its target is not known yet."""
