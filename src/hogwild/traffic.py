"""What a run cost beside arithmetic: what was sent, how stale weights were, and who waited for whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, final

BYTE_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


@final
@dataclass(frozen=True)
class TrafficSummary:
    """`Traffic` in eight numbers. None: not measured; busy, waiting and virtual times are, on `Simulated` only."""

    sent_bytes: int
    messages: int
    mean_staleness: float | None
    max_staleness: int | None
    busy_s: float | None  # of all workers together
    waiting_s: float | None
    utilisation: float | None  # busy / (busy + waiting)
    virtual_s: float | None  # how long the run took by the virtual clock; None: there was none


@final
@dataclass
class FaultReport:
    """What went wrong in a run, and what was done about it: counts.

    pushes :  that workers have sent, each once however often it was sent again
    acknowledged : pushes of which the worker was told that they are applied
    applied : pushes that each shard has applied, as its own table says

    acknowledged <= applied <= pushes for each shard: none was lost, none applied twice; equal if no worker was lost and
    the run has come to its end. On `Simulated` and `Ray` only, and of what happened since the run last went on from a
    checkpoint.

    A process of a worker that was killed on `Ray` cannot say what it had sent: acknowledged are then those that it had
    reported, twice a second; and it counts for as many pushes as it has used numbers for, as far as shards know, which
    are those of its pushes and of its operations on the server. Each number is that of one message only, so that a
    push which is applied twice is one more than there are numbers.
    """

    lost_messages: int = 0
    sent_again: int = 0
    duplicates_dropped: int = 0
    workers_lost: int = 0
    workers_joined: int = 0  # or returned
    shards_replaced: int = 0  # by their copies
    portions_again: int = 0  # taken back from workers that were lost
    pushes: int = 0
    acknowledged: int = 0
    applied: tuple[int, ...] = ()
    shard_hosts_back: int = 0  # hosts of shards that died and came back

    def __add__(self, other: FaultReport) -> FaultReport:
        """Of two parts of one run; each shard belongs to one of them."""
        mine, others = vars(self), vars(other)
        return FaultReport(**{name: mine[name] + others[name] for name in mine})

    def describe(self) -> list[str]:
        """The same for people, a line each; nothing about what did not happen."""
        messages = [
            (self.lost_messages, f"{_counted(self.lost_messages, 'message')} lost"),
            (self.sent_again, f"{self.sent_again:,} sent again"),
            (self.duplicates_dropped, f"{_counted(self.duplicates_dropped, 'duplicate')} dropped"),
        ]
        hosts = [
            (self.workers_lost, f"{_counted(self.workers_lost, 'worker')} lost"),
            (self.workers_joined, f"{self.workers_joined:,} joined"),
            (self.shards_replaced, f"{_counted(self.shards_replaced, 'shard')} replaced by a copy"),
            (self.shard_hosts_back, f"{_counted(self.shard_hosts_back, 'host')} back"),
            (self.portions_again, f"{_counted(self.portions_again, 'portion')} taken back"),
        ]
        told = [", ".join(text for count, text in group if count) for group in (messages, hosts)]
        lines = [f"faults     {text}" for text in told if text]
        if self.pushes:
            applied = ", ".join(f"{count:,}" for count in self.applied)
            shards = f"applied by each shard: {applied}"
            lines.append(f"pushes     {self.pushes:,}, {self.acknowledged:,} acknowledged, {shards}")
        return lines


@final
@dataclass
class Traffic:
    """What was sent, how stale it was, and how long workers computed and waited. `a + b` merges parts of one run.

    staleness          : rounds or versions behind -> how often
    busy_s, waiting_s  : seconds by rank; both empty where nobody looked at a clock (on `Threads`)
    virtual_s          : how long the run took by the virtual clock; None where time is real
    faults             : what went wrong; None where nothing was to
    """

    sent_bytes: int = 0
    messages: int = 0
    staleness: Counter[int] = field(default_factory=Counter)
    busy_s: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    waiting_s: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    virtual_s: float | None = None
    faults: FaultReport | None = None

    def sent(self, n_bytes: int, messages: int = 1) -> None:
        """So many bytes went on their way."""
        self.sent_bytes += n_bytes
        self.messages += messages

    def stale(self, behind: int) -> None:
        """Something was so many rounds or versions behind. ValueError if it was ahead."""
        if not behind >= 0:
            raise ValueError(f"behind={behind!r} must be at least 0")
        self.staleness[int(behind)] += 1

    def busy(self, rank: int, seconds: float) -> None:
        """The worker computed. ValueError if that took less than no time."""
        self.busy_s[rank] += _seconds(seconds)

    def waiting(self, rank: int, seconds: float) -> None:
        """The worker waited. ValueError if that took less than no time."""
        self.waiting_s[rank] += _seconds(seconds)

    def __add__(self, other: Traffic) -> Traffic:
        """Both together; they ran at the same time, so the longer virtual time counts."""
        times = [part.virtual_s for part in (self, other) if part.virtual_s is not None]
        faults = self.faults or other.faults
        if self.faults and other.faults:
            faults = self.faults + other.faults
        return Traffic(
            self.sent_bytes + other.sent_bytes,
            self.messages + other.messages,
            self.staleness + other.staleness,
            _sum(self.busy_s, other.busy_s),
            _sum(self.waiting_s, other.waiting_s),
            max(times, default=None),
            faults,
        )

    def merge(self, other: Traffic) -> None:
        """The sum, in place."""
        vars(self).update(vars(self + other))

    @property
    def utilisation(self) -> float | None:
        """busy / (busy + waiting), over all workers; None if nobody was either."""
        return _share(sum(self.busy_s.values()), sum(self.waiting_s.values()))

    def summary(self) -> TrafficSummary:
        """The numbers that stay."""
        pushes, timed = self.staleness.total(), bool(self._ranks())
        return TrafficSummary(
            self.sent_bytes,
            self.messages,
            sum(behind * count for behind, count in self.staleness.items()) / pushes if pushes else None,
            max(self.staleness, default=None),
            sum(self.busy_s.values()) if timed else None,
            sum(self.waiting_s.values()) if timed else None,
            self.utilisation,
            self.virtual_s,
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the summary, the histogram {"3": 17} under "staleness", and each worker that was timed
        under "workers".
        """
        workers = [
            {"rank": rank, "busy_s": self.busy_s.get(rank, 0.0), "waiting_s": self.waiting_s.get(rank, 0.0)}
            for rank in self._ranks()
        ]
        staleness = {str(behind): self.staleness[behind] for behind in sorted(self.staleness)}
        faults = {} if self.faults is None else {"faults": asdict(self.faults)}
        return asdict(self.summary()) | {"staleness": staleness, "workers": workers} | faults

    @classmethod
    def of_dict(cls, stored: Mapping[str, Any]) -> Traffic:
        """What `as_dict` was made of."""
        traffic = cls(int(stored["sent_bytes"]), int(stored["messages"]), virtual_s=stored["virtual_s"])
        traffic.staleness.update({int(behind): int(times) for behind, times in stored["staleness"].items()})
        for worker in stored["workers"]:
            traffic.busy(int(worker["rank"]), worker["busy_s"])
            traffic.waiting(int(worker["rank"]), worker["waiting_s"])
        if "faults" in stored:
            traffic.faults = FaultReport(**{**stored["faults"], "applied": tuple(stored["faults"]["applied"])})
        return traffic

    def describe(self) -> list[str]:
        """The same for people, a line each; nothing about what was not measured."""
        found = self.summary()
        lines = [f"sent       {in_bytes(found.sent_bytes)} in {_counted(found.messages, 'message')}"]
        if found.mean_staleness is not None:
            often = _counted(self.staleness.total(), "time")
            lines.append(f"staleness  {found.mean_staleness:.3g} on average, at most {found.max_staleness:,} ({often})")
        if found.utilisation is not None:
            workers = f"workers    {found.utilisation:.1%} busy: {found.busy_s:.4g} s, waiting {found.waiting_s:.4g} s"
            shares = [(share, rank) for rank in self._ranks() if (share := self._utilisation(rank)) is not None]
            if len(shares) > 1:
                (least, idle), (most, keen) = min(shares), max(shares)
                workers += f"; from {least:.1%} (worker {idle}) to {most:.1%} (worker {keen})"
            lines.append(workers)
        if found.virtual_s is not None:
            lines.append(f"time       {found.virtual_s:.4g} s by the virtual clock")
        return lines if self.faults is None else lines + self.faults.describe()

    def _ranks(self) -> list[int]:
        return sorted(self.busy_s.keys() | self.waiting_s.keys())

    def _utilisation(self, rank: int) -> float | None:
        return _share(self.busy_s.get(rank, 0.0), self.waiting_s.get(rank, 0.0))


def _share(busy_s: float, waiting_s: float) -> float | None:
    return busy_s / (busy_s + waiting_s) if busy_s + waiting_s > 0 else None


def _seconds(seconds: float) -> float:
    if not seconds >= 0:
        raise ValueError(f"seconds={seconds!r} must be at least 0")
    return float(seconds)


def _sum(a: dict[int, float], b: dict[int, float]) -> defaultdict[int, float]:
    total: defaultdict[int, float] = defaultdict(float, a)
    for rank, seconds in b.items():
        total[rank] += seconds
    return total


def in_bytes(n_bytes: int) -> str:
    """For people: 12.5 MB."""
    if n_bytes < 1000:
        return _counted(n_bytes, "byte")
    power = min((len(str(n_bytes)) - 1) // 3, len(BYTE_UNITS) - 1)
    return f"{n_bytes / 1000**power:.4g} {BYTE_UNITS[power]}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")
