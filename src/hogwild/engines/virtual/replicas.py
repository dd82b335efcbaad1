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
class _Chain:
    """The two hosts of a shard."""

    __slots__ = ("backup", "complete", "confirmed", "copy", "dead", "primary", "told", "waiting")

    def __init__(self, primary: Host, backup: Host, copy: Shard, *, complete: bool) -> None:
        self.primary, self.backup, self.copy, self.dead = primary, backup, copy, False
        self.complete = complete  # does the copy have all that came before it was made?
        self.told, self.confirmed = 0, 0  # messages to the copy, and how many it has confirmed
        self.waiting: deque[tuple[int, Act]] = deque()  # answers, and how much must be confirmed before


@final
class Replicas:
    """The copies of all shards."""

    def __init__(self, servers: Servers, calls: Retrying, network: Unreliable) -> None:
        self._servers, self._calls, self._network = servers, calls, network
        self._chains = [
            _Chain(("shard", number), ("backup", number), servers.new_shard(number), complete=True)
            for number in range(len(servers.shards))
        ]
        self._hosts = len(self._chains)  # of backups, so far
        calls.mutated, calls.when_safe = self.mutated, self.when_safe

    def copy(self, number: int) -> Shard:
        """The copy of this shard, which lags behind by what is on its way."""
        return self._chains[number].copy

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
        self._network.send(chain.primary, chain.backup, n_bytes, partial(self._apply, chain, apply))

    def _apply(self, chain: _Chain, apply: Callable[[Shard], object]) -> None:
        apply(chain.copy)
        self._network.send(chain.backup, chain.primary, HEADER_BYTES, partial(self._confirm, chain))

    def _confirm(self, chain: _Chain) -> None:
        chain.confirmed += 1
        while chain.waiting and chain.waiting[0][0] <= chain.confirmed:
            chain.waiting.popleft()[1]()

    def when_safe(self, number: int, act: Act) -> None:
        """Call it when the copy knows all that it was told until now."""
        chain = self._chains[number]
        if chain.told == chain.confirmed:
            act()
        else:
            chain.waiting.append((chain.told, act))

    # -------------------------------------------------------------------------------------------------------- deaths

    def kill(self, number: int) -> None:
        """The host of the primary dies; nobody knows yet. ShardLost if its copy is not complete."""
        chain = self._chains[number]
        if chain.dead or not chain.complete:
            raise ShardLost(
                f"both hosts of shard {number} are dead, and its weights are lost: let them die further apart than it "
                "takes to notice the first death and to copy the shard"
            )
        chain.dead = True
        chain.waiting.clear()
        self._network.mail.die(chain.primary)
        self._network.undetected.add(chain.primary)
        self._servers.move(number, chain.copy)

    def take_over(self, number: int) -> None:
        """All know of it: the backup is the primary now, and makes another copy, on a new host."""
        old = self._chains[number]
        self._network.forget(old.primary)
        host: Host = ("backup", self._hosts)
        self._hosts += 1
        chain = self._chains[number] = _Chain(old.backup, host, self._servers.new_shard(number), complete=False)
        snapshot = old.copy.snapshot()

        def restore(shard: Shard) -> None:
            shard.restore(snapshot)
            chain.complete = True

        self._tell(chain, HEADER_BYTES + sum(array.nbytes for array in snapshot.values()), restore)
        self._network.mail.report.shards_replaced += 1
        self._calls.replaced(number, chain.primary)
