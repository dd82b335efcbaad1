"""What workers, shards and the driver ask the conductor about the shards: each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from hogwild.engines.council import Council
from hogwild.engines.ray.away import Away
from hogwild.engines.ray.signs import Signs
from hogwild.engines.ray.succession import Wanted, Who
from hogwild.engines.ray.terms import ActorLost, Key, Over, Parked, View
from hogwild.traffic import FaultReport, Traffic


@final
class Enquiries:
    """Of one run with a server.

    fail : of the conductor: the run ends with this error
    released : of a worker, its number for a pull that it has started, and whether that has come to what it waited for
    """

    def __init__(
        self,
        away: Away,
        council: Council,
        traffic: Traffic,
        fail: Callable[[BaseException], None],
        released: Callable[[int, int, bool], None],
    ) -> None:
        self._away, self._council, self._traffic = away, council, traffic
        self._fail, self._released = fail, released
        away.posts.moved = self.moved
        self._signs = Signs(away.posts.actors, self._died) if away.posts.backed else None

    def ready(self, shard: int, key: Key) -> None:
        """The shard can answer a pull that has waited."""
        with self._council.lock:
            self._away.ready(shard, key)

    def park(self, rank: int, parked: Parked) -> None:
        """A pull that the worker has started waits; it is told when it need not any longer."""
        with self._council.lock:
            self._away.ask(rank, parked, lambda met: self._released(rank, parked.number, met))

    def lost(self, shard: int, life: int, why: str, *, dead: bool) -> View | Over:
        """See `Succession.lost`."""
        if self._council.aborted:
            return Over()
        try:
            return self._away.posts.lost(shard, life, why, dead=dead)
        except ActorLost as error:
            self._fail(error)
            return Over()

    def moved(self, shard: int) -> None:
        """Another actor leads this shard."""
        with self._council.lock:
            report = self._traffic.faults = self._traffic.faults or FaultReport()
            report.shards_replaced += 1
            self._away.moved(shard)

    def _died(self, who: Who, why: str) -> None:
        shard, life, copy = who
        if copy is None:
            self.lost(shard, life, why, dead=True)
        else:
            self.lost_copy(shard, life, copy, why)

    def lost_copy(self, shard: int, life: int, copy: int, why: str) -> bool:
        """See `Succession.lost_copy`."""
        return self._away.posts.lost_copy(shard, life, copy, why)

    def wanted(self) -> Wanted | None:
        """See `Succession.wanted`."""
        return self._away.posts.wanted()

    def copy(self, shard: int, actor: Any) -> None:
        """See `Succession.copy`."""
        self._away.posts.copy(shard, actor)

    def end(self) -> None:
        """The run is over."""
        if self._signs is not None:
            self._signs.end()
        self._away.posts.end()
