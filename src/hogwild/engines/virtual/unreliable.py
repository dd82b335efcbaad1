"""Messages between workers on a network that loses some: numbered, told to have arrived, and sent again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf
from typing import final

from hogwild.engines.transport import HEADER_BYTES, AbstractTransport, Act, Host, nothing
from hogwild.engines.virtual.agenda import Agenda
from hogwild.engines.virtual.links import Links
from hogwild.engines.virtual.mail import Letter, Mail, never
from hogwild.engines.virtual.retrying import Retrying


@final
class _Channel:
    """Messages of one host to another: which have arrived."""

    __slots__ = ("held", "next", "pending", "sent")

    def __init__(self) -> None:
        self.sent, self.next = 0, 0  # the next to be sent, and to be delivered
        self.held: dict[int, Act] = {}  # those that have overtaken others
        self.pending: dict[int, Act] = {}  # those not delivered, and what to do when they are lost


_Channels = dict[tuple[Host, Host], _Channel]


@final
class Unreliable(AbstractTransport):
    """See `Faults`. It is told who has died (`Mail`), and when all know (`forget`)."""

    def __init__(self, agenda: Agenda, links: Links, mail: Mail, requests: Retrying) -> None:
        self._agenda, self._links, self.mail, self.requests = agenda, links, mail, requests
        self._channels: _Channels = {}
        self._posts: _Channels = {}
        self.undetected: set[Host] = set()  # who is dead, and nobody knows

    def calls(self, workers: int, shards: int) -> Retrying:
        return self.requests

    def forget(self, host: Host) -> None:
        """All know that it is dead: what was on its way from it or to it is not delivered any more."""
        self.undetected.discard(host)
        for channels in (self._channels, self._posts):
            for way in [way for way in channels if host in way]:
                channel = channels.pop(way)
                pending, channel.pending = channel.pending, {}
                for lost in pending.values():
                    lost()

    # ------------------------------------------------------------------------------------------------ once, in order

    def send(self, source: Host, target: Host, n_bytes: int, deliver: Act, lost: Act = nothing) -> None:
        if source == target:
            deliver()
            return
        channel, number = _number(self._channels, source, target, lost)
        letter = Letter(source, target, n_bytes, nothing)
        letter.arrived = partial(self._receive, channel, number, deliver, letter)
        letter.again = partial(self._send_again, channel, letter)
        self.mail.transmit(letter)

    def _send_again(self, channel: _Channel, letter: Letter) -> None:
        if self._channels.get((letter.source, letter.target)) is channel:
            self.mail.transmit(letter)

    def _receive(self, channel: _Channel, number: int, deliver: Act, letter: Letter) -> None:
        """Deliver it, and those that waited for it; tell its sender, who sends it again if that is lost."""
        if self._channels.get((letter.source, letter.target)) is not channel:
            return
        if number not in channel.pending or number in channel.held:
            self.mail.report.duplicates_dropped += 1
        else:
            channel.held[number] = deliver
        told = Letter(letter.target, letter.source, HEADER_BYTES, nothing, letter.again)
        self.mail.transmit(told)
        while channel.next in channel.held:
            act = channel.held.pop(channel.next)
            del channel.pending[channel.next]
            channel.next += 1
            act()

    # ------------------------------------------------------------------------------------------------ the newest only

    def post(self, source: Host, target: Host, n_bytes: int, deliver: Act, lost: Act = nothing) -> None:
        if source == target:
            deliver()
            return
        channel, number = _number(self._posts, source, target, lost)
        arrived = partial(self._receive_post, channel, number, deliver)
        self.mail.transmit(Letter(source, target, n_bytes, arrived, partial(self._lose_post, channel, number)))

    def _receive_post(self, channel: _Channel, number: int, deliver: Act) -> None:
        lost = channel.pending.pop(number, None)
        if lost is None:
            self.mail.report.duplicates_dropped += 1
        elif number < channel.next:  # overtaken by newer ones
            lost()
        else:
            channel.next = number + 1
            deliver()

    def _lose_post(self, channel: _Channel, number: int) -> None:
        channel.pending.pop(number, nothing)()

    def when_left(self, act: Act) -> None:
        self._agenda.at(max(self._agenda.now, self._links.left), act)

    # --------------------------------------------------------------------------------------------------------- sums

    def exchange(self, ranks: Sequence[int], n_bytes: int, deliver: Act) -> None:
        if not ranks:
            return
        hosts: list[Host] = [("worker", rank) for rank in ranks]
        now, stages = self._agenda.now, 2 * (len(hosts) - 1).bit_length()
        arrival_s = self._links.all_reduce(hosts, n_bytes, now)
        arrival_s += sum(self.mail.stage_s(len(hosts)) for _ in range(stages))
        self._agenda.at(arrival_s, partial(self._finish, hosts, deliver, now))

    def _finish(self, hosts: list[Host], deliver: Act, since_s: float) -> None:
        """The sum is there, unless it has to wait: for who is cut off, and until it is known who is dead."""
        now, mail = self._agenda.now, self.mail
        present = [host for host in hosts if not mail.is_dead(host)]
        healed_s, other = max(((mail.healed_s(host, present[0]), host) for host in present), default=(now, hosts[0]))
        if healed_s > now or not self.undetected.isdisjoint(hosts):
            if healed_s == inf and now - since_s > mail.lease_s:
                raise never(other, present[0], since_s)
            again_s = healed_s if now < healed_s < inf else now
            self._agenda.at(again_s + mail.retry_s, partial(self._finish, hosts, deliver, since_s))
        else:
            deliver()


def _number(channels: _Channels, source: Host, target: Host, lost: Act) -> tuple[_Channel, int]:
    """The channel from the one to the other, and the next number there."""
    channel = channels.setdefault((source, target), _Channel())
    number = channel.sent
    channel.sent += 1
    channel.pending[number] = lost
    return channel, number
