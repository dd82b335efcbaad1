"""What a run cost: sums that do not depend on who collected them, and how they read."""

import json
import math
from collections import Counter
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hogwild.traffic import FaultReport, Traffic, TrafficSummary

# Times are multiples of 1/8: their sums are exact in any order.
seconds = st.integers(0, 1000).map(lambda count: count / 8)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("sent"), st.integers(0, 10**9), st.integers(0, 9)),
        st.tuples(st.just("stale"), st.integers(0, 20)),
        st.tuples(st.sampled_from(["busy", "waiting"]), st.integers(0, 5), seconds),
    ),
    max_size=20,
)
times = st.none() | seconds


def collected(happenings, virtual_s=None) -> Traffic:
    traffic = Traffic(virtual_s=virtual_s)
    for verb, *arguments in happenings:
        getattr(traffic, verb)(*arguments)
    return traffic


def example() -> Traffic:
    traffic = Traffic(virtual_s=12.5)
    traffic.sent(1_500_000)
    traffic.sent(34_000, messages=2)
    for behind in (0, 3, 3, 1):
        traffic.stale(behind)
    traffic.busy(0, 3.0)
    traffic.busy(2, 1.0)
    traffic.busy(0, 3.0)
    traffic.waiting(2, 1.0)
    return traffic


@given(st.lists(st.tuples(happenings, times), max_size=5))
def test_parts_add_up_to_the_whole(parts):
    merged = sum((collected(*part) for part in parts), Traffic())
    longest = max((time for _, time in parts if time is not None), default=None)
    assert merged == collected([each for part, _ in parts for each in part], longest)


@given(happenings, happenings, times, times)
def test_merging_changes_neither_part(a, b, first_s, second_s):
    one, other = collected(a, first_s), collected(b, second_s)
    both = one + other
    both.busy(0, 1.0)
    both.stale(0)
    assert one == collected(a, first_s)
    assert other == collected(b, second_s)


@given(happenings, times)
def test_the_sums(happenings, virtual_s):
    found = collected(happenings, virtual_s).summary()
    behind = [each[1] for each in happenings if each[0] == "stale"]
    busy, waiting = (sum(each[2] for each in happenings if each[0] == verb) for verb in ("busy", "waiting"))
    timed = any(each[0] in ("busy", "waiting") for each in happenings)
    assert found == TrafficSummary(
        sent_bytes=sum(each[1] for each in happenings if each[0] == "sent"),
        messages=sum(each[2] for each in happenings if each[0] == "sent"),
        mean_staleness=sum(behind) / len(behind) if behind else None,
        max_staleness=max(behind) if behind else None,
        busy_s=busy if timed else None,
        waiting_s=waiting if timed else None,
        utilisation=busy / (busy + waiting) if busy + waiting else None,
        virtual_s=virtual_s,
    )


@given(happenings, times)
def test_the_histogram_counts(happenings, virtual_s):
    traffic = collected(happenings, virtual_s)
    assert traffic.staleness == Counter(each[1] for each in happenings if each[0] == "stale")


@given(happenings, times)
def test_json_gives_back_what_it_was_given(happenings, virtual_s):
    columns = collected(happenings, virtual_s).as_dict()
    assert json.loads(json.dumps(columns, allow_nan=False)) == columns


def test_as_dict():
    assert example().as_dict() == {
        "sent_bytes": 1_534_000,
        "messages": 3,
        "mean_staleness": 1.75,
        "max_staleness": 3,
        "busy_s": 7.0,
        "waiting_s": 1.0,
        "utilisation": 0.875,
        "virtual_s": 12.5,
        "staleness": {"0": 1, "1": 1, "3": 2},
        "workers": [
            {"rank": 0, "busy_s": 6.0, "waiting_s": 0.0},
            {"rank": 2, "busy_s": 1.0, "waiting_s": 1.0},
        ],
    }


def test_numbers_of_numpy_become_plain_ones():
    traffic = Traffic()
    traffic.stale(np.int64(2))
    traffic.busy(0, np.float32(0.5))
    json.dumps(traffic.as_dict())
    assert traffic == collected([("stale", 2), ("busy", 0, 0.5)])


def test_describe():
    assert example().describe() == [
        "sent       1.534 MB in 3 messages",
        "staleness  1.75 on average, at most 3 (4 times)",
        "workers    87.5% busy: 7 s, waiting 1 s; from 50.0% (worker 2) to 100.0% (worker 0)",
        "time       12.5 s by the virtual clock",
    ]


def test_nothing_is_said_of_what_was_not_measured():
    assert Traffic().describe() == ["sent       0 bytes in 0 messages"]
    alone = collected([("busy", 0, 2.0), ("waiting", 0, 2.0), ("stale", 4)])
    assert alone.describe()[1:] == [
        "staleness  4 on average, at most 4 (1 time)",
        "workers    50.0% busy: 2 s, waiting 2 s",
    ]


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (123_456_789, "123.5 MB"),
        (2 * 10**12, "2 TB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_bytes_read_well(n_bytes, text):
    assert collected([("sent", n_bytes, 1)]).describe() == [f"sent       {text} in 1 message"]


def test_reading_a_worker_that_did_nothing_does_not_invent_it():
    traffic, same = (collected([("busy", 0, 1.0), ("waiting", 5, 1.0)]) for _ in range(2))
    traffic.describe()
    traffic.as_dict()
    assert traffic == same


def test_a_summary_stays_as_it_is():
    with pytest.raises(FrozenInstanceError):
        example().summary().messages = 5


@pytest.mark.parametrize("bad", [-1.0, math.nan])
def test_times_that_cannot_be_are_refused(bad):
    for verb in ("busy", "waiting"):
        with pytest.raises(ValueError, match=rf"^seconds={bad!r} must be at least 0$"):
            collected([(verb, 0, bad)])


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"^behind=-1 must be at least 0$"):
        Traffic().stale(-1)


def test_faults_are_told_and_counted():
    calm, rough = FaultReport(), FaultReport(2, 1, 0, 1, 1, 1, 3, 9, 8, (9, 8))
    assert calm.describe() == []
    assert rough.describe() == [
        "faults     2 messages lost, 1 sent again",
        "faults     1 worker lost, 1 joined, 1 shard replaced by a copy, 3 portions taken back",
        "pushes     9, 8 acknowledged, applied by each shard: 9, 8",
    ]
    both = Traffic(faults=rough) + Traffic(faults=FaultReport(lost_messages=1, applied=(7,)))
    assert both.faults == FaultReport(3, 1, 0, 1, 1, 1, 3, 9, 8, (9, 8, 7))
    assert (Traffic(faults=rough) + Traffic()).faults == (Traffic() + Traffic(faults=rough)).faults == rough
    assert (Traffic() + Traffic()).faults is None
    assert Traffic(faults=rough).describe()[1:] == rough.describe()
    assert Traffic(faults=rough).as_dict()["faults"]["shards_replaced"] == 1
    assert "faults" not in Traffic().as_dict()
