"""A worker's side: what is sent to whom, how answers are joined, what is refused before anything is sent."""

import numpy as np
import pytest
from tests.server.rigs import NOW, Rig, change, delta, flat

from hogwild.answers import Ack, Stamp, Versioned
from hogwild.deltas import Change, Delta
from hogwild.params import NonFiniteError, Params
from hogwild.rules.updates import sgd
from hogwild.server import HEADER_BYTES, Applied, Client, OpPart, Pulled, PullPart, PushPart, Ranges

THREE = Ranges(np.arange(10), 3)


def applied(parts, **changed) -> list[Applied]:
    return [Applied(part.shard, part.seq, 1, 0)._replace(**changed) for part in parts]


# -------------------------------------------------------------------------------------------------------- what is sent


def test_a_push_of_all_rows_is_cut_into_views():
    values = np.arange(9.0)
    parts = Client(5, THREE).push(Delta(values, 8, 2, 3.5, NOW, None, 4), rate=0.25)
    assert [part.shard for part in parts] == [0, 1, 2]
    for part in parts:
        assert (part.worker, part.seq, part.others, part.kind, part.keys) == (5, 0, 0, "delta", None)
        assert (part.steps, part.examples, part.rate, part.portion) == (2, 8, 0.25, 4)
        assert np.shares_memory(part.values, values)
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts]), values)
    assert [part.loss for part in parts] == [3.5, 0.0, 0.0]  # the shards' losses are added up


def test_a_push_of_some_rows_is_cut_into_views_with_local_keys():
    values = np.arange(3.0)
    parts = Client(0, THREE).push(change(values, [1, 6, 8]))
    assert [None if part.keys is None else part.keys.tolist() for part in parts] == [[1], None, [0, 2]]
    assert [None if part.values is None else part.values.tolist() for part in parts] == [[0.0], None, [1.0, 2.0]]
    assert {part.kind for part in parts} == {"change"}


def test_a_delta_of_no_examples_carries_no_values():
    for keys in (None, [0, 8]):
        parts = Client(0, THREE).push(delta([0.0] * (9 if keys is None else 2), keys, examples=0, steps=0))
        assert [(part.shard, part.keys, part.values, part.n_bytes) for part in parts] == [
            (shard, None, None, HEADER_BYTES) for shard in range(3)
        ]


def test_a_pull_asks_those_who_hold_the_rows():
    client = Client(0, THREE)
    assert [part.shard for part in client.pull()] == [0, 1, 2]
    parts = client.pull(np.array([0, 2, 8]), version=3, clock=4)
    assert [(part.shard, part.keys.tolist(), part.version, part.clock) for part in parts] == [
        (0, [0, 2], 3, 4),
        (2, [2], 3, 4),
    ]


def test_a_pull_of_no_rows_is_answered_in_the_right_precision():
    rig = Rig(flat(9, np.float32), 3, sgd())
    answer = rig.pull(np.zeros(0, np.int64))
    assert (answer.values.size, answer.values.dtype, answer.versions) == (0, np.float32, (0,))


def test_sizes():
    client = Client(0, THREE)
    assert [part.n_bytes for part in client.push(np.zeros(9, np.float32))] == [64 + 12] * 3
    keyed = client.push(change([1.0, 2.0], [0, 8], dtype=np.float32))
    assert [part.n_bytes for part in keyed] == [64 + 4 + 8, 64, 64 + 4 + 8]
    assert [part.n_bytes for part in client.pull()] == [64] * 3
    assert [part.n_bytes for part in client.pull(np.array([0, 1]))] == [64 + 16]
    assert [part.n_bytes for part in client.operate(("loss",))] == [64] * 3
    assert Pulled(np.zeros(3, np.float32), Stamp(0, 0, 0, 0)).n_bytes == 64 + 12
    assert Applied(0, 0, 0, 0).n_bytes == 64


def test_every_message_names_its_sender_its_shard_and_its_number():
    client = Client(7, THREE, seq=40)
    pushed, asked = client.push(np.zeros(9)), client.operate(("loss",))
    assert [(part.worker, part.shard, part.seq) for part in pushed] == [(7, shard, 40) for shard in range(3)]
    assert [(part.sender, part.shard) for part in asked] == [((7, 41), shard) for shard in range(3)]
    assert client.seq == 42
    assert isinstance(pushed[0], PushPart)
    assert isinstance(asked[0], OpPart)
    assert isinstance(client.pull()[0], PullPart)


# ----------------------------------------------------------------------------------------------- how answers are joined


def test_answers_come_in_any_order():
    params = Params({"coef": (4, 2), "intercept": (1,)})
    params.weights[:] = np.arange(9)
    rig = Rig(params, 3, sgd())  # which answers backwards
    answer = rig.pull()
    np.testing.assert_array_equal(answer.values, np.arange(9))
    assert isinstance(answer, Versioned)
    assert answer.values.dtype == np.float32
    assert (answer.keys, answer.versions, answer.met) == (None, (0, 0, 0), True)
    keys = np.array([0, 3, 4])
    some = rig.pull(keys)
    np.testing.assert_array_equal(some.values, [0, 1, 6, 7, 8])
    assert some.keys is keys
    client = Client(0, THREE)
    parts = client.push(np.zeros(9))
    replies = [Applied(part.shard, 0, 10 + part.shard, 5 - part.shard) for part in parts]
    assert client.acknowledged(replies[::-1]) == Ack((10, 11, 12), 5, False)


def test_what_is_joined_and_what_was_cut_are_the_same():
    rng = np.random.default_rng(0)
    params = Params({"coef": (6, 3), "intercept": (3,), "scale": ()})
    rig = Rig(params, 4, sgd())
    for keys in (None, np.array([2, 3, 6, 9]), np.arange(10), np.array([0])):
        x = rng.standard_normal(params.weights.size if keys is None else params.positions(keys).size).astype(np.float32)
        before = rig.pull(keys).values
        rig.push(Change(x, 1, 1, keys))
        np.testing.assert_array_equal(rig.pull(keys).values, before + x)


def test_a_pull_that_could_not_be_met_says_so():
    rig = Rig(flat(9), 3, sgd())
    client = rig.clients[0]
    replies = [rig.shards[part.shard].pull(part.keys) for part in client.pull(version=8)]
    assert not client.pulled(replies, met=False).met


def test_what_was_pulled_counts_when_the_worker_is_given_it():
    client = Client(0, THREE)
    weights = client.pulled([Pulled(np.zeros(3), Stamp(1, 8, 6, 2))], np.array([3, 4, 5]))
    assert weights.versions == (8,)
    assert [(part.others, part.cleared) for part in client.push(np.zeros(9))] == [(0, 0)] * 3
    client.received(weights)
    assert [(part.others, part.cleared) for part in client.push(np.zeros(9))] == [(0, 0), (6, 2), (0, 0)]


def test_a_pull_reads_what_its_sender_wrote():
    client = Client(3, THREE)
    assert [(part.worker, part.acked) for part in client.pull()] == [(3, None)] * 3
    first, second = client.push(change([1.0], [0])), client.push(change([1.0, 1.0], [0, 8]))
    client.acknowledged(applied(second))
    assert [part.acked for part in client.pull()] == [1, 1, 1]
    client.acknowledged(applied(first))
    assert [part.acked for part in client.pull(np.array([0, 8]))] == [1, 1]


def test_a_late_part_makes_a_late_push():
    client = Client(0, THREE)
    parts = client.push(np.zeros(9))
    replies = applied(parts)
    replies[1] = replies[1]._replace(late=True)
    assert client.acknowledged(replies) == Ack((1, 1, 1), 0, True)


# ----------------------------------------------------------------------------------------------------------- the window


def test_no_more_is_under_way_than_shards_remember():
    client = Client(0, THREE, window=2)
    parts = [client.push(np.zeros(9)), client.operate(("loss",))]
    assert client.full
    with pytest.raises(RuntimeError, match=r"^worker 0 has 2 messages under way, from number 0 on, as many as shards"):
        client.push(np.zeros(9))
    client.operated(parts[1][0].sender[1], [0.0, 0.0, 0.0])
    assert client.full  # the oldest is what counts: its copies may still come
    client.acknowledged(applied(parts[0]))
    assert not client.full
    assert client.push(np.zeros(9))[0].seq == 2


def test_what_was_refused_takes_no_number():
    client = Client(0, THREE, window=1)
    for bad in (np.zeros(8), change([1.0], [9]), change([1.0, 2.0], [0])):
        with pytest.raises(ValueError, match=r"is not|does not fit|do not fit"):
            client.push(bad)
    with pytest.raises(NonFiniteError):
        client.push(np.full(9, np.nan))
    with pytest.raises(ValueError, match=r"is not|does not fit|do not fit"):
        client.operate(("multiply",))
    assert client.push(np.zeros(9))[0].seq == 0


def test_a_worker_that_starts_again_is_no_copy_of_the_lost_one():
    rig = Rig(flat(9), 3, sgd())
    rig.push(np.ones(9))
    again = Client(0, rig.ranges, seq=2**32)
    for part in again.push(np.ones(9)):
        rig.shards[part.shard].push(part)
    np.testing.assert_array_equal(rig.weights, np.full(9, 2.0))


# ----------------------------------------------------------------------------------------------------------- the border


def test_what_is_not_finite_reaches_no_shard():
    client = Client(4, THREE)
    values = np.zeros(9)
    values[[3, 8]] = np.nan, np.inf
    sentence = r"^2 of 9 values that worker 4 pushes are NaN or infinite \(the first is number 3\); use a smaller"
    for x in (values, Delta(values, 1, 1, 0.0, NOW), Change(values, 1, 1, np.arange(9))):
        with pytest.raises(NonFiniteError, match=sentence):
            client.push(x, 0.1)


@pytest.mark.parametrize(
    ("x", "rate", "sentence"),
    [
        (np.zeros(8), None, r"^a vector of shape \(8,\) does not fit the server's 9 weights$"),
        (np.zeros((9, 1)), None, r"^a vector of shape \(9, 1\) does not fit"),
        (np.zeros(9, np.int64), None, r"^values of dtype int64 cannot be pushed: give floating-point numbers$"),
        (change([1.0], [0, 1]), None, r"^values of shape \(1,\) do not fit 2 rows with 2 weights$"),
        (change([1.0, 1.0], [1, 0]), None, r"^keys must increase"),
        (delta([0.0] * 9), 0.0, r"^rate=0.0 must be a positive number, or None where the server's rule has its own$"),
        (delta([0.0] * 9), np.nan, r"^rate=nan must be"),
        (delta([0.0] * 9), np.inf, r"^rate=inf must be"),
        (delta([0.0] * 9), "0.1", r"^rate='0.1' must be"),
    ],
)
def test_bad_pushes(x, rate, sentence):
    with pytest.raises(ValueError, match=sentence):
        Client(0, THREE).push(x, rate)


@pytest.mark.parametrize("waits", [{"version": -1}, {"clock": 1.5}, {"clock": "now"}])
def test_bad_pulls(waits):
    (name, value), *_ = waits.items()
    with pytest.raises(ValueError, match=rf"^{name}={value!r} must be a whole number of at least 0, or None"):
        Client(0, THREE).pull(**waits)


def test_bad_answers():
    client = Client(2, THREE)
    one, two = client.push(np.zeros(9)), client.push(np.zeros(9))
    with pytest.raises(ValueError, match=r"^shards \[0, 1\] answered message 0 of worker 2, which went to shards \["):
        client.acknowledged(applied(one[:2]))
    with pytest.raises(ValueError, match=r"^these answers belong to different pushes: numbers 0, 0, 1$"):
        client.acknowledged(applied([*one[:2], two[2]]))
    client.acknowledged(applied(one))
    with pytest.raises(ValueError, match=r"message 0 of worker 2, which is not under way$"):
        client.acknowledged(applied(one))
    with pytest.raises(ValueError, match=r"^shards \[0, 1\] answered a pull of 9 weights with \[3, 3\]$"):
        client.pulled([Pulled(np.zeros(3), Stamp(shard, 0, 0, 0)) for shard in (0, 1)])
    with pytest.raises(ValueError, match=r"^shards \[0, 0, 1\] answered a pull of 9 weights with \[3, 3, 3\]$"):
        client.pulled([Pulled(np.zeros(3), Stamp(shard, 0, 0, 0)) for shard in (0, 0, 1)])


def test_bad_clients():
    with pytest.raises(ValueError, match=r"^seq=-1 must be a whole number of at least 0$"):
        Client(0, THREE, seq=-1)
