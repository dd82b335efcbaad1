"""Pushes of a run in which processes have died, as those count them who have sent and who have applied them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hogwild.engines.ray.terms import Counted, Sent
from hogwild.server.seen import Life
from hogwild.traffic import FaultReport


def count(
    report: FaultReport, ended: Mapping[Life, Sent], killed: Mapping[Life, Sent], shards: Sequence[Counted]
) -> None:
    """Fill in what the report says of pushes. ended: what those processes of workers have sent that could say so;
    killed: what others had told last. Of those that had told nothing only the shards know.
    """
    told = {**killed, **ended}
    known = {life for shard in shards for life in shard.numbers}
    report.pushes = sum(sent.pushes for sent in ended.values())
    for life in (known | killed.keys()) - ended.keys():
        least = killed[life].pushes if life in killed else 0
        report.pushes += max(least, *(shard.numbers.get(life, 0) for shard in shards))
    report.acknowledged = sum(sent.traffic.staleness.total() for sent in told.values())
    report.applied = tuple(shard.pushes for shard in shards)
