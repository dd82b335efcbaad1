"""A shard that is restored from arrays goes on as if nothing had happened."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.rigs import Rig, change, delta

from hogwild.params import Params
from hogwild.rules.updates import UPDATES, adagrad, adam, momentum, sgd
from hogwild.server import Ranges, Shard

RULES = [sgd(), momentum(), adagrad(), adam()]
PARAMS = Params({"coef": (5,), "factors": (3, 2)}, np.float32)


def on_disk(snapshot: dict) -> dict:
    """Through a file: plain arrays, and nothing else."""
    file = io.BytesIO()
    np.savez(file, **snapshot)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def assert_equal(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.slow
@given(st.sampled_from(RULES), st.integers(0, 99), st.integers(0, 12), st.integers(1, 3))
def test_a_restored_shard_goes_on_as_if_nothing_had_happened(rule, seed, when, shards):
    rng = np.random.default_rng(seed)
    rig = Rig(PARAMS, shards, rule, clients=2, accrue=True)
    calls = []
    for turn in range(14):
        worker, kind = int(rng.integers(2)), int(rng.integers(6))
        client = rig.clients[worker]
        keys = np.sort(rng.permutation(8)[: rng.integers(9)])
        values = rng.standard_normal(PARAMS.positions(keys).size)
        if kind == 0:
            parts = [("push", part) for part in client.push(change(values, keys, dtype=np.float32))]
        elif kind < 4:
            number = int(rng.integers(6)) if kind < 3 else None
            x = delta(values, keys, portion=number, loss=float(turn), dtype=np.float32)
            parts = [("push", part) for part in client.push(x, rate=0.1)]
        else:
            op = [("copy", "d", "weights"), ("clear",), ("scale", "weights", 0.5), ("loss",)][int(rng.integers(4))]
            parts = [("operate", part) for part in client.operate(op)]
        calls += parts

    def run(shards: list[Shard], calls: list) -> list:
        answers = []
        for what, part in calls:
            shard = shards[part.shard]
            answers.append(shard.push(part) if what == "push" else shard.operate(part.op, part.sender))
        return answers

    before, after = calls[: when * shards], calls[when * shards :]
    run(rig.shards, before)
    snapshots = [on_disk(shard.snapshot()) for shard in rig.shards]
    after = [*before[-2:], *after]  # a copy of what came just before must be known
    answers = run(rig.shards, after)
    fresh = Rig(PARAMS, shards, rule, accrue=True)
    run(fresh.shards, calls[-3:])  # what it was before does not matter
    for shard, snapshot in zip(fresh.shards, snapshots, strict=True):
        shard.restore(snapshot)
        assert_equal(shard.snapshot(), snapshot)
    assert run(fresh.shards, after) == answers
    for one, other in zip(fresh.shards, rig.shards, strict=True):
        assert_equal(one.snapshot(), other.snapshot())
        assert one.version == other.version
        assert [one.clock(worker) for worker in range(2)] == [other.clock(worker) for worker in range(2)]


def one_shard(rule=None, n_weights: int = 4, dtype=np.float64, **kwargs) -> Shard:
    return Shard(Ranges(np.arange(n_weights + 1), 1).spans[0], np.zeros(n_weights, dtype), rule or momentum(), **kwargs)


def test_a_snapshot_shares_nothing_with_its_shard():
    rig = Rig(Params({"coef": (4,)}, np.float64), 1, momentum(), accrue=True)
    shard = rig.shards[0]
    rig.push(delta([1.0] * 4), rate=0.1)
    rig.push(delta([1.0] * 4, portion=3), rate=0.1)
    rig.operate("copy", "d", "weights")
    snapshot = shard.snapshot()
    kept = {name: array.copy() for name, array in snapshot.items()}
    rig.push(delta([1.0] * 4), rate=0.1)
    rig.operate("scale", "d", 5.0)
    rig.operate("clear")
    assert_equal(snapshot, kept)
    shard.restore(snapshot)
    rig.push(delta([1.0] * 4), rate=0.1)
    rig.push(delta([1.0] * 4, portion=0), rate=0.1)
    rig.operate("scale", "d", 5.0)
    assert rig.operate("dot", "accrued", "accrued") == 16.0
    assert_equal(snapshot, kept)


def test_weights_stay_in_their_array():
    shard = one_shard()
    mine = shard.weights
    shard.restore(one_shard().snapshot() | {"weights": np.ones(4)})
    assert shard.weights is mine
    np.testing.assert_array_equal(mine, np.ones(4))


def test_a_pull_waits_until_a_restored_shard_has_caught_up():
    rig = Rig(Params({"coef": (4,)}), 1, sgd())
    old = rig.shards[0].snapshot()
    parts = rig.clients[0].push(np.ones(4))
    rig.clients[0].acknowledged([rig.shards[0].push(part) for part in parts])
    assert rig.pull() is not None
    rig.shards[0].restore(old)
    assert rig.pull() is None
    rig.shards[0].push(parts[0])
    np.testing.assert_array_equal(rig.pull().values, np.ones(4))


def test_a_portion_from_before_a_crash_is_late():
    rig = Rig(Params({"coef": (4,)}), 1, sgd(), accrue=True)
    old = rig.shards[0].snapshot()
    rig.operate("clear")
    rig.pull()
    rig.shards[0].restore(old)
    (part,) = rig.clients[0].push(delta([1.0] * 4, portion=0), rate=0.1)
    assert rig.shards[0].push(part).late


def test_a_snapshot_of_another_window():
    with pytest.raises(ValueError, match=r"^the snapshot is of a shard with window=8, not 16: use that window$"):
        one_shard().restore(one_shard(window=8).snapshot())


def test_a_restored_shard_knows_all_that_came_also_when_the_ring_has_gone_round():
    rig = Rig(Params({"coef": (4,)}), 1, sgd(), window=8)
    parts = []
    for _ in range(10):
        parts += rig.clients[0].push(np.ones(4, np.float32))
        rig.clients[0].acknowledged([rig.shards[0].push(parts[-1])])
    shard = one_shard(sgd(), dtype=np.float32, window=8)
    shard.restore(rig.shards[0].snapshot())
    for part in parts:
        shard.push(part)
    assert shard.version == 10


@pytest.mark.parametrize("name", UPDATES)
def test_a_snapshot_of_another_rule(name):
    for other in UPDATES:
        shard, snapshot = one_shard(UPDATES[name]()), one_shard(UPDATES[other]()).snapshot()
        if other == name:
            shard.restore(snapshot)
            continue
        lacking = (
            rf"^the snapshot of a shard lacks 'state|^the snapshot is of a shard with the rule '{other}', not '{name}'"
        )
        with pytest.raises(ValueError, match=lacking):
            shard.restore(snapshot)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"weights": np.zeros(3)},
            r"^'weights' of the snapshot has shape \(3,\) and dtype float64, the weights of sh",
        ),
        ({"weights": np.zeros(4, np.float32)}, r"^'weights' of the snapshot has shape \(4,\) and dtype float32"),
        ({"state.0": np.zeros(5)}, r"^'state.0' of the snapshot"),
        ({"vector.d": np.zeros(5)}, r"^'vector.d' of the snapshot"),
        ({"accrued.total": np.zeros(5)}, r"^'accrued.total' of the snapshot"),
        ({"rule": None}, r"^the snapshot of a shard lacks 'rule'"),
        ({"seen": None}, r"^the snapshot of a shard lacks 'seen': it is incomplete, use another$"),
        ({"state.0": None}, r"^the snapshot of a shard lacks 'state.0'"),
    ],
)
def test_snapshots_that_do_not_fit_change_nothing(change, sentence):
    shard = one_shard()
    snapshot = shard.snapshot() | {"version": np.array([7])} | change
    before = shard.snapshot()
    with pytest.raises(ValueError, match=sentence):
        shard.restore({name: array for name, array in snapshot.items() if array is not None})
    assert_equal(shard.snapshot(), before)
