"""The network: when does a message arrive?

Every host has a link to and a link from one switch that is never in the way. A link carries one message at a time, so
that a host which all others talk to becomes the bottleneck, as it does in life.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nextafter
from typing import final

from hogwild.limits import is_number
from hogwild.traffic import Traffic

Host = Hashable  # 3, ("worker", 3), ("shard", 0)

FEW = 64  # so many times, or twice as many as mattered, are kept before it is asked which of them still matter


@final
@dataclass(frozen=True)
class Link:
    """The link of one machine, in each direction: see `Simulated`. None: as those of the others. Of two machines the
    larger latency counts, and the smaller bandwidth.

    ValueError for a latency that is negative or infinite, or a bandwidth that is not positive (`math.inf`: no limit).
    """

    latency_s: float | None = None
    bandwidth_bytes_s: float | None = None

    def __post_init__(self) -> None:
        if self.latency_s is not None:
            _latency(self.latency_s)
        if self.bandwidth_bytes_s is not None:
            _bandwidth(self.bandwidth_bytes_s)


@final
class Links:
    """The links of all hosts, which are known as soon as they are named.

    latency_s          : from when a byte leaves its source until it is at its target
    bandwidth_bytes_s  : of each link, in each direction; `math.inf` for no limit
    others             : other links, by host
    """

    def __init__(
        self, latency_s: float = 0.0, bandwidth_bytes_s: float = inf, others: Mapping[Host, Link] | None = None
    ) -> None:
        self._latency_s, self._bandwidth = _latency(latency_s), _bandwidth(bandwidth_bytes_s)
        self._others = dict(others or {})
        self._ends: dict[Host, _End] = {}
        self._now = 0.0
        self.left = 0.0  # when the last byte of the newest message leaves its source
        self.traffic = Traffic()  # of the run: what all hosts send is counted there

    def arrival(self, source: Host, target: Host, n_bytes: int, now: float) -> float:
        """Send a message now. Returns the time when all of it has arrived: without others in the way

            now + latency + n_bytes / the smaller bandwidth.

        It takes the uplink of its source for n_bytes / bandwidth seconds as soon as that is free, and the downlink of
        its target likewise, but not before it gets there: who is sent first goes first, unless it comes from afar and
        leaves time for others. Messages from one host to another arrive in the order they were sent, and never at the
        same time. A message to oneself costs nothing and is not counted. ValueError if time runs backwards, or
        n_bytes is negative.
        """
        if not (self._now <= now < inf and n_bytes >= 0):
            raise self._unsound(n_bytes, now)
        self._now = now
        if source == target:
            return now
        sender = self._ends.get(source) or self._connect(source)
        receiver = self._ends.get(target) or self._connect(target)
        up, down = sender.up, receiver.down
        self.traffic.sent(n_bytes)
        sending, receiving = n_bytes / up.bandwidth, n_bytes / down.bandwidth
        left = up.occupy(now, sending, now)
        self.left = left + sending
        # The first byte is there after the latency. A downlink that is faster than the uplink waits until it can take
        # the message in one go, and serves others meanwhile.
        ready = left + (sender.latency_s if sender.latency_s > receiver.latency_s else receiver.latency_s)
        if sending > receiving:
            ready += sending - receiving
        last = receiver.last
        before = last.get(source, -1.0)
        arrival = down.occupy(ready if ready > before else before, receiving, now) + receiving
        if arrival <= before:  # a link without limits: events at equal times may run in any order
            arrival = nextafter(before, inf)
        last[source] = arrival
        if len(last) > receiver.many:
            receiver.forget(now)
        return arrival

    def all_reduce(self, hosts: Sequence[Host], n_bytes: int, now: float) -> float:
        """Add vectors of n_bytes, one of each host. Returns the time when all of them have the sum: with P free hosts

            now + 2 (P - 1) / P * n_bytes / the smallest bandwidth + 2 ceil(log2 P) * the largest latency,

        a reduce-scatter and an all-gather (Rabenseifner's; Thakur, Rabenseifner and Gropp 2005). Their cost is for P a
        power of two, and has the time of the additions, too, which is left out here. It begins when all links of all
        hosts are free at once, and takes them as long as the bytes need at the pace of the slowest. Counted are
        2 ceil(log2 P) messages of each host. ValueError if hosts are missing or named twice, or as in `arrival`.
        """
        if not (self._now <= now < inf and n_bytes >= 0):
            raise self._unsound(n_bytes, now)
        self._now = now
        size = len(hosts)
        if size == 0 or len(set(hosts)) < size:
            raise ValueError(f"hosts={hosts!r} must name one host at least, and none twice")
        if size == 1:
            return now
        ends = [self._ends.get(host) or self._connect(host) for host in hosts]
        links = [link for end in ends for link in (end.up, end.down)]
        stages = 2 * (size - 1).bit_length()  # 2 ceil(log2 size)
        self.traffic.sent(2 * (size - 1) * n_bytes, stages * size)
        length = 2 * (size - 1) / size * n_bytes / min(link.bandwidth for link in links)
        begin, later = now, max(link.fit(now, length) for link in links)
        while later > begin:
            begin, later = later, max(link.fit(later, length) for link in links)
        for link in links:
            link.take(begin, length, now)
        return begin + length + stages * max(end.latency_s for end in ends)

    def slow(self, host: Host, factor: float) -> None:
        """What is sent to the host, or by it, from now on takes it `factor` times as long as by its link: latency and
        bytes.
        """
        end = self._ends.get(host) or self._connect(host)
        latency_s, bandwidth = self._link(host)
        end.latency_s = latency_s * factor
        end.up.bandwidth = end.down.bandwidth = bandwidth / factor

    def _link(self, host: Host) -> tuple[float, float]:
        """Latency and bandwidth of the host's link."""
        latency_s, bandwidth = self._latency_s, self._bandwidth
        if host in self._others:
            other = self._others[host]
            latency_s = latency_s if other.latency_s is None else float(other.latency_s)
            bandwidth = bandwidth if other.bandwidth_bytes_s is None else float(other.bandwidth_bytes_s)
        return latency_s, bandwidth

    def _connect(self, host: Host) -> _End:
        self._ends[host] = end = _End(*self._link(host))
        return end

    def _unsound(self, n_bytes: int, now: float) -> ValueError:
        if not n_bytes >= 0:
            return ValueError(f"n_bytes={n_bytes!r} must be at least 0")
        return ValueError(f"now={now!r} must be a finite time that is not before the last sending, {self._now!r}")


@final
class _Line:
    """One direction of a host's connection: when it is taken, as intervals in order that do not touch.

    The last one is `begin` .. `end`; those before it are remembered for what gets there earlier and may find a place
    between them, and forgotten some time after they are over (see FEW).
    """

    __slots__ = ("bandwidth", "begin", "begins", "end", "ends", "many")

    def __init__(self, bandwidth: float) -> None:
        self.bandwidth = bandwidth
        self.begin = self.end = -1.0
        self.begins: list[float] = []
        self.ends: list[float] = []
        self.many = FEW

    def occupy(self, ready: float, length: float, now: float) -> float:
        """Take the link as soon as it is free from `ready` on: when? Forgets what is over `now`, if there is much."""
        last = self.end
        if ready > last:
            if last > now:
                self._remember(now)
            elif self.ends:
                self.begins.clear()
                self.ends.clear()
            self.begin, self.end = ready, ready + length
            return ready
        if ready >= self.begin:  # a queue is one interval, however long: who joins it need not walk along it
            self.end = last + length
            return last
        begin = self.fit(ready, length)
        self.take(begin, length, now)
        return begin

    def _remember(self, now: float) -> None:
        """The last interval will be followed by another. Forgets what is over `now`, if there is much."""
        if self.end > self.begin:
            self.begins.append(self.begin)
            self.ends.append(self.end)
            if len(self.ends) > self.many:
                over = bisect_right(self.ends, now)
                del self.begins[:over], self.ends[:over]
                self.many = max(FEW, 2 * len(self.ends))

    def fit(self, ready: float, length: float) -> float:
        """The first time from `ready` on when the link is free for so many seconds."""
        begins, ends = self.begins, self.ends
        at = bisect_right(ends, ready)
        while at < len(ends) and (begins[at] <= ready or begins[at] < ready + length):  # a length of 0 waits, too
            ready = ends[at]
            at += 1
        in_the_way = ready < self.end > self.begin and (self.begin <= ready or self.begin < ready + length)
        return self.end if in_the_way else ready

    def take(self, begin: float, length: float, now: float) -> None:
        """Take the link from `begin` on, where it is free. Forgets what is over `now`, if there is much."""
        end = begin + length
        if end == begin:
            return
        self._remember(now)
        begins, ends = self.begins, self.ends
        at = bisect_left(begins, begin)
        if at > 0 and ends[at - 1] == begin:
            at -= 1
            begin = begins.pop(at)
            del ends[at]
        if at < len(begins) and begins[at] == end:
            end = ends.pop(at)
            del begins[at]
        begins.insert(at, begin)
        ends.insert(at, end)
        self.begin, self.end = begins.pop(), ends.pop()


@final
class _End:
    """A host: its two links, and when what was sent to it arrives."""

    __slots__ = ("down", "last", "latency_s", "many", "up")

    def __init__(self, latency_s: float, bandwidth: float) -> None:
        self.latency_s = latency_s
        self.up, self.down = _Line(bandwidth), _Line(bandwidth)
        self.last: dict[Host, float] = {}  # when the last message of each sender arrives
        self.many = FEW

    def forget(self, now: float) -> None:
        """Forget the arrivals that later messages cannot overtake any more."""
        self.last = {host: time for host, time in self.last.items() if time >= now}
        self.many = max(FEW, 2 * len(self.last))


def _latency(value: float) -> float:
    if not (is_number(value) and 0 <= value < inf):
        raise ValueError(f"latency_s={value!r} must be a finite number of seconds, at least 0")
    return float(value)


def _bandwidth(value: float) -> float:
    if not (is_number(value) and value > 0):
        raise ValueError(
            f"bandwidth_bytes_s={value!r} must be a positive number of bytes a second, or math.inf for no limit"
        )
    return float(value)
