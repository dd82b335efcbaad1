"""Shards with a copy each, on a host of its own: a push is acknowledged when both have applied it.

Primary and backup (a chain of two): the primary applies what it is sent and hands it on, in that order, so that both
are equal bit for bit; pulls, too, if the server's rule remembers them. It answers when the copy knows all that the
answer was made of, and what is remembered of it: so nothing that a worker was told can be lost with one host.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, final

from hogwild.engines.servers import Servers
from hogwild.engines.transport import HEADER_BYTES, Act, Host
from hogwild.engines.virtual.retrying import Retrying
from hogwild.engines.virtual.unreliable import Unreliable
from hogwild.server import PullPart, PushPart, Shard


class ShardLost(RuntimeError):
    """Both hosts of a shard are dead, and with them its weights."""


@final
class _Copy:
    """A host that is told all that a shard is, and what happens to it from then on."""

    __slots__ = ("complete", "confirmed", "host", "shard", "since")

    def __init__(self, host: Host, shard: Shard, since: int, confirmed: int) -> None:
        self.host, self.shard = host, shard
        self.since, self.confirmed = since, confirmed  # places among the messages of the chain
        self.complete = confirmed >= since  # has it all that came before it was made?

    @property
    def ready(self) -> bool:
        """Does the primary know that it is complete?"""
        return self.confirmed >= self.since


@final
class _Chain:
    """The hosts of a shard: that of the primary, and as a rule one more."""

    __slots__ = ("copies", "heir", "number", "primary", "released", "spare", "told", "waiting")

    def __init__(self, number: int, primary: Host) -> None:
        self.number, self.primary = number, primary
        self.copies: list[_Copy] = []  # two, while the newer one catches up
        self.heir: _Copy | None = None  # the primary is dead: who takes its place
        self.spare: list[Host] = []  # hosts that came back meanwhile
        self.told = 0  # messages to copies
        self.waiting: deque[tuple[int, Act]] = deque()  # answers, and how much must be confirmed before
        self.released = -1  # the most that an answer which was sent depended on

    @property
    def safe(self) -> int:
        """So many messages are known to all complete copies."""
        return min((copy.confirmed for copy in self.copies if copy.ready), default=-1)


@final
class Replicas:
    """The copies of all shards."""

    def __init__(self, servers: Servers, calls: Retrying, network: Unreliable) -> None:
        self._servers, self._calls, self._network = servers, calls, network
        self._chains = [_Chain(number, ("shard", number)) for number in range(len(servers.shards))]
        self._hosts = len(self._chains)  # of backups, so far
        for chain in self._chains:
            chain.copies.append(_Copy(("backup", chain.number), servers.new_shard(chain.number), 0, 0))
        calls.mutated, calls.when_safe = self.mutated, self.when_safe

    def copy(self, number: int) -> tuple[Host, Shard]:
        """The newest copy of this shard, which lags behind by what is on its way, and where it is."""
        copy = self._chains[number].copies[-1]
        return copy.host, copy.shard

    def mutated(self, number: int, part: Any) -> None:
        """The primary has applied it, or remembers it: now the copy."""
        chain, n_bytes = self._chains[number], part.n_bytes
        if isinstance(part, PushPart):
            self._tell(chain, n_bytes, lambda shard: shard.push(part))
        elif isinstance(part, PullPart):  # its weights are the same here
            self._tell(chain, n_bytes, lambda shard: shard.pull(part.keys, part.worker))
        else:
            self._tell(chain, n_bytes, lambda shard: shard.operate(part.op, part.sender))

    def admitted(self, rank: int, clock: int) -> None:
        """A worker was let in: see `Shard.admit`."""
        for chain in self._chains:
            self._tell(chain, HEADER_BYTES, lambda shard: shard.admit(rank, clock))

    def _tell(self, chain: _Chain, n_bytes: int, apply: Callable[[Shard], object]) -> None:
        chain.told += 1
        for copy in chain.copies:
            self._send(chain, copy, n_bytes, apply)

    def _send(self, chain: _Chain, copy: _Copy, n_bytes: int, apply: Callable[[Shard], object]) -> None:
        self._network.send(chain.primary, copy.host, n_bytes, partial(self._apply, chain, copy, apply))

    def _apply(self, chain: _Chain, copy: _Copy, apply: Callable[[Shard], object]) -> None:
        apply(copy.shard)
        self._network.send(copy.host, chain.primary, HEADER_BYTES, partial(self._confirm, chain, copy))

    def _confirm(self, chain: _Chain, copy: _Copy) -> None:
        copy.confirmed += 1
        # Once the newest knows all that workers depend on, no other is needed.
        if copy is chain.copies[-1] and copy.confirmed >= chain.released:
            for older in chain.copies[:-1]:
                self._network.forget(older.host)
            chain.copies = [copy]
        while chain.waiting and chain.waiting[0][0] <= chain.safe:
            chain.released, act = chain.waiting.popleft()
            act()

    def when_safe(self, number: int, act: Act) -> None:
        """Call it when the copy knows all that it was told until now."""
        chain = self._chains[number]
        if chain.told <= chain.safe:
            chain.released = chain.told
            act()
        else:
            chain.waiting.append((chain.told, act))

    def _copy_to(self, chain: _Chain, host: Host) -> None:
        """Another copy: the host is sent all that the shard is now, and then what happens."""
        number = chain.number
        snapshot = self._servers.shards[number].snapshot()
        copy = _Copy(host, self._servers.new_shard(number), chain.told, chain.told - 1)
        chain.copies.append(copy)

        def restore(shard: Shard) -> None:
            shard.restore(snapshot)
            copy.complete = True

        self._send(chain, copy, HEADER_BYTES + sum(array.nbytes for array in snapshot.values()), restore)

    # ---------------------------------------------------------------------------------------------- who comes and goes

    def kill(self, number: int) -> tuple[Host, Callable[[], None]]:
        """The host of the primary dies; nobody knows yet. Returns which it was, and what to call when all know.
        ShardLost if there is no complete copy.
        """
        chain = self._chains[number]
        heir = next((copy for copy in chain.copies if copy.complete), None)
        if chain.heir is not None or heir is None:
            raise ShardLost(
                f"both hosts of shard {number} are dead, and its weights are lost: let them die further apart than it "
                "takes to notice the first death and to copy the shard"
            )
        chain.heir = heir
        chain.waiting.clear()
        self._network.mail.die(chain.primary)
        self._network.undetected.add(chain.primary)
        self._servers.move(number, heir.shard)
        return chain.primary, partial(self._take_over, chain)

    def _take_over(self, old: _Chain) -> None:
        """The backup is the primary now, and makes another copy: on a host that waits for one, or on a new one."""
        number, heir = old.number, old.heir
        if heir is None or self._chains[number] is not old:  # known already
            return
        self._network.forget(old.primary)
        idle = [copy.host for copy in old.copies if copy is not heir] + old.spare
        if not idle:
            idle = [("backup", self._hosts)]
            self._hosts += 1
        self._chains[number] = chain = _Chain(number, heir.host)
        self._copy_to(chain, idle[-1])
        self._network.mail.report.shards_replaced += 1
        self._calls.replaced(number, heir.host)

    def come_back(self, number: int, host: Host) -> None:
        """A host that had died is there again, with nothing on it. Who did not know of its death does now."""
        chain = self._chains[number]
        self._network.mail.rise(host)
        self._network.mail.report.shard_hosts_back += 1
        if chain.heir is None:
            self._copy_to(chain, host)
            return
        chain.spare.append(host)
        if chain.primary == host:
            self._take_over(chain)
