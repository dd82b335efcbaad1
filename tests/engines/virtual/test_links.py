"""Messages against an exact model of the same network, and against what no network can do."""

import math
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.engines.virtual.links import FEW, Link, Links, _Line

TICK = 2.0**-10  # all times are multiples of it, so that floats are exact and equal means equal
HOSTS = [("worker", 0), ("worker", 1), ("shard", 0), 3]

ticks = st.integers(0, 40).map(lambda count: count * TICK)
bandwidths = st.sampled_from([2.0**8, 2.0**10, 2.0**12])
hosts = st.sampled_from(HOSTS)
# (source, target, bytes, time since the message before)
messages = st.lists(st.tuples(hosts, hosts, st.integers(0, 40).map(lambda count: 4 * count), ticks), max_size=30)
clusters = st.tuples(
    ticks, bandwidths, st.dictionaries(hosts, ticks, max_size=2), st.dictionaries(hosts, bandwidths, max_size=2)
)


def other(latencies, bandwidths) -> dict:
    """Links of some hosts, of which only this is not as elsewhere."""
    return {host: Link(latencies.get(host), bandwidths.get(host)) for host in [*latencies, *bandwidths]}


def built(cluster) -> Links:
    latency_s, bandwidth, latencies, others = cluster
    return Links(latency_s, bandwidth, other(latencies, others))


def sent(links: Links, messages) -> list[tuple]:
    """(source, target, bytes, when sent, when arrived) of those that go from one host to another."""
    now, done = 0.0, []
    for source, target, n_bytes, pause in messages:
        now += pause
        done.append((source, target, n_bytes, now, links.arrival(source, target, n_bytes, now)))
    return [each for each in done if each[0] != each[1]]


def latency(cluster, *hosts) -> float:
    return max(cluster[2].get(host, cluster[0]) for host in hosts)


def bandwidth(cluster, host) -> float:
    return cluster[3].get(host, cluster[1])


class Model:
    """The same network in exact numbers: links that forget nothing, and all gaps are tried."""

    def __init__(self, cluster) -> None:
        self.cluster = cluster
        self.taken: defaultdict[tuple, list[tuple[Fraction, Fraction]]] = defaultdict(list)
        self.last: dict[tuple, Fraction] = {}

    def free(self, links, ready: Fraction, length: Fraction) -> Fraction:
        """The first time from `ready` on when all these links are free for so long."""
        intervals = [each for link in links for each in self.taken[link]]
        return next(
            time
            for time in sorted({ready, *(end for _, end in intervals if end > ready)})
            if all(end <= time or time + length <= begin for begin, end in intervals)
        )

    def take(self, links, begin: Fraction, length: Fraction) -> None:
        for link in links if length else ():
            self.taken[link].append((begin, begin + length))

    def arrival(self, source, target, n_bytes: int, now: float) -> Fraction:
        sending, receiving = (n_bytes / Fraction(bandwidth(self.cluster, host)) for host in (source, target))
        left = self.free([(source, "up")], Fraction(now), sending)
        ready = left + Fraction(latency(self.cluster, source, target)) + max(Fraction(0), sending - receiving)
        begin = self.free([(target, "down")], max(ready, self.last.get((source, target), ready)), receiving)
        self.take([(source, "up")], left, sending)
        self.take([(target, "down")], begin, receiving)
        self.last[source, target] = begin + receiving
        return begin + receiving

    def all_reduce(self, hosts, n_bytes: int, now: float) -> Fraction:
        size, links = len(hosts), [(host, way) for host in hosts for way in ("up", "down")]
        slowest = Fraction(min(bandwidth(self.cluster, host) for host in hosts))
        length = Fraction(2 * (size - 1) * n_bytes, size) / slowest
        begin = self.free(links, Fraction(now), length)
        self.take(links, begin, length)
        return begin + length + 2 * math.ceil(math.log2(size)) * Fraction(latency(self.cluster, *hosts))


# ---------------------------------------------------------------------------------------------------- one message


@pytest.mark.parametrize("n_bytes", [0, 1, 1000])
def test_a_free_network_takes_latency_and_bytes(n_bytes):
    links = Links(0.5, 100.0)
    assert links.arrival(0, 1, n_bytes, 2.0) == 2.0 + 0.5 + n_bytes / 100


def test_the_slower_link_and_the_longer_way_count():
    links = Links(0.5, 128.0, other({"far": 8.0}, {"slow": 2.0}))
    assert links.arrival("a", "slow", 64, 0.0) == 0.5 + 32
    assert links.arrival("slow", "a", 64, 0.0) == 0.5 + 32
    assert links.arrival("far", "b", 64, 0.0) == 8.5
    assert links.arrival("b", "far", 64, 0.0) == 8.5


def test_by_default_the_network_costs_nothing():
    assert Links().arrival(0, 1, 10**12, 3.0) == 3.0


@given(clusters, hosts, st.integers(0, 10**9), ticks)
def test_a_message_to_oneself_costs_nothing_and_is_not_counted(cluster, host, n_bytes, now):
    links = built(cluster)
    assert links.arrival(host, host, n_bytes, now) == now
    assert (links.traffic.sent_bytes, links.traffic.messages) == (0, 0)


# ------------------------------------------------------------------------------------------------- many messages


@given(clusters, messages, st.sampled_from([HOSTS[:2], HOSTS]))
def test_arrivals_are_those_of_the_exact_model(cluster, messages, members):
    links, model, now = built(cluster), Model(cluster), 0.0
    for source, target, n_bytes, pause in messages:
        now += pause
        n_bytes += 4  # what has no bytes is put off by a moment where it would arrive together with another message
        if source == target:
            found, expected = (each.all_reduce(members, n_bytes, now) for each in (links, model))
        else:
            found, expected = (each.arrival(source, target, n_bytes, now) for each in (links, model))
        assert found == float(expected)


@given(clusters, messages)
def test_nothing_is_faster_than_a_free_network(cluster, messages):
    for source, target, n_bytes, now, arrival in sent(built(cluster), messages):
        slower = min(bandwidth(cluster, source), bandwidth(cluster, target))
        assert arrival >= now + latency(cluster, source, target) + n_bytes / slower


@given(clusters, messages)
def test_no_two_messages_overlap_on_a_downlink(cluster, messages):
    taken = defaultdict(list)
    for _, target, n_bytes, _, arrival in sent(built(cluster), [each for each in messages if each[2]]):
        taken[target].append((arrival - n_bytes / bandwidth(cluster, target), arrival))
    for intervals in taken.values():
        assert all(end <= begin for (_, end), (begin, _) in pairwise(sorted(intervals)))


@given(ticks, bandwidths, messages)
def test_no_two_messages_overlap_on_an_uplink(latency_s, bandwidth, messages):
    # Of hosts that only send to hosts with downlinks without limits: what arrives has just left.
    messages = [(("from", source), ("to", target), n_bytes, pause) for source, target, n_bytes, pause in messages]
    links = Links(latency_s, bandwidth, other({}, {("to", host): math.inf for host in HOSTS}))
    taken = defaultdict(list)
    for source, _, n_bytes, _, arrival in sent(links, [each for each in messages if each[2]]):
        left = arrival - latency_s
        taken[source].append((left - n_bytes / bandwidth, left))
    for intervals in taken.values():
        assert intervals == sorted(intervals)  # in order of sending
        assert all(end <= begin for (_, end), (begin, _) in pairwise(intervals))


@given(clusters, messages, st.booleans())
def test_messages_between_two_hosts_arrive_in_order_and_never_together(cluster, messages, limited):
    arrivals = defaultdict(list)
    for source, target, *_, arrival in sent(built(cluster) if limited else Links(cluster[0]), messages):
        arrivals[source, target].append(arrival)
    assert all(before < after for times in arrivals.values() for before, after in pairwise(times))


@given(clusters, messages)
def test_counters(cluster, messages):
    links = built(cluster)
    found = sent(links, messages)
    assert links.traffic.sent_bytes == sum(n_bytes for _, _, n_bytes, *_ in found)
    assert links.traffic.messages == len(found)


@pytest.mark.parametrize("k", [1, 2, 50])
def test_a_server_takes_k_times_as_long_for_k_senders(k):
    links = Links(0.25, 64.0)
    arrivals = [links.arrival(("worker", rank), ("shard", 0), 128, 1.0) for rank in range(k)]
    assert arrivals == [1.25 + 2.0 * (rank + 1) for rank in range(k)]  # in order of sending
    # and as long for the answers, sent as it goes along
    answers = [links.arrival(("shard", 0), ("worker", rank), 128, time) for rank, time in enumerate(arrivals)]
    assert answers == [time + 0.25 + 2.0 for time in arrivals]
    broadcast = [links.arrival(("shard", 0), ("worker", rank), 128, 1000.0) for rank in range(k)]
    assert broadcast == [1000.25 + 2.0 * (rank + 1) for rank in range(k)]


def test_two_shards_share_the_load():
    links = Links(0.0, 64.0)
    arrivals = [links.arrival(("worker", rank), ("shard", rank % 2), 128, 0.0) for rank in range(10)]
    assert max(arrivals) == 2.0 * 5


def test_a_message_from_afar_does_not_hold_up_those_nearby():
    links = Links(0.0, 64.0, other({"far": 100.0}, {}))
    assert links.arrival("far", "server", 64, 0.0) == 101.0
    assert links.arrival("near", "server", 64, 0.0) == 1.0
    # unless they would be in its way: 99 s are left before it
    assert links.arrival("big", "server", 64 * 100, 0.0) == 101.0 + 100.0
    assert links.arrival("fits", "server", 64 * 99, 0.0) == 100.0
    assert links.arrival("full", "server", 64, 0.0) == 202.0


def test_slow_senders_share_a_fast_server():
    links = Links(0.0, 1.0, other({}, {"server": 64.0}))
    arrivals = [links.arrival(rank, "server", 64, 0.0) for rank in range(8)]
    assert arrivals == [64.0 + rank for rank in range(8)]  # not 64 times 8


def test_a_small_message_does_not_overtake_a_large_one_of_the_same_sender():
    links = Links(0.0, 64.0, other({"far": 10.0}, {"near": math.inf}))
    assert links.arrival("far", "server", 64, 0.0) == 11.0
    assert links.arrival("near", "server", 64 * 20, 0.0) == 31.0
    assert links.arrival("near", "server", 64, 0.0) == 32.0
    assert links.arrival("near", "server", 0, 0.0) == math.nextafter(32.0, math.inf)
    assert links.arrival("other", "server", 64, 0.0) == 1.0  # there is room for it


def test_a_message_of_no_bytes_waits_for_the_queue():
    links = Links(0.0, 64.0, other({"far": 4.0, "on the way": 3.5}, {}))
    for rank in range(3):
        links.arrival(rank, "server", 64, 0.0)  # until 3
    assert links.arrival("near", "server", 0, 0.0) == 3.0
    assert links.arrival("far", "server", 64, 0.0) == 5.0
    assert links.arrival("near", "server", 64, 0.0) == 4.0  # fills the gap
    assert links.arrival("on the way", "server", 0, 0.0) == 5.0


@pytest.mark.parametrize("bandwidth", [64.0, math.inf])
def test_order_is_kept_among_more_senders_than_are_remembered_at_once(bandwidth):
    links = Links(0.0, bandwidth)
    ranks = range(4 * FEW)
    first = [links.arrival(rank, "server", 64, 0.0) for rank in ranks]
    second = [links.arrival(rank, "server", 0, 0.0) for rank in ranks]
    assert all(before < after for before, after in zip(first, second, strict=True))


# ------------------------------------------------------------------------------------------------------ all-reduce


def by_messages(links: Links, size: int, n_bytes: int) -> float:
    """Rabenseifner's all-reduce, message by message: recursive halving, then recursive doubling."""
    now, distances = 0.0, [size >> stage for stage in range(1, size.bit_length())]
    for distance in [*distances, *reversed(distances)]:  # what is exchanged shrinks and grows as the distance does
        part = n_bytes * distance // size
        now = max(links.arrival(rank, rank ^ distance, part, now) for rank in range(size))
    return now


@pytest.mark.parametrize("size", [1, 2, 4, 16, 64])
def test_all_reduce_takes_what_its_messages_take(size):
    links, messages = Links(0.5, 64.0), Links(0.5, 64.0)
    end = links.all_reduce(range(size), 64 * size, 0.0)
    assert end == by_messages(messages, size, 64 * size)
    assert links.traffic.messages == messages.traffic.messages
    assert links.traffic.sent_bytes == messages.traffic.sent_bytes


@given(
    st.integers(1, 40),
    st.integers(0, 10**6),
    st.floats(0, 10),
    st.floats(1, 1e9),
    st.dictionaries(st.integers(0, 39), st.floats(1, 1e9), max_size=3),
    st.dictionaries(st.integers(0, 39), st.floats(0, 10), max_size=3),
)
def test_all_reduce_formula(size, n_bytes, latency_s, bandwidth, others, latencies):
    links = Links(latency_s, bandwidth, other(latencies, others))
    slowest = min(others.get(rank, bandwidth) for rank in range(size))
    longest = max(latencies.get(rank, latency_s) for rank in range(size))
    end = links.all_reduce(range(size), n_bytes, 7.0)
    expected = 2 * (size - 1) / size * n_bytes / slowest + 2 * math.ceil(math.log2(size)) * longest
    assert end == pytest.approx(7.0 + expected)
    assert links.traffic.sent_bytes == 2 * (size - 1) * n_bytes


def test_all_reduce_and_messages_wait_for_each_other():
    links = Links(0.0, 64.0)
    assert links.arrival(0, "server", 64 * 3, 0.0) == 3.0
    assert links.all_reduce([0, 1], 64 * 2, 0.0) == 3.0 + 2.0  # when the uplink of 0 is free
    assert links.arrival(0, "other", 64, 0.0) == 6.0
    assert links.arrival("server", 1, 64 * 4, 0.0) == 9.0  # would fit before 3.0 if it took no longer than that
    assert links.arrival("else", 1, 64 * 3, 0.0) == 3.0  # does
    assert links.all_reduce([0, 1], 64 * 2, 0.0) == 9.0 + 2.0
    assert links.all_reduce([2, 3], 64 * 2, 0.0) == 2.0


def test_all_reduce_finds_a_time_that_suits_all():
    links = Links(0.0, 64.0, other({"a": 1.0, "b": 4.0}, {}))
    links.arrival("a", 0, 64, 0.0)  # the downlink of 0 is taken from 1 to 2
    links.arrival("b", 1, 64, 0.0)  # that of 1 from 4 to 5
    assert links.all_reduce([0, 1], 64 * 2, 0.0) == 4.0  # from 2 to 4
    assert links.all_reduce([0, 1], 64 * 2, 0.0) == 7.0  # from 5 to 7
    assert links.all_reduce([0, 1], 64, 0.0) == 1.0


def test_one_host_has_the_sum_at_once():
    links = Links(1.0, 1.0)
    assert links.all_reduce([5], 1000, 3.0) == 3.0
    assert links.traffic.messages == 0


@pytest.mark.parametrize("bad", [[], [1, 1], [1, 2, 1]])
def test_all_reduce_wants_each_host_once(bad):
    with pytest.raises(ValueError, match=r"^hosts=\[.*\] must name one host at least, and none twice$"):
        Links().all_reduce(bad, 8, 0.0)


# ---------------------------------------------------------------------------------------------------------- checks


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan, "fast", None])
def test_a_latency_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match=r"^latency_s=.* must be a finite number of seconds, at least 0$"):
        Links(bad)
    if bad is not None:  # as elsewhere
        with pytest.raises(ValueError, match=r"^latency_s=.* must be a finite number of seconds, at least 0$"):
            Link(latency_s=bad)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, "fast", None])
def test_a_bandwidth_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match=r"^bandwidth_bytes_s=.* must be a positive number of bytes a second"):
        Links(0.0, bad)
    if bad is not None:
        with pytest.raises(ValueError, match=r"^bandwidth_bytes_s=.* must be a positive number of bytes a second"):
            Link(bandwidth_bytes_s=bad)


@pytest.mark.parametrize(
    "send",
    [
        lambda links, n_bytes, now: links.arrival(0, 1, n_bytes, now),
        lambda links, *rest: links.all_reduce([0, 1], *rest),
    ],
    ids=["arrival", "all_reduce"],
)
def test_time_runs_forwards_and_bytes_are_not_negative(send):
    links = Links()
    links.arrival(0, 1, 8, 5.0)
    for now in (4.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"^now=.* must be a finite time that is not before the last sending, 5"):
            send(links, 8, now)
    with pytest.raises(ValueError, match=r"^n_bytes=-8 must be at least 0$"):
        send(links, -8, 5.0)
    assert links.traffic.messages == 1


def test_a_line_forgets_what_is_over():
    line, most = _Line(1.0), 0
    for step in range(10_000):  # each leaves a gap before itself, where none will ever fit any more
        line.occupy(2.0 * step + 1.0, 0.5, 2.0 * step)
        most = max(most, len(line.ends))
    assert most <= 2 * FEW


def test_a_line_that_is_always_ahead_forgets_too():
    line, most = _Line(1.0), 0
    for step in range(10_000):
        line.occupy(step + 10.0, 0.5, float(step))  # ten are under way
        most = max(most, len(line.ends))
    assert FEW <= most <= 2 * FEW
