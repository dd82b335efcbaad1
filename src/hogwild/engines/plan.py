"""A plan of faults, and whether it makes sense."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple, final

from hogwild.engines.faults import Fault
from hogwild.limits import check_positive

RETRY_LATENCIES = 10.0  # how long a sender waits for a sign, in latencies,
LEAST_RETRY_S = 1e-4  # and at least
DETECT_RETRIES = 10.0  # how long until a host that is silent is given up, in these


class Change(NamedTuple):
    """A worker comes or goes."""

    time_s: float
    worker: int
    comes: bool
    fault: Fault


@final
@dataclass(frozen=True)
class Faults:
    """All that goes wrong in a run; what `Simulated(faults=...)` makes of a tuple of `Fault`s.

    faults :    in any order
    detect_s :  virtual seconds from the death of a host until the others know of it (the time of a lease); None: ten
                times `retry_s`
    retry_s :   how long a sender waits beyond the time that a message takes until it sends it again, then twice as
                long each time, up to 32 times; None: ten latencies, and at least 0.1 ms
    replicate : does each shard keep a copy on a second host, and acknowledge a push when both have it? Always, if the
                host of a shard dies in the plan

    ValueError for faults that do not go together: a worker that dies twice, or nobody left.
    """

    faults: tuple[Fault, ...] = ()
    detect_s: float | None = None
    retry_s: float | None = None
    replicate: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.faults, list):
            object.__setattr__(self, "faults", tuple(self.faults))
        if not (isinstance(self.faults, tuple) and all(isinstance(fault, Fault) for fault in self.faults)):
            raise TypeError(
                f"faults={self.faults!r} must be a tuple of faults such as (Fault.kill(worker=3, at_s=1.5),)"
            )
        if not isinstance(self.replicate, bool):
            raise TypeError(f"replicate={self.replicate!r} must be True or False")
        if len(self.of_kind("reorder")) > 1:
            raise ValueError("a plan has one Fault.reorder() at most: messages are late by one and the same time")
        for name in ("detect_s", "retry_s"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name), " of virtual seconds, or None")
        for worker in {change.worker for change in self.changes()}:
            self._check_life(worker)

    def __bool__(self) -> bool:
        return bool(self.faults) or self.replicate

    def of_kind(self, *kinds: str) -> list[Fault]:
        """The faults of these kinds, in order of time."""
        found = [fault for fault in self.faults if fault.kind in kinds]
        return sorted(found, key=lambda fault: (fault.from_s, fault.workers, fault.shards))

    @property
    def kills_shards(self) -> bool:
        """Does the host of a shard die?"""
        return any(fault.shards for fault in self.of_kind("kill"))

    def absent(self) -> set[int]:
        """The workers that are not there at the beginning."""
        return {fault.workers[0] for fault in self.of_kind("join")}

    def takes_away(self) -> Fault | None:
        """One after which a worker never comes back; None if there is none."""
        last = {change.worker: change for change in self.changes()}
        return next((change.fault for change in last.values() if not change.comes), None)

    def changes(self) -> Iterator[Change]:
        """Who comes and goes, in order of time."""
        found = []
        for fault in self.of_kind("kill", "join", "leave"):
            for worker in fault.workers:
                found.append(Change(fault.from_s, worker, fault.kind == "join", fault))
                if fault.to_s < inf:
                    found.append(Change(fault.to_s, worker, True, fault))
        return iter(sorted(found, key=lambda change: (change.time_s, change.worker, change.comes)))

    # ----------------------------------------------------------------------------------------------------- checks

    def _check_life(self, worker: int) -> None:
        """One worker comes and goes in turn; who has left, or died for good, does not come back."""
        there, ended, before = worker not in self.absent(), "", 0.0
        for change in self.changes():
            if change.worker != worker:
                continue
            if ended:
                raise ValueError(
                    f"{change.fault!r}: worker {worker} has {ended} at {before:g} s, and is not there then"
                )
            if change.comes == there:
                state = "is there already" if there else "is not there"
                raise ValueError(f"{change.fault!r}: worker {worker} {state} at {change.time_s:g} s")
            there, before = change.comes, change.time_s
            if not there and change.fault.kind == "leave":
                ended = "left"
            elif not there and change.fault.to_s == inf:
                ended = "died"

    def check(self, workers: int, shards: int, detect_s: float) -> None:
        """ValueError if this plan is none for so many workers and shards."""
        for fault in self.faults:
            for name, numbers, count in (("worker", fault.workers, workers), ("shard", fault.shards, shards)):
                missing = [number for number in numbers if number >= count]
                if missing:
                    known = f"there are {name}s 0 to {count - 1}" if count > 1 else f"there is only {name} 0"
                    raise ValueError(f"{fault!r} names {name} {missing[0]}, which is not there: {known}")
        there = set(range(workers)) - self.absent()
        if not there:
            raise ValueError("all workers join later: one at least must be there from the beginning")
        for change in self.changes():
            there = there | {change.worker} if change.comes else there - {change.worker}
            if not there:
                raise ValueError(
                    f"{change.fault!r} leaves no worker at {change.time_s:g} s, and all that was learnt is lost: let "
                    "one live"
                )
        self._check_shards(detect_s)

    def _check_shards(self, detect_s: float) -> None:
        last: dict[int, float] = {}
        for fault in self.of_kind("kill"):
            for shard in fault.shards:
                if fault.from_s <= last.get(shard, -inf):
                    raise ValueError(
                        f"{fault!r} kills both copies of shard {shard}: the first death is known, and another copy "
                        f"made, only after detect_s={detect_s:g} s"
                    )
                last[shard] = min(fault.from_s + detect_s, fault.to_s)  # who comes back says that it was dead

    # ---------------------------------------------------------------------------------------------------- numbers

    def patience_s(self, latency_s: float) -> float:
        """`retry_s`, or its default."""
        return max(RETRY_LATENCIES * latency_s, LEAST_RETRY_S) if self.retry_s is None else float(self.retry_s)

    def lease_s(self, latency_s: float) -> float:
        """`detect_s`, or its default."""
        return DETECT_RETRIES * self.patience_s(latency_s) if self.detect_s is None else float(self.detect_s)


def as_plan(faults: Any) -> Faults:
    """The plan itself, or one of these faults."""
    if isinstance(faults, Faults):
        return faults
    return Faults(tuple(faults) if isinstance(faults, list) else faults)
